#include "filter/cbpf.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "filter/cbpf_op.h"

/* Bounds the passes of unwritten_read(); libpcap makes two per 'protochain'. */
#define LOOPS_MAX 256

/* Every code that the kernel knows; all others are refused, also those that
 * differ in bits without meaning. */
static bool code_known(uint16_t code)
{
	switch (code) {
	case OP_LD | OP_W | OP_ABS:
	case OP_LD | OP_H | OP_ABS:
	case OP_LD | OP_B | OP_ABS:
	case OP_LD | OP_W | OP_IND:
	case OP_LD | OP_H | OP_IND:
	case OP_LD | OP_B | OP_IND:
	case OP_LD | OP_W | OP_LEN:
	case OP_LD | OP_IMM:
	case OP_LD | OP_MEM:
	case OP_LDX | OP_W | OP_LEN:
	case OP_LDX | OP_B | OP_MSH:
	case OP_LDX | OP_IMM:
	case OP_LDX | OP_MEM:
	case OP_ST:
	case OP_STX:
	case OP_ALU | OP_ADD | OP_K:
	case OP_ALU | OP_ADD | OP_X:
	case OP_ALU | OP_SUB | OP_K:
	case OP_ALU | OP_SUB | OP_X:
	case OP_ALU | OP_MUL | OP_K:
	case OP_ALU | OP_MUL | OP_X:
	case OP_ALU | OP_DIV | OP_K:
	case OP_ALU | OP_DIV | OP_X:
	case OP_ALU | OP_MOD | OP_K:
	case OP_ALU | OP_MOD | OP_X:
	case OP_ALU | OP_AND | OP_K:
	case OP_ALU | OP_AND | OP_X:
	case OP_ALU | OP_OR | OP_K:
	case OP_ALU | OP_OR | OP_X:
	case OP_ALU | OP_XOR | OP_K:
	case OP_ALU | OP_XOR | OP_X:
	case OP_ALU | OP_LSH | OP_K:
	case OP_ALU | OP_LSH | OP_X:
	case OP_ALU | OP_RSH | OP_K:
	case OP_ALU | OP_RSH | OP_X:
	case OP_ALU | OP_NEG:
	case OP_JMP | OP_JA:
	case OP_JMP | OP_JEQ | OP_K:
	case OP_JMP | OP_JEQ | OP_X:
	case OP_JMP | OP_JGT | OP_K:
	case OP_JMP | OP_JGT | OP_X:
	case OP_JMP | OP_JGE | OP_K:
	case OP_JMP | OP_JGE | OP_X:
	case OP_JMP | OP_JSET | OP_K:
	case OP_JMP | OP_JSET | OP_X:
	case OP_RET | OP_K:
	case OP_RET | OP_A:
	case OP_MISC | OP_TAX:
	case OP_MISC | OP_TXA:
		return true;
	default:
		return false;
	}
}

static bool is_class(const struct cbpf_insn *i, unsigned class)
{
	return (i->code & 0x07) == class;
}

static bool is_ja(const struct cbpf_insn *i)
{
	return i->code == (OP_JMP | OP_JA);
}

/* Where a 'ja' at 'pc' goes, SIZE_MAX when outside. */
static size_t ja_target(const struct cbpf_insn *p, size_t n, size_t pc)
{
	int64_t to = (int64_t)pc + 1 + (int32_t)p[pc].k;

	return to < 0 || to >= (int64_t)n ? SIZE_MAX : (size_t)to;
}

static const char *insn_fault(const struct cbpf_insn *p, size_t n, size_t pc, unsigned flags)
{
	const struct cbpf_insn *i = &p[pc];

	if (!code_known(i->code))
		return "unknown instruction";
	switch (i->code) {
	case OP_ALU | OP_DIV | OP_K:
	case OP_ALU | OP_MOD | OP_K:
		return i->k ? NULL : "division by zero";
	case OP_ALU | OP_LSH | OP_K:
	case OP_ALU | OP_RSH | OP_K:
		return i->k < 32 ? NULL : "shift by more than 31 bits";
	case OP_LD | OP_MEM:
	case OP_LDX | OP_MEM:
	case OP_ST:
	case OP_STX:
		return i->k < OP_MEM_WORDS ? NULL : "outside of the scratch memory";
	case OP_LD | OP_W | OP_ABS:
	case OP_LD | OP_H | OP_ABS:
	case OP_LD | OP_B | OP_ABS:
	case OP_LDX | OP_B | OP_MSH:
		return i->k < CBPF_KERNEL_DATA ? NULL : "loads what only the kernel knows";
	case OP_JMP | OP_JA:
		if (ja_target(p, n, pc) == SIZE_MAX)
			return "jump out of the program";
		return flags & CBPF_LOOPS || (int32_t)i->k >= 0 ? NULL : "jump back";
	default:
		break;
	}
	if (is_class(i, OP_JMP) && (pc + 1 + i->jt >= n || pc + 1 + i->jf >= n))
		return "jump out of the program";
	return NULL;
}

