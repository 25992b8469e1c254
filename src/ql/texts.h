/* Numbers distinct texts 0, 1, 2, ..., so that they can be compared as numbers. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/batch.h"
#include "ql/mem.h"

struct ql_text;

struct ql_texts {
	struct ql_mem *mem;
	uint64_t seed;
	uint64_t *slots; /* low half: number + 1, 0: free; high half: hash */
	size_t n_slots;
	struct ql_text *texts;
	size_t n, size;
	struct ql_arena bytes;
};

void ql_texts_init(struct ql_texts *t, struct ql_mem *mem, uint64_t seed);
void ql_texts_done(struct ql_texts *t);

/* The number of a text, which is copied if it is new.  0, -ENOMEM or -E2BIG. */
int ql_texts_put(struct ql_texts *t, const struct val_str *s, uint64_t *ret);
