/* Conditions on batches: one loop per kind of test and type over a whole column, a bit per row
 * as the result.  Cheap tests run on all rows, dear ones only where the answer matters. */
#include "ql/pred.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "filter/rx.h"

#define WORDS (BATCH_ROWS / 64)

/* Bits of 64 rows of which 'expr', in terms of 'i', is true. */
#define BITS(expr)                                                                                 \
	({                                                                                         \
		uint64_t bits_ = 0;                                                                \
		unsigned i;                                                                        \
		for (i = 0; i < 64; i++)                                                           \
			bits_ |= (uint64_t)(expr) << i;                                            \
		bits_;                                                                             \
	})

static uint64_t bits_int(const struct ql_test *t, const struct col *c, size_t row)
{
	const uint64_t *v = c->v.u64 + row;
	uint64_t lo = t->lo.u64, span = t->hi.u64 - t->lo.u64; /* modulo 2^64: any sign */

	return BITS(v[i] - lo <= span);
}

static uint64_t bits_f64(const struct ql_test *t, const struct col *c, size_t row)
{
	const double *v = c->v.f64 + row;
	double lo = t->lo.f64, hi = t->hi.f64;

	return BITS(v[i] >= lo && v[i] <= hi);
}

static bool addr_equal(const struct addr *a, const struct addr *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

_Static_assert(sizeof(struct addr) == 17, "memcmp of addresses must meet no padding");

static uint64_t bits_addr(const struct ql_test *t, const struct col *c, size_t row)
{
	const struct addr *v = c->v.addr + row, want = t->lo.addr;

	return BITS(addr_equal(&v[i], &want));
}

/* The halves of an address, for comparing under a mask. */
struct halves {
	uint64_t lo, hi;
};

static struct halves halves(const uint8_t b[16])
{
	struct halves h;

	memcpy(&h.lo, b, 8);
	memcpy(&h.hi, b + 8, 8);
	return h;
}

static bool under_mask(const struct addr *a, uint8_t family, struct halves net, struct halves mask)
{
	struct halves v = halves(a->b);

	return a->family == family && !(((v.lo ^ net.lo) & mask.lo) | ((v.hi ^ net.hi) & mask.hi));
}

static uint64_t bits_prefix(const struct ql_test *t, const struct col *c, size_t row)
{
	struct halves net = halves(t->lo.addr.b), mask;
	const struct addr *v = c->v.addr + row;
	uint8_t family = t->lo.addr.family, m[16] = {0};
	unsigned bit;

	for (bit = 0; bit < t->bits; bit++)
		m[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	mask = halves(m);
	return BITS(under_mask(&v[i], family, net, mask));
}

/* One run over a batch. */
struct eval {
	const struct batch *b;
	struct buf scratch; /* for texts of values that are none */
	struct rx_mem *mem;
	struct err *err;
	int r; /* once it is negative, no answer matters any more */
};

static bool contains(const char *p, size_t len, const struct val_str *needle)
{
	return !needle->len || (len && memmem(p, len, needle->p, needle->len));
}

static bool matches(struct eval *e, const struct ql_test *t, const char *p, size_t len)
{
	int r = rx_match(t->rx, e->mem, p, len, e->err);

	if (r < 0)
		e->r = err_wrap(e->err, r, "'Regex' (column %u)", t->col);
	return r > 0;
}

/* The text that Regex and Contains look at. */
static bool test_text(struct eval *e, const struct ql_test *t, const union val *v)
{
	const char *p = v->str.p;
	size_t len = v->str.len;

	if (t->type != VAL_STR) {
		buf_clear(&e->scratch);
		buf_addval(&e->scratch, t->type, v);
		p = buf_str(&e->scratch);
		len = e->scratch.len;
		if (buf_err(&e->scratch) < 0)
			e->r = err_set(e->err, -ENOMEM, "out of memory");
	}
	return t->op == QL_TEST_REGEX ? matches(e, t, p, len) : contains(p, len, &t->lo.str);
}

static bool in_bounds(const struct ql_test *t, const union val *v)
{
	int r;

	/* addresses of different families have no order that a person would mean */
	if (t->type == VAL_ADDR && v->addr.family != (t->has_lo ? &t->lo : &t->hi)->addr.family)
		return t->negate; /* which then is turned round: neither inside nor outside */
	if (t->has_lo) {
		r = val_cmp(t->type, v, &t->lo);
		if (r < 0 || (r == 0 && !t->lo_in))
			return false;
	}
	if (t->has_hi) {
		r = val_cmp(t->type, v, &t->hi);
		if (r > 0 || (r == 0 && !t->hi_in))
			return false;
	}
	return true;
}

static bool in_set(const struct ql_test *t, const union val *v)
{
	size_t lo = 0, hi = t->n_set;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int r = val_cmp(t->type, v, &t->set[mid]);

		if (r == 0)
			return true;
		if (r < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return false;
}

static bool test_val(struct eval *e, const struct ql_test *t, const union val *v)
{
	switch (t->op) {
	case QL_TEST_EQUAL:
		return val_cmp(t->type, v, &t->lo) == 0;
	case QL_TEST_BOUNDS:
		return in_bounds(t, v);
	case QL_TEST_SET:
		return in_set(t, v);
	case QL_TEST_REGEX:
	case QL_TEST_CONTAINS:
		return test_text(e, t, v);
	default:
		return false;
	}
}

/* Row by row, but only those in 'care'. */
static uint64_t bits_each(struct eval *e, const struct ql_test *t, const struct col *c, size_t row,
			  uint64_t care)
{
	uint64_t bits = 0;
	union val v;

	for (; care && e->r == 0; care &= care - 1) {
		unsigned i = (unsigned)__builtin_ctzll(care);

		if (col_get(c, row + i, &v) && test_val(e, t, &v))
			bits |= UINT64_C(1) << i;
	}
	return bits;
}

/* The rows among 'care' that pass, of the 64 from 'row'. */
static uint64_t test_bits(struct eval *e, const struct ql_test *t, const struct col *c, size_t row,
			  uint64_t care)
{
	uint64_t bits;

	care &= c->present[row / 64];
	if (!care)
		return 0;
	switch (t->op) {
	case QL_TEST_NONE:
		bits = 0;
		break;
	case QL_TEST_PRESENT:
		bits = ~UINT64_C(0);
		break;
	case QL_TEST_INT:
		bits = bits_int(t, c, row);
		break;
	case QL_TEST_F64:
		bits = bits_f64(t, c, row);
		break;
	case QL_TEST_EQUAL:
		bits = t->type == VAL_ADDR ? bits_addr(t, c, row) : bits_each(e, t, c, row, care);
		break;
	case QL_TEST_PREFIX:
		bits = bits_prefix(t, c, row);
		break;
	default:
		bits = bits_each(e, t, c, row, care);
	}
	return care & (t->negate ? ~bits : bits);
}

static uint64_t cond_bits(struct eval *e, const struct ql_cond *cond, size_t row, uint64_t care)
{
	uint64_t pass = 0, present = 0;
	size_t i;

	for (i = 0; i < cond->n; i++) {
		const struct col *c = e->b->cols[cond->tests[i].field];

		if (!c)
			continue;
		present |= c->present[row / 64];
		pass |= test_bits(e, &cond->tests[i], c, row, care & ~pass);
	}
	if (!cond->none)
		return pass;
	return care & ~pass & (cond->or_absent ? ~UINT64_C(0) : present);
}

int ql_filter_run(const struct ql_filter *f, struct rx_mem *mem, const struct batch *b,
		  uint64_t sel[WORDS], struct err *err)
{
	struct eval e = {.b = b, .scratch = BUF_INIT, .mem = mem, .err = err};
	size_t w, i, j;

	for (w = 0; w < WORDS && w * 64 < b->n && e.r == 0; w++) {
		for (i = 0; i < f->n && sel[w]; i++) {
			uint64_t pass = 0;

			for (j = 0; j < f->all[i].n; j++)
				pass |= cond_bits(&e, &f->all[i].conds[j], w * 64, sel[w] & ~pass);
			sel[w] &= pass;
		}
	}
	buf_done(&e.scratch);
	return e.r;
}
