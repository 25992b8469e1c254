/* The interpreter.  Programs are decoded once: the many encodings become dense
 * numbers for a jump table, and the two pairs that make up most of what libpcap
 * emits, a load followed by a comparison with a constant, become one step.  The
 * second of such a pair stays where it is for those who jump to it. */
#include "filter/cbpf.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "filter/cbpf_op.h"

/* clang-format off */
#define STEPS(X) \
	X(LDW) X(LDH) X(LDB) X(LDW_JEQ) X(LDH_JEQ) X(LDB_JEQ) X(LDH_JSET) X(LDB_JSET) \
	X(LDW_X) X(LDH_X) X(LDB_X) X(LDH_X_JEQ) X(LD_LEN) X(LD_IMM) X(LD_MEM) \
	X(LDX_LEN) X(LDX_MSH) X(LDX_IMM) X(LDX_MEM) X(ST) X(STX) \
	X(ADD) X(SUB) X(MUL) X(DIV) X(MOD) X(AND) X(OR) X(XOR) X(LSH) X(RSH) X(NEG) \
	X(ADD_X) X(SUB_X) X(MUL_X) X(DIV_X) X(MOD_X) X(AND_X) X(OR_X) X(XOR_X) X(LSH_X) X(RSH_X) \
	X(JA) X(JBACK) X(JEQ) X(JGT) X(JGE) X(JSET) X(JEQ_X) X(JGT_X) X(JGE_X) X(JSET_X) \
	X(RET) X(RET_A) X(TAX) X(TXA)
/* clang-format on */

enum step_op {
#define X(name) STEP_##name,
	STEPS(X)
#undef X
};

struct step {
	uint16_t op;
	uint16_t jt, jf; /* counted from this step */
	uint32_t k;
	uint32_t k2; /* pairs: the constant to compare with */
};

struct cbpf {
	size_t n;
	struct step *steps;      /* owned */
	struct cbpf_insn *insns; /* owned */
	bool reads_mem;
};

static enum step_op decode_op(uint16_t code)
{
	/* clang-format off */
	switch (code) {
	case OP_LD | OP_W | OP_ABS: return STEP_LDW;
	case OP_LD | OP_H | OP_ABS: return STEP_LDH;
	case OP_LD | OP_B | OP_ABS: return STEP_LDB;
	case OP_LD | OP_W | OP_IND: return STEP_LDW_X;
	case OP_LD | OP_H | OP_IND: return STEP_LDH_X;
	case OP_LD | OP_B | OP_IND: return STEP_LDB_X;
	case OP_LD | OP_W | OP_LEN: return STEP_LD_LEN;
	case OP_LD | OP_IMM: return STEP_LD_IMM;
	case OP_LD | OP_MEM: return STEP_LD_MEM;
	case OP_LDX | OP_W | OP_LEN: return STEP_LDX_LEN;
	case OP_LDX | OP_B | OP_MSH: return STEP_LDX_MSH;
	case OP_LDX | OP_IMM: return STEP_LDX_IMM;
	case OP_LDX | OP_MEM: return STEP_LDX_MEM;
	case OP_ST: return STEP_ST;
	case OP_STX: return STEP_STX;
	case OP_ALU | OP_ADD | OP_K: return STEP_ADD;
	case OP_ALU | OP_SUB | OP_K: return STEP_SUB;
	case OP_ALU | OP_MUL | OP_K: return STEP_MUL;
	case OP_ALU | OP_DIV | OP_K: return STEP_DIV;
	case OP_ALU | OP_MOD | OP_K: return STEP_MOD;
	case OP_ALU | OP_AND | OP_K: return STEP_AND;
	case OP_ALU | OP_OR | OP_K: return STEP_OR;
	case OP_ALU | OP_XOR | OP_K: return STEP_XOR;
	case OP_ALU | OP_LSH | OP_K: return STEP_LSH;
	case OP_ALU | OP_RSH | OP_K: return STEP_RSH;
	case OP_ALU | OP_NEG: return STEP_NEG;
	case OP_ALU | OP_ADD | OP_X: return STEP_ADD_X;
	case OP_ALU | OP_SUB | OP_X: return STEP_SUB_X;
	case OP_ALU | OP_MUL | OP_X: return STEP_MUL_X;
	case OP_ALU | OP_DIV | OP_X: return STEP_DIV_X;
	case OP_ALU | OP_MOD | OP_X: return STEP_MOD_X;
	case OP_ALU | OP_AND | OP_X: return STEP_AND_X;
	case OP_ALU | OP_OR | OP_X: return STEP_OR_X;
	case OP_ALU | OP_XOR | OP_X: return STEP_XOR_X;
	case OP_ALU | OP_LSH | OP_X: return STEP_LSH_X;
	case OP_ALU | OP_RSH | OP_X: return STEP_RSH_X;
	case OP_JMP | OP_JA: return STEP_JA;
	case OP_JMP | OP_JEQ | OP_K: return STEP_JEQ;
	case OP_JMP | OP_JGT | OP_K: return STEP_JGT;
	case OP_JMP | OP_JGE | OP_K: return STEP_JGE;
	case OP_JMP | OP_JSET | OP_K: return STEP_JSET;
	case OP_JMP | OP_JEQ | OP_X: return STEP_JEQ_X;
	case OP_JMP | OP_JGT | OP_X: return STEP_JGT_X;
	case OP_JMP | OP_JGE | OP_X: return STEP_JGE_X;
	case OP_JMP | OP_JSET | OP_X: return STEP_JSET_X;
	case OP_RET | OP_A: return STEP_RET_A;
	case OP_MISC | OP_TAX: return STEP_TAX;
	case OP_MISC | OP_TXA: return STEP_TXA;
	default: return STEP_RET; /* cbpf_check() let nothing else through */
	}
	/* clang-format on */
}

