#include "run/reorder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void put(struct reorder *r, int64_t ts, uint64_t number)
{
	char byte = (char)number;
	struct pkt p = {
		.ts = ts, .number = number, .data = (const uint8_t *)&byte, .caplen = 1, .len = 1};

	assert_int_equal(reorder_put(r, &p, number * 10), 0);
}

static void comes_out_in_time_order(void **state)
{
	static const uint64_t order[] = {3, 1, 4, 6, 5, 2};
	struct reorder r;
	uint64_t serial;
	struct pkt p;
	size_t i;

	(void)state;
	reorder_init(&r, 1 << 20);
	put(&r, 20, 1);
	put(&r, 90, 2);
	put(&r, -5, 3);
	put(&r, 20, 4); /* equal times keep their order */
	put(&r, 70, 5);
	put(&r, 30, 6);
	for (i = 0; i < 6; i++) {
		assert_true(reorder_take(&r, &p, &serial));
		assert_int_equal(p.number, order[i]);
		assert_int_equal(p.data[0], order[i]);
		assert_int_equal(serial, order[i] * 10);
	}
	assert_false(reorder_take(&r, &p, &serial));
	assert_false(r.broken);
	reorder_done(&r);
}

static void many_in_and_out(void **state)
{
	struct reorder r;
	uint64_t serial, x = 1, taken = 0;
	int64_t last = INT64_MIN;
	struct pkt p;
	int i;

	(void)state;
	reorder_init(&r, UINT64_MAX);
	for (i = 1; i <= 20000; i++) {
		x = x * 6364136223846793005u + 1442695040888963407u;
		put(&r, i * 10 + (int64_t)(x >> 60), (uint64_t)i); /* at most two places off */
		if (i % 3 && i > 10) {
			assert_true(reorder_take(&r, &p, &serial));
			assert_true(p.ts >= last);
			last = p.ts;
			taken++;
		}
	}
	while (reorder_take(&r, &p, &serial)) {
		assert_true(p.ts >= last);
		last = p.ts;
		taken++;
	}
	assert_int_equal(taken, 20000);
	assert_int_equal(r.bytes, 0);
	reorder_done(&r);
}

static void says_when_room_was_too_small(void **state)
{
	struct reorder r;
	uint64_t serial;
	struct pkt p;

	(void)state;
	reorder_init(&r, 1); /* less than one packet takes */
	assert_false(reorder_full(&r));
	put(&r, 50, 1);
	assert_true(reorder_full(&r));
	assert_true(reorder_take(&r, &p, &serial));
	put(&r, 40, 2);
	assert_true(reorder_take(&r, &p, &serial));
	assert_true(r.broken);
	put(&r, 60, 3);
	reorder_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comes_out_in_time_order),
		cmocka_unit_test(many_in_and_out),
		cmocka_unit_test(says_when_room_was_too_small),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
