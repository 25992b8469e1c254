#include "filter/may.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "filter/cbpf_op.h"

#define ALL     UINT32_MAX
#define OFF_MAX 65536 /* of loads that are looked up: sums of two of these do not overflow */

/* A register.  Bits that are not known are 0 in 'val'.  'is_hl': it is the length of the
 * IPv4 header plus 'val', and no bit is known. */
struct value {
	uint32_t val, known;
	uint8_t fact; /* number of one that it is the subject of, from 1; 0: none */
	bool is_hl;
};

struct state {
	struct value a, x;
};

struct may {
	size_t n;
	struct cbpf_insn *insns; /* owned, as is all below */
	bool always;
	bool uses_mem;
	uint32_t round;                     /* of 'seen' */
	uint32_t *seen;                     /* [instruction]: in which round its state was set */
	struct state *states;               /* [instruction] */
	struct value (*mems)[OP_MEM_WORDS]; /* [instruction]; NULL: scratch memory is not used */
};

/* One pass. */
struct pass {
	struct may *m;
	const struct may_frame *f;
	struct may_reads *reads; /* NULL: not asked for */
	struct state s;
	size_t at;
	size_t waiting;                 /* states that were set and not come to */
	struct value mem[OP_MEM_WORDS]; /* set where it is used */
};

void may_free(struct may *m)
{
	if (!m)
		return;
	free(m->insns);
	free(m->seen);
	free(m->states);
	free(m->mems);
	free(m);
}

static bool is_class(const struct cbpf_insn *i, unsigned class)
{
	return (i->code & 0x07) == class;
}

static void look_through(struct may *m)
{
	size_t i;

	for (i = 0; i < m->n; i++) {
		const struct cbpf_insn *p = &m->insns[i];

		m->always |= p->code == (OP_JMP | OP_JA) && (int32_t)p->k < 0;
		m->uses_mem |= p->code == (OP_LD | OP_MEM) || p->code == (OP_LDX | OP_MEM);
	}
}

int may_new(struct may **ret, const struct cbpf_insn *p, size_t n, struct err *err)
{
	CLEANUP(may_freep) struct may *m = NULL;
	int r = cbpf_check(p, n, CBPF_LOOPS | CBPF_UNWRITTEN, err);

	if (r < 0)
		return r;
	m = calloc(1, sizeof(*m));
	if (!m)
		return err_set(err, -ENOMEM, "out of memory");
	m->n = n;
	m->insns = calloc(n, sizeof(*m->insns));
	m->seen = calloc(n, sizeof(*m->seen));
	m->states = calloc(n, sizeof(*m->states));
	if (!m->insns || !m->seen || !m->states)
		return err_set(err, -ENOMEM, "out of memory");
	memcpy(m->insns, p, n * sizeof(*p));
	look_through(m);
	if (m->uses_mem)
		m->mems = calloc(n, sizeof(*m->mems));
	if (m->uses_mem && !m->mems)
		return err_set(err, -ENOMEM, "out of memory");
	*ret = TAKE_PTR(m);
	return 0;
}

static struct value number(uint32_t v)
{
	return (struct value){.val = v, .known = ALL};
}

static const struct value unknown;

static bool is_number(const struct value *v)
{
	return v->known == ALL;
}

/* What is true of both. */
static struct value join(const struct value *a, const struct value *b)
{
	struct value v;

	if (a->is_hl || b->is_hl)
		return a->is_hl && b->is_hl && a->val == b->val ? *a : unknown;
	v.known = a->known & b->known & ~(a->val ^ b->val);
	v.val = a->val & v.known;
	v.fact = a->fact == b->fact ? a->fact : 0;
	v.is_hl = false;
	return v;
}

/* Loads. */

static struct value from_bytes(const uint8_t *val, const uint8_t *known, unsigned size)
{
	switch (size) {
	case 1:
		return (struct value){.val = *val, .known = *known | 0xffffff00};
	case 2:
		return (struct value){.val = be16_load(val),
				      .known = be16_load(known) | 0xffff0000};
	default:
		return (struct value){.val = be32_load(val), .known = be32_load(known)};
	}
}

static struct value top_zero(unsigned size)
{
	return (struct value){.known = size == 1 ? 0xffffff00 : size == 2 ? 0xffff0000 : 0};
}

static struct value load(const struct pass *p, uint64_t at, unsigned size)
{
	const struct may_frame *f = p->f;
	struct value v;
	unsigned i;

