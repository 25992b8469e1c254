/* Journals: what was put in comes out, at every length and with every bit changed it
 * is refused or the same. */
#include "fmt/jrn.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* One field of every type. */
static const struct field fields[] = {
	{.id = 1, .name = "u", .json = "u", .type = VAL_U64},
	{.id = 2, .name = "i", .json = "i", .type = VAL_I64},
	{.id = 3, .name = "f", .json = "f", .type = VAL_F64},
	{.id = 4, .name = "b", .json = "b", .type = VAL_BOOL},
	{.id = 5, .name = "t", .json = "t", .type = VAL_TIME},
	{.id = 6, .name = "d", .json = "d", .type = VAL_DUR},
	{.id = 7, .name = "a", .json = "a", .type = VAL_ADDR},
	{.id = 8, .name = "s", .json = "s", .type = VAL_STR},
	{.id = 9, .name = "id", .json = "id", .type = VAL_ID},
	{.id = 10, .name = "last", .json = "last", .type = VAL_TIME},
};
static const struct schema schema = {.fields = fields, .n = 10};

/* Another one that knows other fields, and one of them as something else. */
static const struct field other_fields[] = {
	{.id = 8, .name = "s", .json = "s", .type = VAL_STR},
	{.id = 99, .name = "new", .json = "new", .type = VAL_U64},
	{.id = 1, .name = "u", .json = "u", .type = VAL_STR},
	{.id = 5, .name = "t", .json = "t", .type = VAL_TIME},
};
static const struct schema other = {.fields = other_fields, .n = 4};

static struct batch *new_batch(const struct schema *s)
{
	struct field_set all = {0};
	struct batch *b;
	size_t i;

	for (i = 0; i < s->n; i++)
		field_set_add(&all, i);
	assert_int_equal(batch_new(&b, s, &all), 0);
	return b;
}

/* Rows with extreme values, some absent. */
static struct batch *make(size_t n)
{
	static const uint64_t u[] = {0, 1, 127, 128, UINT32_MAX, UINT64_MAX};
	static const int64_t v[] = {0, -1, 63, -64, INT64_MAX, INT64_MIN};
	static const double f[] = {0.0, -0.5, 1e300, -1e-300};
	static const char text[100] = "a text\0with\xff bytes";
	struct batch *b = new_batch(&schema);
	size_t i, k;

	for (i = 0; i < n; i++) {
		b->serial[i] = i * 1000003;
		for (k = 0; k < schema.n; k++) {
			if ((i * 7 + k * 3) % 5 == 0 && k != 4)
				continue;
			col_mark(b->cols[k], i);
		}
		b->cols[0]->v.u64[i] = u[i % 6];
		b->cols[1]->v.i64[i] = v[i % 6];
		b->cols[2]->v.f64[i] = f[i % 4];
		b->cols[3]->v.b[i] = i % 3 == 0;
		b->cols[4]->v.i64[i] = v[(i / 2) % 6];
		b->cols[5]->v.i64[i] = v[(i / 3) % 6];
		b->cols[6]->v.addr[i].family = (uint8_t[]){0, 1, 4, 6}[i % 4];
		for (k = 0; k < (size_t[]){0, 6, 4, 16}[i % 4]; k++)
			b->cols[6]->v.addr[i].b[k] = (uint8_t)(i + k);
		b->cols[7]->v.str[i] = (struct val_str){text, (uint32_t)(i % sizeof(text))};
		memset(b->cols[8]->v.id[i], (int)i, 16);
		b->cols[9]->v.i64[i] = v[(i + 1) % 6];
	}
	b->n = n;
	return b;
}

static void same_cell(const struct col *a, const struct col *b, size_t i, size_t k)
{
	union val x, y;

	assert_int_equal(col_get(a, i, &x), col_get(b, k, &y));
	if (col_has(a, i))
		assert_int_equal(val_cmp(a->type, &x, &y), 0);
}

