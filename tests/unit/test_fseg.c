/* Flow segments: what was put in comes out. */
#include "fmt/fseg.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "fseg_kept.h"

/* The same a few rows at a time; every now and then those that are new go to 'fresh' as well. */
static void encode_fresh(struct fseg_writer *w, const struct kept *k, struct make *m,
			 struct buf *fresh, struct buf *out)
{
	size_t i, at;

	for (i = 0; i < k->n; i++)
		for (at = 0; at < k->b[i]->n;) {
			size_t n = 1 + make_rnd(&m->state) % 300;
			struct batch part = *k->b[i];

			part.n = n < part.n - at ? at + n : part.n;
			assert_int_equal(fseg_add(w, &part, at), part.n - at);
			at = part.n;
			if (make_rnd(&m->state) % 3)
				continue;
			assert_int_equal(fseg_put_fresh(w, fresh), 0);
			assert_int_equal(fseg_fresh(w), 0);
		}
	assert_int_equal(fseg_put_fresh(w, fresh), 0);
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

static int64_t smaller(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* When a row begins or ends; any time if it does not say. */
static int64_t time_of(const struct batch *b, size_t f, size_t i)
{
	union val v;

	if (b->cols[f] && col_get(b->cols[f], i, &v))
		return v.i64;
	return f == MAKE_START ? INT64_MIN : INT64_MAX;
}

/* Reads all blocks and compares with what was written. */
static void compare(const struct buf *in, const struct kept *k)
{
	struct batch *b = make_batch();
	size_t at = 0, row = 0, place, i, f;
	struct fseg *r = NULL;
	struct err err = {0};
	int64_t start, last;
	int n;

	assert_int_equal(fseg_new(&r, &make_schema), 0);
	for (; at < in->len; at += fseg_opened(r)->size) {
		if (fseg_open(r, (uint8_t *)in->p + at, in->len - at, &err) < 0)
			fail_msg("%s", err.text);
		if (fseg_verify(r, &err) < 0)
			fail_msg("%s", err.text);
		start = INT64_MAX;
		last = INT64_MIN;
		for (place = 0; (n = fseg_batch(r, b, NULL, &place, &err)) > 0;)
			for (i = 0; i < (size_t)n; i++, row++) {
				const struct batch *want = k->b[row / BATCH_ROWS];
				size_t at_row = row % BATCH_ROWS;

				assert_true(b->serial[i] == want->serial[at_row]);
				for (f = 0; f < MAKE_N; f++)
					same_cell(want, at_row, b, i, f);
				start = smaller(start, time_of(b, MAKE_START, i));
				last = -1 - smaller(-1 - last, -1 - time_of(b, MAKE_LAST, i));
			}
		if (n < 0)
			fail_msg("%s", err.text);
		assert_true(fseg_opened(r)->start == start && fseg_opened(r)->last == last);
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
		kept_encode(w, &k, &out);
		compare(&out, &k);
		kept_done(&k);
	}
	fseg_writer_free(w);
}

/* Rows that are put before their block is made are all there, once, and change nothing of it. */
static void test_fresh(void **state)
{
	struct fseg_opts o = make_opts();
	CLEANUP(buf_done) struct buf out = BUF_INIT, fresh = BUF_INIT, want = BUF_INIT;
	struct fseg_writer *w;
	struct make m;
	uint64_t seed;

	(void)state;
	assert_int_equal(fseg_writer_new(&w, &o), 0);
	for (seed = 300; seed < 400; seed++) {
		struct kept k;

		make_init(&m, seed);
		k = keep(&m, 1 + make_rnd(&m.state) % 7000);
		buf_clear(&want);
		kept_encode(w, &k, &want);
		buf_clear(&fresh);
		buf_clear(&out);
		encode_fresh(w, &k, &m, &fresh, &out);
		compare(&fresh, &k);
		assert_int_equal(out.len, want.len);
		assert_memory_equal(out.p, want.p, out.len);
		assert_int_equal(fseg_put_fresh(w, &out), 0); /* there are none */
		assert_int_equal(out.len, want.len);
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
	kept_encode(w, &k, &out);
	compare(&out, &k);
	fseg_writer_free(w);
	buf_done(&out);
	kept_done(&k);
}

/* Rows that were dropped leave nothing behind: neither values nor times. */
static void test_drop(void **state)
{
	struct fseg_opts o = make_opts();
	CLEANUP(buf_done) struct buf want = BUF_INIT;
	CLEANUP(buf_done) struct buf out = BUF_INIT;
	struct fseg_writer *w;
	struct make m;
	struct kept k, other;

	(void)state;
	make_init(&m, 22);
	k = keep(&m, 900);
	make_init(&m, 23);
	other = keep(&m, 1500);
	assert_int_equal(fseg_writer_new(&w, &o), 0);
	kept_encode(w, &k, &want);
	assert_true(fseg_add(w, other.b[0], 0) > 0);
	assert_true(fseg_add(w, other.b[1], 0) > 0);
	fseg_drop(w);
	assert_int_equal(fseg_rows(w), 0);
	assert_int_equal(fseg_end(w, &out), 0);
	assert_int_equal(out.len, 0);
	kept_encode(w, &k, &out);
	assert_int_equal(out.len, want.len);
	assert_memory_equal(out.p, want.p, want.len);
	compare(&out, &k);
	fseg_writer_free(w);
	kept_done(&k);
	kept_done(&other);
}

/* 1,000 rows as one block, opened. */
static struct kept one_block(const struct fseg_opts *o, uint64_t seed, struct buf *out,
			     struct fseg **ret)
{
	struct fseg_writer *w;
	struct make m;
	struct kept k;

	make_init(&m, seed);
	m.absent = 3;
	k = keep(&m, 1000);
	assert_int_equal(fseg_writer_new(&w, o), 0);
	kept_encode(w, &k, out);
	fseg_writer_free(w);
	assert_int_equal(fseg_new(ret, &make_schema), 0);
	assert_int_equal(fseg_open(*ret, (uint8_t *)out->p, out->len, NULL), 0);
	assert_int_equal(fseg_verify(*ret, NULL), 0);
	return k;
}

/* Of a text that is the serial. */
static uint32_t hash_of(uint64_t serial)
{
	return crc32c(0, &serial, sizeof(serial));
}

/* Every third row of a batch has a hash of its own. */
static void third(const struct batch *b, size_t at, size_t n, uint64_t *present, uint32_t *ret)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (b->serial[at + i] % 3 == 0) {
			present[i / 64] |= UINT64_C(1) << i % 64;
			ret[i] = hash_of(b->serial[at + i]);
		}
}

/* Hashes of a field that no batch has. */
static void test_made_hashes(void **state)
{
	static const struct fseg_hash hashes[] = {{MAKE_NEVER, 32, true, third}};
	struct fseg_opts o = make_opts();
	uint64_t rows[1024 / 64];
	unsigned wrong = 0;
	CLEANUP(buf_done) struct buf out = BUF_INIT;
	struct fseg *r;
	struct kept k;
	size_t i, n;

	(void)state;
	o.hashes = hashes;
	o.n_hashes = 1;
	k = one_block(&o, 12, &out, &r);
	for (i = 0; i < 1000; i++) {
		const char *text = (const char *)&k.b[0]->serial[i];
		uint32_t h = hash_of(k.b[0]->serial[i]);
		bool has = k.b[0]->serial[i] % 3 == 0;

		memset(rows, 0xff, sizeof(rows));
		n = (size_t)fseg_select_text(r, MAKE_NEVER, text, sizeof(uint64_t), rows, NULL);
		assert_int_equal(n > 0, has);
		assert_int_equal(rows[i / 64] >> i % 64 & 1, has);
		assert_true(!has || fseg_may_hash(r, MAKE_NEVER, h));
		wrong += !has && fseg_may_hash(r, MAKE_NEVER, h);
	}
	assert_in_range(wrong, 0, 60);
	assert_true(fseg_may_hash(r, MAKE_HASHED, 1)); /* no filter */
	fseg_free(r);
	kept_done(&k);
}

/* Parts and head are all of a block. */
static void test_parts(void **state)
{
	struct fseg_opts o = make_opts();
	size_t i, sum, columns = 0, filters = 0, hashes = 0;
	struct fseg_part part;
	CLEANUP(buf_done) struct buf out = BUF_INIT;
	struct fseg *r;
	struct kept k;

	(void)state;
	k = one_block(&o, 13, &out, &r);
	sum = fseg_opened(r)->dir;
	for (i = 0; fseg_part(r, i, &part); i++) {
		struct fseg_info info;

		sum += part.bytes;
		columns += strcmp(part.what, "column") == 0;
		filters += strcmp(part.what, "filter") == 0;
		hashes += strcmp(part.what, "hashes") == 0;
		if (strcmp(part.what, "column") == 0) {
			assert_true(fseg_field(r, (size_t)part.field, &info));
			assert_int_equal(part.values, info.values);
		}
		if (strcmp(part.what, "serials") == 0 || strcmp(part.what, "presence") == 0)
			assert_int_equal(part.field, -1);
		if (part.field == MAKE_TEXT)
			assert_string_equal(part.how, "dictionary");
		if (part.field == MAKE_HASHED)
			assert_true(part.how[0] == (part.what[0] == 'f' ? 'b' : 'n'));
	}
	assert_int_equal(sum, out.len);
	assert_int_equal(columns, MAKE_N - 2); /* all but MAKE_NEVER and MAKE_HASHED */
	assert_int_equal(filters, 2);
	assert_int_equal(hashes, 2);
	fseg_free(r);
	kept_done(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),      cmocka_unit_test(test_fresh),
		cmocka_unit_test(test_many),        cmocka_unit_test(test_drop),
		cmocka_unit_test(test_made_hashes), cmocka_unit_test(test_parts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
