/* The conditions that every row must fulfil before anything but order and columns is changed,
 * as hints: of each condition what a range, a prefix or a text can tell. */
#include "ql/hints.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define HINTS_MAX 64 /* more conditions are not told */

/* A choice that is being gathered. */
struct choice {
	const uint16_t *from; /* where each field is in the source's schema; NULL: the same */
	struct hint_test tests[HINT_TESTS_MAX];
	size_t n;
	bool exact; /* it says the same as the condition */
};

/* A new test, without bounds; NULL: there are too many. */
static struct hint_test *add_test(struct choice *c, uint16_t field, enum val_type type)
{
	struct hint_test *t = &c->tests[c->n];

	if (c->n == HINT_TESTS_MAX)
		return NULL;
	c->n++;
	*t = (struct hint_test){.field = c->from ? c->from[field] : field, .type = type};
	return t;
}

/* NULL: no bound. */
static bool add_range(struct choice *c, const struct ql_test *q, const union val *min,
		      const union val *max)
{
	struct hint_test *t = add_test(c, q->field, q->type);

	if (!t)
		return false;
	t->has_min = min;
	t->has_max = max;
	if (min)
		t->min = *min;
	if (max)
		t->max = *max;
	return true;
}

static bool add_presence(struct choice *c, const struct ql_test *q)
{
	c->exact &= q->op == QL_TEST_PRESENT && !q->negate;
	return add_range(c, q, NULL, NULL);
}

static bool add_equal(struct choice *c, const struct ql_test *q, const union val *v)
{
	struct hint_test *t;

	if (q->type != VAL_ADDR && q->type != VAL_STR)
		return add_range(c, q, v, v);
	t = add_test(c, q->field, q->type);
	if (!t)
		return false;
	t->min = *v;
	if (q->type == VAL_ADDR)
		hint_set_addr(t, &v->addr);
	else
		t->kind = HINT_TEXT;
	return true;
}

static bool add_set(struct choice *c, const struct ql_test *q, size_t max)
{
	size_t i;

	if (q->n_set > max) {
		c->exact = false;
		return add_range(c, q, &q->set[0], &q->set[q->n_set - 1]);
	}
	for (i = 0; i < q->n_set; i++)
		if (!add_equal(c, q, &q->set[i]))
			return false;
	return true;
}

/* Below 'lo', above 'hi', of whole numbers; anything of others. */
static bool add_outside(struct choice *c, const struct ql_test *q)
{
	bool is_u64 = q->type == VAL_U64;
	union val below = q->lo, above = q->hi;

	if (q->op == QL_TEST_NONE) /* everything is outside of nothing */
		return add_range(c, q, NULL, NULL);
	if (q->op != QL_TEST_INT)
		return add_presence(c, q);
	below.u64--;
	above.u64++;
	if ((is_u64 ? q->lo.u64 != 0 : q->lo.i64 != INT64_MIN) && !add_range(c, q, NULL, &below))
		return false;
	return (is_u64 ? q->hi.u64 == UINT64_MAX : q->hi.i64 == INT64_MAX) ||
	       add_range(c, q, &above, NULL);
}

/* Bounds that a value may be equal to; addresses have an order within their family only. */
static bool add_bounds(struct choice *c, const struct ql_test *q)
{
	union val lo = q->lo, hi = q->hi;

	c->exact &= (!q->has_lo || q->lo_in) && (!q->has_hi || q->hi_in);
	if (q->type == VAL_ADDR && !q->has_lo)
		lo.addr = (struct addr){.family = hi.addr.family};
	if (q->type == VAL_ADDR && !q->has_hi) {
		hi.addr.family = lo.addr.family;
		memset(hi.addr.b, 0xff, sizeof(hi.addr.b));
	}
	return add_range(c, q, q->has_lo || q->type == VAL_ADDR ? &lo : NULL,
			 q->has_hi || q->type == VAL_ADDR ? &hi : NULL);
}

/* Whole numbers, and others, have bounds even where only one was asked for. */
static bool add_between(struct choice *c, const struct ql_test *q)
{
	bool lo, hi;

	if (q->type == VAL_F64) {
		lo = q->lo.f64 != -INFINITY;
		hi = true; /* what is no number is never meant */
	} else if (q->type == VAL_U64) {
		lo = q->lo.u64 != 0;
		hi = q->hi.u64 != UINT64_MAX;
	} else {
		lo = q->lo.i64 != INT64_MIN;
		hi = q->hi.i64 != INT64_MAX;
	}
	return add_range(c, q, lo ? &q->lo : NULL, hi ? &q->hi : NULL);
}

