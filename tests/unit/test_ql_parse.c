/* ql/parse.c and all that it calls: what is a query, and what is said about text that is none.
 * '@' in a query marks the place that '#' in the expected message is the column of; the test
 * takes it out and counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ql/ql.h"

static const struct {
	const char *text;
	enum ql_kind kind;
} good[] = {
	{"G.Flows()", QL_ROWS},
	{"g.FLOWS()", QL_ROWS},
	{" \t\r\n G . Flows ( ) \n", QL_ROWS},
	{"G.At(NOW).Flows()", QL_ROWS},
	{"G.At('-1s', 1000).Flows().Has('Application', 'ICMPv4').RawPackets()", QL_PACKETS},
	{"G.Context(1600000000, FOREVER).Flows()", QL_ROWS},
	{"G.At(1600000000.5, '1h').Flows()", QL_ROWS},
	{"G.Flows('a', 1)", QL_ROWS},
	{"G.Flows('a')", QL_ROWS},
	{"G.Flows('a', 1, 'b', -2, 'c', +3, 'd', 1.5, 'e', TRUE, 'f', false, 'g', now)", QL_ROWS},
	{"G.Flows().Has('a', Within(1, 2.5, 'x', TRUE, NOW))", QL_ROWS},
	{"G.Flows().HasKey('a').HasNot('b').HasEither('c', 1, 'd', NE(2))", QL_ROWS},
	{"G.Flows().Sort()", QL_ROWS},
	{"G.Flows().Sort('a')", QL_ROWS},
	{"G.Flows().Sort(DESC)", QL_ROWS},
	{"G.Flows().Sort('a', DESC)", QL_ROWS},
	{"G.Flows().Sort(ASC, 'a')", QL_ROWS},
	{"G.Flows().Limit(0)", QL_ROWS},
	{"G.Flows().Range(2, 2).Limit(18446744073709551615)", QL_ROWS},
	{"G.Flows().Dedup().Dedup('a', 'b')", QL_ROWS},
	{"G.Flows().Count()", QL_SCALAR},
	{"G.Flows().Sum('a')", QL_SCALAR},
	{"G.Flows().Values('a', 'b')", QL_TABLE},
	{"G.Flows().ValueMap('a')", QL_TABLE},
	{"G.Flows().Keys()", QL_TABLE},
	{"G.Flows().Group().Sort('Flows', DESC).Limit(3).Has('Flows', GT(1))", QL_TABLE},
	{"G.Flows().Group('a').Group('b').Count()", QL_SCALAR},
	{"G.Flows().Metrics().Values('ABBytes').Sum('ABBytes')", QL_SCALAR},
	{"G.Flows().Metrics('Metric')", QL_TABLE},
	{"G.Flows().RawPackets().BPF('tcp').BPF(\"port 80\").Limit(5).Range(1, 2)", QL_PACKETS},
	{"G.Flows().RawPackets().Limit(5).Count()", QL_SCALAR},
	{"G.Flows().Has(\"it's\", 'a \"b\" \\' \\\\ \\d')", QL_ROWS},
};

static void test_good(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct err err = {0};
		struct ql *q;

		if (ql_parse(&q, good[i].text, &err) < 0)
			fail_msg("%s: %s", good[i].text, err.text);
		if (ql_kind(q) != good[i].kind)
			fail_msg("%s: kind %d", good[i].text, ql_kind(q));
		ql_free(q);
	}
}

/* clang-format off */
#define AFTER_FLOWS                                                                        \
	"only Has, HasKey, HasNot, HasEither, Sort, Limit, Range, Dedup, Count, Sum, Values, " \
	"ValueMap, Keys, Group, Metrics and RawPackets can"
#define AFTER_TABLE                                                                        \
	"only Has, HasKey, HasNot, HasEither, Sort, Limit, Range, Dedup, Count, Sum, Values, " \
	"ValueMap, Keys and Group can"
#define GRAPH "walks Skydive's graph of interfaces; trawl answers flow queries, G.Flows()..."
#define OTHER "a step of Skydive's that trawl has not"

