/* Rows kept beyond the batch that they came in: what Sort and Group hold. */
#pragma once

#include "base/batch.h"
#include "ql/mem.h"

struct ql_rows {
	const struct schema *schema;
	struct field_set want; /* columns kept */
	struct batch **chunks; /* of BATCH_ROWS rows each */
	size_t n_chunks, size;
	size_t n; /* rows */
	size_t chunk_bytes;
	struct ql_arena strings;
	struct ql_mem *mem;
};

void ql_rows_init(struct ql_rows *r, const struct schema *schema, const struct field_set *want,
		  struct ql_mem *mem);
void ql_rows_done(struct ql_rows *r);

/* Appends the rows of 'b' whose bits are set, strings included.  Columns that 'b' has not stay
 * absent.  0, -ENOMEM or -E2BIG. */
int ql_rows_add(struct ql_rows *r, const struct batch *b, const uint64_t sel[BATCH_ROWS / 64]);

/* False where absent. */
bool ql_rows_get(const struct ql_rows *r, size_t field, size_t row, union val *ret);

/* Rows idx[0 .. n), n <= BATCH_ROWS, into 'out', which has (some of) the columns kept; its
 * strings are those of 'r'. */
void ql_rows_gather(const struct ql_rows *r, const uint32_t *idx, size_t n, struct batch *out);

/* Keeps only idx[0 .. n), in that order, and gives the memory of the others back. */
int ql_rows_keep(struct ql_rows *r, const uint32_t *idx, size_t n);

/* Numbers of the rows whose bits are set; returns how many. */
size_t ql_sel_list(const uint64_t sel[BATCH_ROWS / 64], size_t n, uint32_t ret[BATCH_ROWS]);

/* The first 'n' bits set, the rest clear. */
void ql_sel_fill(uint64_t sel[BATCH_ROWS / 64], size_t n);
size_t ql_sel_count(const uint64_t sel[BATCH_ROWS / 64], size_t n);
