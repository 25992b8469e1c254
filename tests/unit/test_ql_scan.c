/* ql/hints.c, order.c: what sources are told of a query.  By hand, from the meaning of the steps in
 * docs/query.md; that what is told never changes an answer is seen in the tables of
 * test_ql_pred.c and test_ql_run.c, over a source that does no more than it is asked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "hint_text.h"
#include "test_ql.h"

/* Takes notes of what it is asked for and gives nothing. */
struct asked {
	struct ql_src src;
	struct buf hints;
	struct ql_scan scan;
};

static int note(struct ql_src *s, const struct ql_scan *req, ql_batch_fn fn, void *arg,
		struct err *err)
{
	struct asked *a = (struct asked *)s;

	(void)fn;
	(void)arg;
	(void)err;
	a->scan = *req;
	buf_clear(&a->hints);
	hint_text(&a->hints, s->schema, req->hints);
	return 0;
}

static int no_packets(struct ql_src *s, const uint64_t *serials, size_t n, int64_t from, int64_t to,
		      const char *filter, ql_pkt_fn fn, void *arg, struct err *err)
{
	(void)s, (void)serials, (void)n, (void)from, (void)to, (void)filter, (void)fn, (void)arg;
	(void)err;
	return 0;
}

static int now(struct ql_src *s, int64_t *ret_ts, struct err *err)
{
	(void)s;
	(void)err;
	*ret_ts = T_NOW;
	return 0;
}

static const struct ql_src_ops ops = {note, no_packets, now};

static void ask(struct asked *a, const char *query)
{
	struct t_answer answer = {0};

	if (t_query(&a->src, query, NULL, 0, &answer) < 0)
		fail_msg("%s: %s", query, buf_str(&answer.text));
	buf_done(&answer.text);
}

#define U64_MAX      "18446744073709551615"
#define A_OR_B(what) "network_a in " what " | network_b in " what

