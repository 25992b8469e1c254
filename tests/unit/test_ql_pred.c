/* ql/pred.c, lit.c and eval.c: each predicate on each type over the flows of test_ql.h, written
 * by hand, so that which rows match can be read off. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "test_ql.h"

/* clang-format off */
static const struct {
	const char *conds; /* behind G.Flows() */
	const char *rows;
} table[] = {
	{"", "1234567"},
	/* numbers without sign */
	{".Has('Transport.B', 443)", "23"},
	{".Has('transport_b', 443)", "23"},
	{".Has('TRANSPORT.B', +443)", "23"},
	{".Has('Transport.B', 443.0)", "23"},
	{".Has('Transport.B', 443.5)", ""},
	{".Has('Transport.B', -443)", ""},
	{".Has('Transport.B', NE(443))", "16"},
	{".Has('Transport.B', NEE(443))", "14567"},
	{".Has('Transport.B', NE(443.5))", "1236"},
	{".Has('Transport.B', NEE(-1))", "1234567"},
	{".Has('Transport.B', LT(443))", "1"},
	{".Has('Transport.B', LTE(443))", "123"},
	{".Has('Transport.B', GT(443))", "6"},
	{".Has('Transport.B', GTE(443))", "236"},
	{".Has('Transport.B', LT(443.5))", "123"},
	{".Has('Transport.B', LTE(443.5))", "123"},
	{".Has('Transport.B', GT(442.5))", "236"},
	{".Has('Transport.B', GTE(443.5))", "6"},
	{".Has('Transport.B', LT(0))", ""},
	{".Has('Transport.B', LTE(-1))", ""},
	{".Has('Transport.B', GTE(0))", "1236"},
	{".Has('Transport.B', GT(-1))", "1236"},
	{".Has('Transport.B', LT(99999999999999999999.5))", "1236"},
	{".Has('Transport.B', Inside(53, 443))", ""},
	{".Has('Transport.B', Inside(52, 444))", "123"},
	{".Has('Transport.B', Between(53, 443))", "1"},
	{".Has('Transport.B', Between(443, 53))", ""},
	{".Has('Transport.B', Outside(53, 443))", "6"},
	{".Has('Transport.B', Outside(100, 8079))", "16"},
	{".Has('Transport.B', Outside(443, 443))", "16"},
	{".Has('Transport.B', Within(53, 443))", "123"},
	{".Has('Transport.B', Within(8080))", "6"},
	{".Has('Transport.B', Within(-1, 1.5))", ""},
	{".Has('Transport.B', Without(53, 443))", "6"},
	{".Has('Transport.B', Without(-1, 1.5))", "1236"},
	{".Has('Metric.ABBytes', 18446744073709551615)", "6"},
	{".Has('Metric.ABBytes', GT(18446744073709551615))", ""},
	{".Has('Metric.ABBytes', GTE(18446744073709551615))", "6"},
	{".Has('Metric.ABBytes', GT(9223372036854775807))", "6"},
	{".Has('Metric.BAPackets', 0)", "46"},
	/* numbers with sign */
	{".Has('Delta', -5)", "1"},
	{".Has('Delta', LT(0))", "16"},
	{".Has('Delta', LTE(0))", "126"},
	{".Has('Delta', GT(-6))", "1235"},
	{".Has('Delta', 9223372036854775807)", "5"},
	{".Has('Delta', -9223372036854775808)", "6"},
	{".Has('Delta', 9223372036854775808)", ""},
	{".Has('Delta', GTE(9223372036854775808))", ""},
	{".Has('Delta', LTE(9223372036854775808))", "12356"},
	{".Has('Delta', LT(-9223372036854775808))", ""},
	{".Has('Delta', Inside(-5, 7))", "2"},
	{".Has('Delta', Between(-5, 7))", "12"},
	{".Has('Delta', Outside(-5, 7))", "56"},
	{".Has('Delta', Within(-5, 0, 7))", "123"},
	{".Has('Delta', Without(-5, 0, 7))", "56"},
	{".Has('Delta', LT(-4.5))", "16"},
	{".Has('Delta', NEE(0))", "134567"},
	/* fractions */
	{".Has('Ratio', 0.5)", "1"},
	{".Has('Ratio', 0)", "5"},
	{".Has('Ratio', -0.0)", "5"},
	{".Has('Ratio', NE(0))", "1236"},
	{".Has('Ratio', NEE(0))", "123467"},
	{".Has('Ratio', LT(0.5))", "356"},
	{".Has('Ratio', LTE(0.5))", "1356"},
	{".Has('Ratio', GT(-1.5))", "1256"},
	{".Has('Ratio', GTE(-1.5))", "12356"},
	{".Has('Ratio', Inside(-1.5, 0.5))", "56"},
	{".Has('Ratio', Between(-1.5, 0.5))", "356"},
	{".Has('Ratio', Outside(-1, 1))", "23"},
	{".Has('Ratio', Within(0.5, 2.25))", "12"},
	{".Has('Ratio', Without(0.5, 2.25))", "356"},
	/* durations: numbers are ns, text has a unit */
	{".Has('Metric.RTT', 1500000)", "1"},
	{".Has('Metric.RTT', '1.5ms')", "1"},
	{".Has('Metric.RTT', GT('1ms'))", "126"},
	{".Has('Metric.RTT', LTE('20ms'))", "125"},
	{".Has('Metric.RTT', Between('100us', '20ms'))", "15"},
	{".Has('Metric.RTT', Outside('1ms', '1s'))", "56"},
	{".Has('Metric.RTT', Within('3s', 100000))", "56"},
	{".Has('Metric.RTT', LT(100000.5))", "5"},
	{".Has('Metric.RTT', GT('-1s'))", "1256"},
	/* times: s, ms from 2^31, text, relative to NOW = 2000 s */
	{".Has('Start', 1003)", "4"},
	{".Has('Start', 1003.0)", "4"},
	{".Has('Start', '1003')", "4"},
	{".Has('Start', '1970-01-01T00:16:43Z')", "4"},
	{".Has('Start', '1970-01-01 00:16:43')", "4"},
	{".Has('Start', 'Thu, 01 Jan 1970 00:16:43 GMT')", "4"},
	{".Has('Start', '-997s')", "4"},
	{".Has('Start', GT(NOW))", ""},
	{".Has('Start', LT(NOW))", "1234567"},
	{".Has('Last', GT('-10m'))", "67"},
	{".Has('Last', GTE('-940s'))", "267"},
	{".Has('Last', 1000.5)", "1"},
	{".Has('Last', LT(2147483648))", "1234567"}, /* 2147483 s */
	{".Has('Last', GT(2147483647))", ""},        /* 2038 */
	{".Has('Start', Between(1001, 1003))", "23"},
	{".Has('Start', Inside(1001, 1003))", "3"},
	{".Has('Start', Outside(1001, 1004))", "167"},
	{".Has('Start', Within(1000, '1001'))", "12"},
	{".Has('Start', NE(1000))", "234567"},
	/* addresses */
	{".Has('Network.A', '10.0.0.1')", "12"},
	{".Has('Network.A', '2001:DB8:0::1')", "3"},
	{".Has('Network.A', NE('10.0.0.1'))", "356"},
	{".Has('Network.A', NEE('10.0.0.1'))", "34567"},
	{".Has('Network.A', Within('10.0.0.1', '2001:db8::1'))", "123"},
	{".Has('Network.A', Without('10.0.0.1', '2001:db8::1'))", "56"},
	{".Has('Network.A', IPV4RANGE('10.0.0.0/8'))", "126"},
	{".Has('Network.A', IPV4RANGE('10.0.0.0/16'))", "12"},
	{".Has('Network.A', IPV4RANGE('10.0.0.1'))", "12"},
	{".Has('Network.A', IPV4RANGE('0.0.0.0/0'))", "1256"},
	{".Has('Network.A', cidr('2001:db8::/32'))", "3"},
	{".Has('Network.A', CIDR('::/0'))", "3"},
	{".Has('Network.B', CIDR('2001:db8::/48'))", ""},
	{".Has('Network.B', CIDR('2001:db8:1::/48'))", "3"},
	{".Has('Network.B', CIDR('2001:db8:1::2/128'))", "3"},
	{".Has('Network.B', CIDR('2001:db8:1::3/128'))", ""},
	{".Has('Network.B', CIDR('2001:db8:1::3/127'))", "3"},
	{".Has('Network.B', CIDR('2001:db8:1:0:1::/80'))", ""},
	{".Has('Network.B', CIDR('2001:db8:1:0:1::/79'))", "3"},
	{".Has('Network.A', LT('10.1.0.0'))", "12"},
	{".Has('Network.A', GTE('10.1.0.7'))", "56"}, /* of its own family only */
	{".Has('Network.A', Between('10.0.0.0', '10.1.0.7'))", "12"},
	{".Has('Network.A', Inside('10.0.0.1', '192.0.2.1'))", "6"},
	{".Has('Network.A', Outside('10.0.0.2', '10.255.255.255'))", "125"},
	{".Has('Network.A', Regex('10\\.0\\..*'))", "12"},
	{".Has('Network.A', Contains('db8::'))", "3"},
	{".Has('Link.A', '02:00:00:00:00:01')", "126"},
	{".Has('Link.A', '02-00-00-00-00-01')", "126"},
	{".Has('Link.B', 'FF:FF:FF:FF:FF:FF')", "4"},
	{".Has('Link.A', CIDR('02:00:00:00:00:00/40'))", "123456"},
	{".Has('Link.B', Regex('(ff:){5}ff'))", "4"},
	/* names that stand for two fields */
	{".Has('Network', '10.0.0.1')", "125"},
	{".Has('network', '192.0.2.1')", "25"},
	{".Has('Network', NE('10.0.0.1'))", "36"},
	{".Has('Network', NEE('10.0.0.1'))", "3467"},
	{".Has('Network', Without('10.0.0.1', '10.1.0.7'))", "3"},
	{".Has('Network', Within('10.0.0.53', '10.1.0.7'))", "16"},
	{".Has('Network', CIDR('192.0.2.0/24'))", "25"},
	{".Has('Transport', 53)", "1"},
	{".Has('Transport', 80)", "6"},
	{".Has('Transport', 8080)", "6"},
	{".Has('Transport', LT(100))", "16"},
	{".Has('Transport', Outside(80, 8080))", "123"},
	{".Has('Link', '02:00:00:00:00:02')", "134"},
	{".HasKey('Network')", "12356"},
	{".HasNot('Network')", "47"},
	{".HasKey('Network.B')", "1235"},
	{".HasNot('Network.B')", "467"},
	{".Has('Network')", "12356"},
	/* text */
	{".Has('Application', 'TLS')", "23"},
	{".Has('Application', 'tls')", ""},
	{".Has('Application', \"TLS\")", "23"},
	{".Has('Application', '')", ""},
	{".Has('Application', NE('TLS'))", "1456"},
	{".Has('Application', NEE('TLS'))", "14567"},
	{".Has('Application', Within('DNS', 'http', 'x'))", "16"},
	{".Has('Application', Without('DNS', 'http', 'x'))", "2345"},
	{".Has('Application', LT('DNS'))", "4"},
	{".Has('Application', LTE('DNS'))", "14"},
	{".Has('Application', GT('TLS'))", "6"}, /* lower case is behind upper */
	{".Has('Application', GTE('TLS'))", "236"},
	{".Has('Application', Inside('ARP', 'TLS'))", "15"},
	{".Has('Application', Between('ARP', 'TLS'))", "145"},
	{".Has('Application', Outside('ARP', 'ICMPv4'))", "236"},
	{".Has('Application', Contains('MP'))", "5"},
	{".Has('Application', Contains(''))", "123456"},
	{".Has('Application', Contains('TLSX'))", ""},
	{".Has('Application', Regex('TLS|DNS'))", "123"},
	{".Has('Application', Regex('TL'))", ""},
	{".Has('Application', Regex('.*P.*'))", "45"},
	{".Has('Application', Regex('(?i)[a-i].*'))", "1456"},
	{".Has('Application', Regex('\\w+\\d'))", "5"},
	{".Has('Application', Regex('[^$^]*'))", "123456"},
	{".Has('Application', Regex('[[:upper:]^$]+'))", "1234"},
	{".Has('Application', Regex('[]^[:upper:]\\]$]+'))", "1234"},
	{".Has('Application', Regex('(.)(.)\\1?\\bS'))", ""},
	{".Has('Application', Regex(''))", ""},
	/* ids */
	{".Has('UUID', '00000000-0000-0000-0000-000000000003')", "3"},
	{".Has('UUID', '00000000000000000000000000000003')", "3"},
	{".Has('UUID', NE('00000000000000000000000000000003'))", "124567"},
	{".Has('UUID', Within('00000000000000000000000000000003', '00000000000000000000000000000001'))", "13"},
	{".Has('UUID', Without('00000000000000000000000000000003', '00000000000000000000000000000001'))", "24567"},
	{".Has('UUID', Regex('0.*-.*[2-4]'))", "234"},
	{".Has('UUID', Contains('0005'))", "5"},
	/* booleans */
	{".Has('Done', TRUE)", "125"},
	{".Has('Done', false)", "36"},
	{".Has('Done', NE(TRUE))", "36"},
	{".Has('Done', NEE(TRUE))", "3467"},
	{".Has('Done', Within(TRUE, FALSE))", "12356"},
	{".Has('Done', Without(TRUE, FALSE))", ""},
	{".HasKey('Done')", "12356"},
	/* together */
	{".Has('Application', 'TLS', 'Done', TRUE)", "2"},
	{".Has('Application', 'TLS').Has('Done', FALSE)", "3"},
	{".HasEither('Application', 'DNS', 'Done', FALSE)", "136"},
	{".HasEither('Transport.B', 53, 'Transport.B', 443, 'Application', 'ARP')", "1234"},
	{".HasEither('Application', 'DNS', 'Done', FALSE).Has('Transport.B', LT(500))", "13"},
	{".HasEither('Application', NEE('TLS'), 'Done', FALSE)", "134567"},
	{".HasNot('Application')", "7"},
	{".HasNot('UUID')", ""},
	{".Has('Application').HasNot('Network')", "4"},
};
/* clang-format on */

