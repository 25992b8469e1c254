/* Questions to blocks of flow segments: what is there is always said to be possible, what is not
 * mostly not; and what other versions write and read. */
#include "fmt/fseg.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/crc32c.h"
#include "fmt/bloom.h"
#include "fseg_make.h"

struct world {
	struct batch *b; /* one batch of rows */
	struct buf out;  /* as one block */
	struct fseg *r;
	struct make m;
};

static void world_init(struct world *w, const struct fseg_opts *o, uint64_t seed, size_t rows)
{
	struct fseg_writer *writer;
	size_t i;

	memset(w, 0, sizeof(*w));
	make_init(&w->m, seed);
	w->m.absent = 3;
	w->m.kinds = 11;
	w->b = make_batch();
	for (i = 0; i < rows; i++)
		make_row(&w->m, w->b, i);
	assert_int_equal(fseg_writer_new(&writer, o), 0);
	assert_int_equal(fseg_add(writer, w->b, 0), rows);
	assert_int_equal(fseg_rows(writer), rows);
	assert_true(fseg_memory(writer) > 0);
	assert_int_equal(fseg_end(writer, &w->out), 0);
	assert_int_equal(fseg_rows(writer), 0);
	fseg_writer_free(writer);
	assert_int_equal(fseg_new(&w->r, &make_schema), 0);
	assert_int_equal(fseg_open(w->r, (uint8_t *)w->out.p, w->out.len, NULL), 0);
}

static void world_done(struct world *w)
{
	fseg_free(w->r);
	batch_free(w->b);
	buf_done(&w->out);
}

static void test_times(void **state)
{
	struct fseg_opts o = make_opts();
	const struct fseg_head *h;
	struct world w;
	int64_t start = INT64_MAX, last = INT64_MIN;
	size_t i;

	(void)state;
	world_init(&w, &o, 1, 500);
	h = fseg_opened(w.r);
	for (i = 0; i < 500; i++) {
		int64_t s = col_has(w.b->cols[MAKE_START], i) ? w.b->cols[MAKE_START]->v.i64[i]
							      : INT64_MIN;
		int64_t l = col_has(w.b->cols[MAKE_LAST], i) ? w.b->cols[MAKE_LAST]->v.i64[i]
							     : INT64_MAX;

		start = s < start ? s : start;
		last = l > last ? l : last;
	}
	assert_true(h->start == start && h->last == last && h->rows == 500);
	assert_true(fseg_may_time(h, last, INT64_MAX));
	assert_true(fseg_may_time(h, INT64_MIN, start));
	assert_true(fseg_may_time(h, start + 1, start + 1));
	assert_true(start == INT64_MIN || !fseg_may_time(h, INT64_MIN, start - 1));
	assert_true(last == INT64_MAX || !fseg_may_time(h, last + 1, INT64_MAX));
	world_done(&w);
}

/* Every value that is there, and those next to the smallest and the largest. */
static void test_ranges(void **state)
{
	struct fseg_opts o = make_opts();
	struct fseg_info info;
	struct world w;
	union val v, low = {.u64 = 0}, high;
	size_t i, f;

	(void)state;
	world_init(&w, &o, 2, 700);
	for (f = 0; f < MAKE_N; f++) {
		for (i = 0; i < 700 && f != MAKE_HASHED; i++) {
			if (!col_get(w.b->cols[f], i, &v))
				continue;
			assert_true(fseg_may_range(w.r, f, &v, &v));
			assert_true(fseg_may_range(w.r, f, NULL, &v));
			assert_true(fseg_may_range(w.r, f, &v, NULL));
		}
		if (f == MAKE_HASHED || f == MAKE_NEVER) {
			assert_false(fseg_field(w.r, f, &info));
			assert_false(fseg_may_range(w.r, f, NULL, NULL));
			continue;
		}
		assert_true(fseg_field(w.r, f, &info));
		assert_true(info.bounds && info.values > 0 && info.values <= 700);
	}
	assert_true(fseg_field(w.r, MAKE_PACKETS, &info));
	high.u64 = info.max.u64 + 1;
	assert_false(fseg_may_range(w.r, MAKE_PACKETS, &high, NULL));
	assert_false(fseg_may_range(w.r, MAKE_PACKETS, NULL, &low)); /* they are 1 or more */
	low.str = (struct val_str){"zzzz", 4};                       /* texts are of a to z */
	assert_false(fseg_may_range(w.r, MAKE_TEXT, &low, NULL));
	low.str = (struct val_str){"abcdefghijklmnopqrstuvwxyz", 26};
	assert_true(fseg_may_range(w.r, MAKE_TEXT, NULL, &low));
	world_done(&w);
}

