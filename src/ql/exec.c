/* ql_run(): plan, build the chain of operators, push the source's rows through it. */
#include "ql/ql.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ql/op.h"
#include "ql/rows.h"
#include "ql/words.h"

int ql_node_fail(const struct ql_node *n, int r)
{
	if (r != -E2BIG)
		return err_set(n->exec->err, r, "out of memory");
	return err_set(n->exec->err, r,
		       "'%s' (column %u) would hold more than %" PRIu64
		       " MiB; narrow the query, put Limit behind Sort, or allow more memory",
		       n->stage->step->def->name, n->stage->step->col, n->exec->mem.max >> 20);
}

int ql_node_new(struct ql_node **ret, struct ql_exec *exec, const struct ql_stage *stage)
{
	static int (*const makers[])(struct ql_node **) = {
		[QL_OP_FILTER] = ql_filter_node,   [QL_OP_SORT] = ql_sort_node,
		[QL_OP_CUT] = ql_cut_node,         [QL_OP_DEDUP] = ql_dedup_node,
		[QL_OP_PROJECT] = ql_project_node, [QL_OP_KEYS] = ql_keys_node,
		[QL_OP_GROUP] = ql_group_node,     [QL_OP_COUNT] = ql_count_node,
		[QL_OP_SUM] = ql_sum_node,         [QL_OP_PACKETS] = ql_packets_node,
	};
	struct ql_node *n;
	int r;

	r = stage ? makers[stage->op](&n) : ql_emit_node(&n);
	if (r < 0)
		return err_set(exec->err, r, "out of memory");
	n->exec = exec;
	n->stage = stage;
	*ret = n;
	return 0;
}

static void free_chain(struct ql_node *n)
{
	while (n) {
		struct ql_node *next = n->next;

		if (n->ops->done)
			n->ops->done(n);
		free(n);
		n = next;
	}
}

static bool gives_rows(const struct ql *q)
{
	return q->kind == QL_ROWS || q->kind == QL_TABLE;
}

static int build_chain(struct ql_node **ret, struct ql_exec *e, const struct ql *q)
{
	struct ql_node *head = NULL, *n;
	size_t i;
	int r = 0;

	if (gives_rows(q))
		r = ql_node_new(&head, e, NULL);
	for (i = e->plan.n; r == 0 && i-- > 0;) {
		r = ql_node_new(&n, e, &e->plan.stages[i]);
		if (r < 0)
			break;
		n->next = head;
		head = n;
	}
	if (r < 0) {
		free_chain(head);
		return r;
	}
	*ret = head;
	return 0;
}

static int take_batch(void *arg, const struct batch *b)
{
	uint64_t sel[BATCH_ROWS / 64];

	ql_sel_fill(sel, b->n);
	return ql_node_push(arg, b, sel);
}

static int run_chain(struct ql_exec *e, const struct ql *q, struct ql_node *head)
{
	struct ql_node *n;
	int r = 0;

	if (gives_rows(q))
		r = e->sink->begin(e->sink->arg, e->plan.out, &e->plan.cols);
	if (r)
		return r;
	e->plan.scan.code_fn = take_batch;
	r = e->src->ops->scan(e->src, &e->plan.scan, take_batch, head, e->err);
	for (n = head; r >= 0 && n; n = n->next)
		if (n->ops->finish)
			r = n->ops->finish(n);
	return r;
}

int ql_run(const struct ql *q, struct ql_src *src, const struct field_set *cols,
	   const struct ql_sink *sink, struct err *err)
{
	struct err own = {0};
	struct ql_exec e = {.src = src, .sink = sink, .mem.max = q->max_memory, .err = &own};
	struct ql_node *head;
	int r;

	r = ql_plan_init(&e.plan, q, src, cols, &own);
	if (r == 0) {
		r = build_chain(&head, &e, q);
		if (r == 0) {
			r = run_chain(&e, q, head);
			free_chain(head);
		}
		ql_plan_done(&e.plan);
	}
	if (r >= 0)
		return 0;
	if (!own.code) /* a sink or source that gave only a number */
		return err_set(err, r, "the query failed: %s", strerror(-r));
	return err_set(err, r, "%s", own.text);
}
