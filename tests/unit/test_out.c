/* Rows as table, CSV and JSON.  Expected texts are written by hand from the
 * formats: RFC 4180, RFC 8259, RFC 5952 (addresses), RFC 9562 (UUIDs); the
 * dates are date(1)'s. */
#include "analyse/out.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/buf.h"

/* clang-format off */
enum { F_START, F_A, F_BYTES, F_RTT, F_NAME, F_ID, F_OK, F_RATE, F_DIFF, F_BA, N_FIELDS };
static const struct field fields[] = {
	[F_START] = {.name = "start", .json = "Start", .type = VAL_TIME},
	[F_A] = {.name = "network_a", .json = "Network.A", .type = VAL_ADDR},
	[F_BYTES] = {.name = "ab_bytes", .json = "Metric.ABBytes", .type = VAL_U64},
	[F_RTT] = {.name = "rtt_ns", .json = "Metric.RTT", .type = VAL_DUR},
	[F_NAME] = {.name = "name", .json = "Name", .type = VAL_STR},
	[F_ID] = {.name = "uuid", .json = "UUID", .type = VAL_ID},
	[F_OK] = {.name = "ok", .json = "Deep.Er.OK", .type = VAL_BOOL},
	[F_RATE] = {.name = "rate", .json = "Deep.Rate", .type = VAL_F64},
	[F_DIFF] = {.name = "diff", .json = "Diff", .type = VAL_I64},
	[F_BA] = {.name = "ba_bytes", .json = "Metric.BABytes", .type = VAL_U64},
};
/* clang-format on */
static const struct schema schema = {.fields = fields, .n = N_FIELDS};

struct to {
	struct buf text;
	int fail_after; /* writes that succeed; -1: all */
	int writes;
};

static int to_buf(void *arg, const void *p, size_t n)
{
	struct to *to = arg;

	if (to->fail_after >= 0 && to->writes >= to->fail_after)
		return -EPIPE;
	to->writes++;
	buf_add(&to->text, p, n);
	return 0;
}

static void put_str(struct batch *b, size_t row, const char *s, size_t n)
{
	b->cols[F_NAME]->v.str[row] = (struct val_str){s, (uint32_t)n};
	col_mark(b->cols[F_NAME], row);
}

/* Row 0 has everything, row 1 nothing, row 2 extremes. */
static struct batch *make_rows(void)
{
	struct field_set all = {0};
	struct batch *b;
	size_t i;

	for (i = 0; i < N_FIELDS; i++)
		field_set_add(&all, i);
	assert_int_equal(batch_new(&b, &schema, &all), 0);
	b->n = 3;
	for (i = 0; i < N_FIELDS; i++) {
		col_mark(b->cols[i], 0);
		if (i != F_RATE)
			col_mark(b->cols[i], 2);
	}
	b->cols[F_START]->v.i64[0] = INT64_C(1476272350123456789);
	b->cols[F_START]->v.i64[2] = -1;
	assert_int_equal(addr_parse("192.0.2.1", &b->cols[F_A]->v.addr[0]), 0);
	assert_int_equal(addr_parse("2001:db8::1", &b->cols[F_A]->v.addr[2]), 0);
	b->cols[F_BYTES]->v.u64[0] = 1234;
	b->cols[F_BYTES]->v.u64[2] = UINT64_MAX;
	b->cols[F_RTT]->v.i64[0] = 25000;
	b->cols[F_RTT]->v.i64[2] = 0;
	put_str(b, 0, "plain", 5);
	put_str(b, 2, "a,\"b\"\n\x1b\xff", 8);
	for (i = 0; i < 16; i++) {
		b->cols[F_ID]->v.id[0][i] = (uint8_t)(i * 17);
		b->cols[F_ID]->v.id[2][i] = 0xff;
	}
	b->cols[F_OK]->v.b[0] = true;
	b->cols[F_OK]->v.b[2] = false;
	b->cols[F_RATE]->v.f64[0] = 0.1;
	b->cols[F_DIFF]->v.i64[0] = -5;
	b->cols[F_DIFF]->v.i64[2] = INT64_MIN;
	b->cols[F_BA]->v.u64[0] = 7;
	b->cols[F_BA]->v.u64[2] = 0;
	return b;
}

static const uint16_t all_fields[] = {F_START, F_A,  F_BYTES, F_RTT,  F_NAME,
				      F_ID,    F_OK, F_RATE,  F_DIFF, F_BA};

