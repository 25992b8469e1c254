/* Where good records go on behind damage.
 *
 * Any byte there may be the first of a record, and whether it is takes a checksum of all that it
 * says it has.  Of files that were made to cost much, the rest is given up.  Reads what the
 * window gives; one thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "store/window.h"

#define RESYNC_BYTES (64u << 20) /* checksummed for one 'struct resync' */

struct resync {
	uint32_t (*size_max)(uint32_t type); /* of a payload; 0: there is no such type */
	bool (*stop)(void *arg);             /* asked for each MiB; NULL: goes on */
	void *arg;
	uint64_t summed, seen, asked; /* bytes; 0 at first */
};

/* The place of the next good record behind the damaged one at 'at'.  0: there is none; -E2BIG:
 * given up, what follows counts as lost; -ECANCELED. */
int64_t resync_next(struct resync *y, struct window *w, uint64_t at);

/* Whether there are zeros from 'at' to the end, as a file system that stopped leaves them. */
bool resync_is_zero(struct window *w, uint64_t at);
