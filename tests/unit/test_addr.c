#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"

/* RFC 5952 4 and 5 and its examples; MACs by hand. */
static void texts(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{"0.0.0.0", "0.0.0.0"},
		{"255.255.255.255", "255.255.255.255"},
		{"10.0.100.9", "10.0.100.9"},
		{"::", "::"},
		{"::1", "::1"},
		{"1::", "1::"},
		{"2001:0db8:0000:0000:0000:0000:0002:0001", "2001:db8::2:1"},
		{"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"}, /* 4.2.2: one group stays */
		{"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},          /* 4.2.3: the longest run */
		{"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},    /* the first of equal ones */
		{"2001:DB8:ABCD::0EF", "2001:db8:abcd::ef"},
		{"::ffff:192.0.2.33", "::ffff:192.0.2.33"}, /* 5 */
		{"::ffff:0:1.2.3.4", "::ffff:0:102:304"},
		{"64:ff9b::192.0.2.33", "64:ff9b::c000:221"},
		{"0:0:0:0:0:0:0:1", "::1"},
		{"1:0:0:0:0:0:0:0", "1::"},
		{"0:1:0:0:0:0:0:0", "0:1::"},
		{"1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"},
		{"1:2:3:4:5:6:0:0", "1:2:3:4:5:6::"},
		{"1:2:3:4:5:6:7:0", "1:2:3:4:5:6:7:0"},
		{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		 "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
		{"00:00:5E:00:53:01", "00:00:5e:00:53:01"},
		{"00-00-5e-00-53-ff", "00:00:5e:00:53:ff"},
		{"0:0:5e:0:53:1", "00:00:5e:00:53:01"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[ADDR_TEXT_SIZE];
		struct buf b = BUF_INIT;
		struct addr a;

		assert_int_equal(addr_parse(rows[i].in, &a), 0);
		assert_int_equal(addr_text(&a, text), strlen(rows[i].out));
		assert_string_equal(text, rows[i].out);
		buf_addstr(&b, ">");
		buf_addaddr(&b, &a);
		buf_addstr(&b, "<");
		assert_int_equal(strncmp(buf_str(&b) + 1, rows[i].out, strlen(rows[i].out)), 0);
		assert_int_equal(b.len, strlen(rows[i].out) + 2);
		buf_done(&b);
	}
}

/* inet_ntop is the oracle, but that it writes ::/96 with dots, which RFC 5952 5
 * keeps for prefixes that are known to hold IPv4 addresses. */
static void ip6_texts_equal_inet_ntop(void **state)
{
	static const uint8_t zeros[12];
	uint64_t s = 88172645463325252;
	int n, i;

	(void)state;
	for (n = 0; n < 20000; n++) {
		struct addr a = {.family = ADDR_IP6};
		char text[ADDR_TEXT_SIZE], expected[INET6_ADDRSTRLEN];

		for (i = 0; i < 8; i++) {
			s ^= s << 13;
			s ^= s >> 7;
			s ^= s << 17;
			if (s >> 62) /* many groups are zero */
				continue;
			a.b[2 * i] = (uint8_t)(s >> 40 & (s >> 56 & 1 ? 0xff : 0));
			a.b[2 * i + 1] = (uint8_t)(s >> 8);
		}
		if (memcmp(a.b, zeros, 12) == 0)
			continue;
		assert_non_null(inet_ntop(AF_INET6, a.b, expected, sizeof(expected)));
		addr_text(&a, text);
		assert_string_equal(text, expected);
	}
}

static void ip4_texts_equal_inet_ntop(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < 256; i++) {
		struct addr a = {
			.family = ADDR_IP4,
			.b = {(uint8_t)i, (uint8_t)(255 - i), (uint8_t)(i * 7), (uint8_t)(i / 2)}};
		char text[ADDR_TEXT_SIZE], expected[INET_ADDRSTRLEN];

		inet_ntop(AF_INET, a.b, expected, sizeof(expected));
		assert_int_equal(addr_text(&a, text), strlen(expected));
		assert_string_equal(text, expected);
	}
}

static void no_address_is_no_text(void **state)
{
	struct addr a = {0};
	char text[ADDR_TEXT_SIZE] = "old";

	(void)state;
	assert_int_equal(addr_text(&a, text), 0);
	assert_string_equal(text, "");
	a.family = 77;
	assert_int_equal(addr_text(&a, text), 0);
}

static void rejected(void **state)
{
	static const char *const rows[] = {
		"",
		" ",
		"1.2.3",
		"1.2.3.4.5",
		"256.1.1.1",
		"1.2.3.4 ",
		" 1.2.3.4",
		"1.2.3.04x",
		"1.2.3.-4",
		":",
		":::",
		"1::2::3",
		"1:2:3:4:5:6:7",
		"1:2:3:4:5:6:7:8:9",
		"12345::",
		"g::",
		"fe80::1%eth0",
		"1.2.3.4/24",
		"00:00:5e:00:53",
		"00:00:5e:00:53:01:02",
		"00:00:5e:00:53:0g",
		"00:00:5e:00:53:001",
		"00:00:5e:00:53:",
		"00:00-5e:00:53:01",
		"00 00 5e 00 53 01",
		"::00:5e:00:53:01:1:1:1:1",
		"-00:00:5e:00:53:01",
		"localhost",
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct addr a = {.family = 99};

		if (addr_parse(rows[i], &a) != -EINVAL)
			fail_msg("'%s' accepted", rows[i]);
		assert_int_equal(a.family, 99); /* untouched */
	}
}

static void prefixes(void **state)
{
	static const struct {
		const char *in, *net;
		unsigned bits;
	} rows[] = {
		{"192.0.2.129/24", "192.0.2.0", 24},
		{"192.0.2.129/25", "192.0.2.128", 25},
		{"192.0.2.129/32", "192.0.2.129", 32},
		{"192.0.2.129", "192.0.2.129", 32},
		{"192.0.2.129/0", "0.0.0.0", 0},
		{"2001:db8:ffff::1/33", "2001:db8:8000::", 33},
		{"2001:db8::ff/128", "2001:db8::ff", 128},
		{"2001:db8::ff/0", "::", 0},
		{"00:00:5e:ff:53:01/25", "00:00:5e:80:00:00", 25},
		{"00:00:5e:00:53:01", "00:00:5e:00:53:01", 48},
	};
	static const char *const bad[] = {
		"192.0.2.0/33",
		"192.0.2.0/",
		"192.0.2.0/-1",
		"192.0.2.0/ 8",
		"192.0.2.0/8x",
		"::/129",
		"/8",
		"1.2.3.4/8/8",
		"192.0.2.0/99999999999999999999",
		"",
		"00:00:5e:00:53:01/49",
		"1111111111111111111111111111111111111111111111111111111111111111111",
		"1111111111111111111111111111111111111111111111111111111111111111111/8",
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct addr a, want;
		unsigned bits = 1000;

		assert_int_equal(addr_parse_prefix(rows[i].in, &a, &bits), 0);
		assert_int_equal(addr_parse(rows[i].net, &want), 0);
		assert_int_equal(bits, rows[i].bits);
		assert_memory_equal(&a, &want, sizeof(a));
		assert_true(addr_in(&want, &a, bits));
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct addr a = {.family = 99};
		unsigned bits = 1000;

		if (addr_parse_prefix(bad[i], &a, &bits) != -EINVAL)
			fail_msg("'%s' accepted", bad[i]);
		assert_int_equal(a.family, 99);
		assert_int_equal(bits, 1000);
	}
}

static void order(void **state)
{
	static const char *const rising[] = {
		"00:00:5e:00:53:01", "00:00:5e:00:53:02", "0.0.0.0", "1.0.0.0",
		"1.0.0.255",         "255.255.255.255",   "::",      "::1",
		"2001:db8::",        "2001:db8::ff",      "ff02::1",
	};
	size_t i, k;

	(void)state;
	for (i = 0; i < sizeof(rising) / sizeof(rising[0]); i++) {
		for (k = 0; k < sizeof(rising) / sizeof(rising[0]); k++) {
			struct addr a, b;
			int r;

			assert_int_equal(addr_parse(rising[i], &a), 0);
			assert_int_equal(addr_parse(rising[k], &b), 0);
			r = addr_cmp(&a, &b);
			assert_int_equal((r > 0) - (r < 0), (i > k) - (i < k));
		}
	}
}

static void membership(void **state)
{
	static const struct {
		const char *addr, *net;
		unsigned bits;
		int in;
	} rows[] = {
		{"10.1.2.3", "10.0.0.0", 8, 1},
		{"11.1.2.3", "10.0.0.0", 8, 0},
		{"10.1.2.3", "10.1.2.2", 31, 1},
		{"10.1.2.4", "10.1.2.2", 31, 0},
		{"10.1.2.3", "10.1.2.3", 32, 1},
		{"10.1.2.3", "10.1.2.2", 32, 0},
		{"10.1.2.3", "99.0.0.0", 0, 1},
		{"10.1.2.3", "10.1.2.3", 33, 0}, /* more bits than there are */
		{"10.1.2.3", "::", 0, 0},        /* another family */
		{"2001:db8::1", "2001:db8::", 127, 1},
		{"2001:db8::2", "2001:db8::", 127, 0},
		{"2001:db8::1", "2001:db8::1", 128, 1},
		{"2001:db8::1", "2001:db8::1", 129, 0},
		{"00:00:5e:00:53:01", "00:00:5e:ff:ff:ff", 24, 1},
		{"00:00:5e:00:53:01", "00:00:5f:00:00:00", 24, 0},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct addr a, net;

		assert_int_equal(addr_parse(rows[i].addr, &a), 0);
		assert_int_equal(addr_parse(rows[i].net, &net), 0);
		if (addr_in(&a, &net, rows[i].bits) != rows[i].in)
			fail_msg("%s in %s/%u", rows[i].addr, rows[i].net, rows[i].bits);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts),
		cmocka_unit_test(ip6_texts_equal_inet_ntop),
		cmocka_unit_test(ip4_texts_equal_inet_ntop),
		cmocka_unit_test(no_address_is_no_text),
		cmocka_unit_test(rejected),
		cmocka_unit_test(prefixes),
		cmocka_unit_test(order),
		cmocka_unit_test(membership),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