/* Begins with a schema that is gone, names and all, when the call returns. */
static int begin(struct out *o, const uint16_t *list, size_t n)
{
	struct field *copy = malloc(sizeof(fields));
	const struct schema s = {.fields = copy, .n = N_FIELDS};
	char names[2][N_FIELDS][32];
	size_t i;
	int r;

	assert_non_null(copy);
	memcpy(copy, fields, sizeof(fields));
	for (i = 0; i < N_FIELDS; i++) {
		snprintf(names[0][i], sizeof(names[0][i]), "%s", fields[i].name);
		snprintf(names[1][i], sizeof(names[1][i]), "%s", fields[i].json);
		copy[i].name = names[0][i];
		copy[i].json = names[1][i];
	}
	r = out_begin(o, &s, list, n, NULL);
	memset(names, 'X', sizeof(names));
	memset(copy, 0xff, sizeof(fields));
	free(copy);
	return r;
}

static void write_rows(struct out_conf conf, const uint16_t *list, size_t n, const uint64_t *sel,
		       const char *expected)
{
	struct to to = {.fail_after = -1};
	struct batch *b = make_rows();
	struct out *o;

	conf.write = to_buf;
	conf.arg = &to;
	assert_int_equal(out_new(&o, &conf, NULL), 0);
	assert_int_equal(begin(o, list, n), 0);
	assert_int_equal(out_rows(o, b, sel, NULL), 0);
	assert_int_equal(out_end(o, NULL), 0);
	assert_string_equal(buf_str(&to.text), expected);
	out_free(o);
	batch_free(b);
	buf_done(&to.text);
}

static void test_csv(void **state)
{
	(void)state;
	write_rows((struct out_conf){.format = OUT_CSV}, all_fields, N_FIELDS, NULL,
		   "start,network_a,ab_bytes,rtt_ns,name,uuid,ok,rate,diff,ba_bytes\n"
		   "1476272350.123456789,192.0.2.1,1234,25000,plain,"
		   "00112233-4455-6677-8899-aabbccddeeff,true,0.1,-5,7\n"
		   ",,,,,,,,,\n"
		   "-0.000000001,2001:db8::1,18446744073709551615,0,\"a,\"\"b\"\"\n\x1b\xff\","
		   "ffffffff-ffff-ffff-ffff-ffffffffffff,false,,-9223372036854775808,0\n");
	/* The same where a text could drive a terminal. */
	write_rows((struct out_conf){.format = OUT_CSV, .terminal = true}, all_fields, N_FIELDS,
		   NULL,
		   "start,network_a,ab_bytes,rtt_ns,name,uuid,ok,rate,diff,ba_bytes\n"
		   "1476272350.123456789,192.0.2.1,1234,25000,plain,"
		   "00112233-4455-6677-8899-aabbccddeeff,true,0.1,-5,7\n"
		   ",,,,,,,,,\n"
		   "-0.000000001,2001:db8::1,18446744073709551615,0,"
		   "\"a,\"\"b\"\"\\x0a\\x1b\\xff\","
		   "ffffffff-ffff-ffff-ffff-ffffffffffff,false,,-9223372036854775808,0\n");
}

#define ROW0                                                                                       \
	"{\"Start\":1476272350123,\"Network\":{\"A\":\"192.0.2.1\"},"                              \
	"\"Metric\":{\"ABBytes\":1234,\"RTT\":25000,\"BABytes\":7},\"Name\":\"plain\","            \
	"\"UUID\":\"00112233-4455-6677-8899-aabbccddeeff\",\"Deep\":{\"Er\":{\"OK\":true},"        \
	"\"Rate\":0.1},\"Diff\":-5}"
#define ROW2                                                                                       \
	"{\"Start\":-1,\"Network\":{\"A\":\"2001:db8::1\"},\"Metric\":"                            \
	"{\"ABBytes\":18446744073709551615,\"RTT\":0,\"BABytes\":0},"                              \
	"\"Name\":\"a,\\\"b\\\"\\n\\u001b\\ufffd\","                                               \
	"\"UUID\":\"ffffffff-ffff-ffff-ffff-ffffffffffff\",\"Deep\":{\"Er\":{\"OK\":false}},"      \
	"\"Diff\":-9223372036854775808}"