/* The pair that a load and the comparison behind it make, or the load's own. */
static enum step_op pair_op(enum step_op load, enum step_op jump)
{
	switch (load) {
	case STEP_LDW:
		return jump == STEP_JEQ ? STEP_LDW_JEQ : load;
	case STEP_LDH:
		return jump == STEP_JEQ ? STEP_LDH_JEQ : jump == STEP_JSET ? STEP_LDH_JSET : load;
	case STEP_LDB:
		return jump == STEP_JEQ ? STEP_LDB_JEQ : jump == STEP_JSET ? STEP_LDB_JSET : load;
	case STEP_LDH_X:
		return jump == STEP_JEQ ? STEP_LDH_X_JEQ : load;
	default:
		return load;
	}
}

static void decode(struct step *ret, const struct cbpf_insn *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		enum step_op op = decode_op(p[i].code), pair = op;

		if (op == STEP_JA && (int32_t)p[i].k < 0)
			op = pair = STEP_JBACK;
		if (i + 1 < n)
			pair = pair_op(op, decode_op(p[i + 1].code));
		ret[i] = (struct step){
			.op = (uint16_t)op,
			.jt = (uint16_t)(1 + p[i].jt),
			.jf = (uint16_t)(1 + p[i].jf),
			.k = p[i].k,
		};
		if (pair != op) {
			ret[i].op = (uint16_t)pair;
			ret[i].jt = (uint16_t)(2 + p[i + 1].jt);
			ret[i].jf = (uint16_t)(2 + p[i + 1].jf);
			ret[i].k2 = p[i + 1].k;
		}
	}
}

int cbpf_new(struct cbpf **ret, const struct cbpf_insn *p, size_t n, struct err *err)
{
	CLEANUP(cbpf_freep) struct cbpf *b = NULL;
	size_t i;
	int r;

	r = cbpf_check(p, n, CBPF_LOOPS | CBPF_UNWRITTEN, err);
	if (r < 0)
		return r;
	b = calloc(1, sizeof(*b));
	if (!b)
		return err_set(err, -ENOMEM, "out of memory");
	b->n = n;
	b->steps = calloc(n, sizeof(b->steps[0]));
	b->insns = calloc(n, sizeof(b->insns[0]));
	if (!b->steps || !b->insns)
		return err_set(err, -ENOMEM, "out of memory");
	memcpy(b->insns, p, n * sizeof(p[0]));
	decode(b->steps, p, n);
	for (i = 0; i < n; i++)
		b->reads_mem |= b->steps[i].op == STEP_LD_MEM || b->steps[i].op == STEP_LDX_MEM;
	*ret = TAKE_PTR(b);
	return 0;
}

void cbpf_free(struct cbpf *b)
{
	if (!b)
		return;
	free(b->steps);
	free(b->insns);
	free(b);
}

const struct cbpf_insn *cbpf_insns(const struct cbpf *b, size_t *ret_n)
{
	*ret_n = b->n;
	return b->insns;
}

/* A label per step and a jump at the end of each: one indirect branch per step
 * that is predicted by what came before, where a switch shares a single one. */
/* clang-format off */
#define LABEL(name) label_##name:
#define NEXT        goto *labels[s->op]
#define FALL        s++; NEXT
#define BRANCH(c)   s += (c) ? s->jt : s->jf; NEXT
#define NEED(off, size) /* in 64 bits: X and k may be anything */ \
	if ((uint64_t)(off) + (size) > caplen)                    \
		return 0
/* clang-format on */

