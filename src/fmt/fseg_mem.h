/* The memory of a flow segment's reader: pieces that stay until all are freed together. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fseg_mem_chunk;

struct fseg_mem {
	struct fseg_mem_chunk *head; /* owned */
	uint8_t *p;
	size_t left; /* at 'p' */
	bool much;
};

/* 'n' bytes at a cache line, not zeroed; NULL: there is no memory. */
void *fseg_mem_take(struct fseg_mem *m, size_t n);

/* All that is taken will be used: it comes in huge pages. */
void fseg_mem_much(struct fseg_mem *m);
void fseg_mem_done(struct fseg_mem *m);
