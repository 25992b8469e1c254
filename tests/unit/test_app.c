/* Recognition of applications.  The samples are made by tests/data/make_app.py
 * and what they are is confirmed by tshark (make_app.py --check). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/app.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

enum {
	TCP = 6,
	UDP = 17,
	SCTP = 132,
};

struct sample {
	enum app app;
	uint8_t proto;
	uint16_t sport, dport;
	uint32_t len;
	const char *name; /* server name or host, "": none */
	uint32_t quic_version;
	bool anywhere; /* recognised on any port */
	const char *data;
};

static const struct sample samples[] = {
#include "app_samples.def"
};

/* A copy of exactly 'len' bytes, so that the sanitizers see a read behind it. */
static uint8_t *exact(const void *p, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	assert_non_null(copy);
	memcpy(copy, p, len);
	return copy;
}

static const char *sample_text(const struct sample *s, char ret[64])
{
	snprintf(ret, 64, "sample %zu (%s, %u > %u)", (size_t)(s - samples), app_name(s->app),
		 s->sport, s->dport);
	return ret;
}

/* Google's QUIC sent its first message in the clear up to Q046. */
static bool sealed(const struct sample *s)
{
	return s->app == APP_QUIC && s->quic_version && s->quic_version != 0x51303433; /* "Q043" */
}

static void names_are_complete_and_unique(void **state)
{
	unsigned i, k;

	(void)state;
	assert_string_equal(app_name(APP_NONE), "");
	assert_string_equal(app_name(APP_MAX), "");
	assert_string_equal(app_name(UINT32_MAX), "");
	assert_string_equal(app_name(APP_DHCPV4), "DHCPv4");
	for (i = 1; i < APP_MAX; i++) {
		assert_true(strlen(app_name(i)) > 1);
		for (k = 1; k < i; k++)
			assert_string_not_equal(app_name(i), app_name(k));
	}
}

/* Ids reach stored segments: these are the first and, today, the last. */
static void ids_are_stable(void **state)
{
	(void)state;
	assert_int_equal(APP_DNS, 1);
	assert_int_equal(APP_TLS, 3);
	assert_int_equal(APP_QUIC, 4);
	assert_int_equal(APP_BGP, 13);
	assert_int_equal(APP_NATS, 68);
	assert_int_equal(APP_NAT_PMP, 140);
}

static void every_port_is_found(void **state)
{
	static const struct {
		uint8_t proto;
		uint16_t port;
		enum app app;
	} ports[] = {
#define PORT(proto, port, sym) {proto, port, APP_##sym},
#include "net/app_ports.def"
#undef PORT
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(ports); i++) {
		assert_int_equal(app_from_port(ports[i].proto, 65000, ports[i].port), ports[i].app);
		assert_int_equal(app_from_port(ports[i].proto, ports[i].port, 65000), ports[i].app);
		if (i) /* the search needs them sorted */
			assert_true((ports[i - 1].proto << 16 | ports[i - 1].port) <
				    (ports[i].proto << 16 | ports[i].port));
	}
}

/* IANA's service names and port numbers. */
static void ports_by_protocol_and_order(void **state)
{
	(void)state;
	assert_int_equal(app_from_port(TCP, 50000, 443), APP_TLS);
	assert_int_equal(app_from_port(UDP, 50000, 443), APP_QUIC);
	assert_int_equal(app_from_port(UDP, 68, 67), APP_DHCPV4);
	assert_int_equal(app_from_port(TCP, 80, 8080), APP_HTTP);
	assert_int_equal(app_from_port(TCP, 443, 22), APP_SSH); /* the lower one first */
	assert_int_equal(app_from_port(TCP, 22, 443), APP_SSH);
	assert_int_equal(app_from_port(TCP, 1, 443), APP_TLS); /* the higher one if alone */
	assert_int_equal(app_from_port(SCTP, 36412, 36412), APP_S1AP);
	assert_int_equal(app_from_port(TCP, 50000, 50001), APP_NONE);
	assert_int_equal(app_from_port(TCP, 0, 0), APP_NONE);
	assert_int_equal(app_from_port(TCP, 65535, 65535), APP_NONE);
	assert_int_equal(app_from_port(1, 8, 53), APP_NONE);
	assert_int_equal(app_from_port(33, 53, 53), APP_NONE);
}

