/* flow/flow_wheel.c: which flows are due, and which has been idle longest.  With a time-out of
 * 512 ns a slot is 1 ns wide, so that lists can be counted by hand: times that differ by 1024
 * share one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "flow/flow_wheel.h"
#include "rnd.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#define FLOWS 400
#define END   INT64_MIN /* of a list of times */

struct world {
	struct pool hot, cold;
	struct flow_wheel wheel;
	bool in[FLOWS];
};

static void world_init(struct world *w, int64_t timeout)
{
	*w = (struct world){.in = {false}};
	assert_int_equal(pool_init(&w->hot, sizeof(struct flow_hot), FLOWS), 0);
	assert_int_equal(pool_init(&w->cold, sizeof(struct flow_cold), FLOWS), 0);
	flow_wheel_init(&w->wheel, &w->hot, &w->cold, timeout);
}

static void world_done(struct world *w)
{
	pool_done(&w->hot);
	pool_done(&w->cold);
}

static int64_t *clock_of(struct world *w, uint32_t i)
{
	return &((struct flow_hot *)pool_at(&w->hot, i))->last_clock;
}

static void add(struct world *w, uint32_t i, int64_t clock)
{
	*clock_of(w, i) = clock;
	flow_wheel_add(&w->wheel, i);
	w->in[i] = true;
}

/* Takes note of a flow that was taken out. */
static uint32_t out(struct world *w, uint32_t i)
{
	if (i == POOL_NONE)
		return i;
	assert_true(i < FLOWS && w->in[i]);
	w->in[i] = false;
	return i;
}

static uint32_t expire(struct world *w, int64_t clock)
{
	return out(w, flow_wheel_expire(&w->wheel, clock));
}

static uint32_t oldest(struct world *w)
{
	return out(w, flow_wheel_oldest(&w->wheel));
}

/* Flow i of a case has times[i]; those of 'due' must come, and no others. */
static void table(void **state)
{
	static const struct {
		int64_t times[6];
		int64_t clock;
		unsigned due; /* a bit per flow */
	} cases[] = {
		{{0, END}, 0, 0},
		{{0, END}, 512, 0}, /* not longer than the time-out */
		{{0, END}, 515, 1}, /* the latest that it may be noticed: 513, and 1/256 of 512 */
		{{0, 100, 200, END}, 615, 3},
		{{200, 100, 0, END}, 615, 6},
		{{0, 1, 1, 1, END}, 600, 15},
		{{0, 1024, END}, 1100, 1},    /* in the list of a flow that is not due */
		{{0, 0, 1024, END}, 1100, 3}, /* two of them */
		{{0, 1024, 0, 2048, END}, 2100, 7},
		{{5, 1029, 2053, END}, 100000, 7}, /* after a leap */
		{{5, 99000, 1029, END}, 99200, 5},
		{{5, 99999, 1029, 99000, END}, 100000, 13},
		{{-5000, -3, 0, END}, 511, 3},
		{{-1025, -1, 1023, END}, 1100, 3},
		{{INT64_MAX - 3000, INT64_MAX, END}, INT64_MAX, 1},
		{{INT64_MIN + 1, INT64_MAX - 1, INT64_MAX, END}, INT64_MAX, 1},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		unsigned got = 0;
		struct world w;
		uint32_t k;

		world_init(&w, 512);
		for (k = 0; cases[i].times[k] != END; k++)
			add(&w, k, cases[i].times[k]);
		while ((k = expire(&w, cases[i].clock)) != POOL_NONE)
			got |= 1u << k;
		if (got != cases[i].due)
			fail_msg("case %zu: flows %x are due, not %x", i, cases[i].due, got);
		world_done(&w);
	}
}

/* Time-outs and times where sums would overflow. */
static void extremes(void **state)
{
	static const int64_t timeouts[] = {1, 2, 511, 1024, INT64_MAX - 1, INT64_MAX};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(timeouts); i++) {
		struct world w;

		world_init(&w, timeouts[i]);
		add(&w, 0, INT64_MIN);
		add(&w, 1, INT64_MIN + 1);
		assert_int_equal(expire(&w, INT64_MIN + 1), POOL_NONE);
		add(&w, 2, INT64_MAX);
		/* 2^64 - 1 and 2^64 - 2 ns are longer than any time-out */
		assert_int_equal(expire(&w, INT64_MAX) + expire(&w, INT64_MAX), 1);
		assert_int_equal(expire(&w, INT64_MAX), POOL_NONE);
		assert_int_equal(oldest(&w), 2);
		assert_int_equal(oldest(&w), POOL_NONE);
		world_done(&w);
	}
}

