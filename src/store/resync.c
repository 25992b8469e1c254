#include "store/resync.h"

#include <errno.h>

#include "base/bytes.h"

#define ASK_EVERY (1u << 20) /* bytes */

static int count(struct resync *y, uint64_t summed, uint64_t seen)
{
	y->summed += summed;
	y->seen += summed + seen;
	if (y->summed > RESYNC_BYTES)
		return -E2BIG;
	if (!y->stop || y->seen - y->asked < ASK_EVERY)
		return 0;
	y->asked = y->seen;
	return y->stop(y->arg) ? -ECANCELED : 0;
}

/* Whether a good record is at 'at': 1, 0, or why not to go on. */
static int try_at(struct resync *y, struct window *w, uint64_t at, uint32_t size)
{
	struct rec rec;
	int r = 0;

	if (size <= REC_MAX && size <= w->size - at - REC_HEAD)
		r = count(y, size + REC_HEAD, 0);
	return r < 0 ? r : window_rec(w, at, &rec) > 0;
}

/* The damaged one itself, which has been summed up, may still tell its size. */
static int64_t by_size(struct resync *y, struct window *w, uint64_t at)
{
	const uint8_t *p = window_get(w, at, REC_HEAD);
	uint64_t next;
	int r;

	if (!p || le32_load(p + 4) > REC_MAX || le32_load(p + 4) > w->size - at - REC_HEAD)
		return 0;
	next = at + REC_HEAD + le32_load(p + 4);
	r = count(y, next - at, 0);
	p = r == 0 ? window_get(w, next, REC_HEAD) : NULL;
	if (p)
		r = try_at(y, w, next, le32_load(p + 4));
	return r > 0 ? (int64_t)next : r;
}

int64_t resync_next(struct resync *y, struct window *w, uint64_t at)
{
	int64_t r = by_size(y, w, at);
	const uint8_t *p;

	for (at++; r == 0 && (p = window_get(w, at, REC_HEAD)); at++) {
		const uint32_t size = le32_load(p + 4);

		if (size && size <= y->size_max(le32_load(p)) && size <= w->size - at - REC_HEAD)
			r = try_at(y, w, at, size);
		if (r > 0)
			return (int64_t)at;
		if (r == 0 && at % ASK_EVERY == 0)
			r = count(y, 0, ASK_EVERY);
	}
	return r;
}

bool resync_is_zero(struct window *w, uint64_t at)
{
	const uint8_t *p;

	for (; (p = window_get(w, at, 1)); at++)
		if (*p)
			return false;
	return true;
}
