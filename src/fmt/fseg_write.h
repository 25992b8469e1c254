/* What the two halves of fseg's writer share: rows as they are collected, columns as they
 * are encoded. */
#pragma once

#include "fmt/fseg_impl.h"

/* One column's values, those of rows that have one, in the order of the rows. */
struct fseg_wcol {
	size_t field;
	enum val_type type;
	uint32_t n, room; /* values */
	uint64_t *words;  /* what is no number of a dictionary */
	uint32_t *codes;  /* numbers of values in 'dict' */
	struct fseg_dict dict;
	uint64_t *present; /* a bit per row; NULL while no row lacked a value */
	uint64_t *present_room;
	bool same;    /* all values are words[0], which is the only one there */
	unsigned map; /* number of its presence map; 0: none */
};

struct fseg_whash {
	struct fseg_hash opts;
	struct fseg_wcol col; /* the hashes */
};

struct fseg_writer {
	struct fseg_opts o;
	struct fseg_wcol *cols;
	size_t n_cols;
	int16_t *col_of; /* of each field of the schema; -1: none */
	struct fseg_whash *hashes;
	struct fseg_wcol serials, versions;
	uint32_t rows;
	int64_t start, last;

	struct fseg_num num;
	struct buf dir, data, entry, trial;
	uint32_t n_entries;
	uint64_t *wide, *rest; /* FSEG_ROWS each */
	struct fseg_size *sizes;
	size_t n_sizes, sizes_room;
};

/* Room for more words or codes; all words in their places.  0 or -ENOMEM. */
int fseg_wcol_room(struct fseg_wcol *c, uint32_t more);
int fseg_wcol_full(struct fseg_wcol *c);

/* fseg_encode.c */
int fseg_encode(struct fseg_writer *w, struct buf *b);
