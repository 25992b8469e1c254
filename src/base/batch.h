/* Rows in columns: what flow tables and stores give and queries take.
 *
 * A schema is a table of fields; a batch holds up to BATCH_ROWS rows of it as
 * one array per field.  A column that nobody asked for is not there (NULL).
 * Nothing here knows what the fields mean. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/buf.h"

#define BATCH_ROWS 1024

enum val_type {
	VAL_U64,
	VAL_I64,
	VAL_F64,
	VAL_BOOL,
	VAL_TIME, /* int64 ns since the epoch, UTC */
	VAL_DUR,  /* int64 ns */
	VAL_ADDR, /* struct addr */
	VAL_STR,  /* bytes, mostly UTF-8, not NUL-terminated */
	VAL_ID,   /* 16 bytes, shown as a UUID */
};

struct val_str {
	const char *p; /* borrowed from the source of the batch */
	uint32_t len;
};

/* One value; which member is valid follows from the type of its field. */
union val {
	uint64_t u64;
	int64_t i64; /* VAL_I64, VAL_TIME, VAL_DUR */
	double f64;
	bool b;
	struct addr addr;
	struct val_str str;
	uint8_t id[16];
};

struct field {
	uint16_t id;      /* never changes, never used again; 0 for computed columns */
	const char *name; /* snake_case, as in CSV and --where: "ab_bytes" */
	const char *json; /* dotted path, as in JSON and queries: "Metric.ABBytes" */
	enum val_type type;
	const char *unit;   /* "bytes", "ns", "1" (a number) or "" */
	const char *layer;  /* "L2", "IP", "TCP", ... : the layer at which it is measured */
	const char *doc;    /* one sentence, what exactly is counted and when it is absent */
	const char *source; /* RFC, standard or tool whose definition it follows; "" */
};

/* A name that stands for several fields: 'Network' is A or B. */
struct field_alias {
	const char *name;
	uint16_t n;
	uint16_t fields[2]; /* indexes into schema.fields */
};

struct schema {
	const struct field *fields;
	size_t n;
	const struct field_alias *aliases;
	size_t n_aliases;
};

#define SCHEMA_NAMES_MAX 2

/* Finds what 'name' (snake_case, JSON path or alias; case-insensitive) stands
 * for.  Returns the number of fields written to 'ret', 0: no such name. */
size_t schema_find(const struct schema *s, const char *name, size_t len,
		   uint16_t ret[SCHEMA_NAMES_MAX]);

/* The known name nearest to a wrong one, for "did you mean"; NULL: none near. */
const char *schema_near(const struct schema *s, const char *name, size_t len);

/* A set of fields, by index into the schema. */
#define SCHEMA_FIELDS_MAX 256
struct field_set {
	uint64_t w[SCHEMA_FIELDS_MAX / 64];
};

static inline void field_set_add(struct field_set *s, size_t i)
{
	s->w[i / 64] |= UINT64_C(1) << i % 64;
}

static inline bool field_set_has(const struct field_set *s, size_t i)
{
	return s->w[i / 64] >> i % 64 & 1;
}

/* The different values of a column, which rows then have by number. */
struct col_dict {
	const void *values; /* an array as 'v' of a column has it; borrowed as texts are */
	uint32_t n;         /* values; 0: there are none */
	uint32_t rows;      /* that share them, in all batches, about */
	/* Tell them from others: as long as the owner lives, both are the same only of the same
	 * values.  NULL: not known. */
	const void *owner;
	uint64_t number;
};

struct col {
	enum val_type type;
	uint64_t present[BATCH_ROWS / 64]; /* bit set: the row has a value */
	/* Of addresses, texts and ids, for whoever asked with batch_code(): while dict.n is not 0,
	 * row i has dict.values[code[i]] and what is in 'v' means nothing.  All code[i] of rows are
	 * less than dict.n, absent values or not.  Equal codes are equal values. */
	uint32_t *code; /* BATCH_ROWS entries, owned; NULL: values are in 'v' */
	struct col_dict dict;
	union {
		uint64_t *u64;
		int64_t *i64;
		double *f64;
		bool *b;
		struct addr *addr;
		struct val_str *str;
		uint8_t (*id)[16];
		void *any;
	} v; /* BATCH_ROWS entries, owned */
};

struct batch {
	const struct schema *schema;
	size_t n;          /* rows */
	struct col **cols; /* schema->n entries; NULL: column not asked for; owned */
	uint64_t *serial;  /* BATCH_ROWS entries: the source's own number of each row, by which
			      it can find the row's packets again; owned */
};

/* A batch with the columns of 'want'.  0 or -ENOMEM. */
int batch_new(struct batch **ret, const struct schema *schema, const struct field_set *want);
void batch_free(struct batch *b);  /* NULL is fine */
void batch_clear(struct batch *b); /* no rows; columns stay, all values absent and in 'v' */

/* From now on whoever fills the column may give codes instead of values; all that read it use
 * col_get(), col_addr(), col_str() or col_id().  Does nothing where values are numbers, or where
 * there is no such column.  0 or -ENOMEM. */
int batch_code(struct batch *b, size_t field);

/* The first 'n' rows get their values instead of codes, so that others can be added. */
void col_settle(struct col *c, size_t n);

/* Copies row 'from' over row 'to' <= from; forgets the rows from 'n' on.  Together
 * they leave rows out. */
void batch_move(struct batch *b, size_t to, size_t from);
void batch_cut(struct batch *b, size_t n);

/* Row i becomes what row from[i] was, for all rows of the batch. */
void batch_order(struct batch *b, const uint16_t *from);

static inline bool col_has(const struct col *c, size_t row)
{
	return c->present[row / 64] >> row % 64 & 1;
}

static inline void col_mark(struct col *c, size_t row)
{
	c->present[row / 64] |= UINT64_C(1) << row % 64;
}

/* The value of a row that has one, in columns of these types. */
static inline const struct addr *col_addr(const struct col *c, size_t row)
{
	return c->dict.n ? (const struct addr *)c->dict.values + c->code[row] : &c->v.addr[row];
}

static inline const struct val_str *col_str(const struct col *c, size_t row)
{
	return c->dict.n ? (const struct val_str *)c->dict.values + c->code[row] : &c->v.str[row];
}

static inline const uint8_t *col_id(const struct col *c, size_t row)
{
	return c->dict.n ? (const uint8_t *)c->dict.values + 16 * (size_t)c->code[row]
			 : c->v.id[row];
}

/* The value of a row; false where it is absent. */
bool col_get(const struct col *c, size_t row, union val *ret);

/* Size of one value in memory, bytes. */
size_t val_size(enum val_type type);

/* <0, 0, >0.  Strings compare by bytes, times and numbers by value; NaN is behind
 * all numbers and equal to itself. */
int val_cmp(enum val_type type, const union val *a, const union val *b);

/* A hash for grouping and distinct, not for anything stored: equal values (by
 * val_cmp) have equal hashes. */
uint64_t val_hash(enum val_type type, const union val *v);

/* The text as CSV and tables show it: times as epoch seconds with nine
 * decimals, durations in ns, ids as UUIDs, booleans true/false.  No quoting. */
void buf_addval(struct buf *b, enum val_type type, const union val *v);
