/* Arrays that grow. */
#include "base/vec.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void test_grow(void **state)
{
	uint32_t *v = NULL;
	size_t size = 0, moved = 0, before, i;

	(void)state;
	assert_int_equal(vec_reserve(&v, &size, 0, sizeof(*v)), 0);
	assert_null(v); /* nothing was asked for */
	for (i = 0; i < 100000; i++) {
		before = size;
		assert_int_equal(vec_reserve(&v, &size, i + 1, sizeof(*v)), 0);
		assert_true(size > i);
		moved += size != before;
		v[i] = (uint32_t)i;
	}
	/* 16 at first, and doubled 13 times: 16 * 2^13 = 131072 */
	assert_int_equal(moved, 14);
	assert_int_equal(size, 131072);
	for (i = 0; i < 100000; i++)
		assert_int_equal(v[i], i);
	assert_int_equal(vec_reserve(&v, &size, 1000000, sizeof(*v)), 0);
	assert_int_equal(size, 1000000); /* more than twice as many at once */
	assert_int_equal(v[99999], 99999);
	free(v);
}

static void test_too_many(void **state)
{
	uint32_t *v = NULL, *was;
	size_t size = 0;

	(void)state;
	assert_int_equal(vec_reserve(&v, &size, 3, sizeof(*v)), 0);
	was = v;
	assert_int_equal(vec_reserve(&v, &size, SIZE_MAX, sizeof(*v)), -ENOMEM);
	assert_int_equal(vec_reserve(&v, &size, SIZE_MAX / 2 + 1, sizeof(*v)), -ENOMEM);
	assert_ptr_equal(v, was);
	assert_int_equal(size, 16);
	free(v);
}

static void test_cmp_u64(void **state)
{
	/* 2^63 and 2^32 tell what is not cut to an int, nor signed */
	const uint64_t v[] = {0, 1, UINT64_C(1) << 32, UINT64_C(1) << 63, UINT64_MAX};
	size_t i, k;

	(void)state;
	for (i = 0; i < 5; i++)
		for (k = 0; k < 5; k++)
			assert_int_equal(vec_cmp_u64(&v[i], &v[k]), i < k ? -1 : i > k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_grow),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_cmp_u64),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
