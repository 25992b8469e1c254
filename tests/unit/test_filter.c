/* Accept and apply: what tcpdump makes of the expressions, in tests/filter.
 * Reject: the causes and words are libpcap 1.10's, the columns counted by hand.
 *
 * Nothing here may look up the name of a host: the resolver's functions are
 * replaced by ones that fail the test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <pcap/pcap.h>

#include "base/cleanup.h"
#include "filter/cbpf.h"
#include "filter/filter.h"
#include "../filter/accept.inc"
#include "../filter/apply.inc"
#include "../filter/no_lookups.h"
#include "rnd.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void rejects(void **state)
{
	static const struct {
		const char *expr, *error;
	} cases[] = {
		{"tcp prot 80", "syntax error at 'prot' (column 5)"},
		{"foo", "syntax error at 'foo' (column 1)"},
		{"tcp and foo", "syntax error at 'foo' (column 9)"},
		{"port", "syntax error at the end (column 5)"},
		{"  tcp  and  ", "syntax error at the end (column 11)"},
		{"(tcp", "syntax error at the end (column 5)"},
		{"tcp)", "syntax error at ')' (column 4)"},
		{"and", "syntax error at 'and' (column 1)"},
		{"=", "syntax error at '=' (column 1)"},
		{"1.2.3.4", "syntax error at '1.2.3.4' (column 1)"},
		{"tcp and 5 and udp", "syntax error at '5' (column 9)"},
		{"tcp or udp or type mgt an ip", "syntax error at 'an' (column 24)"},
		{"type mgt an tcp", "syntax error at 'an' (column 10)"},
		{"tcp \303\251", "syntax error at '\303\251' (column 5)"},
		{"\303\274ber", "syntax error at '\303\274' (column 1)"},
		{"port 80 and\thost 1.2.3.4 und tcp", "syntax error at 'und' (column 26)"},
		{"icmp[icmp-foo] = 1", "syntax error at 'icmp-foo' (column 6)"},
		{"net 1.2.3.0 mask foo", "syntax error at 'foo' (column 18)"},
		{"ip[0] =", "syntax error at the end (column 8)"},
		{"tcp\001", "syntax error at '\\x01' (column 4)"},
		/* names */
		{"host example.org",
		 "host name 'example.org' (column 6): names are not resolved, give its address"},
		{"src example.org",
		 "host name 'example.org' (column 5): names are not resolved, give its address"},
		{"tcp and (dst host a.b or c)",
		 "host name 'a.b' (column 19): names are not resolved, give its address"},
		{"tcp host foo",
		 "host name 'foo' (column 10): names are not resolved, give its address"},
		{"ip6 host foo",
		 "host name 'foo' (column 10): names are not resolved, give its address"},
		{"ether host foo",
		 "host name 'foo' (column 12): names are not resolved, give its address"},
		{"ether host \\foo",
		 "host name '\\foo' (column 12): names are not resolved, give its address"},
		{"wlan ra foo",
		 "host name 'foo' (column 9): names are not resolved, give its address"},
		{"host 1.2.3.4 or foo",
		 "host name 'foo' (column 17): names are not resolved, give its address"},
		{"host 1.2.3.4 && ! foo",
		 "host name 'foo' (column 19): names are not resolved, give its address"},
		{"port 80 and (host 1.2.3.4 or foo) and http",
		 "host name 'foo' (column 30): names are not resolved, give its address"},
		{"net foo",
		 "network name 'foo' (column 5): names are not resolved, give its address"},
		{"src or dst net foo",
		 "network name 'foo' (column 16): names are not resolved, give its address"},
		{"gateway foo",
		 "'gateway' (column 1) goes by host names, and names are not resolved"},
		{"port foo", "unknown port 'foo' (column 6)"},
		{"port 80 or foo", "unknown port 'foo' (column 12)"},
		{"ip proto foo", "unknown ip proto 'foo' (column 10)"},
		{"ether proto foo", "unknown ether proto 'foo' (column 13)"},
		{"proto 6 or foo", "unknown ip proto 'foo' (column 12)"},
		{"wlan type foo", "unknown 802.11 type name \"foo\" (column 11)"},
		{"llc foo", "unknown LLC type name \"foo\" (column 5)"},
		/* values */
		{"host 999.1.1.1 and tcp", "invalid IPv4 address '999.1.1.1' (column 6)"},
		{"tcp and net 10.0.0.1/8", "non-network bits set in \"10.0.0.1/8\" (column 13)"},
		{"host 1:2:3:4 and tcp", "bogus ethernet address 1:2:3: (column 6)"},
		{"port 70000", "illegal port number 70000 > 65535 (column 6)"},
		{"vlan 5000 and tcp", "VLAN tag 5000 greater than maximum 4095 (column 6)"},
		{"host 99999999999", "number 99999999999 overflows 32 bits (column 6)"},
		{"ip[0:3] = 1", "data size must be 1, 2, or 4 at '3' (column 6)"},
		{"tcp[0] << 33 = 5", "shift by more than 31 bits at '33' (column 11)"},
		{"tcp host 1.2.3.4", "'tcp' modifier applied to host (column 1)"},
		{"tcp and udp", "the expression can match no packet"},
	};
	struct filter *f;
	struct err err;
	size_t i;

	(void)state;
	if (strncmp(pcap_lib_version(), "libpcap version 1.10.", 21) != 0)
		skip();
	for (i = 0; i < COUNT(cases); i++) {
		if (filter_new(&f, cases[i].expr, &err) == 0)
			fail_msg("'%s' was accepted", cases[i].expr);
		if (strcmp(err.text, cases[i].error) != 0)
			fail_msg("'%s': %s", cases[i].expr, err.text);
	}
	assert_int_equal(lookups, 0);
}

