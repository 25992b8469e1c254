#include "cli/time_range.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/opt.h"

static void test_words(void **state)
{
	(void)state;
	assert_true(time_range_is("10:00..10:05"));
	assert_true(time_range_is(".."));
	assert_false(time_range_is("tcp.port"));
	assert_true(time_range_is_operand("-10m..now"));
	assert_true(time_range_is_operand("-1.5h..-5m"));
	assert_true(time_range_is_operand("-10m")); /* meant as one: time_range_parse() says more */
	assert_false(time_range_is_operand("-r../some.pcap"));
	assert_false(time_range_is_operand("--dir=../d"));
	assert_false(time_range_is_operand("10m..now"));
}

static void test_parts(void **state)
{
	static const struct {
		const char *word, *from, *to;
	} t[] = {
		{"..", "", ""},
		{"-10m..now", "-10m", "now"},
		{"..now", "", "now"},
		{"2026-11-21T10:00..", "2026-11-21T10:00", ""},
		{"10:00..10:05", "10:00", "10:05"},
		{"9:05:30..", "9:05:30", ""},
		{"1790000000.5..1790000001", "1790000000.5", "1790000001"},
		{"2026-11-21 10:00..+10m", "2026-11-21 10:00", "+10m"},
		{"21h36m..+1d", "21h36m", "+1d"},
	};
	static const char *const bad[] = {"x..", "..x", "10:0..", "10:00:0..", "1..2..3"};
	struct time_range r;
	struct err err;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		assert_int_equal(time_range_parse(t[i].word, true, &r, &err), 0);
		assert_string_equal(r.from, t[i].from);
		assert_string_equal(r.to, t[i].to);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_true(time_range_parse(bad[i], true, &r, &err) < 0);
	/* what was typed is quoted */
	assert_int_equal(time_range_parse("25:00..", true, &r, &err), -EINVAL);
	assert_string_equal(err.text, "time range: '25:00' is not a time: there is no hour 25");
	assert_int_equal(time_range_parse("-10m", true, &r, &err), -EINVAL);
	assert_non_null(strstr(err.text, "'-10m' is no time range: '-10m..' is one"));
}

/* Today's date is in front; whether the day changes meanwhile is tried, too. */
static void test_today(void **state)
{
	char before[32], after[32], to[TIME_RANGE_SIZE];
	const char *text;
	time_t now = time(NULL);
	struct tm tm;

	(void)state;
	gmtime_r(&now, &tm);
	strftime(before, sizeof(before), "%Y-%m-%dT10:00", &tm);
	text = time_range_today("10:00", true, to);
	now = time(NULL);
	gmtime_r(&now, &tm);
	strftime(after, sizeof(after), "%Y-%m-%dT10:00", &tm);
	assert_true(strcmp(text, before) == 0 || strcmp(text, after) == 0);
	assert_string_equal(time_range_today("9:05:30", true, to) + strlen("2026-11-21T"),
			    "09:05:30");
	assert_string_equal(time_range_today("-10m", true, to), "-10m");
	assert_string_equal(time_range_today("10h", true, to), "10h");
}

static void test_long(void **state)
{
	char word[400];
	struct time_range r;
	struct err err;

	(void)state;
	memset(word, '1', sizeof(word));
	memcpy(word + 200, "..", 3);
	assert_true(time_range_parse(word, true, &r, &err) < 0);
}

/* As an operand between options, whose values it is not. */
static void test_operand(void **state)
{
	struct opts {
		const char *read;
	};
	static const struct opt table[] = {
		{"read", 'r', OPT_STR, offsetof(struct opts, read), "FILE", NULL, "a file"},
	};
	static const struct opt_set sets[] = {{"Options", OPT_TABLE(table), 0}};
	static const struct opt_cmd cmd = {
		.name = "x",
		.operands = "[RANGE]",
		.brief = "x",
		.sets = sets,
		.n_sets = 1,
		.size = sizeof(struct opts),
		.is_operand = time_range_is_operand,
	};
	char a[] = "-10m..now", b[] = "-r../d", c[] = "tcp", d[] = "-r", e[] = "-1..2";
	char *first[] = {a, b, c}, *second[] = {d, e};
	struct opt_list words = {0};
	struct opts o;
	struct err err;

	(void)state;
	opt_init(&cmd, &o);
	assert_int_equal(opt_parse(&cmd, 3, first, &o, &words, &err), OPT_PARSED);
	assert_int_equal(words.n, 2);
	assert_string_equal(words.v[0], "-10m..now");
	assert_string_equal(o.read, "../d");
	opt_done(&cmd, &o);
	opt_list_done(&words);

	opt_init(&cmd, &o);
	assert_int_equal(opt_parse(&cmd, 2, second, &o, &words, &err), OPT_PARSED);
	assert_int_equal(words.n, 0);
	assert_string_equal(o.read, "-1..2");
	opt_done(&cmd, &o);
	opt_list_done(&words);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),   cmocka_unit_test(test_parts),
		cmocka_unit_test(test_today),   cmocka_unit_test(test_long),
		cmocka_unit_test(test_operand),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