static void test_rows(void **state)
{
	struct batch *b = make(BATCH_ROWS), *got = new_batch(&schema);
	struct buf out = BUF_INIT;
	struct jrn_schema s;
	struct rec rec;
	size_t at, i, k, records = 0, p;

	(void)state;
	jrn_put_schema(&out, &schema);
	assert_true(rec_read((uint8_t *)out.p, out.len, &rec) == (int64_t)out.len);
	assert_int_equal(rec.type, JRN_SCHEMA);
	assert_int_equal(jrn_get_schema(&rec, &schema, &s), 0);
	for (at = 0; at < b->n; records++) {
		struct jrn_rows rows;
		size_t n;

		p = out.len;
		n = jrn_put_rows(&out, b, at, 4, 9);
		assert_true(n > 0);
		assert_true(rec_read((uint8_t *)out.p + p, out.len - p, &rec) > 0);
		assert_int_equal(rec.type, JRN_ROWS);
		assert_int_equal(jrn_get_rows(&rec, &rows), 0);
		assert_int_equal(rows.n, n);
		for (i = 0; i < n; i++) {
			batch_clear(got);
			assert_int_equal(jrn_get_row(&rows.cur, &s, rows.start, got, 3), 0);
			assert_int_equal(got->serial[3], b->serial[at + i]);
			for (k = 0; k < schema.n; k++)
				same_cell(b->cols[k], got->cols[k], at + i, 3);
			assert_true(b->cols[4]->v.i64[at + i] >= rows.start);
			assert_true(!col_has(b->cols[9], at + i) ||
				    b->cols[9]->v.i64[at + i] <= rows.last);
		}
		assert_int_equal(rows.cur.left, 0);
		at += n;
	}
	assert_int_equal(records, 2); /* 1024 rows of about 90 bytes in records of 64 KiB */
	buf_done(&out);
	batch_free(b);
	batch_free(got);
}

/* Fields are told by id and type; what is unknown is passed over. */
static void test_other_schema(void **state)
{
	struct batch *b = make(20), *got = new_batch(&other);
	struct buf out = BUF_INIT;
	struct jrn_schema s;
	struct jrn_rows rows;
	struct rec rec;
	size_t i;

	(void)state;
	jrn_put_schema(&out, &schema);
	assert_true(rec_read((uint8_t *)out.p, out.len, &rec) > 0);
	assert_int_equal(jrn_get_schema(&rec, &other, &s), 0);
	buf_clear(&out);
	assert_int_equal(jrn_put_rows(&out, b, 0, 4, 9), 20);
	assert_true(rec_read((uint8_t *)out.p, out.len, &rec) > 0);
	assert_int_equal(jrn_get_rows(&rec, &rows), 0);
	for (i = 0; i < 20; i++) {
		assert_int_equal(jrn_get_row(&rows.cur, &s, rows.start, got, i), 0);
		same_cell(b->cols[7], got->cols[0], i, i);
		assert_false(col_has(got->cols[1], i));
		assert_false(col_has(got->cols[2], i));
		same_cell(b->cols[4], got->cols[3], i, i);
	}
	buf_done(&out);
	batch_free(b);
	batch_free(got);
}

static struct jrn_text text(const char *s)
{
	return (struct jrn_text){s, (uint32_t)strlen(s)};
}

static bool same_text(struct jrn_text a, const char *s)
{
	return s ? a.p && a.len == strlen(s) && memcmp(a.p, s, a.len) == 0 : !a.p;
}

#define RECORDS 10

