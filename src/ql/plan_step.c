/* Each step of a query becomes an operator of its plan, or part of the one before. */
#include "ql/plan_step.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "filter/filter.h"
#include "ql/args.h"
#include "ql/tables.h"
#include "ql/words.h"

static int no_memory(struct ql_planner *p)
{
	return err_set(p->b.err, -ENOMEM, "out of memory");
}

static struct ql_stage *last_stage(struct ql_planner *p, enum ql_op op)
{
	struct ql_stage *s = p->plan->n ? &p->plan->stages[p->plan->n - 1] : NULL;

	return s && s->op == op ? s : NULL;
}

static struct ql_stage *add_stage(struct ql_planner *p, enum ql_op op, const struct ql_step *step)
{
	struct ql_stage *s = &p->plan->stages[p->plan->n++]; /* a place for each step */

	s->op = op;
	s->step = step;
	s->in = s->out = p->schema;
	s->keep = s->to = UINT64_MAX;
	return s;
}

/* Where the field of this name is, or -ENOENT. */
static int find_plain(const struct schema *s, const char *name)
{
	uint16_t f[SCHEMA_NAMES_MAX];

	return schema_find(s, name, strlen(name), f) == 1 ? f[0] : -ENOENT;
}

/* The fields that the arguments name, aliases as all they stand for, each once. */
static int find_fields(struct ql_planner *p, const struct ql_step *step, uint16_t **ret,
		       size_t *ret_n)
{
	struct field_set seen = {0};
	size_t i, n = 0;
	uint16_t *all;
	int k, j;

	if (ql_arena_alloc(&p->plan->arena, (step->n * SCHEMA_NAMES_MAX + 1) * sizeof(*all), &all) <
	    0)
		return no_memory(p);
	for (i = 0; i < step->n; i++) {
		uint16_t f[SCHEMA_NAMES_MAX];

		k = ql_field_find(&p->b, p->schema, &step->args[i], f);
		if (k < 0)
			return k;
		for (j = 0; j < k; j++) {
			if (!field_set_has(&seen, f[j]))
				all[n++] = f[j];
			field_set_add(&seen, f[j]);
		}
	}
	*ret = all;
	*ret_n = n;
	return 0;
}

/* TrackingID, or UUID where a schema has no such field: one flow, wherever it is seen. */
static int identity(struct ql_planner *p, const struct ql_step *step, uint16_t *ret)
{
	int f = find_plain(p->schema, "TrackingID");

	if (f < 0)
		f = find_plain(p->schema, "UUID");
	if (f < 0)
		return err_set(p->b.err, -EINVAL,
			       "'%s' (column %u) needs a key here: there is no TrackingID or UUID",
			       step->def->name, step->col);
	*ret = (uint16_t)f;
	return 0;
}

static int plan_at(struct ql_planner *p, const struct ql_step *step)
{
	struct ql_scan *scan = &p->plan->scan;
	int64_t span = 0;
	int r;

	r = ql_lit_time(&p->b, &step->args[0], &scan->to);
	if (r == 0 && step->n > 1)
		r = ql_lit_span(&p->b, &step->args[1], &span);
	if (r < 0)
		return r;
	if (span == INT64_MAX || __builtin_sub_overflow(scan->to, span, &scan->from))
		scan->from = INT64_MIN;
	p->at = true;
	p->at_span = step->n > 1;
	return 0;
}

/* Conditions of one step: 'n' of them, starting at args[0], two arguments each. */
static int add_either(struct ql_planner *p, struct ql_filter *f, const struct ql_arg *args,
		      size_t n)
{
	struct ql_either *e = &f->all[f->n];
	size_t i;
	int r;

	if (ql_arena_alloc(&p->plan->arena, n * sizeof(e->conds[0]), &e->conds) < 0)
		return no_memory(p);
	f->n++;
	for (i = 0; i < n; i++) {
		e->n++; /* before it is complete, so that what it owns is freed */
		r = ql_cond_init(&e->conds[i], &p->b, p->schema, &args[2 * i], &args[2 * i + 1]);
		if (r < 0)
			return r;
	}
	return 0;
}

