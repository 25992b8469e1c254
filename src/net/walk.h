/* The decoder inside: a walk over the headers of one frame, one step for each.
 *
 * A step reads its header through a copy of the walk's cursor, moves the walk
 * behind it with walk_took(), fills the level and says what comes next.  Steps
 * never call each other: depth is bounded by the loop in dec.c, length by the
 * bytes of the frame, levels by DEC_LEVELS_MAX. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "net/cur.h"
#include "net/dec.h"

/* What the bytes at the cursor are.  'id' is a member of the walk. */
enum walk_next {
	WALK_STOP,
	WALK_LINK,     /* a link header; id: LINKTYPE_ value */
	WALK_ETHER,    /* an Ethernet header */
	WALK_TYPE,     /* id: EtherType */
	WALK_LLC,      /* 802.2 LLC */
	WALK_HDLC,     /* Cisco HDLC, from its address byte */
	WALK_FRELAY,   /* frame relay, from its address */
	WALK_NLPID,    /* network layer protocol id, RFC 2427 */
	WALK_PPP,      /* PPP, with or without address and control */
	WALK_WLAN,     /* an 802.11 MAC header */
	WALK_MPLS,     /* a label stack */
	WALK_IP,       /* IPv4 or IPv6, by its version nibble */
	WALK_IP6,      /* IPv6 */
	WALK_IP_PROTO, /* id: IP protocol */
	WALK_GRE,      /* GRE */
	WALK_UDP_PORT, /* id: well-known port of a tunnel in UDP */
};

struct walk {
	struct cur c;  /* behind the last header read; never 'bad' */
	uint32_t wire; /* bytes here on the wire as the headers so far count them, >= c.left */
	uint32_t id;   /* see enum walk_next */
	bool split;    /* inside a fragment: more bytes than 'wire' are elsewhere */
	bool inner;    /* a tunnel header was read: the next header opens a level */
	bool wlan_pad; /* the 802.11 header is padded to 4 bytes */
	uint16_t linktype;
	uint8_t nvlan;   /* tags kept at this level */
	struct dec *d;   /* the level being filled */
	struct dec *ret; /* all levels */
	uint32_t n;      /* their number so far */
};

/* Marks that a header was not all there: cut by the snapshot or a fragment's
 * end, else by the lengths around it. */
void walk_short(struct walk *w);

/* Moves behind the header read with 'h', a copy of w->c.  False: not all of it
 * was there; the level is marked and the walk must stop. */
static inline bool walk_took(struct walk *w, const struct cur *h)
{
	if (!cur_ok(h)) {
		walk_short(w);
		return false;
	}
	w->wire -= w->c.left - h->left;
	w->c.p = h->p;
	w->c.left = h->left;
	return true;
}

/* In halves, which become plain stores: for the whole, gcc 12 emits "rep stos",
 * which takes longer than the rest of the decoding (measured: 9 of 17 ns). */
static inline void walk_clear(struct dec *d)
{
	memset(d, 0, sizeof(*d) / 2);
	memset((uint8_t *)d + sizeof(*d) / 2, 0, sizeof(*d) - sizeof(*d) / 2);
}

/* Marks that a header contradicts itself.  Returns WALK_STOP. */
enum walk_next walk_bad(struct walk *w);

/* Bytes behind 'n' from here belong to no header of this level (padding). */
void walk_limit(struct walk *w, uint32_t n);

/* The same where an IP header says that 'n' bytes follow: more than there were
 * on the wire is malformed, unless they are in other fragments. */
void walk_ip_limit(struct walk *w, uint32_t n);

/* Names the header just read; opens the level for it if a tunnel header came
 * before.  False: there is no room for a level, the walk must stop. */
bool walk_enter(struct walk *w, enum layer layer);

/* Names a tunnel header, which stays at the level around it. */
void walk_tunnel(struct walk *w, enum layer layer);

/* What is left is the payload of this level. */
void walk_payload(struct walk *w);

/* Sets the level's link addresses, and as long as nothing better is known its
 * identity.  6 bytes each; NULL: none. */
void walk_link(struct walk *w, const uint8_t *src, const uint8_t *dst, uint16_t link_proto);

/* One step each; the file is named after the family. */
enum walk_next link_step(struct walk *w);
enum walk_next eth_step(struct walk *w);
enum walk_next eth_type_step(struct walk *w);
enum walk_next llc_step(struct walk *w);
enum walk_next hdlc_step(struct walk *w);
enum walk_next frelay_step(struct walk *w);
enum walk_next nlpid_step(struct walk *w);
enum walk_next ppp_step(struct walk *w);
enum walk_next wlan_step(struct walk *w);
enum walk_next mpls_step(struct walk *w);
enum walk_next ip_step(struct walk *w);
enum walk_next ip6_step(struct walk *w);
enum walk_next ip_proto_step(struct walk *w);
enum walk_next gre_step(struct walk *w);
enum walk_next udp_port_step(struct walk *w);

#define ETH_GUESS_SIZE 16 /* addresses, type, the LLC addresses behind a length */

/* Whether what begins at 'c' looks like an Ethernet frame: its EtherType is one
 * that is in use, or its length fits the LLC header behind it. */
bool eth_plausible(const struct cur *c);

/* WALK_ETHER if eth_plausible() here; else WALK_STOP, and where only the cut
 * keeps from telling, that is marked. */
enum walk_next eth_guess(struct walk *w);

/* Parts of steps in other files. */
enum walk_next arp_step(struct walk *w);
enum walk_next snap_step(struct walk *w);
enum walk_next pppoe_step(struct walk *w);
enum walk_next radiotap_step(struct walk *w);
enum walk_next ppi_step(struct walk *w);
enum walk_next ip4_step(struct walk *w);
enum walk_next ip6_ext_step(struct walk *w);
enum walk_next tcp_step(struct walk *w);
enum walk_next udp_step(struct walk *w);
enum walk_next sctp_step(struct walk *w);
enum walk_next dccp_step(struct walk *w);
enum walk_next icmp_step(struct walk *w);

/* Reads TCP options; fills mss, wscale and sack.  False: one of them has an
 * impossible length, or the end comes within it; those before it are filled. */
bool tcp_options(const uint8_t *p, uint32_t n, struct dec *d);

/* The port that makes a datagram a tunnel; 0: none.  Like tshark, the lower
 * of two known ones. */
uint16_t udp_tunnel_port(uint16_t sport, uint16_t dport);
