/* The packet index: which packets of a segment belong to which flow, and when.
 *
 * One file per segment, written when the segment is full: docs/formats.md has the
 * layout.  A flow is known by its serial, the number that rows of the same run
 * carry.  Places are offsets into the segment, which are multiples of 4.  Nothing
 * here does I/O; any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/bytes.h"

#define PIDX_UNIT      4                   /* bytes that places are counted in */
#define PIDX_SPAN      (UINT64_C(1) << 20) /* bytes of a segment that have times of their own */
#define PIDX_FLOWS_MAX (1u << 24)          /* flows of one segment: REC_MAX bounds their filter */

/* One packet of one flow. */
struct pidx_ref {
	uint64_t serial;
	uint32_t at; /* its block's place in the segment / PIDX_UNIT */
};

/* A part of the segment. */
struct pidx_span {
	uint64_t from, to; /* bytes, 'to' is behind it; multiples of PIDX_UNIT */
	uint64_t packets;
	int64_t min, max; /* times of its packets, ns; undefined without packets */
	uint32_t crc;     /* CRC-32C of all bytes of it */
	uint32_t has_crc; /* 0: that is not known */
};

/* What an index says of itself and its segment. */
struct pidx_info {
	uint64_t run;
	uint32_t segment; /* number within the run */
	uint64_t bytes;   /* of the segment, up to the last packet */
	uint64_t packets;
	uint64_t refs, flows;
	int64_t min, max; /* times of all packets, ns; undefined without packets */
};

/* Puts references in the order of their serials; those of a flow keep their order.
 * 'tmp' has room for as many. */
void pidx_sort(struct pidx_ref *refs, struct pidx_ref *tmp, size_t n);

/* Writes a whole index.  'refs' are sorted and each flow's places ascend; 'info' has
 * run, segment, bytes; the rest of it is worked out.  Checksums are in it if all spans have
 * theirs.  -E2BIG: too many flows. */
int pidx_write(struct buf *b, const struct pidx_info *info, const struct pidx_span *spans,
	       size_t n_spans, const struct pidx_ref *refs, size_t n_refs);

/* Reading: 'p' has the whole file and stays. */
struct pidx {
	struct pidx_info info;
	const uint8_t *p;
	size_t size;
	struct pidx_span *spans; /* owned */
	size_t n_spans;
	struct pidx_block *blocks; /* owned */
	size_t n_blocks;
};

/* -EBADMSG: damaged or no index; -ENODATA: cut; -EPROTO: of a later version;
 * -ENOMEM. */
int pidx_open(struct pidx *ret, const uint8_t *p, size_t size);
void pidx_done(struct pidx *x);

/* Whether any of the sorted 'serials' may be in the index of which the first 'size'
 * bytes are at 'p': false is certain.  '*ret_need', where not NULL, becomes how many
 * bytes that takes if these are too few (then true). */
bool pidx_maybe(const uint8_t *p, size_t size, const uint64_t *serials, size_t n, size_t *ret_need);

/* Calls 'fn' for each packet of the flows in 'serials' (sorted, unique; NULL: of all
 * flows), flow by flow.  0, -EBADMSG, or what 'fn' returns unless that is 0. */
int pidx_select(const struct pidx *x, const uint64_t *serials, size_t n,
		int (*fn)(void *arg, const struct pidx_ref *r), void *arg);

/* What an index will say of a part of a segment, until that is full: a file of records
 * behind pidx_refs_magic().  docs/formats.md. */
void pidx_refs_magic(struct buf *b);
int pidx_refs_check(const uint8_t *p, size_t size); /* as jrn_check_magic() */
uint32_t pidx_refs_size_max(uint32_t type);         /* as jrn_size_max() */

/* Adds a record of one span and the references in it, in the order of the packets. */
void pidx_refs_put(struct buf *b, const struct pidx_span *span, const struct pidx_ref *refs,
		   size_t n);

/* Reads the record at 'p': its bytes, span, and number of references, which are added to
 * 'refs' where that is not NULL and has room for as many; only then the span has its checksum.
 * 0: 'size' is 0; -ENODATA: cut; -EBADMSG: damaged. */
int64_t pidx_refs_get(const uint8_t *p, size_t size, struct pidx_span *ret_span,
		      struct pidx_ref *refs, size_t *ret_n);
