/* How rows of flows are kept in segments (fmt/fseg.h). */
#pragma once

#include "fmt/fseg.h"

/* Sets all of '*ret': rows of flow_store_schema(), base fields, which of them are close to
 * which, addresses for the filter, and a filter of Community IDs, which are no base field: their
 * hashes are made of the base fields of the batch. */
void flow_segment_opts(struct fseg_opts *ret);

/* Hashes of Community IDs, as fseg_hash.make: the first 32 bits of the SHA-1 that they are of
 * those rows that flow_derive() gives one.  About 25 ns a row. */
void flow_segment_hashes(const struct batch *b, size_t at, size_t n, uint64_t *present,
			 uint32_t *ret);

/* The hash to ask of blocks for rows with the Community ID 'text':
 *
 *	if (!flow_segment_hash(text, len, &hash) || !fseg_may_hash(f, FLOW_community_id, hash))
 *		no row of the open block
 *
 * False: no flow has that text. */
bool flow_segment_hash(const char *text, size_t len, uint32_t *ret);

/* Which rows of the open block have the hash: clears the bits of all others in 'rows' (a bit per
 * row) and returns how many are left, of which flow_derive() tells the text; -EBADMSG; -EPROTO;
 * -ENOMEM.  A tenth of the time that deriving all texts takes.  'b' is room: a batch of
 * flow_store_schema() with the columns that flow_derive_needs() names for FLOW_community_id. */
int64_t flow_segment_select(struct fseg *f, struct batch *b, uint32_t hash, uint64_t *rows,
			    struct err *err);