static int add_key(struct ql_planner *p, struct ql_filter *f, const struct ql_arg *key,
		   bool present)
{
	struct ql_either *e = &f->all[f->n];

	if (ql_arena_alloc(&p->plan->arena, sizeof(e->conds[0]), &e->conds) < 0)
		return no_memory(p);
	f->n++;
	e->n = 1;
	if (!present) /* no value that any test could pass */
		e->conds[0].none = e->conds[0].or_absent = true;
	return ql_cond_init(&e->conds[0], &p->b, p->schema, key, NULL);
}

/* How many conditions stand together from 'step' on, so that they fit one filter. */
static size_t count_conds(const struct ql_planner *p, const struct ql_step *step)
{
	const struct ql_step *end = p->q->steps + p->q->n;
	size_t n = 0;

	for (;
	     step < end && (step->def->id == QL_STEP_FLOWS || step->def->id == QL_STEP_HAS ||
			    step->def->id == QL_STEP_HAS_KEY || step->def->id == QL_STEP_HAS_NOT ||
			    step->def->id == QL_STEP_HAS_EITHER);
	     step++)
		n += step->n;
	return n;
}

static int plan_has(struct ql_planner *p, const struct ql_step *step)
{
	struct ql_stage *s = last_stage(p, QL_OP_FILTER);
	struct ql_filter *f;
	size_t i;
	int r = 0;

	if (!step->n)
		return 0; /* Flows() */
	if (!s) {
		s = add_stage(p, QL_OP_FILTER, step);
		if (ql_arena_alloc(&p->plan->arena, count_conds(p, step) * sizeof(s->filter.all[0]),
				   &s->filter.all) < 0)
			return no_memory(p);
	}
	f = &s->filter;
	if (step->def->id == QL_STEP_HAS_EITHER)
		return add_either(p, f, step->args, step->n / 2);
	if (step->n == 1)
		return add_key(p, f, &step->args[0], step->def->id != QL_STEP_HAS_NOT);
	for (i = 0; i + 1 < step->n && r == 0; i += 2)
		r = add_either(p, f, &step->args[i], 1);
	return r;
}

static int plan_sort(struct ql_planner *p, const struct ql_step *step)
{
	struct ql_stage *s = add_stage(p, QL_OP_SORT, step);
	const struct ql_arg *name = NULL;
	uint16_t *fields;
	size_t i;
	int r;

	for (i = 0; i < step->n; i++) {
		if (step->args[i].kind == QL_ARG_STRING)
			name = &step->args[i];
		else
			s->key.desc = step->args[i].word == QL_WORD_DESC;
	}
	if (ql_arena_alloc(&p->plan->arena, SCHEMA_NAMES_MAX * sizeof(*fields), &fields) < 0)
		return no_memory(p);
	s->key.fields = fields;
	s->key.n = 1;
	if (name) {
		r = ql_field_find(&p->b, p->schema, name, fields);
		if (r < 0)
			return r;
		s->key.n = (size_t)r;
		return 0;
	}
	r = find_plain(p->schema, "Last");
	fields[0] = r < 0 ? 0 : (uint16_t)r;
	return 0;
}

/* Rows from <= i < to of those that 's' lets through. */
static void cut(struct ql_stage *s, uint64_t from, uint64_t to)
{
	uint64_t end;

	if (__builtin_add_overflow(s->from, to, &end) || end > s->to)
		end = s->to;
	if (__builtin_add_overflow(s->from, from, &s->from) || s->from > end)
		s->from = end;
	s->to = end;
}

