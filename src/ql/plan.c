#include "ql/plan.h"

#include <errno.h>

#include "filter/rx.h"
#include "ql/hints.h"
#include "ql/late.h"
#include "ql/order.h"
#include "ql/plan_step.h"
#include "ql/words.h"

/* An order that nobody sees is not made. */
static void drop_sorts(struct ql_plan *plan)
{
	size_t i, n = 0;

	for (i = 0; i < plan->n; i++) {
		enum ql_op next = i + 1 < plan->n ? plan->stages[i + 1].op : QL_OP_FILTER;

		if (plan->stages[i].op == QL_OP_SORT &&
		    (next == QL_OP_COUNT || next == QL_OP_SUM || next == QL_OP_GROUP ||
		     next == QL_OP_KEYS || next == QL_OP_PACKETS))
			continue;
		plan->stages[n++] = plan->stages[i];
	}
	plan->n = n;
}

static void add_all(struct field_set *set, const uint16_t *fields, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		field_set_add(set, fields[i]);
}

static void add_schema(struct field_set *set, const struct schema *s)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		field_set_add(set, i);
}

static bool shown(const struct ql_stage *s, const struct field_set *out, size_t made)
{
	return s->made[made] >= 0 && field_set_has(out, (size_t)s->made[made]);
}

/* What a stage reads, given what the next one reads of its output. */
struct field_set ql_stage_needs(const struct ql_stage *s, const struct field_set *out)
{
	struct field_set need = {0};
	size_t i;

	switch (s->op) {
	case QL_OP_FILTER:
		need = *out;
		ql_filter_fields(&s->filter, &need);
		break;
	case QL_OP_SORT:
		need = *out;
		add_all(&need, s->key.fields, s->key.n);
		if (s->key.ties)
			field_set_add(&need, s->key.start);
		break;
	case QL_OP_CUT:
		need = *out;
		break;
	case QL_OP_DEDUP:
		need = *out;
		add_all(&need, s->fields, s->n_fields);
		break;
	case QL_OP_PROJECT:
		for (i = 0; i < s->n_fields; i++)
			if (s->drop_empty || field_set_has(out, i))
				field_set_add(&need, s->fields[i]);
		break;
	case QL_OP_KEYS:
		add_schema(&need, s->in);
		break;
	case QL_OP_GROUP:
		add_all(&need, s->fields, s->n_fields);
		for (i = 0; i < s->n_sums; i++)
			if (shown(s, out, QL_GROUP_SUM + i) ||
			    shown(s, out, i < 2 ? QL_GROUP_PACKETS : QL_GROUP_BYTES))
				field_set_add(&need, s->sums[i]);
		break;
	case QL_OP_SUM:
		add_all(&need, s->fields, s->n_fields);
		break;
	case QL_OP_COUNT:
	case QL_OP_PACKETS:
		break;
	}
	return need;
}

static void set_needs(struct ql_plan *plan, enum ql_kind kind, const struct field_set *cols)
{
	struct field_set need = {0};
	size_t i;

	if (kind == QL_ROWS && cols)
		need = *cols;
	else if (kind == QL_ROWS || kind == QL_TABLE)
		add_schema(&need, plan->out);
	plan->cols = need;
	for (i = plan->n; i-- > 0;) {
		need = ql_stage_needs(&plan->stages[i], &need);
		plan->stages[i].need = need;
	}
	plan->scan.want = need;
}

int ql_plan_init(struct ql_plan *plan, const struct ql *q, struct ql_src *src,
		 const struct field_set *cols, struct err *err)
{
	struct ql_planner p = {.plan = plan, .q = q, .schema = src->schema};
	size_t i;
	int r;

	*plan = (struct ql_plan){.scan = {.from = INT64_MIN, .to = INT64_MAX}};
	p.b = (struct ql_bind){.src = src, .arena = &plan->arena, .err = err};
	if (rx_mem_new(&plan->rx_mem) < 0 ||
	    ql_arena_alloc(&plan->arena, q->n * sizeof(plan->stages[0]), &plan->stages) < 0) {
		ql_plan_done(plan);
		return err_set(err, -ENOMEM, "out of memory");
	}
	for (i = 0; i < q->n; i++) {
		r = ql_plan_step(&p, &q->steps[i]);
		if (r < 0) {
			ql_plan_done(plan);
			return r;
		}
		if (plan->n)
			p.schema = plan->stages[plan->n - 1].out;
		p.table |= q->steps[i].def->gives == QL_AT_TABLE;
	}
	plan->out = p.schema;
	drop_sorts(plan);
	plan->scan.packets =
		q->kind == QL_PACKETS || (plan->n && plan->stages[plan->n - 1].op == QL_OP_PACKETS);
	set_needs(plan, q->kind, cols);
	if (ql_plan_order(plan, src))
		set_needs(plan, q->kind, cols);
	ql_plan_codes(plan);
	ql_plan_late(plan, src);
	if (ql_plan_hints(plan) < 0) {
		ql_plan_done(plan);
		return err_set(err, -ENOMEM, "out of memory");
	}
	return 0;
}

void ql_plan_done(struct ql_plan *plan)
{
	size_t i;

	for (i = 0; i < plan->n; i++)
		if (plan->stages[i].op == QL_OP_FILTER)
			ql_filter_done(&plan->stages[i].filter);
	rx_mem_free(plan->rx_mem);
	ql_arena_done(&plan->arena);
	*plan = (struct ql_plan){0};
}
