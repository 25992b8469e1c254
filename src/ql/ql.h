/* Queries: a subset of Skydive's Gremlin over flows; docs/query.md is the user's manual.
 *
 *	G.Flows().Has('Transport.B', 443).Sort('Metric.ABBytes', DESC).Limit(10)
 *
 * ql_parse() checks the words, ql_run() plans and executes over any ql_src.  Internal names of
 * this module start with ql_ too; only this header and ql_src_ops.h are for others. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/batch.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/pkt.h"

struct ql;
struct ql_src;

#define QL_TEXT_MAX   65536               /* bytes of a query */
#define QL_STEPS_MAX  64                  /* steps of a query */
#define QL_ARGS_MAX   4096                /* arguments of one step or predicate */
#define QL_MEMORY_MAX (UINT64_C(1) << 30) /* bytes one run may hold, unless ql_set_memory() */

enum ql_kind {
	QL_ROWS,    /* flows: rows of the source's schema */
	QL_TABLE,   /* rows of a schema of the query's own: Values, Group, Metrics, Keys */
	QL_SCALAR,  /* one number: Count, Sum */
	QL_PACKETS, /* RawPackets */
};

/* -EINVAL: "syntax error at 'Flws' (column 3): no step of this name; did you
 * mean 'Flows'?".  Depth, length and number of arguments are limited. */
int ql_parse(struct ql **ret, const char *text, struct err *err);
void ql_free(struct ql *q);
static inline void ql_freep(struct ql **q)
{
	ql_free(*q);
}

enum ql_kind ql_kind(const struct ql *q);

/* Whether a run may ask the source for now(): NOW, or text that could be a time before it. */
bool ql_uses_now(const struct ql *q);

/* Changes how much a run may hold for Sort, Dedup, Group and RawPackets, bytes.  A query that
 * needs more fails with -E2BIG and says which step. */
void ql_set_memory(struct ql *q, uint64_t bytes);

/* Takes the answer; every slot but those of the query's kind may be NULL.
 * rows and packet return 0 to go on, 1 for "enough" (ql_run() then returns 0), or negative
 * errno, which ql_run() returns. */
struct ql_sink {
	void *arg;
	/* Called once before rows, also when there are none, with the schema of the rows that
	 * follow and the fields that are filled.  The schema of a QL_TABLE lives until ql_run()
	 * returns. */
	int (*begin)(void *arg, const struct schema *schema, const struct field_set *cols);
	/* Rows in order; 'sel' has a bit per row that belongs to the answer. */
	int (*rows)(void *arg, const struct batch *b, const uint64_t sel[BATCH_ROWS / 64]);
	/* 'name' is "Count" or "Sum". */
	int (*scalar)(void *arg, const char *name, enum val_type type, const union val *v);
	int (*packet)(void *arg, const struct pkt *p, uint64_t serial);
};

/* 'cols' are the columns wanted of QL_ROWS answers (NULL: all).
 * 0, or -errno with 'err' set; -EINVAL errors name the column in the text. */
int ql_run(const struct ql *q, struct ql_src *src, const struct field_set *cols,
	   const struct ql_sink *sink, struct err *err);

/* Adds the plan to 'ret', one line per operator, in the order in which rows pass: what
 * ql_run() would do.  0, or as ql_run(). */
int ql_explain(const struct ql *q, struct ql_src *src, const struct field_set *cols,
	       struct buf *ret, struct err *err);
