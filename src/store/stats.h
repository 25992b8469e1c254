/* What a store's bytes go to: files, packets, rows, columns.
 *
 * Rows are counted by reading all blocks; packets are what journals and indexes say, only
 * segments without either are read.  One thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/inventory.h"
#include "store/store_read.h"

struct store_count {
	uint64_t n, bytes;
};

/* Of one capture, or of all. */
struct store_sums {
	char *capture; /* owned; NULL: all, or files that belong to none */
	uint64_t runs, running, killed;
	int64_t start, end; /* of the first and last run; undefined without runs */
	int64_t held;       /* ns in which at least one run was there */
	struct store_count files[STORE_FILE_KINDS];
	uint64_t packets;
	struct store_count counted; /* segments that these are of */
	uint64_t index_bytes;       /* beside those */
	uint64_t rows, flows;       /* a flow has one row or, as it goes on, several */
	struct store_count blocks;
	uint64_t block_rows, block_flows; /* those in blocks */
};

/* What blocks are made of.  One entry for each field and kind of part. */
struct store_part {
	const char *what; /* "column", "presence", ...: as struct fseg_part; "heads" */
	int field;        /* index into flow_store_schema(); -1: of none */
	uint64_t bytes, values;
};

struct store_stats {
	struct store_sums *captures; /* by name; owned, as 'parts' */
	size_t n;
	struct store_sums all;
	struct store_part *parts; /* the largest first */
	size_t n_parts;
};

struct store_stats_conf {
	store_note_fn note; /* what is left out, and why; as in store_read_new() */
	/* Asked now and then with the bytes that were read so far; true ends with -ECANCELED.
	 * NULL: not asked. */
	bool (*stop)(void *arg, uint64_t bytes, uint64_t total);
	void *arg; /* of both */
};

/* 0 or -errno with 'err' set. */
int store_stats_new(struct store_stats *ret, struct store *s, const struct store_stats_conf *conf,
		    struct err *err);
void store_stats_done(struct store_stats *st);
