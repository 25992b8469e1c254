/* Sort: holds all rows, or, when only the first 'keep' are wanted, at most twice as many and a
 * batch: whenever that is full it is sorted and cut, and from then on rows that cannot be among
 * the first are not even copied. */
#include "ql/op.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ql/late.h"
#include "ql/rows.h"
#include "ql/sort.h"

#define WORDS (BATCH_ROWS / 64)

struct sort {
	struct ql_node node;
	struct ql_rows rows;
	bool full;            /* 'last' is known */
	struct ql_place last; /* of the last row that would be kept */
	union val last_val;   /* its key; strings are in 'rows' */
	uint64_t last_start;  /* its place among equal ones, where key.ties */
	uint64_t last_serial;
	bool exact; /* equal places are equal keys */
};

/* Sorts and leaves the order in '*ret' (ql_mem_free(), rows.n + 1 entries). */
static int order(struct sort *s, uint32_t **ret)
{
	struct ql_mem *mem = &s->node.exec->mem;
	uint32_t *idx = NULL;
	int r;

	r = ql_mem_grow(mem, &idx, 0, s->rows.n + 1, sizeof(*idx));
	if (r < 0)
		return r;
	r = ql_sort(&s->rows, &s->node.stage->key, idx);
	if (r < 0) {
		ql_mem_free(mem, idx, s->rows.n + 1, sizeof(*idx));
		return r;
	}
	*ret = idx;
	return 0;
}

/* Keeps the first 'keep' rows and remembers where they end. */
static int prune(struct sort *s)
{
	const struct ql_stage *st = s->node.stage;
	size_t held = s->rows.n;
	uint32_t *idx;
	int r;

	r = order(s, &idx);
	if (r < 0)
		return r;
	r = ql_rows_keep(&s->rows, idx, st->keep);
	ql_mem_free(&s->node.exec->mem, idx, held + 1, sizeof(*idx));
	if (r < 0)
		return r;
	s->full = true;
	s->last.absent = !ql_rows_get(&s->rows, st->key.fields[0], st->keep - 1, &s->last_val);
	s->last.prefix = s->last.absent ? 0
					: ql_prefix(st->in->fields[st->key.fields[0]].type,
						    &s->last_val, st->key.desc);
	if (st->key.ties) {
		const struct batch *b = s->rows.chunks[(st->keep - 1) / BATCH_ROWS];

		s->last_start = ql_start_place(b->cols[st->key.start], (st->keep - 1) % BATCH_ROWS);
		s->last_serial = b->serial[(st->keep - 1) % BATCH_ROWS];
	}
	return 0;
}

/* Whether a row stands before 'last' if their keys are equal: who came later does not. */
static bool wins_tie(const struct sort *s, const struct batch *b, size_t row)
{
	const struct ql_key *key = &s->node.stage->key;
	uint64_t start;

	if (!key->ties)
		return false;
	start = ql_start_place(b->cols[key->start], row);
	return start != s->last_start ? start < s->last_start : b->serial[row] < s->last_serial;
}

/* Those of 'sel' among the 64 rows from 'row' that do. */
static uint64_t tie_winners(const struct sort *s, const struct batch *b, size_t row, uint64_t sel)
{
	uint64_t bits = 0;

	for (; sel; sel &= sel - 1)
		if (wins_tie(s, b, row + (size_t)__builtin_ctzll(sel)))
			bits |= sel & -sel;
	return bits;
}

/* Of 64 rows of integers, those before 'last'; 'equal': those with its key. */
static uint64_t ints_before(const uint64_t *v, uint64_t flip, uint64_t last, uint64_t *equal)
{
	uint64_t bits = 0, same = 0;
	unsigned i;

	for (i = 0; i < 64; i++) {
		bits |= (uint64_t)((v[i] ^ flip) < last) << i;
		same |= (uint64_t)((v[i] ^ flip) == last) << i;
	}
	*equal = same;
	return bits;
}

/* What the prefix leaves open. */
static bool may_be_before(const struct sort *s, const struct batch *b, size_t row,
			  const union val *v)
{
	const struct ql_key *key = &s->node.stage->key;
	int c = val_cmp(s->node.stage->in->fields[key->fields[0]].type, v, &s->last_val);

	if (c == 0)
		return key->n > 1 || wins_tie(s, b, row);
	return key->desc ? c > 0 : c < 0;
}