/* One record of each kind but rows and their schema. */
static void put_all(struct buf *out)
{
	const struct jrn_head h = {.run = UINT64_MAX,
				   .pid = 42,
				   .shard = 3,
				   .start = INT64_MIN,
				   .raw_limit = UINT64_MAX,
				   .snaplen = 262144,
				   .idle = 600,
				   .hold = 15,
				   .key_mode = 1,
				   .capture = text("c"),
				   .app = {0}};
	const struct jrn_iface i = {.number = 7,
				    .linktype = 65535,
				    .fcs_len = 4,
				    .speed = UINT64_MAX,
				    .name = text("eth0"),
				    .descr = {0},
				    .filter = text(""),
				    .hardware = text("h"),
				    .os = text("o")};
	const struct jrn_gap g = {
		.iface = UINT32_MAX, .from = -1, .to = INT64_MAX, .why = 3, .count = 99};
	const struct jrn_tick t = {.ts = 5, .kept = 6, .raw_limited = 7};
	const struct jrn_segment s = {.number = 1, .bytes = 2, .packets = 3, .min = -4, .max = 5};
	const struct iface_stats st = {.iface = 1,
				       .ts = 2,
				       .start = 3,
				       .end = 4,
				       .has_recv = true,
				       .has_osdrop = true,
				       .recv = 5,
				       .osdrop = UINT64_MAX};
	const struct jrn_end e = {
		.ts = 1, .kept = 2, .raw_limited = 3, .dropped = 4, .rows = 5, .rows_dropped = 6};

	const struct jrn_clock k = {.state = {.ts = -2,
					      .sync = CLOCK_SYNCED,
					      .max_error = 16000000000,
					      .est_error = 1,
					      .step = INT64_MIN},
				    .source = text("tsc")};
	const struct jrn_block bl = {.number = UINT32_MAX,
				     .file = UINT32_MAX - 15,
				     .at = UINT64_MAX,
				     .size = 1 << 30,
				     .rows = 65536,
				     .start = INT64_MIN,
				     .last = INT64_MAX};
	const struct jrn_beat be = {.number = 2,
				    .tick = {INT64_MIN, UINT64_MAX, 3},
				    .serial = UINT64_MAX - 7,
				    .tail = 5,
				    .tail_bytes = 1 << 20};

	jrn_put_magic(out);
	jrn_put_head(out, &h);
	jrn_put_iface(out, &i);
	jrn_put_gap(out, &g);
	jrn_put_tick(out, &t);
	jrn_put_segment(out, &s);
	jrn_put_stats(out, &st);
	jrn_put_clock(out, &k);
	jrn_put_block(out, &bl);
	jrn_put_beat(out, &be);
	jrn_put_end(out, &e);
}

static void check_record(const struct rec *r)
{
	struct jrn_segment s;
	struct jrn_iface i;
	struct iface_stats st;
	struct jrn_head h;
	struct jrn_tick t;
	struct jrn_gap g;
	struct jrn_end e;
	struct jrn_clock k;
	struct jrn_block bl;
	struct jrn_beat be;

	switch (r->type) {
	case JRN_HEAD:
		assert_int_equal(jrn_get_head(r, &h), 0);
		assert_true(h.run == UINT64_MAX && h.pid == 42 && h.shard == 3 &&
			    h.start == INT64_MIN && h.raw_limit == UINT64_MAX &&
			    h.snaplen == 262144 && h.idle == 600 && h.hold == 15 &&
			    h.key_mode == 1);
		assert_true(same_text(h.capture, "c") && same_text(h.app, NULL));
		break;
	case JRN_IFACE:
		assert_int_equal(jrn_get_iface(r, &i), 0);
		assert_true(i.number == 7 && i.linktype == 65535 && i.fcs_len == 4 &&
			    i.speed == UINT64_MAX);
		assert_true(same_text(i.name, "eth0") && same_text(i.descr, NULL) &&
			    same_text(i.filter, "") && same_text(i.os, "o"));
		break;
	case JRN_GAP:
		assert_int_equal(jrn_get_gap(r, &g), 0);
		assert_true(g.iface == UINT32_MAX && g.from == -1 && g.to == INT64_MAX &&
			    g.why == 3 && g.count == 99);
		break;
	case JRN_TICK:
		assert_int_equal(jrn_get_tick(r, &t), 0);
		assert_true(t.ts == 5 && t.kept == 6 && t.raw_limited == 7);
		break;
	case JRN_SEGMENT:
		assert_int_equal(jrn_get_segment(r, &s), 0);
		assert_true(s.number == 1 && s.bytes == 2 && s.packets == 3 && s.min == -4 &&
			    s.max == 5);
		break;
	case JRN_STATS:
		assert_int_equal(jrn_get_stats(r, &st), 0);
		assert_true(st.iface == 1 && st.ts == 2 && st.start == 3 && st.end == 4 &&
			    st.has_recv && !st.has_ifdrop && !st.has_accept && st.has_osdrop &&
			    !st.has_deliv && st.recv == 5 && st.osdrop == UINT64_MAX);
		break;
	case JRN_END:
		assert_int_equal(jrn_get_end(r, &e), 0);
		assert_true(e.ts == 1 && e.kept == 2 && e.raw_limited == 3 && e.dropped == 4 &&
			    e.rows == 5 && e.rows_dropped == 6);
		break;
	case JRN_CLOCK:
		assert_int_equal(jrn_get_clock(r, &k), 0);
		assert_true(k.state.ts == -2 && k.state.sync == CLOCK_SYNCED &&
			    k.state.max_error == 16000000000 && k.state.est_error == 1 &&
			    k.state.step == INT64_MIN && same_text(k.source, "tsc"));
		break;
	case JRN_BLOCK:
		assert_int_equal(jrn_get_block(r, &bl), 0);
		assert_true(bl.number == UINT32_MAX && bl.file == UINT32_MAX - 15 &&
			    bl.at == UINT64_MAX && bl.size == 1 << 30 && bl.rows == 65536 &&
			    bl.start == INT64_MIN && bl.last == INT64_MAX);
		break;
	case JRN_BEAT:
		assert_int_equal(jrn_get_beat(r, &be), 0);
		assert_true(be.number == 2 && be.tick.ts == INT64_MIN &&
			    be.tick.kept == UINT64_MAX && be.tick.raw_limited == 3 &&
			    be.serial == UINT64_MAX - 7);
		break;
	default:
		fail();
	}
}

