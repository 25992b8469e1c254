/* --where as hints: what stands under 'and' at the top, each as a choice of ranges. */
#include <stdlib.h>
#include <string.h>

#include "filter/hint.h"
#include "filter/where.h"
#include "filter/where_int.h"

#define HINTS_MAX 64 /* more conditions are not told */

/* A choice that is being gathered. */
struct choice {
	struct hint_test tests[HINT_TESTS_MAX];
	size_t n;
};

/* A new test of a field; NULL: there are too many. */
static struct hint_test *add_test(struct choice *c, const struct operand *o, size_t i)
{
	struct hint_test *t = &c->tests[c->n];

	if (c->n == HINT_TESTS_MAX)
		return NULL;
	c->n++;
	*t = (struct hint_test){.kind = HINT_RANGE, .field = o->fields[i], .type = o->type};
	return t;
}

static bool add_presence(struct choice *c, const struct operand *o)
{
	size_t i;

	for (i = 0; i < o->n; i++)
		if (!add_test(c, o, i))
			return false;
	return true;
}

/* From the beginning of 'a' to the end of 'b'. */
static void set_range(struct hint_test *t, const struct range *a, const struct range *b)
{
	bool ends = !(a->flags & RANGE_NO_LO) && !(b->flags & RANGE_NO_HI);

	if (ends && t->type == VAL_ADDR) {
		hint_set_addrs(t, &a->lo.addr, &b->hi.addr);
		return;
	}
	if (ends && t->type == VAL_STR && val_cmp(VAL_STR, &a->lo, &b->hi) == 0)
		t->kind = HINT_TEXT;
	t->has_min = !(a->flags & RANGE_NO_LO);
	t->has_max = !(b->flags & RANGE_NO_HI);
	t->min = a->lo;
	t->max = b->hi;
}

static bool add_ranges(struct choice *c, const struct wnode *n)
{
	bool each = n->n_ranges * n->left.n <= HINT_TESTS_MAX - c->n;
	size_t parts = each ? n->n_ranges : 1, i, k;

	for (i = 0; i < n->left.n; i++) {
		for (k = 0; k < parts; k++) {
			struct hint_test *t = add_test(c, &n->left, i);

			if (!t)
				return false;
			set_range(t, &n->ranges[k], &n->ranges[each ? k : n->n_ranges - 1]);
		}
	}
	return true;
}

/* Adds tests one of which holds wherever a node does; false: there are none. */
static bool add_node(const struct where *w, struct choice *c, uint32_t i)
{
	const struct wnode *n = &w->nodes[i];
	size_t before = c->n;
	uint32_t k;

	switch (n->op) {
	case WNODE_NOT:
		return false;
	case WNODE_OR:
		for (k = n->first; k; k = w->nodes[k].next)
			if (!add_node(w, c, k))
				return false;
		return true;
	case WNODE_AND: /* any of them will do */
		for (k = n->first; k; k = w->nodes[k].next) {
			if (add_node(w, c, k))
				return true;
			c->n = before;
		}
		return false;
	case WNODE_SET:
		if (!n->negate && !n->mask)
			return add_ranges(c, n);
		/* fall through */
	default: /* no test holds without a value */
		return add_presence(c, &n->left);
	}
}

static void add_hints(struct where *w, uint32_t i, const struct hint **head, size_t *count)
{
	struct choice c = {.n = 0};
	struct where_hint *h;
	uint32_t k;

	if (w->nodes[i].op == WNODE_AND) {
		for (k = w->nodes[i].first; k; k = w->nodes[k].next)
			add_hints(w, k, head, count);
		return;
	}
	if (*count == HINTS_MAX || !add_node(w, &c, i))
		return;
	h = malloc(sizeof(*h) + c.n * sizeof(h->tests[0]));
	if (!h)
		return; /* it can do without */
	memcpy(h->tests, c.tests, c.n * sizeof(h->tests[0]));
	h->hint = (struct hint){*head, h->tests, c.n};
	h->next = w->hints;
	w->hints = h;
	*head = &h->hint;
	++*count;
}

void where_hints_free(struct where *w)
{
	while (w->hints) {
		struct where_hint *next = w->hints->next;

		free(w->hints);
		w->hints = next;
	}
}

const struct hint *where_hints(struct where *w, const struct hint *more)
{
	size_t count = 0;

	where_hints_free(w);
	if (w->root)
		add_hints(w, w->root, &more, &count);
	return more;
}
