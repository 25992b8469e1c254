/* Group: one row per distinct key with the number of rows and the sums of the counters, the
 * largest number first, then by key. */
#include "ql/op.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ql/by_code.h"
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
	struct ql_rows keys;       /* the first row of each group, key columns only */
	struct ql_by_code by_code; /* what was not yet added to the groups */
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
	ql_by_code_init(&g->by_code, mem, AT_SUM + st->n_sums);
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
	bool four;                             /* that is so of all */
};

static bool add(uint64_t *sum, uint64_t v)
{
	return __builtin_add_overflow(*sum, v, sum);
}

/* All four sums of rows that have all values; a bit for each that is too large. */
static unsigned add_four(const struct summed *s, const uint32_t *idx, size_t n, uint64_t *const *to)
{
	const uint64_t *a = s->cols[0]->v.u64, *b = s->cols[1]->v.u64;
	const uint64_t *c = s->cols[2]->v.u64, *d = s->cols[3]->v.u64;
	unsigned over = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		uint64_t *sum = to[i] + AT_SUM;

		to[i][AT_ROWS]++;
		over |= (unsigned)add(&sum[0], a[idx[i]]) | (unsigned)add(&sum[1], b[idx[i]]) << 1 |
			(unsigned)add(&sum[2], c[idx[i]]) << 2 |
			(unsigned)add(&sum[3], d[idx[i]]) << 3;
	}
	return over;
}

static int too_large(const struct group *g, size_t sum)
{
	const struct ql_stage *st = g->node.stage;

	return err_set(g->node.exec->err, -EOVERFLOW,
		       "'Group' (column %u): a sum of '%s' does not fit 64 bits", st->step->col,
		       st->in->fields[st->sums[sum]].json);
}

static int add_block(struct group *g, const struct summed *s, const uint32_t *idx, size_t n,
		     uint64_t *const *to)
{
	const struct ql_stage *st = g->node.stage;
	unsigned over = 0;
	size_t i, k;

	if (s->four) {
		over = add_four(s, idx, n, to);
	} else {
		for (i = 0; i < n; i++)
			to[i][AT_ROWS]++;
		for (k = 0; k < st->n_sums; k++)
			if (s->cols[k] && add_values(s->cols[k], s->all[k], idx, n, AT_SUM + k, to))
				over |= 1u << k;
	}
	return over ? too_large(g, (size_t)__builtin_ctz(over)) : 0;
}

static void find_columns(const struct ql_stage *st, const struct batch *b, struct summed *s)
{
	size_t k;

	s->four = st->n_sums == QL_GROUP_SUMS;
	for (k = 0; k < st->n_sums; k++) {
		/* what nobody looks at is not summed */
		s->cols[k] = field_set_has(&st->need, st->sums[k]) ? b->cols[st->sums[k]] : NULL;
		s->all[k] = s->cols[k] && has_all(s->cols[k], b->n);
		s->four &= s->all[k];
	}
}

/* Adds rows idx[0 .. n) to their groups: what 'fn' does for those from 'from' on. */
static int add_rows(struct group *g, const struct batch *b, const uint32_t *idx, size_t n,
		    int (*fn)(struct group *g, const void *arg, const uint32_t *idx, size_t from,
			      size_t n, uint64_t *const *to),
		    const void *arg)
{
	uint64_t *to[QL_KEYMAP_BLOCK], fresh[WORDS] = {0};
	size_t known = g->map.n, i, k;
	int r;

	r = ql_keymap_load(&g->map, b, idx, n);
	if (r < 0)
		return ql_node_fail(&g->node, r);
	for (i = 0; i < n; i += k) {
		k = n - i < QL_KEYMAP_BLOCK ? n - i : QL_KEYMAP_BLOCK;
		r = ql_keymap_find(&g->map, i, k, to, fresh);
		if (r < 0)
			return ql_node_fail(&g->node, r);
		r = fn(g, arg, idx, i, k, to);
		if (r < 0)
			return r;
	}
	if (g->map.n == known)
		return 0;
	r = ql_rows_add(&g->keys, b, fresh); /* in the order of their numbers */
	return r < 0 ? ql_node_fail(&g->node, r) : 0;
}

