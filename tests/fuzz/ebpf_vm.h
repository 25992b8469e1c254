/* A machine for the eBPF programs of filter/ebpf.h, for tests: what Linux'
 * Documentation/bpf/standardization/instruction-set.rst says of the instructions that they
 * are made of, and as suspicious as its verifier: nothing is read that was not written, loads
 * lie inside of the frame, each instruction is reached by some way and jumps go ahead. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <linux/bpf.h>

#include "base/bytes.h"
#include "filter/ebpf.h"

#define VM_STACK 512

struct ebpf_vm {
	const uint8_t *frame;
	uint32_t len;
	uint32_t vlan_present;
	uint64_t counters[EBPF_COUNTERS];

	uint64_t reg[11];
	uint8_t stack[VM_STACK];
	unsigned written_regs;        /* a bit each */
	bool written_stack[VM_STACK]; /* bytes */
	const char *fault;            /* NULL: all is well */
};

/* What a register holds that is no number; far from all that programs calculate. */
#define VM_CTX   (UINT64_C(1) << 60)
#define VM_MAP   (UINT64_C(2) << 60)
#define VM_FRAME (UINT64_C(3) << 60) /* the end of the stack, R10 */

static inline uint64_t vm_get(struct ebpf_vm *m, unsigned r)
{
	if (r > 10 || !(m->written_regs >> r & 1)) {
		m->fault = "reads a register never written";
		return 0;
	}
	return m->reg[r];
}

static inline void vm_set(struct ebpf_vm *m, unsigned r, uint64_t v)
{
	if (r > 9) {
		m->fault = "writes a register that is not its own";
		return;
	}
	m->reg[r] = v;
	m->written_regs |= 1u << r;
}

static inline bool vm_on_stack(struct ebpf_vm *m, uint64_t addr, size_t *ret)
{
	*ret = VM_STACK - (size_t)(VM_FRAME - addr);
	if (addr < VM_FRAME && VM_FRAME - addr <= VM_STACK && addr % 4 == 0)
		return true;
	m->fault = "an address that is not its own";
	return false;
}

/* The only loads: words of the context and of the stack. */
static inline uint64_t vm_load(struct ebpf_vm *m, uint64_t addr)
{
	uint32_t v = 0;
	size_t at;

	if (addr == VM_CTX + offsetof(struct __sk_buff, len))
		return m->len;
	if (addr == VM_CTX + offsetof(struct __sk_buff, vlan_present))
		return m->vlan_present;
	if (!vm_on_stack(m, addr, &at))
		return 0;
	if (!m->written_stack[at])
		m->fault = "reads a word of the stack never written";
	memcpy(&v, m->stack + at, sizeof(v));
	return v;
}

static inline void vm_store(struct ebpf_vm *m, uint64_t addr, uint32_t v)
{
	size_t at;

	if (!vm_on_stack(m, addr, &at))
		return;
	memcpy(m->stack + at, &v, sizeof(v));
	m->written_stack[at] = true;
}

static inline void vm_atomic_add(struct ebpf_vm *m, uint64_t addr, uint64_t v)
{
	if (addr < VM_MAP || addr % 8 || addr - VM_MAP >= sizeof(m->counters))
		m->fault = "counts what is no counter";
	else
		m->counters[(addr - VM_MAP) / 8] += v;
}

/* BPF_ABS and BPF_IND: R1 to R5 are lost. */
static inline void vm_packet_load(struct ebpf_vm *m, const struct bpf_insn *i)
{
	uint64_t off = (uint32_t)i->imm;
	unsigned size = BPF_SIZE(i->code) == BPF_W ? 4 : BPF_SIZE(i->code) == BPF_H ? 2 : 1;

	if (vm_get(m, 6) != VM_CTX)
		m->fault = "loads without the context in R6";
	if (BPF_MODE(i->code) == BPF_IND)
		off += vm_get(m, i->src_reg);
	m->written_regs &= ~0x3eu;
	if (off + size > m->len || off > INT32_MAX) {
		m->fault = "a load outside of the frame: it would end uncounted";
		return;
	}
	vm_set(m, 0,
	       size == 4   ? be32_load(m->frame + off)
	       : size == 2 ? be16_load(m->frame + off)
			   : m->frame[off]);
}

static inline uint64_t vm_alu(struct ebpf_vm *m, unsigned op, uint64_t a, uint64_t b, unsigned bits)
{
	uint64_t mask = bits == 32 ? UINT32_MAX : UINT64_MAX;

	if (op != BPF_MOV && bits == 32 && (a > UINT32_MAX || b > UINT32_MAX) &&
	    (a >= VM_CTX || b >= VM_CTX))
		m->fault = "calculates with an address";
	a &= mask;
	b &= mask;
	switch (op) {
	case BPF_ADD:
		return (a + b) & mask;
	case BPF_SUB:
		return (a - b) & mask;
	case BPF_MUL:
		return (a * b) & mask;
	case BPF_DIV:
		return b ? a / b : 0;
	case BPF_MOD:
		return b ? a % b : a;
	case BPF_AND:
		return a & b;
	case BPF_OR:
		return a | b;
	case BPF_XOR:
		return a ^ b;
	case BPF_LSH:
		return (a << (b & (bits - 1))) & mask;
	case BPF_RSH:
		return a >> (b & (bits - 1));
	case BPF_NEG:
		return (0 - a) & mask;
	case BPF_MOV:
		return b;
	default:
		m->fault = "an unknown operation";
		return 0;
	}
}