static uint64_t vals_before(const struct sort *s, const struct batch *b, const struct col *c,
			    size_t row, uint64_t sel)
{
	uint64_t bits = 0;
	union val v;

	for (; sel; sel &= sel - 1) {
		size_t at = row + (size_t)__builtin_ctzll(sel);
		uint64_t p;

		col_get(c, at, &v);
		p = ql_prefix(c->type, &v, s->node.stage->key.desc);
		if (p < s->last.prefix || (p == s->last.prefix && may_be_before(s, b, at, &v)))
			bits |= sel & -sel;
	}
	return bits;
}

/* Of the 64 rows from 'row' in 'sel', those that may be among the first. */
static uint64_t before(const struct sort *s, const struct batch *b, const struct col *c, size_t row,
		       uint64_t sel)
{
	uint64_t present = sel & c->present[row / 64], flip, bits, equal;

	if (s->last.absent)
		return s->exact ? present | tie_winners(s, b, row, sel & ~present) : sel;
	if (!s->exact || c->type == VAL_F64 || c->type == VAL_BOOL)
		return vals_before(s, b, c, row, present);
	flip = c->type == VAL_U64 ? 0 : UINT64_C(1) << 63;
	if (s->node.stage->key.desc)
		flip = ~flip;
	bits = ints_before(c->v.u64 + row, flip, s->last.prefix, &equal);
	return present & (bits | tie_winners(s, b, row, equal & present));
}

static int sort_push(struct ql_node *n, const struct batch *b, const uint64_t *sel)
{
	struct sort *s = (struct sort *)n;
	const struct ql_stage *st = n->stage;
	const struct col *key = b->cols[st->key.fields[0]];
	uint64_t mine[WORDS];
	size_t w;
	int r;

	if (!st->keep)
		return 1;
	if (!s->rows.mem) {
		ql_rows_init(&s->rows, st->in, &st->need, &n->exec->mem);
		s->exact = ql_key_exact(&st->key, st->in);
	}
	memcpy(mine, sel, sizeof(mine));
	for (w = 0; s->full && key && w * 64 < b->n; w++)
		mine[w] = mine[w] ? before(s, b, key, w * 64, mine[w]) : 0;
	r = ql_rows_add(&s->rows, b, mine);
	if (r == 0 && st->keep <= QL_TOP_MAX && s->rows.n >= 2 * st->keep + BATCH_ROWS)
		r = prune(s);
	return r < 0 ? ql_node_fail(n, r) : 0;
}

static int give_rows(struct sort *s, const struct ql_rows *rows, const uint32_t *idx, size_t n)
{
	const struct ql_stage *st = s->node.stage;
	struct batch *out = NULL;
	uint64_t sel[WORDS];
	size_t i, k;
	int r;

	r = batch_new(&out, st->out, &rows->want);
	if (r < 0)
		return ql_node_fail(&s->node, r);
	for (i = 0; r == 0 && i < n; i += k) {
		k = n - i < BATCH_ROWS ? n - i : BATCH_ROWS;
		ql_rows_gather(rows, idx + i, k, out);
		ql_sel_fill(sel, k);
		r = ql_node_push(s->node.next, out, sel);
	}
	batch_free(out);
	return r;
}

static int give(struct sort *s, uint32_t *idx, size_t n)
{
	struct ql_rows whole = {0};
	int64_t m;
	int r;

	if (!s->node.stage->late)
		return give_rows(s, &s->rows, idx, n);
	m = ql_late_fetch(&s->node, &s->rows, idx, n, &whole, idx);
	r = m < 0 ? (int)m : give_rows(s, &whole, idx, (size_t)m);
	ql_rows_done(&whole);
	return r;
}

static int sort_finish(struct ql_node *n)
{
	struct sort *s = (struct sort *)n;
	size_t held = s->rows.n;
	uint32_t *idx;
	int r;

	if (!held)
		return 0;
	r = order(s, &idx);
	if (r < 0)
		return ql_node_fail(n, r);
	r = give(s, idx, held < n->stage->keep ? held : n->stage->keep);
	ql_mem_free(&n->exec->mem, idx, held + 1, sizeof(*idx));
	return r;
}

static void sort_done(struct ql_node *n)
{
	ql_rows_done(&((struct sort *)n)->rows);
}

static const struct ql_node_ops sort_ops = {
	.push = sort_push,
	.finish = sort_finish,
	.done = sort_done,
};

int ql_sort_node(struct ql_node **ret)
{
	struct sort *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->node.ops = &sort_ops;
	*ret = &s->node;
	return 0;
}