/* How many records a file begins with. */
static size_t count(const uint8_t *p, size_t n)
{
	size_t at = REC_MAGIC, k = 0;
	struct rec rec;
	int64_t r;

	if (jrn_check_magic(p, n) < 0)
		return 0;
	while ((r = rec_read(p + at, n - at, &rec)) > 0) {
		check_record(&rec);
		at += (size_t)r;
		k++;
	}
	return k;
}

static void test_records(void **state)
{
	struct buf out = BUF_INIT;
	size_t i, last = 0;

	(void)state;
	put_all(&out);
	assert_int_equal(count((uint8_t *)out.p, out.len), RECORDS);
	for (i = 0; i < out.len; i++) {
		uint8_t *cut = malloc(i + 1);
		size_t k;

		memcpy(cut, out.p, i);
		cut = realloc(cut, i ? i : 1);
		k = count(cut, i);
		assert_true(k == last || k == last + 1);
		last = k;
		free(cut);
	}
	assert_int_equal(last, RECORDS - 1);
	/* every bit is covered by a checksum */
	for (i = 0; i < 8 * out.len; i++) {
		out.p[i / 8] ^= (char)(1 << i % 8);
		assert_true(count((uint8_t *)out.p, out.len) < RECORDS);
		out.p[i / 8] ^= (char)(1 << i % 8);
	}
	buf_done(&out);
}

/* A payload that was made to fit its checksum may still be nonsense. */
static void test_short_payloads(void **state)
{
	struct buf out = BUF_INIT, small = BUF_INIT;
	size_t at = REC_MAGIC, n;
	struct rec rec, cut;
	int64_t r;

	(void)state;
	put_all(&out);
	while ((r = rec_read((uint8_t *)out.p + at, out.len - at, &rec)) > 0) {
		for (n = 0; n < rec.size; n++) {
			struct jrn_head h;
			struct jrn_iface i;
			struct jrn_gap g;
			struct jrn_tick t;
			struct jrn_segment s;
			struct iface_stats st;
			struct jrn_end e;
			struct jrn_clock k;
			struct jrn_block bl;
			struct jrn_beat be;
			size_t begin;
			int code;

			buf_clear(&small);
			begin = rec_begin(&small, rec.type);
			buf_add(&small, rec.p, n);
			rec_end(&small, begin);
			assert_true(rec_read((uint8_t *)small.p, small.len, &cut) > 0);
			code = rec.type == JRN_HEAD      ? jrn_get_head(&cut, &h)
			       : rec.type == JRN_IFACE   ? jrn_get_iface(&cut, &i)
			       : rec.type == JRN_GAP     ? jrn_get_gap(&cut, &g)
			       : rec.type == JRN_TICK    ? jrn_get_tick(&cut, &t)
			       : rec.type == JRN_SEGMENT ? jrn_get_segment(&cut, &s)
			       : rec.type == JRN_STATS   ? jrn_get_stats(&cut, &st)
			       : rec.type == JRN_CLOCK   ? jrn_get_clock(&cut, &k)
			       : rec.type == JRN_BLOCK   ? jrn_get_block(&cut, &bl)
			       : rec.type == JRN_BEAT    ? jrn_get_beat(&cut, &be)
							 : jrn_get_end(&cut, &e);
			assert_int_equal(code, -EBADMSG);
		}
		at += (size_t)r;
	}
	buf_done(&out);
	buf_done(&small);
}

