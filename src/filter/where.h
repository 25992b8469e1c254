/* --where: display-filter expressions over the fields of a schema, run on
 * batches.  Syntax of tshark's display filters: == eq != ne > gt < lt >= ge <=
 * le, contains, matches, in {a, b..c}, and && or || not !, parentheses; a bare
 * field name tests presence; addresses take prefixes; strings in double quotes
 * or bare words. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/batch.h"
#include "base/err.h"

struct where;

/* Compiles for a schema.  -EINVAL: "syntax error at '=>' (column 8)", "no field
 * 'tcp_fla' (column 1); did you mean 'tcp_flags_ab'?". */
int where_new(struct where **ret, const char *expr, const struct schema *schema, struct err *err);
void where_free(struct where *w);
static inline void where_freep(struct where **w)
{
	where_free(*w);
}

/* Adds the fields that where_run() reads. */
void where_fields(const struct where *w, struct field_set *ret);

/* Clears the bits of 'sel' (one per row) of rows that do not match.  An absent
 * value matches nothing, also not "!=". */
void where_run(const struct where *w, const struct batch *b, uint64_t sel[BATCH_ROWS / 64]);