/* Addresses and prefixes that are there are found at every length; of others few are. */
static void test_addresses(void **state)
{
	struct fseg_opts o = make_opts();
	unsigned bits, size, wrong = 0, asked = 0;
	uint64_t rnd = 7;
	struct world w;
	union val v;
	size_t i, f;

	(void)state;
	world_init(&w, &o, 3, 1000);
	for (f = MAKE_A; f <= MAKE_B; f++)
		for (i = 0; i < 1000; i++) {
			if (!col_get(w.b->cols[f], i, &v))
				continue;
			size = v.addr.family == ADDR_IP4   ? 32
			       : v.addr.family == ADDR_IP6 ? 128
			       : v.addr.family             ? 48
							   : 0;
			for (bits = 0; bits <= size; bits += 4) {
				struct addr a = v.addr; /* what is behind does not count */
				unsigned k;

				for (k = bits / 8; k < size / 8; k++)
					a.b[k] ^= (uint8_t)(k > bits / 8 ? 0x55 : 0x55 >> bits % 8);
				assert_true(fseg_may_addr(w.r, f, &a, bits));
			}
		}
	for (i = 0; i < 2000; i++, asked++) {
		struct addr a = {.family = i % 2 ? ADDR_IP4 : ADDR_IP6};
		uint64_t n = make_rnd(&rnd);

		/* such as no row has: made ones repeat their bytes or end in zeros */
		memcpy(a.b, &n, i % 2 ? 4 : 8);
		if (i % 2 == 0)
			a.b[15] = (uint8_t)(a.b[7] ^ 1);
		wrong += fseg_may_addr(w.r, MAKE_A, &a, i % 2 ? 32 : 128);
	}
	/* 8 bits and 5 or 6 hashes for each: about 1 of 45 */
	assert_in_range(wrong, 0, asked / 20);
	world_done(&w);
}

static void test_texts(void **state)
{
	struct fseg_opts o = make_opts();
	uint64_t rows[1024 / 64], name[1024 / 64];
	unsigned wrong = 0;
	struct world w;
	union val v;
	size_t i, k, n;

	(void)state;
	world_init(&w, &o, 4, 1000);
	for (i = 0; i < 1000; i += 13) {
		if (!col_get(w.b->cols[MAKE_HASHED], i, &v))
			continue;
		assert_true(fseg_may_text(w.r, MAKE_HASHED, v.str.p, v.str.len));
		memset(rows, 0xff, sizeof(rows));
		n = (size_t)fseg_select_text(w.r, MAKE_HASHED, v.str.p, v.str.len, rows, NULL);
		for (k = 0; k < 1000; k++) { /* 32 bits: no two of 32 texts have the same */
			union val x;
			bool same = col_get(w.b->cols[MAKE_HASHED], k, &x) &&
				    val_cmp(VAL_STR, &x, &v) == 0;

			assert_int_equal(rows[k / 64] >> k % 64 & 1, same);
			n -= same;
		}
		assert_int_equal(n, 0);
	}
	for (i = 0; i < 1000; i++) {
		uint64_t x = i * 0x9e3779b97f4a7c15ull;

		wrong += fseg_may_text(w.r, MAKE_HASHED, (char *)&x, 8);
	}
	assert_in_range(wrong, 0, 50);
	/* 12 bits: rows with the text are among those that are left */
	for (i = 0; !col_get(w.b->cols[MAKE_NAME], i, &v);)
		i++;
	memset(name, 0, sizeof(name));
	name[i / 64] |= UINT64_C(1) << i % 64;
	assert_int_equal(fseg_select_text(w.r, MAKE_NAME, v.str.p, v.str.len, name, NULL), 1);
	assert_true(fseg_may_text(w.r, MAKE_NAME, "x", 1)); /* no filter */
	assert_int_equal(fseg_select_text(w.r, MAKE_TEXT, "x", 1, name, NULL), -ENOENT);
	world_done(&w);
}

