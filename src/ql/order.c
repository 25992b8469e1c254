#include "ql/order.h"

#include <string.h>

/* Equal numbers may look different: 0 and -0, and what is no number.  Which of them stands for
 * all depends on which came first. */
static bool has_fraction(const struct ql_stage *s)
{
	size_t i;

	for (i = 0; i < s->n_fields; i++)
		if (s->in->fields[s->fields[i]].type == VAL_F64)
			return true;
	return false;
}

static bool only_keys(const struct ql_stage *s, const struct field_set *used)
{
	struct field_set rest = *used;
	uint64_t any = 0;
	size_t i;

	for (i = 0; i < s->n_fields; i++)
		rest.w[s->fields[i] / 64] &= ~(UINT64_C(1) << s->fields[i] % 64);
	for (i = 0; i < sizeof(rest.w) / sizeof(rest.w[0]); i++)
		any |= rest.w[i];
	return !any;
}

/* Lets a sort of the source's own rows find their order by itself. */
static bool settle(struct ql_stage *s, const struct ql_src *src)
{
	uint16_t f[SCHEMA_NAMES_MAX];

	if (!src->by_start || s->in != src->schema ||
	    schema_find(s->in, "Start", strlen("Start"), f) != 1 ||
	    s->in->fields[f[0]].type != VAL_TIME)
		return false;
	s->key.ties = true;
	s->key.start = f[0];
	return true;
}

bool ql_plan_order(struct ql_plan *plan, const struct ql_src *src)
{
	bool same_rows = true; /* not only rows that look the same */
	size_t i;

	for (i = 0; i < plan->n; i++) {
		struct ql_stage *s = &plan->stages[i];

		switch (s->op) {
		case QL_OP_FILTER:
		case QL_OP_PROJECT:
			break;
		case QL_OP_DEDUP: /* which of equal ones it is must not be seen */
			same_rows = false;
			if (has_fraction(s) ||
			    !only_keys(s, i + 1 < plan->n ? &s[1].need : &plan->cols))
				return false;
			break;
		case QL_OP_SORT:
			plan->scan.any_order = same_rows && settle(s, src);
			return plan->scan.any_order;
		case QL_OP_CUT:
			return false;
		case QL_OP_KEYS:
		case QL_OP_COUNT:
			plan->scan.any_order = true;
			return false;
		case QL_OP_GROUP: /* its rows have an order of their own */
		case QL_OP_SUM:   /* where fractions are rounded */
			plan->scan.any_order = !has_fraction(s);
			return false;
		case QL_OP_PACKETS:
			plan->scan.any_order = same_rows;
			return false;
		}
	}
	return false;
}

/* Keys of the first Group or Dedup are looked up by code.  Filters before it read values; behind
 * Group there are other rows, behind Dedup the same. */
void ql_plan_codes(struct ql_plan *plan)
{
	struct field_set read = {0};
	const struct ql_stage *s = plan->stages, *end = s + plan->n;
	size_t i;

	for (; s < end && s->op == QL_OP_FILTER; s++)
		ql_filter_fields(&s->filter, &read);
	if (s == end)
		return;
	plan->scan.no_serials = s->op == QL_OP_GROUP || s->op == QL_OP_KEYS ||
				s->op == QL_OP_COUNT || s->op == QL_OP_SUM;
	if (s->op != QL_OP_GROUP && s->op != QL_OP_DEDUP)
		return;
	for (i = 0; i < s->n_fields; i++) {
		uint16_t f = s->fields[i];
		const struct field_set *later = s + 1 < end ? &s[1].need : &plan->cols;

		if (!field_set_has(&read, f) && (s->op == QL_OP_GROUP || !field_set_has(later, f)))
			field_set_add(&plan->scan.code, f);
	}
}
