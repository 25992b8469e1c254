/* What is 'never' for a partly known frame is rejected for every frame like it: programs,
 * frames and what is known of them at random, against our interpreter. */
#include "filter/may.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "filter/cbpf_op.h"

#define INSNS_MAX 24
#define FRAME     64
#define PROGRAMS  60000
#define FRAMES    40 /* like the known part, for each program */

static uint64_t rnd_state = 88172645463325252;

static uint32_t rnd(uint32_t below)
{
	rnd_state ^= rnd_state << 13; /* Marsaglia's xorshift64 */
	rnd_state ^= rnd_state >> 7;
	rnd_state ^= rnd_state << 17;
	return (uint32_t)(rnd_state >> 32) % below;
}

/* Small numbers, so that comparisons and offsets meet what there is. */
static uint32_t small(void)
{
	static const uint32_t v[] = {0,  1,    2,    3,    4,     15,     20,
				     24, 0x1f, 0x40, 0xff, 0x100, 0x1fff, 0xffff};

	return rnd(4) ? v[rnd(sizeof(v) / sizeof(v[0]))] : rnd(64);
}

static struct cbpf_insn load(void)
{
	static const uint16_t codes[] = {
		OP_LD | OP_B | OP_ABS,
		OP_LD | OP_H | OP_ABS,
		OP_LD | OP_W | OP_ABS,
		OP_LD | OP_H | OP_ABS,
		OP_LD | OP_B | OP_IND,
		OP_LD | OP_H | OP_IND,
		OP_LD | OP_W | OP_IND,
		OP_LD | OP_W | OP_LEN,
		OP_LD | OP_IMM,
		OP_LD | OP_MEM,
		OP_LDX | OP_MEM,
		OP_LDX | OP_IMM,
		OP_LDX | OP_B | OP_MSH,
		OP_ST,
		OP_STX,
		OP_LD | OP_MEM,
		OP_ST,
		OP_LD | OP_H | OP_ABS,
		OP_LD | OP_H | OP_ABS,
		OP_MISC | OP_TAX,
		OP_MISC | OP_TXA,
		OP_LDX | OP_W | OP_LEN,
	};
	struct cbpf_insn i = {.code = codes[rnd(sizeof(codes) / sizeof(codes[0]))]};

	i.k = rnd(3) ? rnd(8) : rnd(FRAME);
	if (i.code == (OP_LD | OP_IMM) || i.code == (OP_LDX | OP_IMM))
		i.k = small();
	if (i.code == (OP_LD | OP_MEM) || i.code == (OP_LDX | OP_MEM) || i.code == OP_ST ||
	    i.code == OP_STX)
		i.k = rnd(3);
	if (i.code == (OP_LDX | OP_B | OP_MSH) && rnd(2))
		i.k = 4;
	return i;
}

static struct cbpf_insn arithmetic(void)
{
	static const uint16_t ops[] = {OP_ADD, OP_SUB, OP_MUL, OP_DIV, OP_OR,  OP_AND, OP_AND,
				       OP_LSH, OP_RSH, OP_NEG, OP_MOD, OP_XOR, OP_AND, OP_ADD};
	struct cbpf_insn i = {.code = OP_ALU | ops[rnd(sizeof(ops) / sizeof(ops[0]))]};

	i.k = small();
	if (i.code == (OP_ALU | OP_NEG))
		return i;
	i.code |= rnd(3) ? OP_K : OP_X;
	if (i.code == (OP_ALU | OP_LSH) || i.code == (OP_ALU | OP_RSH))
		i.k %= 32;
	if (i.code == (OP_ALU | OP_DIV) || i.code == (OP_ALU | OP_MOD))
		i.k++;
	return i;
}

static size_t make_program(struct cbpf_insn *p, const uint8_t f[FRAME])
{
	static const uint16_t jumps[] = {OP_JEQ, OP_JEQ, OP_JGT, OP_JGE, OP_JSET};
	size_t n = 3 + rnd(INSNS_MAX - 4), i;

	for (i = 0; i + 2 < n; i++) {
		uint32_t left = (uint32_t)(n - i - 1);

		switch (rnd(8)) {
		case 0:
		case 1:
		case 2:
			p[i] = load();
			break;
		case 3:
		case 4:
			p[i] = arithmetic();
			break;
		case 5:
			if (!rnd(6)) {
				p[i] = (struct cbpf_insn){OP_JMP | OP_JA, 0, 0, rnd(left)};
				break;
			}
			/* fall through */
		default:
			p[i] = (struct cbpf_insn){
				.code = OP_JMP | jumps[rnd(5)] | (rnd(8) ? OP_K : OP_X),
				.jt = (uint8_t)(rnd(3) ? rnd(left) : left - 1),
				.jf = (uint8_t)rnd(rnd(2)     ? left
						   : left < 3 ? left
							      : 3),
				.k = rnd(2) ? small() : be16_load(f + rnd(10)),
			};
			break;
		}
	}
	/* mostly a way out that rejects last */
	p[n - 2] = (struct cbpf_insn){OP_RET | (rnd(6) ? OP_K : OP_A), 0, 0, rnd(2)};
	p[n - 1] = (struct cbpf_insn){OP_RET, 0, 0, rnd(3) == 0};
	return n;
}

