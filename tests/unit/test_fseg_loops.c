/* The loops of flow segments: those for this processor and those for any do the same, and what
 * their names say. */
#include "fmt/fseg_loops.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define N 133 /* more than some vectors, and a rest */

static uint64_t rnd(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

/* As the header says, one number after the other. */
static void check(const struct fseg_loops *l, const uint64_t *v, size_t n)
{
	uint64_t t[N], u[N], min = UINT64_MAX, max = 0, sum;
	int64_t smin = INT64_MAX, smax = INT64_MIN;
	struct fseg_range r;
	uint8_t planes[8][N];
	uint32_t narrow[N];
	const uint8_t *p[8];
	unsigned k, m;
	size_t i;

	for (i = 0; i < n; i++) {
		min = v[i] < min ? v[i] : min;
		max = v[i] > max ? v[i] : max;
		smin = (int64_t)v[i] < smin ? (int64_t)v[i] : smin;
		smax = (int64_t)v[i] > smax ? (int64_t)v[i] : smax;
	}
	l->range(v, n, &r);
	assert_true(r.min == min && r.max == max && r.smin == smin && r.smax == smax);
	assert_int_equal(l->differ(v, n, v[0]) != 0, min != max);

	l->minus(t, v, n, 12345);
	for (i = 0; i < n; i++)
		assert_true(t[i] == v[i] - 12345);
	l->scale(t, n, 1, 12345);
	assert_memory_equal(t, v, n * sizeof(*v));
	l->scale(t, n, 1000003, 7);
	for (i = 0; i < n; i++)
		assert_true(t[i] == v[i] * 1000003 + 7);

	l->zigzag(t, v, n);
	for (i = 0; i < n; i++)
		assert_true(t[i] == ((int64_t)v[i] < 0 ? ~(v[i] << 1) : v[i] << 1));
	l->unzigzag(t, n);
	assert_memory_equal(t, v, n * sizeof(*v));

	l->differences(t, v, n);
	assert_true(t[0] == 0);
	l->unzigzag(t, n);
	for (i = 1, sum = v[0]; i < n; i++)
		assert_true((sum += t[i]) == v[i]);
	l->sums(t, n, v[0]);
	assert_memory_equal(t, v, n * sizeof(*v));

	for (k = 0; k < 3; k++) {
		const uint64_t factor = (uint64_t[]){1, UINT64_MAX, 14}[k];

		memcpy(u, v, n * sizeof(*v));
		l->add(u, t, n, factor);
		for (i = 0; i < n; i++)
			assert_true(u[i] == v[i] + t[i] * factor);
	}
	for (k = 0; k < 8; k++) {
		l->split(planes[k], v, n, k);
		p[k] = planes[k];
	}
	for (m = 1; m <= 8; m++) {
		uint64_t mask = m < 8 ? (UINT64_C(1) << 8 * m) - 1 : UINT64_MAX;

		l->join64(t, n, p, m);
		for (i = 0; i < n; i++)
			assert_true(t[i] == (v[i] & mask));
		if (m > 4)
			continue;
		l->join32(narrow, n, p, m);
		for (i = 0; i < n; i++)
			assert_true(narrow[i] == (v[i] & mask));
	}
}

static void test_loops(void **state)
{
	uint64_t v[N], s = 1;
	size_t n, i, turn;

	(void)state;
	for (n = 1; n <= N; n++)
		for (turn = 0; turn < 4; turn++) {
			for (i = 0; i < n; i++)
				v[i] = turn == 0   ? rnd(&s)
				       : turn == 1 ? rnd(&s) >> 60
				       : turn == 2 ? 0 - (rnd(&s) >> 40)
						   : UINT64_C(0x8000000000000000) - n % 2;
			check(fseg_loops_any(), v, n);
			check(fseg_loops(), v, n);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_loops)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
