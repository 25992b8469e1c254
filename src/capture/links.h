/* The interfaces of a network namespace, as rtnetlink and ethtool tell. */
#pragma once

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/err.h"

struct priv;

#define LINKS_MAX       65536 /* of one namespace */
#define LINK_ADDRS_MAX  64    /* kept of one interface */
#define LINK_HWADDR_MAX 32

/* Offloads that are on. */
enum link_offload {
	LINK_GRO = 1 << 0,
	LINK_GSO = 1 << 1,
	LINK_TSO = 1 << 2,
	LINK_LRO = 1 << 3,
	LINK_RX_VLAN = 1 << 4,
	LINK_TX_VLAN = 1 << 5,
	LINK_RX_CSUM = 1 << 6,
	LINK_TX_CSUM = 1 << 7,
};

struct link_addr {
	struct addr addr;
	uint8_t prefix; /* bits */
};

/* Since the interface exists, as the kernel counts (struct rtnl_link_stats64). */
struct link_stats {
	uint64_t rx_packets, tx_packets, rx_bytes, tx_bytes;
	uint64_t rx_errors, tx_errors, rx_dropped, tx_dropped;
	uint64_t rx_missed, rx_fifo; /* no room in the device, no room in its queue */
	uint64_t rx_nohandler;       /* nobody wanted them: the device is an inactive port */
};

struct link {
	char name[IF_NAMESIZE];
	int index;
	char kind[24]; /* "veth", "bridge", ...; "" for plain devices */
	bool up;       /* set up by the administrator */
	bool running;  /* and with a carrier */
	bool loopback;
	uint8_t operstate; /* IF_OPER_, RFC 2863; see link_state_name() */
	uint16_t hatype;   /* ARPHRD_ */
	uint16_t linktype; /* LINKTYPE_ that a capture of it has */
	bool cooked;       /* it has no link header of use: captured as LINKTYPE_LINUX_SLL2 */
	uint8_t hwaddr[LINK_HWADDR_MAX], hwaddr_len;
	uint32_t mtu, gso_max_size, gro_max_size; /* bytes; 0: not said */
	uint32_t promisc;                         /* how many asked for promiscuous mode */
	int master;                               /* index; 0: none */
	char master_name[IF_NAMESIZE];            /* "" where there is none */
	int peer;                    /* index of the device below or at the other end; 0: none */
	char peer_name[IF_NAMESIZE]; /* "" where it is in another namespace */
	int peer_nsid;               /* -1: in the same namespace */
	char driver[32], bus[32];    /* "" where ethtool does not know */
	uint32_t speed;              /* Mbit/s; 0: not known */
	bool xdp;                    /* an XDP program is attached */
	bool offloads_known;
	uint32_t offloads; /* enum link_offload */
	struct link_stats stats;
	struct link_addr *addrs; /* n_addrs, owned */
	size_t n_addrs;
	bool addrs_cut; /* there are more */
};

struct links {
	struct link *v; /* by index; owned */
	size_t n;
};

#define LINKS_INIT                                                                                 \
	{                                                                                          \
		0                                                                                  \
	}

/* Lists those of namespace 'netns' (NULL: the own) through a socket of 'priv' (NULL: one
 * of this process).  'ret' is filled anew.  0 or -errno with 'err' set. */
int links_list(struct links *ret, struct priv *priv, const char *netns, struct err *err);
void links_done(struct links *l);

/* "up", "down", "lower-layer-down", ... */
const char *link_state_name(const struct link *l);

/* The link type of an ARPHRD_ value, and whether its frames need a cooked header. */
uint16_t link_linktype(uint16_t hatype, bool *ret_cooked);

/* Whether this process, with 'priv' or without, may capture there: opens a socket as a
 * capture would and closes it.  0: yes; -errno: no, 'err' says because of what. */
int links_may_capture(struct priv *priv, const char *netns, struct err *err);
