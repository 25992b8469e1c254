/* The vocabulary: which steps and predicates there are, what they take and what may follow
 * what.  Words are case-insensitive. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "ql/ast.h"

/* What a query gives so far; sets of them say after what a step may come. */
enum ql_state {
	QL_AT_START = 1 << 0, /* G */
	QL_AT_TIME = 1 << 1,  /* G.At() */
	QL_AT_FLOWS = 1 << 2,
	QL_AT_TABLE = 1 << 3,
	QL_AT_SCALAR = 1 << 4,
	QL_AT_PACKETS = 1 << 5,
	QL_AT_CUT = 1 << 6, /* packets after Limit or Range */
};

enum ql_step_id {
	QL_STEP_AT,
	QL_STEP_FLOWS,
	QL_STEP_HAS,
	QL_STEP_HAS_KEY,
	QL_STEP_HAS_NOT,
	QL_STEP_HAS_EITHER,
	QL_STEP_SORT,
	QL_STEP_LIMIT,
	QL_STEP_RANGE,
	QL_STEP_DEDUP,
	QL_STEP_COUNT,
	QL_STEP_SUM,
	QL_STEP_VALUES,
	QL_STEP_KEYS,
	QL_STEP_GROUP,
	QL_STEP_METRICS,
	QL_STEP_RAW_PACKETS,
	QL_STEP_BPF,
};

/* The shape of a step's or predicate's arguments. */
enum ql_shape {
	QL_SHAPE_NUMBERS, /* whole numbers, not negative */
	QL_SHAPE_STRINGS, /* names of fields or other text */
	QL_SHAPE_PAIRS,   /* key, value or predicate, key, ... */
	QL_SHAPE_SORT,    /* key, ASC or DESC, in any order */
	QL_SHAPE_TIME,    /* time, duration */
	QL_SHAPE_VALUES,  /* literals */
};

#define QL_ANY_NUMBER UINT32_MAX

struct ql_step_def {
	const char *name;
	enum ql_step_id id;
	unsigned after;      /* set of enum ql_state */
	enum ql_state gives; /* 0: what it was given (packets: QL_AT_CUT) */
	enum ql_shape shape;
	uint32_t min, max; /* number of arguments */
	const char *usage;
};

enum ql_pred_id {
	QL_PRED_WITHIN,
	QL_PRED_WITHOUT,
	QL_PRED_NE,
	QL_PRED_NEE,
	QL_PRED_REGEX,
	QL_PRED_LT,
	QL_PRED_GT,
	QL_PRED_LTE,
	QL_PRED_GTE,
	QL_PRED_INSIDE,
	QL_PRED_BETWEEN,
	QL_PRED_OUTSIDE,
	QL_PRED_RANGE,
	QL_PRED_CONTAINS,
};

struct ql_pred_def {
	const char *name;
	enum ql_pred_id id;
	enum ql_shape shape;
	uint32_t min, max;
	const char *usage;
};

/* NULL: no such word. */
const struct ql_step_def *ql_step_find(const char *name, size_t len);
const struct ql_pred_def *ql_pred_find(const char *name, size_t len);

/* The known step or predicate nearest to a wrong one; NULL: none near. */
const char *ql_step_near(const char *name, size_t len);
const char *ql_pred_near(const char *name, size_t len);

/* Why a word of Skydive's that is no step here is none; NULL: not such a word. */
const char *ql_step_foreign(const char *name, size_t len);

/* "Count, Limit and Range": the steps possible at 'state', cut to 'size'. */
void ql_step_list(enum ql_state state, char *ret, size_t size);
