/* Starting and stopping a live source on the loopback of a namespace of our own: as root, else
 * skipped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <malloc.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/stop.h"
#include "capture/links.h"
#include "capture/live.h"

#define ROUNDS 500

static void set_lo(bool up)
{
	struct ifreq r = {.ifr_name = "lo", .ifr_flags = up ? IFF_UP : 0};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	assert_true(fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &r) == 0);
	close(fd);
}

/* Whether this process has a network of its own now. */
static bool enter(void)
{
	if (unshare(CLONE_NEWNET) < 0)
		return false;
	set_lo(true);
	return true;
}

static int count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* Sockets of this namespace, and with them rings and groups. */
static int count_sockets(void)
{
	FILE *f = fopen("/proc/self/net/packet", "r");
	int c, n = 0;

	assert_non_null(f);
	while ((c = fgetc(f)) != EOF)
		n += c == '\n';
	fclose(f);
	return n;
}

/* Bytes allocated (the sanitizer has a count of its own, at the end). */
static size_t allocated(void)
{
	return mallinfo2().uordblks;
}

static void send_one(void)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons(9),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	assert_true(sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof(to)) == 1);
	close(fd);
}

static void once(bool with_packet)
{
	const char *const names[] = {"lo"};
	struct live_conf conf = {
		.ifaces = names, .n = 1, .buffer_total = 1 << 20, .filter = "udp port 9"};
	struct err err = {0};
	struct live_ledger g;
	struct src *s = NULL;
	struct pkt pkts[8];
	struct stop stop;
	int n = 0, r;

	assert_int_equal(stop_init(&stop), 0);
	assert_int_equal(src_live_new(&s, NULL, &conf, &stop, &err), 0);
	if (with_packet) {
		send_one();
		stop_raise(&stop);
		while ((r = src_recv(s, pkts, 8)) != 0)
			n += r > 0 ? r : 0;
		assert_int_equal(n, 1);
		assert_int_equal(live_ledger(s, 0, &g), 0);
		assert_int_equal(g.given, 1);
		assert_int_equal(g.filtered, 1); /* ICMP: nobody listens there */
		assert_int_equal(g.seen, 2);
	}
	src_free(s);
	stop_done(&stop);
}

static void test_starts_and_stops_leave_nothing(void **state)
{
	size_t before = 0;
	int fds, sockets;

	(void)state;
	if (!enter()) {
		skip();
	}
	once(true);
	fds = count_fds();
	sockets = count_sockets();
	for (int i = 0; i < ROUNDS; i++) {
		once(i % 50 == 0);
		if (i == ROUNDS / 10)
			before = allocated();
	}
	assert_int_equal(count_fds(), fds);
	assert_int_equal(count_sockets(), sockets);
	assert_true(allocated() <= before + 65536);
}

/* News of an interface that a thread never read are thrown away: they own nothing. */
static void test_news_that_nobody_read(void **state)
{
	const char *const names[] = {"lo"};
	const struct live_conf conf = {
		.ifaces = names, .n = 1, .buffer_total = 1 << 20, .threads = 2, .poll_ms = 1};
	struct live_ledger g = {0};
	struct src *s[2] = {0};
	struct err err = {0};
	struct pkt pkts[8];
	struct stop stop;
	int fds;

	(void)state;
	if (!enter()) {
		skip();
	}
	fds = count_fds();
	assert_int_equal(stop_init(&stop), 0);
	assert_int_equal(src_live_new(s, NULL, &conf, &stop, &err), 0);
	set_lo(false);
	while (g.state == LIVE_UP) {
		assert_int_equal(src_recv(s[0], pkts, 8), -EAGAIN);
		assert_int_equal(live_ledger(s[0], 0, &g), 0);
	}
	src_free(s[0]);
	src_free(s[1]);
	stop_done(&stop);
	assert_int_equal(count_fds(), fds);
}

static void test_lists_the_loopback(void **state)
{
	struct links l = LINKS_INIT;
	struct err err = {0};
	char text[ADDR_TEXT_SIZE];

	(void)state;
	if (!enter()) {
		skip();
	}
	assert_int_equal(links_list(&l, NULL, NULL, &err), 0);
	assert_true(l.n >= 1);
	assert_string_equal(l.v[0].name, "lo");
	assert_int_equal(l.v[0].index, 1);
	assert_true(l.v[0].up && l.v[0].loopback);
	assert_string_equal(link_state_name(&l.v[0]), "up");
	assert_int_equal(l.v[0].mtu, 65536);
	assert_int_equal(l.v[0].linktype, 1);
	assert_true(l.v[0].n_addrs >= 1);
	addr_text(&l.v[0].addrs[0].addr, text);
	assert_string_equal(text, "127.0.0.1");
	assert_int_equal(l.v[0].addrs[0].prefix, 8);
	links_done(&l);
	assert_int_equal(links_may_capture(NULL, NULL, &err), 0);
}

static void test_names_that_are_not_there(void **state)
{
	static const struct {
		const char *name, *text;
		int code;
	} cases[] = {
		{"eth77", "there is no interface 'eth77'", -ENODEV},
		{"netns:none/eth0", "cannot enter the network namespace 'none'", -ENOENT},
		{"netns:../etc/x", "'..' is not a name of a network namespace", -EINVAL},
		{"netns:none", "is not of the form netns:NAME/INTERFACE", -EINVAL},
		{"", "'' cannot be the name of an interface", -EINVAL},
	};
	int fds = count_fds();

	(void)state;
	if (!enter()) {
		skip();
	}
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct live_conf conf = {.ifaces = &cases[i].name, .n = 1};
		struct err err = {0};
		struct src *s = NULL;

		assert_int_equal(src_live_new(&s, NULL, &conf, NULL, &err), cases[i].code);
		assert_null(s);
		assert_non_null(strstr(err.text, cases[i].text));
	}
	assert_int_equal(count_fds(), fds);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_starts_and_stops_leave_nothing),
		cmocka_unit_test(test_news_that_nobody_read),
		cmocka_unit_test(test_lists_the_loopback),
		cmocka_unit_test(test_names_that_are_not_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
