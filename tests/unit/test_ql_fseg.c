/* Flow segments, read as codes: the rows are those that are read as values, whatever is put behind
 * whatever. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "fseg_make.h"

#define ROWS   3000
#define BLOCKS 3 /* in two readers, the third instead of the second */

/* A block of random rows. */
static void make_block(uint64_t seed, struct buf *ret)
{
	CLEANUP(fseg_writer_freep) struct fseg_writer *w = NULL;
	struct make *m = test_calloc(1, sizeof(*m));
	struct fseg_opts o = make_opts();
	size_t row, at = 0;

	make_init(m, seed);
	assert_int_equal(fseg_writer_new(&w, &o), 0);
	for (row = 0; row < ROWS;) {
		struct batch *b = make_batch();

		for (at = 0; at < BATCH_ROWS && row < ROWS; at++, row++)
			make_row(m, b, at);
		assert_int_equal(fseg_add(w, b, 0), b->n);
		batch_free(b);
	}
	assert_int_equal(fseg_end(w, ret), 0);
	test_free(m);
}

static void check_same(const struct batch *plain, const struct batch *coded)
{
	union val a, b;
	size_t i, f;

	assert_int_equal(plain->n, coded->n);
	for (i = 0; i < plain->n; i++) {
		assert_int_equal(plain->serial[i], coded->serial[i]);
		for (f = 0; f < MAKE_N; f++) {
			const struct col *c = coded->cols[f];
			bool has = col_get(plain->cols[f], i, &a);

			assert_int_equal(has, col_get(c, i, &b));
			if (has)
				assert_int_equal(val_cmp(c->type, &a, &b), 0);
			if (c->dict.n)
				assert_true(c->code[i] < c->dict.n);
		}
	}
}

/* Picks a run of rows, or any. */
static size_t pick(uint64_t *x, size_t room, uint32_t *rows)
{
	size_t n = make_rnd(x) % room + 1, i;
	uint32_t first = (uint32_t)(make_rnd(x) % (ROWS - n));
	bool run = make_rnd(x) % 2;

	for (i = 0; i < n; i++)
		rows[i] = run ? first + (uint32_t)i : (uint32_t)(make_rnd(x) % ROWS);
	return n;
}

static size_t with_codes(const struct batch *b)
{
	size_t f, n = 0;

	for (f = 0; f < MAKE_N; f++)
		n += b->cols[f]->dict.n != 0;
	return n;
}

static void check_readers(uint64_t seed, size_t *coded, size_t *settled)
{
	struct buf blocks[BLOCKS] = {BUF_INIT, BUF_INIT, BUF_INIT};
	struct batch *plain = make_batch(), *codes = make_batch();
	struct fseg *f[2] = {NULL, NULL};
	uint32_t rows[BATCH_ROWS];
	uint64_t x = seed;
	size_t i, k, n, before;

	for (i = 0; i < BLOCKS; i++)
		make_block(seed * BLOCKS + i, &blocks[i]);
	for (i = 0; i < MAKE_N; i++)
		assert_int_equal(batch_code(codes, i), 0);
	for (i = 0; i < 2; i++) {
		assert_int_equal(fseg_new(&f[i], &make_schema), 0);
		assert_int_equal(fseg_open(f[i], (uint8_t *)blocks[i].p, blocks[i].len, NULL), 0);
	}
	for (k = 0; k < 60; k++) {
		struct fseg *from = f[make_rnd(&x) % 4 == 0];

		if (plain->n > BATCH_ROWS / 2 || make_rnd(&x) % 5 == 0) {
			batch_clear(plain);
			batch_clear(codes);
			i = 1 + make_rnd(&x) % 2;
			fseg_open(f[1], (uint8_t *)blocks[i].p, blocks[i].len, NULL);
		}
		n = pick(&x, 300, rows);
		before = with_codes(codes);
		assert_int_equal(fseg_gather(from, plain, rows, n, NULL), 0);
		assert_int_equal(fseg_gather(from, codes, rows, n, NULL), 0);
		check_same(plain, codes);
		*coded += with_codes(codes) != 0;
		*settled += before && with_codes(codes) < before;
		if (make_rnd(&x) % 4 == 0) {
			batch_move(plain, 0, plain->n - 1);
			batch_move(codes, 0, codes->n - 1);
			batch_cut(plain, plain->n / 2);
			batch_cut(codes, codes->n / 2);
			check_same(plain, codes);
		}
	}
	for (i = 0; i < 2; i++)
		fseg_free(f[i]);
	for (i = 0; i < BLOCKS; i++)
		buf_done(&blocks[i]);
	batch_free(plain);
	batch_free(codes);
}

static void codes_are_values(void **state)
{
	size_t coded = 0, settled = 0;
	uint64_t seed;

	(void)state;
	for (seed = 1; seed <= 12; seed++)
		check_readers(seed, &coded, &settled);
	assert_true(coded > 100);
	assert_true(settled > 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(codes_are_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