static const struct {
	const char *text, *error;
} bad[] = {
	/* characters and tokens */
	{"G.Flows().@;", "syntax error at ';' (column #): unknown character"},
	{"G.Flows().@\xc3\xa9", "syntax error at '\xc3\xa9' (column #): unknown character"},
	{"G.Flows().@\x01", "syntax error at '\\x01' (column #): unknown character"},
	{"G.Flows('\xc3\xa9\xe2\x82\xac', 1)@\xff", "syntax error at '\\xff' (column #): unknown character"},
	{"G.Flows(@'abc)", "syntax error at ''abc)' (column #): the string is not closed"},
	{"G.Flows(@'abc\\')", "syntax error at ''abc\\')' (column #): the string is not closed"},
	{"G.Flows(@\"abc')", "syntax error at '\"abc')' (column #): the string is not closed"},
	{"G.Flows('a', @10s)", "syntax error at '10s' (column #): no number; durations and times go in quotes"},
	{"G.Flows('a', @0x10)", "syntax error at '0x10' (column #): no number; durations and times go in quotes"},
	{"G.Flows('a', @1.5e3)", "syntax error at '1.5e3' (column #): no number; durations and times go in quotes"},
	{"G.Flows('a', @18446744073709551616)", "syntax error at '18446744073709551616' (column #): the number is too large"},
	{"G.Flows('a', @-)", "syntax error at '-' (column #): unknown character"},
	{"G.Flows('a', 1@.)", "syntax error at '.' (column #): ',' or ')' expected"},
	/* the frame */
	{"@", "syntax error at the end (column #): queries start with G, as in G.Flows()"},
	{"  @", "syntax error at the end (column #): queries start with G, as in G.Flows()"},
	{"@Flows()", "syntax error at 'Flows' (column #): queries start with G, as in G.Flows()"},
	{"@'G'.Flows()", "syntax error at ''G'' (column #): queries start with G, as in G.Flows()"},
	{"G@", "syntax error at the end (column #): a query needs Flows()"},
	{"G.At(NOW)@", "syntax error at the end (column #): a query needs Flows()"},
	{"G @Flows()", "syntax error at 'Flows' (column #): '.' and a step expected"},
	{"G@(", "syntax error at '(' (column #): '.' and a step expected"},
	{"G.@", "syntax error at the end (column #): a step expected"},
	{"G.@.Flows()", "syntax error at '.' (column #): a step expected"},
	{"G.Flows@", "syntax error at the end (column #): '(' expected"},
	{"G.Flows@.Count()", "syntax error at '.' (column #): '(' expected"},
	{"G.Flows(@", "syntax error at the end (column #): an argument expected"},
	{"G.Flows('a'@", "syntax error at the end (column #): ',' or ')' expected"},
	{"G.Flows('a' @'b')", "syntax error at ''b'' (column #): ',' or ')' expected"},
	{"G.Flows('a', @)", "syntax error at ')' (column #): an argument expected"},
	{"G.Flows(@, 'a')", "syntax error at ',' (column #): an argument expected"},
	{"G.Flows()@)", "syntax error at ')' (column #): '.' and a step expected"},
	{"G.Flows() @G.Flows()", "syntax error at 'G' (column #): '.' and a step expected"},
	/* words */
	{"G.@Flws()", "syntax error at 'Flws' (column #): no step of this name; did you mean 'Flows'?"},
	{"G.@Nonsense()", "syntax error at 'Nonsense' (column #): no step of this name"},
	{"G.Flows().@Hass('a')", "syntax error at 'Hass' (column #): no step of this name; did you mean 'Has'?"},
	{"G.Flows().@GT(1)", "syntax error at 'GT' (column #): no step of this name"},
	{"G.@V()", "syntax error at 'V' (column #): " GRAPH},
	{"G.@e()", "syntax error at 'e' (column #): " GRAPH},
	{"G.Flows().@Out()", "syntax error at 'Out' (column #): " GRAPH},
	{"G.Flows().@ShortestPathTo()", "syntax error at 'ShortestPathTo' (column #): " GRAPH},
	{"G.Flows().@Hops()", "syntax error at 'Hops' (column #): " GRAPH},
	{"G.Flows().@Aggregates()", "syntax error at 'Aggregates' (column #): " OTHER},
	{"G.Flows().@Sockets()", "syntax error at 'Sockets' (column #): " OTHER},
	{"G.Flows('a', @Withn(1))", "syntax error at 'Withn' (column #): no predicate of this name; did you mean 'Within'?"},
	{"G.Flows('a', @DNS)", "syntax error at 'DNS' (column #): no predicate of this name; text goes in quotes"},
	{"G.Flows('a', GT@)", "syntax error at ')' (column #): '(' expected"},
	{"G.Flows('a', Within(@GT(1)))", "syntax error at 'GT' (column #): predicates take values, not predicates"},
	/* order of steps */
	{"G.@Has('a', 1)", "syntax error at 'Has' (column #): cannot follow 'G', only At, Context and Flows can"},
	{"G.At(NOW).@Has('a', 1)", "syntax error at 'Has' (column #): cannot follow 'At', only Flows can"},
	{"G.At(NOW).@At(NOW)", "syntax error at 'At' (column #): cannot follow 'At', only Flows can"},
	{"G.Flows().@Flows()", "syntax error at 'Flows' (column #): cannot follow 'Flows', " AFTER_FLOWS},
	{"G.Flows().@At(NOW)", "syntax error at 'At' (column #): cannot follow 'Flows', " AFTER_FLOWS},
	{"G.Flows().@BPF('tcp')", "syntax error at 'BPF' (column #): cannot follow 'Flows', " AFTER_FLOWS},
	{"G.Flows().Count().@Limit(1)", "syntax error at 'Limit' (column #): nothing can follow 'Count'"},
	{"G.Flows().Sum('a').@Count()", "syntax error at 'Count' (column #): nothing can follow 'Sum'"},
	{"G.Flows().Values('a').@RawPackets()", "syntax error at 'RawPackets' (column #): cannot follow 'Values', " AFTER_TABLE},
	{"G.Flows().Group().@Metrics()", "syntax error at 'Metrics' (column #): cannot follow 'Group', " AFTER_TABLE},
	{"G.Flows().RawPackets().@Has('a')", "syntax error at 'Has' (column #): cannot follow 'RawPackets', only Limit, Range, Count and BPF can"},
	{"G.Flows().RawPackets().@Sort()", "syntax error at 'Sort' (column #): cannot follow 'RawPackets', only Limit, Range, Count and BPF can"},
	{"G.Flows().RawPackets().Limit(1).@BPF('tcp')", "syntax error at 'BPF' (column #): cannot follow 'Limit', only Limit, Range and Count can"},
	{"G.Flows().RawPackets().Count().@BPF('tcp')", "syntax error at 'BPF' (column #): nothing can follow 'Count'"},
	/* numbers of arguments */
	{"G.@At().Flows()", "'At' (column #) has too few arguments; use At(time[, duration])"},
	{"G.At(NOW, 1, @2).Flows()", "'At' (column #) has too many arguments; use At(time[, duration])"},
	{"G.Flows().@Has()", "'Has' (column #) has too few arguments; use Has(key, value, ...)"},
	{"G.Flows().@HasKey()", "'HasKey' (column #) has too few arguments; use HasKey(key)"},
	{"G.Flows().HasKey('a', @'b')", "'HasKey' (column #) has too many arguments; use HasKey(key)"},
	{"G.Flows().HasNot('a', @1)", "'HasNot' (column #) has too many arguments; use HasNot(key)"},
	{"G.Flows().@HasEither('a')", "'HasEither' (column #) has too few arguments; use HasEither(key, value, ...)"},
	{"G.Flows().Sort('a', ASC, @'b')", "'Sort' (column #) has too many arguments; use Sort([key][, ASC|DESC])"},
	{"G.Flows().@Limit()", "'Limit' (column #) has too few arguments; use Limit(n)"},
	{"G.Flows().Limit(1, @2)", "'Limit' (column #) has too many arguments; use Limit(n)"},
	{"G.Flows().@Range(1)", "'Range' (column #) has too few arguments; use Range(from, to)"},
	{"G.Flows().Count(@1)", "'Count' (column #) has too many arguments; use Count()"},
	{"G.Flows().@Sum()", "'Sum' (column #) has too few arguments; use Sum(key)"},
	{"G.Flows().@Values()", "'Values' (column #) has too few arguments; use Values(key, ...)"},
	{"G.Flows().@ValueMap()", "'ValueMap' (column #) has too few arguments; use ValueMap(key, ...)"},
	{"G.Flows().Keys(@'a')", "'Keys' (column #) has too many arguments; use Keys()"},
	{"G.Flows().Metrics('a', @'b')", "'Metrics' (column #) has too many arguments; use Metrics([name])"},
	{"G.Flows().RawPackets(@1)", "'RawPackets' (column #) has too many arguments; use RawPackets()"},
	{"G.Flows().RawPackets().@BPF()", "'BPF' (column #) has too few arguments; use BPF('pcap-filter')"},
	{"G.Flows('a', @Within())", "'Within' (column #) has too few arguments; use Within(value, ...)"},
	{"G.Flows('a', @Without())", "'Without' (column #) has too few arguments; use Without(value, ...)"},
	{"G.Flows('a', NE(1, @2))", "'NE' (column #) has too many arguments; use NE(value)"},
	{"G.Flows('a', NEE(1, @2))", "'NEE' (column #) has too many arguments; use NEE(value)"},
	{"G.Flows('a', LT(1, @2))", "'LT' (column #) has too many arguments; use LT(value)"},
	{"G.Flows('a', @GT())", "'GT' (column #) has too few arguments; use GT(value)"},
	{"G.Flows('a', @LTE())", "'LTE' (column #) has too few arguments; use LTE(value)"},
	{"G.Flows('a', @GTE())", "'GTE' (column #) has too few arguments; use GTE(value)"},
	{"G.Flows('a', @Inside(1))", "'Inside' (column #) has too few arguments; use Inside(from, to)"},
	{"G.Flows('a', Between(1, 2, @3))", "'Between' (column #) has too many arguments; use Between(from, to)"},
	{"G.Flows('a', @Outside(1))", "'Outside' (column #) has too few arguments; use Outside(from, to)"},
	{"G.Flows('a', @Regex())", "'Regex' (column #) has too few arguments; use Regex('expression')"},
	{"G.Flows('a', @Contains())", "'Contains' (column #) has too few arguments; use Contains('text')"},
	{"G.Flows('a', @IPV4RANGE())", "'IPV4RANGE' (column #) has too few arguments; use IPV4RANGE('prefix/bits')"},
	{"G.Flows('a', @cidr())", "'CIDR' (column #) has too few arguments; use CIDR('prefix/bits')"},
	/* kinds of arguments */
	{"G.Flows(@1, 'a')", "'1' is no string; use Flows([key, value, ...]) (column #)"},
	{"G.Flows().Has('a', 1, @TRUE, 2)", "'TRUE' is no string; use Has(key, value, ...) (column #)"},
	{"G.Flows().Has('a', 1, @'b')", "'b' is a key of Has without a value; use Has(key, value, ...) (column #)"},
	{"G.Flows('a', @ASC)", "'ASC' is no value; use Flows([key, value, ...]) (column #)"},
	{"G.Flows('a', @FOREVER)", "'FOREVER' is no value; use Flows([key, value, ...]) (column #)"},
	{"G.Flows('a', LT(@DESC))", "'DESC' is no value; use LT(value) (column #)"},
	{"G.Flows('a', Regex(@5))", "'5' is no string; use Regex('expression') (column #)"},
	{"G.Flows().HasKey(@5)", "'5' is no string; use HasKey(key) (column #)"},
	{"G.Flows().HasKey(@GT(1))", "'GT' is no string; use HasKey(key) (column #)"},
	{"G.Flows().Sort(@1)", "'1' is neither a key nor ASC or DESC; use Sort([key][, ASC|DESC]) (column #)"},
	{"G.Flows().Sort(@NOW)", "'NOW' is neither a key nor ASC or DESC; use Sort([key][, ASC|DESC]) (column #)"},
	{"G.Flows().Sort('a', @'b')", "'b' is a second key; use Sort([key][, ASC|DESC]) (column #)"},
	{"G.Flows().Sort(ASC, @DESC)", "'DESC' is a second order; use Sort([key][, ASC|DESC]) (column #)"},
	{"G.Flows().Limit(@-1)", "'-1' is no count from 0 up; use Limit(n) (column #)"},
	{"G.Flows().Limit(@1.5)", "'1.5' is no count from 0 up; use Limit(n) (column #)"},
	{"G.Flows().Limit(@'1')", "'1' is no count from 0 up; use Limit(n) (column #)"},
	{"G.Flows().Dedup('a', @2)", "'2' is no string; use Dedup([key, ...]) (column #)"},
	{"G.Flows().RawPackets().BPF(@80)", "'80' is no string; use BPF('pcap-filter') (column #)"},
	{"G.At(@TRUE).Flows()", "'TRUE' is no time (try NOW, '-10m', 1790000000, '2026-11-21T10:00:00Z') (column #)"},
	{"G.At(@FOREVER).Flows()", "'FOREVER' is no time (try NOW, '-10m', 1790000000, '2026-11-21T10:00:00Z') (column #)"},
	{"G.At(@GT(1)).Flows()", "'GT' is no time (try NOW, '-10m', 1790000000, '2026-11-21T10:00:00Z') (column #)"},
	{"G.At(NOW, @NOW).Flows()", "'NOW' is no duration (try 60, '1h30m', FOREVER) (column #)"},
	{"G.At(NOW, @1.5).Flows()", "'1.5' is no duration (try 60, '1h30m', FOREVER) (column #)"},
	/* columns count characters, not bytes, and go on over lines */
	{"G.Flows('\xe2\x82\xac\xe2\x82\xac', 1).@x()", "syntax error at 'x' (column #): no step of this name"},
	{"G\n.Flows()\n.@Nope()", "syntax error at 'Nope' (column #): no step of this name"},
	/* long words are cut */
	{"G.@aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa()",
	 "syntax error at 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...' (column #): no step of this name"},
};

