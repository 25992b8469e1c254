/* Tests over the rows of a batch, one column at a time.  Sets of rows are
 * bitmaps; every step is asked only about rows that still matter, so that the
 * right side of an 'and' costs nothing where the left one failed. */
#include <string.h>
#include <strings.h>

#include "base/bytes.h"
#include "filter/filter_lex.h"
#include "filter/rx.h"
#include "filter/where.h"
#include "filter/where_int.h"

#define WORDS (BATCH_ROWS / 64)

struct rows {
	uint64_t w[WORDS];
};

/* One run over a batch. */
struct run {
	const struct where *w;
	const struct batch *b;
	struct err *err;
	int r; /* once it is negative, no answer matters any more */
};

/* The first row of a set from 'row' on; BATCH_ROWS: none. */
static size_t rows_next(const struct rows *r, size_t row)
{
	uint64_t below = row % 64 ? (UINT64_C(1) << row % 64) - 1 : 0;
	size_t i;

	for (i = row / 64; i < WORDS; i++, below = 0)
		if (r->w[i] & ~below)
			return i * 64 + (size_t)__builtin_ctzll(r->w[i] & ~below);
	return BATCH_ROWS;
}

static bool rows_any(const struct rows *r)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < WORDS; i++)
		sum |= r->w[i];
	return sum;
}

static void rows_set(struct rows *r, size_t row)
{
	r->w[row / 64] |= UINT64_C(1) << row % 64;
}

/* Integers of all kinds as unsigned ones in the same order. */
static uint64_t biased(enum val_type type, uint64_t v)
{
	return type == VAL_U64 ? v : v ^ UINT64_C(1) << 63;
}

/* One comparison for both ends: below 'lo' the difference wraps around. */
static void hit_integers(const struct wnode *n, const struct col *c, const struct rows *rows,
			 struct rows *ret)
{
	uint64_t bias = n->left.type == VAL_U64 ? 0 : UINT64_C(1) << 63;
	uint64_t mask = n->mask ? n->mask : UINT64_MAX;
	size_t i, j, k;

	for (k = 0; k < n->n_ranges; k++) {
		uint64_t lo = biased(n->left.type, n->ranges[k].lo.u64);
		uint64_t span = biased(n->left.type, n->ranges[k].hi.u64) - lo;

		for (i = 0; i < WORDS; i++) {
			const uint64_t *v = c->v.u64 + i * 64;
			uint64_t bits = 0;

			if (!rows->w[i])
				continue;
			for (j = 0; j < 64; j++)
				bits |= (uint64_t)(((v[j] & mask) ^ bias) - lo <= span) << j;
			ret->w[i] |= bits & rows->w[i];
		}
	}
}

/* Many ranges: search instead of comparing with each. */
#define FEW_RANGES 4

static void hit_ranges(const struct wnode *n, const struct col *c, const struct rows *rows,
		       struct rows *ret)
{
	enum val_type type = n->left.type;
	union val v;
	size_t row;

	for (row = rows_next(rows, 0); row < BATCH_ROWS; row = rows_next(rows, row + 1)) {
		col_get(c, row, &v);
		if (n->mask)
			v.u64 &= n->mask;
		if (ranges_have(type, n->ranges, n->n_ranges, &v))
			rows_set(ret, row);
	}
}

static void hit_addrs(const struct wnode *n, const struct col *c, const struct rows *rows,
		      struct rows *ret)
{
	const struct range *r = n->ranges;
	uint64_t lo_hi = be64_load(r->lo.addr.b), lo_lo = be64_load(r->lo.addr.b + 8);
	uint64_t hi_hi = be64_load(r->hi.addr.b), hi_lo = be64_load(r->hi.addr.b + 8);
	uint8_t family = r->lo.addr.family;
	size_t row;

	for (row = rows_next(rows, 0); row < BATCH_ROWS; row = rows_next(rows, row + 1)) {
		const struct addr *a = &c->v.addr[row];
		uint64_t hi = be64_load(a->b), lo = be64_load(a->b + 8);

		if (a->family == family && (hi > lo_hi || (hi == lo_hi && lo >= lo_lo)) &&
		    (hi < hi_hi || (hi == hi_hi && lo <= hi_lo)))
			rows_set(ret, row);
	}
}

static void hit_text(const struct wnode *n, const struct col *c, const struct rows *rows,
		     struct rows *ret)
{
	const struct val_str *want = &n->ranges[0].lo.str;
	size_t row;

	for (row = rows_next(rows, 0); row < BATCH_ROWS; row = rows_next(rows, row + 1)) {
		const struct val_str *s = &c->v.str[row];

		if (s->len == want->len && (!s->len || memcmp(s->p, want->p, s->len) == 0))
			rows_set(ret, row);
	}
}

static void hit_set(const struct wnode *n, const struct col *c, const struct rows *rows,
		    struct rows *ret)
{
	bool one = n->n_ranges == 1 && !n->ranges[0].flags;