/* All beats are of one length, whatever is in them, so that one can take the place of another:
 * type 12, 56 bytes, checksum, seven numbers of 8 bytes. */
static void test_beat(void **state)
{
	static const struct jrn_beat v[] = {
		{.number = 0},
		{UINT64_MAX,
		 {INT64_MIN, UINT64_MAX, UINT64_MAX},
		 UINT64_MAX,
		 UINT64_MAX,
		 UINT64_MAX},
		{0x0102030405060708, {0x1112131415161718, 0x21, 0x31}, 0x41, 0x51, 0x61},
	};
	struct buf b = BUF_INIT;
	size_t i;

	(void)state;
	for (i = 0; i < 3; i++) {
		buf_clear(&b);
		jrn_put_beat(&b, &v[i]);
		assert_int_equal(b.len, JRN_BEAT_SIZE);
	}
	assert_int_equal(JRN_BEAT_SIZE, 68);
	assert_memory_equal(b.p, "\14\0\0\0\70\0\0\0", 8);
	assert_memory_equal(b.p + 12, "\10\7\6\5\4\3\2\1\x18\x17\x16\x15\x14\x13\x12\x11", 16);
	assert_memory_equal(b.p + 28, "\x21\0\0\0\0\0\0\0\x31\0\0\0\0\0\0\0\x41\0\0\0\0\0\0\0", 24);
	assert_memory_equal(b.p + 52, "\x51\0\0\0\0\0\0\0\x61\0\0\0\0\0\0\0", 16);
	buf_done(&b);
}

/* Whole numbers: the encoding by hand, and the ends of its range. */
static void test_ints(void **state)
{
	static const struct {
		uint64_t v;
		uint8_t n, b[10];
	} known[] = {
		{0, 1, {0}},
		{127, 1, {0x7f}},
		{128, 2, {0x80, 0x01}},
		{300, 2, {0xac, 0x02}},
		{UINT64_MAX, 10, {255, 255, 255, 255, 255, 255, 255, 255, 255, 1}},
	};
	static const uint8_t bad[][11] = {
		{255, 255, 255, 255, 255, 255, 255, 255, 255, 2}, /* 65 bits */
		{128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 0},
	};
	struct buf b = BUF_INIT;
	struct cur c;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		buf_clear(&b);
		rec_put_int(&b, known[i].v);
		assert_int_equal(b.len, known[i].n);
		assert_memory_equal(b.p, known[i].b, b.len);
		c = cur_at((uint8_t *)b.p, (uint32_t)b.len);
		assert_true(rec_get_int(&c) == known[i].v && cur_ok(&c) && !c.left);
		c = cur_at((uint8_t *)b.p, (uint32_t)b.len - 1);
		rec_get_int(&c);
		assert_false(cur_ok(&c));
	}
	for (i = 0; i < 2; i++) {
		c = cur_at(bad[i], 11);
		rec_get_int(&c);
		assert_false(cur_ok(&c));
	}
	assert_int_equal(rec_zigzag(0), 0);
	assert_int_equal(rec_zigzag(-1), 1);
	assert_int_equal(rec_zigzag(1), 2);
	assert_true(rec_zigzag(INT64_MIN) == UINT64_MAX);
	buf_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),    cmocka_unit_test(test_other_schema),
		cmocka_unit_test(test_records), cmocka_unit_test(test_short_payloads),
		cmocka_unit_test(test_beat),    cmocka_unit_test(test_ints),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
