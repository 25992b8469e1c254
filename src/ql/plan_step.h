/* Inside of planning: from the steps of a query to the operators of a plan. */
#pragma once

#include "ql/lit.h"
#include "ql/plan.h"

struct ql_planner {
	struct ql_plan *plan;
	const struct ql *q;
	struct ql_bind b;
	const struct schema *schema; /* of the rows at this point */
	bool table;                  /* they are rows of a table, no longer flows */
	bool at, at_span;            /* At was given; with a duration */
};

/* Adds what the next step asks for to the plan, which has a place for an operator of each step.
 * 0 or -errno with the error set. */
int ql_plan_step(struct ql_planner *p, const struct ql_step *step);
