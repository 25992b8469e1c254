/* Count, Sum, Keys: many rows in, one answer out. */
#include "ql/op.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ql/rows.h"

#define WORDS (BATCH_ROWS / 64)

static int give_scalar(struct ql_node *n, const char *name, enum val_type type, union val v)
{
	return n->exec->sink->scalar(n->exec->sink->arg, name, type, &v);
}

struct count {
	struct ql_node node;
	uint64_t n;
};

static int count_push(struct ql_node *n, const struct batch *b, const uint64_t *sel)
{
	((struct count *)n)->n += ql_sel_count(sel, b->n);
	return 0;
}

static int count_finish(struct ql_node *n)
{
	return give_scalar(n, "Count", VAL_U64, (union val){.u64 = ((struct count *)n)->n});
}

static const struct ql_node_ops count_ops = {.push = count_push, .finish = count_finish};

int ql_count_node(struct ql_node **ret)
{
	struct count *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->node.ops = &count_ops;
	*ret = &c->node;
	return 0;
}

struct sum {
	struct ql_node node;
	__int128 i;     /* 2^63 rows of 64 bits fit */
	double f, rest; /* 'rest': what rounding lost so far (Neumaier 1974) */
};

static void add_f64(struct sum *s, double v)
{
	double sum = s->f + v;

	if (isfinite(sum))
		s->rest += fabs(s->f) >= fabs(v) ? s->f - sum + v : v - sum + s->f;
	s->f = sum;
}

static int sum_push(struct ql_node *n, const struct batch *b, const uint64_t *sel)
{
	const struct col *c = b->cols[n->stage->fields[0]];
	struct sum *s = (struct sum *)n;
	uint64_t bits;
	size_t w;

	for (w = 0; c && w * 64 < b->n; w++) {
		for (bits = sel[w] & c->present[w]; bits; bits &= bits - 1) {
			size_t row = w * 64 + (size_t)__builtin_ctzll(bits);

			if (c->type == VAL_U64)
				s->i += c->v.u64[row];
			else if (c->type == VAL_F64)
				add_f64(s, c->v.f64[row]);
			else
				s->i += c->v.i64[row];
		}
	}
	return 0;
}

static int sum_finish(struct ql_node *n)
{
	const struct field *f = &n->stage->in->fields[n->stage->fields[0]];
	struct sum *s = (struct sum *)n;
	union val v;

	if (f->type == VAL_F64)
		v.f64 = s->f + s->rest;
	else if (f->type == VAL_U64)
		v.u64 = (uint64_t)s->i;
	else
		v.i64 = (int64_t)s->i;
	if (f->type != VAL_F64 && (f->type == VAL_U64 ? (__int128)v.u64 : (__int128)v.i64) != s->i)
		return err_set(n->exec->err, -EOVERFLOW,
			       "'Sum' (column %u): the sum of '%s' does not fit 64 bits",
			       n->stage->step->col, f->json);
	return give_scalar(n, "Sum", f->type, v);
}

static const struct ql_node_ops sum_ops = {.push = sum_push, .finish = sum_finish};

int ql_sum_node(struct ql_node **ret)
{
	struct sum *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->node.ops = &sum_ops;
	*ret = &s->node;
	return 0;
}

struct keys {
	struct ql_node node;
	struct field_set seen;
};

static int keys_push(struct ql_node *n, const struct batch *b, const uint64_t *sel)
{
	struct keys *k = (struct keys *)n;
	size_t i, w;

	for (i = 0; i < b->schema->n; i++)
		for (w = 0; b->cols[i] && w * 64 < b->n; w++)
			if (sel[w] & b->cols[i]->present[w])
				field_set_add(&k->seen, i);
	return 0;
}

static int keys_finish(struct ql_node *n)
{
	static const struct field_set first = {{1}};
	const struct schema *in = n->stage->in;
	struct keys *k = (struct keys *)n;
	uint64_t sel[WORDS];
	struct batch *b;
	size_t i;
	int r;

	r = batch_new(&b, n->stage->out, &first);
	if (r < 0)
		return ql_node_fail(n, r);
	for (i = 0; i < in->n; i++) { /* SCHEMA_FIELDS_MAX < BATCH_ROWS */
		if (!field_set_has(&k->seen, i))
			continue;
		b->cols[0]->v.str[b->n] =
			(struct val_str){in->fields[i].json, (uint32_t)strlen(in->fields[i].json)};
		col_mark(b->cols[0], b->n++);
	}
	ql_sel_fill(sel, b->n);
	r = b->n ? ql_node_push(n->next, b, sel) : 0;
	batch_free(b);
	return r;
}

static const struct ql_node_ops keys_ops = {.push = keys_push, .finish = keys_finish};

int ql_keys_node(struct ql_node **ret)
{
	struct keys *k = calloc(1, sizeof(*k));

	if (!k)
		return -ENOMEM;
	k->node.ops = &keys_ops;
	*ret = &k->node;
	return 0;
}
