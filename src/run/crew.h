/* Threads that add decoded packets to flow tables while the caller reads and
 * decodes the next ones: one thread a table.
 *
 * Work goes in blocks, each with the packets of one src_recv() and what they
 * decode to, by table.  Every thread takes every block, in order, so that each
 * table sees its packets in the order of the input. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/pkt.h"
#include "net/dec.h"

struct flow_table;
struct crew;

#define CREW_BLOCKS  4   /* in flight at once */
#define CREW_PACKETS 512 /* of a block at most */

/* Decoded levels for one table. */
struct crew_lane {
	struct dec *dec; /* room for CREW_PACKETS * DEC_LEVELS_MAX, owned by the block */
	size_t n;
};

struct crew_block {
	struct pkt pkts[CREW_PACKETS];
	struct crew_lane *lanes; /* one per table; owned */
	uint64_t window;         /* of the input, that its packets lie in */
};

/* 'tables' must outlive it; nobody else may touch them while blocks are in
 * flight.  0 or -errno with 'err' set. */
int crew_new(struct crew **ret, struct flow_table *const *tables, size_t n, struct err *err);

/* Waits for nothing: blocks still in flight are given up. */
void crew_free(struct crew *c);

/* An empty block to fill; waits until one is free.  -EAGAIN: some table needs its
 * waiting flows taken first: see crew_resume().  -ENOMEM. */
int crew_block(struct crew *c, struct crew_block **ret);

/* Hands a block over; it comes back by crew_block() when it is done. */
void crew_submit(struct crew *c, struct crew_block *b);

/* Waits until all blocks up to a window number are done (UINT64_MAX: all).  0,
 * -EAGAIN as above, -ENOMEM. */
int crew_wait(struct crew *c, uint64_t window);

/* After -EAGAIN no thread runs: the tables are the caller's until this. */
void crew_resume(struct crew *c);
