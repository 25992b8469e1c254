/* filter/where_hints.c, filter/hint.c: what is told of an expression.  By hand, from the
 * meaning of the expressions in where.h; that hints never say more than the expression is seen
 * in test_where.c, for all of its expressions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "filter/where.h"
#include "hint_text.h"

enum { NETWORK_A, NETWORK_B, PROTOCOL, PORT_A, PORT_B, APPLICATION, BYTES, DELTA, RATIO, DONE };

#define FIELD(symbol, name_, json_, type_)                                                         \
	[symbol] = {.name = name_, .json = json_, .type = type_, .unit = ""}

static const struct field fields[] = {
	FIELD(NETWORK_A, "network_a", "Network.A", VAL_ADDR),
	FIELD(NETWORK_B, "network_b", "Network.B", VAL_ADDR),
	FIELD(PROTOCOL, "transport_protocol", "Transport.Protocol", VAL_STR),
	FIELD(PORT_A, "transport_a", "Transport.A", VAL_U64),
	FIELD(PORT_B, "transport_b", "Transport.B", VAL_U64),
	FIELD(APPLICATION, "application", "Application", VAL_STR),
	FIELD(BYTES, "ab_bytes", "Metric.ABBytes", VAL_U64),
	FIELD(DELTA, "delta", "Delta", VAL_I64),
	FIELD(RATIO, "ratio", "Ratio", VAL_F64),
	FIELD(DONE, "done", "Done", VAL_BOOL),
};

static const struct field_alias aliases[] = {
	{"Network", 2, {NETWORK_A, NETWORK_B}},
	{"Transport", 2, {PORT_A, PORT_B}},
};

static const struct schema schema = {fields, sizeof(fields) / sizeof(fields[0]), aliases, 2};

#define U64_MAX "18446744073709551615"

static void tells(void **state)
{
	/* the last condition comes first */
	static const struct {
		const char *expr, *hints;
	} cases[] = {
		{"", ""},
		{"network_a == 10.0.0.1", "network_a in 10.0.0.1/32"},
		{"Network == 10.0.0.1", "network_a in 10.0.0.1/32 | network_b in 10.0.0.1/32"},
		{"network == 10.0.0.1 and network == 10.0.0.2",
		 "network_a in 10.0.0.2/32 | network_b in 10.0.0.2/32; "
		 "network_a in 10.0.0.1/32 | network_b in 10.0.0.1/32"},
		{"network_a == 2001:db8::/33", "network_a in 2001:db8::/33"},
		{"network_a == 00:00:5e:00:53:01", "network_a in 00:00:5e:00:53:01/48"},
		{"network_a == 0.0.0.0/0", "network_a in 0.0.0.0/0"},
		{"network_a in {10.0.0.0..10.0.0.255}", "network_a in 10.0.0.0/24"},
		{"network_a in {10.0.0.1..10.0.0.255}", "10.0.0.1<=network_a<=10.0.0.255"},
		{"network_a in {10.0.0.0..10.0.0.254}", "10.0.0.0<=network_a<=10.0.0.254"},
		{"network_a > 10.0.0.1", "10.0.0.1<=network_a"},
		{"network_a != 10.0.0.1", "network_a there"},
		{"tcp.port == 443", "443<=transport_a<=443 | 443<=transport_b<=443"},
		{"transport_b in {80, 443, 8000..8100}",
		 "80<=transport_b<=80 | 443<=transport_b<=443 | 8000<=transport_b<=8100"},
		{"transport_b > 5", "6<=transport_b<=" U64_MAX},
		{"transport_b > " U64_MAX, "no row"},
		{"transport_b > " U64_MAX " or ab_bytes == 1", "1<=ab_bytes<=1"},
		{"ab_bytes & 0x10", "ab_bytes there"},
		{"ab_bytes > ab_bytes", "ab_bytes there"},
		{"delta < 0", "-9223372036854775808<=delta<=-1"},
		{"ratio > 0.5", "0.5<=ratio"},
		{"ratio <= 0.5", "ratio<=0.5"},
		{"done == true", "true<=done<=true"},
		{"done", "done there"},
		{"application == DNS", "application is 'DNS'"},
		{"application in {DNS, TLS}", "application is 'DNS' | application is 'TLS'"},
		{"application > DNS", "DNS<=application"},
		{"application contains N or done", "application there | done there"},
		{"application ~ x", "application there"},
		{"not application == DNS", ""},
		{"not application == DNS and done", "done there"},
		{"done or not delta", ""},
		{"(done and delta == 1) or (not ratio and ab_bytes == 2)",
		 "done there | 2<=ab_bytes<=2"},
		{"(not done and not delta) or ratio", ""},
		{"done and (delta and (ratio == 1 and ab_bytes == 2))",
		 "2<=ab_bytes<=2; 1<=ratio<=1; delta there; done there"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CLEANUP(where_freep) struct where *w = NULL;
		CLEANUP(buf_done) struct buf text = BUF_INIT;
		struct err err;

		if (where_new(&w, cases[i].expr, &schema, &err) < 0)
			fail_msg("'%s': %s", cases[i].expr, err.text);
		hint_text(&text, &schema, where_hints(w, NULL));
		assert_string_equal(buf_str(&text), cases[i].hints);
	}
}

/* More than can be told is told as a range, or not at all. */
static void has_limits(void **state)
{
	CLEANUP(where_freep) struct where *w = NULL;
	CLEANUP(buf_done) struct buf expr = BUF_INIT, text = BUF_INIT;
	const struct hint *h;
	struct err err;
	unsigned i, n = 0;

	(void)state;
	buf_addstr(&expr, "transport in {7");
	for (i = 1; i <= HINT_TESTS_MAX / 2; i++)
		buf_addf(&expr, ", %u", 7 + 2 * i);
	buf_addstr(&expr, "}");
	assert_int_equal(where_new(&w, buf_str(&expr), &schema, &err), 0);
	hint_text(&text, &schema, where_hints(w, NULL));
	assert_string_equal(buf_str(&text), "7<=transport_a<=71 | 7<=transport_b<=71");

	where_free(w);
	w = NULL;
	buf_clear(&expr);
	buf_addstr(&expr, "done");
	for (i = 0; i < HINT_TESTS_MAX; i++)
		buf_addf(&expr, " or delta == %u", i);
	assert_int_equal(where_new(&w, buf_str(&expr), &schema, &err), 0);
	assert_null(where_hints(w, NULL));

	where_free(w);
	w = NULL;
	buf_clear(&expr);
	buf_addstr(&expr, "done");
	for (i = 0; i < 100; i++)
		buf_addf(&expr, " and delta == %u", i);
	assert_int_equal(where_new(&w, buf_str(&expr), &schema, &err), 0);
	for (h = where_hints(w, NULL); h; h = h->next)
		n++;
	assert_int_equal(n, 64);
}

static void stands_before_others(void **state)
{
	static const struct hint_test there = {HINT_RANGE, DONE, VAL_BOOL, .has_min = false};
	static const struct hint other = {NULL, &there, 1};
	CLEANUP(where_freep) struct where *w = NULL;
	CLEANUP(buf_done) struct buf text = BUF_INIT;
	struct err err;

	(void)state;
	assert_int_equal(where_new(&w, "delta == 1", &schema, &err), 0);
	assert_non_null(where_hints(w, &other));
	hint_text(&text, &schema, where_hints(w, &other)); /* again: those before are forgotten */
	assert_string_equal(buf_str(&text), "1<=delta<=1; done there");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells),
		cmocka_unit_test(has_limits),
		cmocka_unit_test(stands_before_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