static struct field_set only(size_t field)
{
	struct field_set s = {0};

	field_set_add(&s, field);
	return s;
}

static void check(struct ql_src_mem *m, const char *query, const char *want)
{
	struct field_set uuid = only(T_UUID);
	struct t_answer a = {0};
	char plain[64];
	size_t i, n = 0;
	int r;

	r = t_query(ql_src_mem_src(m), query, &uuid, 0, &a);
	for (i = 0; i < a.text.len && n + 1 < sizeof(plain); i++)
		if (r < 0 || a.text.p[i] != '|')
			plain[n++] = a.text.p[i];
	plain[n] = '\0';
	if (strcmp(plain, want) != 0)
		fail_msg("%s\n gives %s\n not   %s", query, r < 0 ? buf_str(&a.text) : plain, want);
	buf_done(&a.text);
}

static void test_table(void **state)
{
	static const size_t steps[] = {BATCH_ROWS, 1, 3};
	char query[512];
	size_t i, k;

	(void)state;
	for (k = 0; k < 6; k++) {
		struct ql_src_mem *m = NULL;

		assert_int_equal(t_load(&m, QL_SRC_MEM_TRANSIENT | (k % 2 ? QL_SRC_MEM_LAZY : 0)),
				 0);
		ql_src_mem_set_step(m, steps[k / 2]);
		for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
			snprintf(query, sizeof(query), "G.Flows()%s", table[i].conds);
			check(m, query, table[i].rows);
			if (strncmp(table[i].conds, ".Has(", 5) != 0)
				continue;
			/* Flows(k, v) is Flows().Has(k, v) */
			snprintf(query, sizeof(query), "G.Flows%s", table[i].conds + 4);
			check(m, query, table[i].rows);
		}
		ql_src_mem_free(m);
	}
}