/* clang-format on */

/* Takes the '@' out of 'text'; the number of the character behind it, from 1. */
static unsigned unmark(const char *text, char *ret)
{
	const char *mark = strchr(text, '@'), *p;
	unsigned col = 1;

	assert_non_null(mark);
	for (p = text; p < mark; p++)
		col += (*p & 0xc0) != 0x80;
	memcpy(ret, text, (size_t)(mark - text));
	strcpy(ret + (mark - text), mark + 1);
	return col;
}

static void test_bad(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char text[256], want[1024];
		const char *hash = strstr(bad[i].error, "(column #") + 8;
		unsigned col = unmark(bad[i].text, text);
		struct ql *q = NULL;
		struct err err = {0};

		snprintf(want, sizeof(want), "%.*s%u%s", (int)(hash - bad[i].error), bad[i].error,
			 col, hash + 1);
		if (ql_parse(&q, text, &err) == 0)
			fail_msg("'%s' passes", text);
		assert_int_equal(err.code, -22);
		if (strcmp(err.text, want) != 0)
			fail_msg("'%s'\n gives '%s'\n not   '%s'", text, err.text, want);
		assert_null(q);
	}
}

/* Whatever is cut off, the rest is refused or parsed, and nothing behind it is read: each cut
 * has memory of its own. */