	if (at + size > MAY_BYTES)
		return top_zero(size);
	if (p->reads)
		memset(p->reads->at + at, true, size);
	v = from_bytes(f->val + at, f->known + at, size);
	if (is_number(&v))
		return v;
	for (i = 0; i < f->n_facts; i++)
		if (f->facts[i].at == at && f->facts[i].size == size)
			v.fact = (uint8_t)(i + 1);
	return v;
}

/* At X + k. */
static struct value load_x(const struct pass *p, uint32_t k, unsigned size)
{
	const struct value *x = &p->s.x;
	uint32_t at;

	if (is_number(x))
		return load(p, (uint64_t)x->val + k, size);
	if (!x->is_hl || x->val >= OFF_MAX || k >= OFF_MAX || x->val + k < p->f->ip) {
		if (p->reads) /* if more were known, it could be anywhere */
			memset(p->reads, true, sizeof(*p->reads));
		return top_zero(size);
	}
	at = x->val + k - p->f->ip;
	if (at + size > MAY_BEHIND)
		return top_zero(size);
	if (p->reads)
		memset(p->reads->behind + at, true, size);
	return from_bytes(p->f->behind_val + at, p->f->behind_known + at, size);
}

/* 4 times the low half of a byte. */
static struct value load_msh(const struct pass *p, uint32_t k)
{
	struct value v = load(p, k, 1);

	if (p->reads)
		p->reads->length = true;
	v.fact = 0;
	if ((v.known & 0xf) != 0xf && k == p->f->ip)
		return (struct value){.is_hl = true};
	v.val = (v.val & 0xf) << 2;
	v.known = (v.known & 0xf) << 2 | ~UINT32_C(0x3c);
	return v;
}

/* Arithmetic. */

/* False: the program rejects. */
static bool calc(unsigned op, uint32_t a, uint32_t b, uint32_t *ret)
{
	/* clang-format off */
	switch (op) {
	case OP_ADD: *ret = a + b; return true;
	case OP_SUB: *ret = a - b; return true;
	case OP_MUL: *ret = a * b; return true;
	case OP_DIV: if (b) *ret = a / b; return b;
	case OP_MOD: if (b) *ret = a % b; return b;
	case OP_AND: *ret = a & b; return true;
	case OP_OR:  *ret = a | b; return true;
	case OP_XOR: *ret = a ^ b; return true;
	case OP_LSH: *ret = b < 32 ? a << b : 0; return true;
	case OP_RSH: *ret = b < 32 ? a >> b : 0; return true;
	default:     *ret = 0 - a; return true; /* OP_NEG */
	}
	/* clang-format on */
}

static struct value calc_bits(unsigned op, const struct value *a, const struct value *b)
{
	struct value v = unknown;
	bool small = is_number(b) && b->val < 32;

	if (a->is_hl || b->is_hl) {
		const struct value *hl = a->is_hl ? a : b, *other = a->is_hl ? b : a;

		if (op == OP_ADD && is_number(other)) {
			v.is_hl = true;
			v.val = hl->val + other->val;
		}
		return v;
	}
	switch (op) {
	case OP_AND:
		v.known = (a->known & b->known) | (a->known & ~a->val) | (b->known & ~b->val);
		v.val = a->val & b->val;
		break;
	case OP_OR:
		v.known = (a->known & b->known) | a->val | b->val;
		v.val = a->val | b->val;
		break;
	case OP_XOR:
		v.known = a->known & b->known;
		v.val = (a->val ^ b->val) & v.known;
		break;
	case OP_LSH:
		if (small) {
			v.known = ~(~a->known << b->val);
			v.val = a->val << b->val;
		}
		break;
	case OP_RSH:
		if (small) {
			v.known = ~(~a->known >> b->val);
			v.val = a->val >> b->val;
		}
		break;
	default:
		break;
	}
	return v;
}

/* A = A op b.  False: the program rejects. */
static bool alu(struct pass *p, unsigned op, const struct value *b)
{
	struct value *a = &p->s.a;
	uint32_t v;

	if ((op == OP_DIV || op == OP_MOD) && is_number(b) && !b->val)
		return false;
	if (is_number(a) && (is_number(b) || op == OP_NEG)) {
		if (!calc(op, a->val, b->val, &v))
			return false;
		*a = number(v);
	} else {
		*a = op == OP_NEG ? unknown : calc_bits(op, a, b);
	}
	return true;
}

/* Comparisons: what a branch does. */