static int add_counters(struct group *g, const void *arg, const uint32_t *idx, size_t from,
			size_t n, uint64_t *const *to)
{
	return add_block(g, arg, idx + from, n, to);
}

/* Words that were added up by code; they become zero again. */
static int add_words(struct group *g, const void *arg, const uint32_t *idx, size_t from, size_t n,
		     uint64_t *const *to)
{
	uint64_t *const *words = (uint64_t *const *)arg + from;
	unsigned over = 0;
	size_t i, k;

	(void)idx;
	for (i = 0; i < n; i++) {
		to[i][AT_ROWS] += words[i][AT_ROWS];
		words[i][AT_ROWS] = 0;
		for (k = 0; k < g->node.stage->n_sums; k++) {
			over |= (unsigned)add(&to[i][AT_SUM + k], words[i][AT_SUM + k]) << k;
			words[i][AT_SUM + k] = 0;
		}
	}
	return over ? too_large(g, (size_t)__builtin_ctz(over)) : 0;
}

/* Adds what was added up by code to the groups. */
static int add_codes(struct group *g)
{
	const struct ql_stage *st = g->node.stage;
	uint32_t codes[BATCH_ROWS], idx[BATCH_ROWS];
	struct col key = {.code = codes}, *cols[SCHEMA_FIELDS_MAX] = {NULL};
	struct batch b = {.schema = st->in, .cols = cols};
	uint64_t *words[BATCH_ROWS];
	size_t at = 0, i;
	int r = 0;

	if (!g->by_code.dict.n)
		return 0;
	cols[st->fields[0]] = &key;
	for (i = 0; i < BATCH_ROWS; i++)
		idx[i] = (uint32_t)i;
	while (r == 0 && (b.n = ql_by_code_next(&g->by_code, &at, &key, words)) != 0)
		r = add_rows(g, &b, idx, b.n, add_words, words);
	g->by_code.dict.n = 0;
	return r;
}

/* Adds rows by the codes of their only key.  1: they have none. */
static int push_codes(struct group *g, const struct batch *b, const struct summed *s,
		      const uint32_t *idx, size_t n)
{
	const struct ql_stage *st = g->node.stage;
	const struct col *c = b->cols[st->fields[0]];
	uint64_t *to[QL_KEYMAP_BLOCK];
	size_t i, k;
	int r;

	if (st->n_fields != 1 || !c || !c->dict.n)
		return 1;
	if (!ql_by_code_is(&g->by_code, c)) {
		r = add_codes(g);
		if (r < 0)
			return r;
		if (!ql_by_code_take(&g->by_code, c))
			return 1;
	}
	for (i = 0, r = 0; i < n && r == 0; i += k) {
		k = n - i < QL_KEYMAP_BLOCK ? n - i : QL_KEYMAP_BLOCK;
		ql_by_code_find(&g->by_code, c, idx + i, k, to);
		r = add_block(g, s, idx + i, k, to);
	}
	return r;
}

static int group_push(struct ql_node *n, const struct batch *b, const uint64_t *sel)
{
	struct group *g = (struct group *)n;
	struct summed s = {{NULL}};
	uint32_t idx[BATCH_ROWS];
	size_t count;
	int r;

	r = g->map.mem ? 0 : begin(g);
	if (r < 0)
		return ql_node_fail(n, r);
	find_columns(n->stage, b, &s);
	count = ql_sel_list(sel, b->n, idx);
	r = push_codes(g, b, &s, idx, count);
	return r == 1 ? add_rows(g, b, idx, count, add_counters, &s) : r;
}

static void put(struct batch *out, int16_t at, size_t row, uint64_t v)
{
	if (at < 0)
		return;
	out->cols[at]->v.u64[row] = v;
	col_mark(out->cols[at], row);
}