static void test_cuts(void **state)
{
	static const char whole[] =
		"G.At('-1s', FOREVER).Flows('a', Within(1, -2.5, \"x\\n\")).Has('b', NE(TRUE))"
		".Sort('c', DESC).Range(1, 2).RawPackets().BPF('tcp').Limit(3)";
	size_t n, parsed = 0;

	(void)state;
	for (n = 0; n < sizeof(whole); n++) {
		char *cut = test_malloc(n + 1);
		struct ql *q = NULL;

		memcpy(cut, whole, n);
		cut[n] = '\0';
		parsed += ql_parse(&q, cut, NULL) == 0;
		ql_free(q);
		test_free(cut);
	}
	/* after each ')' that ends a step, from Flows on: seven of them */
	assert_int_equal(parsed, 7);
}

static char *repeat(const char *front, const char *part, size_t n, const char *back)
{
	char *text = test_malloc(strlen(front) + n * strlen(part) + strlen(back) + 1), *p = text;

	p = stpcpy(p, front);
	while (n--)
		p = stpcpy(p, part);
	strcpy(p, back);
	return text;
}

static void check_limit(const char *front, const char *part, size_t n, const char *back,
			const char *error)
{
	char *text = repeat(front, part, n, back);
	struct ql *q = NULL;
	struct err err = {0};
	int r = ql_parse(&q, text, &err);

	test_free(text);
	ql_free(q);
	assert_string_equal(r < 0 ? err.text : "", error);
}

