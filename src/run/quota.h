/* How many are still wanted, for several threads that take: exactly 'max' of all
 * that ask together get one. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct quota {
	uint64_t max; /* 0: no limit */
	_Atomic uint64_t asked;
};

/* False: all are taken. */
static inline bool quota_take(struct quota *q)
{
	return !q->max || (atomic_load_explicit(&q->asked, memory_order_relaxed) < q->max &&
			   atomic_fetch_add(&q->asked, 1) < q->max);
}

/* Whether nobody will get one any more. */
static inline bool quota_is_out(const struct quota *q)
{
	return q->max && atomic_load_explicit(&q->asked, memory_order_relaxed) >= q->max;
}
