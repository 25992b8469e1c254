/* The rows of tests/filter/where.inc are judged by tshark, those of values() by
 * hand.  Messages name columns counted by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "base/cleanup.h"
#include "filter/hint.h"
#include "filter/where.h"
#include "../filter/where.inc"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

DEFINE_FREEP(struct batch, batch_free);

enum {
	LINK_A,
	LINK_B,
	LAYERS_PATH,
	NETWORK_PROTOCOL,
	NETWORK_A,
	NETWORK_B,
	IP_PROTOCOL,
	TRANSPORT_PROTOCOL,
	TRANSPORT_A,
	TRANSPORT_B,
	VLAN,
	AB_TTL,
	ICMP_TYPE,
	APPLICATION,
	SERVER_NAME,
	AB_BYTES,
	BA_BYTES,
	START,
	RTT_NS,
	DELTA,
	RATIO,
	TRUNCATED,
	UUID,
	N_FIELDS,
};

#define FIELD(symbol, name_, json_, type_, unit_)                                                  \
	[symbol] = {.name = name_, .json = json_, .type = type_, .unit = unit_}

static const struct field fields[] = {
	FIELD(LINK_A, "link_a", "Link.A", VAL_ADDR, ""),
	FIELD(LINK_B, "link_b", "Link.B", VAL_ADDR, ""),
	FIELD(LAYERS_PATH, "layers_path", "LayersPath", VAL_STR, ""),
	FIELD(NETWORK_PROTOCOL, "network_protocol", "Network.Protocol", VAL_STR, ""),
	FIELD(NETWORK_A, "network_a", "Network.A", VAL_ADDR, ""),
	FIELD(NETWORK_B, "network_b", "Network.B", VAL_ADDR, ""),
	FIELD(IP_PROTOCOL, "ip_protocol", "Network.IPProtocol", VAL_U64, ""),
	FIELD(TRANSPORT_PROTOCOL, "transport_protocol", "Transport.Protocol", VAL_STR, ""),
	FIELD(TRANSPORT_A, "transport_a", "Transport.A", VAL_U64, ""),
	FIELD(TRANSPORT_B, "transport_b", "Transport.B", VAL_U64, ""),
	FIELD(VLAN, "vlan", "Link.VLAN", VAL_U64, ""),
	FIELD(AB_TTL, "ab_ttl", "IPMetric.ABTTL", VAL_U64, "1"),
	FIELD(ICMP_TYPE, "icmp_type", "ICMP.TypeNumber", VAL_U64, ""),
	FIELD(APPLICATION, "application", "Application", VAL_STR, ""),
	FIELD(SERVER_NAME, "server_name", "ServerName", VAL_STR, ""),
	FIELD(AB_BYTES, "ab_bytes", "Metric.ABBytes", VAL_U64, "bytes"),
	FIELD(BA_BYTES, "ba_bytes", "Metric.BABytes", VAL_U64, "bytes"),
	FIELD(START, "start", "Start", VAL_TIME, "ns"),
	FIELD(RTT_NS, "rtt_ns", "Metric.RTT", VAL_DUR, "ns"),
	FIELD(DELTA, "delta", "Delta", VAL_I64, "1"),
	FIELD(RATIO, "ratio", "Ratio", VAL_F64, "1"),
	FIELD(TRUNCATED, "truncated", "Truncated", VAL_BOOL, ""),
	FIELD(UUID, "uuid", "UUID", VAL_ID, ""),
};

static const struct field_alias aliases[] = {
	{"Network", 2, {NETWORK_A, NETWORK_B}},
	{"Link", 2, {LINK_A, LINK_B}},
	{"Transport", 2, {TRANSPORT_A, TRANSPORT_B}},
};

static const struct schema schema = {fields, N_FIELDS, aliases, COUNT(aliases)};

static struct batch *new_batch(size_t n)
{
	struct field_set all;
	struct batch *b;

	memset(&all, 0xff, sizeof(all));
	assert_int_equal(batch_new(&b, &schema, &all), 0);
	b->n = n;
	return b;
}

static void put_str(struct batch *b, unsigned field, size_t row, const char *text)
{
	if (!text)
		return;
	b->cols[field]->v.str[row] = (struct val_str){text, (uint32_t)strlen(text)};
	col_mark(b->cols[field], row);
}

static void put_addr(struct batch *b, unsigned field, size_t row, const char *text)
{
	if (!text)
		return;
	assert_int_equal(addr_parse(text, &b->cols[field]->v.addr[row]), 0);
	col_mark(b->cols[field], row);
}

static void put_u64(struct batch *b, unsigned field, size_t row, uint64_t v)
{
	b->cols[field]->v.u64[row] = v;
	col_mark(b->cols[field], row);
}

/* Rows of 'expr' as "0101", the whole of it a failure.  No row that matches may be hinted away. */
static void run_text(const struct batch *b, const char *expr, char *ret)
{
	CLEANUP(where_freep) struct where *w = NULL;
	uint64_t sel[BATCH_ROWS / 64];
	const struct hint *hints;
	struct err err;
	size_t i;

	if (where_new(&w, expr, &schema, &err) < 0)
		fail_msg("'%s': %s", expr, err.text);
	hints = where_hints(w, NULL);
	memset(sel, 0xff, sizeof(sel));
	if (where_run(w, b, sel, &err) < 0)
		fail_msg("'%s': %s", expr, err.text);
	for (i = 0; i < b->n; i++) {
		ret[i] = sel[i / 64] >> i % 64 & 1 ? '1' : '0';
		if (ret[i] == '1' && !hint_row(hints, b, i))
			fail_msg("'%s' matches row %zu, its hints do not", expr, i);
	}
	ret[i] = '\0';
	for (; i < BATCH_ROWS; i++)
		assert_false(sel[i / 64] >> i % 64 & 1);
}

