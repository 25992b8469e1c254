/* Arrays, which grow and are sorted.  Who owns one keeps the pointer, how many things are in it and
 * for how many there is room; all are zero at first, and free() ends it. */
#pragma once

#include <stddef.h>

/* As vec_reserve(), for when there is no room. */
int vec_grow(void *v, size_t *size, size_t n, size_t each);

/* Makes room for 'n' things of 'each' bytes in '*v', an array with room for '*size' of them: at
 * least twice as many as before, so that adding one by one costs little.  0; -ENOMEM: all is as
 * before. */
static inline int vec_reserve(void *v, size_t *size, size_t n, size_t each)
{
	return n <= *size ? 0 : vec_grow(v, size, n, each);
}

/* Of two uint64_t, for qsort() and bsearch(). */
int vec_cmp_u64(const void *a, const void *b);
