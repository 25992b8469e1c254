/* Flow segments: rows in columns, as a store keeps them for long.
 *
 * A file is 8 bytes that tell its kind, then blocks one behind the other, each of up to
 * FSEG_ROWS rows and complete in itself: a head with what it takes to pass over it, a
 * directory of its columns, the columns.  docs/formats.md has the layout.  Columns are
 * known by field id, so that schemas may differ between writer and reader.  Nothing
 * here knows what fields mean, does I/O or looks at a clock.  A writer or reader serves
 * one thread.
 *
 * Writing:
 *
 *	while (at < b->n) {
 *		n = fseg_add(w, b, at);
 *		if (n < 0)
 *			return (int)n;
 *		at += (size_t)n;
 *		if (at < b->n || fseg_rows(w) == FSEG_ROWS)
 *			r = fseg_end(w, &out);
 *	}
 *
 * Reading, of a block whose bytes are in memory:
 *
 *	r = fseg_head(p, size, &head);          48 bytes tell rows, times, size
 *	r = fseg_open(f, p, size, err);         and its directory
 *	if (!fseg_may_addr(f, field, &a, 32))
 *		next block
 *	for (at = 0; (n = fseg_batch(f, b, NULL, &at, err)) > 0;)
 *		b->n rows */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/batch.h"
#include "base/buf.h"
#include "base/err.h"

#define FSEG_MAGIC       8           /* bytes before the first block */
#define FSEG_HEAD        48u         /* bytes of a block's head, in all versions */
#define FSEG_ROWS        65536u      /* of one block at most */
#define FSEG_TEXT_MAX    (32u << 20) /* bytes of all texts of a block at most */
#define FSEG_STR_MAX     65536u      /* bytes of one text; more are cut */
#define FSEG_BLOCK_MAX   (1u << 30)  /* bytes of a block */
#define FSEG_COLUMNS_MAX 1024u       /* entries of a block's directory */
#define FSEG_BLOOM_MAX   16u         /* fields of one filter */

/* The values of a field are close to those of one or two others, times a factor each:
 * then only the rest is kept.  All of them are numbers, times or durations. */
struct fseg_near {
	size_t field;
	size_t ref[2];     /* indexes into the schema */
	int32_t factor[2]; /* 0: no such field */
};

/* How a text field can be looked for without being kept (or beside that). */
struct fseg_hash {
	size_t field;
	unsigned bits; /* 1 to 32: so many low bits of a hash are kept of each row; 0: none */
	bool bloom;    /* a Bloom filter of the texts */
	/* Hashes of rows whose texts need not be in a batch: of 'n' rows of 'b' from row 'at' on,
	 * to 'ret', and a bit in 'present' (none is set) for those that have one.  NULL: the hash
	 * is the CRC-32C of the text in the batch. */
	void (*make)(const struct batch *b, size_t at, size_t n, uint64_t *present, uint32_t *ret);
};

/* Borrowed for as long as the writer lives.  Fields are indexes into the schema; those
 * that a batch lacks are absent. */
struct fseg_opts {
	const struct schema *schema;
	struct field_set fields; /* columns to keep */
	size_t start, last;      /* times of a row; need not be in 'fields' */
	const size_t *bloom;     /* addresses, in 'fields', that share one filter, with their */
	size_t n_bloom;          /* prefixes of 24, 16 (IPv4), 64, 48 (IPv6) bits; 0: none */
	const struct fseg_hash *hashes;
	size_t n_hashes;
	const struct fseg_near *near; /* what leads in circles is not used */
	size_t n_near;
};

struct fseg_writer;

/* 0, -ENOMEM, or -EINVAL: options that contradict themselves.  Memory grows with the rows of a
 * block and is kept for the next one: of numbers that are not all the same 8 bytes a row and
 * column, of other values 40 and the different texts, and 4 MiB; while a block is made its encoded
 * bytes twice, and 40 bytes a row. */
int fseg_writer_new(struct fseg_writer **ret, const struct fseg_opts *o);
void fseg_writer_free(struct fseg_writer *w); /* NULL is fine */
static inline void fseg_writer_freep(struct fseg_writer **w)
{
	fseg_writer_free(*w);
}

/* Copies rows of 'b' from row 'at' on, as many as the block has room for: rows and text are
 * limited.  Returns how many, 0: the block is full; or -ENOMEM: then the rows of the block are
 * lost. */