/* What makes sense for some link types only. */
static void rejects_by_link_type(void **state)
{
	static const struct {
		const char *expr;
		uint16_t linktype;
		const char *error; /* NULL: fine */
	} cases[] = {
		{"wlan type mgt", 105, NULL},
		{"wlan type mgt", 1,
		 "for link type Ethernet: 802.11 link-layer types supported only on 802.11 at "
		 "'mgt' "
		 "(column 11)"},
		{"ether host 0:0:5e:0:53:1", 1, NULL},
		{"ether host 0:0:5e:0:53:1", 101,
		 "for link type Raw IP: ethernet addresses supported only on ethernet/FDDI/token "
		 "ring/802.11/ATM LANE/Fibre Channel at '0:0:5e:0:53:1' (column 12)"},
		{"tcp and inbound", 113, NULL},
		{"tcp and inbound", 1,
		 "for link type Ethernet: inbound/outbound not supported on Ethernet when reading "
		 "savefiles (column 9)"},
		{"ifindex 3", 276, NULL},
		{"vlan", 101,
		 "for link type Raw IP: no VLAN support for Raw IP at 'vlan' (column 1)"},
		{"arp", 1, NULL},
	};
	size_t i;

	(void)state;
	if (strncmp(pcap_lib_version(), "libpcap version 1.10.", 21) != 0)
		skip();
	for (i = 0; i < COUNT(cases); i++) {
		CLEANUP(filter_freep) struct filter *f = NULL;
		static const uint8_t frame[64];
		struct err err = {0};

		if (filter_new(&f, cases[i].expr, &err) < 0)
			fail_msg("'%s': %s", cases[i].expr, err.text);
		if (filter_prepare(f, cases[i].linktype, &err) == 0) {
			assert_null(cases[i].error);
			continue;
		}
		if (!cases[i].error || strcmp(err.text, cases[i].error) != 0)
			fail_msg("'%s': %s", cases[i].expr, err.text);
		assert_false(
			filter_match(f, cases[i].linktype, frame, sizeof(frame), sizeof(frame)));
	}
}

