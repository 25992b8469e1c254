/* What several threads take of something that is limited, by count. */
#include "run/quota.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define THREADS 4
#define QUOTAS  200000 /* the threads run through them side by side, and meet at many */
#define ASK     2      /* each thread of each quota */

struct taker {
	struct quota *quotas;
	uint64_t got;
	pthread_barrier_t *begin;
};

static void *take(void *arg)
{
	struct taker *t = arg;
	size_t i;
	int k;

	pthread_barrier_wait(t->begin);
	for (i = 0; i < QUOTAS; i++)
		for (k = 0; k < ASK; k++)
			t->got += quota_take(&t->quotas[i]);
	return NULL;
}

static void test_threads(void **state)
{
	/* of each quota; the last two are more than is asked for */
	static const uint64_t maxs[] = {1, 2, THREADS * ASK - 1, THREADS * ASK + 1, 0};
	size_t i, n;
	int k;

	(void)state;
	for (i = 0; i < sizeof(maxs) / sizeof(maxs[0]); i++) {
		uint64_t all = 0, each = THREADS * ASK;
		struct taker t[THREADS];
		pthread_t threads[THREADS];
		pthread_barrier_t begin;
		struct quota *q = calloc(QUOTAS, sizeof(*q));

		assert_non_null(q);
		for (n = 0; n < QUOTAS; n++)
			q[n].max = maxs[i];
		pthread_barrier_init(&begin, NULL, THREADS);
		for (k = 0; k < THREADS; k++) {
			t[k] = (struct taker){.quotas = q, .begin = &begin};
			assert_int_equal(pthread_create(&threads[k], NULL, take, &t[k]), 0);
		}
		for (k = 0; k < THREADS; k++) {
			pthread_join(threads[k], NULL);
			all += t[k].got;
		}
		pthread_barrier_destroy(&begin);
		if (maxs[i] && maxs[i] < each)
			each = maxs[i];
		assert_int_equal(all, QUOTAS * each);
		free(q);
	}
}

static void test_one(void **state)
{
	struct quota q = {.max = 2};

	(void)state;
	assert_false(quota_is_out(&q));
	assert_true(quota_take(&q));
	assert_false(quota_is_out(&q));
	assert_true(quota_take(&q));
	assert_true(quota_is_out(&q)); /* known with the last one, not with the first refused */
	assert_false(quota_take(&q));
	assert_false(quota_take(&q));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one),
		cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
