/* What the files of the live source share: src_afpacket.c gives packets, live_join.c takes
 * interfaces up, live_events.c watches them come and go, live_ledger.c counts.
 *
 * With several threads each has its own struct live.  The first one leads: it alone listens to
 * events and opens sockets, and hands the others theirs as orders, which they carry out at
 * their next src_recv().  Interfaces have the same number everywhere. */
#pragma once

#include <net/if.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/stop.h"
#include "capture/links.h"
#include "capture/live.h"
#include "capture/live_prog.h"
#include "capture/live_sock.h"
#include "capture/src_ops.h"

#define LIVE_TICK_MS    50   /* how often it is looked at whether a ring is too small, when busy */
#define LIVE_COUNT_MS   1000 /* how often the kernel's counters of 32 bits are read */
#define LIVE_FINISH_MS  1000 /* longest that the rings' rest is waited for at the end */
#define LIVE_SETTLE_MS  (2 * LIVE_BLOCK_MS) /* a ring that gets nothing any more is kept for */
#define LIVE_QUIET_MS   1000 /* what place 0 gets beside the program must pause for */
#define LIVE_RING_START (UINT64_C(64) << 20) /* a ring is at first at most */
#define LIVE_LATER_PART 64 /* of what is left for rings, an interface that joins gets one in */
#define LIVE_NETNS_MAX  1024
#define LIVE_NETNS_NAME 256

struct live_if;

/* A namespace that is captured in. */
struct live_ns {
	char name[LIVE_NETNS_NAME]; /* "": our own */
	int events, query;          /* route sockets; -1: only the leader has them */
};

enum live_what { WHAT_NAME, WHAT_GLOB, WHAT_ANY };

/* What the caller asked for. */
struct live_ask {
	struct live_ns *ns;
	enum live_what what;
	char text[IF_NAMESIZE * 4]; /* name or glob */
};

/* All threads together. */
struct live_hub {
	pthread_mutex_t lock; /* for 'members', their orders, 'refs' */
	unsigned refs;
	struct live_conf conf; /* 'ifaces' is not to be used, 'filter' is owned */
	struct priv *priv;
	const struct stop *stop;
	struct live *members[LIVE_THREADS_MAX]; /* NULL: gone */
	unsigned threads;
	struct live_ask *asks; /* owned */
	size_t n_asks;
	struct live_ns **ns; /* owned, as are they */
	size_t n_ns;
	uint64_t ring_start;         /* bytes of a ring at first */
	_Atomic uint64_t ring_bytes; /* of all rings */
};

/* The sockets of all threads on one device, among which the kernel shares frames out. */
struct live_group {
	atomic_uint refs;
	atomic_bool growing; /* some thread is replacing its one: only one at a time may */
};

/* Of sockets that are closed. */
struct live_past {
	struct ring_count count;
	uint64_t packets, drops, freezes, rejected, own;
};

/* One interface, of one thread. */
struct live_if {
	struct live_ns *ns;
	const struct live_ask *ask; /* by which it is captured */
	char name[IF_NAMESIZE];
	char shown[LIVE_NETNS_NAME + IF_NAMESIZE + 8]; /* with its namespace */
	int ifindex;                                   /* 0: gone */
	enum live_state state;
	uint16_t hatype, linktype;
	bool cooked, loopback;
	uint32_t frame_max;
	struct live_sock *sock;   /* NULL: gone */
	struct live_group *group; /* of 'sock'; one reference */
	bool growing;             /* it is us who does in 'group': 'old' is still in it */
	struct live_sock *old;    /* gets next to nothing any more, but has packets; NULL */
	int64_t old_since;        /* monotonic, ns */
	bool old_settled;         /* what came before 'sock' did can all be read: from then on
					both are merged by time */
	uint64_t old_packets;     /* that came to it, when it was last looked at */
	int64_t old_quiet;        /* since when there are no more, monotonic, ns */
	struct live_prog prog;
	bool exact;     /* all its programs have counted */
	bool no_growth; /* tried in vain */
	unsigned grown;
	uint64_t freezes_seen; /* when it was last looked at */
	struct live_past past;
	int64_t since;         /* when it went down or away, ns since the epoch */
	struct live_away away; /* of the thread 0 only */
	bool wire_known;
	struct link_stats wire_base; /* see live_ledger.c */
	struct link_stats wire_last; /* as last read */
};

/* From the leader to another thread: what happened to an interface. */
struct live_order {
	struct live_order *next;
	enum { ORDER_ADD, ORDER_BACK, ORDER_STATE, ORDER_NAME } what;
	size_t iface;
	struct live_if f; /* ADD, BACK: all of it; STATE, NAME: what they say */
};

struct live {
	struct src src;
	struct live_hub *hub;
	unsigned number;       /* 0: leads */
	struct filter *filter; /* NULL: none; owned */
	struct live_if **ifs;  /* owned, as are they */
	size_t n_ifs, size_ifs;
	struct live_sock **ready; /* room for two per interface; owned */
	int epoll, wake;          /* 'wake': eventfd for orders */
	atomic_bool has_orders;
	struct live_order *orders, **orders_end; /* under hub->lock */
	int64_t ticked, counted;                 /* monotonic, ns */
	bool draining;                           /* some interface has an 'old' */
	bool ending;                             /* stopped: the rest is given */
	int64_t ending_since;
	struct clock_steady steady;
	bool begun;                       /* the interfaces of the start are there */
	const struct live_ns *refused_ns; /* interface that could not be captured, the last one */
	int refused;
	bool dirty;  /* blocks were finished in this window */
	int softnet; /* /proc/net/softnet_stat; -1 */
	uint64_t softnet_base;
};

/* live_join.c */

/* Takes up an interface, for all threads; 'at' is its number when it is back, else SIZE_MAX.
 * Leader only. */
int live_join(struct live *l, struct live_ns *ns, const struct live_ask *ask, const struct link *k,
	      size_t at, struct err *err);

/* Carries out one order, or the leader's own deed; takes over what 'o' owns. */
int live_obey(struct live *l, struct live_order *o);

/* To all threads: a copy of 'o' each.  Leader only; for STATE and NAME. */
void live_tell(struct live *l, const struct live_order *o);

/* live_events.c: from now on it is down or gone; no longer. */
void live_away_begin(struct live_if *f, int64_t now);
void live_away_end(struct live_if *f, int64_t now);

/* Replaces a ring that is or was too full, if the total allows. */
void live_grow(struct live *l, struct live_if *f);

/* Looks after rings that are to go, and closes those that are empty. */
void live_settle(struct live *l);

/* No longer of its group. */
void live_ungroup(struct live_if *f);

/* Closes a socket, and remembers its counts. */
void live_close(struct live *l, struct live_if *f, struct live_sock *s);

/* Its blocks as far as they are given; of 'old' and 'sock'. */
uint64_t live_waiting(struct live_if *f);

/* Bytes of a ring at first, when so many are expected. */
uint64_t live_ring_start(uint64_t total, size_t n);

/* Waits for a socket's events. */
int live_watch(struct live *l, struct live_sock *s);

/* live_events.c */

/* Reads what the caller asked for, opens its namespaces and takes up what is there. */
int live_begin(struct live *l, struct err *err);

/* Reads events.  Leader only. */
void live_events(struct live *l);

/* live_ledger.c */
void live_wire_add(struct link_stats *a, const struct link_stats *b, int sign);

/* A device went, with these last words of it. */
void live_wire_end(struct live_if *f, const struct link_stats *s);
int live_softnet_open(struct live *l);
