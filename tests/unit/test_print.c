/* Expected lines are hand-made after tcpdump -n's for the same frames, which the
 * comments name where they differ. */
#include "analyse/an_print.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"

#define ETH(type) 0x02, 0, 0, 0, 0, 2, 0x02, 0, 0, 0, 0, 1, (type) >> 8, (type)&0xff
#define IP4(len, proto)                                                                            \
	0x45, 0, (len) >> 8, (len)&0xff, 0, 7, 0x40, 0, 64, proto, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2

static void check(const uint8_t *frame, uint32_t cap, uint32_t len, const char *want)
{
	CLEANUP(buf_done) struct buf b = BUF_INIT;
	const struct an_print_conf conf = {.utc = true, .ifaces = true};
	const struct pkt p = {
		.ts = INT64_C(1700000000123456789),
		.data = frame,
		.caplen = cap,
		.len = len,
		.linktype = 1,
		.dir = PKT_DIR_IN,
	};
	struct dec d[DEC_LEVELS_MAX];
	size_t n = dec_frame(1, frame, cap, len, d);

	an_print(&conf, &p, d, n, "eth0", &b);
	assert_string_equal(buf_str(&b), want);
}

/* 1700000000 is 2023-11-14 22:13:20 UTC. */
#define HEAD "22:13:20.123456 eth0  In  "

static void tcp(void **state)
{
	static const uint8_t syn[] = {
		ETH(0x0800), IP4(44, 6), 0x9c, 0x40, 1,    0xbb, 0, 0, 0, 5, 0, 0, 0,
		0,           0x60,       0x02, 0xfa, 0xf0, 0,    0, 0, 0, 2, 4, 5, 0xb4};
	static const uint8_t data[] = {
		ETH(0x0800), IP4(43, 6), 0x9c, 0x40, 1,    0xbb, 0, 0, 0, 6,   0,   0,  0,
		9,           0x50,       0x18, 0x01, 0xf6, 0,    0, 0, 0, 'a', 'b', 'c'};

	(void)state;
	check(syn, sizeof(syn), sizeof(syn),
	      HEAD "IP 192.0.2.1.40000 > 192.0.2.2.443: Flags [S], seq 5, win 64240, mss 1460, "
		   "length 0\n");
	check(data, sizeof(data), sizeof(data),
	      HEAD "IP 192.0.2.1.40000 > 192.0.2.2.443: Flags [P.], seq 6:9, ack 9, win 502, "
		   "length 3\n");
	check(data, 40, sizeof(data),
	      HEAD "IP 192.0.2.1.40000 > 192.0.2.2.443: TCP, length 23 [cut]\n");
}

static void others(void **state)
{
	static const uint8_t echo[] = {ETH(0x0800), IP4(32, 1), 8, 0, 0, 0, 0, 1, 0, 2, 1, 2, 3, 4};
	static const uint8_t udp[] = {ETH(0x8100), 0,    5, 8,  0, IP4(30, 17), 0x27, 0x10,
				      0x27,        0x11, 0, 10, 0, 0,           'x',  'y'};
	static const uint8_t lldp[] = {ETH(0x88cc), 2, 7, 4, 0, 0, 0, 0, 0, 0};
	static const uint8_t late[] = {ETH(0x0800), 0x45, 0, 0,   28, 0, 7, 0,   1, 64,
				       17,          0,    0, 192, 0,  2, 1, 192, 0, 2,
				       2,           1,    2, 3,   4,  5, 6, 7,   8};

	(void)state;
	check(echo, sizeof(echo), sizeof(echo),
	      HEAD "IP 192.0.2.1 > 192.0.2.2: ICMP echo request, id 1, seq 2, length 4\n");
	check(udp, sizeof(udp), sizeof(udp),
	      HEAD "vlan 5, IP 192.0.2.1.10000 > 192.0.2.2.10001: UDP, length 2\n");
	check(lldp, sizeof(lldp), sizeof(lldp),
	      HEAD "02:00:00:00:00:01 > 02:00:00:00:00:02: ethertype 0x88cc, length 23\n");
	check(late, sizeof(late), sizeof(late),
	      HEAD "IP 192.0.2.1 > 192.0.2.2: fragment, length 8, frag id 7\n");
}

static void tunnel(void **state)
{
	/* IP in IP, UDP inside. */
	static const uint8_t f[] = {ETH(0x0800), IP4(50, 4), IP4(30, 17), 0x27, 0x10, 0x27, 0x11,
				    0,           10,         0,           0,    'x',  'y'};

	(void)state;
	check(f, sizeof(f), sizeof(f),
	      HEAD "IP 192.0.2.1 > 192.0.2.2: IPIP | IP 192.0.2.1.10000 > 192.0.2.2.10001: UDP, "
		   "length 2\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tcp),
		cmocka_unit_test(others),
		cmocka_unit_test(tunnel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