static void test_limits(void **state)
{
	(void)state;
	/* "G.Flows()" is 9 bytes; spaces fill it up */
	check_limit("G.Flows()", " ", QL_TEXT_MAX - 9, "", "");
	check_limit("G.Flows()", " ", QL_TEXT_MAX - 8, "", "the query is longer than 65536 bytes");
	check_limit("G.Flows()", ".Sort()", QL_STEPS_MAX - 1, "", "");
	check_limit(
		"G.Flows()", ".Sort()", QL_STEPS_MAX, "",
		"syntax error at 'Sort' (column 452): more than 64 steps"); /* 10 + 63 * 7 + 1 */
	check_limit("G.Flows().Dedup('a'", ",'a'", QL_ARGS_MAX - 1, ")", "");
	check_limit("G.Flows().Dedup('a'", ",'a'", QL_ARGS_MAX, ")",
		    "syntax error at ''a'' (column 16401): more than 4096 arguments"); /* 17 + 4096
											* 4 */
	/* predicates in predicates do not recurse */
	check_limit("G.Flows('a',", "GT(", 20000, "",
		    "syntax error at 'GT' (column 16): predicates take values, not predicates");
	check_limit("", "(", 65536, "",
		    "syntax error at '(' (column 1): queries start with G, as in G.Flows()");
}

static void test_uses_now(void **state)
{
	static const struct {
		const char *text;
		bool now;
	} cases[] = {
		{"G.Flows()", false},
		{"G.At(1003, FOREVER).Flows('Ratio', 5, 'Transport.A', 'Application')", false},
		{"G.At('2026-11-21', '-1s').Flows()", true}, /* could be, wrong as it is */
		{"G.At(NOW).Flows()", true},
		{"G.At('Now').Flows()", true},
		{"G.At('-1s').Flows()", true},
		{"G.At('+1s').Flows()", true},
		{"G.Flows('Start', NOW)", true},
		{"G.Flows('Start', Between('2026-11-21', now))", true},
		{"G.Flows('Start', GT('-10m'))", true},
		{"G.Flows('Start', GT(-10))", false},
		{"G.Flows().Sort(DESC)", false},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ql *q = NULL;

		assert_int_equal(ql_parse(&q, cases[i].text, NULL), 0);
		if (ql_uses_now(q) != cases[i].now)
			fail_msg("%s", cases[i].text);
		ql_free(q);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),     cmocka_unit_test(test_bad),
		cmocka_unit_test(test_cuts),     cmocka_unit_test(test_limits),
		cmocka_unit_test(test_uses_now),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
