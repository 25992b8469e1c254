#include "flow/pool.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

/* From here on a pool grows by huge pages: one that is half empty is then little
 * beside what is used. */
#define HUGE_FROM (2 * (size_t)POOL_HUGE)

int pool_init(struct pool *p, size_t size, uint32_t max)
{
	void *map;

	*p = (struct pool){.size = size, .max = max, .free = POOL_NONE};
	p->map_size = size * max + POOL_HUGE;
	map = mmap(NULL, p->map_size, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (map == MAP_FAILED)
		return -ENOMEM;
	p->map = map;
	p->base = p->map + (-(uintptr_t)map & (POOL_HUGE - 1));
	p->grow_at = (uint32_t)(HUGE_FROM / size);
	return 0;
}

void pool_done(struct pool *p)
{
	if (p->map)
		munmap(p->map, p->map_size);
	*p = (struct pool){.free = POOL_NONE};
}

/* Asks for the next huge page: a thousandth of the page faults, and fewer misses of
 * the TLB.  Where the kernel has none, it is pages as before. */
static __attribute__((noinline, cold)) void grow(struct pool *p)
{
	size_t at = (p->used * p->size + POOL_HUGE - 1) & ~(size_t)(POOL_HUGE - 1);

	if (at + POOL_HUGE <= p->size * p->max)
		madvise(p->base + at, POOL_HUGE, MADV_HUGEPAGE);
	p->grow_at = (uint32_t)((at + POOL_HUGE) / p->size);
}

uint32_t pool_alloc(struct pool *p)
{
	uint32_t i = p->free;

	if (i != POOL_NONE) {
		memcpy(&p->free, pool_at(p, i), sizeof(p->free));
	} else if (p->used < p->max) {
		if (p->used == p->grow_at)
			grow(p);
		i = p->used++;
	} else {
		return POOL_NONE;
	}
	p->live++;
	return i;
}

void pool_release(struct pool *p, uint32_t i)
{
	memcpy(pool_at(p, i), &p->free, sizeof(p->free));
	p->free = i;
	p->live--;
}