static int plan_cut(struct ql_planner *p, const struct ql_step *step)
{
	bool limit = step->def->id == QL_STEP_LIMIT;
	uint64_t from = limit ? 0 : step->args[0].u64, to = step->args[limit ? 0 : 1].u64;
	struct ql_stage *sort = last_stage(p, QL_OP_SORT), *s;

	if (to < from)
		return ql_arg_error(p->b.err, &step->args[1],
				    "less than where the range starts; use %s", step->def->usage);
	s = last_stage(p, QL_OP_PACKETS);
	if (!s)
		s = last_stage(p, QL_OP_CUT);
	if (!s)
		s = add_stage(p, QL_OP_CUT, step);
	cut(s, from, to);
	if (sort && s->to <= QL_TOP_MAX)
		sort->keep = s->to;
	return 0;
}

static int plan_dedup(struct ql_planner *p, const struct ql_step *step)
{
	struct ql_stage *s = add_stage(p, QL_OP_DEDUP, step);
	size_t n = p->table ? p->schema->n : 1;

	if (step->n)
		return find_fields(p, step, &s->fields, &s->n_fields);
	if (ql_arena_alloc(&p->plan->arena, n * sizeof(s->fields[0]), &s->fields) < 0)
		return no_memory(p);
	s->n_fields = n;
	if (!p->table)
		return identity(p, step, s->fields);
	while (n--)
		s->fields[n] = (uint16_t)n; /* equal rows of a table are equal in all columns */
	return 0;
}

static int plan_sum(struct ql_planner *p, const struct ql_step *step)
{
	struct ql_stage *s = add_stage(p, QL_OP_SUM, step);
	const struct field *f;
	int r;

	r = find_fields(p, step, &s->fields, &s->n_fields);
	if (r < 0)
		return r;
	if (s->n_fields > 1)
		return ql_arg_error(p->b.err, &step->args[0], "a name for several fields: sum one");
	f = &p->schema->fields[s->fields[0]];
	if (f->type != VAL_U64 && f->type != VAL_I64 && f->type != VAL_F64 && f->type != VAL_DUR)
		return ql_arg_error(p->b.err, &step->args[0], "no number: it holds %s",
				    ql_type_plural(f->type));
	return 0;
}

static int plan_values(struct ql_planner *p, const struct ql_step *step)
{
	struct ql_stage *s = add_stage(p, QL_OP_PROJECT, step);
	int r;

	r = find_fields(p, step, &s->fields, &s->n_fields);
	if (r < 0)
		return r;
	s->drop_empty = true;
	r = ql_table_values(&p->plan->arena, s);
	return r < 0 ? no_memory(p) : 0;
}

static int plan_metrics(struct ql_planner *p, const struct ql_step *step)
{
	struct ql_stage *s = add_stage(p, QL_OP_PROJECT, step);
	const char *name = step->n ? step->args[0].str.p : "Metric";
	int r;

	r = ql_table_metrics(&p->plan->arena, s, name);
	if (r == -ENOENT && step->n)
		return ql_arg_error(p->b.err, &step->args[0], "no metric here (try 'Metric')");
	if (r == -ENOENT)
		return err_set(p->b.err, -EINVAL, "'Metrics' (column %u) finds no metric here",
			       step->col);
	return r < 0 ? no_memory(p) : 0;
}

static int plan_group(struct ql_planner *p, const struct ql_step *step)
{
	struct ql_stage *s = add_stage(p, QL_OP_GROUP, step);
	int r;

	r = find_fields(p, step, &s->fields, &s->n_fields);
	if (r == 0 && !step->n) {
		s->n_fields = 1;
		r = identity(p, step, s->fields); /* find_fields() made room for one */
	}
	if (r < 0)
		return r;
	r = ql_table_group(&p->plan->arena, s, p->table);
	if (r == -E2BIG)
		return err_set(p->b.err, -EINVAL, "'Group' (column %u) has more than %d keys",
			       step->col, SCHEMA_FIELDS_MAX - QL_GROUP_MADE);
	return r < 0 ? no_memory(p) : 0;
}

static int plan_packets(struct ql_planner *p, const struct ql_step *step)
{
	struct ql_stage *s = add_stage(p, QL_OP_PACKETS, step);

	/* A moment selects the flows that live then: their packets are all wanted.  With a
	 * duration it is the packets of that time. */
	s->pkt_from = p->at_span ? p->plan->scan.from : INT64_MIN;
	s->pkt_to = p->at_span ? p->plan->scan.to : INT64_MAX;
	return 0;
}