/* Rows by a map: runs, single ones, none. */
static void test_select(void **state)
{
	static const uint64_t maps[][4] = {
		{0, 0, 0, 0},
		{1, 0, 0, UINT64_C(1) << 63},
		{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX},
		{0, UINT64_MAX, 0, 0},
		{0x00ff00ff00ff00ff, 0, UINT64_C(0xaaaaaaaaaaaaaaaa), 7},
	};
	struct fseg_opts o = make_opts();
	struct batch *b = make_batch();
	struct world w;
	size_t i, row, at, f, n;
	union val x, y;

	(void)state;
	world_init(&w, &o, 5, 256);
	for (i = 0; i < sizeof(maps) / sizeof(maps[0]); i++) {
		at = 0;
		n = (size_t)fseg_batch(w.r, b, maps[i], &at, NULL);
		assert_int_equal(b->n, n);
		for (row = 0, at = 0; row < 256; row++) {
			if (!(maps[i][row / 64] >> row % 64 & 1))
				continue;
			assert_int_equal(b->serial[at], w.b->serial[row]);
			for (f = 0; f < MAKE_N; f++) {
				bool has = f != MAKE_HASHED && col_get(w.b->cols[f], row, &x);

				assert_int_equal(col_get(b->cols[f], at, &y), has);
				assert_true(!has || val_cmp(make_fields[f].type, &x, &y) == 0);
			}
			at++;
		}
		assert_int_equal(at, n);
	}
	world_done(&w);
	batch_free(b);
}

static size_t select_by_hand(const struct batch *b, size_t f, const union val *min,
			     const union val *max, const uint64_t *got)
{
	size_t i, n = 0;
	union val v;

	for (i = 0; i < b->n; i++) {
		bool is = col_get(b->cols[f], i, &v) &&
			  (!min || val_cmp(make_fields[f].type, &v, min) >= 0) &&
			  (!max || val_cmp(make_fields[f].type, &v, max) <= 0);

		if ((got[i / 64] >> i % 64 & 1) != is)
			fail_msg("%s, row %zu", make_fields[f].name, i);
		n += is;
	}
	return n;
}

/* Bounds are values that are there, so that equality counts; also the wrong way round. */
static void test_select_range(void **state)
{
	struct fseg_opts o = make_opts();
	uint64_t rows[1024 / 64], seed, rnd = 1;
	struct world w;
	union val v[2], *min, *max;
	size_t f, turn, n;

	(void)state;
	for (seed = 30; seed < 36; seed++) {
		world_init(&w, &o, seed, 1000);
		for (f = 0; f < MAKE_N; f++)
			for (turn = 0; turn < 12; turn++) {
				min = max = NULL;
				if (turn % 3 && col_get(w.b->cols[f], make_rnd(&rnd) % 1000, &v[0]))
					min = &v[0];
				if (turn % 4 && col_get(w.b->cols[f], make_rnd(&rnd) % 1000, &v[1]))
					max = &v[1];
				if (turn == 11)
					max = min;
				memset(rows, 0xff, sizeof(rows));
				n = (size_t)fseg_select_range(w.r, f, min, max, rows, NULL);
				if (f == MAKE_HASHED)
					assert_int_equal(n, 0);
				else
					assert_int_equal(n, select_by_hand(w.b, f, min, max, rows));
			}
		world_done(&w);
	}
}

