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
	uint32_t put; /* values that fseg_put_fresh() was called for */
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
	struct fseg_wcol serials;
	uint32_t rows;
	int64_t start, last;
	size_t text;                     /* bytes of the rows' texts */
	uint32_t put;                    /* rows that fseg_put_fresh() was called for */
	int64_t fresh_start, fresh_last; /* of the others */

	struct fseg_num num;
	struct buf dir, data, entry, trial;
	uint32_t n_entries;
	uint64_t *wide, *rest; /* FSEG_ROWS each */
};

/* An entry of the directory that is being made. */
struct fseg_wentry {
	enum fseg_kind kind;
	uint32_t id;
	enum val_type type;
	enum fseg_enc enc;
	unsigned map;
	uint32_t values, distinct;
	size_t at; /* in w->data; all from there on is the column's */
};

/* 64 bits of a map from bit 'at' on; what is behind its end is not looked at. */
static inline uint64_t fseg_bits_at(const uint64_t *map, size_t at, size_t end)
{
	uint64_t v = map[at / 64] >> at % 64;

	if (at % 64 && (at / 64 + 1) * 64 < end)
		v |= map[at / 64 + 1] << (64 - at % 64);
	return end - at < 64 ? v & ((UINT64_C(1) << (end - at)) - 1) : v;
}

/* Room for more words or codes; all words in their places.  0 or -ENOMEM. */
int fseg_wcol_room(struct fseg_wcol *c, uint32_t more);
int fseg_wcol_full(struct fseg_wcol *c);

/* fseg_encode.c: the block of all rows; one that w->dir and w->data have. */
int fseg_encode(struct fseg_writer *w, struct buf *b);
int fseg_put_block(struct fseg_writer *w, struct buf *b, uint32_t rows, int64_t start,
		   int64_t last);

/* Starts an entry in w->entry; what its kind adds follows, then fseg_entry_end(). */
void fseg_entry_begin(struct fseg_writer *w, const struct fseg_wentry *e);
void fseg_entry_end(struct fseg_writer *w);

/* fseg_words.c: the column of a field, NULL: there is none; the beginning of numbers that are near
 * to others (NULL: to none); a column of numbers behind what w->data has, how in 'e'. */
struct fseg_wcol *fseg_wcol_of(const struct fseg_writer *w, size_t field);
void fseg_write_near(struct fseg_writer *w, const struct fseg_near *r);
void fseg_write_words(struct fseg_writer *w, struct fseg_wcol *c, const struct fseg_range *range,
		      struct fseg_wentry *e);
