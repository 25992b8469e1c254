/* Rows, numbers and packets as text: table, CSV, JSON, JSON lines.
 *
 * Columns are what schema and field list say; nothing here knows their meaning.
 * One thread.  Text goes out through the caller's 'write' in pieces, the first of about
 * OUT_FIRST bytes, so that somebody who waits sees something, each twice the one before, up to
 * OUT_BUFFER; its first failure ends the output and is what every later
 * call returns (-EPIPE when the reader has gone).
 *
 * table  aligned columns for people; numbers as they are, never rounded to units;
 *        times as date and clock in local time or UTC with six decimals (cut);
 *        absent: "-"; control characters as \xNN; widths are those of the first
 *        OUT_TABLE_ROWS rows
 * csv    RFC 4180 with LF line ends: a header of snake_case names, then rows; times
 *        are epoch seconds with nine decimals, durations ns; absent: empty; text
 *        is given as it is, byte for byte, but on a terminal as in a table
 * json   an array of objects, nested by the dotted JSON names, as Skydive writes
 *        them: times in whole milliseconds since the epoch (cut), durations in ns,
 *        absent members and empty objects left out
 * jsonl  the same objects, one a line, without array */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/batch.h"
#include "base/err.h"
#include "base/pkt.h"

#define OUT_FIRST      (1 << 12) /* bytes collected before the first write */
#define OUT_BUFFER     (1 << 20) /* and before a later one, at most */
#define OUT_TABLE_ROWS 1000      /* rows that decide the widths of a table */
#define OUT_DEPTH_MAX  16        /* of dotted JSON names */

enum out_format {
	OUT_TABLE,
	OUT_CSV,
	OUT_JSON,
	OUT_JSONL,
};

struct out_conf {
	enum out_format format;
	int (*write)(void *arg, const void *p, size_t n); /* takes all: 0 or -errno */
	void *arg;
	bool utc;       /* table: times in UTC */
	bool terminal;  /* 'write' goes to one: csv must not drive it */
	bool colour;    /* table: escape sequences may be used */
	unsigned width; /* table: leave out last columns to fit into so many characters;
			   0: no limit */
};

struct out;

int out_new(struct out **ret, const struct out_conf *conf, struct err *err);
void out_free(struct out *o); /* writes nothing more */
static inline void out_freep(struct out **o)
{
	out_free(*o);
}

/* Starts an answer of rows: these 'n' fields of 'schema', in this order.  Neither
 * is used after the call.  -EINVAL when a JSON
 * name is nested too deeply. */
int out_begin(struct out *o, const struct schema *schema, const uint16_t *fields, size_t n,
	      struct err *err);

/* Rows of the batch whose bit is set in 'sel' (NULL: all).  A column that the
 * batch does not have is absent. */
int out_rows(struct out *o, const struct batch *b, const uint64_t *sel, struct err *err);

/* An answer of one number: table and JSON give it bare, CSV under a header. */
int out_scalar(struct out *o, const char *name, enum val_type type, const union val *v,
	       struct err *err);

/* Ends the answer: what is still buffered, closing brackets. */
int out_end(struct out *o, struct err *err);

/* Fields that a table had no room for: the last 'out_hidden()' of those given
 * to out_begin().  Valid after out_end(). */
size_t out_hidden(const struct out *o);