static void test_select_addr(void **state)
{
	static const unsigned lengths[] = {0, 1, 8, 15, 24, 31, 32, 47, 64, 127, 128};
	struct fseg_opts o = make_opts();
	uint64_t rows[1024 / 64];
	struct world w;
	size_t i, k, l, n;
	union val v, x;

	(void)state;
	world_init(&w, &o, 40, 1000);
	for (k = 0; k < 1000; k += 37) {
		if (!col_get(w.b->cols[MAKE_A], k, &v) || !v.addr.family)
			continue;
		for (l = 0; l < sizeof(lengths) / sizeof(lengths[0]); l++) {
			unsigned size = v.addr.family == ADDR_IP4   ? 32
					: v.addr.family == ADDR_IP6 ? 128
								    : 48;

			if (lengths[l] > size)
				continue;
			memset(rows, 0xff, sizeof(rows));
			n = (size_t)fseg_select_addr(w.r, MAKE_A, &v.addr, lengths[l], rows, NULL);
			for (i = 0; i < 1000; i++) {
				bool is = col_get(w.b->cols[MAKE_A], i, &x) &&
					  addr_in(&x.addr, &v.addr, lengths[l]);

				assert_int_equal(rows[i / 64] >> i % 64 & 1, is);
				n -= is;
			}
			assert_int_equal(n, 0);
		}
	}
	world_done(&w);
}

/* A reader that knows other fields, one of them as something else, and only a column whose
 * numbers stand beside those of one that it does not know. */
static void test_other_schema(void **state)
{
	static const struct field fields[] = {
		{.id = 14, .name = "ip_bytes", .json = "I", .type = VAL_U64},
		{.id = 99, .name = "new", .json = "N", .type = VAL_STR},
		{.id = 13, .name = "packets", .json = "P", .type = VAL_STR},
	};
	static const struct schema schema = {.fields = fields, .n = 3};
	const struct field_set all = {{7}};
	struct fseg_opts o = make_opts();
	struct world w;
	struct batch *b;
	struct fseg *r;
	size_t at = 0, i;
	union val x, y;

	(void)state;
	world_init(&w, &o, 6, 1000);
	assert_int_equal(fseg_new(&r, &schema), 0);
	assert_int_equal(batch_new(&b, &schema, &all), 0);
	assert_int_equal(fseg_open(r, (uint8_t *)w.out.p, w.out.len, NULL), 0);
	assert_int_equal(fseg_batch(r, b, NULL, &at, NULL), 1000);
	for (i = 0; i < 1000; i++) {
		bool has = col_get(w.b->cols[MAKE_IP_BYTES], i, &x);

		assert_int_equal(col_get(b->cols[0], i, &y), has);
		assert_true(!has || x.u64 == y.u64);
		assert_false(col_has(b->cols[1], i) || col_has(b->cols[2], i));
	}
	fseg_free(r);
	batch_free(b);
	world_done(&w);
}

/* Options that lead in circles are not followed; wrong ones are refused. */
static void test_options(void **state)
{
	static const struct fseg_near circle[] = {
		{MAKE_LAST, {MAKE_START}, {1}},
		{MAKE_START, {MAKE_LAST}, {1}},
		{MAKE_DUR, {MAKE_DUR}, {1}},
	};
	static const size_t no_addr[] = {MAKE_U64};
	static const struct fseg_hash no_text = {MAKE_U64, 32, false, NULL},
				      wide = {MAKE_NAME, 33, false, NULL};
	struct fseg_opts o = make_opts(), bad;
	struct fseg_writer *writer = NULL;
	struct world w;

	(void)state;
	o.near = circle;
	world_init(&w, &o, 7, 1000);
	assert_int_equal(fseg_verify(w.r, NULL), 0);
	world_done(&w);

	bad = make_opts();
	bad.bloom = no_addr;
	bad.n_bloom = 1;
	assert_int_equal(fseg_writer_new(&writer, &bad), -EINVAL);
	bad = make_opts();
	bad.hashes = &no_text;
	bad.n_hashes = 1;
	assert_int_equal(fseg_writer_new(&writer, &bad), -EINVAL);
	bad.hashes = &wide;
	assert_int_equal(fseg_writer_new(&writer, &bad), -EINVAL);
	bad = make_opts();
	bad.start = MAKE_U64;
	assert_int_equal(fseg_writer_new(&writer, &bad), -EINVAL);
	assert_null(writer);
}