static void agrees_with_tshark(void **state)
{
	CLEANUP(batch_freep) struct batch *b = new_batch(COUNT(specs));
	char got[COUNT(specs) + 1];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(specs); i++) {
		const struct spec *s = &specs[i];

		put_addr(b, LINK_A, i, s->link_a);
		put_addr(b, LINK_B, i, s->link_b);
		put_str(b, LAYERS_PATH, i, s->layers_path);
		put_str(b, NETWORK_PROTOCOL, i, s->network_protocol);
		put_addr(b, NETWORK_A, i, s->network_a);
		put_addr(b, NETWORK_B, i, s->network_b);
		put_str(b, TRANSPORT_PROTOCOL, i, s->transport_protocol);
		if (s->ip_protocol)
			put_u64(b, IP_PROTOCOL, i, s->ip_protocol);
		if (s->transport_a) {
			put_u64(b, TRANSPORT_A, i, s->transport_a);
			put_u64(b, TRANSPORT_B, i, s->transport_b);
		}
		if (s->vlan)
			put_u64(b, VLAN, i, s->vlan);
		if (s->ttl)
			put_u64(b, AB_TTL, i, s->ttl);
		if (s->icmp_type)
			put_u64(b, ICMP_TYPE, i, s->icmp_type);
	}
	for (i = 0; i < COUNT(shown_by_tshark); i++) {
		run_text(b, shown_by_tshark[i].expr, got);
		if (strcmp(got, shown_by_tshark[i].rows) != 0)
			fail_msg("'%s': %s, not %s", shown_by_tshark[i].expr, got,
				 shown_by_tshark[i].rows);
	}
}

