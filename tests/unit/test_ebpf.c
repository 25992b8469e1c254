/* The oracle is our interpreter of classic programs (which test_cbpf.c holds against
 * libpcap's); programs run on the machine of ebpf_vm.h here, in the kernel in
 * test_bpf.c and tests/filter/oracle.c. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "filter/cbpf.h"
#include "filter/ebpf.h"
#include "cbpf_rnd.h"
#include "ebpf_run.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#define SNAPLEN 77

struct program {
	struct bpf_insn *p;
	size_t n;
};

static void program_done(struct program *p)
{
	free(p->p);
}

static struct program translate(const struct cbpf_insn *in, size_t n)
{
	struct program p = {0};
	struct err err = {0};

	if (ebpf_translate(&p.p, &p.n, in, n, SNAPLEN, &err) < 0)
		fail_msg("%s", err.text);
	if (vm_check(p.p, p.n))
		fail_msg("%s", vm_check(p.p, p.n));
	return p;
}

static uint32_t run(struct ebpf_vm *m, const struct program *p, const void *frame, size_t len)
{
	return run_vm(m, p->p, p->n, frame, len);
}

static void refuses(void **state)
{
	/* clang-format off */
	static const struct {
		struct cbpf_insn p[2];
		size_t n;
		int code;
		const char *error;
	} cases[] = {
		{{{0}}, 0, -EINVAL, "the program is empty"},
		{{{BPF_LD | BPF_IMM, 0, 0, 1}}, 1, -EINVAL, "instruction 0: the last one must be a return"},
		/* SKF_AD_OFF + SKF_AD_VLAN_TAG, linux/filter.h */
		{{{BPF_LD | BPF_W | BPF_ABS, 0, 0, 0xfffff02c}, {BPF_RET, 0, 0, 1}}, 2, -EINVAL,
		 "instruction 0: loads what only the kernel knows"},
		{{{BPF_JMP | BPF_JA, 0, 0, -1u}, {BPF_RET, 0, 0, 1}}, 2, -EOPNOTSUPP,
		 "its program jumps back ('protochain' does), which the kernel does not take"},
	};
	/* clang-format on */
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct bpf_insn *p;
		struct err err;
		size_t n;

		assert_int_equal(ebpf_translate(&p, &n, cases[i].p, cases[i].n, 0, &err),
				 cases[i].code);
		assert_string_equal(err.text, cases[i].error);
	}
}

/* The kernel's jumps are of 16 bits: those over 4096 instructions, as many as it takes of classic
 * ones, fit; 131072 with loads do not. */
static void long_programs(void **state)
{
	struct cbpf_insn *in = calloc(CBPF_INSNS_MAX, sizeof(*in));
	struct ebpf_vm m = {0};
	struct bpf_insn *out;
	struct program p;
	struct err err;
	size_t i, n;

	(void)state;
	assert_non_null(in);
	for (i = 0; i < CBPF_INSNS_MAX; i++)
		in[i] = (struct cbpf_insn){BPF_LDX | BPF_B | BPF_MSH, 0, 0, (uint32_t)i};
	in[CBPF_INSNS_MAX - 1] = (struct cbpf_insn){BPF_RET, 0, 0, 1};
	assert_int_equal(ebpf_translate(&out, &n, in, CBPF_INSNS_MAX, 0, &err), -E2BIG);
	assert_non_null(strstr(err.text, "instructions, and jumps longer than the kernel knows"));

	for (i = 0; i < CBPF_KERNEL_MAX; i++)
		in[i] = (struct cbpf_insn){BPF_LD | BPF_B | BPF_ABS, 0, 0, (uint32_t)i};
	in[0] = (struct cbpf_insn){BPF_LD | BPF_W | BPF_LEN, 0, 0, 0};
	in[1] = (struct cbpf_insn){BPF_JMP | BPF_JEQ, 0, 1, 0}; /* nothing: to the end */
	in[2] = (struct cbpf_insn){BPF_JMP | BPF_JA, 0, 0, CBPF_KERNEL_MAX - 4};
	in[CBPF_KERNEL_MAX - 1] = (struct cbpf_insn){BPF_RET, 0, 0, 1};
	p = translate(in, CBPF_KERNEL_MAX);
	assert_int_equal(run(&m, &p, "", 0), SNAPLEN);
	assert_int_equal(run(&m, &p, "abc", 3), 0);
	assert_int_equal(m.counters[EBPF_REJECTED], 1);
	program_done(&p);
	free(in);
}