/* Rows in every position of the bitmap words, and the end of a batch within a word. */
static void test_positions(void **state)
{
	struct ql_src_mem *m = NULL;
	char row[128], query[128], want[32];
	struct t_answer a = {0};
	unsigned i, n = 2 * BATCH_ROWS + 77;

	(void)state;
	assert_int_equal(ql_src_mem_new(&m, &t_schema, 0), 0);
	for (i = 0; i < n; i++) {
		snprintf(row, sizeof(row), "%032x - - - - - %u - - - - - - - - - - -", i, i);
		assert_int_equal(ql_src_mem_add_text(m, row, NULL), 0);
	}
	for (i = 0; i < n; i += i % 64 == 62 ? 1 : 31) {
		struct field_set uuid = only(T_UUID);

		snprintf(query, sizeof(query), "G.Flows('Transport.A', %u)", i);
		snprintf(want, sizeof(want), "%x", i);
		assert_int_equal(t_query(ql_src_mem_src(m), query, &uuid, 0, &a), 0);
		assert_int_equal(a.rows, 1);
		if (i) {
			/* t_add_val() drops leading zeros and hyphens only */
			const char *p = buf_str(&a.text);
			char joined[40];
			size_t k = 0;

			for (; *p; p++)
				if (*p != '-')
					joined[k++] = *p;
			joined[k] = '\0';
			assert_string_equal(joined, want);
		}
	}
	assert_int_equal(
		t_query(ql_src_mem_src(m), "G.Flows('Transport.A', LT(1000)).Count()", NULL, 0, &a),
		0);
	assert_string_equal(buf_str(&a.text), "Count 1000");
	assert_int_equal(
		t_query(ql_src_mem_src(m), "G.Flows('Transport.A', NEE(5)).Count()", NULL, 0, &a),
		0);
	assert_string_equal(buf_str(&a.text), "Count 2124"); /* 2 * 1024 + 77 - 1 */
	buf_done(&a.text);
	ql_src_mem_free(m);
}