/* clang-format off */
static const struct {
	const char *query, *hints; /* the last condition comes first */
	unsigned limit;
} table[] = {
	{"G.Flows()", "", 0},
	{"G.Flows().Limit(7)", "", 7},
	{"G.Flows().Range(2, 7)", "", 7},
	{"G.Flows().Range(2, 7).Limit(1).Has('Done', TRUE)", "", 3},
	{"G.Flows().Sort().Limit(7)", "", 0},
	{"G.Flows().Has('Transport.B', 443)", "443<=transport_b<=443", 0},
	{"G.Flows().Has('Transport.B', 443).Limit(5)", "443<=transport_b<=443", 5},
	{"G.Flows().Has('Transport.B', 443).Count()", "443<=transport_b<=443", 0},
	{"G.Flows().Has('Transport', 443)", "443<=transport_a<=443 | 443<=transport_b<=443", 0},
	{"G.Flows('Transport.B', 443)", "443<=transport_b<=443", 0},
	{"G.Flows().Has('Transport.B', 443.5).Limit(2)", "no row", 2},
	{"G.Flows().Has('Transport.B', GT(443)).Limit(2)", "444<=transport_b", 2},
	{"G.Flows().Has('Transport.B', LTE(443)).Limit(2)", "transport_b<=443", 2},
	{"G.Flows().Has('Transport.B', Between(1, 443)).Limit(2)", "1<=transport_b<=442", 2},
	{"G.Flows().Has('Transport.B', Outside(1, 443)).Limit(2)", "transport_b<=0 | 444<=transport_b", 2},
	{"G.Flows().Has('Transport.B', Outside(0, 443)).Limit(2)", "444<=transport_b", 2},
	{"G.Flows().Has('Transport.B', Outside(0, " U64_MAX ")).Limit(2)", "no row", 2},
	{"G.Flows().Has('Transport.B', Outside(2, 1)).Limit(2)", "transport_b there", 2},
	{"G.Flows().Has('Transport.B', Within(80, 443)).Limit(2)", "80<=transport_b<=80 | 443<=transport_b<=443", 2},
	{"G.Flows().Has('Transport.B', NE(443)).Limit(2)", "transport_b there", 0},
	{"G.Flows().Has('Transport.B', NEE(443)).Limit(2)", "", 0},
	{"G.Flows().Has('Transport.B', Without(443, 80)).Limit(2)", "transport_b there", 0},
	{"G.Flows().HasKey('Transport').Limit(2)", "transport_a there | transport_b there", 2},
	{"G.Flows().HasNot('Transport').Limit(2)", "", 0},
	{"G.Flows().Has('Delta', LT(-5)).Limit(2)", "delta<=-6", 2},
	{"G.Flows().Has('Delta', Outside(-5, 5)).Limit(2)", "delta<=-6 | 6<=delta", 2},
	{"G.Flows().Has('Ratio', GTE(0.5)).Limit(2)", "0.5<=ratio<=inf", 2},
	{"G.Flows().Has('Ratio', Outside(0, 1)).Limit(2)", "ratio there", 0},
	{"G.Flows().Has('Done', TRUE).Limit(2)", "true<=done<=true", 2},
	{"G.Flows().Has('Metric.RTT', LTE('1ms')).Limit(2)", "rtt_ns<=1000000", 2},
	{"G.Flows().Has('Start', 1003).Limit(2)", "1003.000000000<=start<=1003.000000000", 2},
	{"G.Flows().Has('UUID', '00000000-0000-0000-0000-000000000001').Limit(2)",
	 "00000000-0000-0000-0000-000000000001<=uuid<=00000000-0000-0000-0000-000000000001", 2},
	/* texts */
	{"G.Flows().Has('Application', 'DNS').Limit(2)", "application is 'DNS'", 2},
	{"G.Flows().Has('Application', Within('TLS', 'DNS')).Limit(2)", "application is 'DNS' | application is 'TLS'", 2},
	{"G.Flows().Has('Application', GTE('DNS')).Limit(2)", "DNS<=application", 2},
	{"G.Flows().Has('Application', LT('DNS')).Limit(2)", "application<=DNS", 0},
	{"G.Flows().Has('Application', Regex('D.*')).Limit(2)", "application there", 0},
	{"G.Flows().Has('Application', Contains('D')).Limit(2)", "application there", 0},
	/* addresses */
	{"G.Flows().Has('Network.A', '10.0.0.1').Limit(2)", "network_a in 10.0.0.1/32", 2},
	{"G.Flows().Has('Network.A', '2001:db8::1').Limit(2)", "network_a in 2001:db8::1/128", 2},
	{"G.Flows().Has('Link.A', '02:00:00:00:00:01').Limit(2)", "link_a in 02:00:00:00:00:01/48", 2},
	{"G.Flows().Has('Network', IPV4RANGE('10.0.0.0/8')).Limit(2)", A_OR_B("10.0.0.0/8"), 2},
	{"G.Flows().Has('Network.A', GTE('10.0.0.1')).Limit(2)", "10.0.0.1<=network_a<=255.255.255.255", 2},
	{"G.Flows().Has('Network.A', LT('10.0.0.1')).Limit(2)", "0.0.0.0<=network_a<=10.0.0.1", 0},
	{"G.Flows().Has('Network.A', Outside('10.0.0.1', '10.0.0.9')).Limit(2)", "network_a there", 0},
	{"G.Flows().Has('Network.A', '10.0.0.1', 'Network.B', '10.0.0.2').Limit(2)",
	 "network_b in 10.0.0.2/32; network_a in 10.0.0.1/32", 2},
	{"G.Flows().Has('Network', '10.0.0.1').Has('Network', '10.0.0.2').Limit(2)",
	 A_OR_B("10.0.0.2/32") "; " A_OR_B("10.0.0.1/32"), 2},
	/* one of several */
	{"G.Flows().HasEither('Done', TRUE, 'Transport.B', 53).Limit(2)", "true<=done<=true | 53<=transport_b<=53", 2},
	{"G.Flows().HasEither('Done', TRUE, 'Transport.B', 5.5).Limit(2)", "true<=done<=true", 2},
	{"G.Flows().HasEither('Done', TRUE, 'Transport.B', NEE(53)).Limit(2)", "", 0},
	/* behind what leaves rows as they are, not behind what does not */
	{"G.Flows().Sort('Last').Has('Done', TRUE)", "true<=done<=true", 0},
	{"G.Flows().Sort('Last').Has('Done', TRUE).Limit(1)", "true<=done<=true", 0},
	{"G.Flows().Sort('Last').Limit(3).Has('Done', TRUE)", "", 0},
	{"G.Flows().Limit(3).Has('Done', TRUE)", "", 3},
	{"G.Flows().Dedup('Application').Has('Done', TRUE)", "", 0},
	{"G.Flows().Group('Application').Has('Flows', 2)", "", 0},
	{"G.Flows().Values('Done', 'Network').Limit(2)", "done there | network_a there | network_b there", 2},
	{"G.Flows().Values('Done', 'Network').Has('Network.B', '10.0.0.1').Limit(2)",
	 "network_b in 10.0.0.1/32; done there | network_a there | network_b there", 2},
	{"G.Flows().Values('Done', 'Delta').Values('Delta').Has('Delta', 4).Limit(2)",
	 "4<=delta<=4; delta there; done there | delta there", 2},
	{"G.Flows().Metrics().Has('ABBytes', GT(5)).Limit(2)", "6<=ab_bytes", 2},
	{"G.Flows().Has('Done', TRUE).RawPackets().Limit(2)", "true<=done<=true", 0},
};
/* clang-format on */

static void test_table(void **state)
{
	struct asked a = {.src = {&ops, &t_schema, false}};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		ask(&a, table[i].query);
		if (strcmp(buf_str(&a.hints), table[i].hints) != 0 ||
		    a.scan.limit_hint != table[i].limit)
			fail_msg("%s\n tells '%s', %u\n not   '%s', %u", table[i].query,
				 buf_str(&a.hints), (unsigned)a.scan.limit_hint, table[i].hints,
				 table[i].limit);
	}
	buf_done(&a.hints);
}

