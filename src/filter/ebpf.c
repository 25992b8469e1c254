/* A classic program only jumps ahead, so one pass over it in order sees every
 * instruction after all that lead to it.  A first pass finds which instructions
 * are reached (the verifier refuses others) and how many bytes the frame surely has
 * there; a second writes.
 *
 * BPF_LD | BPF_ABS and BPF_IND are the kernel's own loads for this, but where they
 * fail the program ends at once, uncounted; and offsets that wrap mean other data
 * there.  So what they load is compared with the length of the frame first.
 *
 * Registers: A and X are R0 and R7, the context must be in R6 for loads, R8 is the
 * length, R9 keeps A where a load would overwrite it.  Loads overwrite R1 to R5.  All arithmetic is
 * that of 32 bits, which clears the upper halves. */
#include "filter/ebpf.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "filter/cbpf_op.h"

#define REG_A   BPF_REG_0
#define REG_X   BPF_REG_7
#define REG_CTX BPF_REG_6
#define REG_LEN BPF_REG_8
#define REG_TMP BPF_REG_9

/* On the stack, below R10: the words of scratch memory. */
#define STACK_MEM(k) ((int16_t)(4 * (int)(k)-4 * OP_MEM_WORDS))

/* What one classic instruction becomes at most, and what is added to all of them. */
#define INSN_MAX 8
#define REST_MAX 64

/* No frame is longer: what is beyond is beyond its end. */
#define OFF_MAX INT32_MAX

/* Where a jump goes, until it is known. */
enum target {
	TO_REJECT = -1,
	TO_UNDECIDED = -2,
	/* from 0: a classic instruction */
};

struct ebpf {
	const struct cbpf_insn *in;
	size_t n_in;
	uint32_t snaplen;
	bool *reached;   /* by classic instruction; owned */
	uint32_t *sure;  /* bytes that the frame has for sure before it; owned */
	uint32_t *start; /* where it begins in 'out'; owned */
	uint16_t read;   /* words of scratch memory that are read anywhere */

	struct bpf_insn *out; /* owned */
	int64_t *to;          /* of each jump in 'out': enum target; owned */
	int64_t *place;       /* of each in what the kernel makes of them, at most; owned */
	size_t n_out;
};

static void ebpf_done(struct ebpf *e)
{
	free(e->reached);
	free(e->sure);
	free(e->start);
	free(e->out);
	free(e->to);
	free(e->place);
}

static uint32_t load_size(uint16_t code)
{
	switch (code & 0x18) {
	case OP_W:
		return 4;
	case OP_H:
		return 2;
	default:
		return 1;
	}
}

static bool is_packet_load(uint16_t code)
{
	unsigned mode = code & 0xe0;

	return (code & 0x07) == OP_LD ? mode == OP_ABS || mode == OP_IND
				      : code == (OP_LDX | OP_B | OP_MSH);
}

/* The bytes that a frame has at least when this load has not rejected it; more
 * than OFF_MAX: it always does. */
static uint64_t load_end(const struct cbpf_insn *i)
{
	return (uint64_t)i->k + load_size(i->code);
}

static void reach(struct ebpf *e, size_t to, uint32_t sure)
{
	if (!e->reached[to] || sure < e->sure[to])
		e->sure[to] = sure;
	e->reached[to] = true;
}

static void survey(struct ebpf *e)
{
	size_t pc;

	reach(e, 0, 0);
	for (pc = 0; pc < e->n_in; pc++) {
		const struct cbpf_insn *i = &e->in[pc];
		uint32_t sure = e->sure[pc];

		if (!e->reached[pc] || (i->code & 0x07) == OP_RET)
			continue;
		if (i->code == (OP_JMP | OP_JA)) {
			reach(e, pc + 1 + i->k, sure);
			continue;
		}
		if ((i->code & 0x07) == OP_JMP) {
			reach(e, pc + 1 + i->jt, sure);
			reach(e, pc + 1 + i->jf, sure);
			continue;
		}
		if (i->code == (OP_LD | OP_MEM) || i->code == (OP_LDX | OP_MEM))
			e->read |= (uint16_t)(1u << i->k);
		if (is_packet_load(i->code)) {
			if (load_end(i) > OFF_MAX)
				continue;
			if (load_end(i) > sure)
				sure = (uint32_t)load_end(i);
		}
		reach(e, pc + 1, sure);
	}
}