/* Packets do not move their flow: it is looked at again when its old time comes. */
static void packets(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 512);
	add(&w, 0, 0);
	add(&w, 1, 0);
	add(&w, 2, 1);
	*clock_of(&w, 0) = 700;
	*clock_of(&w, 2) = 1024;
	assert_int_equal(expire(&w, 800), 1);
	assert_int_equal(expire(&w, 800), POOL_NONE);
	assert_int_equal(expire(&w, 1212), POOL_NONE);
	assert_int_equal(expire(&w, 1215), 0);
	assert_int_equal(expire(&w, 1536), POOL_NONE);
	assert_int_equal(expire(&w, 1539), 2);
	world_done(&w);
}

static void removal(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 512);
	add(&w, 0, 7);
	add(&w, 1, 7);
	add(&w, 2, 7);
	add(&w, 3, 1031);
	flow_wheel_remove(&w.wheel, 1); /* in the middle, first, last of their list */
	flow_wheel_remove(&w.wheel, 3);
	flow_wheel_remove(&w.wheel, 0);
	assert_int_equal(w.wheel.n, 1);
	assert_int_equal(expire(&w, 5000), 2);
	assert_int_equal(expire(&w, 5000), POOL_NONE);
	add(&w, 0, 5000);
	assert_int_equal(oldest(&w), 0);
	assert_int_equal(oldest(&w), POOL_NONE);
	world_done(&w);
}

/* Also where the wheel has not been turned for long, and lists hold several turns. */
static void order(void **state)
{
	static const int64_t times[] = {1024, 3, 5000, 0, 1027, 2048, 100000, 6, 4};
	static const uint32_t want[] = {3, 1, 8, 7, 0, 4, 5, 2, 6};
	struct world w;
	size_t i;

	(void)state;
	world_init(&w, 512);
	for (i = 0; i < COUNT(times); i++)
		add(&w, (uint32_t)i, times[i]);
	for (i = 0; i < COUNT(want); i++)
		assert_int_equal(oldest(&w), want[i]);
	assert_int_equal(oldest(&w), POOL_NONE);

	/* a packet makes it the youngest */
	add(&w, 0, 100001);
	add(&w, 1, 100002);
	*clock_of(&w, 0) = 100500;
	assert_int_equal(oldest(&w), 1);
	assert_int_equal(oldest(&w), 0);

	/* one that was next to leave, but had a packet before it was asked for again */
	add(&w, 0, 200000);
	add(&w, 1, 200000);
	add(&w, 2, 200000);
	i = oldest(&w);
	*clock_of(&w, (uint32_t)(i + 1) % 3) = 200100;
	assert_int_equal(oldest(&w), (i + 2) % 3);
	assert_int_equal(expire(&w, 200520), POOL_NONE);
	assert_int_equal(expire(&w, 200700), (i + 1) % 3);
	world_done(&w);
}

/* No flow stays that is due for 1/256 time-out; none goes that is not due. */
static void check_due(struct world *w, int64_t clock, int64_t timeout)
{
	uint32_t i;

	while ((i = expire(w, clock)) != POOL_NONE)
		assert_true(clock - *clock_of(w, i) > timeout);
	for (i = 0; i < FLOWS; i++)
		if (w->in[i])
			assert_true(clock - *clock_of(w, i) <= timeout + timeout / 256 + 2);
}

static void check_oldest(struct world *w)
{
	uint32_t i, first = oldest(w);

	for (i = 0; i < FLOWS && first != POOL_NONE; i++)
		if (w->in[i])
			assert_true(*clock_of(w, first) - *clock_of(w, i) <= w->wheel.tick);
}

/* Against looking at all flows. */
static void any_program(void **state)
{
	unsigned run, step;

	(void)state;
	for (run = 0; run < 300; run++) {
		static const int64_t timeouts[] = {1, 100, 512, 5000, 1000000};
		int64_t timeout = timeouts[rnd(COUNT(timeouts))], clock = 0;
		uint32_t steps[] = {1, 2, (uint32_t)timeout, (uint32_t)timeout * 2,
				    (uint32_t)timeout * 9};
		struct world w;

		world_init(&w, timeout);
		for (step = 0; step < 400; step++) {
			uint32_t i = rnd(FLOWS);

			clock += rnd(8) ? 0 : rnd(steps[rnd(COUNT(steps))]);
			if (!w.in[i]) {
				add(&w, i, clock);
			} else if (rnd(8)) {
				*clock_of(&w, i) = clock;
			} else {
				flow_wheel_remove(&w.wheel, out(&w, i));
			}
			if (rnd(100) == 0)
				check_due(&w, clock, timeout);
			if (rnd(50) == 0)
				check_oldest(&w);
		}
		check_due(&w, clock + 10 * timeout + 10, timeout);
		assert_int_equal(w.wheel.n, 0);
		world_done(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table),   cmocka_unit_test(extremes),
		cmocka_unit_test(packets), cmocka_unit_test(removal),
		cmocka_unit_test(order),   cmocka_unit_test(any_program),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