/* Six rows; the last one has nothing. */
static struct batch *value_rows(void)
{
	static const struct {
		const char *application, *server_name;
		uint64_t ab_bytes, ba_bytes;
		int64_t start, rtt_ns, delta;
		double ratio;
		bool truncated;
		const char *network_a, *network_b;
	} rows[] = {
		{"DNS", "a.example", 0, 5, 1790000000000000000, 0, 0, 0, false, "192.0.2.1",
		 "192.0.2.2"},
		{"TLS", "www.example", 100, 100, 1790000000500000000, 5000000, -5, 0.5, true,
		 "192.0.2.1", "192.0.2.1"},
		{"HTTP", "", 65536, 1, 1790000001000000000, 3600000000000, INT64_MIN, -1e300, false,
		 "2001:db8::1", "192.0.2.2"},
		{"TLS", "A\"B\\C", 1048576, 1048577, 0, -1, INT64_MAX, 1e300, true, "0:0:5e:0:53:1",
		 NULL},
		{"SSH", "x/y\n\303\251", UINT64_MAX, UINT64_MAX, -1, INT64_MAX, 7, 0.0 / 0.0, false,
		 NULL, "192.0.2.2"},
	};
	struct batch *b = new_batch(6);
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		put_str(b, APPLICATION, i, rows[i].application);
		put_str(b, SERVER_NAME, i, rows[i].server_name);
		put_u64(b, AB_BYTES, i, rows[i].ab_bytes);
		put_u64(b, BA_BYTES, i, rows[i].ba_bytes);
		put_u64(b, START, i, (uint64_t)rows[i].start);
		put_u64(b, RTT_NS, i, (uint64_t)rows[i].rtt_ns);
		put_u64(b, DELTA, i, (uint64_t)rows[i].delta);
		b->cols[RATIO]->v.f64[i] = rows[i].ratio;
		col_mark(b->cols[RATIO], i);
		b->cols[TRUNCATED]->v.b[i] = rows[i].truncated;
		col_mark(b->cols[TRUNCATED], i);
		memset(b->cols[UUID]->v.id[i], (int)i, 16);
		col_mark(b->cols[UUID], i);
		put_addr(b, NETWORK_A, i, rows[i].network_a);
		put_addr(b, NETWORK_B, i, rows[i].network_b);
	}
	return b;
}

