/* Flow segments: what was put in comes out; cut anywhere or with any bit changed it is refused
 * or the same.  The bytes of one block are those of docs/formats.md. */
#include "fmt/fseg.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
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

/* All rows as one or more blocks. */
static void encode(struct fseg_writer *w, const struct kept *k, struct buf *out)
{
	size_t i, at;

	for (i = 0; i < k->n; i++)
		for (at = 0; at < k->b[i]->n;) {
			int64_t n = fseg_add(w, k->b[i], at);

			assert_true(n >= 0);
			at += (size_t)n;
			if (at < k->b[i]->n)
				assert_int_equal(fseg_end(w, out), 0);
		}
	assert_int_equal(fseg_end(w, out), 0);
}

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
		encode(w, &k, &out);
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
		encode(w, &k, &want);
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
	encode(w, &k, &out);
	compare(&out, &k);
	fseg_writer_free(w);
	buf_done(&out);
	kept_done(&k);
}

/* ---- the bytes ---- */

static const struct field small_fields[] = {
	{.id = 20, .name = "start", .json = "Start", .type = VAL_TIME},
	{.id = 41, .name = "a", .json = "A", .type = VAL_ADDR},
	{.id = 7, .name = "app", .json = "App", .type = VAL_STR},
};
static const struct schema small_schema = {.fields = small_fields, .n = 3};

/* Three rows; the last one has no address. */
static struct batch *small_batch(void)
{
	static const int64_t times[] = {1000000000, 4000000000, 3000000000};
	static const char *const apps[] = {"DNS", "HTTP", "DNS"};
	const struct field_set all = {{7}};
	struct batch *b;
	uint32_t i;

	assert_int_equal(batch_new(&b, &small_schema, &all), 0);
	for (i = 0; i < 3; i++) {
		b->serial[i] = 8 * (i + 1);
		b->cols[0]->v.i64[i] = times[i];
		assert_int_equal(addr_parse("192.0.2.1", &b->cols[1]->v.addr[i]), 0);
		b->cols[2]->v.str[i] = (struct val_str){apps[i], (uint32_t)strlen(apps[i])};
		col_mark(b->cols[0], i);
		col_mark(b->cols[2], i);
	}
	col_mark(b->cols[1], 0);
	col_mark(b->cols[1], 1);
	b->n = 3;
	return b;
}

static void put_small(struct buf *out)
{
	const struct fseg_opts o = {.schema = &small_schema, .fields = {{7}}};
	struct batch *b = small_batch();
	struct fseg_writer *w;

	assert_int_equal(fseg_writer_new(&w, &o), 0);
	assert_int_equal(fseg_add(w, b, 0), 3);
	fseg_put_magic(out);
	assert_int_equal(fseg_end(w, out), 0);
	assert_int_equal(fseg_end(w, out), 0); /* nothing more */
	fseg_writer_free(w);
	batch_free(b);
}

/* The example of docs/formats.md: lines of bytes up to ';'. */
static void read_example(struct buf *out)
{
	FILE *f = fopen(SOURCE_ROOT "/docs/formats.md", "r");
	char line[512];
	bool in = false;

	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		char *p = line, *end;
		long v;

		in |= strncmp(line, "    74 72 61 77 6c 2d 66 73", 27) == 0;
		if (in && strncmp(line, "    ", 4) != 0)
			break;
		for (; in; p = end) {
			v = strtol(p, &end, 16);
			if (end == p)
				break;
			buf_addch(out, (char)v);
		}
	}
	fclose(f);
}