int64_t fseg_add(struct fseg_writer *w, const struct batch *b, size_t at);

size_t fseg_rows(const struct fseg_writer *w);   /* in the block */
size_t fseg_memory(const struct fseg_writer *w); /* bytes held now */

/* Forgets the rows of the block. */
void fseg_drop(struct fseg_writer *w);

/* Rows of the block that fseg_put_fresh() was not called for. */
size_t fseg_fresh(const struct fseg_writer *w);

/* Encodes these as a block of their own behind what 'b' has, and keeps them: they will be in the
 * block that fseg_end() makes as well.  For rows that have to be somewhere before that: it takes
 * a tenth of the time and two to three times the room, and the block has neither filters, hashes
 * nor bounds.  Without such rows does nothing.  0, -ENOMEM or -E2BIG, then nothing is changed. */
int fseg_put_fresh(struct fseg_writer *w, struct buf *b);

void fseg_put_magic(struct buf *b);

/* Encodes the rows as one block behind what 'b' has, and forgets them; without rows does
 * nothing.  0, -ENOMEM or -E2BIG: the block would exceed FSEG_BLOCK_MAX; rows are lost
 * then.  What it took is b->len before and after. */
int fseg_end(struct fseg_writer *w, struct buf *b);

/* ---- reading ---- */

struct fseg_head {
	uint32_t size; /* of the block with its head, bytes */
	uint32_t dir;  /* head and directory: what fseg_open() looks at, bytes */
	uint32_t rows;
	int64_t start, last; /* smallest start, largest last, ns */
};

/* Whether a file begins as a segment.  0, -ENODATA: too short to say, -EBADMSG: no. */
int fseg_check_magic(const uint8_t *p, size_t size);

/* Reads the head of the block at 'p'.  0; -ENODATA: 'size' is less than FSEG_HEAD;
 * -EBADMSG: there is none, or it is damaged; -EPROTO: a later version, of which 'size', 'start'
 * and 'last' are known. */
int fseg_head(const uint8_t *p, size_t size, struct fseg_head *ret);

/* Where behind a damaged head, at 'at' or later, the next good one is; 'size': none. */
size_t fseg_find(const uint8_t *p, size_t size, size_t at);

static inline bool fseg_may_time(const struct fseg_head *h, int64_t from, int64_t to)
{
	return h->last >= from && h->start <= to;
}

struct fseg;

/* A reader of fields of 's'.  0 or -ENOMEM.  Its memory grows to what the columns of one block
 * take that were asked for, and is used again. */
int fseg_new(struct fseg **ret, const struct schema *s);
void fseg_free(struct fseg *f); /* NULL is fine */
static inline void fseg_freep(struct fseg **f)
{
	fseg_free(*f);
}

/* Opens the block at 'p', which stays; what was read of the one before is no longer valid.
 * Checks head and directory, no column: these are checked when they are used.  0; -ENODATA: the
 * block is cut; -EBADMSG; -EPROTO: a later version; -ENOMEM.  After a failure nothing is open. */
int fseg_open(struct fseg *f, const uint8_t *p, size_t size, struct err *err);
/* The same where of the block's 'size' bytes at 'p' only head and directory are there yet, the
 * first fseg_head.dir of them: 'fetch' is called for others, from 'at' on, before they are
 * looked at.  It returns 0 or -errno, which is given on. */
typedef int (*fseg_fetch_fn)(void *arg, size_t at, size_t n);
int fseg_open_part(struct fseg *f, const uint8_t *p, size_t size, fseg_fetch_fn fetch, void *arg,
		   struct err *err);

const struct fseg_head *fseg_opened(const struct fseg *f);

/* Checks and decodes all of the open block that this version knows: 0, -EBADMSG, -ENOMEM. */
int fseg_verify(struct fseg *f, struct err *err);

/* Questions to the open block: false is certain, of every row of it.  Fields are indexes into
 * the reader's schema.  What is damaged may have everything. */

/* A value from 'min' to 'max' (NULL: no bound), both included. */
bool fseg_may_range(const struct fseg *f, size_t field, const union val *min, const union val *max);

/* An address whose first 'bits' bits are those of 'a'. */
bool fseg_may_addr(struct fseg *f, size_t field, const struct addr *a, unsigned bits);

