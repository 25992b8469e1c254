/* What a plan tells its source besides the columns: hints, and how many rows are enough. */
#pragma once

#include "ql/plan.h"

/* Sets hints and limit_hint of plan->scan.  0 or -ENOMEM. */
int ql_plan_hints(struct ql_plan *plan);