/* At most 'max' tests of it. */
static bool add_ql_test(struct choice *c, const struct ql_test *q, size_t max)
{
	struct hint_test *t;

	if (q->negate)
		return add_outside(c, q);
	switch (q->op) {
	case QL_TEST_NONE:
		return true;
	case QL_TEST_INT:
	case QL_TEST_F64:
		return add_between(c, q);
	case QL_TEST_EQUAL:
		return add_equal(c, q, &q->lo);
	case QL_TEST_BOUNDS:
		return add_bounds(c, q);
	case QL_TEST_SET:
		return add_set(c, q, max);
	case QL_TEST_PREFIX:
		t = add_test(c, q->field, q->type);
		if (!t)
			return false;
		t->kind = HINT_PREFIX;
		t->min.addr = q->lo.addr;
		t->bits = q->bits;
		return true;
	case QL_TEST_PRESENT:
	case QL_TEST_REGEX:
	case QL_TEST_CONTAINS:
		break;
	}
	return add_presence(c, q);
}

static bool add_cond(struct choice *c, const struct ql_cond *cond)
{
	size_t room = (HINT_TESTS_MAX - c->n) / cond->n, i; /* of each */

	if (cond->or_absent)
		return false;
	for (i = 0; i < cond->n; i++) {
		const struct ql_test *q = &cond->tests[i];

		if (cond->none) /* that they are there is all that can be told */
			c->exact = false;
		if (cond->none ? !add_range(c, q, NULL, NULL) : !add_ql_test(c, q, room))
			return false;
	}
	return true;
}

/* What has been said so far. */
struct told {
	struct ql_plan *plan;
	uint16_t *from; /* as in struct choice, for the rows of the next stage */
	size_t n;
	bool exact; /* nothing was left unsaid */
};

static int tell(struct told *t, const struct choice *c)
{
	struct hint_test *tests;
	struct hint *h;

	t->exact &= c->exact;
	if (t->n == HINTS_MAX) {
		t->exact = false;
		return 0;
	}
	if (ql_arena_alloc(&t->plan->arena, sizeof(*h), &h) < 0 ||
	    ql_arena_alloc(&t->plan->arena, c->n * sizeof(*tests), &tests) < 0)
		return -ENOMEM;
	memcpy(tests, c->tests, c->n * sizeof(*tests));
	*h = (struct hint){t->plan->scan.hints, tests, c->n};
	t->plan->scan.hints = h;
	t->n++;
	return 0;
}

static int tell_filter(struct told *t, const struct ql_filter *f)
{
	size_t i, k;
	int r = 0;

	for (i = 0; i < f->n && r == 0; i++) {
		const struct ql_either *e = &f->all[i];
		struct choice c = {.from = t->from, .exact = true};

		for (k = 0; k < e->n; k++)
			if (!add_cond(&c, &e->conds[k]))
				break;
		if (k < e->n)
			t->exact = false;
		else
			r = tell(t, &c);
	}
	return r;
}

/* Values leaves out rows that have none of its fields; both rename them. */
static int tell_columns(struct told *t, const struct ql_stage *s)
{
	struct choice c = {.from = t->from, .exact = true};
	uint16_t *from;
	size_t i;
	int r;

	for (i = 0; s->drop_empty && i < s->n_fields && i < HINT_TESTS_MAX; i++)
		add_test(&c, s->fields[i], s->in->fields[s->fields[i]].type);
	if (s->drop_empty && s->n_fields > HINT_TESTS_MAX)
		t->exact = false;
	r = s->drop_empty && s->n_fields <= HINT_TESTS_MAX ? tell(t, &c) : 0;
	if (r < 0 || ql_arena_alloc(&t->plan->arena, s->n_fields * sizeof(*from), &from) < 0)
		return -ENOMEM;
	for (i = 0; i < s->n_fields; i++)
		from[i] = t->from ? t->from[s->fields[i]] : s->fields[i];
	t->from = from;
	return 0;
}

int ql_plan_hints(struct ql_plan *plan)
{
	struct told t = {.plan = plan, .exact = true};
	bool in_order = true;
	size_t i;
	int r = 0;

	for (i = 0; i < plan->n && r == 0; i++) {
		const struct ql_stage *s = &plan->stages[i];

		if (s->op == QL_OP_FILTER)
			r = tell_filter(&t, &s->filter);
		else if (s->op == QL_OP_PROJECT)
			r = tell_columns(&t, s);
		else if (s->op == QL_OP_SORT && s->keep == UINT64_MAX)
			in_order = false; /* all of them go on */
		else
			break;
	}
	if (r == 0 && i < plan->n && plan->stages[i].op == QL_OP_CUT && t.exact && in_order)
		plan->scan.limit_hint = plan->stages[i].to == UINT64_MAX ? 0 : plan->stages[i].to;
	return r;
}
