/* Expected texts are those of the C library's printf. */
#include "base/num.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define RANDOM 20000

/* Calls 'check' with every number next to a power of ten or two, and with others
 * of all lengths. */
static void for_each_number(void (*check)(uint64_t v))
{
	uint64_t ten = 1, rnd = 1;
	int i, k;

	for (i = 0; i < 20; i++, ten *= 10)
		for (k = -2; k <= 2; k++)
			check(ten + (uint64_t)k);
	for (i = 0; i < 64; i++)
		for (k = -2; k <= 2; k++)
			check((UINT64_C(1) << i) + (uint64_t)k);
	for (i = 0; i < RANDOM; i++) {
		rnd = rnd * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		check(rnd >> i % 64);
	}
}

static void check_u64(uint64_t v)
{
	char want[32], got[NUM_U64_MAX + 1];

	snprintf(want, sizeof(want), "%" PRIu64, v);
	*num_u64(got, v) = '\0';
	assert_string_equal(got, want);
}

static void check_i64(uint64_t v)
{
	char want[32], got[NUM_I64_MAX + 1];

	snprintf(want, sizeof(want), "%" PRId64, (int64_t)v);
	*num_i64(got, (int64_t)v) = '\0';
	assert_string_equal(got, want);
}

static void check_ns(uint64_t v)
{
	int64_t ns = (int64_t)v;
	uint64_t abs = ns < 0 ? 0 - v : v;
	char want[32], got[NUM_NS_MAX + 1];

	snprintf(want, sizeof(want), "%s%" PRIu64 ".%09" PRIu64, ns < 0 ? "-" : "",
		 abs / 1000000000, abs % 1000000000);
	*num_ns(got, ns) = '\0';
	assert_string_equal(got, want);
}

static void check_fixed(uint64_t v)
{
	char want[32], got[32];
	uint64_t limit = 1;
	unsigned digits;

	for (digits = 1; digits <= 19; digits++) {
		limit *= 10;
		snprintf(want, sizeof(want), "%0*" PRIu64, (int)digits, v % limit);
		*num_fixed(got, v % limit, digits) = '\0';
		assert_string_equal(got, want);
	}
}

static void unsigned_numbers(void **state)
{
	(void)state;
	for_each_number(check_u64);
}

static void signed_numbers(void **state)
{
	(void)state;
	for_each_number(check_i64);
}

static void times(void **state)
{
	(void)state;
	for_each_number(check_ns);
}

static void fixed_numbers(void **state)
{
	(void)state;
	for_each_number(check_fixed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unsigned_numbers),
		cmocka_unit_test(signed_numbers),
		cmocka_unit_test(times),
		cmocka_unit_test(fixed_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
