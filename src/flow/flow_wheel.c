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

static void put_into(struct flow_wheel *w, uint32_t i, uint32_t h)
{
	struct flow_cold *c = cold_at(w, i);

	c->next = w->head[h];
	c->prev = IS_HEAD | h;
	if (c->next != POOL_NONE)
		cold_at(w, c->next)->prev = i;
	w->head[h] = i;
	w->n++;
}

static uint32_t list_of(int64_t slot)
{
	return (uint32_t)(slot & (FLOW_WHEEL_SLOTS - 1));
}

/* Where its last packet belongs. */
static void put(struct flow_wheel *w, uint32_t i)
{
	put_into(w, i, list_of(slot_of(w, last_clock(w, i))));
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

/* Looks at all flows of the list of slot 'next', once: those whose last packet was
 * then are ready, others go where they belong by now.  The list has flows of later
 * turns too when the wheel was not turned for long. */
static void sort_slot(struct flow_wheel *w)
{
	uint32_t h = list_of(w->next), i = w->head[h], after;

	w->head[h] = POOL_NONE;
	for (; i != POOL_NONE; i = after) {
		after = cold_at(w, i)->next;
		w->n--;
		if (slot_of(w, last_clock(w, i)) <= w->next)
			put_into(w, i, FLOW_WHEEL_READY);
		else
			put(w, i);
	}
}

/* Takes out a ready flow; those that had a packet since go where they belong.
 * POOL_NONE: none is ready. */
static uint32_t take_ready(struct flow_wheel *w)
{
	uint32_t i;

	while ((i = w->head[FLOW_WHEEL_READY]) != POOL_NONE) {
		flow_wheel_remove(w, i);
		if (slot_of(w, last_clock(w, i)) <= w->next)
			return i;
		put(w, i);
	}
	return POOL_NONE;
}

uint32_t flow_wheel_expire(struct flow_wheel *w, int64_t clock)
{
	int64_t due, before;
	uint32_t i;

	if (!w->n || __builtin_sub_overflow(clock, w->timeout, &before))
		return POOL_NONE;
	/* The newest slot whose last instant is due; a leap visits each list once. */
	if (__builtin_sub_overflow(slot_of(w, before), 1, &due))
		return POOL_NONE;
	if (due > w->next && flow_span(w->next, due) > FLOW_WHEEL_SLOTS)
		w->next = due - FLOW_WHEEL_SLOTS;
	while (w->n) {
		i = take_ready(w);
		if (i != POOL_NONE && flow_span(last_clock(w, i), clock) > (uint64_t)w->timeout)
			return i;
		if (i != POOL_NONE) { /* flow_wheel_oldest() has been further than this */
			put_into(w, i, FLOW_WHEEL_READY);
			break;
		}
		if (w->next > due)
			break;
		sort_slot(w);
		if (w->head[FLOW_WHEEL_READY] == POOL_NONE)
			w->next++;
	}
	return POOL_NONE;
}

/* After a leap in time the next flow may be millions of slots away: look at all
 * flows once instead. */
static void leap(struct flow_wheel *w)
{
	uint32_t all = POOL_NONE, h, i, after;
	int64_t min = INT64_MAX;

	for (h = 0; h < FLOW_WHEEL_SLOTS; h++) {
		for (i = w->head[h]; i != POOL_NONE; i = after) {
			after = cold_at(w, i)->next;
			cold_at(w, i)->next = all;
			all = i;
			if (last_clock(w, i) < min)
				min = last_clock(w, i);
		}
		w->head[h] = POOL_NONE;
	}
	w->next = slot_of(w, min);
	w->n = 0;
	for (i = all; i != POOL_NONE; i = after) {
		after = cold_at(w, i)->next;
		put(w, i);
	}
}

uint32_t flow_wheel_oldest(struct flow_wheel *w)
{
	int steps = 0;
	uint32_t i;

	while (w->n) {
		i = take_ready(w);
		if (i != POOL_NONE)
			return i;
		sort_slot(w);
		if (w->head[FLOW_WHEEL_READY] != POOL_NONE)
			continue;
		if (++steps < FLOW_WHEEL_SLOTS) {
			w->next++;
		} else {
			leap(w);
			steps = 0;
		}
	}
	return POOL_NONE;
}