static void check_sample(const struct sample *s, uint16_t sport, uint16_t dport)
{
	uint8_t *p = exact(s->data, s->len);
	struct app_info info;
	char text[64];
	enum app app;
	bool quic_crypt = sealed(s);

	app = app_from_payload(s->proto, sport, dport, p, s->len, &info);
	if (app != s->app)
		fail_msg("%s: taken for '%s'", sample_text(s, text), app_name(app));
	assert_int_equal(app_from_payload(s->proto, sport, dport, p, s->len, NULL), s->app);
	assert_int_equal(info.quic_version, s->quic_version);
	if (*s->name && !quic_crypt) {
		if (info.name_len != strlen(s->name) ||
		    memcmp(info.name, s->name, info.name_len) != 0)
			fail_msg("%s: name '%.*s'", sample_text(s, text), info.name_len,
				 info.name ? (const char *)info.name : "");
	} else {
		assert_null(info.name);
		assert_int_equal(info.name_len, 0);
	}
	free(p);
}

static void samples_are_recognised_in_both_directions(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(samples); i++) {
		check_sample(&samples[i], samples[i].sport, samples[i].dport);
		check_sample(&samples[i], samples[i].dport, samples[i].sport);
	}
}

static void strict_samples_need_no_port(void **state)
{
	size_t i, strict = 0;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(samples); i++) {
		if (!samples[i].anywhere)
			continue;
		check_sample(&samples[i], 40002, 50004);
		strict++;
	}
	assert_true(strict > 100);
}

/* A part of a payload is the same protocol or none, and never more is read
 * than there is. */
static void cut_samples_are_the_same_or_nothing(void **state)
{
	struct app_info info;
	char text[64], name[APP_NAME_SIZE];
	size_t i;
	uint32_t n;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(samples); i++) {
		const struct sample *s = &samples[i];

		for (n = 0; n < s->len; n++) {
			uint8_t *p = exact(s->data, n);
			enum app app = app_from_payload(s->proto, s->sport, s->dport, p, n, &info);

			if (app && app != s->app)
				fail_msg("%s cut to %u: taken for '%s'", sample_text(s, text), n,
					 app_name(app));
			if (info.name && (info.name < p || info.name + info.name_len > p + n))
				fail_msg("%s cut to %u: name outside", sample_text(s, text), n);
			if (n < 200 || n + 4 > s->len)
				app_quic_name(p, n, name);
			free(p);
		}
	}
}

struct rng {
	uint64_t s;
};

static uint64_t rng_next(struct rng *r) /* xorshift64* */
{
	r->s ^= r->s >> 12;
	r->s ^= r->s << 25;
	r->s ^= r->s >> 27;
	return r->s * UINT64_C(2685821657736338717);
}

static void rng_fill(struct rng *r, uint8_t *p, uint32_t len)
{
	uint32_t i;

	for (i = 0; i < len; i += 8) {
		uint64_t v = rng_next(r);

		memcpy(p + i, &v, len - i < 8 ? len - i : 8);
	}
}

/* A million payloads of noise: fewer than ten may pass any one recogniser.
 * Half of them are short, where structure has least to check. */
static void noise_is_not_recognised(void **state)
{
	enum {
		ROUNDS = 1000000,
		MTU = 1472,
	};
	static const uint8_t protos[] = {TCP, UDP, TCP, UDP, SCTP};
	unsigned hits[APP_MAX] = {0}, i;
	struct rng r = {UINT64_C(88172645463325252)};

	(void)state;
	for (i = 0; i < ROUNDS; i++) {
		uint32_t len = 1 + (uint32_t)(rng_next(&r) >> 32) % (i & 1 ? MTU : 64);
		uint16_t sport = (uint16_t)(49152 + rng_next(&r) % 2000);
		uint8_t *p = malloc(len);

		assert_non_null(p);
		rng_fill(&r, p, len);
		hits[app_from_payload(protos[i % 5], sport, 60000, p, len, NULL)]++;
		free(p);
	}
	for (i = 1; i < APP_MAX; i++)
		if (hits[i] >= ROUNDS / 100000)
			fail_msg("%s recognised %u times in noise", app_name(i), hits[i]);
	assert_true(hits[0] >= ROUNDS - 40);
}