static const struct cbpf_insn is_ip[] = {
	/* tcpdump -d ip */
	{BPF_LD | BPF_H | BPF_ABS, 0, 0, 12},
	{BPF_JMP | BPF_JEQ, 0, 1, 0x800},
	{BPF_RET, 0, 0, 262144},
	{BPF_RET, 0, 0, 0},
};

static void counts(void **state)
{
	CLEANUP(program_done) struct program p = translate(is_ip, COUNT(is_ip));
	static const uint8_t ip[14] = {[12] = 8}, other[14] = {[12] = 9};
	struct ebpf_vm m = {0};

	(void)state;
	assert_int_equal(run(&m, &p, ip, 14), SNAPLEN);
	assert_int_equal(run(&m, &p, other, 14), 0);
	assert_int_equal(run(&m, &p, ip, 13), 0); /* cut inside of the load */
	m.vlan_present = 1;
	assert_int_equal(run(&m, &p, other, 14), UINT32_MAX);
	assert_int_equal(run(&m, &p, ip, 0), UINT32_MAX);
	assert_int_equal(m.counters[EBPF_SEEN], 5);
	assert_int_equal(m.counters[EBPF_REJECTED], 2);
	assert_int_equal(m.counters[EBPF_UNDECIDED], 2);
}

/* No tag can change a verdict that comes first; 0 as snaplen is all. */
static void verdict_first(void **state)
{
	static const struct cbpf_insn all = {BPF_RET, 0, 0, 1}, none = {BPF_RET, 0, 0, 0},
				      a = {BPF_RET | BPF_A, 0, 0, 0};
	struct ebpf_vm m = {.vlan_present = 1};
	struct program p;

	(void)state;
	assert_int_equal(ebpf_translate(&p.p, &p.n, &all, 1, 0, NULL), 0);
	assert_int_equal(run(&m, &p, "", 0), UINT32_MAX);
	program_done(&p);
	p = translate(&none, 1);
	assert_int_equal(run(&m, &p, "", 0), 0);
	program_done(&p);
	p = translate(&a, 1); /* A is 0 */
	assert_int_equal(run(&m, &p, "", 0), 0);
	program_done(&p);
	assert_int_equal(m.counters[EBPF_SEEN], 3);
	assert_int_equal(m.counters[EBPF_REJECTED], 2);
	assert_int_equal(m.counters[EBPF_UNDECIDED], 0);
}

static size_t count_code(const struct program *p, unsigned code)
{
	size_t i, n = 0;

	for (i = 0; i < p->n; i++)
		n += p->p[i].code == code;
	return n;
}

/* A frame known to be long enough is not asked again. */
static void length_is_asked_once(void **state)
{
	static const struct cbpf_insn in[] = {
		{BPF_LD | BPF_W | BPF_ABS, 0, 0, 30},  {BPF_ST, 0, 0, 1},
		{BPF_LD | BPF_W | BPF_ABS, 0, 0, 26},  {BPF_JMP | BPF_JEQ, 0, 1, 7},
		{BPF_LD | BPF_H | BPF_ABS, 0, 0, 32},  {BPF_LD | BPF_B | BPF_ABS, 0, 0, 34},
		{BPF_LDX | BPF_B | BPF_MSH, 0, 0, 14}, {BPF_RET, 0, 0, 1},
	};
	CLEANUP(program_done) struct program p = translate(in, COUNT(in));

	(void)state;
	assert_int_equal(count_code(&p, BPF_JMP32 | BPF_JLT | BPF_K), 2); /* for 34 and 35 bytes */
}