static void test_example(void **state)
{
	struct buf want = BUF_INIT, out = BUF_INIT;
	struct batch *b = small_batch(), *got;
	const struct field_set all = {{7}};
	struct fseg_info info;
	struct fseg *r;
	union val x, y;
	size_t at = 0, i, f;

	(void)state;
	read_example(&want);
	put_small(&out);
	assert_int_equal(out.len, want.len);
	assert_memory_equal(out.p, want.p, out.len);

	assert_int_equal(fseg_check_magic((uint8_t *)want.p, want.len), 0);
	assert_int_equal(fseg_new(&r, &small_schema), 0);
	assert_int_equal(batch_new(&got, &small_schema, &all), 0);
	assert_int_equal(fseg_open(r, (uint8_t *)want.p + 8, want.len - 8, NULL), 0);
	assert_int_equal(fseg_opened(r)->size, want.len - 8);
	assert_int_equal(fseg_opened(r)->start, 1000000000);
	assert_int_equal(fseg_opened(r)->last, 4000000000);
	assert_int_equal(fseg_batch(r, got, NULL, &at, NULL), 3);
	for (i = 0; i < 3; i++) {
		assert_int_equal(got->serial[i], b->serial[i]);
		for (f = 0; f < 3; f++) {
			assert_int_equal(col_get(b->cols[f], i, &x), col_get(got->cols[f], i, &y));
			assert_true(!col_has(b->cols[f], i) ||
				    val_cmp(small_fields[f].type, &x, &y) == 0);
		}
	}
	assert_int_equal(fseg_batch(r, got, NULL, &at, NULL), 0);
	assert_true(fseg_field(r, 1, &info));
	assert_int_equal(info.values, 2);
	assert_int_equal(info.distinct, 1);
	fseg_free(r);
	batch_free(b);
	batch_free(got);
	buf_done(&out);
	buf_done(&want);
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
	encode(w, &k, &want);
	assert_true(fseg_add(w, other.b[0], 0) > 0);
	assert_true(fseg_add(w, other.b[1], 0) > 0);
	fseg_drop(w);
	assert_int_equal(fseg_rows(w), 0);
	assert_int_equal(fseg_end(w, &out), 0);
	assert_int_equal(out.len, 0);
	encode(w, &k, &out);
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
	encode(w, &k, out);
	fseg_writer_free(w);
	assert_int_equal(fseg_new(ret, &make_schema), 0);
	assert_int_equal(fseg_open(*ret, (uint8_t *)out->p, out->len, NULL), 0);
	assert_int_equal(fseg_verify(*ret, NULL), 0);
	return k;
}