/* clang-format off */
static const struct {
	const char *text, *error; /* '@' and '#' as in test_ql_parse.c */
} errors[] = {
	{"G.Flows().Has(@'Metric.ABByte', 1)", "no field 'Metric.ABByte' (column #); did you mean 'Metric.ABBytes'?"},
	{"G.Flows(@'quite something', 1)", "no field 'quite something' (column #)"},
	{"G.Flows().HasKey(@'Netwrk')", "no field 'Netwrk' (column #); did you mean 'Network'?"},
	{"G.Flows().HasNot(@'x\x01y')", "no field 'x\\x01y' (column #)"},
	{"G.Flows().HasEither('UUID', NE('00000000000000000000000000000003'), @'Ration', 1)", "no field 'Ration' (column #); did you mean 'ratio'?"},
	{"G.Flows().Has('Network', @'abc')", "'abc' is no address (column #)"},
	{"G.Flows().Has('Network', @'10.0.0.256')", "'10.0.0.256' is no address (column #)"},
	{"G.Flows().Has('Network', @'10.0.0.0/8')", "'10.0.0.0/8' is no address but a prefix; use CIDR('...') (column #)"},
	{"G.Flows().Has('Network', Within('10.0.0.1', @'x'))", "'x' is no address (column #)"},
	{"G.Flows().Has('Network', @5)", "'5' is a number, but 'Network.A' holds addresses (column #)"},
	{"G.Flows().Has('Network', @TRUE)", "'TRUE' is TRUE or FALSE, but 'Network.A' holds addresses (column #)"},
	{"G.Flows().Has('Network', @NOW)", "'NOW' is a time, but 'Network.A' holds addresses (column #)"},
	{"G.Flows().Has('Network', IPV4RANGE(@'10.0.0.0/33'))", "'10.0.0.0/33' is no prefix (try '10.0.0.0/8', '2001:db8::/32') (column #)"},
	{"G.Flows().Has('Network', IPV4RANGE(@'x'))", "'x' is no prefix (try '10.0.0.0/8', '2001:db8::/32') (column #)"},
	{"G.Flows().Has('Network', Between('10.0.0.1', @'::1'))", "'::1' is not of the same kind of address as the first (column #)"},
	{"G.Flows().Has('Transport.B', @'443')", "'443' is text, but 'Transport.B' holds numbers (column #)"},
	{"G.Flows().Has('Transport.B', GT(@'443'))", "'443' is text, but 'Transport.B' holds numbers (column #)"},
	{"G.Flows().Has('Transport.B', Between(1, @'443'))", "'443' is text, but 'Transport.B' holds numbers (column #)"},
	{"G.Flows().Has('Transport.B', Within(1, 2, @TRUE))", "'TRUE' is TRUE or FALSE, but 'Transport.B' holds numbers (column #)"},
	{"G.Flows().Has('Transport.B', @IPV4RANGE('10.0.0.0/8'))", "'IPV4RANGE' (column #) needs addresses, but 'Transport.B' holds numbers"},
	{"G.Flows().Has('Transport.B', @Regex('80'))", "'Regex' (column #) needs text, but 'Transport.B' holds numbers"},
	{"G.Flows().Has('Done', @Contains('t'))", "'Contains' (column #) needs text, but 'Done' holds TRUE or FALSE"},
	{"G.Flows().Has('Start', @Regex('1'))", "'Regex' (column #) needs text, but 'Start' holds times"},
	{"G.Flows().Has('Metric.RTT', @Contains('1'))", "'Contains' (column #) needs text, but 'Metric.RTT' holds durations"},
	{"G.Flows().Has('Ratio', @'1')", "'1' is text, but 'Ratio' holds numbers (column #)"},
	{"G.Flows().Has('Application', @5)", "'5' is a number, but 'Application' holds text (column #)"},
	{"G.Flows().Has('Application', Within('a', @-1.5))", "'-1.5' is a number, but 'Application' holds text (column #)"},
	{"G.Flows().Has('Application', @CIDR('10.0.0.0/8'))", "'CIDR' (column #) needs addresses, but 'Application' holds text"},
	{"G.Flows().Has('Application', Regex('@^TLS'))", "'^TLS' is anchored: ^ and $ are implied; write \\^ or \\$ for the characters (column #)"},
	{"G.Flows().Has('Application', Regex('TLS@$'))", "'TLS$' is anchored: ^ and $ are implied; write \\^ or \\$ for the characters (column #)"},
	{"G.Flows().Has('Application', Regex('[a]|@^b'))", "'[a]|^b' is anchored: ^ and $ are implied; write \\^ or \\$ for the characters (column #)"},
	{"G.Flows().Has('Application', Regex('[[:alpha:]^$]\\'\\$@$'))", "'[[:alpha:]^$]'\\$$' is anchored: ^ and $ are implied; write \\^ or \\$ for the characters (column #)"},
	{"G.Flows().Has('Application', Regex('a(b@'))", "'a(b' is no regular expression: missing closing parenthesis (column #)"},
	{"G.Flows().Has('Application', Regex('\\\\\\\"\\d\\n@)'))", "'\\\"\\d\\x0a)' is no regular expression: unmatched closing parenthesis (column #)"},
	{"G.Flows().Has('Application', Regex(\"TLS|@*\"))", "'TLS|*' is no regular expression: quantifier does not follow a repeatable item (column #)"},
	{"G.Flows().Has('Done', @1)", "'1' is a number, but 'Done' holds TRUE or FALSE (column #)"},
	{"G.Flows().Has('Done', @'true')", "'true' is text, but 'Done' holds TRUE or FALSE (column #)"},
	{"G.Flows().Has('Done', @GT(TRUE))", "'GT' (column #) needs an order, but 'Done' holds TRUE or FALSE"},
	{"G.Flows().Has('UUID', @'3')", "'3' is no id of 32 hexadecimal digits (column #)"},
	{"G.Flows().Has('UUID', @'00000000-0000-0000-0000-0000000000030')", "'00000000-0000-0000-0000-0000000000030' is no id of 32 hexadecimal digits (column #)"},
	{"G.Flows().Has('UUID', @Between('0', '1'))", "'Between' (column #) needs an order, but 'UUID' holds ids"},
	{"G.Flows().Has('Start', @'yesterday')", "'yesterday' is no time (try NOW, '-10m', 1790000000, '2026-11-21T10:00:00Z') (column #)"},
	{"G.Flows().Has('Start', @-5)", "'-5' is no time (try NOW, '-10m', 1790000000, '2026-11-21T10:00:00Z') (column #)"},
	{"G.Flows().Has('Start', @-5.5)", "'-5.5' is no time (try NOW, '-10m', 1790000000, '2026-11-21T10:00:00Z') (column #)"},
	{"G.Flows().Has('Start', @TRUE)", "'TRUE' is TRUE or FALSE, but 'Start' holds times (column #)"},
	{"G.Flows().Has('Start', @1600000000000000000)", "'1600000000000000000' is too far away: times count s, or ms above 2^31 (column #)"},
	{"G.Flows().Has('Start', @'99999999999')", "'99999999999' is too far away (column #)"},
	{"G.Flows().Has('Metric.RTT', @'5')", "'5' is no duration (try '500ms', '10s', '1h30m') (column #)"},
	{"G.Flows().Has('Metric.RTT', @'')", "'' is no duration (try '500ms', '10s', '1h30m') (column #)"},
	{"G.Flows().Has('Metric.RTT', @FALSE)", "'FALSE' is TRUE or FALSE, but 'Metric.RTT' holds durations (column #)"},
	{"G.At(@'x').Flows()", "'x' is no time (try NOW, '-10m', 1790000000, '2026-11-21T10:00:00Z') (column #)"},
	{"G.At(@-1).Flows()", "'-1' is no time (try NOW, '-10m', 1790000000, '2026-11-21T10:00:00Z') (column #)"},
	{"G.At(NOW, @-1).Flows()", "'-1' is negative; durations go back by themselves (column #)"},
	{"G.At(NOW, @'-1s').Flows()", "'-1s' is negative; durations go back by themselves (column #)"},
	{"G.At(NOW, @'long').Flows()", "'long' is no duration (try '500ms', '10s', '1h30m') (column #)"},
};
/* clang-format on */