static void put(struct ebpf *e, unsigned code, unsigned dst, unsigned src, int off, uint32_t imm)
{
	e->out[e->n_out++] = (struct bpf_insn){
		.code = (uint8_t)code,
		.dst_reg = dst & 0xf,
		.src_reg = src & 0xf,
		.off = (int16_t)off,
		.imm = (int32_t)imm,
	};
}

static void put_jump(struct ebpf *e, unsigned code, unsigned dst, unsigned src, uint32_t imm,
		     int64_t to)
{
	e->to[e->n_out] = to;
	put(e, code, dst, src, 0, imm);
}

static void put_ja(struct ebpf *e, int64_t to)
{
	put_jump(e, BPF_JMP | BPF_JA, 0, 0, 0, to);
}

/* Adds 1 to a counter; R0 stays. */
static void put_count(struct ebpf *e, enum ebpf_counter counter)
{
	put(e, BPF_LD | BPF_IMM | BPF_DW, BPF_REG_1, BPF_PSEUDO_MAP_VALUE, 0, 0);
	put(e, 0, 0, 0, 0, 0); /* offset in the element */
	put(e, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_2, 0, 0, 1);
	put(e, BPF_STX | BPF_ATOMIC | BPF_DW, BPF_REG_1, BPF_REG_2, 8 * (int)counter, BPF_ADD);
}

