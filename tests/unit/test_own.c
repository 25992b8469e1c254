/* Frames are written out by hand: RFC 791, 792, 8200, 4443, 9293. */
#include "run/own.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define LINKTYPE_RAW 101

#define IP4(len, proto, a, b)                                                                      \
	0x45, 0, 0, len, 0, 0, 0, 0, 64, proto, 0, 0, 192, 0, 2, a, 192, 0, 2, b
#define TCP(a, b)                                                                                  \
	(a) >> 8, (a)&0xff, (b) >> 8, (b)&0xff, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x10, 1, 0, 0, 0, 0, 0

static bool match(const struct own *o, const uint8_t *frame, uint32_t len)
{
	struct dec d[DEC_LEVELS_MAX];

	return own_match(o, d, dec_frame(LINKTYPE_RAW, frame, len, len, d));
}

static void ssh_sessions(void **state)
{
	static const uint8_t to[] = {IP4(40, 6, 1, 2), TCP(50000, 22)};
	static const uint8_t back[] = {IP4(40, 6, 2, 1), TCP(22, 50000)};
	static const uint8_t other_port[] = {IP4(40, 6, 1, 2), TCP(50001, 22)};
	static const uint8_t other_host[] = {IP4(40, 6, 3, 2), TCP(50000, 22)};
	static const uint8_t crossed[] = {IP4(40, 6, 1, 2), TCP(22, 50000)};
	static const uint8_t udp[] = {IP4(28, 17, 1, 2), 0xc3, 0x50, 0, 22, 0, 8, 0, 0};
	struct own o = {0};

	(void)state;
	assert_false(match(&o, to, sizeof(to)));
	assert_true(own_add_ssh(&o, "192.0.2.1 50000 192.0.2.2 22"));
	assert_true(match(&o, to, sizeof(to)));
	assert_true(match(&o, back, sizeof(back)));
	assert_false(match(&o, other_port, sizeof(other_port)));
	assert_false(match(&o, other_host, sizeof(other_host)));
	assert_false(match(&o, crossed, sizeof(crossed)));
	assert_false(match(&o, udp, sizeof(udp)));
}

static void ssh_texts(void **state)
{
	static const char *const bad[] = {
		"",
		"192.0.2.1",
		"192.0.2.1 1 192.0.2.2",
		"192.0.2.1 1 192.0.2.2 99999",
		"host 1 192.0.2.2 22",
		"192.0.2.1 1 192.0.2.2 22 x",
		"192.0.2.1 -1 192.0.2.2 22",
	};
	struct own o = {0};
	size_t i;

	(void)state;
	assert_false(own_add_ssh(&o, NULL));
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(own_add_ssh(&o, bad[i]));
	assert_int_equal(o.n, 0);
	assert_true(own_add_ssh(&o, "fe80::1%eth0 50000 fe80::2%eth0 22"));
	assert_true(own_add_ssh(&o, "::ffff:192.0.2.1 50000 ::ffff:192.0.2.2 22"));
	assert_int_equal(o.conn[1].addr[0].family, ADDR_IP4);
}

/* The oldest gives way: a reader that connects again and again has one at a time. */
static void room_for_some(void **state)
{
	static const uint8_t first[] = {IP4(40, 6, 1, 2), TCP(1000, 22)};
	static const uint8_t second[] = {IP4(40, 6, 1, 2), TCP(1001, 22)};
	static const uint8_t last[] = {IP4(40, 6, 1, 2), TCP(1000 + OWN_MAX, 22)};
	struct own o = {0};
	char text[64];

	(void)state;
	for (unsigned i = 0; i <= OWN_MAX; i++) {
		snprintf(text, sizeof(text), "192.0.2.1 %u 192.0.2.2 22", 1000 + i);
		assert_true(own_add_ssh(&o, text));
		if (i == 0)
			assert_true(match(&o, first, sizeof(first)));
	}
	assert_int_equal(o.n, OWN_MAX);
	assert_false(match(&o, first, sizeof(first)));
	assert_true(match(&o, second, sizeof(second)));
	assert_true(match(&o, last, sizeof(last)));
	/* What is there takes no second place, from whichever end it is told. */
	assert_true(own_add_ssh(&o, "192.0.2.1 1001 192.0.2.2 22"));
	assert_true(own_add_ssh(&o, "192.0.2.2 22 192.0.2.1 1001"));
	assert_true(match(&o, second, sizeof(second)));
	assert_int_equal(o.next, 1);
}

/* IP in IP, RFC 2003. */
static void in_tunnels(void **state)
{
	static const uint8_t inside[] = {IP4(60, 4, 8, 9), IP4(40, 6, 2, 1), TCP(22, 50000)};
	static const uint8_t other[] = {IP4(60, 4, 8, 9), IP4(40, 6, 2, 1), TCP(23, 50000)};
	struct own o = {0};

	(void)state;
	assert_true(own_add_ssh(&o, "192.0.2.1 50000 192.0.2.2 22"));
	assert_true(match(&o, inside, sizeof(inside)));
	assert_false(match(&o, other, sizeof(other)));
}

static void errors_that_quote(void **state)
{
	/* Destination unreachable, with the IP header and the first 8 bytes behind it. */
	static const uint8_t quote[] = {IP4(56, 1, 9, 2),  3, 3,  0,    0,    0, 0, 0, 0,
					IP4(200, 6, 2, 1), 0, 22, 0xc3, 0x50, 0, 0, 0, 1};
	static const uint8_t other[] = {IP4(56, 1, 9, 2),  3, 3,  0,    0,    0, 0, 0, 0,
					IP4(200, 6, 2, 1), 0, 23, 0xc3, 0x50, 0, 0, 0, 1};
	/* An echo request whose data looks like that packet. */
	static const uint8_t echo[] = {IP4(56, 1, 9, 2),  8, 0,  0,    0,    0, 0, 0, 0,
				       IP4(200, 6, 2, 1), 0, 22, 0xc3, 0x50, 0, 0, 0, 1};
	struct own o = {0};
	uint32_t n;

	(void)state;
	assert_true(own_add_ssh(&o, "192.0.2.1 50000 192.0.2.2 22"));
	assert_true(match(&o, quote, sizeof(quote)));
	assert_false(match(&o, other, sizeof(other)));
	assert_false(match(&o, echo, sizeof(echo)));
	for (n = 0; n < sizeof(quote) - 4; n++)
		assert_false(match(&o, quote, n));
}

/* A connection to ourselves over loopback. */
static void sockets(void **state)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001)};
	socklen_t len = sizeof(addr);
	struct own o = {0};
	int l, c;

	(void)state;
	l = socket(AF_INET, SOCK_STREAM, 0);
	c = socket(AF_INET, SOCK_STREAM, 0);
	assert_false(own_add_socket(&o, l));
	assert_false(own_add_socket(&o, STDIN_FILENO));
	assert_int_equal(bind(l, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(l, 1), 0);
	assert_int_equal(getsockname(l, (struct sockaddr *)&addr, &len), 0);
	assert_int_equal(connect(c, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_true(own_add_socket(&o, c));
	assert_int_equal(o.n, 1);
	assert_int_equal(o.conn[0].port[1], ntohs(addr.sin_port));
	assert_int_equal(o.conn[0].proto, IPPROTO_TCP);
	assert_memory_equal(o.conn[0].addr[0].b, "\x7f\0\0\1", 4);
	close(c);
	close(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ssh_sessions),      cmocka_unit_test(ssh_texts),
		cmocka_unit_test(room_for_some),     cmocka_unit_test(in_tunnels),
		cmocka_unit_test(errors_that_quote), cmocka_unit_test(sockets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