static void values(void **state)
{
	static const struct {
		const char *expr, *rows;
	} cases[] = {
		{"", "111111"},
		{" \t", "111111"},
		/* unsigned, bytes */
		{"ab_bytes == 100", "010000"},
		{"Metric.ABBytes == 0x64", "010000"},
		{"metric.abbytes eq 100", "010000"},
		{"ab_bytes == 64K", "001000"},
		{"ab_bytes >= 1M", "000110"},
		{"ab_bytes > 1M", "000010"},
		{"ab_bytes < 1KiB", "110000"},
		{"ab_bytes == 18446744073709551615", "000010"},
		{"ab_bytes > 18446744073709551615", "000000"},
		{"ab_bytes <= 18446744073709551615", "111110"},
		{"ab_bytes < 0", "000000"},
		{"not ab_bytes < 0", "111111"},
		{"ab_bytes != 100", "101110"},
		{"ab_bytes in {0, 100..65536, 1M}", "111100"},
		{"ab_bytes in {0,0..3,100,101,102,103,104,105,64K..64K,65535}", "111000"},
		{"ab_bytes in {0..200, 5..10}", "110000"},
		{"ab_bytes not in {0}", "011111"},
		{"ab_bytes & 0x10000", "001010"},
		{"ab_bytes & 0x64 == 0x64", "010010"},
		{"ab_bytes & 0xff != 0", "010010"},
		{"ab_bytes & 0xff in {0}", "101100"},
		/* signed */
		{"delta == -5", "010000"},
		{"delta < 0", "011000"},
		{"delta <= -9223372036854775808", "001000"},
		{"delta > 9223372036854775806", "000100"},
		{"delta > 9223372036854775807", "000000"},
		{"delta < -9223372036854775808", "000000"},
		{"delta in {-5..7}", "110010"},
		/* floating */
		{"ratio > 0", "010100"},
		{"ratio >= 0", "110100"},
		{"ratio < 0.25", "101000"},
		{"ratio == 5e-1", "010000"},
		{"ratio != 0.5", "101110"}, /* what is not a number differs from all */
		{"ratio in {-1e301..0}", "101000"},
		/* times, durations */
		{"start == 1790000000.5", "010000"},
		{"start >= 2026-09-21T14:13:20Z", "111000"}, /* 1790000000 by date(1) */
		{"start > \"2026-09-21 14:13:20Z\"", "011000"},
		{"start < 1970-01-01T00:00:00Z", "000010"},
		{"rtt_ns >= 5ms", "011010"},
		{"rtt_ns == 5000000", "010000"},
		{"rtt_ns > 59m59s and rtt_ns <= 1h", "001000"},
		{"rtt_ns == -1", "000100"},
		{"rtt_ns == -1ns", "000100"},
		/* truth */
		{"truncated", "111110"}, /* has a value, as in tshark */
		{"truncated == true", "010100"},
		{"truncated == False", "101010"},
		{"truncated != 1", "101010"},
		/* ids */
		{"uuid == 02020202-0202-0202-0202-020202020202", "001000"},
		{"uuid == \"03030303030303030303030303030303\"", "000100"},
		{"uuid in "
		 "{01010101-0101-0101-0101-010101010101..03030303-0303-0303-0303-030303030303}",
		 "011100"},
		/* texts */
		{"application == TLS", "010100"},
		{"application == \"TLS\"", "010100"},
		{"application == 'TLS'", "010100"},
		{"application == tls", "000000"},
		{"application != TLS", "101010"},
		{"application > HTTP", "010110"},
		{"application in {DNS, \"SSH\"}", "100010"},
		{"application in {E..T}", "001010"},
		{"server_name == \"\"", "001000"},
		{"server_name == \"A\\\"B\\\\C\"", "000100"},
		{"server_name == r\"A\"", "000000"},
		{"server_name == \"x/y\\n\\xc3\\xa9\"", "000010"},
		{"server_name contains example", "110000"},
		{"server_name contains \"\"", "111110"},
		{"server_name contains \"/y\"", "000010"},
		{"server_name matches \"^www\\.\"", "010000"},
		{"server_name matches \"^WWW\\\\.\"", "010000"},
		{"server_name matches r\"^www\\.|^a\\.\"", "110000"},
		{"server_name ~ \"a\"", "110100"},
		{"server_name matches \"^$\"", "001000"},
		{"not server_name matches \"e\"", "001111"},
		/* protocol words */
		{"dns", "100000"},
		{"tls or http", "011100"},
		{"ssl", "010100"},
		/* aliases */
		{"Network == 192.0.2.1", "110000"},
		{"network != 192.0.2.1", "001110"},
		{"not network == 192.0.2.1", "001111"},
		{"network === 192.0.2.1", "010000"},
		{"network !== 192.0.2.1", "101110"},
		{"network", "111110"},
		{"network == 192.0.2.0/24", "111010"},
		{"network == 00:00:5e:00:53:01", "000100"},
		{"network == 00:00:5e:00:00:00/24", "000100"},
		{"network in {2001:db8::/32, 192.0.2.2}", "101010"},
		{"network_a == network_b", "010000"},
		{"network_a != network_b", "101000"},
		/* field with field */
		{"ab_bytes == ba_bytes", "010010"},
		{"ab_bytes < ba_bytes", "100100"},
		{"ab_bytes >= ba_bytes", "011010"},
		{"ab_bytes > delta", "011010"}, /* unsigned with signed */
		{"delta > ratio", "001000"},    /* with floating; NaN is in no order */
		{"delta != ratio", "011110"},
		{"rtt_ns > ab_bytes", "011000"},
		{"ab_bytes & 4 == ba_bytes", "000000"},
		{"ab_bytes & 5 < ba_bytes", "111110"},
		{"server_name > application", "110010"},
	};
	CLEANUP(batch_freep) struct batch *b = value_rows();
	char got[7];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		run_text(b, cases[i].expr, got);
		if (strcmp(got, cases[i].rows) != 0)
			fail_msg("'%s': %s, not %s", cases[i].expr, got, cases[i].rows);
	}
}