static void accepts_names_that_need_no_resolver(void **state)
{
	static const char *const cases[] = {
		"port http",
		"tcp port http or https",
		"port 80 or domain",
		"portrange ftp-http",
		"ip proto \\tcp",
		"proto \\tcp or \\udp or 47",
		"ip6 proto ipv6-icmp",
		"ether proto \\arp",
		"port 80 and (host 1.2.3.4) and http",
		"host 1.2.3.4 or 2001:db8::1",
		"host 1.2.3.4 and port ssh or domain",
		"wlan subtype beacon",
		"llc rnr",
		"iso proto \\esis",
		"ether host 00:00:5e:00:53:01",
		"on en0",
		"action pass and reason match",
		"net 10",
		"host 1.2.3.4 and not tcp",
		"src 10.1 and dst net 192.0.2.0 mask 255.255.255.0",
		"port http and not (ftp or ftp-data)",
		"net 2001:db8::/32 or ::1",
	};
	struct err err;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		CLEANUP(filter_freep) struct filter *f = NULL;

		if (filter_new(&f, cases[i], &err) < 0)
			fail_msg("'%s': %s", cases[i], err.text);
		assert_string_equal(filter_text(f), cases[i]);
	}
	assert_int_equal(lookups, 0);
}

/* The watch itself works. */
static void lookups_would_be_seen(void **state)
{
	struct bpf_program prog;
	pcap_t *p = pcap_open_dead(DLT_EN10MB, 262144);

	(void)state;
	assert_int_equal(pcap_compile(p, &prog, "host host.invalid", 1, PCAP_NETMASK_UNKNOWN), -1);
	pcap_close(p);
	assert_int_equal(lookups, 1);
	lookups = 0;
}

/* A loopback header is in the order of the host that wrote it: AF_INET is 2. */
static void loopback_of_both_orders(void **state)
{
	static const uint8_t little[] = {2, 0, 0, 0, 0x45}, big[] = {0, 0, 0, 2, 0x45};
	static const uint8_t big6[] = {0, 0, 0, 30, 0x60}, other[] = {0, 0, 0, 3, 0x45};
	CLEANUP(filter_freep) struct filter *f = NULL, *f6 = NULL;
	static const uint16_t linktypes[] = {0, 109};
	size_t i;

	(void)state;
	assert_int_equal(filter_new(&f, "ip", NULL), 0);
	assert_int_equal(filter_new(&f6, "ip6", NULL), 0);
	for (i = 0; i < COUNT(linktypes); i++) {
		uint16_t l = linktypes[i];

		assert_true(filter_match(f, l, little, sizeof(little), sizeof(little)));
		assert_true(filter_match(f, l, big, sizeof(big), sizeof(big)));
		assert_true(filter_match(f6, l, big6, sizeof(big6), sizeof(big6)));
		assert_false(filter_match(f, l, big6, sizeof(big6), sizeof(big6)));
		assert_false(filter_match(f, l, other, sizeof(other), sizeof(other)));
		assert_false(filter_match(f, l, big, 3, sizeof(big)));
	}
	assert_true(filter_match(f, 108, big, sizeof(big), sizeof(big)));
	assert_false(filter_match(f, 108, little, sizeof(little), sizeof(little)));
}

static void files(void **state)
{
	char path[] = "/tmp/test_filter.XXXXXX", expr[64], want[256];
	int fd = mkstemp(path);
	struct filter *f;
	struct err err;

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	assert_int_not_equal(filter_new(&f, path, &err), 0);
	snprintf(want, sizeof(want),
		 "syntax error at '/' (column 1); '%s' is a file: give it with -r", path);
	assert_string_equal(err.text, want);
	snprintf(expr, sizeof(expr), "tcp and host %s", path + 5);
	assert_int_equal(chdir("/tmp"), 0);
	assert_int_not_equal(filter_new(&f, expr, &err), 0);
	snprintf(want, sizeof(want),
		 "host name '%s' (column 14): names are not resolved, give its address; '%s' is a "
		 "file: give it with -r",
		 path + 5, path + 5);
	assert_string_equal(err.text, want);
	unlink(path);
}

