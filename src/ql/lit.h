/* Literals of a query -> values of a field's type. */
#pragma once

#include <stdbool.h>

#include "base/batch.h"
#include "ql/ast.h"
#include "ql/mem.h"
#include "ql/ql_src_ops.h"

/* What is known when a query meets a source. */
struct ql_bind {
	struct ql_src *src;
	struct ql_arena *arena; /* for what the plan keeps */
	struct err *err;
	bool has_now;
	int64_t now; /* as the source said, asked at most once */
};

/* A point in time, ns: NOW; '-10m' (before NOW); seconds since 1970, or milliseconds when
 * above 2^31 - 1 as in Skydive; text as parse_time() reads it, UTC when it names no zone. */
int ql_lit_time(struct ql_bind *b, const struct ql_arg *a, int64_t *ret);

/* A span of time, ns, not negative: seconds, or text such as '1h30m'; INT64_MAX: FOREVER. */
int ql_lit_span(struct ql_bind *b, const struct ql_arg *a, int64_t *ret);

/* A number on the scale of an integer field (ns for times and durations), which it may not
 * meet exactly: 'floor' <= number < floor + 1. */
struct ql_num {
	__int128 floor;
	bool exact;
};

/* For fields of type VAL_U64, VAL_I64, VAL_TIME and VAL_DUR. */
int ql_lit_num(struct ql_bind *b, const struct field *f, const struct ql_arg *a,
	       struct ql_num *ret);

/* For all other types.  Strings stay in the query. */
int ql_lit_val(struct ql_bind *b, const struct field *f, const struct ql_arg *a, union val *ret);

/* "numbers", "addresses", ...: what fields of a type hold. */
const char *ql_type_plural(enum val_type type);