	switch (n->n_ranges ? n->left.type : VAL_BOOL) {
	case VAL_U64:
	case VAL_I64:
	case VAL_TIME:
	case VAL_DUR:
		if (n->n_ranges <= FEW_RANGES)
			hit_integers(n, c, rows, ret);
		else
			hit_ranges(n, c, rows, ret);
		return;
	case VAL_ADDR:
		if (one)
			hit_addrs(n, c, rows, ret);
		else
			hit_ranges(n, c, rows, ret);
		return;
	case VAL_STR:
		if (one && n->ranges[0].lo.str.p == n->ranges[0].hi.str.p)
			hit_text(n, c, rows, ret);
		else
			hit_ranges(n, c, rows, ret);
		return;
	default:
		if (n->n_ranges)
			hit_ranges(n, c, rows, ret);
	}
}

static bool same_text(const struct val_str *a, const struct val_str *b)
{
	return a->len == b->len && (!a->len || strncasecmp(a->p, b->p, a->len) == 0);
}

/* Whether 'part' is one of the parts of a path: "Ethernet/IPv4/TCP". */
static bool has_part(const struct val_str *path, const struct val_str *part)
{
	const char *p = path->p, *end = p + path->len, *slash;

	while (p < end) {
		slash = memchr(p, '/', (size_t)(end - p));
		if (!slash)
			slash = end;
		if ((size_t)(slash - p) == part->len && memcmp(p, part->p, part->len) == 0)
			return true;
		p = slash + 1;
	}
	return false;
}

static bool rx_fits(struct run *x, const struct wnode *n, const struct val_str *s)
{
	const char *text = x->w->copy;
	char q[80];
	int r;

	r = rx_match(n->rx, x->w->rx_mem, s->p, s->len, x->err);
	if (r >= 0)
		return r;
	x->r = err_wrap(x->err, r, "'%s' (column %u)",
			err_quote(q, sizeof(q), text + n->off, n->len), text_column(text, n->off));
	return false;
}

static bool text_fits(struct run *x, const struct wnode *n, const struct val_str *s)
{
	switch (n->op) {
	case WNODE_CONTAINS:
		return !n->text.len || (s->len && memmem(s->p, s->len, n->text.p, n->text.len));
	case WNODE_MATCHES:
		return rx_fits(x, n, s);
	case WNODE_PART:
		return has_part(s, &n->text);
	default:
		return same_text(s, &n->text);
	}
}

static double as_f64(enum val_type type, const union val *v)
{
	return type == VAL_F64 ? v->f64 : type == VAL_U64 ? (double)v->u64 : (double)v->i64;
}

/* -1, 0, 1; 2: not comparable (not a number). */
static int cmp_values(enum val_type ta, const union val *a, enum val_type tb, const union val *b)
{
	int order;

	if (ta == VAL_F64 || tb == VAL_F64) {
		double x = as_f64(ta, a), y = as_f64(tb, b);

		return x < y ? -1 : x > y ? 1 : x == y ? 0 : 2;
	}
	if (ta != tb) {
		__int128 x = ta == VAL_U64 ? (__int128)a->u64 : a->i64;
		__int128 y = tb == VAL_U64 ? (__int128)b->u64 : b->i64;

		return (x > y) - (x < y);
	}
	order = val_cmp(ta, a, b);
	return (order > 0) - (order < 0);
}

static bool cmp_holds(enum wtok_kind cmp, int order)
{
	switch (cmp) {
	case WTOK_GT:
		return order == 1;
	case WTOK_GE:
		return order == 0 || order == 1;
	case WTOK_LT:
		return order == -1;
	case WTOK_LE:
		return order == 0 || order == -1;
	default: /* the others are equality, negated or not */
		return order == 0;
	}
}

/* Rows of 'rows' in which field 'i' of an operand has a value. */
static struct rows present(const struct operand *o, const struct batch *b, size_t i,
			   const struct rows *rows)
{
	const struct col *c = b->cols[o->fields[i]], *g = o->guarded ? b->cols[o->guard] : NULL;
	struct val_str want = {o->guard_text, o->guarded ? (uint32_t)strlen(o->guard_text) : 0};
	struct rows r = {{0}};
	size_t k, row;

	if (!c || (o->guarded && !g))
		return r;
	for (k = 0; k < WORDS; k++)
		r.w[k] = rows->w[k] & c->present[k] & (g ? g->present[k] : UINT64_MAX);
	if (o->family) {
		for (row = rows_next(&r, 0); row < BATCH_ROWS; row = rows_next(&r, row + 1)) {
			if (c->v.addr[row].family != o->family)
				r.w[row / 64] &= ~(UINT64_C(1) << row % 64);
		}
	}
	if (g) {
		for (row = rows_next(&r, 0); row < BATCH_ROWS; row = rows_next(&r, row + 1)) {
			if (!same_text(&g->v.str[row], &want))
				r.w[row / 64] &= ~(UINT64_C(1) << row % 64);
		}
	}
	return r;
}

