/* Where rows are, given back in the order of their starts as they are asked for: what is not asked
 * for is not sorted, and while others may still come only what lies before them is given. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct row_key {
	int64_t start;
	uint64_t serial; /* orders rows that start together */
	uint32_t unit, row;
};

#define ROW_KEYS_DEEP 64

/* Zeroed: empty. */
struct row_keys {
	struct row_key *v; /* owned */
	size_t size;
	/* [at, sorted) is sorted, [sorted, ready) are all that may be given, [ready, n) come later.
	 */
	size_t at, sorted, ready, n;
	size_t split;               /* 'n' when that was last decided */
	size_t ends[ROW_KEYS_DEEP]; /* in [sorted, ready): keys before one are <= those behind it */
	size_t deep;
};

void row_keys_done(struct row_keys *k);

/* 0 or -ENOMEM. */
int row_keys_add(struct row_keys *k, const struct row_key *key);

/* From now on row_keys_next() gives keys with starts < 'end', as all that follow have starts >=
 * 'end'; NULL: all.  To be called when it has given all it could.  With 'end' it does not look at
 * many keys again because of a few new ones: they will be given later. */
void row_keys_until(struct row_keys *k, const int64_t *end);

/* The next ones, at least one; NULL: there are none.  Valid until the next call. */
const struct row_key *row_keys_next(struct row_keys *k, size_t *ret_n);