/* Packets and bytes of a group, both directions. */
static int add_up(const struct group *g, const uint64_t *words, uint64_t *packets, uint64_t *bytes)
{
	const struct ql_stage *st = g->node.stage;
	const uint64_t *sum = words + AT_SUM;

	*packets = *bytes = 0;
	if (st->n_sums && (__builtin_add_overflow(sum[0], sum[1], packets) ||
			   __builtin_add_overflow(sum[2], sum[3], bytes)))
		return err_set(g->node.exec->err, -EOVERFLOW,
			       "'Group' (column %u): a sum does not fit 64 bits", st->step->col);
	return 0;
}

/* The groups that are given: all, or those that may be among the first. */
struct chosen {
	uint32_t *numbers;
	uint64_t *places; /* room for each */
	uint32_t *order;  /* which of 'numbers' comes first, second, ... */
	size_t n, size;
};

static int fill(const struct group *g, const struct chosen *c, size_t from, size_t n,
		struct batch *keys, struct batch *out)
{
	const struct ql_stage *st = g->node.stage;
	size_t i, k;
	int r;

	ql_rows_gather(&g->keys, c->order + from, n, keys);
	batch_clear(out);
	out->n = n;
	for (k = 0; k < st->n_fields; k++) {
		const struct col *key = keys->cols[st->fields[k]];

		memcpy(out->cols[k]->v.any, key->v.any, n * val_size(key->type));
		memcpy(out->cols[k]->present, key->present, sizeof(key->present));
	}
	for (i = 0; i < n; i++) {
		const uint64_t *words = ql_keymap_at(&g->map, c->numbers[c->order[from + i]]);
		uint64_t packets, bytes;

		r = add_up(g, words, &packets, &bytes);
		if (r < 0)
			return r;
		put(out, st->made[QL_GROUP_COUNT], i, words[AT_ROWS]);
		put(out, st->made[QL_GROUP_PACKETS], i, packets);
		put(out, st->made[QL_GROUP_BYTES], i, bytes);
		for (k = 0; k < st->n_sums; k++)
			put(out, st->made[QL_GROUP_SUM + k], i, words[AT_SUM + k]);
	}
	return 0;
}

static int give(struct group *g, const struct chosen *c)
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
	for (i = 0; r == 0 && i < c->n; i += k) {
		k = c->n - i < BATCH_ROWS ? c->n - i : BATCH_ROWS;
		r = fill(g, c, i, k, keys, out);
		ql_sel_fill(sel, k);
		if (r == 0)
			r = ql_node_push(g->node.next, out, sel);
	}
	batch_free(keys);
	batch_free(out);
	return r;
}

/* How many groups are wanted, and by which of their numbers. */
struct top {
	uint64_t keep; /* UINT64_MAX: all */
	enum ql_group_made by;
	bool desc;
};

static struct top top_of(const struct group *g)
{
	const struct ql_stage *next = g->node.next->stage, *st = g->node.stage;
	struct top t = {UINT64_MAX, QL_GROUP_COUNT, true};
	size_t i;

	if (next && next->op == QL_OP_CUT)
		t.keep = next->to;
	if (!next || next->op != QL_OP_SORT || next->key.n != 1)
		return t;
	for (i = 0; i < QL_GROUP_MADE; i++)
		if (st->made[i] == next->key.fields[0])
			t = (struct top){next->keep, (enum ql_group_made)i, next->key.desc};
	return t;
}

/* Where each group stands, the less the better. */
static int rank(const struct group *g, const struct top *t, uint64_t *places)
{
	size_t i;
	int r;

	for (i = 0; i < g->map.n; i++) {
		const uint64_t *words = ql_keymap_at(&g->map, i);
		uint64_t packets, bytes, v;

		r = add_up(g, words, &packets, &bytes);
		if (r < 0)
			return r;
		v = t->by == QL_GROUP_COUNT     ? words[AT_ROWS]
		    : t->by == QL_GROUP_PACKETS ? packets
		    : t->by == QL_GROUP_BYTES   ? bytes
						: words[AT_SUM + t->by - QL_GROUP_SUM];
		places[i] = t->desc ? ~v : v;
	}
	return 0;
}

