/* Queries: a subset of Skydive's Gremlin over flows.
 *
 *	G.Flows().Has('Transport.B', 443).Sort('Metric.ABBytes', DESC).Limit(10)
 *
 * ql_parse() checks the words, ql_run() plans and executes over any ql_src. */
#pragma once

#include <stdint.h>

#include "base/batch.h"
#include "base/err.h"
#include "base/pkt.h"

struct ql;
struct ql_src;

enum ql_kind {
	QL_ROWS,    /* flows: rows of the source's schema */
	QL_TABLE,   /* rows of a schema of the query's own: Values, Group, Metrics */
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

/* Takes the answer; every slot but those of the query's kind may be NULL. */
struct ql_sink {
	void *arg;
	/* Called once before rows, with the schema of the rows that follow and the fields
	 * that are filled. */
	int (*begin)(void *arg, const struct schema *schema, const struct field_set *cols);
	/* Rows in order; 'sel' has a bit per row that belongs to the answer. */
	int (*rows)(void *arg, const struct batch *b, const uint64_t sel[BATCH_ROWS / 64]);
	int (*scalar)(void *arg, const char *name, enum val_type type, const union val *v);
	int (*packet)(void *arg, const struct pkt *p, uint64_t serial);
};

/* 'cols' are the columns wanted of QL_ROWS answers (NULL: all).
 * 0, or -errno with 'err' set; -EINVAL errors name the column in the text. */
int ql_run(const struct ql *q, struct ql_src *src, const struct field_set *cols,
	   const struct ql_sink *sink, struct err *err);
