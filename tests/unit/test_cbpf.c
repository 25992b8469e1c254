/* The oracle is libpcap's interpreter, bpf_filter(), and for the check the
 * rules of Linux, Documentation/networking/filter.rst and net/core/filter.c
 * (bpf_check_classic, check_load_and_stores). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pcap/pcap.h>

#include "../fuzz/cbpf_mend.h"
#include "filter/cbpf.h"
#include "rnd.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#define RET(value)                                                                                 \
	{                                                                                          \
		BPF_RET | BPF_K, 0, 0, value                                                       \
	}

static void checks(void **state)
{
	/* clang-format off */
	static const struct {
		struct cbpf_insn p[4];
		size_t n;
		unsigned flags;
		const char *error; /* NULL: fine */
	} cases[] = {
		{{RET(1)}, 0, 0, "the program is empty"},
		{{RET(1)}, 1, 0, NULL},
		{{{BPF_RET | BPF_A, 0, 0, 0}}, 1, 0, NULL},
		{{{BPF_RET | BPF_X, 0, 0, 0}}, 1, 0, "instruction 0: unknown instruction"},
		{{{0xffff, 0, 0, 0}, RET(1)}, 2, 0, "instruction 0: unknown instruction"},
		{{{BPF_LD | BPF_B | BPF_MSH, 0, 0, 0}, RET(1)}, 2, 0, "instruction 0: unknown instruction"},
		{{{BPF_LD | BPF_IMM, 0, 0, 0}}, 1, 0, "instruction 0: the last one must be a return"},
		{{{BPF_JMP | BPF_JA, 0, 0, 0}, RET(1)}, 2, 0, NULL},
		{{{BPF_JMP | BPF_JA, 0, 0, 1}, RET(1)}, 2, 0, "instruction 0: jump out of the program"},
		{{{BPF_JMP | BPF_JA, 0, 0, 0x7fffffff}, RET(1)}, 2, 0, "instruction 0: jump out of the program"},
		{{{BPF_JMP | BPF_JA, 0, 0, -1u}, RET(1)}, 2, 0, "instruction 0: jump back"},
		{{{BPF_JMP | BPF_JA, 0, 0, -1u}, RET(1)}, 2, CBPF_LOOPS, NULL},
		{{{BPF_JMP | BPF_JA, 0, 0, -2u}, RET(1)}, 2, CBPF_LOOPS, "instruction 0: jump out of the program"},
		{{{BPF_JMP | BPF_JA, 0, 0, 0x80000000}, RET(1)}, 2, CBPF_LOOPS, "instruction 0: jump out of the program"},
		{{{BPF_JMP | BPF_JEQ, 0, 1, 0}, RET(1), RET(0)}, 3, 0, NULL},
		{{{BPF_JMP | BPF_JEQ, 2, 0, 0}, RET(1), RET(0)}, 3, 0, "instruction 0: jump out of the program"},
		{{{BPF_JMP | BPF_JEQ, 0, 255, 0}, RET(1), RET(0)}, 3, 0, "instruction 0: jump out of the program"},
		{{{BPF_ALU | BPF_DIV, 0, 0, 0}, RET(1)}, 2, 0, "instruction 0: division by zero"},
		{{{BPF_ALU | BPF_MOD, 0, 0, 0}, RET(1)}, 2, 0, "instruction 0: division by zero"},
		{{{BPF_ALU | BPF_DIV | BPF_X, 0, 0, 0}, RET(1)}, 2, 0, NULL},
		{{{BPF_ALU | BPF_LSH, 0, 0, 31}, RET(1)}, 2, 0, NULL},
		{{{BPF_ALU | BPF_LSH, 0, 0, 32}, RET(1)}, 2, 0, "instruction 0: shift by more than 31 bits"},
		{{{BPF_ALU | BPF_RSH, 0, 0, -1u}, RET(1)}, 2, 0, "instruction 0: shift by more than 31 bits"},
		{{{BPF_ST, 0, 0, 15}, {BPF_LD | BPF_MEM, 0, 0, 15}, RET(1)}, 3, 0, NULL},
		{{{BPF_ST, 0, 0, 16}, RET(1)}, 2, 0, "instruction 0: outside of the scratch memory"},
		{{{BPF_STX, 0, 0, -1u}, RET(1)}, 2, 0, "instruction 0: outside of the scratch memory"},
		{{{BPF_LD | BPF_MEM, 0, 0, 16}, RET(1)}, 2, 0, "instruction 0: outside of the scratch memory"},
		{{{BPF_LDX | BPF_MEM, 0, 0, 3}, RET(1)}, 2, 0, "instruction 0: reads scratch memory never written"},
		/* written on one of two ways only */
		{{{BPF_JMP | BPF_JEQ, 0, 1, 0}, {BPF_ST, 0, 0, 3}, {BPF_LD | BPF_MEM, 0, 0, 3}, RET(1)},
		 4, 0, "instruction 2: reads scratch memory never written"},
		{{{BPF_LD | BPF_W | BPF_ABS, 0, 0, 0xffdfffff}, RET(1)}, 2, 0, NULL},
		{{{BPF_LD | BPF_W | BPF_ABS, 0, 0, 0xfffff004}, RET(1)}, 2, 0, "instruction 0: loads what only the kernel knows"},
		{{{BPF_LDX | BPF_B | BPF_MSH, 0, 0, 0xffe00000}, RET(1)}, 2, 0, "instruction 0: loads what only the kernel knows"},
	};
	/* clang-format on */
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct err err = {0};
		int r = cbpf_check(cases[i].p, cases[i].n, cases[i].flags, &err);

		if (cases[i].error) {
			assert_int_not_equal(r, 0);
			assert_string_equal(err.text, cases[i].error);
		} else if (r < 0) {
			fail_msg("case %zu: %s", i, err.text);
		}
	}
}

