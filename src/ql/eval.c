/* Conditions on batches: one loop per kind of test and type over a whole column, a bit per row
 * as the result.  Cheap tests run on all rows, dear ones only where the answer matters. */
#include "ql/pred.h"

#include <string.h>

#include "base/cleanup.h"
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

static bool contains(const char *p, size_t len, const struct val_str *needle)
{
	return !needle->len || (len && memmem(p, len, needle->p, needle->len));
}

/* The text that Regex and Contains look at. */
static bool test_text(const struct ql_test *t, const union val *v, struct buf *scratch)
{
	const char *p = v->str.p;
	size_t len = v->str.len;

	if (t->type != VAL_STR) {
		buf_clear(scratch);
		buf_addval(scratch, t->type, v);
		p = buf_str(scratch);
		len = scratch->len;
	}
	return t->op == QL_TEST_REGEX ? rx_match(t->rx, p, len) : contains(p, len, &t->lo.str);
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

static bool test_val(const struct ql_test *t, const union val *v, struct buf *scratch)
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
		return test_text(t, v, scratch);
	default:
		return false;
	}
}

/* Row by row, but only those in 'care'. */
static uint64_t bits_each(const struct ql_test *t, const struct col *c, size_t row, uint64_t care,
			  struct buf *scratch)
{
	uint64_t bits = 0;
	union val v;

	for (; care; care &= care - 1) {
		unsigned i = (unsigned)__builtin_ctzll(care);

		if (col_get(c, row + i, &v) && test_val(t, &v, scratch))
			bits |= UINT64_C(1) << i;
	}
	return bits;
}

/* The rows among 'care' that pass, of the 64 from 'row'. */
static uint64_t test_bits(const struct ql_test *t, const struct col *c, size_t row, uint64_t care,
			  struct buf *scratch)
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
		bits = t->type == VAL_ADDR ? bits_addr(t, c, row)
					   : bits_each(t, c, row, care, scratch);
		break;
	case QL_TEST_PREFIX:
		bits = bits_prefix(t, c, row);
		break;
	default:
		bits = bits_each(t, c, row, care, scratch);
	}
	return care & (t->negate ? ~bits : bits);
}

static uint64_t cond_bits(const struct ql_cond *cond, const struct batch *b, size_t row,
			  uint64_t care, struct buf *scratch)
{
	uint64_t pass = 0, present = 0;
	size_t i;

	for (i = 0; i < cond->n; i++) {
		const struct col *c = b->cols[cond->tests[i].field];

		if (!c)
			continue;
		present |= c->present[row / 64];
		pass |= test_bits(&cond->tests[i], c, row, care & ~pass, scratch);
	}
	if (!cond->none)
		return pass;
	return care & ~pass & (cond->or_absent ? ~UINT64_C(0) : present);
}

void ql_filter_run(const struct ql_filter *f, const struct batch *b, uint64_t sel[WORDS])
{
	CLEANUP(buf_done) struct buf scratch = BUF_INIT;
	size_t w, i, j;

	for (w = 0; w < WORDS && w * 64 < b->n; w++) {
		for (i = 0; i < f->n && sel[w]; i++) {
			uint64_t pass = 0;

			for (j = 0; j < f->all[i].n; j++)
				pass |= cond_bits(&f->all[i].conds[j], b, w * 64, sel[w] & ~pass,
						  &scratch);
			sel[w] &= pass;
		}
	}
}
