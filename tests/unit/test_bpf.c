/* Programs in the kernel; skipped where none may be loaded.  The oracle of verdicts is our
 * interpreter of classic programs, that of counters what was sent. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "bpf/bpf.h"
#include "filter/cbpf.h"
#include "filter/ebpf.h"
#include "filter/filter.h"
#include "filter/filter_kernel.h"
#include "cbpf_rnd.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct loaded {
	int prog_fd, map_fd;
	const uint64_t *counters;
};

static void load(struct loaded *ret, const struct bpf_insn *insns, size_t n)
{
	struct err err = {0};

	if (bpf_filter_load(insns, n, EBPF_COUNTERS, &ret->prog_fd, &ret->map_fd, &err) < 0)
		fail_msg("%s", err.text);
	if (bpf_counters_map(&ret->counters, ret->map_fd, EBPF_COUNTERS, &err) < 0)
		fail_msg("%s", err.text);
}

static void unload(struct loaded *l)
{
	bpf_counters_unmap(l->counters, EBPF_COUNTERS);
	close(l->prog_fd);
	close(l->map_fd);
}

static void load_classic(struct loaded *ret, const struct cbpf_insn *p, size_t n)
{
	CLEANUP(freep) struct bpf_insn *insns = NULL;

	assert_int_equal(ebpf_translate(&insns, &n, p, n, 0, NULL), 0);
	load(ret, insns, n);
}

static uint64_t counter(const struct loaded *l, enum ebpf_counter c)
{
	return bpf_counters_get(l->counters, c);
}

static bool may_load(void)
{
	static const struct cbpf_insn all = {BPF_RET, 0, 0, 1};
	CLEANUP(freep) struct bpf_insn *insns = NULL;
	struct err err;
	int prog, map;
	size_t n;

	assert_int_equal(ebpf_translate(&insns, &n, &all, 1, 0, NULL), 0);
	if (bpf_filter_load(insns, n, EBPF_COUNTERS, &prog, &map, &err) < 0) {
		print_message("skipped: %s\n", err.text);
		return false;
	}
	close(prog);
	close(map);
	return true;
}

/* What the verifier says reaches the person. */
static void refusals(void **state)
{
	static const struct bpf_insn unset[] = {
		{.code = BPF_JMP | BPF_EXIT}, /* R0 was never written */
	};
	struct err err = {0};
	int prog = -7, map = -7;

	(void)state;
	if (!may_load())
		skip();
	assert_int_equal(bpf_filter_load(unset, 1, 1, &prog, &map, &err), -EACCES);
	assert_non_null(strstr(err.text, "the kernel does not take the BPF program: "));
	assert_non_null(strstr(err.text, "R0 !read_ok"));
	assert_int_equal(prog, -7);
	assert_int_equal(map, -7);
	assert_int_equal(bpf_filter_load(unset, BPF_FILTER_INSNS_MAX + 1, 1, &prog, &map, &err),
			 -E2BIG);
}

/* Random programs: the verifier takes them all, and they do what our interpreter does. */
static void as_interpreted(void **state)
{
	unsigned round;

	(void)state;
	if (!may_load())
		skip();
	for (round = 0; round < 500; round++) {
		struct cbpf_insn in[48];
		size_t n = rnd_program(in, COUNT(in)), i;
		CLEANUP(cbpf_freep) struct cbpf *b = NULL;
		uint64_t rejected = 0;
		struct loaded l;
		uint8_t frame[40];

		for (i = 0; i < sizeof(frame); i++)
			frame[i] = (uint8_t)(rnd_any() % 3 ? rnd_any() % 8 : rnd_any());
		assert_int_equal(cbpf_new(&b, in, n, NULL), 0);
		load_classic(&l, in, n);
		for (i = 0; i <= sizeof(frame); i++) {
			bool own = cbpf_run(b, frame, (uint32_t)i, (uint32_t)i);
			uint32_t got;

			assert_int_equal(bpf_filter_run(l.prog_fd, frame, i, &got, NULL), 0);
			assert_int_equal(got, own ? UINT32_MAX : 0);
			rejected += !own;
		}
		assert_int_equal(counter(&l, EBPF_SEEN), sizeof(frame) + 1);
		assert_int_equal(counter(&l, EBPF_REJECTED), rejected);
		assert_int_equal(counter(&l, EBPF_UNDECIDED), 0);
		unload(&l);
	}
}

