/* Makes a program of anything, for tests: what cbpf_check() takes without
 * CBPF_LOOPS.  What is right stays. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <linux/bpf_common.h>
#include <linux/filter.h>

#include "filter/cbpf.h"

static const uint16_t cbpf_codes[] = {
	BPF_LD | BPF_W | BPF_ABS,
	BPF_LD | BPF_H | BPF_ABS,
	BPF_LD | BPF_B | BPF_ABS,
	BPF_LD | BPF_W | BPF_IND,
	BPF_LD | BPF_H | BPF_IND,
	BPF_LD | BPF_B | BPF_IND,
	BPF_LD | BPF_W | BPF_LEN,
	BPF_LD | BPF_IMM,
	BPF_LD | BPF_MEM,
	BPF_LDX | BPF_W | BPF_LEN,
	BPF_LDX | BPF_B | BPF_MSH,
	BPF_LDX | BPF_IMM,
	BPF_LDX | BPF_MEM,
	BPF_ST,
	BPF_STX,
	BPF_ALU | BPF_ADD,
	BPF_ALU | BPF_SUB,
	BPF_ALU | BPF_MUL,
	BPF_ALU | BPF_DIV,
	BPF_ALU | BPF_MOD,
	BPF_ALU | BPF_AND,
	BPF_ALU | BPF_OR,
	BPF_ALU | BPF_XOR,
	BPF_ALU | BPF_LSH,
	BPF_ALU | BPF_RSH,
	BPF_ALU | BPF_NEG,
	BPF_ALU | BPF_ADD | BPF_X,
	BPF_ALU | BPF_SUB | BPF_X,
	BPF_ALU | BPF_MUL | BPF_X,
	BPF_ALU | BPF_DIV | BPF_X,
	BPF_ALU | BPF_MOD | BPF_X,
	BPF_ALU | BPF_AND | BPF_X,
	BPF_ALU | BPF_OR | BPF_X,
	BPF_ALU | BPF_XOR | BPF_X,
	BPF_ALU | BPF_LSH | BPF_X,
	BPF_ALU | BPF_RSH | BPF_X,
	BPF_JMP | BPF_JA,
	BPF_JMP | BPF_JEQ,
	BPF_JMP | BPF_JGT,
	BPF_JMP | BPF_JGE,
	BPF_JMP | BPF_JSET,
	BPF_JMP | BPF_JEQ | BPF_X,
	BPF_JMP | BPF_JGT | BPF_X,
	BPF_JMP | BPF_JGE | BPF_X,
	BPF_JMP | BPF_JSET | BPF_X,
	BPF_RET | BPF_K,
	BPF_RET | BPF_A,
	BPF_MISC | BPF_TAX,
	BPF_MISC | BPF_TXA,
};

#define CBPF_CODES (sizeof(cbpf_codes) / sizeof(cbpf_codes[0]))

static inline void cbpf_mend_one(struct cbpf_insn *i, size_t left)
{
	size_t c;

	for (c = 0; c < CBPF_CODES && cbpf_codes[c] != i->code; c++)
		;
	if (c == CBPF_CODES)
		i->code = cbpf_codes[i->code % CBPF_CODES];
	if (BPF_CLASS(i->code) == BPF_JMP) { /* 'left': instructions behind this one */
		i->jt = (uint8_t)(i->jt % left);
		i->jf = (uint8_t)(i->jf % left);
		if (i->code == (BPF_JMP | BPF_JA))
			i->k %= (uint32_t)left;
	}
	if (BPF_CLASS(i->code) == BPF_ST || BPF_CLASS(i->code) == BPF_STX ||
	    i->code == (BPF_LD | BPF_MEM) || i->code == (BPF_LDX | BPF_MEM))
		i->k %= BPF_MEMWORDS;
	if ((i->code == (BPF_ALU | BPF_DIV) || i->code == (BPF_ALU | BPF_MOD)) && !i->k)
		i->k = 3;
	if (i->code == (BPF_ALU | BPF_LSH) || i->code == (BPF_ALU | BPF_RSH))
		i->k %= 32;
	if ((i->code == (BPF_LDX | BPF_B | BPF_MSH) ||
	     (BPF_CLASS(i->code) == BPF_LD && BPF_MODE(i->code) == BPF_ABS)) &&
	    i->k >= CBPF_KERNEL_DATA)
		i->k -= CBPF_KERNEL_DATA;
}

static inline void cbpf_mend(struct cbpf_insn *p, size_t n)
{
	size_t i;

	for (i = 0; i + 1 < n; i++)
		cbpf_mend_one(&p[i], n - 1 - i);
	if (p[n - 1].code != (BPF_RET | BPF_K) && p[n - 1].code != (BPF_RET | BPF_A))
		p[n - 1].code = BPF_RET | BPF_A;
}
