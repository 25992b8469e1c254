/* The plan as text. */
#include "ql/ql.h"

#include <inttypes.h>

#include "base/cleanup.h"
#include "ql/plan.h"

static void add_names(struct buf *b, const struct schema *s, const uint16_t *fields, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		buf_addf(b, "%s%s", i ? ", " : " ", s->fields[fields[i]].json);
}

static void add_set(struct buf *b, const struct schema *s, const struct field_set *set)
{
	bool first = true;
	size_t i;

	for (i = 0; i < s->n; i++) {
		if (!field_set_has(set, i))
			continue;
		buf_addf(b, "%s%s", first ? " " : ", ", s->fields[i].json);
		first = false;
	}
	if (first)
		buf_addstr(b, " no columns");
}

static void add_span(struct buf *b, const char *what, uint64_t from, uint64_t to)
{
	buf_addf(b, " %s %" PRIu64 " to", what, from);
	if (to == UINT64_MAX)
		buf_addstr(b, " the end");
	else
		buf_addf(b, " %" PRIu64, to);
}

static void add_time(struct buf *b, int64_t from, int64_t to)
{
	if (from == INT64_MIN && to == INT64_MAX)
		return;
	buf_addstr(b, ", time ");
	if (from != INT64_MIN)
		buf_addns(b, from, 9);
	else
		buf_addstr(b, "the start");
	buf_addstr(b, " to ");
	if (to != INT64_MAX)
		buf_addns(b, to, 9);
	else
		buf_addstr(b, "the end");
}

static void add_filter(struct buf *b, const struct ql_stage *s)
{
	struct field_set read = {0};

	ql_filter_fields(&s->filter, &read);
	buf_addf(b, "filter: %zu condition%s on", s->filter.n, s->filter.n == 1 ? "" : "s");
	add_set(b, s->in, &read);
}

static void add_packets(struct buf *b, const struct ql_stage *s)
{
	buf_addstr(b, s->count ? "count packets:" : "packets:");
	add_span(b, "packets", s->from, s->to);
	add_time(b, s->pkt_from, s->pkt_to);
	if (s->filter_text)
		buf_addf(b, ", filter %s", s->filter_text);
}

static void add_stage(struct buf *b, const struct ql_stage *s)
{
	switch (s->op) {
	case QL_OP_FILTER:
		add_filter(b, s);
		break;
	case QL_OP_SORT:
		buf_addstr(b, s->keep == UINT64_MAX ? "sort:" : "top:");
		add_names(b, s->in, s->key.fields, s->key.n);
		buf_addstr(b, s->key.desc ? " descending" : " ascending");
		if (s->keep != UINT64_MAX)
			buf_addf(b, ", %" PRIu64 " kept", s->keep);
		break;
	case QL_OP_CUT:
		buf_addstr(b, "cut:");
		add_span(b, "rows", s->from, s->to);
		break;
	case QL_OP_DEDUP:
		buf_addstr(b, "distinct:");
		add_names(b, s->in, s->fields, s->n_fields);
		break;
	case QL_OP_PROJECT:
		buf_addstr(b, "columns:");
		add_names(b, s->in, s->fields, s->n_fields);
		break;
	case QL_OP_KEYS:
		buf_addstr(b, "names of columns with values");
		break;
	case QL_OP_GROUP:
		buf_addstr(b, "group:");
		add_names(b, s->in, s->fields, s->n_fields);
		break;
	case QL_OP_COUNT:
		buf_addstr(b, "count");
		break;
	case QL_OP_SUM:
		buf_addstr(b, "sum:");
		add_names(b, s->in, s->fields, s->n_fields);
		break;
	case QL_OP_PACKETS:
		add_packets(b, s);
		break;
	}
	buf_addch(b, '\n');
}

int ql_explain(const struct ql *q, struct ql_src *src, const struct field_set *cols,
	       struct buf *ret, struct err *err)
{
	struct ql_plan plan;
	size_t i;
	int r;

	r = ql_plan_init(&plan, q, src, cols, err);
	if (r < 0)
		return r;
	buf_addstr(ret, "scan:");
	add_set(ret, src->schema, &plan.scan.want);
	add_time(ret, plan.scan.from, plan.scan.to);
	buf_addch(ret, '\n');
	for (i = 0; i < plan.n; i++)
		add_stage(ret, &plan.stages[i]);
	ql_plan_done(&plan);
	return buf_err(ret) < 0 ? err_set(err, buf_err(ret), "out of memory") : 0;
}
