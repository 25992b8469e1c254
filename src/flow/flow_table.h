/* The flow table: packets in, flows out.
 *
 * One table belongs to one thread; several tables, each with its share of the
 * packets (flow_shard()), give the same flows as one.  Flows that have ended
 * wait in the table until their reader has taken them, in the order of their
 * first packets as far as they wait together. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/pkt.h"
#include "flow/flow.h"
#include "net/dec.h"

struct flow_table;

/* Most levels that one flow_table_add() takes: what a batch brings into the first
 * cache must still be there when it is used. */
#define FLOW_BATCH 32

/* 0; -EINVAL for options out of range, -ENOMEM. */
int flow_table_new(struct flow_table **ret, const struct flow_opts *o, struct err *err);
void flow_table_free(struct flow_table *t);
static inline void flow_table_freep(struct flow_table **t)
{
	flow_table_free(*t);
}

/* A packet's place among those of one of its flows. */
struct flow_ref {
	uint64_t serial; /* the flow's, as in struct batch */
	uint64_t nth;    /* of the flow's packets so far: 1 for the first */
};

/* Adds 'n' <= FLOW_BATCH decoded levels to their flows; d[i].pkt is the index
 * in 'pkts' of the packet, all levels of a packet stand together.  Any time
 * stamp is accepted: a flow starts at its smallest and ends at its largest.
 * Time-outs follow pkts[].clock: a packet that comes too late for a flow begins
 * another, whether flow_table_expire() was called or not.
 *
 * When there is no room for another flow, all leave that are due; when none are
 * and none waits for its reader, the flow idle longest (closed ones first) ends
 * early and is counted.  At least 128 flows have room.
 *
 * Packet bytes are looked at for the application, none are kept.  'refs', if
 * not NULL, gets the place of each level's packet in its flow.  Later fragments are completed
 * in 'd'.  0, -ENOMEM, or -EAGAIN when flows that wait for their reader fill the
 * table: take them and call again with the same packets: nothing was added. */
int flow_table_add(struct flow_table *t, struct dec *d, size_t n, const struct pkt *pkts,
		   struct flow_ref *refs);

/* Ends the flows that are due at 'clock', so that they can be read and their
 * memory given back; they are seen at the latest 1/256 time-out after that.
 * For live use: who reads all flows in the end need not call it.  0 or -ENOMEM. */
int flow_table_expire(struct flow_table *t, int64_t clock);

/* Ends all flows; at 'clock' (the largest time of the input) those idle for
 * too long have timed out, others are not finished.  Nothing can be added any
 * more.  0 or -ENOMEM. */
int flow_table_finish(struct flow_table *t, int64_t clock);

struct flow_table_stats {
	uint64_t flows;      /* ever made */
	uint64_t evicted;    /* ended early for want of room */
	uint64_t unfollowed; /* times that loss, name, next version or the like of a flow found no
				room */
	uint64_t live;       /* in the table, without those waiting for the reader */
	uint64_t memory;     /* bytes of records and index in use */
};
void flow_table_stats(const struct flow_table *t, struct flow_table_stats *ret);

/* Which of 'n' tables a packet belongs to, from its outermost level: the same
 * for both directions, all fragments and everything inside a tunnel. */
unsigned flow_shard(const struct dec *outer, unsigned n);
