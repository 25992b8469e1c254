/* Whether an answer depends on the order in which rows come. */
#pragma once

#include "ql/plan.h"

/* Sets plan->scan.any_order, for which a sort may have to settle itself what stands where rows
 * are equal; true: one has, and needs a column more. */
bool ql_plan_order(struct ql_plan *plan, const struct ql_src *src);

/* Asks for codes of what is only looked up, not looked at */
void ql_plan_codes(struct ql_plan *plan);
