/* Between out.c and the formats. */
#pragma once

#include "analyse/out.h"

#include "base/buf.h"

struct out_ops {
	/* o->fields, types and n are set; 'schema' is not to be kept.  NULL: nothing to
	 * prepare. */
	int (*begin)(struct out *o, const struct schema *schema, struct err *err);

	/* Appends row 'row' of 'b' to o->buf; -ENOMEM only by way of o->buf.err. */
	void (*row)(struct out *o, const struct batch *b, size_t row);

	/* Appends what follows the last row. */
	void (*end)(struct out *o);

	/* Frees o->state, which may be NULL. */
	void (*free)(struct out *o);
};

extern const struct out_ops out_table, out_csv, out_json, out_jsonl;

struct out {
	struct out_conf conf;
	const struct out_ops *ops;
	struct buf buf; /* not yet written */
	size_t piece;   /* bytes after which it is */
	int failed;     /* -errno of the first failure */

	bool begun;           /* out_begin() was called */
	uint16_t *fields;     /* n indexes into the schema, owned */
	enum val_type *types; /* of those n, owned */
	size_t n;
	uint64_t rows; /* so far */
	size_t hidden; /* fields left out */
	void *state;   /* the format's own, owned through ops->free */
};

/* Most bytes that a value takes in CSV, but for VAL_STR. */
#define OUT_TEXT_MAX ADDR_TEXT_SIZE

/* The value of a present cell, not quoted, at 'p', which has room for
 * OUT_TEXT_MAX bytes; not for VAL_STR.  Times as epoch seconds with nine decimals.
 * Returns the end. */
char *out_text(char *p, const struct col *c, size_t row);