static inline bool vm_true(struct ebpf_vm *m, unsigned op, uint64_t a, uint64_t b)
{
	switch (op) {
	case BPF_JEQ:
		return a == b;
	case BPF_JNE:
		return a != b;
	case BPF_JGT:
		return a > b;
	case BPF_JGE:
		return a >= b;
	case BPF_JLT:
		return a < b;
	case BPF_JLE:
		return a <= b;
	case BPF_JSET:
		return a & b;
	default:
		m->fault = "an unknown comparison";
		return false;
	}
}

/* Everything but the jumps. */
static inline void vm_step(struct ebpf_vm *m, const struct bpf_insn *i)
{
	unsigned class = BPF_CLASS(i->code);
	uint64_t b = (uint64_t)(int64_t)i->imm;

	if (class == BPF_ALU || class == BPF_ALU64) {
		unsigned op = BPF_OP(i->code);
		uint64_t a = op == BPF_MOV ? 0 : vm_get(m, i->dst_reg);

		if (BPF_SRC(i->code) == BPF_X)
			b = vm_get(m, i->src_reg);
		if (class == BPF_ALU)
			a = (uint32_t)a, b = BPF_SRC(i->code) == BPF_X ? b : (uint32_t)i->imm;
		vm_set(m, i->dst_reg, vm_alu(m, op, a, b, class == BPF_ALU ? 32 : 64));
	} else if (i->code == (BPF_LD | BPF_IMM | BPF_DW)) {
		if (i->src_reg != BPF_PSEUDO_MAP_VALUE || i->imm || i[1].imm)
			m->fault = "not the place for the map";
		vm_set(m, i->dst_reg, VM_MAP);
	} else if (class == BPF_LD) {
		vm_packet_load(m, i);
	} else if (i->code == (BPF_LDX | BPF_MEM | BPF_W)) {
		vm_set(m, i->dst_reg,
		       vm_load(m, vm_get(m, i->src_reg) + (uint64_t)(int64_t)i->off));
	} else if (i->code == (BPF_ST | BPF_MEM | BPF_W)) {
		vm_store(m, vm_get(m, i->dst_reg) + (uint64_t)(int64_t)i->off, (uint32_t)i->imm);
	} else if (i->code == (BPF_STX | BPF_MEM | BPF_W)) {
		vm_store(m, vm_get(m, i->dst_reg) + (uint64_t)(int64_t)i->off,
			 (uint32_t)vm_get(m, i->src_reg));
	} else if (i->code == (BPF_STX | BPF_ATOMIC | BPF_DW) && i->imm == BPF_ADD) {
		vm_atomic_add(m, vm_get(m, i->dst_reg) + (uint64_t)(int64_t)i->off,
			      vm_get(m, i->src_reg));
	} else {
		m->fault = "an unknown instruction";
	}
}

/* Runs a program over 'frame'; the counters go on.  Returns what it returns. */
static inline uint32_t vm_run(struct ebpf_vm *m, const struct bpf_insn *p, size_t n)
{
	size_t pc = 0;

	m->written_regs = 1u << 1 | 1u << 10;
	m->reg[1] = VM_CTX;
	m->reg[10] = VM_FRAME;
	memset(m->written_stack, 0, sizeof(m->written_stack));
	while (!m->fault && pc < n) {
		const struct bpf_insn *i = &p[pc];
		unsigned class = BPF_CLASS(i->code);
		uint64_t a, b;

		pc += i->code == (BPF_LD | BPF_IMM | BPF_DW) ? 2 : 1;
		if (class != BPF_JMP && class != BPF_JMP32) {
			vm_step(m, i);
			continue;
		}
		if (i->code == (BPF_JMP | BPF_EXIT))
			return (uint32_t)vm_get(m, 0);
		if (i->code == (BPF_JMP | BPF_JA)) {
			pc += (size_t)i->off;
			continue;
		}
		a = vm_get(m, i->dst_reg);
		b = BPF_SRC(i->code) == BPF_X ? vm_get(m, i->src_reg) : (uint64_t)(int64_t)i->imm;
		if (class == BPF_JMP32)
			a = (uint32_t)a, b = (uint32_t)b;
		if (vm_true(m, BPF_OP(i->code), a, b))
			pc += (size_t)i->off;
	}
	if (!m->fault)
		m->fault = "runs out of the program";
	return 0;
}

/* What the verifier asks of the way through a program; NULL: it is fine. */
static inline const char *vm_check(const struct bpf_insn *p, size_t n)
{
	bool *reached = calloc(n + 1, sizeof(*reached));
	const char *fault = NULL;
	size_t pc;

	if (!reached)
		abort();
	reached[0] = true;
	for (pc = 0; pc < n && !fault; pc++) {
		unsigned class = BPF_CLASS(p[pc].code);

		if (!reached[pc]) {
			fault = "an instruction that is never reached";
		} else if (class == BPF_JMP || class == BPF_JMP32) {
			if (p[pc].code == (BPF_JMP | BPF_EXIT))
				continue;
			if (p[pc].off < 0 || pc + 1 + (size_t)p[pc].off >= n)
				fault = "a jump back or out";
			else
				reached[pc + 1 + (size_t)p[pc].off] = true;
			if (p[pc].code != (BPF_JMP | BPF_JA))
				reached[pc + 1] = true;
		} else {
			if (p[pc].code == (BPF_LD | BPF_IMM | BPF_DW))
				reached[++pc] = true;
			reached[pc + 1] = true;
		}
	}
	if (!fault && reached[n])
		fault = "the end is not a return";
	free(reached);
	return fault;
}
