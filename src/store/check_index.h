/* The index of a segment, or what will be it, held against the segment's packets. */
#pragma once

#include "store/check_impl.h"

struct check_index {
	struct check_run *u;
	uint32_t number;
	const char *end; /* of its name; NULL: there is none that is any good */
	bool whole;      /* it tells of all packets of a segment that is full */
	struct buf buf;
	struct pidx_info info;
	struct pidx_span *spans; /* owned, as 'places' */
	size_t n_spans;
	uint32_t *places; /* in their order, each once */
	size_t n_places;

	/* As packets go by. */
	size_t place, span;
	struct pidx_span now;     /* of the span at work */
	uint64_t strange, absent; /* places without a packet; packets without a place */
	uint64_t first_strange, first_absent;
	uint64_t wrong, first_wrong; /* spans that tell what is not there */

	/* As bytes go by. */
	bool sums;       /* the spans are of this segment, whatever else is damaged */
	size_t sum_span; /* at work */
	uint32_t sum;
	uint64_t changed; /* spans of other bytes than were written */

	/* Flows. */
	uint64_t serial;
	size_t near;
	uint64_t unknown, first_unknown; /* that have no row, and should */
	uint64_t nameless;               /* the same, and behind those of all rows */
	uint64_t hidden;                 /* that the filter does not let through */
	const uint8_t *bloom;
	unsigned bloom_log2, bloom_k;
};

/* Reads it: 'full' if the segment is.  0, -ENOMEM, -ECANCELED. */
int check_index_open(struct check_index *x, struct check_run *u, uint32_t number, bool full);
void check_index_done(struct check_index *x);

/* The next packet, in the order of the file. */
void check_index_packet(struct check_index *x, uint64_t at, int64_t ts);

/* The next bytes, in the order of the file and without gaps. */
void check_index_bytes(struct check_index *x, uint64_t at, const uint8_t *p, size_t n);

/* All packets went by: 'end' is behind the last one, 'size' that of the segment. */
void check_index_end(struct check_index *x, uint64_t packets, uint64_t end, int64_t min,
		     int64_t max, uint64_t size);