static unsigned bpf_column(const void *arg, size_t off)
{
	return ql_arg_column(arg, off);
}

/* Of several filters together only the last is known to make the difference. */
static unsigned all_column(const void *arg, size_t off)
{
	(void)off;
	return ((const struct ql_arg *)arg)->col;
}

/* 'text' is the filter of 'a' or all so far together; -ENOMSG: no packet can pass them. */
static int check_bpf(struct ql_planner *p, const struct ql_arg *a, const char *text)
{
	struct err err;
	int r;

	r = filter_check(text, text == a->str.p ? bpf_column : all_column, a, &err);
	if (r == 0)
		return 0;
	if (r == -EINVAL && text != a->str.p)
		return -ENOMSG; /* each is right, so they contradict each other */
	return err_set(p->b.err, r == -ENOMEM ? r : -EINVAL, "'BPF' (column %u): in %s: %s", a->col,
		       text == a->str.p ? "its filter" : "all filters together", err.text);
}

static int plan_bpf(struct ql_planner *p, const struct ql_step *step)
{
	const struct ql_arg *a = &step->args[0];
	struct ql_stage *s = last_stage(p, QL_OP_PACKETS);
	CLEANUP(buf_done) struct buf text = BUF_INIT;
	int r;

	/* each by itself, so that no unbalanced parenthesis reaches into another, and before
	 * the source is read */
	r = check_bpf(p, a, a->str.p);
	if (r < 0)
		return r;
	if (!a->str.p[strspn(a->str.p, " \t\n\v\f\r")])
		return 0; /* lets all pass, as in tcpdump */
	if (s->filter_text)
		buf_addf(&text, "%s and (%s)", s->filter_text, a->str.p);
	else
		buf_addf(&text, "(%s)", a->str.p);
	if (buf_err(&text) < 0 ||
	    ql_arena_copy(&p->plan->arena, buf_str(&text), text.len, &s->filter_text) < 0)
		return no_memory(p);
	r = check_bpf(p, a, s->filter_text);
	if (r == -ENOMSG)
		s->from = s->to = 0; /* no packet is the right answer */
	return r == -ENOMSG ? 0 : r;
}

static int plan_count(struct ql_planner *p, const struct ql_step *step)
{
	struct ql_stage *s = last_stage(p, QL_OP_PACKETS);

	if (s)
		s->count = true;
	else
		add_stage(p, QL_OP_COUNT, step);
	return 0;
}

int ql_plan_step(struct ql_planner *p, const struct ql_step *step)
{
	switch (step->def->id) {
	case QL_STEP_AT:
		return plan_at(p, step);
	case QL_STEP_FLOWS:
	case QL_STEP_HAS:
	case QL_STEP_HAS_KEY:
	case QL_STEP_HAS_NOT:
	case QL_STEP_HAS_EITHER:
		return plan_has(p, step);
	case QL_STEP_SORT:
		return plan_sort(p, step);
	case QL_STEP_LIMIT:
	case QL_STEP_RANGE:
		return plan_cut(p, step);
	case QL_STEP_DEDUP:
		return plan_dedup(p, step);
	case QL_STEP_COUNT:
		return plan_count(p, step);
	case QL_STEP_SUM:
		return plan_sum(p, step);
	case QL_STEP_VALUES:
		return plan_values(p, step);
	case QL_STEP_KEYS:
		return ql_table_keys(&p->plan->arena, add_stage(p, QL_OP_KEYS, step)) < 0
			       ? no_memory(p)
			       : 0;
	case QL_STEP_GROUP:
		return plan_group(p, step);
	case QL_STEP_METRICS:
		return plan_metrics(p, step);
	case QL_STEP_RAW_PACKETS:
		return plan_packets(p, step);
	case QL_STEP_BPF:
		return plan_bpf(p, step);
	}
	return -EINVAL;
}