static void frame_too_long_to_try(void **state)
{
	static const uint8_t frame[BPF_FILTER_RUN_MAX + 1];
	static const struct cbpf_insn all = {BPF_RET, 0, 0, 1};
	struct loaded l;
	uint32_t got;

	(void)state;
	if (!may_load())
		skip();
	load_classic(&l, &all, 1);
	assert_int_equal(bpf_filter_run(l.prog_fd, frame, BPF_FILTER_RUN_MAX, &got, NULL), 0);
	assert_int_equal(bpf_filter_run(l.prog_fd, frame, BPF_FILTER_RUN_MAX + 1, &got, NULL),
			 -EMSGSIZE);
	unload(&l);
}

/* 4096 instructions, as many as the kernel takes of classic ones; each compares. */
static void long_program(void **state)
{
	struct cbpf_insn in[CBPF_KERNEL_MAX];
	struct loaded l;
	uint32_t got;
	size_t i;

	(void)state;
	if (!may_load())
		skip();
	in[0] = (struct cbpf_insn){BPF_LD | BPF_B | BPF_ABS, 0, 0, 3};
	for (i = 1; i < CBPF_KERNEL_MAX - 2; i += 2) {
		in[i] = (struct cbpf_insn){BPF_JMP | BPF_JEQ, 0, 1, (uint32_t)i};
		in[i + 1] = (struct cbpf_insn){BPF_JMP | BPF_JA, 0, 0,
					       (uint32_t)(CBPF_KERNEL_MAX - 1 - (i + 2))};
	}
	in[CBPF_KERNEL_MAX - 2] = (struct cbpf_insn){BPF_RET, 0, 0, 0};
	in[CBPF_KERNEL_MAX - 3] = (struct cbpf_insn){BPF_LD | BPF_IMM, 0, 0, 1};
	in[CBPF_KERNEL_MAX - 1] = (struct cbpf_insn){BPF_RET, 0, 0, 1};
	load_classic(&l, in, CBPF_KERNEL_MAX);
	assert_int_equal(bpf_filter_run(l.prog_fd, (const uint8_t *)"\0\0\0\7", 4, &got, NULL), 0);
	assert_int_equal(got, UINT32_MAX);
	assert_int_equal(bpf_filter_run(l.prog_fd, (const uint8_t *)"\0\0\0\6", 4, &got, NULL), 0);
	assert_int_equal(got, 0);
	unload(&l);
}

/* The kernel makes its loads longer before it looks how far jumps go: what is translated, up
 * to the last load that may be jumped over, it takes. */
static void longest_jump(void **state)
{
	struct cbpf_insn *in = calloc(8192, sizeof(*in));
	CLEANUP(freep) struct bpf_insn *best = NULL;
	size_t n, best_n = 0;
	struct loaded l;
	uint32_t got;

	(void)state;
	assert_non_null(in);
	if (!may_load())
		skip();
	for (n = 2000; n < 4096; n++) {
		struct bpf_insn *insns;
		size_t i, m;
		int r;

		for (i = 0; i < n; i++)
			in[i] = (struct cbpf_insn){BPF_LD | BPF_W | BPF_IND, 0, 0, (uint32_t)i % 7};
		in[0] = (struct cbpf_insn){BPF_LD | BPF_W | BPF_LEN, 0, 0, 0};
		in[1] = (struct cbpf_insn){BPF_JMP | BPF_JEQ, 0, 1, 3};
		in[2] = (struct cbpf_insn){BPF_JMP | BPF_JA, 0, 0, (uint32_t)n - 4};
		in[n - 1] = (struct cbpf_insn){BPF_RET, 0, 0, 1};
		r = ebpf_translate(&insns, &m, in, n, 0, NULL);
		if (r < 0) {
			assert_int_equal(r, -E2BIG);
			break;
		}
		free(best);
		best = insns;
		best_n = m;
	}
	assert_in_range(n, 2001, 4095); /* there is a limit, and it was found */
	load(&l, best, best_n);
	assert_int_equal(bpf_filter_run(l.prog_fd, (const uint8_t *)"abc", 3, &got, NULL), 0);
	assert_int_equal(got, UINT32_MAX);
	assert_int_equal(bpf_filter_run(l.prog_fd, (const uint8_t *)"abcdefghij", 10, &got, NULL),
			 0);
	assert_int_equal(got, UINT32_MAX);
	assert_int_equal(bpf_filter_run(l.prog_fd, (const uint8_t *)"abcdefghi", 9, &got, NULL), 0);
	assert_int_equal(got, 0);
	unload(&l);
	free(in);
}

