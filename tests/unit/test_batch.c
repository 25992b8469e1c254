#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/batch.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

enum {
	F_BYTES,
	F_DELTA,
	F_RATIO,
	F_OPEN,
	F_START,
	F_RTT,
	F_SRC,
	F_DST,
	F_APP,
	F_UUID,
	F_COUNT,
};

static const struct field fields[] = {
	[F_BYTES] = {1, "ab_bytes", "Metric.ABBytes", VAL_U64, "bytes", "L2", "", ""},
	[F_DELTA] = {2, "delta", "Delta", VAL_I64, "1", "", "", ""},
	[F_RATIO] = {3, "ratio", "Metric.Ratio", VAL_F64, "1", "", "", ""},
	[F_OPEN] = {4, "open", "Open", VAL_BOOL, "", "", "", ""},
	[F_START] = {5, "start", "Start", VAL_TIME, "", "", "", ""},
	[F_RTT] = {6, "rtt_ns", "Metric.RTT", VAL_DUR, "ns", "", "", ""},
	[F_SRC] = {7, "network_a", "Network.A", VAL_ADDR, "", "IP", "", ""},
	[F_DST] = {8, "network_b", "Network.B", VAL_ADDR, "", "IP", "", ""},
	[F_APP] = {9, "application", "Application", VAL_STR, "", "", "", ""},
	[F_UUID] = {10, "uuid", "UUID", VAL_ID, "", "", "", ""},
};

static const struct field_alias aliases[] = {
	{"Network", 2, {F_SRC, F_DST}},
	{"Bytes", 1, {F_BYTES}},
};

static const struct schema schema = {fields, F_COUNT, aliases, ARRAY_SIZE(aliases)};

static size_t find(const char *name, uint16_t ret[SCHEMA_NAMES_MAX])
{
	return schema_find(&schema, name, strlen(name), ret);
}

static void names_are_found(void **state)
{
	uint16_t ret[SCHEMA_NAMES_MAX];
	size_t i;

	(void)state;
	for (i = 0; i < F_COUNT; i++) {
		assert_int_equal(find(fields[i].name, ret), 1);
		assert_int_equal(ret[0], i);
		assert_int_equal(find(fields[i].json, ret), 1);
		assert_int_equal(ret[0], i);
	}
	assert_int_equal(find("METRIC.abbytes", ret), 1);
	assert_int_equal(ret[0], F_BYTES);
	assert_int_equal(find("network", ret), 2);
	assert_int_equal(ret[0], F_SRC);
	assert_int_equal(ret[1], F_DST);
	assert_int_equal(find("bytes", ret), 1);
	assert_int_equal(ret[0], F_BYTES);
	assert_int_equal(find("", ret), 0);
	assert_int_equal(find("ab_byte", ret), 0);
	assert_int_equal(find("ab_bytess", ret), 0);
	assert_int_equal(schema_find(&schema, "start.", 5, ret), 1); /* by length, not by NUL */
	assert_int_equal(schema_find(&schema, "start", 4, ret), 0);
	assert_int_equal(schema_find(&schema, "star\0", 5, ret), 0);
}

static const char *near(const char *name)
{
	return schema_near(&schema, name, strlen(name));
}

static void near_names(void **state)
{
	char longest[300];

	(void)state;
	assert_string_equal(near("ab_byte"), "ab_bytes");
	assert_string_equal(near("aplication"), "application");
	assert_string_equal(near("Metric.ABBites"), "Metric.ABBytes");
	assert_string_equal(near("Netwrok"), "Network");
	assert_null(near("x"));
	assert_null(near("colour"));
	assert_null(near(""));
	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_null(near(longest)); /* was near to anything */
}

static void sets(void **state)
{
	struct field_set s = {0};
	size_t i;

	(void)state;
	field_set_add(&s, 0);
	field_set_add(&s, 63);
	field_set_add(&s, 64);
	field_set_add(&s, SCHEMA_FIELDS_MAX - 1);
	for (i = 0; i < SCHEMA_FIELDS_MAX; i++)
		assert_int_equal(field_set_has(&s, i),
				 i == 0 || i == 63 || i == 64 || i == SCHEMA_FIELDS_MAX - 1);
}

