/* Operators that look at each batch once and hold little: filter, cut, distinct, project, and
 * the end of the chain. */
#include "ql/op.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ql/keymap.h"
#include "ql/rows.h"

#define WORDS (BATCH_ROWS / 64)

static bool any(const uint64_t *sel, size_t n)
{
	size_t w;

	for (w = 0; w * 64 < n; w++)
		if (sel[w])
			return true;
	return false;
}

static int pass(struct ql_node *n, const struct batch *b, const uint64_t *sel)
{
	return any(sel, b->n) ? ql_node_push(n->next, b, sel) : 0;
}

static int filter_push(struct ql_node *n, const struct batch *b, const uint64_t *sel)
{
	uint64_t mine[WORDS];
	int r;

	memcpy(mine, sel, sizeof(mine));
	r = ql_filter_run(&n->stage->filter, n->exec->plan.rx_mem, b, mine, n->exec->err);
	return r < 0 ? r : pass(n, b, mine);
}

static const struct ql_node_ops filter_ops = {.push = filter_push};

int ql_filter_node(struct ql_node **ret)
{
	struct ql_node *n = calloc(1, sizeof(*n));

	if (!n)
		return -ENOMEM;
	n->ops = &filter_ops;
	*ret = n;
	return 0;
}

struct cut {
	struct ql_node node;
	uint64_t seen; /* rows so far */
};

static int cut_push(struct ql_node *n, const struct batch *b, const uint64_t *sel)
{
	struct cut *c = (struct cut *)n;
	uint64_t mine[WORDS] = {0}, bits, from = n->stage->from, to = n->stage->to;
	size_t w;
	int r;

	for (w = 0; w * 64 < b->n; w++) {
		for (bits = sel[w]; bits && c->seen < to; bits &= bits - 1, c->seen++)
			if (c->seen >= from)
				mine[w] |= bits & -bits;
	}
	r = pass(n, b, mine);
	return r ? r : c->seen >= to;
}

static const struct ql_node_ops cut_ops = {.push = cut_push};

int ql_cut_node(struct ql_node **ret)
{
	struct cut *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->node.ops = &cut_ops;
	*ret = &c->node;
	return 0;
}

struct dedup {
	struct ql_node node;
	struct ql_keymap map;
};

static int dedup_push(struct ql_node *n, const struct batch *b, const uint64_t *sel)
{
	struct dedup *d = (struct dedup *)n;
	const struct ql_stage *st = n->stage;
	uint32_t idx[BATCH_ROWS];
	uint64_t mine[WORDS] = {0}, *keys[QL_KEYMAP_BLOCK];
	size_t count = ql_sel_list(sel, b->n, idx), i, k;
	int r = 0;

	if (!d->map.mem)
		r = ql_keymap_init(&d->map, &n->exec->mem, st->in, st->fields, st->n_fields, 0);
	if (r == 0)
		r = ql_keymap_load(&d->map, b, idx, count);
	for (i = 0; i < count && r == 0; i += k) {
		k = count - i < QL_KEYMAP_BLOCK ? count - i : QL_KEYMAP_BLOCK;
		r = ql_keymap_find(&d->map, i, k, keys, mine);
	}
	return r < 0 ? ql_node_fail(n, r) : pass(n, b, mine);
}

static void dedup_done(struct ql_node *n)
{
	ql_keymap_done(&((struct dedup *)n)->map);
}

static const struct ql_node_ops dedup_ops = {.push = dedup_push, .done = dedup_done};

int ql_dedup_node(struct ql_node **ret)
{
	struct dedup *d = calloc(1, sizeof(*d));

	if (!d)
		return -ENOMEM;
	d->node.ops = &dedup_ops;
	*ret = &d->node;
	return 0;
}

struct project {
	struct ql_node node;
	struct col *cols[SCHEMA_FIELDS_MAX]; /* of the batch being passed on */
};

static int project_push(struct ql_node *n, const struct batch *b, const uint64_t *sel)
{
	const struct ql_stage *s = n->stage;
	struct project *p = (struct project *)n;
	struct batch view = {.schema = s->out, .n = b->n, .cols = p->cols, .serial = b->serial};
	uint64_t mine[WORDS], present[WORDS] = {0};
	size_t i, w;

	for (i = 0; i < s->n_fields; i++) {
		p->cols[i] = b->cols[s->fields[i]];
		for (w = 0; p->cols[i] && w < WORDS; w++)
			present[w] |= p->cols[i]->present[w];
	}
	for (w = 0; w < WORDS; w++)
		mine[w] = sel[w] & (s->drop_empty ? present[w] : ~UINT64_C(0));
	return pass(n, &view, mine);
}

static const struct ql_node_ops project_ops = {.push = project_push};

int ql_project_node(struct ql_node **ret)
{
	struct project *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->node.ops = &project_ops;
	*ret = &p->node;
	return 0;
}

static int emit_push(struct ql_node *n, const struct batch *b, const uint64_t *sel)
{
	return n->exec->sink->rows(n->exec->sink->arg, b, sel);
}

static const struct ql_node_ops emit_ops = {.push = emit_push};

int ql_emit_node(struct ql_node **ret)
{
	struct ql_node *n = calloc(1, sizeof(*n));

	if (!n)
		return -ENOMEM;
	n->ops = &emit_ops;
	*ret = n;
	return 0;
}
