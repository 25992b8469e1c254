/* What the programs do is compared with filter_match(); classic ones run in the kernel, on a
 * pair of sockets, which needs no privilege. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "filter/cbpf.h"
#include "filter/filter.h"
#include "filter/filter_kernel.h"
#include "../filter/apply.inc"
#include "../fuzz/cbpf_mend.h"
#include "ebpf_run.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#define ETHERNET 1
#define FRAME    2048

static size_t bytes_of(const char *hex, uint8_t ret[static FRAME])
{
	size_t n = strlen(hex) / 2, i;
	char byte[3] = {0};

	assert_true(n <= FRAME);
	for (i = 0; i < n; i++) {
		memcpy(byte, hex + 2 * i, 2);
		ret[i] = (uint8_t)strtoul(byte, NULL, 16);
	}
	return n;
}

static int make(struct filter_kernel *ret, const char *expr, uint16_t linktype, uint32_t snaplen,
		struct err *err)
{
	CLEANUP(filter_freep) struct filter *f = NULL;

	*ret = (struct filter_kernel){0};
	assert_int_equal(filter_new(&f, expr, NULL), 0);
	return filter_kernel(ret, f, linktype, snaplen, err);
}

static uint32_t run(struct ebpf_vm *m, const struct filter_kernel *k, const void *frame, size_t len)
{
	return run_vm(m, k->ebpf, k->ebpf_n, frame, len);
}

/* What a filter that is decided without a look at the frame makes of one: its verdict is also
 * that of the classic program, a single instruction. */
static uint32_t constant(struct ebpf_vm *m, const char *expr, uint32_t snaplen, const char *frame)
{
	struct filter_kernel k;
	uint32_t r;

	assert_int_equal(make(&k, expr, ETHERNET, snaplen, NULL), 0);
	r = run(m, &k, frame, strlen(frame));
	assert_int_equal(k.classic_n, 1);
	assert_int_equal(k.classic[0].k, r);
	filter_kernel_done(&k);
	assert_null(k.ebpf);
	return r;
}

static void passes_all(void **state)
{
	struct ebpf_vm m = {.vlan_present = 1};

	(void)state;
	assert_int_equal(constant(&m, " ", 96, ""), 96);
	assert_int_equal(m.counters[EBPF_SEEN], 1);
}

/* 'wlan addr1' of Ethernet. */
static void nonsense_passes_nothing(void **state)
{
	struct ebpf_vm m = {.vlan_present = 1};

	(void)state;
	assert_int_equal(constant(&m, "wlan addr1 1:2:3:4:5:6", 0, "abcdefghijklmnop"), 0);
	assert_int_equal(m.counters[EBPF_REJECTED], 1);
}

static void only_user_space(void **state)
{
	struct filter_kernel k;
	struct err err;

	(void)state;
	assert_int_equal(make(&k, "ip6 protochain 6", ETHERNET, 0, &err), -EOPNOTSUPP);
	assert_string_equal(err.text, "its program jumps back ('protochain' does), which the "
				      "kernel does not take");
	assert_int_equal(make(&k, "ip", 113, 0, &err), -EOPNOTSUPP);
	assert_string_equal(err.text, "frames with a cooked header are not what the kernel has");
	assert_int_equal(make(&k, "ip", 276, 0, &err), -EOPNOTSUPP);
	assert_null(k.ebpf);
	assert_null(k.classic);
}

/* More hosts than a classic program may have instructions for. */
static void too_long_for_classic(void **state)
{
	char expr[FILTER_TEXT_MAX], *p = expr;
	struct filter_kernel k;
	unsigned i;

	(void)state;
	for (i = 0; i < 2500; i++)
		p += sprintf(p, "%shost 10.0.%u.%u", i ? " or " : "", i / 250, i % 250);
	assert_int_equal(make(&k, expr, ETHERNET, 0, NULL), 0);
	assert_null(k.classic);
	assert_true(k.ebpf_n > CBPF_KERNEL_MAX);
	assert_null(vm_check(k.ebpf, k.ebpf_n));
	filter_kernel_done(&k);
}

/* Tagged frames come first in a classic program: the words of linux/filter.h. */
static void classic_asks_for_the_tag(void **state)
{
	struct filter_kernel k;
	size_t i;

	(void)state;
	assert_int_equal(make(&k, "vlan 5", ETHERNET, 60, NULL), 0);
	assert_int_equal(k.classic[0].code, BPF_LD | BPF_B | BPF_ABS);
	assert_int_equal((int32_t)k.classic[0].k, SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT);
	assert_int_equal(k.classic[1].code, BPF_JMP | BPF_JEQ);
	assert_int_equal(k.classic[1].jt, 1);
	assert_int_equal(k.classic[2].code, BPF_RET);
	assert_int_equal(k.classic[2].k, UINT32_MAX); /* undecided: whole */
	for (i = 3; i < k.classic_n; i++)
		if (k.classic[i].code == BPF_RET)
			assert_true(k.classic[i].k == 0 || k.classic[i].k == 60);
	filter_kernel_done(&k);
}

/* The bytes that a socket with the program gets, -1: none. */
static long through_socket(const struct filter_kernel *k, const uint8_t *frame, size_t len)
{
	struct sock_fprog prog = {(unsigned short)k->classic_n, (struct sock_filter *)k->classic};
	uint8_t got[FRAME];
	int pair[2];
	long n;

	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), 0);
	assert_int_equal(setsockopt(pair[1], SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)), 0);
	n = send(pair[0], frame, len, 0);
	assert_true(n >= 0 || errno == EPERM);
	n = recv(pair[1], got, sizeof(got), MSG_DONTWAIT);
	close(pair[0]);
	close(pair[1]);
	return n;
}

/* Every expression of make_tables.py on Ethernet, on its frames. */
static void as_on_a_file(void **state)
{
	size_t i, j, passed = 0;

	(void)state;
	for (i = 0; i < COUNT(apply_table); i++) {
		CLEANUP(filter_freep) struct filter *f = NULL;
		const char *expr = apply_table[i].expr;
		struct ebpf_vm m = {0};
		struct filter_kernel k;
		size_t n = 0;

		if (apply_table[i].linktype != ETHERNET || strstr(expr, "protochain"))
			continue;
		assert_int_equal(filter_new(&f, expr, NULL), 0);
		assert_int_equal(filter_kernel(&k, f, ETHERNET, 50, NULL), 0);
		assert_non_null(k.classic);
		for (j = 0; j < COUNT(frames); j++) {
			uint8_t frame[FRAME];
			size_t len = bytes_of(frames[j].hex, frame);
			bool pass;

			if (frames[j].linktype != ETHERNET)
				continue;
			pass = apply_table[i].pass[n++] == '1'; /* tcpdump's answer */
			passed += pass;
			assert_int_equal(
				filter_match(f, ETHERNET, frame, (uint32_t)len, (uint32_t)len),
				pass);
			assert_int_equal(run(&m, &k, frame, len), pass ? 50 : 0);
			if (through_socket(&k, frame, len) != (!pass      ? -1
							       : len < 50 ? (long)len
									  : 50))
				fail_msg("'%s' as classic program, frame %zu", expr, n - 1);
		}
		filter_kernel_done(&k);
	}
	assert_true(passed > 100);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(passes_all),
		cmocka_unit_test(nonsense_passes_nothing),
		cmocka_unit_test(only_user_space),
		cmocka_unit_test(too_long_for_classic),
		cmocka_unit_test(classic_asks_for_the_tag),
		cmocka_unit_test(as_on_a_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