static void columns_as_wanted(void **state)
{
	struct field_set want = {0};
	struct batch *b = NULL;
	size_t i;

	(void)state;
	batch_free(NULL);
	field_set_add(&want, F_BYTES);
	field_set_add(&want, F_UUID);
	assert_int_equal(batch_new(&b, &schema, &want), 0);
	assert_int_equal(b->n, 0);
	for (i = 0; i < F_COUNT; i++) {
		assert_int_equal(b->cols[i] != NULL, i == F_BYTES || i == F_UUID);
		if (b->cols[i])
			assert_int_equal(b->cols[i]->type, fields[i].type);
	}
	b->cols[F_BYTES]->v.u64[BATCH_ROWS - 1] = 1; /* all rows are there */
	b->cols[F_UUID]->v.id[BATCH_ROWS - 1][15] = 1;
	b->serial[BATCH_ROWS - 1] = 1;
	batch_free(b);
}

static struct batch *batch_of_all(void)
{
	struct field_set want = {0};
	struct batch *b = NULL;
	size_t i;

	for (i = 0; i < F_COUNT; i++)
		field_set_add(&want, i);
	assert_int_equal(batch_new(&b, &schema, &want), 0);
	return b;
}

static void values_come_back(void **state)
{
	static const uint8_t id[16] = {1, 2, 3, 15};
	struct batch *b = batch_of_all();
	union val v;
	size_t i;

	(void)state;
	b->n = 70;
	for (i = 0; i < F_COUNT; i++)
		assert_false(col_get(b->cols[i], 64, &v));
	b->cols[F_BYTES]->v.u64[64] = UINT64_MAX;
	b->cols[F_DELTA]->v.i64[64] = INT64_MIN;
	b->cols[F_RATIO]->v.f64[64] = 0.5;
	b->cols[F_OPEN]->v.b[64] = true;
	b->cols[F_START]->v.i64[64] = 17;
	b->cols[F_RTT]->v.i64[64] = 18;
	assert_int_equal(addr_parse("192.0.2.1", &b->cols[F_SRC]->v.addr[64]), 0);
	assert_int_equal(addr_parse("2001:db8::1", &b->cols[F_DST]->v.addr[64]), 0);
	b->cols[F_APP]->v.str[64] = (struct val_str){"DNS", 3};
	memcpy(b->cols[F_UUID]->v.id[64], id, 16);
	for (i = 0; i < F_COUNT; i++) {
		col_mark(b->cols[i], 64);
		assert_false(col_has(b->cols[i], 63));
		assert_true(col_has(b->cols[i], 64));
		assert_false(col_has(b->cols[i], 65));
		assert_true(col_get(b->cols[i], 64, &v));
		switch (i) {
		case F_BYTES:
			assert_true(v.u64 == UINT64_MAX);
			break;
		case F_DELTA:
			assert_true(v.i64 == INT64_MIN);
			break;
		case F_RATIO:
			assert_true(v.f64 == 0.5);
			break;
		case F_OPEN:
			assert_true(v.b);
			break;
		case F_START:
			assert_int_equal(v.i64, 17);
			break;
		case F_RTT:
			assert_int_equal(v.i64, 18);
			break;
		case F_SRC:
			assert_int_equal(v.addr.b[0], 192);
			break;
		case F_DST:
			assert_int_equal(v.addr.family, ADDR_IP6);
			break;
		case F_APP:
			assert_memory_equal(v.str.p, "DNS", 3);
			break;
		default:
			assert_memory_equal(v.id, id, 16);
		}
	}
	batch_clear(b);
	assert_int_equal(b->n, 0);
	for (i = 0; i < F_COUNT; i++)
		assert_false(col_get(b->cols[i], 64, &v));
	batch_free(b);
}

