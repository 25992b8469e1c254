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

struct sums {
	uint64_t n;
	uint64_t sum[QL_GROUP_SUMS];
};

struct group {
	struct ql_node node;
	struct ql_keymap map;
	struct ql_rows keys; /* the first row of each group, key columns only */
	struct sums *sums;   /* of group 0, 1, ... */
	size_t n, size;
};

static int new_group(struct group *g, const struct batch *b, size_t row)
{
	size_t size = g->size ? 2 * g->size : 64;
	uint64_t one[WORDS] = {0};
	int r;

	if (g->n == g->size) {
		r = ql_mem_grow(&g->node.exec->mem, &g->sums, g->size, size, sizeof(*g->sums));
		if (r < 0)
			return r;
		g->size = size;
	}
	one[row / 64] = UINT64_C(1) << row % 64;
	r = ql_rows_add(&g->keys, b, one);
	if (r < 0)
		return r;
	g->sums[g->n++] = (struct sums){0};
	return 0;
}

static int add_row(struct group *g, struct sums *s, const struct batch *b, size_t row)
{
	const struct ql_stage *st = g->node.stage;
	size_t k;

	s->n++;
	for (k = 0; k < st->n_sums; k++) {
		const struct col *c = b->cols[st->sums[k]];

		if (c && col_has(c, row) &&
		    __builtin_add_overflow(s->sum[k], c->v.u64[row], &s->sum[k]))
			return err_set(g->node.exec->err, -EOVERFLOW,
				       "'Group' (column %u): a sum of '%s' does not fit 64 bits",
				       st->step->col, st->in->fields[st->sums[k]].json);
	}
	return 0;
}

static int group_row(struct group *g, const struct batch *b, size_t row)
{
	const struct ql_stage *st = g->node.stage;
	uint32_t number;
	int r;

	r = ql_keymap_put(&g->map, b, row, st->fields, st->n_fields, &number);
	if (r > 0)
		r = new_group(g, b, row);
	if (r < 0)
		return ql_node_fail(&g->node, r);
	return add_row(g, &g->sums[number], b, row);
}

static int group_push(struct ql_node *n, const struct batch *b, const uint64_t *sel)
{
	struct group *g = (struct group *)n;
	struct field_set want = {0};
	uint64_t bits;
	size_t w, i;
	int r;

	if (!g->map.mem) {
		ql_keymap_init(&g->map, &n->exec->mem);
		for (i = 0; i < n->stage->n_fields; i++)
			field_set_add(&want, n->stage->fields[i]);
		ql_rows_init(&g->keys, n->stage->in, &want, &n->exec->mem);
	}
	for (w = 0; w * 64 < b->n; w++) {
		for (bits = sel[w]; bits; bits &= bits - 1) {
			r = group_row(g, b, w * 64 + (size_t)__builtin_ctzll(bits));
			if (r < 0)
				return r;
		}
	}
	return 0;
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
		const struct sums *s = &g->sums[idx[i]];
		uint64_t packets, bytes;

		if (__builtin_add_overflow(s->sum[0], s->sum[1], &packets) ||
		    __builtin_add_overflow(s->sum[2], s->sum[3], &bytes))
			return err_set(g->node.exec->err, -EOVERFLOW,
				       "'Group' (column %u): a sum does not fit 64 bits",
				       st->step->col);
		put(out, st->made[QL_GROUP_COUNT], i, s->n);
		put(out, st->made[QL_GROUP_PACKETS], i, packets);
		put(out, st->made[QL_GROUP_BYTES], i, bytes);
		for (k = 0; k < st->n_sums; k++)
			put(out, st->made[QL_GROUP_SUM + k], i, s->sum[k]);
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
	for (i = 0; r == 0 && i < g->n; i += k) {
		k = g->n - i < BATCH_ROWS ? g->n - i : BATCH_ROWS;
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
	for (i = 0; i < g->n; i++)
		places[i] = ~g->sums[i].n;
	return r < 0 ? r : ql_sort_places(&g->node.exec->mem, idx, g->n, places);
}

static int group_finish(struct ql_node *n)
{
	struct group *g = (struct group *)n;
	struct ql_mem *mem = &n->exec->mem;
	uint64_t *places = NULL;
	uint32_t *idx = NULL;
	int r;

	if (!g->n)
		return 0;
	r = ql_mem_grow(mem, &idx, 0, g->n, sizeof(*idx));
	if (r == 0)
		r = ql_mem_grow(mem, &places, 0, g->n, sizeof(*places));
	if (r == 0)
		r = order(g, idx, places);
	r = r < 0 ? ql_node_fail(n, r) : give(g, idx);
	ql_mem_free(mem, idx, g->n, sizeof(*idx));
	ql_mem_free(mem, places, g->n, sizeof(*places));
	return r;
}

static void group_done(struct ql_node *n)
{
	struct group *g = (struct group *)n;

	ql_keymap_done(&g->map);
	ql_rows_done(&g->keys);
	ql_mem_free(&n->exec->mem, g->sums, g->size, sizeof(*g->sums));
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
