#include "base/vec.h"

#include <errno.h>
#include <stdlib.h>

#define VEC_FIRST 16

int vec_grow(void *v, size_t *size, size_t n, size_t each)
{
	size_t to = *size ? *size : VEC_FIRST;
	void *p;

	to = to < n && to <= (size_t)-1 / 2 ? 2 * to : to;
	to = to < n ? n : to;
	p = reallocarray(*(void **)v, to, each);
	if (!p)
		return -ENOMEM;
	*(void **)v = p;
	*size = to;
	return 0;
}