/* Blocks and encodings of later versions: passed over, with a word about it. */
static void test_later(void **state)
{
	struct fseg_opts o = make_opts();
	struct fseg_column c;
	struct fseg_head h;
	struct fseg_info info;
	uint64_t rows = UINT64_MAX;
	struct world w;
	struct err err;
	uint8_t *p, *enc;

	(void)state;
	world_init(&w, &o, 8, 10);
	p = (uint8_t *)w.out.p;
	le16_store(p + 4, 2);
	le32_store(p + 44, crc32c(0, p, 44));
	assert_int_equal(fseg_head(p, w.out.len, &h), -EPROTO);
	assert_int_equal(h.size, w.out.len);
	assert_int_equal(fseg_open(w.r, p, w.out.len, &err), -EPROTO);
	assert_non_null(strstr(err.text, "version 2"));
	assert_int_equal(fseg_find(p, w.out.len, 0), 0);
	le16_store(p + 4, 1);

	/* the first entry that is no map: its kind, id, type, encoding are a byte each */
	for (enc = p + FSEG_HEAD; enc[1] == 3; enc += enc[0] + 1)
		;
	assert_int_equal(enc[1], 1);
	enc[4] = 77;
	make_mend(p, w.out.len);
	assert_int_equal(fseg_open(w.r, p, w.out.len, &err), 0);
	assert_int_equal(enc[2], make_fields[MAKE_START].id);
	assert_int_equal(fseg_column(w.r, MAKE_START, &c, &err), -EPROTO);
	assert_non_null(strstr(err.text, "column of field 20"));
	assert_int_equal(fseg_column(w.r, MAKE_BYTES, &c, &err), 0);
	assert_true(fseg_field(w.r, MAKE_START, &info));
	enc[4] = 3; /* of values, which numbers are not */
	make_mend(p, w.out.len);
	assert_int_equal(fseg_open(w.r, p, w.out.len, &err), 0);
	assert_int_equal(fseg_select_range(w.r, MAKE_START, NULL, NULL, &rows, &err), -EPROTO);
	enc[1] = 9; /* a kind of entry */
	make_mend(p, w.out.len);
	assert_int_equal(fseg_open(w.r, p, w.out.len, &err), 0);
	assert_int_equal(fseg_column(w.r, MAKE_START, &c, &err), -ENOENT);
	world_done(&w);
}

/* The entry of a field, and its data, of the block at 'p'. */
static uint8_t *data_of(uint8_t *p, unsigned kind, unsigned id)
{
	struct cur c = cur_at(p + FSEG_HEAD, le32_load(p + 12));
	uint64_t v[9];
	unsigned k;

	while (c.left) {
		uint32_t size = (uint32_t)rec_get_int(&c);
		struct cur e = cur_at(cur_take(&c, size), size);

		for (k = 0; k < 9; k++)
			v[k] = rec_get_int(&e);
		if (v[0] == kind && v[1] == id)
			return p + FSEG_HEAD + le32_load(p + 12) + v[7];
	}
	fail();
	return NULL;
}