/* Every second row has a value; rows 3, 4, 9 ... leave. */
static void rows_leave(void **state)
{
	struct batch *b = batch_of_all();
	struct col *c = b->cols[F_BYTES];
	size_t from, to = 0;
	union val v;

	(void)state;
	b->n = BATCH_ROWS;
	for (from = 0; from < b->n; from++) {
		b->serial[from] = 1000 + from;
		c->v.u64[from] = from;
		if (from % 2 == 0)
			col_mark(c, from);
	}
	for (from = 0; from < b->n; from++)
		if (from % 3 == 0)
			batch_move(b, to++, from);
	batch_cut(b, to);
	assert_int_equal(b->n, (BATCH_ROWS + 2) / 3);
	for (to = 0; to < BATCH_ROWS; to++) {
		bool has = to < b->n && to * 3 % 2 == 0;

		assert_int_equal(col_get(c, to, &v), has);
		if (has)
			assert_int_equal(v.u64, to * 3);
		if (to < b->n)
			assert_int_equal(b->serial[to], 1000 + to * 3);
	}
	to = b->n;
	batch_cut(b, BATCH_ROWS); /* there is nothing behind it to forget */
	assert_int_equal(b->n, to);
	batch_cut(b, 0);
	assert_int_equal(b->n, 0);
	assert_false(col_has(c, 0));
	batch_free(b);
}

static int sign(int r)
{
	return (r > 0) - (r < 0);
}

/* Rows in rising order; each is compared with each. */
static void check_order(enum val_type type, const union val *rising, size_t n)
{
	size_t i, k;

	for (i = 0; i < n; i++) {
		for (k = 0; k < n; k++) {
			assert_int_equal(sign(val_cmp(type, &rising[i], &rising[k])),
					 (i > k) - (i < k));
			if (i != k)
				assert_true(val_hash(type, &rising[i]) !=
					    val_hash(type, &rising[k]));
		}
		assert_true(val_hash(type, &rising[i]) == val_hash(type, &rising[i]));
	}
}

static void orders_and_hashes(void **state)
{
	static const union val u64s[] = {
		{.u64 = 0}, {.u64 = 1}, {.u64 = 1 << 8}, {.u64 = UINT64_MAX}};
	static const union val i64s[] = {
		{.i64 = INT64_MIN}, {.i64 = -1}, {.i64 = 0}, {.i64 = INT64_MAX}};
	static const union val f64s[] = {
		{.f64 = -INFINITY}, {.f64 = -1.5},     {.f64 = 0},
		{.f64 = 5e-324},    {.f64 = INFINITY}, {.f64 = NAN},
	};
	static const union val bools[] = {{.b = false}, {.b = true}};
	static const union val strs[] = {
		{.str = {NULL, 0}},        {.str = {"a", 1}},        {.str = {"a\0", 2}},
		{.str = {"aa", 2}},        {.str = {"aaaaaaaa", 8}}, {.str = {"aaaaaaaaa", 9}},
		{.str = {"aaaaaaaab", 9}}, {.str = {"b", 1}},        {.str = {"\xff", 1}},
	};
	union val addrs[4], ids[3];
	size_t i;

	(void)state;
	check_order(VAL_U64, u64s, ARRAY_SIZE(u64s));
	check_order(VAL_I64, i64s, ARRAY_SIZE(i64s));
	check_order(VAL_TIME, i64s, ARRAY_SIZE(i64s));
	check_order(VAL_DUR, i64s, ARRAY_SIZE(i64s));
	check_order(VAL_F64, f64s, ARRAY_SIZE(f64s));
	check_order(VAL_BOOL, bools, ARRAY_SIZE(bools));
	check_order(VAL_STR, strs, ARRAY_SIZE(strs));
	assert_int_equal(addr_parse("0.0.0.0", &addrs[0].addr), 0);
	assert_int_equal(addr_parse("192.0.2.1", &addrs[1].addr), 0);
	assert_int_equal(addr_parse("::", &addrs[2].addr), 0);
	assert_int_equal(addr_parse("2001:db8::1", &addrs[3].addr), 0);
	check_order(VAL_ADDR, addrs, ARRAY_SIZE(addrs));
	for (i = 0; i < ARRAY_SIZE(ids); i++) {
		memset(ids[i].id, 0, 16);
		ids[i].id[15] = (uint8_t)(i * 100);
	}
	check_order(VAL_ID, ids, ARRAY_SIZE(ids));
}