static void test_errors(void **state)
{
	struct t_answer a = {0};
	struct ql_src_mem *m = NULL;
	size_t i;

	(void)state;
	assert_int_equal(t_load(&m, 0), 0);
	for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		const char *mark = strchr(errors[i].text, '@'),
			   *hash = strstr(errors[i].error, "(column #") + 8;
		char text[256], want[512];

		snprintf(text, sizeof(text), "%.*s%s", (int)(mark - errors[i].text), errors[i].text,
			 mark + 1);
		snprintf(want, sizeof(want), "error: %.*s%u%s", (int)(hash - errors[i].error),
			 errors[i].error, (unsigned)(mark - errors[i].text) + 1, hash + 1);
		assert_int_equal(t_query(ql_src_mem_src(m), text, NULL, 0, &a), -EINVAL);
		if (strcmp(buf_str(&a.text), want) != 0)
			fail_msg("'%s'\n gives '%s'\n not   '%s'", text, buf_str(&a.text), want);
		assert_int_equal(a.begun, 0);
	}
	buf_done(&a.text);
	ql_src_mem_free(m);
}

/* Where a regular expression gives up, the query does: a flow that cannot be told is no flow
 * that does not match.  "0" and "00" make some 34 * 5^3 * 233 ways through the zeros of a UUID,
 * all in vain. */
