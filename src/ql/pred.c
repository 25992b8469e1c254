#include "ql/pred.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "filter/rx.h"
#include "ql/args.h"
#include "ql/words.h"

int ql_field_find(struct ql_bind *b, const struct schema *schema, const struct ql_arg *name,
		  uint16_t ret[SCHEMA_NAMES_MAX])
{
	size_t n = schema_find(schema, name->str.p, name->str.len, ret);
	const char *near;
	char q[64];

	if (n)
		return (int)n;
	near = schema_near(schema, name->str.p, name->str.len);
	err_quote(q, sizeof(q), name->str.p, name->str.len);
	return err_set(b->err, -EINVAL, "no field '%s' (column %u)%s%s%s", q, name->col,
		       near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static bool is_int(enum val_type type)
{
	return type == VAL_U64 || type == VAL_I64 || type == VAL_TIME || type == VAL_DUR;
}

static int no_sense(struct ql_bind *b, const struct field *f, const struct ql_arg *pred,
		    const char *needs)
{
	return err_set(b->err, -EINVAL, "'%s' (column %u) needs %s, but '%s' holds %s",
		       pred->pred->name, pred->col, needs, f->json, ql_type_plural(f->type));
}

/* The bounds of an ordering predicate: '>' or '>=' lo, '<' or '<=' hi. */
struct bounds {
	const struct ql_arg *lo, *hi; /* NULL: open */
	bool lo_in, hi_in;
};

static struct bounds bounds_of(const struct ql_arg *pred)
{
	const struct ql_arg *a = pred->args;

	switch (pred->pred->id) {
	case QL_PRED_LT:
		return (struct bounds){.hi = a};
	case QL_PRED_LTE:
		return (struct bounds){.hi = a, .hi_in = true};
	case QL_PRED_GT:
		return (struct bounds){.lo = a};
	case QL_PRED_GTE:
		return (struct bounds){.lo = a, .lo_in = true};
	case QL_PRED_INSIDE:
		return (struct bounds){.lo = a, .hi = a + 1};
	case QL_PRED_BETWEEN:
		return (struct bounds){.lo = a, .hi = a + 1, .lo_in = true};
	default: /* Outside: the complement of this */
		return (struct bounds){.lo = a, .hi = a + 1, .lo_in = true, .hi_in = true};
	}
}

static __int128 int_min(enum val_type type)
{
	return type == VAL_U64 ? 0 : INT64_MIN;
}

static __int128 int_max(enum val_type type)
{
	return type == VAL_U64 ? (__int128)UINT64_MAX : INT64_MAX;
}

static void set_ints(struct ql_test *t, __int128 lo, __int128 hi)
{
	if (lo < int_min(t->type))
		lo = int_min(t->type);
	if (hi > int_max(t->type))
		hi = int_max(t->type);
	t->op = lo > hi ? QL_TEST_NONE : QL_TEST_INT;
	t->lo.u64 = (uint64_t)lo;
	t->hi.u64 = (uint64_t)hi;
}

static int bounds_int(struct ql_test *t, struct ql_bind *b, const struct field *f,
		      const struct bounds *in)
{
	__int128 lo = int_min(f->type), hi = int_max(f->type);
	struct ql_num v;
	int r;

	if (in->lo) {
		r = ql_lit_num(b, f, in->lo, &v);
		if (r < 0)
			return r;
		lo = v.floor + !(v.exact && in->lo_in);
	}
	if (in->hi) {
		r = ql_lit_num(b, f, in->hi, &v);
		if (r < 0)
			return r;
		hi = v.floor - (v.exact && !in->hi_in);
	}
	set_ints(t, lo, hi);
	return 0;
}

static int bounds_f64(struct ql_test *t, struct ql_bind *b, const struct field *f,
		      const struct bounds *in)
{
	int r = 0;

	t->op = QL_TEST_F64;
	t->lo.f64 = -INFINITY;
	t->hi.f64 = INFINITY;
	if (in->lo)
		r = ql_lit_val(b, f, in->lo, &t->lo);
	if (r == 0 && in->hi)
		r = ql_lit_val(b, f, in->hi, &t->hi);
	if (in->lo && !in->lo_in)
		t->lo.f64 = nextafter(t->lo.f64, INFINITY);
	if (in->hi && !in->hi_in)
		t->hi.f64 = nextafter(t->hi.f64, -INFINITY);
	return r;
}

static int init_bounds(struct ql_test *t, struct ql_bind *b, const struct field *f,
		       const struct ql_arg *pred)
{
	struct bounds in = bounds_of(pred);
	int r = 0;

	if (f->type == VAL_BOOL || f->type == VAL_ID)
		return no_sense(b, f, pred, "an order");
	if (is_int(f->type))
		return bounds_int(t, b, f, &in);
	if (f->type == VAL_F64)
		return bounds_f64(t, b, f, &in);
	t->op = QL_TEST_BOUNDS;
	t->has_lo = in.lo != NULL;
	t->has_hi = in.hi != NULL;
	t->lo_in = in.lo_in;
	t->hi_in = in.hi_in;
	if (in.lo)
		r = ql_lit_val(b, f, in.lo, &t->lo);
	if (r == 0 && in.hi)
		r = ql_lit_val(b, f, in.hi, &t->hi);
	if (r == 0 && f->type == VAL_ADDR && in.lo && in.hi &&
	    t->lo.addr.family != t->hi.addr.family)
		return ql_arg_error(b->err, in.hi, "not of the same kind of address as the first");
	return r;
}

/* Equality, by type; '*ret' false: no value of the field can be equal. */
static int equal_val(struct ql_bind *b, const struct field *f, const struct ql_arg *a,
		     union val *ret, bool *ret_possible)
{
	struct ql_num v;
	int r;

	*ret_possible = true;
	if (!is_int(f->type))
		return ql_lit_val(b, f, a, ret);
	r = ql_lit_num(b, f, a, &v);
	if (r < 0)
		return r;
	*ret_possible = v.exact && v.floor >= int_min(f->type) && v.floor <= int_max(f->type);
	ret->u64 = (uint64_t)v.floor;
	return 0;
}

static int init_equal(struct ql_test *t, struct ql_bind *b, const struct field *f,
		      const struct ql_arg *a)
{
	bool possible;
	int r;

	r = equal_val(b, f, a, &t->lo, &possible);
	if (r < 0)
		return r;
	t->hi = t->lo;
	t->op = !possible            ? QL_TEST_NONE
		: is_int(f->type)    ? QL_TEST_INT
		: f->type == VAL_F64 ? QL_TEST_F64
				     : QL_TEST_EQUAL;
	return 0;
}

static int cmp_val(const void *a, const void *b, void *type)
{
	return val_cmp(*(enum val_type *)type, a, b);
}

static int init_set(struct ql_test *t, struct ql_bind *b, const struct field *f,
		    const struct ql_arg *args, size_t n)
{
	size_t i;
	int r;

	if (n == 1)
		return init_equal(t, b, f, args);
	t->op = QL_TEST_SET;
	if (ql_arena_alloc(b->arena, n * sizeof(t->set[0]), &t->set) < 0)
		return err_set(b->err, -ENOMEM, "out of memory");
	for (i = 0; i < n; i++) {
		bool possible;

		r = equal_val(b, f, &args[i], &t->set[t->n_set], &possible);
		if (r < 0)
			return r;
		t->n_set += possible;
	}
	if (!t->n_set)
		t->op = QL_TEST_NONE;
	qsort_r(t->set, t->n_set, sizeof(t->set[0]), cmp_val, &t->type);
	return 0;
}

/* The end of the class "[...]" that begins at 's'; s->len if it does not end. */
static uint32_t class_end(const struct val_str *s, uint32_t i)
{
	const char *named;

	i += 1 + (i + 1 < s->len && s->p[i + 1] == '^');
	i += i < s->len && s->p[i] == ']'; /* the first one is a member */
	for (; i < s->len && s->p[i] != ']'; i++) {
		named = NULL;
		if (s->p[i] == '[' && i + 1 < s->len && s->p[i + 1] == ':')
			named = memmem(s->p + i + 2, s->len - i - 2, ":]", 2);
		if (named)
			i = (uint32_t)(named - s->p) + 1;
		else
			i += s->p[i] == '\\';
	}
	return i < s->len ? i : s->len;
}

/* Where an anchor is; s->len: none.  Skydive anchors by itself and refuses the user's. */
static uint32_t find_anchor(const struct val_str *s)
{
	uint32_t i;

	for (i = 0; i < s->len && s->p[i] != '^' && s->p[i] != '$'; i++) {
		if (s->p[i] == '\\')
			i++;
		else if (s->p[i] == '[')
			i = class_end(s, i);
	}
	return i < s->len ? i : s->len;
}

static int init_regex(struct ql_test *t, struct ql_bind *b, const struct ql_arg *a)
{
	size_t at = find_anchor(&a->str);
	struct err err;
	char q[64];
	int r;

	t->op = QL_TEST_REGEX;
	t->col = a->col;
	err_quote(q, sizeof(q), a->str.p, a->str.len);
	if (at < a->str.len)
		return err_set(b->err, -EINVAL,
			       "'%s' is anchored: ^ and $ are implied; write \\^ or \\$ for the "
			       "characters (column %u)",
			       q, ql_arg_column(a, at));
	at = 0;
	r = rx_new(&t->rx, a->str.p, a->str.len, RX_WHOLE, &at, &err);
	if (r == 0)
		return 0;
	return err_set(b->err, r == -ENOMEM ? r : -EINVAL,
		       "'%s' is no regular expression: %s (column %u)", q, err.text,
		       ql_arg_column(a, at));
}

static int init_text(struct ql_test *t, struct ql_bind *b, const struct field *f,
		     const struct ql_arg *pred)
{
	const struct ql_arg *a = pred->args;

	if (f->type != VAL_STR && f->type != VAL_ADDR && f->type != VAL_ID)
		return no_sense(b, f, pred, "text");
	if (pred->pred->id == QL_PRED_CONTAINS) {
		t->op = QL_TEST_CONTAINS;
		t->lo.str = a->str;
		return 0;
	}
	return init_regex(t, b, a);
}

static int init_prefix(struct ql_test *t, struct ql_bind *b, const struct field *f,
		       const struct ql_arg *pred)
{
	const struct ql_arg *a = pred->args;

	if (f->type != VAL_ADDR)
		return no_sense(b, f, pred, "addresses");
	t->op = QL_TEST_PREFIX;
	if (addr_parse_prefix(a->str.p, &t->lo.addr, &t->bits) < 0)
		return ql_arg_error(b->err, a, "no prefix (try '10.0.0.0/8', '2001:db8::/32')");
	return 0;
}

static int init_test(struct ql_test *t, struct ql_bind *b, const struct field *f,
		     const struct ql_arg *value)
{
	if (!value) {
		t->op = QL_TEST_PRESENT;
		return 0;
	}
	if (value->kind != QL_ARG_PRED)
		return init_equal(t, b, f, value);
	switch (value->pred->id) {
	case QL_PRED_NE:
	case QL_PRED_NEE:
	case QL_PRED_WITHIN:
	case QL_PRED_WITHOUT:
		return init_set(t, b, f, value->args, value->n);
	case QL_PRED_REGEX:
	case QL_PRED_CONTAINS:
		return init_text(t, b, f, value);
	case QL_PRED_RANGE:
		return init_prefix(t, b, f, value);
	default:
		t->negate = value->pred->id == QL_PRED_OUTSIDE;
		return init_bounds(t, b, f, value);
	}
}

int ql_cond_init(struct ql_cond *ret, struct ql_bind *b, const struct schema *schema,
		 const struct ql_arg *key, const struct ql_arg *value)
{
	uint16_t fields[SCHEMA_NAMES_MAX];
	int i, n, r;

	n = ql_field_find(b, schema, key, fields);
	if (n < 0)
		return n;
	for (i = 0; i < n; i++) {
		struct ql_test *t = &ret->tests[ret->n++];

		t->field = fields[i];
		t->type = schema->fields[fields[i]].type;
		r = init_test(t, b, &schema->fields[fields[i]], value);
		if (r < 0)
			return r;
	}
	if (value && value->kind == QL_ARG_PRED) {
		ret->or_absent = value->pred->id == QL_PRED_NEE;
		ret->none = ret->or_absent || value->pred->id == QL_PRED_NE ||
			    value->pred->id == QL_PRED_WITHOUT;
	}
	return 0;
}

void ql_filter_done(struct ql_filter *f)
{
	size_t i, j, k;

	for (i = 0; i < f->n; i++)
		for (j = 0; j < f->all[i].n; j++)
			for (k = 0; k < f->all[i].conds[j].n; k++)
				rx_free(f->all[i].conds[j].tests[k].rx);
	f->n = 0;
}

void ql_filter_fields(const struct ql_filter *f, struct field_set *ret)
{
	size_t i, j, k;

	for (i = 0; i < f->n; i++)
		for (j = 0; j < f->all[i].n; j++)
			for (k = 0; k < f->all[i].conds[j].n; k++)
				field_set_add(ret, f->all[i].conds[j].tests[k].field);
}