static void make_frame(uint8_t f[FRAME])
{
	size_t i;

	for (i = 0; i < FRAME; i++)
		f[i] = (uint8_t)(rnd(3) ? small() : rnd(256));
	f[4] = (uint8_t)(0x40 | rnd(8));
}

/* Knows something of a frame, and of what is behind the header at 4. */
static void make_known(struct may_frame *k, const uint8_t f[FRAME], struct may_range ranges[2])
{
	unsigned hl = 4 * (f[4] & 0xf), i;
	uint16_t at = (uint16_t)rnd(8);

	memset(k, 0, sizeof(*k));
	for (i = 0; i < FRAME; i++) {
		k->known[i] = (uint8_t)(rnd(3) == 0 ? 0 : rnd(3) ? UINT8_MAX : rnd(256));
		k->val[i] = f[i] & k->known[i];
	}
	k->ip = MAY_NOWHERE;
	if (rnd(2)) {
		k->ip = 4;
		if (rnd(4))
			k->val[4] &= (k->known[4] &= 0xf0);
		for (i = 0; i < MAY_BEHIND; i++) {
			k->behind_known[i] = (uint8_t)(rnd(2) ? 0 : rnd(4) ? UINT8_MAX : rnd(256));
			k->behind_val[i] = f[4 + hl + i] & k->behind_known[i];
		}
	}
	for (i = 0; i < 2; i++) {
		uint16_t v = be16_load(f + at);
		struct may_fact fact = {.at = at, .size = 2, .n = 1, .v = &ranges[i]};

		if (rnd(3) == 0)
			continue;
		memset(k->known + at, 0, 2);
		memset(k->val + at, 0, 2);
		ranges[i] = (struct may_range){v > 5 ? v - rnd(5) : 0, v + rnd(3)};
		fact.also = ranges[i].lo;
		if (rnd(3) == 0) {
			ranges[i] = (struct may_range){v + 10u, v + 300u};
			fact.also = v;
		} else if (v && rnd(2)) {
			fact.n = 0;
			fact.any = v & rnd(65536);
			fact.any = fact.any ? fact.any : v;
		}
		k->facts[k->n_facts++] = fact;
		at = (uint16_t)(at + 2);
	}
}

/* Whether a frame is one of those that 'k' is true of; makes it one where bits decide. */
static bool fit(const struct may_frame *k, uint8_t f[FRAME])
{
	unsigned i, r, hl;

	for (i = 0; i < FRAME; i++)
		f[i] = (uint8_t)((f[i] & ~k->known[i]) | k->val[i]);
	hl = 4 * (f[4] & 0xf);
	for (i = 0; k->ip != MAY_NOWHERE && i < MAY_BEHIND; i++) {
		uint8_t *b = &f[4 + hl + i];

		*b = (uint8_t)((*b & ~k->behind_known[i]) | k->behind_val[i]);
	}
	for (i = 0; i < FRAME; i++)
		if ((f[i] & k->known[i]) != k->val[i])
			return false;
	for (i = 0; i < k->n_facts; i++) {
		const struct may_fact *t = &k->facts[i];
		uint16_t v = be16_load(f + t->at);
		bool in = t->n ? v == t->also : v & t->any;

		for (r = 0; r < t->n; r++)
			in |= v >= t->v[r].lo && v <= t->v[r].hi;
		if (!in)
			return false;
	}
	return true;
}

/* To know more of what is not looked at changes nothing. */
static void check_reads(struct may *m, const struct may_frame *k, const uint8_t f[FRAME])
{
	struct may_reads r = {.length = false}, all = r;
	struct may_frame more = *k;
	bool maybe = may_match(m, k);
	size_t i;

	assert_int_equal(may_match_reads(m, k, &r), maybe);
	for (i = 0; i < FRAME; i++) {
		if (r.at[i] || (i == 4 && r.length))
			continue;
		more.val[i] = f[i];
		more.known[i] = UINT8_MAX;
	}
	for (i = 0; k->ip != MAY_NOWHERE && i < MAY_BEHIND; i++) {
		if (r.behind[i])
			continue;
		more.behind_val[i] = f[4 + 4 * (f[4] & 0xf) + i];
		more.behind_known[i] = UINT8_MAX;
	}
	assert_int_equal(may_match(m, &more), maybe);

	/* and who knows all looks at no more */
	memcpy(more.val, f, FRAME);
	memset(more.known, UINT8_MAX, FRAME);
	if (k->ip == 4) { /* but the length, which is what puts the rest behind it */
		more.known[4] = k->known[4];
		more.val[4] = k->val[4];
	}
	may_match_reads(m, &more, &all);
	for (i = 0; i < FRAME; i++)
		assert_true(r.at[i] || !all.at[i]);
}