/* Of the frames accepted the socket gets the first bytes. */
static void snaplen_and_lock(void **state)
{
	static const struct cbpf_insn in[] = {
		{BPF_LD | BPF_B | BPF_ABS, 0, 0, 0},
		{BPF_JMP | BPF_JEQ, 0, 1, 'y'},
		{BPF_RET, 0, 0, 1},
		{BPF_RET, 0, 0, 0},
	};
	static const struct sock_filter other = {BPF_RET, 0, 0, 1};
	CLEANUP(freep) struct bpf_insn *insns = NULL;
	struct loaded l;
	int pair[2];
	char got[16];
	size_t n;

	(void)state;
	if (!may_load())
		skip();
	assert_int_equal(ebpf_translate(&insns, &n, in, COUNT(in), 3, NULL), 0);
	load(&l, insns, n);
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), 0);
	assert_int_equal(bpf_filter_attach_classic(pair[1], &other, 1, NULL), 0);
	assert_int_equal(bpf_filter_attach(pair[1], l.prog_fd, NULL), 0);
	assert_int_equal(bpf_filter_lock(pair[1], NULL), 0);
	assert_true(send(pair[0], "no", 2, 0) == 2 || errno == EPERM);
	assert_int_equal(send(pair[0], "yes or no", 9, 0), 9);
	assert_int_equal(recv(pair[1], got, sizeof(got), MSG_DONTWAIT), 3);
	assert_memory_equal(got, "yes", 3);
	assert_int_equal(recv(pair[1], got, sizeof(got), MSG_DONTWAIT), -1);
	assert_int_equal(bpf_filter_attach_classic(pair[1], &other, 1, NULL), -EPERM);
	assert_int_equal(counter(&l, EBPF_SEEN), 2);
	assert_int_equal(counter(&l, EBPF_REJECTED), 1);
	unload(&l);
	/* the program lives on with the socket */
	assert_int_equal(send(pair[0], "yes", 3, 0), 3);
	close(pair[0]);
	close(pair[1]);
}

/* A network namespace of its own with a tap device: what is written to 'fd' is received by
 * 'sock', which also sees what 'out' sends. */
struct tap {
	int back, fd, sock, out, ifindex;
};

static void write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