static void put_return(struct ebpf *e, uint32_t value)
{
	put(e, BPF_ALU | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, value);
	put(e, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

static void put_prologue(struct ebpf *e)
{
	unsigned k;

	put(e, BPF_ALU64 | BPF_MOV | BPF_X, REG_CTX, BPF_REG_1, 0, 0);
	put_count(e, EBPF_SEEN);
	if ((e->in[0].code & 0x07) == OP_RET)
		put(e, BPF_ALU | BPF_MOV | BPF_K, REG_A, 0, 0, 0);
	else {
		put(e, BPF_LDX | BPF_MEM | BPF_W, BPF_REG_0, REG_CTX,
		    offsetof(struct __sk_buff, vlan_present), 0);
		put_jump(e, BPF_JMP | BPF_JNE | BPF_K, BPF_REG_0, 0, 0, TO_UNDECIDED);
		put(e, BPF_LDX | BPF_MEM | BPF_W, REG_LEN, REG_CTX, offsetof(struct __sk_buff, len),
		    0);
		put(e, BPF_ALU | BPF_MOV | BPF_K, REG_X, 0, 0, 0);
	}
	/* R0, which is A, is 0 here. */
	for (k = 0; k < OP_MEM_WORDS; k++)
		if (e->read >> k & 1)
			put(e, BPF_ST | BPF_MEM | BPF_W, BPF_REG_10, 0, STACK_MEM(k), 0);
}

/* Rejects unless the load is inside.  False: it never is, nothing may follow. */
static bool put_bounds(struct ebpf *e, const struct cbpf_insn *i, uint32_t sure)
{
	uint32_t end = (uint32_t)load_end(i);

	if (load_end(i) > OFF_MAX) {
		put_ja(e, TO_REJECT);
		return false;
	}
	if ((i->code & 0xe0) == OP_IND) { /* in 64 bits: X may be anything */
		put(e, BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_1, REG_X, 0, 0);
		put(e, BPF_ALU64 | BPF_ADD, BPF_REG_1, 0, 0, end);
		put_jump(e, BPF_JMP | BPF_JGT | BPF_X, BPF_REG_1, REG_LEN, 0, TO_REJECT);
	} else if (end > sure) {
		put_jump(e, BPF_JMP32 | BPF_JLT | BPF_K, REG_LEN, 0, end, TO_REJECT);
	}
	return true;
}

static void put_packet_load(struct ebpf *e, const struct cbpf_insn *i, uint32_t sure)
{
	if (!put_bounds(e, i, sure))
		return;
	if (i->code == (OP_LDX | OP_B | OP_MSH)) {
		put(e, BPF_ALU | BPF_MOV | BPF_X, REG_TMP, REG_A, 0, 0);
		put(e, BPF_LD | BPF_ABS | BPF_B, 0, 0, 0, i->k);
		put(e, BPF_ALU | BPF_AND | BPF_K, BPF_REG_0, 0, 0, 0xf);
		put(e, BPF_ALU | BPF_LSH | BPF_K, BPF_REG_0, 0, 0, 2);
		put(e, BPF_ALU | BPF_MOV | BPF_X, REG_X, BPF_REG_0, 0, 0);
		put(e, BPF_ALU | BPF_MOV | BPF_X, REG_A, REG_TMP, 0, 0);
	} else if ((i->code & 0xe0) == OP_IND) {
		/* classes, sizes and modes of loads have the same numbers in both */
		put(e, i->code, 0, REG_X, 0, i->k);
	} else {
		put(e, i->code, 0, 0, 0, i->k);
	}
}

static void put_load(struct ebpf *e, const struct cbpf_insn *i, uint32_t sure)
{
	unsigned reg = (i->code & 0x07) == OP_LDX ? REG_X : REG_A;

	if (is_packet_load(i->code))
		put_packet_load(e, i, sure);
	else if ((i->code & 0xe0) == OP_LEN)
		put(e, BPF_ALU | BPF_MOV | BPF_X, reg, REG_LEN, 0, 0);
	else if ((i->code & 0xe0) == OP_MEM)
		put(e, BPF_LDX | BPF_MEM | BPF_W, reg, BPF_REG_10, STACK_MEM(i->k), 0);
	else
		put(e, BPF_ALU | BPF_MOV | BPF_K, reg, 0, 0, i->k);
}

static void put_alu(struct ebpf *e, const struct cbpf_insn *i)
{
	unsigned op = i->code & 0xf0;

	if (op == OP_NEG) {
		put(e, BPF_ALU | BPF_NEG, REG_A, 0, 0, 0);
		return;
	}
	if (!(i->code & OP_X)) { /* operators have the same numbers in both */
		put(e, i->code, REG_A, 0, 0, i->k);
		return;
	}
	if (op == OP_DIV || op == OP_MOD) {
		put_jump(e, BPF_JMP32 | BPF_JEQ | BPF_K, REG_X, 0, 0, TO_REJECT);
	} else if (op == OP_LSH || op == OP_RSH) {
		/* by 32 and more: nothing is left; here only 5 bits of X would count */
		put(e, BPF_JMP32 | BPF_JLT | BPF_K, REG_X, 0, 1, 32);
		put(e, BPF_ALU | BPF_MOV | BPF_K, REG_A, 0, 0, 0);
	}
	put(e, i->code, REG_A, REG_X, 0, 0);
}

/* The comparison that is true where the one of a classic code is false; 0: there is none. */
static unsigned opposite(unsigned op)
{
	switch (op) {
	case OP_JEQ:
		return BPF_JNE;
	case OP_JGT:
		return BPF_JLE;
	case OP_JGE:
		return BPF_JLT;
	default:
		return 0;
	}
}

static void put_branch(struct ebpf *e, const struct cbpf_insn *i, size_t pc)
{
	size_t next = pc + 1, yes = next + i->jt, no = next + i->jf;
	unsigned op = i->code & 0xf0; /* the same numbers in both */
	bool by_x = i->code & OP_X;

	if (i->code == (OP_JMP | OP_JA)) {
		put_ja(e, (int64_t)(next + i->k));
		return;
	}
	if (yes == next && opposite(op)) {
		op = opposite(op);
		yes = no;
		no = next;
	}
	if (yes != no)
		put_jump(e, BPF_JMP32 | op | (by_x ? BPF_X : BPF_K), REG_A, by_x ? REG_X : 0,
			 by_x ? 0 : i->k, (int64_t)yes);
	if (no != next)
		put_ja(e, (int64_t)no);
}

static void put_insn(struct ebpf *e, size_t pc)
{
	const struct cbpf_insn *i = &e->in[pc];

	switch (i->code & 0x07) {
	case OP_LD:
	case OP_LDX:
		put_load(e, i, e->sure[pc]);
		break;
	case OP_ST:
	case OP_STX:
		put(e, BPF_STX | BPF_MEM | BPF_W, BPF_REG_10,
		    (i->code & 0x07) == OP_ST ? REG_A : REG_X, STACK_MEM(i->k), 0);
		break;
	case OP_ALU:
		put_alu(e, i);
		break;
	case OP_JMP:
		put_branch(e, i, pc);
		break;
	case OP_RET:
		if (i->code & OP_A)
			put_jump(e, BPF_JMP32 | BPF_JEQ | BPF_K, REG_A, 0, 0, TO_REJECT);
		else if (!i->k)
			put_ja(e, TO_REJECT);
		if (i->code & OP_A || i->k)
			put_return(e, e->snaplen);
		break;
	default: /* OP_MISC */
		put(e, BPF_ALU | BPF_MOV | BPF_X, i->code & OP_TXA ? REG_A : REG_X,
		    i->code & OP_TXA ? REG_X : REG_A, 0, 0);
		break;
	}
}

static bool jumps_to(const struct ebpf *e, enum target to)
{
	size_t i;

	for (i = 0; i < e->n_out; i++)
		if (e->to[i] == to)
			return true;
	return false;
}

/* How many instructions the kernel makes of one before it checks how far jumps go: loads
 * become calls (Linux 6, bpf_gen_ld_abs()).  Should it make more, it refuses the program. */
static int64_t grows_to(const struct bpf_insn *i)
{
	if (BPF_CLASS(i->code) != BPF_LD)
		return 1;
	return BPF_MODE(i->code) == BPF_ABS ? 6 : BPF_MODE(i->code) == BPF_IND ? 7 : 1;
}

/* False: a jump is too long. */
static bool link_jumps(struct ebpf *e, size_t reject, size_t undecided)
{
	bool fits = true;
	size_t i;

	for (i = 0; i < e->n_out; i++)
		e->place[i + 1] = e->place[i] + grows_to(&e->out[i]);
	for (i = 0; fits && i < e->n_out; i++) {
		int64_t to = e->to[i];

		if (to == INT64_MIN)
			continue;
		to = to == TO_REJECT      ? (int64_t)reject
		     : to == TO_UNDECIDED ? (int64_t)undecided
					  : e->start[to];
		fits = e->place[to] - e->place[i + 1] <= INT16_MAX;
		e->out[i].off = (int16_t)(to - (int64_t)i - 1);
	}
	return fits;
}

/* False: too long. */
static bool write_all(struct ebpf *e)
{
	size_t pc, reject, undecided;

	put_prologue(e);
	for (pc = 0; pc < e->n_in; pc++) {
		e->start[pc] = (uint32_t)e->n_out;
		if (e->reached[pc])
			put_insn(e, pc);
	}
	reject = e->n_out;
	if (jumps_to(e, TO_REJECT)) {
		put_count(e, EBPF_REJECTED);
		put_return(e, 0);
	}
	undecided = e->n_out;
	if (jumps_to(e, TO_UNDECIDED)) {
		put_count(e, EBPF_UNDECIDED);
		put_return(e, UINT32_MAX);
	}
	return link_jumps(e, reject, undecided);
}

static int translate(struct ebpf *e, struct err *err)
{
	size_t max = e->n_in * INSN_MAX + REST_MAX, i;

	e->reached = calloc(e->n_in, sizeof(e->reached[0]));
	e->sure = calloc(e->n_in, sizeof(e->sure[0]));
	e->start = calloc(e->n_in, sizeof(e->start[0]));
	e->out = calloc(max, sizeof(e->out[0]));
	e->to = calloc(max, sizeof(e->to[0]));
	e->place = calloc(max + 1, sizeof(e->place[0]));
	if (!e->reached || !e->sure || !e->start || !e->out || !e->to || !e->place)
		return err_set(err, -ENOMEM, "out of memory");
	for (i = 0; i < max; i++)
		e->to[i] = INT64_MIN; /* no jump, or one inside of what an instruction became */
	survey(e);
	if (!write_all(e))
		return err_set(err, -E2BIG,
			       "its program has %zu instructions, and jumps longer than the kernel "
			       "knows",
			       e->n_out);
	return 0;
}

static bool has_loop(const struct cbpf_insn *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (p[i].code == (OP_JMP | OP_JA) && (int32_t)p[i].k < 0)
			return true;
	return false;
}

int ebpf_translate(struct bpf_insn **ret, size_t *ret_n, const struct cbpf_insn *p, size_t n,
		   uint32_t snaplen, struct err *err)
{
	CLEANUP(ebpf_done) struct ebpf e = {.in = p, .n_in = n};
	int r;

	r = cbpf_check(p, n, CBPF_LOOPS | CBPF_UNWRITTEN, err);
	if (r < 0)
		return r;
	if (has_loop(p, n))
		return err_set(err, -EOPNOTSUPP,
			       "its program jumps back ('protochain' does), which the kernel does "
			       "not take");
	e.snaplen = snaplen ? snaplen : UINT32_MAX;
	r = translate(&e, err);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(e.out);
	*ret_n = e.n_out;
	return 0;
}
