/* Sort with a Limit over a source that finds rows again by their serials: first only keys, then
 * the rest of those rows that are given. */
#pragma once

#include "ql/op.h"
#include "ql/rows.h"

#define QL_LATE_MAX 4096 /* rows that are fetched again at most */

/* Makes a stage late where that saves something. */
void ql_plan_late(struct ql_plan *plan, const struct ql_src *src);

/* Rows idx[0 .. n) of 'keys' whole: 'ret' is to be begun anew and becomes them, and 'order',
 * room for n, their numbers in it in the order of 'idx'.  Returns how many there are: what can
 * not be found again is left out; or -errno with the error set. */
int64_t ql_late_fetch(struct ql_node *sort, const struct ql_rows *keys, const uint32_t *idx,
		      size_t n, struct ql_rows *ret, uint32_t *order);
