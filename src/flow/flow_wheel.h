/* When flows may leave: lists of flows by the time of their last packet, as it
 * was when they were put there.  Packets do not move their flow; a flow whose
 * time has come is looked at again and either leaves or is put where it
 * belongs by now.  So a packet costs nothing here, a flow one visit per
 * time-out. */
#pragma once

#include <stdint.h>

#include "flow/flow_rec.h"

#define FLOW_WHEEL_SLOTS 1024
#define FLOW_WHEEL_READY FLOW_WHEEL_SLOTS /* the list of flows found in slot 'next' */

struct flow_wheel {
	struct pool *hot, *cold; /* the table's */
	int64_t timeout;         /* ns */
	int64_t tick;            /* width of a slot, ns: timeout / 512, at least 1 */
	int64_t next;            /* first slot (time / tick) that may have flows */
	uint32_t head[FLOW_WHEEL_SLOTS + 1];
	uint64_t n; /* flows in it */
};

void flow_wheel_init(struct flow_wheel *w, struct pool *hot, struct pool *cold, int64_t timeout);

/* Puts a flow in by its last_clock. */
void flow_wheel_add(struct flow_wheel *w, uint32_t i);
void flow_wheel_remove(struct flow_wheel *w, uint32_t i);

/* Asks for the cache lines that removing a flow will touch. */
void flow_wheel_prefetch(const struct flow_wheel *w, uint32_t i);

/* Takes out one flow that had no packet for longer than the time-out at time
 * 'clock'; POOL_NONE: no more.  Flows are seen at the latest 1/256 time-out
 * after they are due. */
uint32_t flow_wheel_expire(struct flow_wheel *w, int64_t clock);

/* Takes out a flow that has been idle longest, to within a slot; POOL_NONE:
 * none there. */
uint32_t flow_wheel_oldest(struct flow_wheel *w);