static void leaves_dead_code_out(void **state)
{
	static const struct cbpf_insn in[] = {
		{BPF_LD | BPF_IMM, 0, 0, 5},
		{BPF_JMP | BPF_JEQ, 1, 1, 5},
		{BPF_ALU | BPF_NEG, 0, 0, 0},
		/* never inside: what follows is dead, too */
		{BPF_LD | BPF_B | BPF_ABS, 0, 0, 0x80000000},
		{BPF_RET, 0, 0, 1},
	};
	CLEANUP(program_done) struct program p = translate(in, COUNT(in));
	struct ebpf_vm m = {0};

	(void)state;
	assert_int_equal(count_code(&p, BPF_ALU | BPF_NEG), 0);
	assert_int_equal(run(&m, &p, "abcd", 4), 0);
	assert_int_equal(m.counters[EBPF_REJECTED], 1);
}

/* Offsets are of 64 bits: what wraps around is not the frame's start (nor, in the
 * kernel, data that is not the frame's at all). */
static void offsets_do_not_wrap(void **state)
{
	static const uint32_t xs[] = {0, 1, 0x7fffffff, 0x80000000, 0xffe00000, 0xfffff030, -1u};
	struct ebpf_vm m = {0};
	uint64_t rejected = 0;
	size_t i, k;

	(void)state;
	for (i = 0; i < COUNT(xs); i++)
		for (k = 0; k < COUNT(xs); k++) {
			struct cbpf_insn in[] = {
				{BPF_LDX | BPF_IMM, 0, 0, xs[i]},
				{BPF_LD | BPF_B | BPF_IND, 0, 0, xs[k]},
				{BPF_RET, 0, 0, 1},
			};
			struct program p = translate(in, COUNT(in));
			bool inside = xs[i] + (uint64_t)xs[k] < 2;

			assert_int_equal(run(&m, &p, "ab", 2), inside ? SNAPLEN : 0);
			rejected += !inside;
			program_done(&p);
		}
	assert_int_equal(m.counters[EBPF_REJECTED], rejected);
	assert_int_equal(rejected, COUNT(xs) * COUNT(xs) - 3); /* 0+0, 0+1, 1+0 */
}

static void as_interpreted(void **state)
{
	unsigned round, passed = 0, total = 0;

	(void)state;
	for (round = 0; round < 20000; round++) {
		struct cbpf_insn in[48];
		size_t n = rnd_program(in, COUNT(in));
		CLEANUP(program_done) struct program p = translate(in, n);
		CLEANUP(cbpf_freep) struct cbpf *b = NULL;
		struct ebpf_vm m = {0};
		uint64_t rejected = 0;
		uint8_t frame[40];
		size_t i;

		for (i = 0; i < sizeof(frame); i++)
			frame[i] = (uint8_t)(rnd_any() % 3 ? rnd_any() % 8 : rnd_any());
		assert_int_equal(cbpf_new(&b, in, n, NULL), 0);
		for (i = 0; i <= sizeof(frame); i++) {
			bool own = cbpf_run(b, frame, (uint32_t)i, (uint32_t)i);

			assert_int_equal(run(&m, &p, frame, i), own ? SNAPLEN : 0);
			rejected += !own;
			passed += own;
			total++;
		}
		assert_int_equal(m.counters[EBPF_SEEN], sizeof(frame) + 1);
		assert_int_equal(m.counters[EBPF_REJECTED], rejected);
	}
	assert_in_range(passed, total / 10, total / 10 * 9); /* both happen */
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses),
		cmocka_unit_test(long_programs),
		cmocka_unit_test(counts),
		cmocka_unit_test(verdict_first),
		cmocka_unit_test(length_is_asked_once),
		cmocka_unit_test(leaves_dead_code_out),
		cmocka_unit_test(offsets_do_not_wrap),
		cmocka_unit_test(as_interpreted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