static void rejects(void **state)
{
	static const struct {
		const char *expr, *error;
	} cases[] = {
		{"ab_byts => 5", "no field 'ab_byts' (column 1); did you mean 'ab_bytes'?"},
		{"vlan => 5", "syntax error at '=>' (column 6)"},
		{"vlan = 5", "syntax error at '=' (column 6)"},
		{"vlan == 5 and and", "syntax error at 'and' (column 15)"},
		{"(vlan", "syntax error at the end (column 6)"},
		{"vlan)", "syntax error at ')' (column 5)"},
		{"vlan ==  ", "syntax error at the end (column 8)"},
		{"vlan == ==", "syntax error at '==' (column 9)"},
		{"5 == vlan", "no field '5' (column 1)"},
		{"\"vlan\"", "syntax error at '\"vlan\"' (column 1)"},
		{"vlan vlan", "syntax error at 'vlan' (column 6)"},
		{"not", "syntax error at the end (column 4)"},
		{"application == \"abc", "syntax error at '\"abc' (column 16)"},
		{"vlan in 5", "syntax error at '5' (column 9)"},
		{"vlan in {}", "syntax error at '}' (column 10)"},
		{"vlan in {1 2}", "syntax error at '2' (column 12)"},
		{"vlan in {1..}", "syntax error at '}' (column 13)"},
		{"vlan in {5..3}", "'5..3' (column 10) is no range: its end is before its start"},
		{"Network in {10.0.0.1..::1}",
		 "'10.0.0.1..::1' (column 13) is no range: its end is before its start"},
		{"application == \303\251 && \303\251 == 5", "no field '\303\251' (column 21)"},
		{"tcp.prt == 5", "no field 'tcp.prt' (column 1); did you mean 'tcp.port'?"},
		{"foo", "no field 'foo' (column 1)"},
		{"ip.addr == ::1", "'::1' (column 12) is not an IPv4 address or prefix"},
		{"Network == example.org", "'example.org' (column 12) is not an address or prefix"},
		{"Network == 10.0.0.0/33", "'10.0.0.0/33' (column 12) is not an address or prefix"},
		{"Network > 10.0.0.0/8",
		 "'10.0.0.0/8' (column 11): a prefix is neither greater nor less"},
		{"vlan == abc", "'abc' (column 9) is not a number (10 or 0xa)"},
		{"vlan == 64K", "'64K' (column 9) is not a number (10 or 0xa)"},
		{"vlan == 010", "'010' (column 9) is not a number (10 or 0xa)"},
		{"vlan == -1", "'-1' (column 9) is not a number (10 or 0xa)"},
		{"ab_bytes == 18446744073709551616",
		 "'18446744073709551616' (column 13) is not a number of bytes (5000, 64K, 1M)"},
		{"ratio == nan", "'nan' (column 10) is not a number"},
		{"ratio == 1e999", "'1e999' (column 10) is not a number"},
		{"start > now",
		 "'now' (column 9) is not a time (1790000000.5, 2026-11-21T10:00:00Z)"},
		{"start > -5m",
		 "'-5m' (column 9) is not a time (1790000000.5, 2026-11-21T10:00:00Z)"},
		{"rtt_ns > 1.5",
		 "'1.5' (column 10) is not a duration (a number of ns, 5ms, 1h30m)"},
		{"truncated == yes", "'yes' (column 14) is not true or false"},
		{"truncated > true", "'true' (column 13): true and false have no order"},
		{"uuid == 1234", "'1234' (column 9) is not a UUID"},
		{"vlan contains 5", "'contains' (column 6) needs a field with text on its left"},
		{"ab_bytes > start",
		 "'start' (column 12) is of another kind than what it is compared with"},
		{"vlan & 0", "a mask of 0 is never true"},
		{"delta & 1", "syntax error at '&' (column 7)"},
		{"vlan == \"5\\x00\"", "'\"5\\x00\"' (column 9) is not a number (10 or 0xa)"},
		{"vlan == 5 \001", "syntax error at '\\x01' (column 11)"},
	};
	struct where *w;
	struct err err;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		if (where_new(&w, cases[i].expr, &schema, &err) == 0)
			fail_msg("'%s' was accepted", cases[i].expr);
		if (strcmp(err.text, cases[i].error) != 0)
			fail_msg("'%s': %s", cases[i].expr, err.text);
	}
}