static void test_json(void **state)
{
	static const uint64_t none = 0, last = 4;

	(void)state;
	write_rows((struct out_conf){.format = OUT_JSON}, all_fields, N_FIELDS, NULL,
		   "[\n" ROW0 ",\n{},\n" ROW2 "\n]\n");
	write_rows((struct out_conf){.format = OUT_JSONL}, all_fields, N_FIELDS, NULL,
		   ROW0 "\n{}\n" ROW2 "\n");
	write_rows((struct out_conf){.format = OUT_JSON}, all_fields, N_FIELDS, &none, "[]\n");
	write_rows((struct out_conf){.format = OUT_JSONL}, all_fields, N_FIELDS, &last, ROW2 "\n");
}

static void test_table(void **state)
{
	static const uint16_t few[] = {F_START, F_A, F_BYTES, F_NAME};
	struct out_conf conf = {.format = OUT_TABLE, .utc = true};

	(void)state;
	write_rows(conf, few, 4, NULL,
		   "start                       network_a                ab_bytes  name\n"
		   "2016-10-12 11:39:10.123456  192.0.2.1                    1234  plain\n"
		   "-                           -                               -  -\n"
		   "1969-12-31 23:59:59.999999  2001:db8::1  18446744073709551615  "
		   "a,\"b\"\\x0a\\x1b\\xff\n");
	conf.colour = true;
	write_rows(conf, few + 2, 1, (const uint64_t[]){1}, "\x1b[1mab_bytes\x1b[0m\n    1234\n");
}

static void test_table_width(void **state)
{
	static const uint16_t few[] = {F_A, F_BYTES, F_DIFF};
	static const uint64_t first = 1;
	struct out_conf conf = {.format = OUT_TABLE, .width = 24};

	(void)state;
	/* 9 + 2 + 8 + 2 + 4 = 25 */
	write_rows(conf, few, 3, &first, "network_a  ab_bytes\n192.0.2.1      1234\n");
	conf.width = 25;
	write_rows(conf, few, 3, &first, "network_a  ab_bytes  diff\n192.0.2.1      1234    -5\n");
	conf.width = 1;
	write_rows(conf, few, 3, &first, "network_a\n192.0.2.1\n");
}

/* Rows behind the measured ones may be wider and must not be cut. */
static void test_table_streams(void **state)
{
	struct to to = {.fail_after = -1};
	struct out_conf conf = {.format = OUT_TABLE, .write = to_buf, .arg = &to};
	static const uint16_t few[] = {F_BYTES, F_NAME};
	struct field_set want = {0};
	struct batch *b;
	const char *p;
	struct out *o;
	size_t i, k, lines = 0;

	(void)state;
	field_set_add(&want, F_BYTES);
	field_set_add(&want, F_NAME);
	assert_int_equal(batch_new(&b, &schema, &want), 0);
	assert_int_equal(out_new(&o, &conf, NULL), 0);
	assert_int_equal(out_begin(o, &schema, few, 2, NULL), 0);
	for (k = 0; k < 2; k++) {
		b->n = OUT_TABLE_ROWS;
		for (i = 0; i < b->n; i++) {
			b->cols[F_BYTES]->v.u64[i] = k ? 123456789012 : 5;
			col_mark(b->cols[F_BYTES], i);
			put_str(b, i, "x", 1);
		}
		assert_int_equal(out_rows(o, b, NULL, NULL), 0);
	}
	assert_int_equal(out_end(o, NULL), 0);
	for (p = buf_str(&to.text); *p; p += strcspn(p, "\n") + 1) {
		const char *want_line = !lines                    ? "ab_bytes  name\n"
					: lines <= OUT_TABLE_ROWS ? "       5  x\n"
								  : "123456789012  x\n";

		assert_int_equal(strncmp(p, want_line, strlen(want_line)), 0);
		lines++;
	}
	assert_int_equal(lines, 2 * OUT_TABLE_ROWS + 1);
	out_free(o);
	batch_free(b);
	buf_done(&to.text);
}

static const struct {
	enum out_format format;
	enum val_type type;
	union val v;
	const char *text;
} scalars[] = {
	{OUT_TABLE, VAL_U64, {.u64 = 42}, "42\n"},   {OUT_CSV, VAL_U64, {.u64 = 42}, "count\n42\n"},
	{OUT_JSON, VAL_U64, {.u64 = 42}, "42\n"},    {OUT_JSONL, VAL_F64, {.f64 = 1.5}, "1.5\n"},
	{OUT_JSON, VAL_F64, {.f64 = NAN}, "null\n"},
};