uint32_t cbpf_run(const struct cbpf *b, const uint8_t *data, uint32_t caplen, uint32_t len)
{
#define X(name) &&label_##name,
	static const void *const labels[] = {STEPS(X)};
#undef X
	uint32_t mem[OP_MEM_WORDS]; /* zeros where it matters */
	uint32_t a = 0, x = 0, laps = caplen;
	const struct step *s = b->steps;

	if (b->reads_mem)
		memset(mem, 0, sizeof(mem));
	NEXT;

	/* clang-format off */
	LABEL(LDW)      NEED(s->k, 4); a = be32_load(data + s->k); FALL;
	LABEL(LDH)      NEED(s->k, 2); a = be16_load(data + s->k); FALL;
	LABEL(LDB)      NEED(s->k, 1); a = data[s->k]; FALL;
	LABEL(LDW_JEQ)  NEED(s->k, 4); a = be32_load(data + s->k); BRANCH(a == s->k2);
	LABEL(LDH_JEQ)  NEED(s->k, 2); a = be16_load(data + s->k); BRANCH(a == s->k2);
	LABEL(LDB_JEQ)  NEED(s->k, 1); a = data[s->k]; BRANCH(a == s->k2);
	LABEL(LDH_JSET) NEED(s->k, 2); a = be16_load(data + s->k); BRANCH(a & s->k2);
	LABEL(LDB_JSET) NEED(s->k, 1); a = data[s->k]; BRANCH(a & s->k2);
	LABEL(LDW_X)    NEED((uint64_t)x + s->k, 4); a = be32_load(data + x + s->k); FALL;
	LABEL(LDH_X)    NEED((uint64_t)x + s->k, 2); a = be16_load(data + x + s->k); FALL;
	LABEL(LDB_X)    NEED((uint64_t)x + s->k, 1); a = data[x + s->k]; FALL;
	LABEL(LDH_X_JEQ)
		NEED((uint64_t)x + s->k, 2); a = be16_load(data + x + s->k); BRANCH(a == s->k2);
	LABEL(LD_LEN)   a = len; FALL;
	LABEL(LD_IMM)   a = s->k; FALL;
	LABEL(LD_MEM)   a = mem[s->k]; FALL;
	LABEL(LDX_LEN)  x = len; FALL;
	LABEL(LDX_MSH)  NEED(s->k, 1); x = (data[s->k] & 0xfu) << 2; FALL;
	LABEL(LDX_IMM)  x = s->k; FALL;
	LABEL(LDX_MEM)  x = mem[s->k]; FALL;
	LABEL(ST)       mem[s->k] = a; FALL;
	LABEL(STX)      mem[s->k] = x; FALL;

	LABEL(ADD)      a += s->k; FALL;
	LABEL(SUB)      a -= s->k; FALL;
	LABEL(MUL)      a *= s->k; FALL;
	LABEL(DIV)      a /= s->k; FALL;
	LABEL(MOD)      a %= s->k; FALL;
	LABEL(AND)      a &= s->k; FALL;
	LABEL(OR)       a |= s->k; FALL;
	LABEL(XOR)      a ^= s->k; FALL;
	LABEL(LSH)      a <<= s->k; FALL;
	LABEL(RSH)      a >>= s->k; FALL;
	LABEL(NEG)      a = 0 - a; FALL;
	LABEL(ADD_X)    a += x; FALL;
	LABEL(SUB_X)    a -= x; FALL;
	LABEL(MUL_X)    a *= x; FALL;
	LABEL(DIV_X)    if (!x) return 0; a /= x; FALL;
	LABEL(MOD_X)    if (!x) return 0; a %= x; FALL;
	LABEL(AND_X)    a &= x; FALL;
	LABEL(OR_X)     a |= x; FALL;
	LABEL(XOR_X)    a ^= x; FALL;
	LABEL(LSH_X)    a = x < 32 ? a << x : 0; FALL;
	LABEL(RSH_X)    a = x < 32 ? a >> x : 0; FALL;

	LABEL(JA)       s += 1 + (size_t)s->k; NEXT;
	LABEL(JBACK)    if (!laps--) return 0; s += 1 + (ptrdiff_t)(int32_t)s->k; NEXT;
	LABEL(JEQ)      BRANCH(a == s->k);
	LABEL(JGT)      BRANCH(a > s->k);
	LABEL(JGE)      BRANCH(a >= s->k);
	LABEL(JSET)     BRANCH(a & s->k);
	LABEL(JEQ_X)    BRANCH(a == x);
	LABEL(JGT_X)    BRANCH(a > x);
	LABEL(JGE_X)    BRANCH(a >= x);
	LABEL(JSET_X)   BRANCH(a & x);

	LABEL(RET)      return s->k;
	LABEL(RET_A)    return a;
	LABEL(TAX)      x = a; FALL;
	LABEL(TXA)      a = x; FALL;
	/* clang-format on */
}
