/* How many packets of each flow were not kept: only flows that miss some take
 * memory. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct lost {
	struct lost_slot *slots; /* owned; NULL: empty */
	size_t n, size;          /* used, allocated: a power of two */
};

void lost_done(struct lost *l);

/* One more of this flow.  0 or -ENOMEM. */
int lost_add(struct lost *l, uint64_t serial);

/* The flow's number; 0: none. */
uint64_t lost_get(const struct lost *l, uint64_t serial);

/* Takes it out. */
uint64_t lost_take(struct lost *l, uint64_t serial);
