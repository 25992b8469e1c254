#include "base/vec.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#define VEC_FIRST 16

int vec_grow(void *v, size_t *size, size_t n, size_t each)
{
	size_t to = *size ? *size : VEC_FIRST, bytes;
	void *p;

	to = to < n && to <= (size_t)-1 / 2 ? 2 * to : to;
	to = to < n ? n : to;
	if (__builtin_mul_overflow(to, each, &bytes))
		return -ENOMEM;
	p = realloc(*(void **)v, bytes);
	if (!p)
		return -ENOMEM;
	*(void **)v = p;
	*size = to;
	return 0;
}

int vec_cmp_u64(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}