static void test_random(void **state)
{
	uint64_t nevers = 0, compared = 0, accepted = 0;
	size_t i, k;

	(void)state;
	for (i = 0; i < PROGRAMS; i++) {
		struct cbpf_insn p[INSNS_MAX];
		struct may_range ranges[2];
		uint8_t f[FRAME], other[FRAME];
		struct may_frame known;
		struct cbpf *b;
		struct may *m;
		bool maybe;
		size_t n;

		make_frame(f);
		n = make_program(p, f);
		if (cbpf_new(&b, p, n, NULL) < 0)
			fail_msg("program %zu is none", i);
		assert_int_equal(may_new(&m, p, n, NULL), 0);
		make_known(&known, f, ranges);
		maybe = may_match(m, &known);
		assert_int_equal(may_match(m, &known), maybe);
		nevers += !maybe;
		check_reads(m, &known, f);
		for (k = 0; k < FRAMES; k++) {
			uint32_t cap = rnd(4) ? FRAME : rnd(FRAME), verdict;

			memcpy(other, f, FRAME);
			if (k > 1)
				make_frame(other);
			if (k > 1 && rnd(2)) /* the same where facts are */
				memcpy(other, f, 12);
			if (!fit(&known, other))
				continue;
			verdict = cbpf_run(b, other, cap, rnd(2) ? FRAME : small());
			compared++;
			accepted += verdict != 0;
			if (verdict && !maybe)
				fail_msg("program %zu accepts frame %zu, said to be impossible", i,
					 k);
		}
		may_free(m);
		cbpf_free(b);
	}
	/* it is worth nothing where all may match, or nothing does */
	assert_true(nevers > PROGRAMS / 20);
	assert_true(compared > PROGRAMS * 10 && accepted > compared / 20);
}

#define RUN(known, ...)                                                                            \
	run((const struct cbpf_insn[]){__VA_ARGS__},                                               \
	    sizeof((const struct cbpf_insn[]){__VA_ARGS__}) / sizeof(struct cbpf_insn), known)

static bool run(const struct cbpf_insn *p, size_t n, const struct may_frame *f)
{
	struct may *m;
	bool r;

	assert_int_equal(may_new(&m, p, n, NULL), 0);
	r = may_match(m, f);
	may_free(m);
	return r;
}

#define LDH(at)                                                                                    \
	{                                                                                          \
		OP_LD | OP_H | OP_ABS, 0, 0, at                                                    \
	}
#define JEQ(v, yes, no)                                                                            \
	{                                                                                          \
		OP_JMP | OP_JEQ, yes, no, v                                                        \
	}
#define RET(v)                                                                                     \
	{                                                                                          \
		OP_RET, 0, 0, v                                                                    \
	}