/* False where no namespace or device may be made. */
static bool tap_open(struct tap *t)
{
	struct ifreq r = {.ifr_name = "trawltap", .ifr_flags = IFF_TAP | IFF_NO_PI};
	int on = 1;

	t->fd = -1;
	t->back = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (t->back < 0 || unshare(CLONE_NEWNET) < 0) {
		print_message("skipped: no network namespace: %s\n", strerror(errno));
		closep(&t->back);
		return false;
	}
	t->fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	if (t->fd < 0) {
		print_message("skipped: no tap device: %s\n", strerror(errno));
		setns(t->back, CLONE_NEWNET);
		closep(&t->back);
		return false;
	}
	/* or the kernel sends frames of its own */
	write_text("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
	assert_int_equal(ioctl(t->fd, TUNSETIFF, &r), 0);
	t->sock = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	t->out = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	assert_true(t->sock >= 0 && t->out >= 0);
	assert_int_equal(ioctl(t->sock, SIOCGIFINDEX, &r), 0);
	t->ifindex = r.ifr_ifindex;
	r.ifr_flags = IFF_UP | IFF_NOARP;
	assert_int_equal(ioctl(t->sock, SIOCSIFFLAGS, &r), 0);
	assert_int_equal(setsockopt(t->sock, SOL_PACKET, PACKET_AUXDATA, &on, sizeof(on)), 0);
	return true;
}

static void tap_close(struct tap *t)
{
	close(t->sock);
	close(t->out);
	close(t->fd);
	assert_int_equal(setns(t->back, CLONE_NEWNET), 0);
	close(t->back);
}

static void tap_start(struct tap *t, const struct filter_kernel *k, const struct loaded *l,
		      bool classic)
{
	const struct sock_filter *p = (const struct sock_filter *)k->classic;
	struct sockaddr_ll a = {.sll_family = AF_PACKET,
				.sll_protocol = htons(ETH_P_ALL),
				.sll_ifindex = t->ifindex};

	if (classic)
		assert_int_equal(bpf_filter_attach_classic(t->sock, p, k->classic_n, NULL), 0);
	else
		assert_int_equal(bpf_filter_attach(t->sock, l->prog_fd, NULL), 0);
	assert_int_equal(bind(t->sock, (struct sockaddr *)&a, sizeof(a)), 0);
}

/* In or out through the device. */
static void tap_pass(struct tap *t, const uint8_t *frame, size_t len, bool out)
{
	struct sockaddr_ll a = {.sll_family = AF_PACKET, .sll_ifindex = t->ifindex};

	if (out)
		assert_int_equal(sendto(t->out, frame, len, 0, (struct sockaddr *)&a, sizeof(a)),
				 len);
	else
		assert_int_equal(write(t->fd, frame, len), len);
}

/* One frame as on the wire, its tag put back where the kernel had taken it; -1: none there. */
static long tap_receive(struct tap *t, uint8_t *ret, size_t size, bool *ret_tagged)
{
	char control[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
	struct iovec v = {ret, size};
	struct msghdr h = {.msg_iov = &v,
			   .msg_iovlen = 1,
			   .msg_control = control,
			   .msg_controllen = sizeof(control)};
	long n = recvmsg(t->sock, &h, MSG_DONTWAIT);
	struct tpacket_auxdata aux;

	if (n < 0)
		return -1;
	assert_non_null(CMSG_FIRSTHDR(&h));
	memcpy(&aux, CMSG_DATA(CMSG_FIRSTHDR(&h)), sizeof(aux));
	*ret_tagged = aux.tp_status & TP_STATUS_VLAN_VALID;
	if (!*ret_tagged)
		return n;
	memmove(ret + 16, ret + 12, (size_t)n - 12);
	be16_store(ret + 12, aux.tp_vlan_tpid);
	be16_store(ret + 14, aux.tp_vlan_tci);
	return n + 4;
}

/* A UDP packet of IPv4 behind these tags (type and TCI), RFC 791, RFC 768, 802.1Q. */
static size_t make_frame(uint8_t *ret, const uint16_t (*tags)[2], size_t n_tags, uint16_t port,
			 size_t payload)
{
	size_t n = 12, i;

	memset(ret, 0, 42 + 4 * n_tags + payload);
	memset(ret, 0xff, 6);
	ret[11] = 1;
	for (i = 0; i < n_tags; i++, n += 4) {
		be16_store(ret + n, tags[i][0]);
		be16_store(ret + n + 2, tags[i][1]);
	}
	be16_store(ret + n, 0x800);
	n += 2;
	ret[n] = 0x45;
	be16_store(ret + n + 2, (uint16_t)(28 + payload));
	ret[n + 8] = 64;
	ret[n + 9] = 17;
	be16_store(ret + n + 20, 9);
	be16_store(ret + n + 22, port);
	be16_store(ret + n + 24, (uint16_t)(8 + payload));
	return n + 28 + payload;
}

/* Tags and ports, with the tag beside the frame or inside; see live(). */
static const uint16_t tags[][3][2] = {
	{{0}},
	{{0x8100, 5}},
	{{0x8100, 0x6005}},
	{{0x8100, 6}},
	{{0x8100, 0}},
	{{0x88a8, 10}, {0x8100, 5}},
	{{0x8100, 5}, {0x8100, 10}},
	{{0x88a8, 5}},
	{{0x9100, 5}}, /* no tag for Linux: stays inside */
	{{0x8100, 1}, {0x8100, 2}, {0x8100, 3}},
};

static void live_one(struct tap *t, const char *expr, bool classic)
{
	CLEANUP(filter_freep) struct filter *f = NULL;
	CLEANUP(filter_kernel_done) struct filter_kernel k = {0};
	uint64_t sent = 0, passed = 0, undecided = 0, got = 0;
	struct loaded l;
	size_t i, j;

	assert_int_equal(filter_new(&f, expr, NULL), 0);
	assert_int_equal(filter_kernel(&k, f, 1, 0, NULL), 0);
	load(&l, k.ebpf, k.ebpf_n);
	tap_start(t, &k, &l, classic);
	for (i = 0; i < COUNT(tags); i++)
		for (j = 0; j < 12; j++) {
			size_t n_tags = 0, len;
			uint8_t frame[2048], back[2048];
			bool pass, tagged = false;
			long n;

			while (n_tags < 3 && tags[i][n_tags][0])
				n_tags++;
			len = make_frame(frame, tags[i], n_tags, j % 2 ? 53 : 80, j / 2 * 200);
			tap_pass(t, frame, len, j / 2 % 2);
			sent++;
			pass = filter_match(f, 1, frame, (uint32_t)len, (uint32_t)len);
			passed += pass;
			n = tap_receive(t, back, sizeof(back), &tagged);
			if (n < 0) {
				assert_false(pass); /* none that passes on a file is lost */
				continue;
			}
			got++;
			undecided += tagged;
			assert_int_equal(n, len);
			assert_memory_equal(back, frame, len);
			/* what the kernel has decided is decided */
			if (!tagged)
				assert_true(pass);
		}
	assert_int_equal(counter(&l, EBPF_SEEN), classic ? 0 : sent);
	assert_int_equal(counter(&l, EBPF_REJECTED), classic ? 0 : sent - got);
	/* "" asks for no tag */
	assert_int_equal(counter(&l, EBPF_UNDECIDED), classic || !*expr ? 0 : undecided);
	assert_in_range(passed, 1, sent);
	assert_true(undecided > 0 && got > 0);
	unload(&l);
}

/* Frames as an interface receives them: the kernel takes the outer tag out of those that have
 * one, and the answers are those on the frames as they were sent. */
static void live(void **state)
{
	static const char *const exprs[] = {
		"",
		"vlan",
		"vlan 5",
		"not vlan",
		"udp port 53",
		"ip",
		"not ip",
		"vlan 5 and vlan",
		"vlan and udp port 53",
		"len > 300",
		"less 60",
		"vlan 10 and vlan 5",
		"ether proto 0x9100",
		"ether[12:2] = 0x8100",
		"not (vlan and udp port 80)",
	};
	size_t i;

	(void)state;
	if (!may_load())
		skip();
	for (i = 0; i < 2 * COUNT(exprs); i++) {
		struct tap t = {0};

		if (!tap_open(&t)) {
			if (i == 0)
				skip();
			fail(); /* it could be opened before */
		}
		live_one(&t, exprs[i / 2], i % 2);
		tap_close(&t);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(refusals),
		cmocka_unit_test(as_interpreted),
		cmocka_unit_test(frame_too_long_to_try),
		cmocka_unit_test(long_program),
		cmocka_unit_test(longest_jump),
		cmocka_unit_test(snaplen_and_lock),
		cmocka_unit_test(live),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