static void test_gives_up(void **state)
{
	static const char costly[] = "'Regex' (column 35): the regular expression takes more than "
				     "1000000 steps on '00000000-0000-0000-0000-00000000000";
	static const char *const queries[] = {
		"G.Flows().Has('UUID',       Regex('(0|00|-)+(?<=x).'))",
		"G.Flows().Has('UUID',       Regex('(0|00|-)+(?<=x).')).Count()",
		"G.Flows('UUID'      ,       Regex('(0|00|-)+(?<=x).'))",
	};
	struct t_answer a = {0};
	struct ql_src_mem *m = NULL;
	size_t i;

	(void)state;
	assert_int_equal(t_load(&m, 0), 0);
	for (i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
		assert_int_equal(t_query(ql_src_mem_src(m), queries[i], NULL, 0, &a), -E2BIG);
		assert_non_null(strstr(buf_str(&a.text), costly));
	}
	/* asked only of flows for which it matters */
	assert_int_equal(t_query(ql_src_mem_src(m),
				 "G.Flows().Has('Transport.B', 5).Has('UUID', "
				 "Regex('(0|00|-)+(?<=x).')).Count()",
				 NULL, 0, &a),
			 0);
	assert_int_equal(a.scalar, 0);
	buf_done(&a.text);
	ql_src_mem_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_positions),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_gives_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