/* A word written before a loop is written in it; one written behind is not. */
static void checks_loops(void **state)
{
	static const struct cbpf_insn fine[] = {
		{BPF_ST, 0, 0, 2},
		{BPF_LD | BPF_MEM, 0, 0, 2},
		{BPF_JMP | BPF_JEQ, 1, 0, 7},
		{BPF_JMP | BPF_JA, 0, 0, -3u},
		RET(1),
	};
	static const struct cbpf_insn bad[] = {
		{BPF_JMP | BPF_JA, 0, 0, 2}, {BPF_LD | BPF_MEM, 0, 0, 2},   RET(1),
		{BPF_LD | BPF_IMM, 0, 0, 2}, {BPF_JMP | BPF_JA, 0, 0, -4u}, RET(1),
	};
	struct err err = {0};

	(void)state;
	assert_int_equal(cbpf_check(fine, COUNT(fine), CBPF_LOOPS, &err), 0);
	assert_int_not_equal(cbpf_check(bad, COUNT(bad), CBPF_LOOPS, &err), 0);
	assert_string_equal(err.text, "instruction 1: reads scratch memory never written");
}

static void too_long(void **state)
{
	struct cbpf_insn *p = calloc(CBPF_INSNS_MAX + 1, sizeof(*p));
	struct err err;
	size_t i;

	(void)state;
	assert_non_null(p);
	for (i = 0; i <= CBPF_INSNS_MAX; i++)
		p[i] = (struct cbpf_insn)RET(1);
	assert_int_equal(cbpf_check(p, CBPF_INSNS_MAX, 0, &err), 0);
	assert_int_not_equal(cbpf_check(p, CBPF_INSNS_MAX + 1, 0, &err), 0);
	assert_string_equal(err.text, "the program has 131073 instructions, more than 131072");
	free(p);
}

/* A loop without end ends. */
static void endless(void **state)
{
	static const struct cbpf_insn p[] = {{BPF_JMP | BPF_JA, 0, 0, -1u}, RET(1)};
	static const uint8_t frame[64];
	struct cbpf *b;

	(void)state;
	assert_int_equal(cbpf_new(&b, p, COUNT(p), NULL), 0);
	assert_int_equal(cbpf_run(b, frame, sizeof(frame), sizeof(frame)), 0);
	assert_int_equal(cbpf_run(b, frame, 0, 0), 0);
	cbpf_free(b);
}

static void memory_begins_as_zeros(void **state)
{
	static const struct cbpf_insn p[] = {
		{BPF_LD | BPF_IMM, 0, 0, 7},
		{BPF_LD | BPF_MEM, 0, 0, 3},
		{BPF_ALU | BPF_ADD, 0, 0, 5},
		{BPF_RET | BPF_A, 0, 0, 0},
	};
	struct cbpf *b;

	(void)state;
	assert_int_not_equal(cbpf_check(p, COUNT(p), CBPF_LOOPS, NULL), 0);
	assert_int_equal(cbpf_check(p, COUNT(p), CBPF_UNWRITTEN, NULL), 0);
	assert_int_equal(cbpf_new(&b, p, COUNT(p), NULL), 0);
	assert_int_equal(cbpf_run(b, NULL, 0, 0), 5);
	cbpf_free(b);
}

static uint32_t rnd_k(void)
{
	switch (rnd(8)) {
	case 0:
		return rnd(0x7fffffff) * 2 + rnd(2);
	case 1:
		return -rnd(4);
	default:
		return rnd(24);
	}
}

static size_t rnd_program(struct cbpf_insn *p, size_t max)
{
	size_t n = 2 + rnd((uint32_t)max - 2), i;

	for (i = 0; i + 1 < n; i++) {
		uint32_t left = (uint32_t)(n - i - 1);

		p[i].code = cbpf_codes[rnd(CBPF_CODES)];
		p[i].jt = (uint8_t)rnd(left);
		p[i].jf = (uint8_t)rnd(left);
		p[i].k = p[i].code == (BPF_JMP | BPF_JA) ? rnd(left) : rnd_k();
	}
	p[n - 1] = (struct cbpf_insn){rnd(2) ? BPF_RET | BPF_A : BPF_RET | BPF_K, 0, 0, 96};
	return n;
}