/* Every third row of a batch has a hash of its own. */
static void third(const struct batch *b, size_t at, size_t n, uint64_t *present, uint32_t *ret)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (b->serial[at + i] % 3 == 0) {
			present[i / 64] |= UINT64_C(1) << i % 64;
			ret[i] = (uint32_t)(b->serial[at + i] * 0x9e3779b9u);
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
		uint32_t h = (uint32_t)(k.b[0]->serial[i] * 0x9e3779b9u);
		bool has = k.b[0]->serial[i] % 3 == 0;

		memset(rows, 0xff, sizeof(rows));
		n = (size_t)fseg_select_hash(r, MAKE_NEVER, h, rows, NULL);
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

/* ---- damage ---- */

/* All rows of a block, as text: what readers see of it. */
static int dump(struct fseg *r, struct batch *b, const uint8_t *p, size_t n, struct buf *ret)
{
	struct err err = {0};
	union val v;
	size_t at = 0, i, f;
	int k;

	buf_clear(ret);
	k = fseg_open(r, p, n, &err);
	if (k == 0)
		k = fseg_verify(r, &err);
	while (k == 0 && (k = fseg_batch(r, b, NULL, &at, &err)) > 0) {
		for (i = 0; i < b->n; i++) {
			buf_addu(ret, b->serial[i]);
			for (f = 0; f < b->schema->n; f++) {
				buf_addch(ret, ',');
				if (b->cols[f] && col_get(b->cols[f], i, &v))
					buf_addval(ret, b->cols[f]->type, &v);
			}
			buf_addch(ret, '\n');
		}
		k = 0;
		if (at >= fseg_opened(r)->rows)
			break;
	}
	/* an error is always said in words */
	assert_true(k >= 0 || err.text[0]);
	return k;
}

/* Cut anywhere it is refused, with any bit changed too. */
static void damage(const uint8_t *block, size_t n, struct fseg *r, struct batch *b)
{
	struct buf want = BUF_INIT, got = BUF_INIT;
	uint8_t *copy = malloc(n);
	size_t i;

	assert_int_equal(dump(r, b, block, n, &want), 0);
	assert_true(want.len > 0);
	for (i = 0; i < n; i++) {
		uint8_t *cut = malloc(i ? i : 1); /* to its byte, for the sanitizers */

		memcpy(cut, block, i);
		assert_int_equal(dump(r, b, cut, i, &got), -ENODATA);
		free(cut);
	}
	memcpy(copy, block, n);
	for (i = 0; i < 8 * n; i++) {
		copy[i / 8] ^= (uint8_t)(1u << i % 8);
		assert_true(dump(r, b, copy, n, &got) < 0);
		copy[i / 8] ^= (uint8_t)(1u << i % 8);
	}
	assert_int_equal(dump(r, b, copy, n, &got), 0);
	assert_string_equal(buf_str(&got), buf_str(&want));
	free(copy);
	buf_done(&want);
	buf_done(&got);
}

static void test_damage(void **state)
{
	const struct field_set three = {{7}};
	struct buf out = BUF_INIT;
	struct batch *b;
	struct fseg *r;

	(void)state;
	put_small(&out);
	assert_int_equal(fseg_new(&r, &small_schema), 0);
	assert_int_equal(batch_new(&b, &small_schema, &three), 0);
	damage((uint8_t *)out.p + 8, out.len - 8, r, b);
	fseg_free(r);
	batch_free(b);
	buf_done(&out);
}

/* A block with all kinds of columns and zstd. */
static void test_damage_all(void **state)
{
	struct fseg_opts o = make_opts();
	struct buf out = BUF_INIT;
	struct batch *b = make_batch();
	struct fseg_writer *w;
	struct fseg *r;
	struct make m;
	struct kept k;

	(void)state;
	make_init(&m, 5);
	m.absent = 4;
	m.big[0] = 0;
	k = keep(&m, 40);
	assert_int_equal(fseg_writer_new(&w, &o), 0);
	encode(w, &k, &out);
	assert_int_equal(fseg_new(&r, &make_schema), 0);
	damage((uint8_t *)out.p, out.len < 20000 ? out.len : 0, r, b);
	fseg_free(r);
	fseg_writer_free(w);
	batch_free(b);
	kept_done(&k);
	buf_done(&out);
}

/* One bad column is that column's loss; what follows a bad head is found again. */
static void test_partly(void **state)
{
	struct fseg_head h;
	struct buf out = BUF_INIT;
	const uint64_t *present;
	struct fseg_column c;
	struct fseg *r;
	struct err err;
	uint8_t *p;
	size_t n;

	(void)state;
	put_small(&out);
	n = out.len - 8;
	buf_reserve(&out, n);
	buf_add(&out, out.p + 8, n); /* twice: room was made before */
	p = (uint8_t *)out.p + 8;
	assert_int_equal(fseg_head(p, n, &h), 0);
	assert_int_equal(h.size, n);
	p[h.dir + 20] ^= 1; /* in the data of the address: 17 to 32 */
	assert_int_equal(fseg_new(&r, &small_schema), 0);
	assert_int_equal(fseg_open(r, p, n, &err), 0);
	/* rows 0 and 1 have an address, all have a time; that can be told without the values */
	assert_int_equal(fseg_present(r, 1, &present, &err), 0);
	assert_int_equal(present[0], 3);
	assert_int_equal(fseg_present(r, 0, &present, &err), 0);
	assert_null(present);
	assert_int_equal(fseg_column(r, 0, &c, &err), 0);
	assert_int_equal(fseg_column(r, 1, &c, &err), -EBADMSG);
	assert_string_equal(err.text, "column of field 41: wrong checksum");
	assert_int_equal(fseg_column(r, 2, &c, &err), 0);
	assert_int_equal(fseg_verify(r, &err), -EBADMSG);

	p[30] ^= 1;
	assert_int_equal(fseg_head(p, 2 * n, &h), -EBADMSG);
	assert_int_equal(fseg_find(p, 2 * n, 0), n);
	assert_int_equal(fseg_find(p, 2 * n, n), n);
	assert_int_equal(fseg_find(p, 2 * n, n + 1), 2 * n);
	fseg_free(r);
	buf_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),     cmocka_unit_test(test_many),
		cmocka_unit_test(test_example),    cmocka_unit_test(test_damage),
		cmocka_unit_test(test_damage_all), cmocka_unit_test(test_partly),
		cmocka_unit_test(test_drop),       cmocka_unit_test(test_made_hashes),
		cmocka_unit_test(test_parts),      cmocka_unit_test(test_fresh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
