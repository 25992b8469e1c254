/* Rows and packets in memory as a source of queries: for tests, and for whoever has few rows.
 * Serials count the rows from 0. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/pkt.h"
#include "ql/ql_src_ops.h"

struct ql_src_mem;

enum ql_src_mem_flags {
	/* Each batch dies after it was taken, strings included, so that a memory checker sees
	 * who keeps what is only borrowed. */
	QL_SRC_MEM_TRANSIENT = 1 << 0,
	/* Gives no more than it must: nothing that hints exclude, nothing behind the limit; and
	 * the last rows first where any order will do. */
	QL_SRC_MEM_LAZY = 1 << 1,
};

/* 'schema' is borrowed; if it has Start and Last, scans use them.  0 or -ENOMEM. */
int ql_src_mem_new(struct ql_src_mem **ret, const struct schema *schema, unsigned flags);
void ql_src_mem_free(struct ql_src_mem *m);

/* Appends the first b->n rows of 'b', a batch of the same schema.  0 or -ENOMEM. */
int ql_src_mem_add(struct ql_src_mem *m, const struct batch *b);

/* Appends one row: values in the order of the schema, one space between, '-' for none, as in
 * CSV (times and durations in ns).  0, -ENOMEM or -EINVAL. */
int ql_src_mem_add_text(struct ql_src_mem *m, const char *text, struct err *err);

/* Appends a packet (copied) of the row 'serial'.  0 or -ENOMEM. */
int ql_src_mem_add_pkt(struct ql_src_mem *m, const struct pkt *p, uint64_t serial);

/* What NOW means. */
void ql_src_mem_set_now(struct ql_src_mem *m, int64_t now);

/* Rows per batch given, 1 to BATCH_ROWS. */
void ql_src_mem_set_step(struct ql_src_mem *m, size_t rows);

/* Owned by 'm'. */
struct ql_src *ql_src_mem_src(struct ql_src_mem *m);

/* The last scan asked for; its hints are no longer there. */
const struct ql_scan *ql_src_mem_scan(const struct ql_src_mem *m);
