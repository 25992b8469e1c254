/* Inside of run_live, shared by its files. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "base/clock.h"
#include "capture/live.h"
#include "flow/flow_rows.h"
#include "flow/flow_table.h"
#include "run/drops.h"
#include "run/live.h"
#include "run/quota.h"

struct src;
struct store_stream;

#define LIVE_RECV 256 /* packets asked for at once */

/* What a thread has done with the packets of one interface. */
struct live_count {
	uint64_t own;              /* by its connection */
	uint64_t kept, kept_bytes; /* as struct run_live_iface, without what store and sink count */
	uint64_t dropped_disk;
	uint64_t left; /* given by the source after the capture, or its reader, had enough */
};

/* What the store was told of that was lost on one interface. */
struct live_lost {
	uint64_t ring, nic;
	struct live_away away; /* as the source says it now */
	uint64_t aways;        /* of those, told */
};

/* Packets that go through the pipeline together: as many as the flow table takes. */
struct live_chunk {
	struct pkt pkts[FLOW_BATCH];
	size_t first[FLOW_BATCH]; /* of their levels */
	size_t n;
	struct dec dec[FLOW_BATCH];
	struct flow_ref refs[FLOW_BATCH];
	size_t n_dec;
};

/* The clock, as a worker has told its stream. */
struct live_clock {
	struct clock_watch watch;
	struct clock_state said;
	int64_t worst; /* largest error since then */
};

/* When to look for own connections again; the first worker's. */
struct live_own {
	uint64_t kept;       /* packets, when it was last looked */
	unsigned wait, left; /* ticks between two looks, and until the next */
};

struct live_worker {
	struct run_live *r;
	unsigned number;
	struct src *src;
	struct flow_table *table; /* NULL: no flows */
	struct flow_rows *rows;
	struct batch *batch;
	struct drops drops;
	struct store_stream *stream;

	struct live_count *count; /* by interface; owned */
	uint32_t *to;             /* number of each interface in the sink or stream; owned */
	size_t n_ifaces;
	struct live_lost *lost; /* by interface; owned */
	uint64_t softnet;       /* when last looked */
	int64_t looked;         /* when, ns */
	struct live_chunk chunk;
	struct own own;   /* as last taken from the capture */
	unsigned own_age; /* of it */
	uint64_t notes;   /* of the source that were said */
	int store_failed; /* what the store or sink last said */
	bool unremoved;   /* and that files which are to go cannot be removed; the first worker's */
	struct live_clock clock;
	struct clock_steady steady; /* what time-outs go by */
	int gap_status;             /* of telling it what the rings lost */
	int64_t ticked;             /* ns */

	pthread_t thread;
	bool started;
	int status;
	struct err err;

	/* For the thread that shows them; under the capture's lock. */
	struct run_live_iface *shown; /* owned */
	size_t n_shown;
	uint64_t flows, evicted, unfollowed;
};

struct run_live {
	struct run_live_conf conf; /* strings are borrowed until run_live_new() returns */
	struct priv *priv;
	bool decode;
	struct live_worker *workers;
	unsigned n_workers;

	pthread_mutex_t lock; /* of what follows, and of the workers' 'shown' */

	struct quota quota;             /* of packets: max_packets */
	_Atomic unsigned stores_failed; /* workers whose store does not keep packets now */
	atomic_bool over;
	struct own own;           /* under 'lock' */
	_Atomic unsigned own_age; /* goes up with each change of it */
	struct live_own look;
	char clock_source[32];
	int64_t start, began; /* ns since the epoch; since the system's start */
	struct run_live_stats stats;
	struct run_live_iface *ifaces; /* of 'stats'; owned */
};

/* live_open.c: describes interfaces that have joined to where packets go.  0 or -errno with
 * 'err' set. */
int live_add_ifaces(struct live_worker *w, struct err *err);

/* live_count.c: the account. */
int live_count_grow(struct live_worker *w); /* interfaces joined; 0 or -ENOMEM */
void live_count_show(struct live_worker *w);
void live_count_kept(struct live_worker *w); /* the same, but only what became of those it took */
void live_count_sum(struct run_live *r);

/* live_gaps.c: tells the store, and the flows' drops, what was lost since the last look;
 * '_end' what is known only now. */
void live_gaps_note(struct live_worker *w, int64_t now);
void live_gaps_end(struct live_worker *w, int64_t now);

/* live_own.c: the program's own connections. */
void live_own_take(struct live_worker *w); /* what the capture knows now */
void live_own_look(struct run_live *r);    /* once a second, first worker */

/* live_clock.c: looks at it; tells the stream where something is new, or 'record'.  0 or
 * -errno with 'err' set. */
int live_clock_look(struct live_worker *w, bool record, struct err *err);
