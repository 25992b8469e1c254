/* Group: one row per distinct key with the number of rows and the sums of the counters, the
 * largest number first, then by key. */
#include "ql/op.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ql/keymap.h"
#include "ql/rows.h"
#include "ql/sort.h"

#define WORDS (BATCH_ROWS / 64)

/* What the keymap keeps beside a key. */
enum {
	AT_ROWS,
	AT_SUM,
};

struct group {
	struct ql_node node;
	struct ql_keymap map;
	struct ql_rows keys; /* the first row of each group, key columns only */
};

static int begin(struct group *g)
{
	const struct ql_stage *st = g->node.stage;
	struct ql_mem *mem = &g->node.exec->mem;
	struct field_set want = {0};
	size_t i;

	for (i = 0; i < st->n_fields; i++)
		field_set_add(&want, st->fields[i]);
	ql_rows_init(&g->keys, st->in, &want, mem);
	return ql_keymap_init(&g->map, mem, st->in, st->fields, st->n_fields, AT_SUM + st->n_sums);
}

static bool has_all(const struct col *c, size_t n)
{
	size_t i;

	for (i = 0; i < n / 64; i++)
		if (c->present[i] != UINT64_MAX)
			return false;
	return n % 64 == 0 || (c->present[i] | UINT64_MAX << n % 64) == UINT64_MAX;
}

/* Adds the values of rows idx[0 .. n) to the sums at 'at'; true: one is too large. */
static bool add_values(const struct col *c, bool all, const uint32_t *idx, size_t n, size_t at,
		       uint64_t *const *to)
{
	const uint64_t *v = c->v.u64;
	bool over = false;
	size_t i;

	if (all) {
		for (i = 0; i < n; i++)
			over |= __builtin_add_overflow(to[i][at], v[idx[i]], &to[i][at]);
		return over;
	}
	for (i = 0; i < n; i++)
		if (col_has(c, idx[i]))
			over |= __builtin_add_overflow(to[i][at], v[idx[i]], &to[i][at]);
	return over;
}

/* A batch's columns that are summed. */
struct summed {
	const struct col *cols[QL_GROUP_SUMS]; /* NULL: none */
	bool all[QL_GROUP_SUMS];               /* every row has a value */
};

static int add_block(struct group *g, const struct summed *s, const uint32_t *idx, size_t n,
		     uint64_t *const *to)
{
	const struct ql_stage *st = g->node.stage;
	size_t i, k;

	for (i = 0; i < n; i++)
		to[i][AT_ROWS]++;
	for (k = 0; k < st->n_sums; k++)
		if (s->cols[k] && add_values(s->cols[k], s->all[k], idx, n, AT_SUM + k, to))
			return err_set(g->node.exec->err, -EOVERFLOW,
				       "'Group' (column %u): a sum of '%s' does not fit 64 bits",
				       st->step->col, st->in->fields[st->sums[k]].json);
	return 0;
}

static int group_push(struct ql_node *n, const struct batch *b, const uint64_t *sel)
{
	struct group *g = (struct group *)n;
	const struct ql_stage *st = n->stage;
	uint64_t *to[QL_KEYMAP_BLOCK], fresh[WORDS] = {0};
	struct summed s = {{NULL}};
	uint32_t idx[BATCH_ROWS];
	size_t count, known, i, k;
	int r;

	r = g->map.mem ? 0 : begin(g);
	if (r < 0)
		return ql_node_fail(n, r);
	for (k = 0; k < st->n_sums; k++) {
		s.cols[k] = b->cols[st->sums[k]];
		s.all[k] = s.cols[k] && has_all(s.cols[k], b->n);
	}
	known = g->map.n;
	count = ql_sel_list(sel, b->n, idx);
	r = ql_keymap_load(&g->map, b, idx, count);
	if (r < 0)
		return ql_node_fail(n, r);
	for (i = 0; i < count; i += k) {
		k = count - i < QL_KEYMAP_BLOCK ? count - i : QL_KEYMAP_BLOCK;
		r = ql_keymap_find(&g->map, i, k, to, fresh);
		if (r < 0)
			return ql_node_fail(n, r);
		r = add_block(g, &s, idx + i, k, to);
		if (r < 0)
			return r;
	}
	if (g->map.n == known)
		return 0;
	r = ql_rows_add(&g->keys, b, fresh); /* in the order of their numbers */
	return r < 0 ? ql_node_fail(n, r) : 0;
}

