#include "run/drops.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static void between_two_times(void **state)
{
	struct drops *d = calloc(1, sizeof(*d));

	(void)state;
	drops_add(d, 100, 5);
	drops_add(d, 300, 7);
	drops_add(d, 200, 1); /* not in order */
	drops_add(d, 200, 2); /* the same time again */
	assert_int_equal(drops_between(d, 0, 99), 0);
	assert_int_equal(drops_between(d, 100, 100), 5);
	assert_int_equal(drops_between(d, 101, 200), 3);
	assert_int_equal(drops_between(d, 0, 1000), 15);
	assert_int_equal(drops_between(d, 301, 1000), 0);
	free(d);
}

static void sum_survives_too_many(void **state)
{
	struct drops *d = calloc(1, sizeof(*d));
	int i;

	(void)state;
	for (i = 0; i < 10 * DROPS_MAX; i++)
		drops_add(d, (int64_t)(i * 7919 % 100003) * 10, 2);
	assert_true(d->n <= DROPS_MAX);
	assert_int_equal(drops_between(d, 0, INT64_MAX), 2 * 10 * DROPS_MAX);
	free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(between_two_times),
		cmocka_unit_test(sum_survives_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