static void equal_values_hash_equal(void **state)
{
	union val zero = {.f64 = 0.0}, minus = {.f64 = -0.0}, nan1 = {.f64 = NAN},
		  nan2 = {.f64 = -NAN};
	char x[] = "text", y[] = "text";
	union val s = {.str = {x, 4}}, t = {.str = {y, 4}};

	(void)state;
	assert_int_equal(val_cmp(VAL_F64, &zero, &minus), 0);
	assert_true(val_hash(VAL_F64, &zero) == val_hash(VAL_F64, &minus));
	assert_int_equal(val_cmp(VAL_F64, &nan1, &nan2), 0);
	assert_true(val_hash(VAL_F64, &nan1) == val_hash(VAL_F64, &nan2));
	assert_int_equal(val_cmp(VAL_STR, &s, &t), 0);
	assert_true(val_hash(VAL_STR, &s) == val_hash(VAL_STR, &t));
}

/* Counters, the worst case: 64 k numbers into 64 k buckets by the low bits, by
 * the high bits.  A random function leaves 1/e of the buckets empty, 37 %. */
static void hashes_spread(void **state)
{
	enum {
		N = 1 << 16,
	};
	uint8_t *low = calloc(N, 1), *high = calloc(N, 1);
	unsigned used_low = 0, used_high = 0, i;

	(void)state;
	assert_non_null(low);
	assert_non_null(high);
	for (i = 0; i < N; i++) {
		union val v = {.u64 = (uint64_t)i << 12};
		uint64_t h = val_hash(VAL_U64, &v);

		used_low += !low[h % N]++;
		used_high += !high[h >> 48]++;
	}
	assert_in_range(used_low, N * 62 / 100, N * 65 / 100);
	assert_in_range(used_high, N * 62 / 100, N * 65 / 100);
	free(low);
	free(high);
}

static void texts(void **state)
{
	static const struct {
		enum val_type type;
		union val v;
		const char *text;
	} rows[] = {
		{VAL_U64, {.u64 = UINT64_MAX}, "18446744073709551615"},
		{VAL_I64, {.i64 = INT64_MIN}, "-9223372036854775808"},
		{VAL_F64, {.f64 = 0.1}, "0.1"},
		{VAL_F64, {.f64 = 1e300}, "1e+300"},
		{VAL_F64, {.f64 = 1.0 / 3}, "0.3333333333333333"},
		{VAL_BOOL, {.b = true}, "true"},
		{VAL_BOOL, {.b = false}, "false"},
		{VAL_TIME, {.i64 = 1700000000000000001}, "1700000000.000000001"},
		{VAL_TIME, {.i64 = -1}, "-0.000000001"},
		{VAL_DUR, {.i64 = 1500}, "1500"},
		{VAL_ADDR, {.addr = {ADDR_IP4, {192, 0, 2, 1}}}, "192.0.2.1"},
		{VAL_ADDR, {.addr = {ADDR_NONE, {0}}}, ""},
		{VAL_STR, {.str = {"a,\"b", 4}}, "a,\"b"},
		{VAL_STR, {.str = {NULL, 0}}, ""},
		{VAL_ID,
		 {.id = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0xfe, 0xdc, 0xba, 0x98,
			 0x76, 0x54, 0x32, 0x10}},
		 "01234567-89ab-cdef-fedc-ba9876543210"},
	};
	struct buf b = BUF_INIT;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		buf_clear(&b);
		buf_addval(&b, rows[i].type, &rows[i].v);
		assert_string_equal(buf_str(&b), rows[i].text);
	}
	buf_done(&b);
}

