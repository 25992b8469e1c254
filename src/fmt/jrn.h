/* The journal of a run: what a store keeps of it but packets and rows.  docs/formats.md
 * has the layout.
 *
 * A journal is a file of records (fmt/rec.h).  Rows were in it once (JRN_SCHEMA, JRN_ROWS,
 * JRN_TICK): their columns are known by field id, so that schemas may differ between
 * writer and reader.  A reader uses what it
 * knows of a record and ignores what stands behind.  No I/O; any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/batch.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/iface_stats.h"
#include "fmt/rec.h"

enum jrn_type {
	JRN_HEAD = 1,
	JRN_IFACE = 2,
	JRN_SCHEMA = 3, /* of the rows that follow */
	JRN_ROWS = 4,
	JRN_GAP = 5,
	JRN_TICK = 6,
	JRN_SEGMENT = 7, /* a segment is full */
	JRN_STATS = 8,
	JRN_END = 9,
	JRN_CLOCK = 10,
	JRN_BLOCK = 11, /* rows that are in a flow segment now */
	JRN_BEAT = 12,  /* as JRN_TICK, in one of two places that are written in turn */
};

#define JRN_VERSION   2           /* 1 had rows and ticks in the journal */
#define JRN_ROWS_SIZE (64u << 10) /* bytes of rows after which a record ends */

/* Texts that are read are not NUL-terminated and point into the record. */
struct jrn_text {
	const char *p; /* NULL: not known */
	uint32_t len;
};

struct jrn_head {
	uint32_t version; /* when read; JRN_VERSION is written */
	uint64_t run;
	uint64_t pid;
	uint32_t shard;
	int64_t start;      /* when the run began, ns */
	uint64_t raw_limit; /* packets kept of each flow; UINT64_MAX: all */
	uint32_t snaplen;
	uint64_t idle, hold; /* time-outs of flows, ns; 0: not known */
	uint32_t key_mode;   /* enum flow_key_mode */
	struct jrn_text capture, app;
};

struct jrn_iface {
	uint32_t number;
	uint16_t linktype;
	uint8_t fcs_len;
	uint64_t speed;
	struct jrn_text name, descr, filter, hardware, os;
};

struct jrn_gap {
	uint32_t iface; /* UINT32_MAX: all */
	int64_t from, to;
	uint32_t why; /* enum store_why */
	uint64_t count;
};

struct jrn_tick {
	int64_t ts; /* until then all is kept or said to be lost */
	uint64_t kept, raw_limited;
};

struct jrn_segment {
	uint32_t number;
	uint64_t bytes, packets;
	int64_t min, max; /* times of its packets */
};

/* One block of a flow segment. */
struct jrn_block {
	uint32_t number; /* of the block, from 1 */
	uint32_t file;   /* number of the segment: that of its first block */
	uint64_t at;     /* in it */
	uint32_t size, rows;
	int64_t start, last; /* smallest start, largest last of its rows */
};

#define JRN_BEAT_SIZE (REC_HEAD + 56) /* bytes of a beat's record */
#define JRN_BEATS     2               /* of a journal */

struct jrn_beat {
	uint64_t number; /* from 1: of two beats the one with the larger one counts; 0: none yet */
	struct jrn_tick tick;
	uint64_t serial; /* flows up to this one have rows, if any */
	uint64_t tail;   /* number of the block that is gathered, if some of it is in a tail; 0 */
	uint64_t tail_bytes; /* of that, at least */
};

struct jrn_end {
	int64_t ts;
	uint64_t kept, raw_limited, dropped, rows, rows_dropped;
};

struct jrn_clock {
	struct clock_state state; /* 'max_error': the largest since the record before */
	struct jrn_text source;   /* what counts time, "tsc" */
};

void jrn_put_magic(struct buf *b);
void jrn_put_head(struct buf *b, const struct jrn_head *h);
void jrn_put_iface(struct buf *b, const struct jrn_iface *i);
void jrn_put_gap(struct buf *b, const struct jrn_gap *g);
void jrn_put_tick(struct buf *b, const struct jrn_tick *t);
void jrn_put_segment(struct buf *b, const struct jrn_segment *s);
void jrn_put_block(struct buf *b, const struct jrn_block *k);
void jrn_put_beat(struct buf *b, const struct jrn_beat *k); /* JRN_BEAT_SIZE bytes */
void jrn_put_stats(struct buf *b, const struct iface_stats *s);
void jrn_put_end(struct buf *b, const struct jrn_end *e);
void jrn_put_clock(struct buf *b, const struct jrn_clock *k);

/* The columns that rows from now on have: all fields of 's'. */
void jrn_put_schema(struct buf *b, const struct schema *s);

/* Rows of 'batch' from row 'at' on, as many as fit one record; the fields 'start' and
 * 'last' are the times of a row.  A column that the batch lacks is absent.  Returns
 * how many. */
size_t jrn_put_rows(struct buf *b, const struct batch *batch, size_t at, size_t start, size_t last);

/* Bytes that the payload of a record of this type has at most; 0: there is no such type.  For who
 * looks for records where it is not known that there is one. */
uint32_t jrn_size_max(uint32_t type);

/* Whether a file begins as a journal.  0, -ENODATA: too short to say, -EBADMSG: no. */
int jrn_check_magic(const uint8_t *p, size_t size);

/* Each reads a record of its type: 0 or -EBADMSG; jrn_get_head() -EPROTO: a later
 * version. */
int jrn_get_head(const struct rec *r, struct jrn_head *ret);
int jrn_get_iface(const struct rec *r, struct jrn_iface *ret);
int jrn_get_gap(const struct rec *r, struct jrn_gap *ret);
int jrn_get_tick(const struct rec *r, struct jrn_tick *ret);
int jrn_get_segment(const struct rec *r, struct jrn_segment *ret);
int jrn_get_block(const struct rec *r, struct jrn_block *ret);
int jrn_get_beat(const struct rec *r, struct jrn_beat *ret);
int jrn_get_stats(const struct rec *r, struct iface_stats *ret);
int jrn_get_end(const struct rec *r, struct jrn_end *ret);
int jrn_get_clock(const struct rec *r, struct jrn_clock *ret);

/* How columns of the file map to those of a schema. */
struct jrn_schema {
	size_t n;
	struct {
		uint8_t type;
		int16_t field; /* index into the schema; -1: not known there */
	} cols[SCHEMA_FIELDS_MAX];
};

/* 0, -EBADMSG, or -EPROTO: types or more columns than this version knows. */
int jrn_get_schema(const struct rec *r, const struct schema *s, struct jrn_schema *ret);

/* The rows of a record, one after the other. */
struct jrn_rows {
	uint32_t n;          /* rows */
	int64_t start, last; /* smallest start and largest last of them */
	struct cur cur;      /* at the next row */
};

int jrn_get_rows(const struct rec *r, struct jrn_rows *ret);

/* Reads the row at 'c', moves behind it, and fills row 'row' of those columns that 'b'
 * has; texts point into the record.  'base' is the record's 'start'.  0 or -EBADMSG. */
int jrn_get_row(struct cur *c, const struct jrn_schema *s, int64_t base, struct batch *b,
		size_t row);