static void test_scalar(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(scalars) / sizeof(scalars[0]); i++) {
		struct to to = {.fail_after = -1};
		struct out_conf conf = {.format = scalars[i].format, .write = to_buf, .arg = &to};
		struct out *o;

		assert_int_equal(out_new(&o, &conf, NULL), 0);
		assert_int_equal(out_scalar(o, "count", scalars[i].type, &scalars[i].v, NULL), 0);
		assert_string_equal(buf_str(&to.text), scalars[i].text);
		out_free(o);
		buf_done(&to.text);
	}
}

/* "A" beside "A.B" cannot nest; too deep a name is refused. */
static void test_json_names(void **state)
{
	static const struct field odd[] = {
		{.name = "a", .json = "A", .type = VAL_U64},
		{.name = "b", .json = "A.B", .type = VAL_U64},
		{.name = "c", .json = "C.D", .type = VAL_U64},
		{.name = "d", .json = "C", .type = VAL_U64},
		{.name = "e", .json = "1.2.3.4.5.6.7.8.9.10.11.12.13.14.15.16", .type = VAL_U64},
		{.name = "f", .json = "1.2.3.4.5.6.7.8.9.10.11.12.13.14.15.16.17", .type = VAL_U64},
	};
	static const struct schema s = {.fields = odd, .n = 6};
	static const uint16_t list[] = {0, 1, 2, 0, 3, 4, 5}; /* one twice */
	struct to to = {.fail_after = -1};
	struct out_conf conf = {.format = OUT_JSONL, .write = to_buf, .arg = &to};
	struct field_set all = {.w = {0x1f}};
	struct err err;
	struct batch *b;
	struct out *o;
	size_t i;

	(void)state;
	assert_int_equal(batch_new(&b, &s, &all), 0);
	b->n = 1;
	for (i = 0; i < 5; i++) {
		b->cols[i]->v.u64[0] = i;
		col_mark(b->cols[i], 0);
	}
	assert_int_equal(out_new(&o, &conf, NULL), 0);
	assert_int_equal(out_begin(o, &s, list, 6, NULL), 0);
	assert_int_equal(out_rows(o, b, NULL, NULL), 0);
	assert_int_equal(out_end(o, NULL), 0);
	assert_string_equal(buf_str(&to.text),
			    "{\"A\":0,\"A.B\":1,\"C.D\":2,\"C\":3,\"1\":{\"2\":{\"3\":{\"4\":{"
			    "\"5\":{\"6\":{\"7\":{\"8\":{\"9\":{\"10\":{\"11\":{\"12\":{\"13\":{"
			    "\"14\":{\"15\":{\"16\":4}}}}}}}}}}}}}}}}\n");
	out_free(o);
	assert_int_equal(out_new(&o, &conf, NULL), 0);
	assert_int_equal(out_begin(o, &s, list, 7, &err), -EINVAL);
	out_free(o);
	batch_free(b);
	buf_done(&to.text);
}

/* The first failure of 'write' is what every later call returns. */
static void test_write_fails(void **state)
{
	struct to to = {.fail_after = 1};
	struct out_conf conf = {.format = OUT_CSV, .write = to_buf, .arg = &to};
	static const uint16_t list[] = {F_ID};
	struct batch *b = make_rows();
	struct err err;
	struct out *o;
	int r = 0, i;

	(void)state;
	assert_int_equal(out_new(&o, &conf, &err), 0);
	assert_int_equal(out_begin(o, &schema, list, 1, &err), 0);
	for (i = 0; i < 100000 && r == 0; i++)
		r = out_rows(o, b, NULL, &err);
	assert_int_equal(r, -EPIPE);
	assert_int_equal(to.writes, 1);
	assert_int_equal(out_end(o, &err), -EPIPE);
	assert_int_equal(to.writes, 1);
	assert_string_equal(err.text, "cannot write the answer: Broken pipe");
	out_free(o);
	batch_free(b);
	buf_done(&to.text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_csv),           cmocka_unit_test(test_json),
		cmocka_unit_test(test_table),         cmocka_unit_test(test_table_width),
		cmocka_unit_test(test_table_streams), cmocka_unit_test(test_scalar),
		cmocka_unit_test(test_json_names),    cmocka_unit_test(test_write_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
