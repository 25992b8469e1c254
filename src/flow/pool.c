#include "flow/pool.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

int pool_init(struct pool *p, size_t size, uint32_t max)
{
	void *base;

	*p = (struct pool){.size = size, .max = max, .free = POOL_NONE};
	base = mmap(NULL, size * max, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (base == MAP_FAILED)
		return -ENOMEM;
	p->base = base;
	return 0;
}

void pool_done(struct pool *p)
{
	if (p->base)
		munmap(p->base, p->size * p->max);
	*p = (struct pool){.free = POOL_NONE};
}

uint32_t pool_alloc(struct pool *p)
{
	uint32_t i = p->free;

	if (i != POOL_NONE)
		memcpy(&p->free, pool_at(p, i), sizeof(p->free));
	else if (p->used < p->max)
		i = p->used++;
	else
		return POOL_NONE;
	p->live++;
	return i;
}

void pool_release(struct pool *p, uint32_t i)
{
	memcpy(pool_at(p, i), &p->free, sizeof(p->free));
	p->free = i;
	p->live--;
}
