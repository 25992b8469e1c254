/* A run being written, shared by the files that do it: local_stream.c takes what is given,
 * local_flush.c brings it to the files. */
#pragma once

#include "store/local.h"

/* Packets that were lost for one reason since it was last said. */
struct local_loss {
	uint64_t n;
	int64_t from, to;
};

struct local_stream {
	struct store_stream st;
	struct local *s;
	char name[LOCAL_NAME_SIZE]; /* of the run's files, without their ends */
	uint64_t run;
	int64_t kept; /* what retention knows the run by */
	struct local_file jrn;
	uint64_t beats_at; /* in it */
	uint64_t n_beats;
	uint64_t serial; /* largest of a packet's flow */
	struct local_segment seg;
	struct local_rows rows;
	struct local_sealed sealed;
	struct buf head; /* what each segment starts with */
	bool finished;
	int64_t flushed, beat;     /* clock of the last ones */
	struct catalogue_end held; /* times of what is in full segments and blocks, and of gaps */
	struct local_loss limit, disk;
	uint64_t bytes; /* of sealed segments and their indexes */
	int failed;
	bool limited;  /* it failed because the store may not take more */
	bool trying;   /* it failed, and is looked whether the disk takes more now */
	int64_t tried; /* clock of the last try */
	char text[256];
};

/* The disk takes no more: until it does, packets are refused, and what is buffered waits. */
static inline bool local_stream_is_off(const struct local_stream *t)
{
	return t->failed && !t->trying;
}

/* Why packets are refused then. */
static inline enum store_why local_stream_why(const struct local_stream *t)
{
	return t->limited ? STORE_WHY_LIMIT : STORE_WHY_DISK;
}

/* Begins that time, if it has not: 'code' is what happened to 'what'. */
void local_stream_fail(struct local_stream *t, int code, const char *what);

/* Counts a packet of time 'ts' that was lost, to be said in the journal ... */
void local_stream_lose(struct local_stream *t, enum store_why why, int64_t ts);

/* ... which this adds to the journal's buffer. */
void local_stream_say_lost(struct local_stream *t);

/* The run has something of these times. */
void local_stream_span(struct local_stream *t, int64_t from, int64_t to);

/* What became of packets, of all interfaces together. */
struct store_counts local_stream_total(const struct local_stream *t);

/* Writes buffered packets.  0 or -ENOMEM; that they are lost is no error. */
int local_stream_flush_packets(struct local_stream *t);

/* Writes blocks and tail of rows.  After -errno they wait. */
int local_stream_flush_rows(struct local_stream *t);

/* Ends the segment of packets that is open, if one is.  0 or -ENOMEM. */
int local_stream_seal(struct local_stream *t);

/* As store_tick(). */
int local_stream_tick(struct store_stream *st, int64_t now, struct err *err);