static void limits(void **state)
{
	char *text = malloc(WHERE_TEXT_MAX + 2);
	struct where *w;
	struct err err;
	size_t i, n;

	(void)state;
	assert_non_null(text);
	memset(text, ' ', WHERE_TEXT_MAX + 1);
	text[WHERE_TEXT_MAX + 1] = '\0';
	assert_int_not_equal(where_new(&w, text, &schema, &err), 0);
	assert_string_equal(err.text, "the expression has 65537 bytes, more than 65536");
	text[WHERE_TEXT_MAX] = '\0';
	assert_int_equal(where_new(&w, text, &schema, &err), 0);
	where_free(w);

	n = WHERE_DEPTH_MAX;
	memset(text, '(', n);
	memcpy(text + n, "vlan", 4);
	memset(text + n + 4, ')', n);
	text[n + 4 + n] = '\0';
	assert_int_equal(where_new(&w, text, &schema, &err), 0);
	where_free(w);
	memset(text, '!', n + 1);
	memcpy(text + n + 1, "vlan", 5);
	assert_int_not_equal(where_new(&w, text, &schema, &err), 0);
	assert_string_equal(err.text, "nested more than 128 deep (column 129)");

	for (i = n = 0; i < WHERE_TESTS_MAX; i++)
		n += (size_t)sprintf(text + n, "vlan or ");
	strcpy(text + n - 4, "");
	assert_int_equal(where_new(&w, text, &schema, &err), 0);
	where_free(w);
	strcpy(text + n - 4, " or vlan");
	assert_int_not_equal(where_new(&w, text, &schema, &err), 0);
	assert_string_equal(err.text, "more than 4096 comparisons");
	free(text);
}

/* Only the columns that are said to be needed are looked at. */
static void needs_its_fields_only(void **state)
{
	CLEANUP(batch_freep) struct batch *b = NULL;
	CLEANUP(where_freep) struct where *w = NULL;
	struct field_set want = {{0}};
	uint64_t sel[BATCH_ROWS / 64];
	size_t i, n = 0;

	(void)state;
	assert_int_equal(where_new(&w, "tcp.port == 80 and ab_bytes > ba_bytes", &schema, NULL), 0);
	where_fields(w, &want);
	for (i = 0; i < SCHEMA_FIELDS_MAX; i++)
		n += field_set_has(&want, i);
	assert_int_equal(n, 5);
	assert_true(field_set_has(&want, TRANSPORT_A) && field_set_has(&want, TRANSPORT_B) &&
		    field_set_has(&want, TRANSPORT_PROTOCOL) && field_set_has(&want, AB_BYTES) &&
		    field_set_has(&want, BA_BYTES));

	assert_int_equal(batch_new(&b, &schema, &want), 0);
	b->n = BATCH_ROWS;
	for (i = 0; i < BATCH_ROWS; i++) {
		put_str(b, TRANSPORT_PROTOCOL, i, i % 2 ? "TCP" : "UDP");
		put_u64(b, TRANSPORT_B, i, 80);
		put_u64(b, AB_BYTES, i, i);
		put_u64(b, BA_BYTES, i, 500);
	}
	memset(sel, 0xff, sizeof(sel));
	sel[10] = 0; /* rows 640 to 703 are out already */
	assert_int_equal(where_run(w, b, sel, NULL), 0);
	for (i = 0; i < BATCH_ROWS; i++)
		assert_int_equal(sel[i / 64] >> i % 64 & 1,
				 i % 2 && i > 500 && (i < 640 || i > 703));

	/* a column that is not there is absent everywhere */
	free(b->cols[TRANSPORT_PROTOCOL]->v.any);
	free(b->cols[TRANSPORT_PROTOCOL]);
	b->cols[TRANSPORT_PROTOCOL] = NULL;
	memset(sel, 0xff, sizeof(sel));
	assert_int_equal(where_run(w, b, sel, NULL), 0);
	for (i = 0; i < BATCH_ROWS / 64; i++)
		assert_int_equal(sel[i], 0);
}

