/* Packets from interfaces as they pass: TPACKET_V3 rings, one per interface.
 *
 * A live source is a struct src like others: src_recv() gives packets in place,
 * valid until src_release(), the next src_recv(), or, with src_keep(), until
 * their window is given back.  It also takes care of what happens to interfaces
 * meanwhile: one that goes down is waited for, one that is removed leaves and is
 * taken up again when it is back, one that is renamed stays, and new ones that
 * match a glob or "any" join (src_ifaces() grows; entries never go).  What it
 * has to say of that is in src_notes(), with 'off' 0.
 *
 * src_recv() gives packets, -EAGAIN after 'poll_ms' without any, and 0 once
 * stopped: what lay in the rings then has been given, and nothing more is counted.  Where several
 * interfaces have packets ready these come in the order of their time; one that passed at the same
 * time on another interface may follow up to LIVE_BLOCK_MS later. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "capture/src.h"

struct priv;
struct stop;

#define LIVE_BUFFER_TOTAL (UINT64_C(256) << 20)
#define LIVE_IFACES_MAX   4096 /* captured at once */
#define LIVE_THREADS_MAX  64
#define LIVE_BLOCK_MS     50 /* longest that a packet waits in a block that is not full */
#define LIVE_POLL_MS      100

/* As the interface sees it: what it receives, what it sends. */
enum live_dir {
	LIVE_BOTH, /* 'lo' sends only what it then receives: there that is given once */
	LIVE_IN,
	LIVE_OUT,
};

struct live_conf {
	/* Names, globs, "any", "netns:NAME/IF" with IF likewise; NAME as of ip-netns(8).  A name
	 * must exist, or the start fails; a glob may match nothing yet. */
	const char *const *ifaces;
	size_t n;
	bool promisc;     /* of all but those that only "any" names */
	uint32_t snaplen; /* bytes kept of a frame; 0: whole frames */
	enum live_dir dir;
	uint64_t buffer_total; /* bytes of all rings together; 0: LIVE_BUFFER_TOTAL */
	unsigned threads;      /* sources that share the work; 0: 1 */
	unsigned poll_ms;      /* 0: LIVE_POLL_MS */
	uint32_t own_mark; /* what sockets with it send is counted 'own' and not given; 0: none, as
			      of captures that send nothing (run/own.h tells by addresses) */
	/* pcap-filter expression, which has passed filter_new(); NULL or "": none.  It is run in
	 * the kernel where that can be, here for what the kernel cannot decide (frames with a
	 * VLAN tag, cooked link types, 'protochain'): src_recv() gives only what passes. */
	const char *filter;
	bool classic; /* use no eBPF, as where it may not be loaded: for tests */
};

/* What an interface's name is of, in 'text' as of 'ifaces': '*ret_len' bytes at '*ret_ns' name a
 * network namespace, 0: it is our own.  Returns where the name itself begins; NULL: 'text' begins
 * as "netns:NAME/IF" does and is not of that form. */
const char *live_name_split(const char *text, const char **ret_ns, size_t *ret_len);

/* Whether 'text' can be one of 'ifaces', whatever there is.  0, or -EINVAL with 'err' set. */
int live_name_check(const char *text, struct err *err);

/* Opens 'threads' sources.  With several, both directions of a flow and all its
 * fragments come from the same one; all have the same interfaces in the same
 * order.  Each belongs to one thread and must be freed; while one is not read, its
 * packets are lost (and counted).  'priv' (NULL: this process opens all itself) and
 * 'stop' must outlive them; 'conf' is copied.  -errno with 'err' set and nothing left open. */
int src_live_new(struct src **ret, struct priv *priv, const struct live_conf *conf,
		 const struct stop *stop, struct err *err);

enum live_state {
	LIVE_UP,
	LIVE_DOWN, /* waited for */
	LIVE_GONE, /* removed; back when its name is */
};

#define LIVE_AWAYS 8

/* When an interface was down or gone, ns since the epoch: the k-th time (0, 1, ...) is
 * at[k % LIVE_AWAYS], of the last LIVE_AWAYS ones. */
struct live_away {
	struct {
		int64_t from, to; /* 'to' 0: it still is */
	} at[LIVE_AWAYS];
	uint64_t n; /* times that it was */
};

/* What became of the frames of one interface, from the start of the capture.  Those
 * of one thread: the sum over all is the interface's.
 *
 *	seen = given + own + filtered + dropped + waiting */
struct live_ledger {
	enum live_state state;
	bool seen_known; /* false with a classic filter: 'seen' and 'filtered' are unknown, not 0 */
	uint64_t seen;   /* frames of the wanted direction that came to the hook */
	uint64_t given;  /* by src_recv() */
	uint64_t filtered; /* rejected by the filter, in the kernel or here */
	uint64_t own;      /* of sockets with the own mark; needs eBPF, else 0 */
	uint64_t dropped;  /* because the ring was full */
	uint64_t waiting;  /* in the ring, not given yet */
	uint64_t cut;      /* of those given: shorter than asked for, because no block held them */
	uint64_t freezes;  /* times that the ring was full */
	uint64_t ring_bytes, ring_used; /* now; 'used' as blocks that are not the kernel's */
	unsigned grown;                 /* times that the ring became larger */

	/* The wire's ledger, shown beside: changes since the start.  Of the thread 0 only. */
	bool wire_known;
	uint64_t rx_packets, tx_packets, rx_bytes, tx_bytes;
	uint64_t rx_missed, rx_fifo, rx_dropped, rx_errors;
	struct live_away away; /* likewise */
};

/* 'iface': index into src_ifaces().  Reads the counters now; the owner thread only.
 * 0 or -errno. */
int live_ledger(struct src *s, size_t iface, struct live_ledger *ret);

/* Frames that CPUs dropped before any interface's hook since the start, because their
 * backlog was full (/proc/net/softnet_stat, the whole host).  0 or -errno. */
int live_softnet(const struct src *s, uint64_t *ret_dropped);

/* What the interface is now: its name (renamed ones change), namespace ("" the own) and
 * index there (0: gone).  Owned by the source. */
struct live_where {
	const char *name, *netns;
	int ifindex;
};
int live_where(const struct src *s, size_t iface, struct live_where *ret);
