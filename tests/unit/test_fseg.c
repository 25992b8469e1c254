/* Flow segments: what was put in comes out; cut anywhere or with any bit changed it is refused
 * or the same.  The bytes of one block are those of docs/formats.md. */
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

/* Many batches, kept to compare with. */
struct kept {
	struct batch **b;
	size_t n, rows;
};

static struct kept keep(struct make *m, size_t rows)
{
	struct kept k = {.rows = rows, .n = (rows + BATCH_ROWS - 1) / BATCH_ROWS};
	size_t i, row;

	k.b = calloc(k.n ? k.n : 1, sizeof(*k.b));
	for (i = 0; i < k.n; i++) {
		k.b[i] = make_batch();
		assert_non_null(k.b[i]);
		for (row = 0; row < BATCH_ROWS && i * BATCH_ROWS + row < rows; row++)
			make_row(m, k.b[i], row);
	}
	return k;
}

static void kept_done(struct kept *k)
{
	size_t i;

	for (i = 0; i < k->n; i++)
		batch_free(k->b[i]);
	free(k->b);
}

static uint32_t version_of(size_t row)
{
	return row % 7 == 0 ? (uint32_t)row : 1;
}

/* All rows as one or more blocks. */
static void encode(struct fseg_writer *w, const struct kept *k, struct buf *out)
{
	uint32_t versions[BATCH_ROWS];
	size_t i, at, row = 0;

	for (i = 0; i < k->n; i++) {
		for (at = 0; at < k->b[i]->n; at++)
			versions[at] = version_of(row + at);
		for (at = 0; at < k->b[i]->n;) {
			int64_t n = fseg_add(w, k->b[i], at, versions);

			assert_true(n >= 0);
			at += (size_t)n;
			if (at < k->b[i]->n)
				assert_int_equal(fseg_end(w, out), 0);
		}
		row += k->b[i]->n;
	}
	assert_int_equal(fseg_end(w, out), 0);
}

static bool same_val(enum val_type type, const union val *a, const union val *b)
{
	if (type == VAL_F64) /* to the bit: -0, NaN */
		return memcmp(&a->f64, &b->f64, 8) == 0;
	return val_cmp(type, a, b) == 0;
}

static void same_cell(const struct batch *a, size_t i, const struct batch *b, size_t k, size_t f)
{
	union val x, y;
	bool has = f != MAKE_HASHED && col_get(a->cols[f], i, &x);

	if (has != col_get(b->cols[f], k, &y))
		fail_msg("row %zu: %s", i, make_fields[f].name);
	if (has && make_fields[f].type == VAL_STR && x.str.len > FSEG_STR_MAX)
		x.str.len = FSEG_STR_MAX;
	if (has && !same_val(make_fields[f].type, &x, &y))
		fail_msg("row %zu: %s", i, make_fields[f].name);
}

/* Reads all blocks and compares with what was written. */
static void compare(const struct buf *in, const struct kept *k)
{
	struct batch *b = make_batch();
	uint64_t versions[BATCH_ROWS];
	size_t at = 0, row = 0, place, i, f;
	struct fseg *r = NULL;
	struct err err = {0};
	int n;

	assert_int_equal(fseg_new(&r, &make_schema), 0);
	for (; at < in->len; at += fseg_opened(r)->size) {
		if (fseg_open(r, (uint8_t *)in->p + at, in->len - at, &err) < 0)
			fail_msg("%s", err.text);
		if (fseg_verify(r, &err) < 0)
			fail_msg("%s", err.text);
		for (place = 0; (n = fseg_batch(r, b, NULL, &place, versions, &err)) > 0;)
			for (i = 0; i < (size_t)n; i++, row++) {
				const struct batch *want = k->b[row / BATCH_ROWS];
				size_t at_row = row % BATCH_ROWS;

				assert_true(b->serial[i] == want->serial[at_row]);
				assert_true(versions[i] == version_of(row));
				for (f = 0; f < MAKE_N; f++)
					same_cell(want, at_row, b, i, f);
			}
		if (n < 0)
			fail_msg("%s", err.text);
	}
	assert_int_equal(row, k->rows);
	fseg_free(r);
	batch_free(b);
}

static void test_random(void **state)
{
	static const size_t sizes[] = {1,    2,    3,    63,   64,   65,   200,  1000,
				       1023, 1024, 1025, 2048, 4096, 5000, 12345};
	struct fseg_opts o = make_opts();
	CLEANUP(buf_done) struct buf out = BUF_INIT;
	struct fseg_writer *w;
	struct make m;
	uint64_t seed;

	(void)state;
	assert_int_equal(fseg_writer_new(&w, &o), 0);
	for (seed = 0; seed < 120; seed++) {
		struct kept k;

		make_init(&m, seed);
		k = keep(&m, sizes[seed % (sizeof(sizes) / sizeof(sizes[0]))]);
		buf_clear(&out);
		encode(w, &k, &out);
		compare(&out, &k);
		kept_done(&k);
	}
	fseg_writer_free(w);
}

/* More rows than a block holds. */
static void test_many(void **state)
{
	struct fseg_opts o = make_opts();
	struct buf out = BUF_INIT;
	struct fseg_writer *w;
	struct make m;
	struct kept k;

	(void)state;
	make_init(&m, 21);
	k = keep(&m, FSEG_ROWS + 100);
	assert_int_equal(fseg_writer_new(&w, &o), 0);
	encode(w, &k, &out);
	compare(&out, &k);
	fseg_writer_free(w);
	buf_done(&out);
	kept_done(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