/* A text, by the filter of its hashes, or a hash that the writer's options made. */
bool fseg_may_text(struct fseg *f, size_t field, const char *p, size_t len);
bool fseg_may_hash(struct fseg *f, size_t field, uint32_t hash);

struct fseg_info {
	uint32_t values;   /* rows that have one */
	uint32_t distinct; /* different values; 0: not known */
	bool bounds; /* 'min' and 'max' are known: texts only as far as their first 16 bytes */
	union val min, max;
};

/* False: the block has no such column (or in an encoding that is not known): no row has a
 * value. */
bool fseg_field(const struct fseg *f, size_t field, struct fseg_info *ret);

/* What the open block is made of, beside head and directory (fseg_opened()->dir bytes). */
struct fseg_part {
	const char *what; /* "column", "serials", "presence", "hashes", "filter" */
	const char *how;  /* "numbers", "dictionary of numbers", "dictionary", "plain", "bits" */
	int field;        /* index into the reader's schema; -1: of none, or of none of it */
	uint32_t bytes, values;
};

/* Part 'i', from 0 on; false: there are no more.  What this version does not know is left out. */
bool fseg_part(const struct fseg *f, size_t i, struct fseg_part *ret);

/* A decoded column.  Arrays have one entry per row of the block, 0 where the value is absent;
 * valid until the next fseg_open(). */
struct fseg_column {
	enum val_type type;
	size_t rows;
	const uint64_t *present; /* bit per row; NULL: every row has a value */
	/* Numbers, times, durations, yes/no (0, 1), and the bits of floats. */
	const uint64_t *words;
	/* Addresses, texts, ids: row i has value codes[i] of 'n'; addresses are all different and
	 * ascend, so that codes may be counted, and compared, instead of them. */
	const uint32_t *codes;
	size_t n;
	union {
		const struct addr *addr;
		const struct val_str *str;
		const uint8_t (*id)[16];
	} v;
};

/* Decodes a column, unless it was before.  0; -ENOENT: no row has a value; -EBADMSG;
 * -EPROTO: an encoding that this version does not know; -ENOMEM. */
int fseg_column(struct fseg *f, size_t field, struct fseg_column *ret, struct err *err);

/* Only which rows have a value, as fseg_column.present; the column itself may still turn out to be
 * damaged.  As above. */
int fseg_present(struct fseg *f, size_t field, const uint64_t **ret, struct err *err);

/* Serials of all rows; valid as a column is. */
int fseg_serials(struct fseg *f, const uint64_t **ret, struct err *err);

/* Clears 'b' (of the reader's schema) and fills its columns with the next rows, at most
 * BATCH_ROWS, from row '*at' on, which moves on.  'rows' has a bit per row, set where it is
 * wanted; NULL: all are.  Without b->serial none are read.  Texts point into the reader or the
 * block.  Returns the number of rows, 0: no more; -EBADMSG; -EPROTO; -ENOMEM. */
int fseg_batch(struct fseg *f, struct batch *b, const uint64_t *rows, size_t *at, struct err *err);

/* Adds 'n' rows by their numbers, in this order, behind the rows of 'b', which has room for
 * them.  Of a few rows, 64 at most, columns are not decoded as a whole, unless that was done or
 * they are asked for again and again: damage of other rows is not found then.  0 or as above; after
 * a failure rows behind b->n are undefined. */
int fseg_gather(struct fseg *f, struct batch *b, const uint32_t *rows, size_t n, struct err *err);

/* Which rows have what: each clears the bits of all others in 'rows' (a bit per row) and returns
 * how many are left; -EBADMSG; -EPROTO; -ENOMEM.  Decodes the column.
 *
 * A value from 'min' to 'max' (NULL: no bound), both included, in the order of val_cmp(). */
int64_t fseg_select_range(struct fseg *f, size_t field, const union val *min, const union val *max,
			  uint64_t *rows, struct err *err);

/* An address whose first 'bits' bits are those of 'a'. */
int64_t fseg_select_addr(struct fseg *f, size_t field, const struct addr *a, unsigned bits,
			 uint64_t *rows, struct err *err);

/* Perhaps a text, by the hashes that are kept of it; -ENOENT: there are none. */
int64_t fseg_select_text(struct fseg *f, size_t field, const char *p, size_t len, uint64_t *rows,
			 struct err *err);