/* The one of 'n' numbers that 'k' others stand before: byte after byte of it, from the highest. */
static uint64_t find_nth(const uint64_t *v, size_t n, size_t k)
{
	uint64_t known = 0, mask = 0;
	unsigned shift = 64;

	while (shift) {
		size_t count[256] = {0}, i;

		shift -= 8;
		for (i = 0; i < n; i++)
			if ((v[i] & mask) == known)
				count[v[i] >> shift & 255]++;
		for (i = 0; k >= count[i]; i++)
			k -= count[i];
		known |= (uint64_t)i << shift;
		mask |= UINT64_C(255) << shift;
	}
	return known;
}

/* Leaves out groups that cannot be among those wanted; what is equal to the last of these may. */
static int choose(struct group *g, struct chosen *c)
{
	struct top t = top_of(g);
	uint64_t last;
	size_t i;
	int r;

	for (i = 0; i < g->map.n; i++)
		c->numbers[i] = (uint32_t)i;
	c->n = g->map.n;
	if (t.keep >= c->n || !t.keep)
		return 0;
	r = rank(g, &t, c->places);
	if (r < 0)
		return r;
	last = find_nth(c->places, c->n, t.keep - 1);
	for (i = c->n = 0; i < g->map.n; i++)
		if (c->places[i] <= last)
			c->numbers[c->n++] = (uint32_t)i;
	r = c->n < g->map.n ? ql_rows_keep(&g->keys, c->numbers, c->n) : 0;
	return r < 0 ? ql_node_fail(&g->node, r) : 0;
}

/* The largest first; of equal ones by key, absent keys last. */
static int put_in_order(struct group *g, struct chosen *c)
{
	struct ql_key key = {g->node.stage->fields, g->node.stage->n_fields, .desc = false};
	const struct ql_stage *next = g->node.next->stage;
	size_t i;
	int r;

	if (next && next->op == QL_OP_COUNT) { /* nobody sees it */
		for (i = 0; i < c->n; i++)
			c->order[i] = (uint32_t)i;
		return 0;
	}
	r = ql_sort(&g->keys, &key, c->order);
	for (i = 0; i < c->n; i++)
		c->places[i] = ~ql_keymap_at(&g->map, c->numbers[i])[AT_ROWS];
	if (r == 0)
		r = ql_sort_places(&g->node.exec->mem, c->order, c->n, c->places);
	return r < 0 ? ql_node_fail(&g->node, r) : 0;
}

static int group_finish(struct ql_node *n)
{
	struct group *g = (struct group *)n;
	struct ql_mem *mem = &n->exec->mem;
	struct chosen c = {0};
	size_t given;
	int r = add_codes(g);

	c.size = g->map.n;
	if (r < 0 || !c.size)
		return r;
	r = ql_mem_grow(mem, &c.numbers, 0, c.size, sizeof(*c.numbers));
	if (r == 0)
		r = ql_mem_grow(mem, &c.places, 0, c.size, sizeof(*c.places));
	r = r < 0 ? ql_node_fail(n, r) : choose(g, &c);
	given = c.n;
	if (r == 0) {
		r = ql_mem_grow(mem, &c.order, 0, given, sizeof(*c.order));
		r = r < 0 ? ql_node_fail(n, r) : put_in_order(g, &c);
	}
	if (r == 0)
		r = give(g, &c);
	ql_mem_free(mem, c.numbers, c.size, sizeof(*c.numbers));
	ql_mem_free(mem, c.places, c.size, sizeof(*c.places));
	ql_mem_free(mem, c.order, given, sizeof(*c.order));
	return r;
}

static void group_done(struct ql_node *n)
{
	struct group *g = (struct group *)n;

	ql_keymap_done(&g->map);
	ql_by_code_done(&g->by_code);
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