static void limits(void **state)
{
	char *text = malloc(FILTER_TEXT_MAX + 2);
	struct filter *f;
	struct err err;
	size_t i, n = 0;

	(void)state;
	assert_non_null(text);
	memset(text, ' ', FILTER_TEXT_MAX + 1);
	text[FILTER_TEXT_MAX + 1] = '\0';
	assert_int_not_equal(filter_new(&f, text, &err), 0);
	assert_string_equal(err.text, "the expression has 65537 bytes, more than 65536");
	text[FILTER_TEXT_MAX] = '\0';
	assert_int_equal(filter_new(&f, text, &err), 0);
	filter_free(f);

	for (i = 0; i < FILTER_WORDS_MAX - 1; i++)
		text[n++] = '!';
	sprintf(text + n, "tcp");
	assert_int_not_equal(filter_new(&f, text, &err), 0);
	assert_string_equal(err.text,
			    "memory exhausted at '!' (column 9998)"); /* of libpcap's parser */
	sprintf(text + n, "!tcp");
	assert_int_not_equal(filter_new(&f, text, &err), 0);
	assert_string_equal(err.text, "the expression has more than 32768 words");
	free(text);
}

static void empty(void **state)
{
	static const char *const cases[] = {"", " ", "\t\n"};
	size_t i, n;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		CLEANUP(filter_freep) struct filter *f = NULL;

		assert_int_equal(filter_new(&f, cases[i], NULL), 0);
		assert_true(filter_match(f, 1, NULL, 0, 0));
		assert_true(filter_match(f, 65535, (const uint8_t *)"", 0, 60));
		assert_int_equal(filter_prepare(f, 1, NULL), 0);
		assert_null(filter_code(f, 1, &n));
	}
}

/* The exact code, which depends on libpcap's optimiser. */
static void accepts(void **state)
{
	size_t i, j, n;

	(void)state;
	if (strncmp(pcap_lib_version(), "libpcap version 1.10.3", 22) != 0)
		skip();
	for (i = 0; i < COUNT(accept_table); i++) {
		CLEANUP(filter_freep) struct filter *f = NULL;
		const struct cbpf_insn *code;
		const char *p = accept_table[i].code;
		struct err err = {0};

		if (filter_new(&f, accept_table[i].expr, &err) < 0 ||
		    filter_prepare(f, accept_table[i].linktype, &err) < 0)
			fail_msg("'%s': %s", accept_table[i].expr, err.text);
		code = filter_code(f, accept_table[i].linktype, &n);
		for (j = 0; j < n; j++) {
			unsigned op, jt, jf, k;
			int used;

			assert_int_equal(sscanf(p, "%u %u %u %u%n", &op, &jt, &jf, &k, &used), 4);
			if (code[j].code != op || code[j].jt != jt || code[j].jf != jf ||
			    code[j].k != k)
				fail_msg("'%s' on %d: instruction %zu differs",
					 accept_table[i].expr, accept_table[i].linktype, j);
			p += used;
			p += *p == ';';
		}
		assert_int_equal(*p, '\0');
	}
}

static size_t from_hex(const char *hex, uint8_t *ret, size_t size)
{
	size_t n = 0;
	unsigned v;

	for (; n < size && sscanf(hex + 2 * n, "%2x", &v) == 1; n++)
		ret[n] = (uint8_t)v;
	return n;
}

static void applies(void **state)
{
	size_t i, j, k;

	(void)state;
	for (i = 0; i < COUNT(apply_table); i++) {
		CLEANUP(filter_freep) struct filter *f = NULL;
		const struct apply *a = &apply_table[i];
		struct err err;

		if (filter_new(&f, a->expr, &err) < 0)
			fail_msg("'%s': %s", a->expr, err.text);
		for (j = k = 0; j < COUNT(frames); j++) {
			uint8_t data[512];
			size_t len;

			if (frames[j].linktype != a->linktype)
				continue;
			len = from_hex(frames[j].hex, data, sizeof(data));
			assert_true(len < sizeof(data));
			if (filter_match(f, a->linktype, data, (uint32_t)len, (uint32_t)len) !=
			    (a->pass[k] == '1'))
				fail_msg("'%s' on frame %zu of link type %d", a->expr, k,
					 a->linktype);
			k++;
		}
		assert_int_equal(strlen(a->pass), k);
	}
}

