#include "flow/flow_wheel.h"

#include <string.h>

/* In 'prev' of the first flow of a list: the list instead of a flow. */
#define IS_HEAD 0x80000000u

static struct flow_cold *cold_at(const struct flow_wheel *w, uint32_t i)
{
	return pool_at(w->cold, i);
}

static int64_t last_clock(const struct flow_wheel *w, uint32_t i)
{
	return ((struct flow_hot *)pool_at(w->hot, i))->last_clock;
}

static int64_t slot_of(const struct flow_wheel *w, int64_t time)
{
	int64_t s = time / w->tick;

	return s - (time % w->tick < 0);
}

void flow_wheel_init(struct flow_wheel *w, struct pool *hot, struct pool *cold, int64_t timeout)
{
	w->hot = hot;
	w->cold = cold;
	w->timeout = timeout;
	w->tick = timeout / (FLOW_WHEEL_SLOTS / 2);
	if (w->tick < 1)
		w->tick = 1;
	w->next = INT64_MIN;
	w->n = 0;
	memset(w->head, 0xff, sizeof(w->head)); /* POOL_NONE */
}

static void put(struct flow_wheel *w, uint32_t i)
{
	int64_t slot = slot_of(w, last_clock(w, i));
	uint32_t h = (uint32_t)(slot & (FLOW_WHEEL_SLOTS - 1));
	struct flow_cold *c = cold_at(w, i);

	c->next = w->head[h];
	c->prev = IS_HEAD | h;
	if (c->next != POOL_NONE)
		cold_at(w, c->next)->prev = i;
	w->head[h] = i;
	w->n++;
}

void flow_wheel_add(struct flow_wheel *w, uint32_t i)
{
	int64_t slot = slot_of(w, last_clock(w, i));

	/* A slot behind 'next' would wait for the wheel to come round. */
	if (slot < w->next || w->n == 0)
		w->next = slot;
	put(w, i);
}

void flow_wheel_remove(struct flow_wheel *w, uint32_t i)
{
	struct flow_cold *c = cold_at(w, i);

	if (c->prev & IS_HEAD)
		w->head[c->prev & ~IS_HEAD] = c->next;
	else
		cold_at(w, c->prev)->next = c->next;
	if (c->next != POOL_NONE)
		cold_at(w, c->next)->prev = c->prev;
	w->n--;
}

void flow_wheel_prefetch(const struct flow_wheel *w, uint32_t i)
{
	const struct flow_cold *c = cold_at(w, i);

	if (!(c->prev & IS_HEAD))
		__builtin_prefetch(cold_at(w, c->prev), 1);
	if (c->next != POOL_NONE)
		__builtin_prefetch(cold_at(w, c->next), 1);
}

/* Takes a flow out of slot w->next that is due at 'clock', after putting those
 * that moved on since where they belong. */
static uint32_t pick(struct flow_wheel *w, int64_t clock)
{
	uint32_t h = (uint32_t)(w->next & (FLOW_WHEEL_SLOTS - 1));

	while (w->head[h] != POOL_NONE) {
		uint32_t i = w->head[h];

		flow_wheel_remove(w, i);
		if (flow_span(last_clock(w, i), clock) > (uint64_t)w->timeout)
			return i;
		put(w, i);
		/* Only a leap in time, by a multiple of the wheel, brings it here again. */
		if (w->head[h] == i)
			break;
	}
	return POOL_NONE;
}

uint32_t flow_wheel_expire(struct flow_wheel *w, int64_t clock)
{
	int64_t due, before;

	if (!w->n || __builtin_sub_overflow(clock, w->timeout, &before))
		return POOL_NONE;
	/* The newest slot whose last instant is due; a leap visits each list once. */
	due = slot_of(w, before) - 1;
	if (due > w->next && flow_span(w->next, due) > FLOW_WHEEL_SLOTS)
		w->next = due - FLOW_WHEEL_SLOTS;
	while (w->n && w->next <= due) {
		uint32_t i = pick(w, clock);

		if (i != POOL_NONE)
			return i;
		w->next++;
	}
	return POOL_NONE;
}

/* After a leap in time the next flow may be millions of slots away: look at all
 * flows once instead. */
static void leap(struct flow_wheel *w)
{
	int64_t min = INT64_MAX;
	uint32_t h, i;

	for (h = 0; h < FLOW_WHEEL_SLOTS; h++)
		for (i = w->head[h]; i != POOL_NONE; i = cold_at(w, i)->next)
			if (last_clock(w, i) < min)
				min = last_clock(w, i);
	w->next = slot_of(w, min);
}

uint32_t flow_wheel_oldest(struct flow_wheel *w)
{
	int steps = 0;

	while (w->n) {
		uint32_t h = (uint32_t)(w->next & (FLOW_WHEEL_SLOTS - 1)), i = w->head[h];

		if (i != POOL_NONE) {
			flow_wheel_remove(w, i);
			if (slot_of(w, last_clock(w, i)) <= w->next)
				return i;
			put(w, i);
			if (w->head[h] != i)
				continue;
		}
		w->next++;
		if (++steps == FLOW_WHEEL_SLOTS) {
			leap(w);
			steps = 0;
		}
	}
	return POOL_NONE;
}