/* Payloads that differ from a real one in what makes it one. */
static void near_misses_are_nothing(void **state)
{
	static const struct {
		uint8_t proto;
		uint16_t port;
		const char *data;
		uint32_t len;
	} rows[] = {
#define ROW(proto, port, text) {proto, port, text, sizeof(text) - 1}
		ROW(TCP, 80, "GET\r\n"),
		ROW(TCP, 80, "GET / HTTP/2.7\r\n"),
		ROW(TCP, 80, "GET /\1 HTTP/1.1\r\n"),
		ROW(TCP, 80, "GETT /index.html"), /* cut, and no known method */
		ROW(TCP, 80, "HTTP/1.1 abc"),
		ROW(TCP, 80, "HTTP/1.1 20"),
		ROW(UDP, 5060, "INVITE bob SIP/3.0\r\n"),
		ROW(TCP, 22, "SSH-3.0-x\r\n"),
		ROW(TCP, 443, "\x16\x03\x01\x00\x02\x01\x00\x00\x00"), /* hello without a body */
		ROW(TCP, 443, "\x16\x03\x07\x00\x40\x01\x00\x00\x3c\x03\x03"), /* no such version */
		ROW(TCP, 443, "\x17\x03\x03\xff\xff\x00\x00\x00"),             /* record too long */
		ROW(TCP, 443, "\x15\x03\x03\x00\x02\x07\x00"), /* no such alert level */
		ROW(TCP, 179,
		    "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe\x00\x13\x04"),
		ROW(TCP, 179,
		    "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00\x12\x04"),
		ROW(TCP, 179,
		    "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00\x13\x06"),
		/* DNS: a label of 64, two questions, a response code in a query, class 9 */
		ROW(UDP, 53,
		    "\0\1\1\0\0\1\0\0\0\0\0\0\x40"
		    "abcd\0\0\1\0\1"),
		ROW(UDP, 53, "\0\1\1\0\0\2\0\0\0\0\0\0\1a\0\0\1\0\1\1b\0\0\1\0\1"),
		ROW(UDP, 53, "\0\1\1\3\0\1\0\0\0\0\0\0\1a\0\0\1\0\1"),
		ROW(UDP, 53, "\0\1\1\0\0\1\0\0\0\0\0\0\1a\0\0\1\0\x09"),
		/* QUIC: unknown version; connection id of 21 bytes */
		ROW(UDP, 443, "\xc0\xde\xad\xbe\xef\x08\1\2\3\4\5\6\7\x08\0\0\0\0\0\0\0"),
		ROW(UDP, 443,
		    "\xc0\0\0\0\1\x15\1\2\3\4\5\6\7\x08\1\2\3\4\5\6\7\x08\1\2\3\4\5\0\0\0\0"),
		ROW(UDP, 443, "\x80\0\0\0\0\0\0\xde\xad\xbe\xef"), /* negotiates nothing known */
		/* SNMP: version 2, and a PDU that is none */
		ROW(UDP, 161, "\x30\x1a\2\1\2\4\6public\xa0\x0d\2\1\7\2\1\0\2\1\0\x30\2\x05\0"),
		ROW(UDP, 161, "\x30\x1a\2\1\1\4\6public\x30\x0d\2\1\7\2\1\0\2\1\0\x30\2\x05\0"),
		ROW(UDP, 1812,
		    "\1\3\0\x16"
		    "0123456789abcdef\1\1"),                     /* attribute of one byte */
		ROW(TCP, 502, "\0\1\0\1\0\6\1\3\0\0\0\x0a"),     /* another protocol than Modbus */
		ROW(TCP, 20000, "\5\x64\5\xc0\1\0\0\4\xe9\x22"), /* DNP3 with a wrong checksum */
		ROW(TCP, 3306,
		    "\x0a\0\0\0\x0a"
		    "8.0\0"), /* length beyond the packet */
		ROW(UDP, 69, "\0\1name\0oktet\0"),
#undef ROW
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		uint8_t *p = exact(rows[i].data, rows[i].len);
		enum app app =
			app_from_payload(rows[i].proto, 50000, rows[i].port, p, rows[i].len, NULL);

		if (app)
			fail_msg("row %zu taken for '%s'", i, app_name(app));
		free(p);
	}
}

static void check_host(const char *field, const char *expected)
{
	struct app_info info;
	char text[1024];
	int n = snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nA: b\r\n%s\r\n\r\n", field);

	assert_int_equal(app_from_payload(TCP, 50000, 80, (uint8_t *)text, (uint32_t)n, &info),
			 APP_HTTP);
	if (!expected) {
		assert_null(info.name);
		return;
	}
	assert_int_equal(info.name_len, strlen(expected));
	assert_memory_equal(info.name, expected, info.name_len);
}