/* A chain of 'n' elements; some inherit the qualifiers of the one before. */
static size_t rnd_chain(char *p, unsigned n, unsigned depth)
{
	static const char *const heads[] = {"host", "src host", "src or dst host", "ip dst host"};
	static const char *const hosts[] = {"192.0.2.1", "198.51.100.2", "10.0.0.1", "10.9.9.9"};
	static const char *const ports[] = {"80", "53", "http", "7", "1024", "5353"};
	static const char *const others[] = {
		"tcp",           "ip6",  "len > 60",         "arp",
		"60 < len",      "icmp", "net 192.0.2.0/24", "ip[8] & 1 = 0",
		"(5 + len) > 90"};
	static const char *const joints[] = {" and ", " or ", " && ", " || "};
	const char *joint = joints[rnd(4)];
	size_t len = 0;
	unsigned i;

	for (i = 0; i < n; i++) {
		if (i)
			len += (size_t)sprintf(p + len, "%s", rnd(8) ? joint : joints[rnd(4)]);
		if (rnd(4) == 0)
			len += (size_t)sprintf(p + len, rnd(2) ? "not " : "! ");
		if (depth && rnd(6) == 0) {
			p[len++] = '(';
			len += rnd_chain(p + len, 1 + rnd(n), depth - 1);
			p[len++] = ')';
			continue;
		}
		switch (rnd(4)) {
		case 0: /* a list of ports, also in parentheses */
			len += (size_t)sprintf(p + len,
					       rnd(2) ? "port (%s or %s and not (%s))"
						      : "port %s or %s or not %s",
					       ports[rnd(6)], ports[rnd(6)], ports[rnd(6)]);
			break;
		case 1:
		case 2:
			len += (size_t)sprintf(p + len, "%s %s%s%s", heads[rnd(4)], hosts[rnd(4)],
					       joint, hosts[rnd(4)]);
			break;
		default:
			len += (size_t)sprintf(p + len, "%s", others[rnd(9)]);
		}
	}
	return len;
}

/* Long expressions are compiled in parts: libpcap, taking them whole, agrees.  Of
 * frames that are cut it has two opinions, with and without its optimiser. */
static void long_ones_agree_with_libpcap(void **state)
{
	pcap_t *pcap = pcap_open_dead(DLT_EN10MB, 262144);
	unsigned i, passed = 0, tested = 0;
	char text[65536];
	uint8_t data[512];

	(void)state;
	for (i = 0; i < 20; i++) {
		CLEANUP(filter_freep) struct filter *f = NULL;
		struct bpf_program prog;
		struct err err;
		size_t j;

		text[rnd_chain(text, 18, 1)] = '\0';
		if (filter_new(&f, text, &err) < 0)
			fail_msg("%s: '%s'", err.text, text);
		assert_int_equal(pcap_compile(pcap, &prog, text, 0, PCAP_NETMASK_UNKNOWN), 0);
		for (j = 0; j < COUNT(frames) && frames[j].linktype == 1; j++) {
			uint32_t len = (uint32_t)from_hex(frames[j].hex, data, sizeof(data));
			bool want = bpf_filter(prog.bf_insns, data, len, len) != 0;

			if (filter_match(f, 1, data, len, len) != want)
				fail_msg("frame %zu: '%s'", j, text);
			passed += want;
			tested++;
		}
		pcap_freecode(&prog);
	}
	pcap_close(pcap);
	assert_true(passed > tested / 20 && passed < tested / 20 * 19);
}

/* 'item' with its "%u" replaced. */
static size_t numbered(char *p, const char *item, unsigned n)
{
	const char *mark = strstr(item, "%u");

	return (size_t)sprintf(p, "%.*s%u%s", (int)(mark - item), item, n, mark + 2);
}