enum branch { NO = 1, YES = 2, BOTH = 3 };

static enum branch decided(bool yes)
{
	return yes ? YES : NO;
}

static bool in_ranges(const struct may_fact *f, uint32_t k)
{
	unsigned i;

	for (i = 0; i < f->n; i++)
		if (k >= f->v[i].lo && k <= f->v[i].hi)
			return true;
	return k == f->also;
}

/* Smallest and largest number that a value can be. */
static void bounds(const struct pass *p, const struct value *v, uint32_t *ret_lo, uint32_t *ret_hi)
{
	const struct may_fact *f = v->fact ? &p->f->facts[v->fact - 1] : NULL;
	uint32_t lo, hi;
	unsigned i;

	*ret_lo = v->val;
	*ret_hi = v->val | ~v->known;
	if (!f || !f->n)
		return;
	lo = hi = f->also;
	for (i = 0; i < f->n; i++) {
		lo = f->v[i].lo < lo ? f->v[i].lo : lo;
		hi = f->v[i].hi > hi ? f->v[i].hi : hi;
	}
	*ret_lo = lo > *ret_lo ? lo : *ret_lo;
	*ret_hi = hi < *ret_hi ? hi : *ret_hi;
}

static enum branch is_more(const struct pass *p, uint32_t k, bool or_equal)
{
	const struct value *a = &p->s.a;
	uint32_t lo, hi;

	if (a->is_hl)
		return BOTH;
	bounds(p, a, &lo, &hi);
	if (or_equal ? lo >= k : lo > k)
		return YES;
	if (or_equal ? hi < k : hi <= k)
		return NO;
	return BOTH;
}

static enum branch is_equal(const struct pass *p, uint32_t k)
{
	const struct value *a = &p->s.a;
	const struct may_fact *f;

	if (is_number(a))
		return decided(a->val == k);
	if (a->is_hl)
		return BOTH;
	if ((a->val ^ k) & a->known)
		return NO;
	if (!a->fact)
		return BOTH;
	f = &p->f->facts[a->fact - 1];
	if (f->n)
		return in_ranges(f, k) ? BOTH : NO;
	return k & f->any ? BOTH : NO;
}

static enum branch has_bits(const struct pass *p, uint32_t k)
{
	const struct value *a = &p->s.a;
	const struct may_fact *f;

	if (a->is_hl)
		return k ? BOTH : NO;
	if (a->val & k)
		return YES;
	if (!(k & ~a->known))
		return NO;
	f = a->fact ? &p->f->facts[a->fact - 1] : NULL;
	return f && f->any && !(f->any & ~k) ? YES : BOTH;
}

static enum branch compare(const struct pass *p, const struct cbpf_insn *i)
{
	uint32_t k = i->k;

	if (i->code & OP_X) {
		if (!is_number(&p->s.x))
			return BOTH;
		k = p->s.x.val;
	}
	switch (i->code & 0xf0) {
	case OP_JEQ:
		return is_equal(p, k);
	case OP_JGT:
		return is_more(p, k, false);
	case OP_JGE:
		return is_more(p, k, true);
	default:
		return has_bits(p, k);
	}
}

/* The pass. */

static void set_mem(struct pass *p, uint32_t k, const struct value *v)
{
	if (p->m->uses_mem)
		p->mem[k] = *v;
}

/* All that is no jump and no return.  False: the program rejects. */
static bool step(struct pass *p, const struct cbpf_insn *i)
{
	struct state *s = &p->s;
	struct value k = number(i->k);

	if (is_class(i, OP_ALU))
		return alu(p, i->code & 0xf0, i->code & OP_X ? &s->x : &k);
	/* clang-format off */
	switch (i->code) {
	case OP_LD | OP_W | OP_ABS: s->a = load(p, i->k, 4); break;
	case OP_LD | OP_H | OP_ABS: s->a = load(p, i->k, 2); break;
	case OP_LD | OP_B | OP_ABS: s->a = load(p, i->k, 1); break;
	case OP_LD | OP_W | OP_IND: s->a = load_x(p, i->k, 4); break;
	case OP_LD | OP_H | OP_IND: s->a = load_x(p, i->k, 2); break;
	case OP_LD | OP_B | OP_IND: s->a = load_x(p, i->k, 1); break;
	case OP_LD | OP_W | OP_LEN: s->a = unknown; break;
	case OP_LD | OP_IMM: s->a = k; break;
	case OP_LD | OP_MEM: s->a = p->mem[i->k]; break;
	case OP_LDX | OP_W | OP_LEN: s->x = unknown; break;
	case OP_LDX | OP_B | OP_MSH: s->x = load_msh(p, i->k); break;
	case OP_LDX | OP_IMM: s->x = k; break;
	case OP_LDX | OP_MEM: s->x = p->mem[i->k]; break;
	case OP_ST: set_mem(p, i->k, &s->a); break;
	case OP_STX: set_mem(p, i->k, &s->x); break;
	case OP_MISC | OP_TAX: s->x = s->a; break;
	default: s->a = s->x; break; /* OP_TXA */
	}
	/* clang-format on */
	return true;
}

