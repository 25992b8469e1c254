/* A query bound to a source: operators in the order in which rows pass, each with the columns
 * it and all behind it need. */
#pragma once

#include "base/batch.h"
#include "ql/ast.h"
#include "ql/pred.h"
#include "ql/ql_src_ops.h"
#include "ql/sort.h"

#define QL_TOP_MAX 65536 /* Sort(...).Limit(n): up to this n the rest is not held */

/* The counters of which Group gives sums: packets A to B, B to A, bytes A to B, B to A. */
#define QL_GROUP_SUMS 4

/* The columns that Group makes besides its keys. */
enum ql_group_made {
	QL_GROUP_COUNT,
	QL_GROUP_PACKETS,
	QL_GROUP_BYTES,
	QL_GROUP_SUM, /* the first of QL_GROUP_SUMS */
	QL_GROUP_MADE = QL_GROUP_SUM + QL_GROUP_SUMS,
};

enum ql_op {
	QL_OP_FILTER, /* Has and its kin, all that stand together */
	QL_OP_SORT,
	QL_OP_CUT, /* Limit, Range */
	QL_OP_DEDUP,
	QL_OP_PROJECT, /* Values, Metrics: other columns, same rows */
	QL_OP_KEYS,
	QL_OP_GROUP,
	QL_OP_COUNT,
	QL_OP_SUM,
	QL_OP_PACKETS,
};

struct ql_stage {
	enum ql_op op;
	const struct ql_step *step; /* the (first) step it comes from, for messages */
	const struct schema *in, *out;
	struct field_set need; /* columns of 'in' */

	struct ql_filter filter; /* FILTER */
	struct ql_key key;       /* SORT */
	uint64_t keep;           /* SORT: rows wanted of it; UINT64_MAX: all */
	bool late;               /* SORT: it is given its keys only, and fetches the rest */
	struct field_set fetch;  /* SORT: columns of that */
	uint64_t from, to;       /* CUT and PACKETS: rows (packets) from <= i < to */
	uint16_t *fields; /* DEDUP, GROUP: keys; PROJECT: where each column comes from; SUM */
	size_t n_fields;
	uint16_t *sums; /* GROUP: QL_GROUP_SUMS counters summed, or none */
	size_t n_sums;
	int16_t made[QL_GROUP_MADE]; /* GROUP: where in 'out'; -1: left out */
	bool drop_empty;             /* PROJECT: rows without any value go */
	const char *filter_text;     /* PACKETS: pcap-filter; NULL: all */
	bool count;                  /* PACKETS: tell only their number */
	int64_t pkt_from, pkt_to;    /* PACKETS: time, ns */
};

struct ql_plan {
	struct ql_stage *stages;
	size_t n;
	struct ql_scan scan;
	const struct schema *out; /* of the answer */
	struct field_set cols;    /* of the answer */
	struct ql_arena arena;
	struct rx_mem *rx_mem; /* for the regular expressions of all filters; owned */
};

/* Columns of a stage's input that it needs when 'out' is needed of its output. */
struct field_set ql_stage_needs(const struct ql_stage *s, const struct field_set *out);

/* 0, or -errno with 'err' set; 'plan' is then as ql_plan_done() leaves it.  Borrows 'q'. */
int ql_plan_init(struct ql_plan *plan, const struct ql *q, struct ql_src *src,
		 const struct field_set *cols, struct err *err);
void ql_plan_done(struct ql_plan *plan);