static void host_names(void **state)
{
	char field[600], name[300];

	(void)state;
	check_host("Host: a.example", "a.example");
	check_host("HOST:a.example:8080", "a.example");
	check_host("host:\t a.example:  ", "a.example"); /* RFC 3986 3.2.3: a port may be empty */
	check_host("Host: [2001:db8::1]", "[2001:db8::1]");
	check_host("Host: ", NULL);
	check_host("Host: a b", NULL);
	check_host("Host: a\x80"
		   "b",
		   NULL);
	check_host("X-Host: a.example", NULL);
	check_host("Hostess: a.example", NULL);
	check_host("\r\nHost: in.the.body", NULL);

	memset(name, 'a', 255);
	name[255] = '\0';
	snprintf(field, sizeof(field), "Host: %s", name);
	check_host(field, name);
	name[255] = 'a';
	name[256] = '\0';
	snprintf(field, sizeof(field), "Host: %s", name);
	check_host(field, NULL);
}

/* The value ends where the segment does: it may go on in the next. */
static void cut_host_is_no_name(void **state)
{
	static const char text[] = "GET / HTTP/1.1\r\nHost: www.exam";
	struct app_info info;

	(void)state;
	assert_int_equal(
		app_from_payload(TCP, 50000, 80, (const uint8_t *)text, sizeof(text) - 1, &info),
		APP_HTTP);
	assert_null(info.name);
}

static void other_protocols_are_left_alone(void **state)
{
	static const char text[] = "GET / HTTP/1.1\r\n\r\n";
	unsigned proto;

	(void)state;
	for (proto = 0; proto < 256; proto++)
		if (proto != TCP && proto != UDP && proto != SCTP)
			assert_int_equal(app_from_payload((uint8_t)proto, 50000, 80,
							  (const uint8_t *)text, sizeof(text) - 1,
							  NULL),
					 APP_NONE);
	assert_int_equal(app_from_payload(TCP, 50000, 80, (const uint8_t *)text, 0, NULL),
			 APP_NONE);
	assert_int_equal(app_from_payload(TCP, 50000, 80, NULL, 0, NULL), APP_NONE);
}

static void quic_names(void **state)
{
	char name[APP_NAME_SIZE], text[64];
	size_t i, n_sealed = 0;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(samples); i++) {
		const struct sample *s = &samples[i];
		uint8_t *p = exact(s->data, s->len);
		bool crypt = sealed(s);
		uint32_t n;

		memset(name, 'x', sizeof(name));
		n = app_quic_name(p, s->len, name);
		assert_int_equal(n, strlen(name));
		if (strcmp(name, crypt ? s->name : "") != 0)
			fail_msg("%s: name '%s'", sample_text(s, text), name);
		n_sealed += crypt;
		free(p);
	}
	assert_true(n_sealed >= 11);
}

/* The packet is authenticated: one changed bit anywhere in it, and nothing is
 * believed.  Only the bits that are not used may change: none in an Initial. */
static void damaged_quic_gives_no_name(void **state)
{
	char name[APP_NAME_SIZE];
	size_t i;
	uint32_t n;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(samples); i++) {
		const struct sample *s = &samples[i];
		uint8_t *p;

		if (s->quic_version != 1 || strcmp(s->name, "example.com") != 0)
			continue;
		p = exact(s->data, s->len);
		for (n = 0; n < s->len; n += n < 64 ? 1 : 37) {
			p[n] ^= 0x10;
			assert_int_equal(app_quic_name(p, s->len, name), 0);
			p[n] ^= 0x10;
		}
		assert_int_equal(app_quic_name(p, s->len, name), 11);
		free(p);
		return;
	}
	fail_msg("no sample");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_complete_and_unique),
		cmocka_unit_test(ids_are_stable),
		cmocka_unit_test(every_port_is_found),
		cmocka_unit_test(ports_by_protocol_and_order),
		cmocka_unit_test(samples_are_recognised_in_both_directions),
		cmocka_unit_test(strict_samples_need_no_port),
		cmocka_unit_test(cut_samples_are_the_same_or_nothing),
		cmocka_unit_test(noise_is_not_recognised),
		cmocka_unit_test(near_misses_are_nothing),
		cmocka_unit_test(host_names),
		cmocka_unit_test(cut_host_is_no_name),
		cmocka_unit_test(other_protocols_are_left_alone),
		cmocka_unit_test(quic_names),
		cmocka_unit_test(damaged_quic_gives_no_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
