/* Clocks that are set are noticed, clocks that only run are not. */
#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/timex.h>

#include <cmocka.h>

#define SEC INT64_C(1000000000)

static void test_steps(void **state)
{
	/* Both clocks at each look, and what was done to the first since the one before. */
	static const struct {
		int64_t real, boot, step;
	} looks[] = {
		{1000 * SEC, 10 * SEC, 0},
		{1001 * SEC, 11 * SEC, 0},
		{1002 * SEC + 400000, 12 * SEC, 0}, /* noise */
		{1003 * SEC - 400000, 13 * SEC, 0},
		{1006 * SEC + 500000000, 14 * SEC, 2 * SEC + 500000000},
		{1007 * SEC + 500000000, 15 * SEC, 0},
		{1004 * SEC, 16 * SEC, -4 * SEC - 500000000},
		/* Many small ones become one. */
		{1005 * SEC + 700000, 17 * SEC, 0},
		{1006 * SEC + 1400000, 18 * SEC, 1400000},
		/* The machine slept: both went on. */
		{5006 * SEC + 1400000, 4018 * SEC, 0},
		{0, 4019 * SEC, -5007 * SEC - 1400000},
	};
	struct clock_watch w = {0};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(looks) / sizeof(looks[0]); i++)
		assert_true(clock_watch_at(&w, looks[i].real, looks[i].boot) == looks[i].step);
}

/* Time-outs go on at the pace of the boot clock, whatever is done to the other one. */
static void test_steady(void **state)
{
	static const int64_t hour = 3600 * SEC;
	struct clock_steady s = {0};

	(void)state;
	clock_steady_at(&s, 1000 * SEC, 10 * SEC);
	assert_true(s.now == 1000 * SEC);
	assert_true(clock_steady_of(&s, 999 * SEC) == 999 * SEC);
	clock_steady_at(&s, 1001 * SEC + 3 * hour, 11 * SEC); /* forward */
	assert_true(s.now == 1001 * SEC);
	assert_true(clock_steady_of(&s, 1000 * SEC + 3 * hour) == 1000 * SEC);
	clock_steady_at(&s, 1002 * SEC - 2 * hour, 12 * SEC); /* and back, by five hours */
	assert_true(s.now == 1002 * SEC);
	assert_true(clock_steady_of(&s, 1001 * SEC - 2 * hour) == 1001 * SEC);
	/* stamped before, read after: not taken for hours to come */
	assert_true(clock_steady_of(&s, 1001 * SEC + 3 * hour) == 1002 * SEC);
	clock_steady_at(&s, 1003 * SEC - 2 * hour + 400000, 13 * SEC); /* noise */
	assert_true(s.now == 1003 * SEC);
}

/* The library's other way to the same numbers. */
static void test_state(void **state)
{
	struct ntptimeval ntv;
	struct clock_state s;
	int r = ntp_gettime(&ntv);

	(void)state;
	clock_state_read(&s);
	assert_int_equal(s.sync, r == TIME_ERROR ? CLOCK_FREE : CLOCK_SYNCED);
	assert_true(s.ts >= ntv.time.tv_sec * SEC);
	/* It grows by 500 ppm meanwhile, in whole microseconds. */
	assert_in_range(s.max_error, (int64_t)ntv.maxerror * 1000, (ntv.maxerror + 1000) * 1000);
}

static void test_text(void **state)
{
	char text[CLOCK_TEXT];

	(void)state;
	assert_string_equal(clock_text(CLOCK_SYNCED, 12345678, text),
			    "synchronised, at most 12.346 ms off");
	assert_string_equal(clock_text(CLOCK_FREE, 1, text), "not synchronised");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_steps),
		cmocka_unit_test(test_steady),
		cmocka_unit_test(test_state),
		cmocka_unit_test(test_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