/* What must be told, or nothing would be left out. */
static void test_told(void **state)
{
	static const struct may_range low[] = {{0, 1500}, {0x8864, 0x8864}};
	struct may_frame f = {.ip = MAY_NOWHERE};

	(void)state;
	assert_true(RUN(&f, LDH(12), JEQ(0x800, 0, 1), RET(1), RET(0)));
	f.facts[f.n_facts++] = (struct may_fact){.at = 12, .size = 2, .n = 2, .v = low};
	assert_false(RUN(&f, LDH(12), JEQ(0x800, 0, 1), RET(1), RET(0)));
	assert_true(RUN(&f, LDH(12), JEQ(1500, 0, 1), RET(1), RET(0)));
	assert_true(RUN(&f, LDH(12), JEQ(0x8864, 0, 1), RET(1), RET(0)));
	assert_false(RUN(&f, LDH(12), {OP_JMP | OP_JGT, 0, 1, 0x8864}, RET(1), RET(0)));
	assert_true(RUN(&f, LDH(12), {OP_JMP | OP_JGE, 0, 1, 0x8864}, RET(1), RET(0)));
	f.facts[0] = (struct may_fact){.at = 12, .size = 2, .any = 0x1fff};
	assert_false(RUN(&f, LDH(12), {OP_JMP | OP_JSET, 1, 0, 0x1fff}, RET(1), RET(0)));
	assert_true(RUN(&f, LDH(12), {OP_JMP | OP_JSET, 1, 0, 0x0fff}, RET(1), RET(0)));
	assert_false(RUN(&f, LDH(12), JEQ(0x2000, 0, 1), RET(1), RET(0)));

	/* the length of a header that is not known, and 7 behind it */
	f = (struct may_frame){
		.ip = 14, .behind_val = {0, 0, 0, 7}, .behind_known = {0, 0, 255, 255}};
	assert_false(RUN(&f, {OP_LDX | OP_B | OP_MSH, 0, 0, 14}, {OP_LD | OP_H | OP_IND, 0, 0, 16},
			 JEQ(8, 0, 1), RET(1), RET(0)));
	assert_true(RUN(&f, {OP_LDX | OP_B | OP_MSH, 0, 0, 14}, {OP_LD | OP_H | OP_IND, 0, 0, 16},
			JEQ(7, 0, 1), RET(1), RET(0)));
	assert_true(RUN(&f, {OP_LDX | OP_B | OP_MSH, 0, 0, 15}, {OP_LD | OP_H | OP_IND, 0, 0, 16},
			JEQ(8, 0, 1), RET(1), RET(0)));
	assert_true(RUN(&f, {OP_LDX | OP_B | OP_MSH, 0, 0, 14}, {OP_LD | OP_H | OP_IND, 0, 0, 13},
			JEQ(8, 0, 1), RET(1), RET(0)));

	/* two ways that meet: what both know stays known */
	assert_false(RUN(&f, LDH(0), JEQ(5, 0, 2), {OP_LD | OP_IMM, 0, 0, 2},
			 {OP_JMP | OP_JA, 0, 0, 1}, {OP_LD | OP_IMM, 0, 0, 10},
			 {OP_JMP | OP_JSET, 0, 1, 0x1}, RET(1), RET(0)));
	assert_true(RUN(&f, LDH(0), JEQ(5, 0, 2), {OP_LD | OP_IMM, 0, 0, 2},
			{OP_JMP | OP_JA, 0, 0, 1}, {OP_LD | OP_IMM, 0, 0, 10}, JEQ(10, 0, 1),
			RET(1), RET(0)));
	f.n_facts = 0;
	f.facts[f.n_facts++] = (struct may_fact){.at = 12, .size = 2, .n = 2, .v = low};
	assert_true(RUN(&f, LDH(0), JEQ(5, 0, 2), LDH(12), {OP_JMP | OP_JA, 0, 0, 1},
			{OP_LD | OP_IMM, 0, 0, 0x800}, JEQ(0x800, 0, 1), RET(1), RET(0)));
	f.n_facts = 0;
	assert_true(RUN(&f, {OP_LD | OP_IMM, 0, 0, 1}, {OP_ST, 0, 0, 0}, LDH(0), JEQ(5, 0, 2),
			{OP_LD | OP_IMM, 0, 0, 2}, {OP_ST, 0, 0, 0}, {OP_LD | OP_MEM, 0, 0, 0},
			JEQ(2, 0, 1), RET(1), RET(0)));
	assert_false(RUN(&f, {OP_LD | OP_IMM, 0, 0, 1}, {OP_ST, 0, 0, 0}, LDH(0), JEQ(5, 0, 2),
			 {OP_LD | OP_IMM, 0, 0, 2}, {OP_ST, 0, 0, 0}, {OP_LD | OP_MEM, 0, 0, 0},
			 JEQ(4, 0, 1), RET(1), RET(0)));
	f.facts[f.n_facts++] =
		(struct may_fact){.at = 12, .size = 2, .n = 1, .v = &low[1], .also = 5};
	assert_true(RUN(&f, LDH(12), JEQ(5, 0, 1), RET(1), RET(0)));
	assert_false(RUN(&f, LDH(12), JEQ(6, 0, 1), RET(1), RET(0)));
	assert_false(RUN(&f, LDH(12), {OP_JMP | OP_JGE, 1, 0, 5}, RET(1), RET(0)));
	assert_true(RUN(&f, LDH(12), {OP_JMP | OP_JGE, 1, 0, 7}, RET(1), RET(0)));
	/* a program that jumps back may do anything */
	assert_true(
		RUN(&f, {OP_JMP | OP_JEQ, 0, 1, 1}, {OP_JMP | OP_JA, 0, 0, UINT32_MAX}, RET(0)));
}

static void test_refused(void **state)
{
	static const struct cbpf_insn none = {OP_LD | OP_IMM, 0, 0, 1};
	struct may *m = NULL;

	(void)state;
	assert_true(may_new(&m, &none, 1, NULL) < 0);
	assert_null(m);
	may_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_told),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