/* Blocks that no writer of ours makes, with right checksums. */
static void test_hostile(void **state)
{
	struct fseg_opts o = make_opts();
	struct fseg_column c;
	struct world w;
	struct err err;
	uint8_t *p, *d;

	(void)state;
	world_init(&w, &o, 9, 1000);
	p = (uint8_t *)w.out.p;
	assert_int_equal(fseg_column(w.r, MAKE_IP_BYTES, &c, &err), 0);

	/* bytes of IP stand beside two others: make one of them themselves */
	d = data_of(p, 1, make_fields[MAKE_IP_BYTES].id);
	assert_int_equal(d[0], 2);
	assert_int_equal(d[1], make_fields[MAKE_BYTES].id);
	d[1] = (uint8_t)make_fields[MAKE_IP_BYTES].id;
	make_mend(p, w.out.len);
	assert_int_equal(fseg_open(w.r, p, w.out.len, &err), 0);
	assert_int_equal(fseg_column(w.r, MAKE_IP_BYTES, &c, &err), -EBADMSG);
	assert_string_equal(err.text, "column of field 14: needs itself");
	d[1] = 99; /* or one that is not there */
	make_mend(p, w.out.len);
	assert_int_equal(fseg_open(w.r, p, w.out.len, &err), 0);
	assert_int_equal(fseg_column(w.r, MAKE_IP_BYTES, &c, &err), -EBADMSG);
	d[1] = (uint8_t)make_fields[MAKE_NAME].id; /* or one of texts */
	make_mend(p, w.out.len);
	assert_int_equal(fseg_open(w.r, p, w.out.len, &err), 0);
	assert_int_equal(fseg_column(w.r, MAKE_IP_BYTES, &c, &err), -EBADMSG);

	/* a map of other rows than it says */
	d = data_of(p, 3, 1);
	assert_int_equal(d[0], 0); /* 3 of 16 are absent at random: not compressed */
	d[1] ^= 1;
	make_mend(p, w.out.len);
	assert_int_equal(fseg_open(w.r, p, w.out.len, &err), 0);
	assert_int_equal(fseg_verify(w.r, &err), -EBADMSG);
	assert_string_equal(err.text, "presence 1: damaged");
	world_done(&w);
}

/* A block is full when there is no room for more text. */
static void test_text_room(void **state)
{
	struct fseg_opts o = make_opts();
	CLEANUP(freep) char *text = malloc((size_t)BATCH_ROWS * FSEG_STR_MAX);
	struct batch *b = make_batch();
	struct fseg_writer *w;
	struct buf out = BUF_INIT;
	size_t i;

	(void)state;
	assert_non_null(text);
	memset(text, 'x', (size_t)BATCH_ROWS * FSEG_STR_MAX);
	for (i = 0; i < BATCH_ROWS; i++) {
		memcpy(text + i * FSEG_STR_MAX, &i, sizeof(i));
		b->cols[MAKE_TEXT]->v.str[i] =
			(struct val_str){text + i * FSEG_STR_MAX, FSEG_STR_MAX};
		col_mark(b->cols[MAKE_TEXT], i);
	}
	b->n = BATCH_ROWS;
	assert_int_equal(fseg_writer_new(&w, &o), 0);
	assert_int_equal(fseg_add(w, b, 0), FSEG_TEXT_MAX / FSEG_STR_MAX);
	assert_int_equal(fseg_add(w, b, FSEG_TEXT_MAX / FSEG_STR_MAX), 0);
	assert_int_equal(fseg_end(w, &out), 0);
	assert_int_equal(fseg_add(w, b, FSEG_TEXT_MAX / FSEG_STR_MAX),
			 BATCH_ROWS - FSEG_TEXT_MAX / FSEG_STR_MAX);
	fseg_writer_free(w);
	batch_free(b);
	buf_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_times),       cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_addresses),   cmocka_unit_test(test_texts),
		cmocka_unit_test(test_select),      cmocka_unit_test(test_other_schema),
		cmocka_unit_test(test_options),     cmocka_unit_test(test_select_range),
		cmocka_unit_test(test_select_addr), cmocka_unit_test(test_later),
		cmocka_unit_test(test_text_room),   cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
