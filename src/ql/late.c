#include "ql/late.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "ql/sort.h"

static bool is_same(const struct field_set *a, const struct field_set *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

void ql_plan_late(struct ql_plan *plan, const struct ql_src *src)
{
	struct field_set light = {0};
	struct ql_stage *s;
	size_t i = 0, k;

	while (i < plan->n && plan->stages[i].op == QL_OP_FILTER)
		i++;
	if (!src->by_serial || i == plan->n)
		return;
	s = &plan->stages[i];
	if (s->op != QL_OP_SORT || !s->key.ties || s->keep > QL_LATE_MAX)
		return;
	for (k = 0; k < s->key.n; k++)
		field_set_add(&light, s->key.fields[k]);
	field_set_add(&light, s->key.start);
	if (is_same(&light, &s->need))
		return;
	s->late = true;
	s->fetch = s->need;
	s->need = light;
	while (i-- > 0)
		plan->stages[i].need = light =
			ql_stage_needs(&plan->stages[i], &plan->stages[i + 1].need);
	plan->scan.want = plan->stages[0].need;
}

/* A row that is looked for. */
struct wanted {
	uint64_t serial;
	uint32_t rank;
	uint32_t row; /* in 'to'; UINT32_MAX: not come yet */
};

struct fetch {
	struct wanted *v; /* by serial */
	size_t n;
	struct ql_rows *to;
};

static int by_serial(const void *a, const void *b)
{
	const struct wanted *x = a, *y = b;

	return (x->serial > y->serial) - (x->serial < y->serial);
}

static int take(void *arg, const struct batch *b)
{
	struct fetch *f = arg;
	uint64_t sel[BATCH_ROWS / 64] = {0};
	uint32_t row = (uint32_t)f->to->n;
	size_t i;

	for (i = 0; i < b->n; i++) {
		const struct wanted key = {.serial = b->serial[i]};
		struct wanted *w = bsearch(&key, f->v, f->n, sizeof(key), by_serial);

		if (!w || w->row != UINT32_MAX)
			continue;
		w->row = row++;
		sel[i / 64] |= UINT64_C(1) << i % 64;
	}
	return ql_rows_add(f->to, b, sel);
}

static int64_t start_of(const struct ql_rows *keys, uint16_t field, uint32_t row)
{
	union val v;

	return ql_rows_get(keys, field, row, &v) ? v.i64 : INT64_MIN;
}

int64_t ql_late_fetch(struct ql_node *sort, const struct ql_rows *keys, const uint32_t *idx,
		      size_t n, struct ql_rows *ret, uint32_t *order)
{
	CLEANUP(freep) struct wanted *v = reallocarray(NULL, n + 1, sizeof(*v));
	CLEANUP(freep) uint64_t *serials = reallocarray(NULL, n + 1, sizeof(*serials));
	const struct ql_stage *st = sort->stage;
	struct ql_exec *e = sort->exec;
	struct ql_scan scan = e->plan.scan;
	struct fetch f = {.v = v, .n = n, .to = ret};
	int64_t from = INT64_MAX, to = INT64_MIN;
	size_t i, m = 0;
	int r;

	if (!v || !serials)
		return ql_node_fail(sort, -ENOMEM);
	for (i = 0; i < n; i++) {
		int64_t start = start_of(keys, st->key.start, idx[i]);
		uint64_t serial = keys->chunks[idx[i] / BATCH_ROWS]->serial[idx[i] % BATCH_ROWS];

		from = start < from ? start : from;
		to = start > to ? start : to;
		v[i] = (struct wanted){serial, (uint32_t)i, UINT32_MAX};
	}
	qsort(v, n, sizeof(*v), by_serial);
	for (i = 0; i < n; i++)
		serials[i] = v[i].serial;
	scan.want = st->fetch;
	scan.from = from > scan.from ? from : scan.from;
	scan.to = to < scan.to ? to : scan.to;
	scan.serials = serials;
	scan.n_serials = n;
	scan.any_order = true;
	scan.limit_hint = 0;
	ql_rows_init(ret, st->in, &st->fetch, &e->mem);
	r = e->src->ops->scan(e->src, &scan, take, &f, e->err);
	if (r < 0)
		return e->err->code ? r : ql_node_fail(sort, r);
	for (i = 0; i < n; i++)
		order[v[i].rank] = v[i].row;
	for (i = 0; i < n; i++)
		if (order[i] != UINT32_MAX)
			order[m++] = order[i];
	return (int64_t)m;
}