/* Whether rows may come in any order; in the second column where the source's own is known. */
static const struct {
	const char *query;
	bool any, by_start;
} orders[] = {
	{"G.Flows()", false, false},
	{"G.Flows().Has('Done', TRUE)", false, false},
	{"G.Flows().Limit(5).Count()", false, false},
	{"G.Flows().Count()", true, true},
	{"G.Flows().Has('Done', TRUE).Count()", true, true},
	{"G.Flows().Sort('Last').Count()", true, true},
	{"G.Flows().Sum('Delta')", true, true},
	{"G.Flows().Sum('Ratio')", false, false}, /* rounded as they come */
	{"G.Flows().Keys()", true, true},
	{"G.Flows().Values('Done', 'Delta').Keys()", true, true},
	{"G.Flows().Values('Done', 'Delta').Count()", true, true},
	{"G.Flows().Values('Done', 'Delta')", false, false},
	{"G.Flows().RawPackets()", true, true},
	{"G.Flows().RawPackets().Limit(2)", true, true},
	{"G.Flows().Limit(2).RawPackets()", false, false},
	{"G.Flows().Group('Application')", true, true},
	{"G.Flows().Group('Application').Limit(2)", true, true},
	{"G.Flows().Group('Ratio')", false, false}, /* shows the 0, or -0, that came first */
	{"G.Flows().Group('Application').Dedup('Flows')", true, true},
	{"G.Flows().Dedup('Application')", false, false},
	{"G.Flows().Dedup('Application').Count()", true, true},
	{"G.Flows().Dedup('Application').Group('Application')", false,
	 false}, /* and its counters */
	{"G.Flows().Values('Application').Dedup().Group('Application')", true, true},
	{"G.Flows().Dedup('Application').RawPackets()", false, false},
	{"G.Flows().Dedup('Application').Has('Application', 'DNS').Count()", true, true},
	{"G.Flows().Dedup('Application').Has('Done', TRUE).Count()", false, false},
	{"G.Flows().Values('Application').Dedup()", false, false},
	{"G.Flows().Values('Application').Dedup().Sort()", false, false},
	{"G.Flows().Sort('Last')", false, true},
	{"G.Flows().Sort('Last').Limit(5)", false, true},
	{"G.Flows().Has('Done', TRUE).Sort('Last').Limit(5).Dedup('Application')", false, true},
	{"G.Flows().Values('Last').Sort('Last').Limit(5)", false, false}, /* no start left */
};

static void test_orders(void **state)
{
	struct asked a = {.src = {&ops, &t_schema, false}};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		bool any;

		a.src.by_start = false;
		ask(&a, orders[i].query);
		any = a.scan.any_order;
		a.src.by_start = true;
		ask(&a, orders[i].query);
		if (any != orders[i].any || a.scan.any_order != orders[i].by_start)
			fail_msg("%s: any order %d, with a known one %d", orders[i].query, any,
				 a.scan.any_order);
		if (!any && a.scan.any_order)
			assert_true(field_set_has(&a.scan.want, T_START));
	}
	buf_done(&a.hints);
}

/* More than can be told is told as a range, or not at all; then the rows that pass cannot be
 * counted by the source. */
static void test_limits(void **state)
{
	struct asked a = {.src = {&ops, &t_schema, false}};
	CLEANUP(buf_done) struct buf q = BUF_INIT;
	const char *p;
	unsigned i, n = 1;

	(void)state;
	buf_addstr(&q, "G.Flows().Has('Transport', Within(7");
	for (i = 1; i <= HINT_TESTS_MAX / 2; i++)
		buf_addf(&q, ", %u", 7 + 2 * i);
	buf_addstr(&q, ")).Limit(3)");
	ask(&a, buf_str(&q));
	assert_string_equal(buf_str(&a.hints), "7<=transport_a<=71 | 7<=transport_b<=71");
	assert_int_equal(a.scan.limit_hint, 0);

	buf_clear(&q);
	buf_addstr(&q, "G.Flows().HasEither('Done', TRUE");
	for (i = 0; i < HINT_TESTS_MAX; i++)
		buf_addf(&q, ", 'Delta', %u", i);
	buf_addstr(&q, ").Limit(3)");
	ask(&a, buf_str(&q));
	assert_string_equal(buf_str(&a.hints), "");
	assert_int_equal(a.scan.limit_hint, 0);

	buf_clear(&q);
	buf_addstr(&q, "G.Flows().Has('Done', TRUE");
	for (i = 0; i < 100; i++)
		buf_addf(&q, ", 'Delta', %u", i);
	buf_addstr(&q, ").Limit(3)");
	ask(&a, buf_str(&q));
	for (p = buf_str(&a.hints); (p = strstr(p, "; ")); p++)
		n++;
	assert_int_equal(n, 64);
	assert_int_equal(a.scan.limit_hint, 0);
	buf_done(&a.hints);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_orders),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
