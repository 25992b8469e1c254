/* Numbers distinct keys 0, 1, 2, ... in the order in which they appear: Dedup and Group.  A key
 * is the values of some fields of a row.  The hash is keyed, so that nobody can send traffic
 * that makes it slow. */
#pragma once

#include "base/batch.h"
#include "ql/mem.h"

struct ql_keymap_entry;

struct ql_keymap {
	struct ql_mem *mem;
	uint64_t seed;
	uint32_t *slots; /* entry number + 1; 0: free */
	size_t n_slots;
	struct ql_keymap_entry *entries;
	size_t n, size;
	struct ql_arena bytes; /* of the keys */
	struct buf scratch;
};

void ql_keymap_init(struct ql_keymap *m, struct ql_mem *mem);
void ql_keymap_done(struct ql_keymap *m);

/* The number of the key of a row; absent is a value of its own.  1: new, 0: known before,
 * -ENOMEM or -E2BIG. */
int ql_keymap_put(struct ql_keymap *m, const struct batch *b, size_t row, const uint16_t *fields,
		  size_t n_fields, uint32_t *ret);
