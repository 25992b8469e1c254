/* Operators: each takes batches of rows, keeps or passes on what it makes of them.  A query is
 * a chain of them, pushed from the source's scan; one thread. */
#pragma once

#include "ql/mem.h"
#include "ql/plan.h"

/* One run of a query. */
struct ql_exec {
	struct ql_plan plan;
	struct ql_src *src;
	const struct ql_sink *sink;
	struct ql_mem mem;
	struct err *err;
};

struct ql_node;

struct ql_node_ops {
	/* Takes the rows of 'b' whose bits are set; both are valid during the call only.  0 to
	 * go on, 1 for "enough", or -errno with the error set. */
	int (*push)(struct ql_node *n, const struct batch *b, const uint64_t *sel);

	/* There are no more rows: passes on what is left, without the end of the next.  As
	 * push.  NULL: nothing is ever left. */
	int (*finish)(struct ql_node *n);

	/* NULL: owns nothing. */
	void (*done)(struct ql_node *n);
};

/* The head of each operator's own struct. */
struct ql_node {
	const struct ql_node_ops *ops;
	struct ql_node *next; /* NULL: the last */
	struct ql_exec *exec;
	const struct ql_stage *stage; /* NULL: gives the rows to the sink */
};

/* Makes the operator of a stage (NULL: the one before the sink).  0 or -ENOMEM. */
int ql_node_new(struct ql_node **ret, struct ql_exec *exec, const struct ql_stage *stage);

int ql_filter_node(struct ql_node **ret);
int ql_cut_node(struct ql_node **ret);
int ql_dedup_node(struct ql_node **ret);
int ql_project_node(struct ql_node **ret);
int ql_emit_node(struct ql_node **ret);
int ql_sort_node(struct ql_node **ret);
int ql_group_node(struct ql_node **ret);
int ql_keys_node(struct ql_node **ret);
int ql_count_node(struct ql_node **ret);
int ql_sum_node(struct ql_node **ret);
int ql_packets_node(struct ql_node **ret);

static inline int ql_node_push(struct ql_node *n, const struct batch *b, const uint64_t *sel)
{
	return n->ops->push(n, b, sel);
}

/* Sets the error for what holding rows can fail with, returns 'r'. */
int ql_node_fail(const struct ql_node *n, int r);