static void put(struct batch *out, int16_t at, size_t row, uint64_t v)
{
	if (at < 0)
		return;
	out->cols[at]->v.u64[row] = v;
	col_mark(out->cols[at], row);
}

static int fill(const struct group *g, const uint32_t *idx, size_t n, struct batch *keys,
		struct batch *out)
{
	const struct ql_stage *st = g->node.stage;
	size_t i, k;

	ql_rows_gather(&g->keys, idx, n, keys);
	batch_clear(out);
	out->n = n;
	for (k = 0; k < st->n_fields; k++) {
		const struct col *from = keys->cols[st->fields[k]];

		memcpy(out->cols[k]->v.any, from->v.any, n * val_size(from->type));
		memcpy(out->cols[k]->present, from->present, sizeof(from->present));
	}
	for (i = 0; i < n; i++) {
		const uint64_t *words = ql_keymap_at(&g->map, idx[i]), *sum = words + AT_SUM;
		uint64_t packets = 0, bytes = 0;

		if (st->n_sums && (__builtin_add_overflow(sum[0], sum[1], &packets) ||
				   __builtin_add_overflow(sum[2], sum[3], &bytes)))
			return err_set(g->node.exec->err, -EOVERFLOW,
				       "'Group' (column %u): a sum does not fit 64 bits",
				       st->step->col);
		put(out, st->made[QL_GROUP_COUNT], i, words[AT_ROWS]);
		put(out, st->made[QL_GROUP_PACKETS], i, packets);
		put(out, st->made[QL_GROUP_BYTES], i, bytes);
		for (k = 0; k < st->n_sums; k++)
			put(out, st->made[QL_GROUP_SUM + k], i, sum[k]);
	}
	return 0;
}

static int give(struct group *g, const uint32_t *idx)
{
	struct batch *keys = NULL, *out = NULL;
	struct field_set all;
	uint64_t sel[WORDS];
	size_t i, k;
	int r;

	memset(&all, 0xff, sizeof(all));
	r = batch_new(&keys, g->keys.schema, &g->keys.want);
	if (r == 0)
		r = batch_new(&out, g->node.stage->out, &all);
	if (r < 0)
		ql_node_fail(&g->node, r);
	for (i = 0; r == 0 && i < g->map.n; i += k) {
		k = g->map.n - i < BATCH_ROWS ? g->map.n - i : BATCH_ROWS;
		r = fill(g, idx + i, k, keys, out);
		ql_sel_fill(sel, k);
		if (r == 0)
			r = ql_node_push(g->node.next, out, sel);
	}
	batch_free(keys);
	batch_free(out);
	return r;
}

/* The largest first; of equal ones by key, absent keys last. */
static int order(struct group *g, uint32_t *idx, uint64_t *places)
{
	struct ql_key key = {g->node.stage->fields, g->node.stage->n_fields, false};
	size_t i;
	int r;

	r = ql_sort(&g->keys, &key, idx);
	for (i = 0; i < g->map.n; i++)
		places[i] = ~ql_keymap_at(&g->map, i)[AT_ROWS];
	return r < 0 ? r : ql_sort_places(&g->node.exec->mem, idx, g->map.n, places);
}

static int group_finish(struct ql_node *n)
{
	struct group *g = (struct group *)n;
	struct ql_mem *mem = &n->exec->mem;
	uint64_t *places = NULL;
	uint32_t *idx = NULL;
	int r;

	if (!g->map.n)
		return 0;
	r = ql_mem_grow(mem, &idx, 0, g->map.n, sizeof(*idx));
	if (r == 0)
		r = ql_mem_grow(mem, &places, 0, g->map.n, sizeof(*places));
	if (r == 0)
		r = order(g, idx, places);
	r = r < 0 ? ql_node_fail(n, r) : give(g, idx);
	ql_mem_free(mem, idx, g->map.n, sizeof(*idx));
	ql_mem_free(mem, places, g->map.n, sizeof(*places));
	return r;
}

static void group_done(struct ql_node *n)
{
	struct group *g = (struct group *)n;

	ql_keymap_done(&g->map);
	ql_rows_done(&g->keys);
}

static const struct ql_node_ops group_ops = {
	.push = group_push,
	.finish = group_finish,
	.done = group_done,
};

int ql_group_node(struct ql_node **ret)
{
	struct group *g = calloc(1, sizeof(*g));

	if (!g)
		return -ENOMEM;
	g->node.ops = &group_ops;
	*ret = &g->node;
	return 0;
}
