/* Records of one size, found by number: numbers stay valid, memory does not
 * move, freed ones are used again.  Address space for 'max' is reserved at
 * once, memory is taken as records are first used. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define POOL_NONE UINT32_MAX
#define POOL_HUGE ((size_t)1 << 21) /* bytes of a huge page */

struct pool {
	uint8_t *base; /* in 'map', at a huge page */
	uint8_t *map;
	size_t map_size;
	size_t size;      /* bytes of a record, >= 4 */
	uint32_t max;     /* records reserved */
	uint32_t used;    /* numbers ever given out: 0 to used - 1 */
	uint32_t live;    /* of those, in use now */
	uint32_t grow_at; /* number with which another huge page begins */
	uint32_t free;    /* first of the list of freed ones, linked by their first 4 bytes */
};

/* 0, or -ENOMEM when the address space is not to be had. */
int pool_init(struct pool *p, size_t size, uint32_t max);
void pool_done(struct pool *p);

/* A number, or POOL_NONE when all 'max' are in use.  A number given out for the
 * first time is zeroed memory; one used again has its old bytes. */
uint32_t pool_alloc(struct pool *p);
void pool_release(struct pool *p, uint32_t i);

static inline void *pool_at(const struct pool *p, uint32_t i)
{
	return p->base + (size_t)i * p->size;
}

/* Bytes in use, touched and not given back. */
static inline uint64_t pool_memory(const struct pool *p)
{
	return (uint64_t)p->used * p->size;
}
