#include "run/row_keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "rnd.h"

#define MAX 100000

static int by_start(const void *a, const void *b)
{
	const struct row_key *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return (x->serial > y->serial) - (x->serial < y->serial);
}

static void add(struct row_keys *k, int64_t start, uint32_t number)
{
	const struct row_key key = {start, number * UINT64_C(0x9e3779b97f4a7c15), number, 0};

	assert_int_equal(row_keys_add(k, &key), 0);
}

/* All that is given, behind what 'to' has; 'end' is larger than all. */
static size_t take(struct row_keys *k, struct row_key *to, size_t at, const int64_t *end)
{
	const struct row_key *p;
	size_t n, i;

	while ((p = row_keys_next(k, &n))) {
		assert_in_range(n, 1, MAX - at);
		for (i = 0; i < n; i++) {
			assert_true(!end || p[i].start < *end);
			to[at++] = p[i];
		}
	}
	return at;
}

enum shape { RANDOM, FEW_STARTS, ASCENDING, DESCENDING, ORGAN_PIPE, SHAPES };

static int64_t start_of(enum shape shape, uint32_t i, uint32_t n)
{
	switch (shape) {
	case RANDOM:
		return (int64_t)((uint64_t)rnd_any() << 32 | rnd_any());
	case FEW_STARTS:
		return rnd(3);
	case ASCENDING:
		return i;
	case DESCENDING:
		return -(int64_t)i;
	default:
		return i < n / 2 ? i : n - i;
	}
}

/* As qsort() orders them. */
static void all_come_in_order(void **state)
{
	static const uint32_t sizes[] = {0, 1, 2, 3, 23, 24, 25, 26, 100, 1000, 65536};
	struct row_key *got = calloc(MAX, sizeof(*got)), *want = calloc(MAX, sizeof(*want));
	struct row_keys k = {0};
	enum shape shape;
	size_t s, n;
	uint32_t i;

	(void)state;
	for (shape = 0; shape < SHAPES; shape++)
		for (s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
			for (i = 0; i < sizes[s]; i++) {
				int64_t start = start_of(shape, i, sizes[s]);

				add(&k, start, i);
				want[i] = (struct row_key){start, i * UINT64_C(0x9e3779b97f4a7c15),
							   i, 0};
			}
			qsort(want, sizes[s], sizeof(*want), by_start);
			row_keys_until(&k, NULL);
			n = take(&k, got, 0, NULL);
			assert_int_equal(n, sizes[s]);
			assert_memory_equal(got, want, n * sizeof(*got));
		}
	row_keys_done(&k);
	free(got);
	free(want);
}

/* Parts that overlap: what comes out is in order at all times, and nothing is missing. */
static void parts_are_merged(void **state)
{
	struct row_key *got = calloc(MAX, sizeof(*got));
	struct row_keys k = {0};
	uint32_t number = 0, round, i;
	size_t n, before = 0, early = 0;

	(void)state;
	for (round = 0; round < 50; round++) {
		int64_t begin = 0;
		uint32_t parts = 1 + rnd(40), part;

		n = 0;
		number = 0;
		for (part = 0; part < parts; part++) {
			uint32_t size = rnd(round % 2 ? 1000 : 30);

			begin += rnd(200);
			row_keys_until(&k, &begin);
			n = take(&k, got, n, &begin);
			for (i = 0; i < size; i++)
				add(&k, begin + rnd(rnd(10) ? 300 : 10000), number++);
			early += n > before && part + 1 < parts;
			before = n;
		}
		row_keys_until(&k, NULL);
		n = take(&k, got, n, NULL);
		assert_int_equal(n, number);
		for (i = 1; i < n; i++)
			assert_true(by_start(&got[i - 1], &got[i]) < 0);
	}
	assert_in_range(early, 100, SIZE_MAX); /* not all at the end */
	row_keys_done(&k);
	free(got);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_come_in_order),
		cmocka_unit_test(parts_are_merged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