/* Sets what is known when the program comes to 'to', which it may by other ways, too. */
static void reach(struct pass *p, size_t to)
{
	struct may *m = p->m;
	struct state *s = &m->states[to];
	unsigned i;

	if (m->seen[to] == m->round) {
		s->a = join(&s->a, &p->s.a);
		s->x = join(&s->x, &p->s.x);
		for (i = 0; m->uses_mem && i < OP_MEM_WORDS; i++)
			m->mems[to][i] = join(&m->mems[to][i], &p->mem[i]);
		return;
	}
	m->seen[to] = m->round;
	*s = p->s;
	if (m->uses_mem)
		memcpy(m->mems[to], p->mem, sizeof(p->mem));
	p->waiting++;
}

/* Goes on with the first state that waits behind 'at'. */
static bool next_state(struct pass *p)
{
	struct may *m = p->m;

	if (!p->waiting)
		return false;
	do
		p->at++;
	while (m->seen[p->at] != m->round);
	p->waiting--;
	p->s = m->states[p->at];
	if (m->uses_mem)
		memcpy(p->mem, m->mems[p->at], sizeof(p->mem));
	return true;
}

/* Goes to 'to' alone.  What waits in front of it is first. */
static void go(struct pass *p, size_t to)
{
	if (!p->waiting) {
		p->at = to;
		return;
	}
	if (to == p->at + 1 && p->m->seen[to] != p->m->round) {
		p->at = to;
		return;
	}
	reach(p, to);
	next_state(p);
}

static bool returns(const struct pass *p, const struct cbpf_insn *i)
{
	if ((i->code & 0x18) == OP_A)
		return is_equal(p, 0) != YES;
	return i->k;
}

/* One instruction.  False: there is no way on that was not yet followed. */
static bool follow(struct pass *p, const struct cbpf_insn *i)
{
	enum branch b;

	if (!is_class(i, OP_JMP)) {
		if (!step(p, i))
			return next_state(p);
		go(p, p->at + 1);
		return true;
	}
	if ((i->code & 0xf0) == OP_JA) {
		go(p, p->at + 1 + i->k);
		return true;
	}
	b = compare(p, i);
	if (b != BOTH) {
		go(p, p->at + 1 + (b == YES ? i->jt : i->jf));
		return true;
	}
	reach(p, p->at + 1 + i->jt);
	reach(p, p->at + 1 + i->jf);
	return next_state(p);
}

static bool run(struct pass *p)
{
	struct may *m = p->m;
	const struct cbpf_insn *i;
	bool accepts = false;

	if (m->always)
		return true;
	if (!++m->round) { /* it went around: what is in 'seen' may look new */
		memset(m->seen, 0, m->n * sizeof(*m->seen));
		m->round = 1;
	}
	do {
		i = &m->insns[p->at];
		while (is_class(i, OP_RET)) {
			accepts |= returns(p, i);
			if ((accepts && !p->reads) || !next_state(p))
				return accepts;
			i = &m->insns[p->at];
		}
	} while (follow(p, i));
	return accepts;
}

static void init(struct pass *p, struct may *m, const struct may_frame *f)
{
	p->m = m;
	p->f = f;
	p->reads = NULL;
	p->s.a = p->s.x = number(0);
	if (m->uses_mem)
		for (size_t k = 0; k < OP_MEM_WORDS; k++)
			p->mem[k] = p->s.a;
	p->at = p->waiting = 0;
}

bool may_match(struct may *m, const struct may_frame *f)
{
	struct pass p;

	init(&p, m, f);
	return run(&p);
}

bool may_match_reads(struct may *m, const struct may_frame *f, struct may_reads *ret)
{
	struct pass p;

	init(&p, m, f);
	p.reads = ret;
	return run(&p);
}
