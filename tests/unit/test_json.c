/* JSON writer and UTF-8.  Expected values: RFC 8259 sections 2 and 7, RFC 3629
 * section 4, RFC 4648 section 10 (base64 vectors). */
#include "base/json.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "base/utf8.h"

static void test_structure(void **state)
{
	CLEANUP(buf_done) struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);

	(void)state;
	json_object(&j);
	json_key(&j, "a");
	json_array(&j);
	json_u64(&j, UINT64_MAX);
	json_i64(&j, INT64_MIN);
	json_object(&j);
	json_object_end(&j);
	json_array(&j);
	json_array_end(&j);
	json_bool(&j, true);
	json_null(&j);
	json_array_end(&j);
	json_key(&j, "b");
	json_str(&j, "x");
	json_key(&j, "c");
	json_str(&j, NULL);
	json_object_end(&j);
	assert_string_equal(buf_str(&b), "{\"a\":[18446744073709551615,-9223372036854775808,{},[],"
					 "true,null],\"b\":\"x\",\"c\":null}");
}

static const struct {
	double v;
	const char *text;
} doubles[] = {
	{0, "0"},
	{1.5, "1.5"},
	{0.1, "0.1"},
	{-2, "-2"},
	{1.0 / 3, "0.3333333333333333"},
	{1e300, "1e+300"},
	{NAN, "null"},
	{INFINITY, "null"},
	{-INFINITY, "null"},
};

static void test_doubles(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(doubles) / sizeof(doubles[0]); i++) {
		CLEANUP(buf_done) struct buf b = BUF_INIT;
		struct json j = JSON_INIT(&b);

		json_f64(&j, doubles[i].v);
		assert_string_equal(buf_str(&b), doubles[i].text);
	}
}

#define BYTES(s) (s), sizeof(s) - 1
static const struct {
	const char *in;
	size_t n;
	const char *json, *shown;
	size_t width;
} strings[] = {
	{BYTES(""), "\"\"", "", 0},
	{BYTES("abc"), "\"abc\"", "abc", 3},
	{BYTES("a\"b\\c/"), "\"a\\\"b\\\\c/\"", "a\"b\\c/", 6},
	{BYTES("\b\f\n\r\t"), "\"\\b\\f\\n\\r\\t\"", "\\x08\\x0c\\x0a\\x0d\\x09", 20},
	{BYTES("\0\x1b\x7f"), "\"\\u0000\\u001b\\u007f\"", "\\x00\\x1b\\x7f", 12},
	{BYTES("\xc3\xa4\xe2\x82\xac\xf0\x9f\x90\x9f"), "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x90\x9f\"",
	 "\xc3\xa4\xe2\x82\xac\xf0\x9f\x90\x9f", 3},
	{BYTES("\xc2\x9b"), "\"\\u009b\"", "\\xc2\\x9b", 8}, /* C1: CSI */
	{BYTES("\xff"), "\"\\ufffd\"", "\\xff", 4},
	{BYTES("\xc3"), "\"\\ufffd\"", "\\xc3", 4},                 /* cut */
	{BYTES("\xc0\xaf"), "\"\\ufffd\\ufffd\"", "\\xc0\\xaf", 8}, /* overlong '/' */
	{BYTES("\xe0\x80\xaf"), "\"\\ufffd\\ufffd\\ufffd\"", "\\xe0\\x80\\xaf", 12},
	{BYTES("\xed\xa0\x80"), "\"\\ufffd\\ufffd\\ufffd\"", "\\xed\\xa0\\x80", 12}, /* surrogate */
	{BYTES("\xf4\x90\x80\x80"), "\"\\ufffd\\ufffd\\ufffd\\ufffd\"", "\\xf4\\x90\\x80\\x80", 16},
	{BYTES("\xe2\x82z"), "\"\\ufffd\\ufffdz\"", "\\xe2\\x82z", 9},
};

static void test_strings(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
		CLEANUP(buf_done) struct buf b = BUF_INIT, shown = BUF_INIT;
		struct json j = JSON_INIT(&b);

		json_strn(&j, strings[i].in, strings[i].n);
		assert_string_equal(buf_str(&b), strings[i].json);
		assert_int_equal(utf8_show(&shown, strings[i].in, strings[i].n), strings[i].width);
		assert_string_equal(buf_str(&shown), strings[i].shown);
	}
}

static const struct {
	const char *in, *out;
} base64[] = {
	{"", "\"\""},
	{"f", "\"Zg==\""},
	{"fo", "\"Zm8=\""},
	{"foo", "\"Zm9v\""},
	{"foob", "\"Zm9vYg==\""},
	{"fooba", "\"Zm9vYmE=\""},
	{"foobar", "\"Zm9vYmFy\""},
};

static void test_base64(void **state)
{
	static const uint8_t high[] = {0xff, 0xff, 0xfe, 0xfb, 0xf0};
	CLEANUP(buf_done) struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(base64) / sizeof(base64[0]); i++) {
		buf_clear(&b);
		j.comma = false;
		json_base64(&j, base64[i].in, strlen(base64[i].in));
		assert_string_equal(buf_str(&b), base64[i].out);
	}
	buf_clear(&b);
	json_base64(&j, high, sizeof(high)); /* base64(1) says so */
	assert_string_equal(buf_str(&b), ",\"///++/A=\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_structure),
		cmocka_unit_test(test_doubles),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_base64),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