static void agrees(const struct cbpf *b, const struct cbpf_insn *p, const uint8_t *frame,
		   uint32_t size)
{
	uint32_t cut;

	for (cut = 0; cut <= size; cut++) {
		/* in its own memory, so that a read beyond shows under ASan */
		uint8_t *copy = malloc(cut ? cut : 1);
		uint32_t want, got;

		assert_non_null(copy);
		memcpy(copy, frame, cut);
		want = bpf_filter((const struct bpf_insn *)p, copy, size, cut);
		got = cbpf_run(b, copy, cut, size);
		free(copy);
		assert_int_equal(got, want);
	}
}

static void random_programs(void **state)
{
	struct cbpf_insn p[40];
	uint8_t frame[32];
	unsigned tested = 0;
	size_t n, i;

	(void)state;
	while (tested < 20000) {
		struct cbpf *b;

		n = rnd_program(p, COUNT(p));
		/* what libpcap 1.10.3 reads unwritten is anything */
		if (cbpf_check(p, n, CBPF_LOOPS, NULL) < 0)
			continue;
		assert_int_equal(cbpf_new(&b, p, n, NULL), 0);
		for (i = 0; i < sizeof(frame); i++)
			frame[i] = (uint8_t)rnd(rnd(2) ? 256 : 4);
		agrees(b, p, frame, sizeof(frame));
		cbpf_free(b);
		tested++;
	}
}

/* Ethernet, IPv4, TCP 192.0.2.1:1024 to 198.51.100.2:80, SYN; made by hand after RFC 791 and 9293.
 * Its bytes are varied below. */
static const uint8_t syn[] = {
	0x02, 0,  0, 0, 0,  2, 0x02, 0, 0,   0, 0,    1,    0x08, 0x00, 0x45, 0, 0,    40,
	0,    1,  0, 0, 64, 6, 0,    0, 192, 0, 2,    1,    198,  51,   100,  2, 0x04, 0x00,
	0,    80, 0, 0, 0,  1, 0,    0, 0,   0, 0x50, 0x02, 0xff, 0xff, 0,    0, 0,    0,
};

static void compiled_filters(void **state)
{
	static const char *const filters[] = {
		"tcp",
		"tcp port 80",
		"host 192.0.2.1",
		"ip and not net 198.51.100.0/24",
		"vlan and udp",
		"tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn",
		"ip6 protochain 6",
		"ip protochain 6",
		"portrange 1000-2000 and len > 50",
		"ip[2:2] - ((ip[0]&0xf)<<2) > 3",
		"ether multicast or broadcast",
		"ip6 and tcp port 80",
		"pppoes or mpls",
		"(ip[8] % 3 = 1 or ip[9] ^ 6 = 0) and tcp[4:4] / ip[8] < 7",
		"len % ip[8] = 5",
	};
	pcap_t *pcap = pcap_open_dead(DLT_EN10MB, 262144);
	struct bpf_program prog;
	unsigned accepted = 0;
	size_t i, j, k;

	(void)state;
	for (i = 0; i < COUNT(filters); i++) {
		const struct cbpf_insn *p;
		struct cbpf *b;

		assert_int_equal(pcap_compile(pcap, &prog, filters[i], 1, PCAP_NETMASK_UNKNOWN), 0);
		p = (const struct cbpf_insn *)prog.bf_insns;
		assert_int_equal(cbpf_new(&b, p, prog.bf_len, NULL), 0);
		accepted += cbpf_run(b, syn, sizeof(syn), sizeof(syn)) != 0;
		for (j = 0; j < 400; j++) {
			uint8_t frame[sizeof(syn)];

			memcpy(frame, syn, sizeof(frame));
			for (k = j % 8; k > 0; k--)
				frame[rnd(sizeof(frame))] = (uint8_t)rnd(256);
			if (j % 5 == 1)
				memcpy(frame + 12, "\x86\xdd\x60", 3);
			if (j % 5 == 2)
				memcpy(frame + 12, "\x81\x00\x00\x05\x08\x00\x45", 7);
			agrees(b, p, frame, sizeof(frame));
		}
		cbpf_free(b);
		pcap_freecode(&prog);
	}
	pcap_close(pcap);
	/* By hand: tcp, tcp port 80, host, the flags, ip protochain, portrange, the payload's
	 * length and the one with % and ^ (64 % 3 = 1). */
	assert_int_equal(accepted, 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(checks),
		cmocka_unit_test(checks_loops),
		cmocka_unit_test(too_long),
		cmocka_unit_test(endless),
		cmocka_unit_test(memory_begins_as_zeros),
		cmocka_unit_test(random_programs),
		cmocka_unit_test(compiled_filters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
