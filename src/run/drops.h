/* When a capture says it lost packets: enough to tell how many were lost while
 * a flow lasted.  Memory is bounded; when there are too many places,
 * neighbours in time become one. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define DROPS_MAX 4096

struct drops {
	struct {
		int64_t ts;
		uint64_t n;
	} v[DROPS_MAX]; /* by time */
	size_t n;
};

void drops_add(struct drops *d, int64_t ts, uint64_t n);

/* Packets lost between two times, both included. */
uint64_t drops_between(const struct drops *d, int64_t from, int64_t to);