/* All of 64 KiB, in a time that people wait for. */
static void long_lists(void **state)
{
	static const uint8_t syn[] = {
		0, 0,  0x5e, 0, 0x53, 2, 0, 0, 0x5e, 0, 0x53, 1, 8,   0,   0x45, 0, 0, 40,
		0, 1,  0,    0, 64,   6, 0, 0, 192,  0, 2,    1, 198, 51,  100,  2, 4, 0,
		0, 80, 0,    0, 0,    1, 0, 0, 0,    0, 0x50, 2, 255, 255, 0,    0, 0, 0,
	};
	static const struct {
		const char *front, *item, *behind;
		unsigned n; /* items that number themselves from 1 on */
		bool pass;  /* port 80 is among them */
	} cases[] = {
		{"port ", "%u or ", "9999", 4000, true},
		{"port (", "%u or ", "9999)", 4000, true},
		{"not (", "port %u or ", "port 9999)", 4000, false},
		{"host 192.0.2.1 and port (", "%u or ", "9999)", 79, false},
		{"host 192.0.2.1 and port (", "%u or ", "9999)", 80, true},
		{"", "not port %u and ", "not host 1.2.3.4", 3000, false},
		{"", "not src port %u and ", "not host 1.2.3.4", 1023, true},
		{"", "not src port %u and ", "not host 1.2.3.4", 1024, false},
		{"tcp src port ", "%u or ", "9999", 1024, true},
		{"tcp src port ", "%u or ", "9999", 1023, false},
		{"tcp and (", "dst port %u || ", "udp)", 2000, true},
	};
	CLEANUP(freep) char *text = malloc(FILTER_TEXT_MAX + 1);
	size_t i, len;
	unsigned j;

	(void)state;
	assert_non_null(text);
	for (i = 0; i < COUNT(cases); i++) {
		CLEANUP(filter_freep) struct filter *f = NULL;
		struct err err;

		len = (size_t)sprintf(text, "%s", cases[i].front);
		for (j = 1; j <= cases[i].n; j++)
			len += numbered(text + len, cases[i].item, j);
		sprintf(text + len, "%s", cases[i].behind);
		if (filter_new(&f, text, &err) < 0)
			fail_msg("%zu: %s", i, err.text);
		if (filter_match(f, 1, syn, sizeof(syn), sizeof(syn)) != cases[i].pass)
			fail_msg("case %zu", i);
	}
}

static void long_ones_rejected(void **state)
{
	static const struct {
		const char *front, *item, *behind, *error;
	} cases[] = {
		{"port ", "1 or ", "foo", "unknown port 'foo' (column 1506)"},
		{"host ", "1.2.3.4 or ", "foo",
		 "host name 'foo' (column 3306): names are not resolved, give its address"},
		{"port ", "1 or ", "", "syntax error at the end (column 1505)"},
		{"(port ", "1 or ", "2", "syntax error at the end (column 1508)"},
		{"port ", "1 or ", "2)", "syntax error at ')' (column 1507)"},
		{"port ", "1 or ", "2 prot 5", "syntax error at 'prot' (column 1508)"},
		{"port ", "1 or ", "src", "syntax error at the end (column 1509)"},
		{"vlan and (tcp", " or vlan 1", " and", "syntax error at the end (column 3018)"},
		{"len", " + 1 + 1 + 1", " = 5",
		 "1803 words from column 1 on are more than 1000 and cannot be compiled in parts"},
	};
	CLEANUP(freep) char *text = malloc(FILTER_TEXT_MAX + 1);
	struct filter *f;
	struct err err;
	size_t i, len;
	unsigned j;

	(void)state;
	assert_non_null(text);
	for (i = 0; i < COUNT(cases); i++) {
		len = (size_t)sprintf(text, "%s", cases[i].front);
		for (j = 0; j < 300; j++)
			len += (size_t)sprintf(text + len, "%s", cases[i].item);
		sprintf(text + len, "%s", cases[i].behind);
		if (filter_new(&f, text, &err) == 0)
			fail_msg("%zu: accepted", i);
		if (strcmp(err.text, cases[i].error) != 0)
			fail_msg("%zu: %s", i, err.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rejects),
		cmocka_unit_test(rejects_by_link_type),
		cmocka_unit_test(accepts_names_that_need_no_resolver),
		cmocka_unit_test(lookups_would_be_seen),
		cmocka_unit_test(loopback_of_both_orders),
		cmocka_unit_test(files),
		cmocka_unit_test(limits),
		cmocka_unit_test(empty),
		cmocka_unit_test(accepts),
		cmocka_unit_test(applies),
		cmocka_unit_test(long_ones_agree_with_libpcap),
		cmocka_unit_test(long_lists),
		cmocka_unit_test(long_ones_rejected),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