/* Columns with codes: values are read, moved, left out and settled as if they were there. */
static void codes_stand_for_values(void **state)
{
	static const struct addr addrs[] = {{ADDR_IP4, {10, 0, 0, 1}}, {ADDR_IP4, {10, 0, 0, 2}}};
	static const struct val_str texts[] = {{"DNS", 3}, {"TLS", 3}};
	static const uint8_t ids[2][16] = {{1}, {2}};
	static const struct {
		size_t field;
		const void *values;
	} cases[] = {{F_SRC, addrs}, {F_APP, texts}, {F_UUID, ids}};
	struct field_set all;
	struct batch *b = NULL;
	union val v;
	size_t i, k;

	(void)state;
	memset(&all, 0xff, sizeof(all));
	assert_int_equal(batch_new(&b, &schema, &all), 0);
	assert_int_equal(batch_code(b, F_BYTES), 0);
	assert_null(b->cols[F_BYTES]->code); /* numbers have none */
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct col *c = b->cols[cases[i].field];
		size_t size = val_size(c->type);

		assert_int_equal(batch_code(b, cases[i].field), 0);
		assert_non_null(c->code);
		b->n = 4;
		c->dict = (struct col_dict){cases[i].values, 2, 4, b, 1};
		for (k = 0; k < 4; k++) {
			c->code[k] = k % 2;
			if (k != 2) /* 0, 1, none, 1 */
				col_mark(c, k);
		}
		assert_true(col_get(c, 3, &v));
		assert_memory_equal(&v, (const char *)cases[i].values + size, size);
		assert_false(col_get(c, 2, &v));

		batch_move(b, 0, 3); /* 1, 1, none */
		batch_cut(b, 3);
		assert_int_equal(c->dict.n, 2);
		assert_true(col_get(c, 0, &v));
		assert_memory_equal(&v, (const char *)cases[i].values + size, size);
		assert_false(col_get(c, 2, &v));
		assert_false(col_has(c, 3));

		memset(c->v.any, 0xee, BATCH_ROWS * size);
		col_settle(c, b->n);
		assert_int_equal(c->dict.n, 0);
		for (k = 0; k < 2; k++) {
			assert_true(col_get(c, k, &v));
			assert_memory_equal(&v, (const char *)cases[i].values + size, size);
		}
		c->dict.n = 2;
		batch_cut(b, 0);
		assert_int_equal(c->dict.n, 0);
		assert_false(col_has(c, 0));
	}
	batch_free(b);
}

/* Column by column, with a column of codes: row i has value 7 i of what fits, every third none. */
static void rows_change_places(void **state)
{
	static const struct val_str names[] = {{"a", 1}, {"bb", 2}, {"ccc", 3}};
	struct batch *b = batch_of_all();
	uint16_t from[BATCH_ROWS];
	struct col *c;
	union val v;
	size_t i, k;

	(void)state;
	assert_int_equal(batch_code(b, F_APP), 0);
	b->n = BATCH_ROWS;
	b->cols[F_APP]->dict = (struct col_dict){names, 3, BATCH_ROWS, b, 1};
	for (i = 0; i < BATCH_ROWS; i++) {
		b->serial[i] = i;
		b->cols[F_BYTES]->v.u64[i] = 7 * i;
		b->cols[F_OPEN]->v.b[i] = i % 5 == 0;
		memset(b->cols[F_UUID]->v.id[i], (int)i, 16);
		memset(&b->cols[F_SRC]->v.addr[i], (int)i, sizeof(struct addr));
		b->cols[F_APP]->code[i] = i % 3;
		for (k = 0; k < F_COUNT && i % 3; k++)
			col_mark(b->cols[k], i);
		from[i] = (uint16_t)(i * 77 % BATCH_ROWS); /* odd: each once */
	}
	batch_order(b, from);
	for (i = 0; i < BATCH_ROWS; i++) {
		uint8_t id[sizeof(struct addr)];
		size_t was = i * 77 % BATCH_ROWS;

		assert_int_equal(b->serial[i], was);
		for (k = 0; k < F_COUNT; k++)
			assert_int_equal(col_has(b->cols[k], i), was % 3 != 0);
		memset(id, (int)was, sizeof(id));
		assert_int_equal(b->cols[F_BYTES]->v.u64[i], 7 * was);
		assert_int_equal(b->cols[F_OPEN]->v.b[i], was % 5 == 0);
		assert_memory_equal(b->cols[F_UUID]->v.id[i], id, 16);
		assert_memory_equal(&b->cols[F_SRC]->v.addr[i], id, sizeof(struct addr));
		c = b->cols[F_APP];
		if (!col_get(c, i, &v))
			continue;
		assert_int_equal(v.str.len, was % 3 + 1);
	}
	batch_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_found),
		cmocka_unit_test(near_names),
		cmocka_unit_test(sets),
		cmocka_unit_test(columns_as_wanted),
		cmocka_unit_test(values_come_back),
		cmocka_unit_test(rows_leave),
		cmocka_unit_test(orders_and_hashes),
		cmocka_unit_test(equal_values_hash_equal),
		cmocka_unit_test(hashes_spread),
		cmocka_unit_test(texts),
		cmocka_unit_test(codes_stand_for_values),
		cmocka_unit_test(rows_change_places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
