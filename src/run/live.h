/* A running capture: packets from interfaces through filter, decoder and flow
 * table to where they are wanted, and an account of each of them.
 *
 * What nobody asked for is not done: without a store no flows are kept, without
 * lines, store or headers-only nothing is decoded.
 *
 * Each thread of 'threads' has its own rings, flow table and stream of the store;
 * both directions of a flow meet in one. */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/pkt.h"
#include "capture/live.h"
#include "flow/flow.h"
#include "net/dec.h"
#include "run/own.h"
#include "run/own_watch.h"

struct priv;
struct run_live;
struct sink;
struct store;

/* One interface.  What came to the hook is accounted for:
 *
 *	seen = kept + flow_only + filtered + own + dropped_ring + dropped_disk +
 *	       dropped_limit + unread */
struct run_live_iface {
	const char *name, *netns; /* owned by the capture; netns "": the own */
	uint16_t linktype;
	enum live_state state;
	bool seen_known; /* false: 'seen' and 'filtered' are unknown */
	uint64_t seen, filtered, own;
	uint64_t kept; /* written, stored or printed */
	uint64_t kept_bytes;
	uint64_t flow_only; /* counted in a flow, but no raw packet kept (--rawpacket-limit) */
	uint64_t dropped_ring;
	uint64_t dropped_disk;  /* could not be written */
	uint64_t dropped_limit; /* beyond the size that the store may have */
	uint64_t unread;        /* in the ring when the capture ended, or behind its last packet */
	uint64_t cut;           /* of those kept, shorter than asked for: no ring block held them */
	uint64_t ring_bytes, ring_used;
	uint64_t freezes;
	/* The wire's ledger, beside. */
	bool wire_known;
	uint64_t rx_missed, rx_fifo;
};

/* All interfaces together, and what belongs to none. */
struct run_live_stats {
	struct run_live_iface total; /* name NULL */
	const struct run_live_iface *ifaces;
	size_t n_ifaces;
	uint64_t flows, evicted;
	uint64_t unfollowed;      /* times that loss, name or the like of a flow found no room */
	uint64_t unremoved;       /* files that the store's limits want gone and that stay */
	uint64_t softnet;         /* dropped by CPUs before any interface's hook, whole host */
	int64_t start, now;       /* ns since the epoch */
	struct clock_state clock; /* as last looked at, at most a second ago */
	uint64_t clock_steps;     /* times that it was set */
};

struct run_live_conf {
	const char *const *ifaces; /* as struct live_conf */
	size_t n_ifaces;
	const char *filter; /* pcap-filter; NULL or "": everything */
	bool promisc;
	bool headers_only; /* keep what is before the innermost payload */
	uint32_t snaplen;  /* 0: whole frames */
	enum live_dir dir;
	uint64_t buffer_total;
	unsigned threads;
	struct flow_opts flow;
	uint64_t max_packets; /* kept; 0: no limit */
	int64_t duration;     /* ns; 0: no limit */
	struct own own;
	struct own_watch *own_watch; /* more of them come; borrowed, NULL: none do */

	/* Where packets go; at most one of them, NULL or "": not there. */
	struct sink *sink; /* borrowed; finished by the caller */
	struct store *store;
	const char *capture; /* its name in the store */
	/* One packet that passed, with its decoded levels; 'iface' as struct run_live_iface.
	 * -errno ends the capture. */
	int (*line)(void *arg, const struct pkt *p, const struct dec *d, size_t n,
		    const char *iface);
	/* Everything that came together was given to 'line'. */
	int (*lines_end)(void *arg);
	void *line_arg;

	/* Once a second.  NULL: nobody. */
	void (*tick)(void *arg, const struct run_live_stats *stats);
	void *tick_arg;

	/* Set by a signal handler: the numbers are wanted now.  Cleared, then 'answer' is called
	 * with 'tick_arg', within LIVE_POLL_MS.  NULL: nobody asks. */
	volatile sig_atomic_t *asked;
	void (*answer)(void *arg, const struct run_live_stats *stats);

	/* What the person should know at once: an interface went away, the disk is full. */
	void (*say)(void *arg, const char *text);
	void *say_arg;

	const struct stop *stop; /* ends the capture properly; borrowed */
};

/* Opens sockets and whatever else needs privilege; after it the caller may
 * priv_drop().  -errno with 'err' set. */
int run_live_new(struct run_live **ret, struct priv *priv, const struct run_live_conf *conf,
		 struct err *err);

/* Captures until it is stopped, has enough, or no interface is left.  Everything is
 * written when it returns.  0 or -errno with 'err' set; -ECANCELED: what was left at the end
 * is lost, since nobody read it; -EPIPE: the reader of the
 * output has gone, which is no failure of the capture. */
int run_live_run(struct run_live *r, struct err *err);

/* The last account; valid until run_live_free(). */
const struct run_live_stats *run_live_stats(struct run_live *r);

void run_live_free(struct run_live *r); /* NULL is fine */
