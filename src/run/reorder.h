/* Puts packets into time order: copies of them wait in a heap until all are
 * there, or until too many bytes wait. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/pkt.h"

struct reorder {
	struct reorder_item **heap; /* earliest first; owned */
	size_t n, size;
	uint64_t bytes, max_bytes;
	int64_t given; /* time of the last packet taken out */
	bool broken;   /* one came out late: 'max_bytes' was too small */
};

void reorder_init(struct reorder *r, uint64_t max_bytes);
void reorder_done(struct reorder *r);

/* Copies a packet in.  0 or -ENOMEM. */
int reorder_put(struct reorder *r, const struct pkt *p, uint64_t serial);

/* Time of the earliest; INT64_MAX: empty. */
int64_t reorder_first(const struct reorder *r);

/* Whether one must come out before the next goes in. */
bool reorder_full(const struct reorder *r);

/* Takes the earliest out; false: empty.  'p->data' is valid until the next call. */
bool reorder_take(struct reorder *r, struct pkt *p, uint64_t *ret_serial);
