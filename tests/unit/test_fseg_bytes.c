/* Bytes of flow segments: those of one block are those of docs/formats.md; cut anywhere or with
 * any bit changed it is refused or the same. */
#include "fmt/fseg.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fseg_kept.h"

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
	kept_encode(w, &k, &out);
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
		cmocka_unit_test(test_example),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_damage_all),
		cmocka_unit_test(test_partly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
