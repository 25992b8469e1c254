/* A source of rows in front of another: leaves out rows that --where rejects,
 * and remembers the ids of those that pass, so that packets can be told by flow. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ql/ql_src_ops.h"

struct where;

struct tap_id {
	uint64_t serial;
	uint8_t uuid[16];
};

struct tap {
	struct ql_src src;    /* give this to ql_run() */
	struct ql_src *under; /* borrowed */
	struct where *where;  /* borrowed; NULL: every row passes */
	int uuid;             /* field whose values are remembered; -1: none */

	struct tap_id *ids; /* sorted by serial after a scan; owned */
	size_t n_ids, max_ids;
	struct batch *kept; /* rows that passed, when not all did; owned */
};

/* 'uuid' as above. */
void tap_init(struct tap *t, struct ql_src *under, struct where *where, int uuid);
void tap_done(struct tap *t);

/* The id of a row of the last scan; NULL: not known. */
const uint8_t *tap_find(const struct tap *t, uint64_t serial);
