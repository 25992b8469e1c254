/* Flow segments: every row of a block that can be read is the same when it is written and read once
 * more, and blocks say of no value that it cannot be there which is. */
#include "fmt/fseg.h"

#include <stdlib.h>
#include <string.h>

#include "../unit/fseg_make.h"

#define CHECK(x)                                                                                   \
	do {                                                                                       \
		if (!(x))                                                                          \
			abort();                                                                   \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool same(enum val_type type, const union val *a, const union val *b)
{
	return type == VAL_F64 ? a->u64 == b->u64 : val_cmp(type, a, b) == 0;
}

/* The columns that can be read. */
static struct batch *readable(struct fseg *f)
{
	struct field_set set = {0};
	struct fseg_column c;
	struct batch *b;
	size_t i;

	for (i = 0; i < MAKE_N; i++)
		if (fseg_column(f, i, &c, NULL) == 0)
			field_set_add(&set, i);
	CHECK(batch_new(&b, &make_schema, &set) == 0);
	return b;
}

static void ask(struct fseg *f, const struct batch *b, size_t row)
{
	union val v;
	size_t i;

	for (i = 0; i < MAKE_N; i++) {
		if (!b->cols[i] || !col_get(b->cols[i], row, &v))
			continue;
		CHECK(fseg_may_range(f, i, &v, &v));
		if (make_fields[i].type == VAL_ADDR) {
			CHECK(fseg_may_addr(f, i, &v.addr, 128));
			CHECK(fseg_may_addr(f, i, &v.addr, 20));
		}
	}
}

/* What one block has, read again. */
static void compare(struct fseg *first, struct fseg *again, struct batch *x)
{
	struct batch *y = readable(again);
	size_t at = 0, at2 = 0, i, f;
	union val a, b;
	int n;

	while ((n = fseg_batch(first, x, NULL, &at, NULL)) > 0) {
		CHECK(fseg_batch(again, y, NULL, &at2, NULL) == n && at == at2);
		for (i = 0; i < (size_t)n; i++) {
			CHECK(x->serial[i] == y->serial[i]);
			for (f = 0; f < MAKE_N; f++) {
				bool has = x->cols[f] && col_get(x->cols[f], i, &a);

				CHECK(has == (y->cols[f] && col_get(y->cols[f], i, &b)));
				CHECK(!has || same(make_fields[f].type, &a, &b));
			}
			ask(again, y, i);
		}
	}
	batch_free(y);
}

/* Rows that are read alone are those that are read with all others. */
static void alone(const uint8_t *p, size_t size, struct fseg *whole)
{
	struct batch *x = readable(whole), *y = readable(whole);
	uint32_t rows[3], n = fseg_opened(whole)->rows;
	struct fseg *f;
	union val a, b;
	size_t i, k;

	rows[0] = n / 2;
	rows[1] = n - 1;
	rows[2] = 0;
	CHECK(fseg_gather(whole, x, rows, 3, NULL) == 0);
	CHECK(fseg_new(&f, &make_schema) == 0 && fseg_open(f, p, size, NULL) == 0);
	CHECK(fseg_gather(f, y, rows, 3, NULL) == 0);
	for (i = 0; i < 3; i++) {
		CHECK(x->serial[i] == y->serial[i]);
		for (k = 0; k < MAKE_N; k++) {
			bool has = x->cols[k] && col_get(x->cols[k], i, &a);

			CHECK(has == (y->cols[k] && col_get(y->cols[k], i, &b)));
			CHECK(!has || same(make_fields[k].type, &a, &b));
		}
	}
	fseg_free(f);
	batch_free(x);
	batch_free(y);
}

/* What is damaged is found, or not looked at. */
static void glance(const uint8_t *p, size_t size)
{
	uint64_t rows[FSEG_ROWS / 64] = {0};
	struct field_set all = {0};
	struct batch *b;
	struct fseg *f;
	uint32_t row = 0;
	size_t i;

	for (i = 0; i < MAKE_N; i++)
		field_set_add(&all, i);
	CHECK(batch_new(&b, &make_schema, &all) == 0 && fseg_new(&f, &make_schema) == 0);
	if (fseg_open(f, p, size, NULL) == 0) {
		for (i = 0; i < MAKE_N; i++)
			fseg_select_range(f, i, NULL, NULL, rows, NULL);
		fseg_gather(f, b, &row, 1, NULL);
	}
	if (fseg_open(f, p, size, NULL) == 0)
		fseg_gather(f, b, &row, 1, NULL);
	fseg_free(f);
	batch_free(b);
}

static void again(struct fseg *f)
{
	struct fseg_opts o = make_opts();
	struct batch *b = readable(f);
	struct buf out = BUF_INIT;
	struct fseg_writer *w;
	struct fseg *g;
	size_t at = 0, parts = 0, quick;
	int64_t n;

	CHECK(fseg_writer_new(&w, &o) == 0 && fseg_new(&g, &make_schema) == 0);
	while (fseg_batch(f, b, NULL, &at, NULL) > 0) {
		n = fseg_add(w, b, 0);
		CHECK(n >= 0);
		parts += n < (int64_t)b->n; /* too much text for one block */
	}
	CHECK(fseg_put_fresh(w, &out) == 0);
	quick = out.len;
	CHECK(fseg_end(w, &out) == 0);
	for (at = 0; at < out.len && !parts; at = at ? out.len : quick) {
		CHECK(fseg_open(g, (uint8_t *)out.p + at, out.len - at, NULL) == 0);
		CHECK(fseg_verify(g, NULL) == 0);
		compare(f, g, b);
	}
	fseg_free(g);
	fseg_writer_free(w);
	batch_free(b);
	buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t rows[FSEG_ROWS / 64];
	const uint64_t *serials;
	struct fseg *f = NULL;
	uint8_t *p;

	if (size < FSEG_HEAD || size > 1u << 20)
		return 0;
	p = malloc(size);
	CHECK(p && fseg_new(&f, &make_schema) == 0);
	memcpy(p, data, size);
	CHECK(fseg_find(p, size, 0) <= size);
	/* a fuzzer cannot guess checksums */
	make_mend(p, size);
	if (fseg_open(f, p, size, NULL) == 0) {
		fseg_verify(f, NULL);
		memset(rows, 0xff, sizeof(rows));
		fseg_may_text(f, MAKE_HASHED, "text", 4);
		fseg_select_text(f, MAKE_HASHED, "text", 4, rows, NULL);
		glance(p, size);
		if (fseg_serials(f, &serials, NULL) == 0) {
			again(f);
			alone(p, size, f);
		}
	}
	fseg_free(f);
	free(p);
	return 0;
}