/* A schema that has less: addresses tell their family themselves, the protocol
 * stands elsewhere, layers have no path. */
static void foreign_names_in_a_small_schema(void **state)
{
	static const struct field few[] = {
		FIELD(0, "network_a", "a", VAL_ADDR, ""),
		FIELD(1, "transport_a", "b", VAL_U64, ""),
		FIELD(2, "protocol", "c", VAL_STR, ""),
	};
	static const struct schema small = {few, COUNT(few), NULL, 0};
	static const struct {
		const char *expr, *rows; /* NULL: no such field */
	} cases[] = {
		{"ip.addr", "101"},
		{"ip.addr != 10.0.0.1", "001"},
		{"ipv6.addr", "010"},
		{"tcp.port == 80", "110"},
		{"udp.port == 80", "001"},
		{"tcp", "110"},
		{"udp and ip.src", "001"},
		{"dns", NULL},
		{"eth.addr == 1:2:3:4:5:6", NULL},
		{"tcp.dstport == 80", NULL},
	};
	CLEANUP(batch_freep) struct batch *b = NULL;
	struct field_set all;
	size_t i, j;

	(void)state;
	memset(&all, 0xff, sizeof(all));
	assert_int_equal(batch_new(&b, &small, &all), 0);
	b->n = 3;
	put_addr(b, 0, 0, "10.0.0.1");
	put_addr(b, 0, 1, "2001:db8::1");
	put_addr(b, 0, 2, "10.0.0.2");
	for (i = 0; i < 3; i++) {
		put_u64(b, 1, i, 80);
		put_str(b, 2, i, i < 2 ? "TCP" : "UDP");
	}
	for (i = 0; i < COUNT(cases); i++) {
		CLEANUP(where_freep) struct where *w = NULL;
		uint64_t sel[BATCH_ROWS / 64];
		int r = where_new(&w, cases[i].expr, &small, NULL);

		if (!cases[i].rows) {
			assert_int_equal(r, -EINVAL);
			continue;
		}
		assert_int_equal(r, 0);
		memset(sel, 0xff, sizeof(sel));
		assert_int_equal(where_run(w, b, sel, NULL), 0);
		for (j = 0; j < b->n; j++)
			if ((sel[0] >> j & 1) != (cases[i].rows[j] == '1'))
				fail_msg("'%s'", cases[i].expr);
	}
}

static void prints(void **state)
{
	static const struct {
		const char *expr, *text;
	} cases[] = {
		{"", ""},
		{"vlan", "vlan"},
		{" vlan==5&&tcp||!(udp) ", "((vlan==5 and tcp) or not udp)"},
		{"not (vlan or tcp) and vlan in {1 , 2..3} and vlan not in {7}",
		 "(not (vlan or tcp) and vlan in {1 , 2..3} and vlan not in {7})"},
		{"vlan & 3 != 1 or application matches \"a b\"",
		 "(vlan & 3 != 1 or application matches \"a b\")"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		CLEANUP(where_freep) struct where *w = NULL;
		CLEANUP(buf_done) struct buf b = BUF_INIT;

		assert_int_equal(where_new(&w, cases[i].expr, &schema, NULL), 0);
		where_print(w, &b);
		assert_string_equal(buf_str(&b), cases[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_with_tshark),
		cmocka_unit_test(values),
		cmocka_unit_test(rejects),
		cmocka_unit_test(limits),
		cmocka_unit_test(needs_its_fields_only),
		cmocka_unit_test(foreign_names_in_a_small_schema),
		cmocka_unit_test(prints),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
