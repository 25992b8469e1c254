#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

static void empty(void **state)
{
	struct buf b = BUF_INIT;
	char *p;

	(void)state;
	assert_string_equal(buf_str(&b), "");
	assert_int_equal(buf_err(&b), 0);
	buf_clear(&b);
	buf_add(&b, NULL, 0);
	assert_int_equal(b.len, 0);
	assert_string_equal(buf_str(&b), "");
	buf_done(&b);
	buf_done(&b);
	p = buf_take(&b); /* an empty text, not NULL */
	assert_non_null(p);
	assert_string_equal(p, "");
	free(p);
}

static void grows_and_ends_in_nul(void **state)
{
	struct buf b = BUF_INIT;
	size_t i;

	(void)state;
	for (i = 0; i < 5000; i++) {
		buf_addch(&b, (char)('a' + i % 26));
		assert_int_equal(b.len, i + 1);
		assert_int_equal(b.p[b.len], 0);
		assert_true(b.size > b.len);
	}
	for (i = 0; i < 5000; i++)
		assert_int_equal(b.p[i], 'a' + i % 26);
	buf_clear(&b);
	assert_string_equal(buf_str(&b), "");
	buf_add(&b, "x\0y", 3);
	assert_int_equal(b.len, 3);
	assert_memory_equal(b.p, "x\0y", 4);
	buf_done(&b);
}

static void formats(void **state)
{
	char big[1000];
	struct buf b = BUF_INIT;

	(void)state;
	memset(big, 'z', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	buf_addf(&b, "%d-%s", 42, "x");
	buf_addf(&b, "%s", "");
	assert_string_equal(buf_str(&b), "42-x");
	buf_addf(&b, "|%s|", big);
	assert_int_equal(b.len, 4 + 2 + sizeof(big) - 1);
	assert_int_equal(b.p[b.len - 1], '|');
	buf_done(&b);
}

/* printf is the oracle. */
static void numbers(void **state)
{
	static const int64_t values[] = {
		0,    1,         -1,        9,          10,        99,        100,
		-100, INT32_MAX, INT32_MIN, 4294967296, INT64_MAX, INT64_MIN, INT64_MIN + 1};
	struct buf b = BUF_INIT;
	char text[64];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		buf_clear(&b);
		buf_addi(&b, values[i]);
		snprintf(text, sizeof(text), "%" PRId64, values[i]);
		assert_string_equal(buf_str(&b), text);
		buf_clear(&b);
		buf_addu(&b, (uint64_t)values[i]);
		snprintf(text, sizeof(text), "%" PRIu64, (uint64_t)values[i]);
		assert_string_equal(buf_str(&b), text);
	}
	buf_done(&b);
}

/* By hand: cut towards the past. */
static void seconds(void **state)
{
	static const struct {
		int64_t ns;
		int decimals;
		const char *text;
	} rows[] = {
		{0, 0, "0"},
		{0, 9, "0.000000000"},
		{1, 9, "0.000000001"},
		{1, 8, "0.00000000"},
		{999999999, 0, "0"},
		{999999999, 3, "0.999"},
		{1700000000123456789, 6, "1700000000.123456"},
		{1700000000123456789, 9, "1700000000.123456789"},
		{1700000000123456789, 12, "1700000000.123456789"},
		{1700000000123456789, -3, "1700000000"},
		{-1, 9, "-0.000000001"},
		{-1, 6, "-0.000001"},
		{-1, 0, "-1"},
		{-1000000000, 0, "-1"},
		{-1000000001, 0, "-2"},
		{-1500000000, 1, "-1.5"},
		{-1999999999, 3, "-2.000"},
		{INT64_MAX, 9, "9223372036.854775807"},
		{INT64_MIN, 9, "-9223372036.854775808"},
		{INT64_MIN, 0, "-9223372037"},
	};
	struct buf b = BUF_INIT;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		buf_clear(&b);
		buf_addns(&b, rows[i].ns, rows[i].decimals);
		assert_string_equal(buf_str(&b), rows[i].text);
	}
	buf_done(&b);
}

static void failure_sticks(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	buf_addstr(&b, "kept");
	assert_int_equal(buf_reserve(&b, SIZE_MAX), -ENOMEM);
	assert_int_equal(buf_err(&b), -ENOMEM);
	buf_addstr(&b, "more");
	buf_addch(&b, 'x');
	buf_addf(&b, "%d", 1);
	buf_addu(&b, 1);
	assert_int_equal(buf_reserve(&b, 0), -ENOMEM);
	assert_string_equal(buf_str(&b), "kept");
	assert_null(buf_take(&b)); /* half a text is none */
	assert_int_equal(buf_err(&b), 0);
	buf_addstr(&b, "again");
	assert_string_equal(buf_str(&b), "again");
	assert_int_equal(buf_reserve(&b, SIZE_MAX / 4), -ENOMEM);
	buf_clear(&b);
	assert_int_equal(buf_err(&b), 0);
	buf_addstr(&b, "ok");
	assert_string_equal(buf_str(&b), "ok");
	buf_done(&b);
}

static void take_hands_over(void **state)
{
	struct buf b = BUF_INIT;
	char *p;

	(void)state;
	buf_addstr(&b, "mine");
	p = buf_take(&b);
	assert_string_equal(p, "mine");
	assert_null(b.p);
	assert_int_equal(b.len, 0);
	buf_addstr(&b, "other");
	assert_string_equal(p, "mine");
	free(p);
	buf_done(&b);
}

static void reserve_makes_room_once(void **state)
{
	struct buf b = BUF_INIT;
	char *p;
	int i;

	(void)state;
	assert_int_equal(buf_reserve(&b, 1000), 0);
	p = b.p;
	for (i = 0; i < 1000; i++)
		buf_addch(&b, 'x');
	assert_ptr_equal(b.p, p);
	assert_int_equal(b.len, 1000);
	buf_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty),           cmocka_unit_test(grows_and_ends_in_nul),
		cmocka_unit_test(formats),         cmocka_unit_test(numbers),
		cmocka_unit_test(seconds),         cmocka_unit_test(failure_sticks),
		cmocka_unit_test(take_hands_over), cmocka_unit_test(reserve_makes_room_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
