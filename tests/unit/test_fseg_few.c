/* Flow segments: some rows of a block are what they were, whether the block is decoded for them or
 * not, in any order, many times or once. */
#include "fmt/fseg.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "fseg_make.h"

#define PARTS 5 /* batches of a block */
#define MOST  70

struct block {
	struct make m; /* has the texts of the rows */
	struct batch *b[PARTS];
	size_t rows;
	struct buf quick, full;
};

static void block_make(struct block *k, uint64_t seed)
{
	struct fseg_opts o = make_opts();
	struct fseg_writer *w;
	size_t i, row;

	*k = (struct block){.rows = 0};
	make_init(&k->m, seed);
	assert_int_equal(fseg_writer_new(&w, &o), 0);
	for (i = 0; i < PARTS; i++) {
		k->b[i] = make_batch();
		assert_non_null(k->b[i]);
		for (row = 0; row < (i == PARTS - 1 ? seed % BATCH_ROWS + 1 : BATCH_ROWS); row++)
			make_row(&k->m, k->b[i], row);
		assert_int_equal(fseg_add(w, k->b[i], 0), k->b[i]->n);
		k->rows += k->b[i]->n;
	}
	assert_int_equal(fseg_put_fresh(w, &k->quick), 0);
	assert_int_equal(fseg_end(w, &k->full), 0);
	fseg_writer_free(w);
}

static void block_done(struct block *k)
{
	size_t i;

	for (i = 0; i < PARTS; i++)
		batch_free(k->b[i]);
	buf_done(&k->quick);
	buf_done(&k->full);
}

static void same_row(const struct block *k, size_t row, const struct batch *b, size_t at)
{
	const struct batch *from = k->b[row / BATCH_ROWS];
	union val x, y;
	size_t f;

	row %= BATCH_ROWS;
	assert_true(b->serial[at] == from->serial[row]);
	for (f = 0; f < MAKE_N; f++) {
		bool has = f != MAKE_HASHED && col_get(from->cols[f], row, &x);

		assert_int_equal(col_get(b->cols[f], at, &y), has);
		if (!has)
			continue;
		if (make_fields[f].type == VAL_STR && x.str.len > FSEG_STR_MAX)
			x.str.len = FSEG_STR_MAX;
		if (make_fields[f].type == VAL_F64)
			assert_true(x.u64 == y.u64);
		else
			assert_int_equal(val_cmp(make_fields[f].type, &x, &y), 0);
	}
}

/* 'times' calls to a reader that has one block open. */
static void gather(const struct block *k, const struct buf *block, uint64_t *rnd, size_t times)
{
	struct batch *b = make_batch();
	uint32_t rows[MOST];
	struct err err = {0};
	struct fseg *f;
	size_t n, i, had;

	assert_int_equal(fseg_new(&f, &make_schema), 0);
	assert_int_equal(fseg_open(f, (uint8_t *)block->p, block->len, NULL), 0);
	for (; times; times--) {
		n = 1 + make_rnd(rnd) % MOST;
		had = b->n;
		for (i = 0; i < n; i++)
			rows[i] = (uint32_t)(make_rnd(rnd) % k->rows);
		if (fseg_gather(f, b, rows, n, &err) < 0)
			fail_msg("%s", err.text);
		assert_int_equal(b->n, had + n);
		for (i = 0; i < n; i++)
			same_row(k, rows[i], b, had + i);
	}
	fseg_free(f);
	batch_free(b);
}

static void test_few(void **state)
{
	struct block k;
	uint64_t seed;

	(void)state;
	for (seed = 500; seed < 560; seed++) {
		uint64_t rnd = seed;

		block_make(&k, seed);
		gather(&k, &k.full, &rnd, 1);
		gather(&k, &k.full, &rnd, 12);
		gather(&k, &k.quick, &rnd, 1);
		gather(&k, &k.quick, &rnd, 12);
		block_done(&k);
	}
}

/* A column that was asked for before is as a whole what it is otherwise, and the other way round.
 */
static void test_mixed(void **state)
{
	struct batch *b = make_batch();
	struct fseg_column c;
	struct fseg *f;
	struct block k;
	uint64_t seed;
	size_t field;

	(void)state;
	assert_int_equal(fseg_new(&f, &make_schema), 0);
	for (seed = 600; seed < 620; seed++) {
		uint32_t rows[] = {(uint32_t)(seed * 7), 3, 3};

		block_make(&k, seed);
		assert_int_equal(fseg_open(f, (uint8_t *)k.full.p, k.full.len, NULL), 0);
		for (field = seed % 3; field < MAKE_N; field += 3)
			assert_true(fseg_column(f, field, &c, NULL) <= 0);
		batch_clear(b);
		assert_int_equal(fseg_gather(f, b, rows, 3, NULL), 0);
		same_row(&k, rows[0], b, 0);
		same_row(&k, 3, b, 1);
		same_row(&k, 3, b, 2);
		assert_int_equal(fseg_verify(f, NULL), 0);
		assert_int_equal(fseg_gather(f, b, rows, 2, NULL), 0);
		same_row(&k, rows[0], b, 3);
		same_row(&k, 3, b, 4);
		block_done(&k);
	}
	fseg_free(f);
	batch_free(b);
}

/* Damage of a column is found when a row of it is asked for. */
static void test_damage(void **state)
{
	struct batch *b = make_batch();
	uint32_t row = 9;
	struct fseg_head head;
	struct fseg *f;
	struct block k;
	size_t at;

	(void)state;
	block_make(&k, 700);
	assert_int_equal(fseg_new(&f, &make_schema), 0);
	assert_int_equal(fseg_head((uint8_t *)k.quick.p, k.quick.len, &head), 0);
	/* the quick block has no filters and no hashes: all that follows the directory is looked at
	 */
	for (at = head.dir; at < k.quick.len; at += 997) {
		k.quick.p[at] ^= 4;
		assert_int_equal(fseg_open(f, (uint8_t *)k.quick.p, k.quick.len, NULL), 0);
		batch_clear(b);
		assert_int_equal(fseg_gather(f, b, &row, 1, NULL), -EBADMSG);
		assert_int_equal(b->n, 0);
		k.quick.p[at] ^= 4;
	}
	fseg_free(f);
	block_done(&k);
	batch_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_few),
		cmocka_unit_test(test_mixed),
		cmocka_unit_test(test_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