/* Rows of 'rows', in all of which the value is there, that pass. */
static struct rows hits(struct run *x, const struct wnode *n, const struct col *c,
			const struct rows *rows)
{
	struct rows r = {{0}};
	size_t row;

	switch (n->op) {
	case WNODE_EXISTS:
		return *rows;
	case WNODE_SET:
		hit_set(n, c, rows, &r);
		return r;
	default:
		for (row = rows_next(rows, 0); row < BATCH_ROWS && x->r == 0;
		     row = rows_next(rows, row + 1)) {
			if (text_fits(x, n, &c->v.str[row]))
				rows_set(&r, row);
		}
		return r;
	}
}

/* The same for two fields; 'rows' have both. */
static struct rows hits_pair(const struct wnode *n, const struct col *a, const struct col *b,
			     const struct rows *rows)
{
	struct rows r = {{0}};
	union val va, vb;
	size_t row;

	for (row = rows_next(rows, 0); row < BATCH_ROWS; row = rows_next(rows, row + 1)) {
		col_get(a, row, &va);
		col_get(b, row, &vb);
		if (n->mask)
			va.u64 &= n->mask;
		if (cmp_holds(n->cmp, cmp_values(a->type, &va, b->type, &vb)))
			rows_set(&r, row);
	}
	return r;
}

/* What is known of a test while it goes through the values of its fields. */
struct verdict {
	struct rows seen, passed,
		failed; /* rows with any value, any that passed, any that failed */
};

static void verdict_add(struct verdict *v, const struct wnode *n, const struct rows *rows,
			const struct rows *hit)
{
	size_t i;

	for (i = 0; i < WORDS; i++) {
		uint64_t pass = n->negate ? rows->w[i] & ~hit->w[i] : hit->w[i];

		v->seen.w[i] |= rows->w[i];
		v->passed.w[i] |= pass;
		v->failed.w[i] |= rows->w[i] & ~pass;
	}
}

static struct rows run_test(struct run *x, const struct wnode *n, const struct rows *rows)
{
	const struct batch *b = x->b;
	struct verdict v = {0};
	struct rows here, both, hit;
	size_t i, j;

	for (i = 0; i < n->left.n; i++) {
		here = present(&n->left, b, i, rows);
		if (!rows_any(&here))
			continue;
		if (n->op != WNODE_FIELD) {
			hit = hits(x, n, b->cols[n->left.fields[i]], &here);
			verdict_add(&v, n, &here, &hit);
			continue;
		}
		for (j = 0; j < n->right.n; j++) {
			both = present(&n->right, b, j, &here);
			if (!rows_any(&both))
				continue;
			hit = hits_pair(n, b->cols[n->left.fields[i]], b->cols[n->right.fields[j]],
					&both);
			verdict_add(&v, n, &both, &hit);
		}
	}
	if (!n->all)
		return v.passed;
	for (i = 0; i < WORDS; i++)
		v.seen.w[i] &= ~v.failed.w[i];
	return v.seen;
}

static struct rows run(struct run *x, uint32_t i, const struct rows *rows)
{
	const struct where *w = x->w;
	const struct wnode *n = &w->nodes[i];
	struct rows left = *rows, hit;
	uint32_t c;
	size_t k;

	switch (n->op) {
	case WNODE_AND:
		for (c = n->first; c && rows_any(&left); c = w->nodes[c].next)
			left = run(x, c, &left);
		return left;
	case WNODE_OR: /* 'left': no operand is true yet */
		for (c = n->first; c && rows_any(&left); c = w->nodes[c].next) {
			hit = run(x, c, &left);
			for (k = 0; k < WORDS; k++)
				left.w[k] &= ~hit.w[k];
		}
		for (k = 0; k < WORDS; k++)
			left.w[k] = rows->w[k] & ~left.w[k];
		return left;
	case WNODE_NOT:
		hit = run(x, n->first, rows);
		for (k = 0; k < WORDS; k++)
			left.w[k] &= ~hit.w[k];
		return left;
	default:
		return run_test(x, n, rows);
	}
}

int where_run(struct where *w, const struct batch *b, uint64_t sel[BATCH_ROWS / 64],
	      struct err *err)
{
	struct run x = {w, b, err, 0};
	struct rows rows;
	size_t i;

	for (i = 0; i < WORDS; i++) {
		if (b->n <= i * 64)
			sel[i] = 0;
		else if (b->n < (i + 1) * 64)
			sel[i] &= (UINT64_C(1) << b->n % 64) - 1;
		rows.w[i] = sel[i];
	}
	if (!w->root)
		return 0;
	rows = run(&x, w->root, &rows);
	memcpy(sel, rows.w, sizeof(rows.w));
	return x.r;
}