/* Passes the set of words surely written on to an instruction; true if that
 * takes anything from what a loop's head was judged with before. */
static bool flow_to(uint16_t *written, size_t from, size_t to, uint16_t set)
{
	bool back = to <= from && (written[to] & set) != written[to];

	written[to] &= set;
	return back;
}

/* Forward jumps need one pass in order, each jump back perhaps another: sets
 * only shrink, so this ends. */
static size_t unwritten_read(const struct cbpf_insn *p, size_t n, uint16_t *written)
{
	bool again = true;
	size_t pc;

	memset(written, 0xff, n * sizeof(written[0]));
	written[0] = 0;
	while (again) {
		again = false;
		for (pc = 0; pc < n; pc++) {
			const struct cbpf_insn *i = &p[pc];
			uint16_t set = written[pc];

			if (i->code == (OP_LD | OP_MEM) || i->code == (OP_LDX | OP_MEM)) {
				if (!(set >> i->k & 1))
					return pc;
			} else if (is_class(i, OP_ST) || is_class(i, OP_STX)) {
				set |= (uint16_t)(1u << i->k);
			}
			if (is_ja(i)) {
				again |= flow_to(written, pc, ja_target(p, n, pc), set);
			} else if (is_class(i, OP_JMP)) {
				flow_to(written, pc, pc + 1 + i->jt, set);
				flow_to(written, pc, pc + 1 + i->jf, set);
			} else if (!is_class(i, OP_RET)) {
				flow_to(written, pc, pc + 1, set);
			}
		}
	}
	return SIZE_MAX;
}

/* The first instruction that may read scratch memory never written; SIZE_MAX:
 * there is none. */
static int find_unwritten(const struct cbpf_insn *p, size_t n, size_t *ret)
{
	CLEANUP(freep) uint16_t *written = malloc(n * sizeof(written[0]));

	if (!written)
		return -ENOMEM;
	*ret = unwritten_read(p, n, written);
	return 0;
}

int cbpf_check(const struct cbpf_insn *p, size_t n, unsigned flags, struct err *err)
{
	size_t pc, loops = 0;
	bool reads = false;

	if (!n)
		return err_set(err, -EINVAL, "the program is empty");
	if (n > CBPF_INSNS_MAX)
		return err_set(err, -E2BIG, "the program has %zu instructions, more than %d", n,
			       CBPF_INSNS_MAX);
	for (pc = 0; pc < n; pc++) {
		const char *fault = insn_fault(p, n, pc, flags);

		if (fault)
			return err_set(err, -EINVAL, "instruction %zu: %s", pc, fault);
		reads |= p[pc].code == (OP_LD | OP_MEM) || p[pc].code == (OP_LDX | OP_MEM);
		loops += is_ja(&p[pc]) && (int32_t)p[pc].k < 0;
	}
	if (loops > LOOPS_MAX)
		return err_set(err, -E2BIG, "the program has %zu loops, more than %d", loops,
			       LOOPS_MAX);
	if (!is_class(&p[n - 1], OP_RET))
		return err_set(err, -EINVAL, "instruction %zu: the last one must be a return",
			       n - 1);
	if (!reads || flags & CBPF_UNWRITTEN)
		return 0;
	if (find_unwritten(p, n, &pc) < 0)
		return err_set(err, -ENOMEM, "out of memory");
	if (pc != SIZE_MAX)
		return err_set(err, -EINVAL, "instruction %zu: reads scratch memory never written",
			       pc);
	return 0;
}
