/* Reads a file in big steps and gives a window on it: the walkers of src_file
 * look at records where they lie.  Undoes gzip, zstd and lz4 on the way.
 * Internal to src_file; one thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define RD_STEP     (256u << 10) /* best of 64K to 4M for records of 64 to 1500 B */
#define RD_ALIGN    4096u
#define RD_HEAD     (64u << 10) /* room in front, for the piece of a record that a step cut */
#define RD_NEED_MAX (64u << 20) /* largest window that rd_need() makes */
#define RD_KEEP_MAX 8           /* buffers used in turn */

struct stop;
struct unpack; /* state of a decompressor */

struct rd {
	const uint8_t *p, *end; /* the window: bytes read and not yet passed */
	uint64_t off;           /* of 'end' in the unpacked file */

	struct {
		uint8_t *p; /* owned, aligned; NULL: not used yet */
		size_t size;
	} buf[RD_KEEP_MAX];
	unsigned keep;   /* buffers used in turn, 1 to RD_KEEP_MAX */
	unsigned turn;   /* the one that the window lies in */
	uint64_t window; /* times that the window went on to another place */
	void (*reuse)(void *arg, uint64_t window); /* as src_keep(); NULL: nobody minds */
	void *reuse_arg;
	int fd;                  /* owned unless 0 */
	size_t step;             /* most bytes that one read asks for */
	const struct stop *stop; /* borrowed; NULL: read to the end */
	bool seekable;
	bool eof;       /* nothing comes after 'end' */
	int failed;     /* -errno: reading failed, -ECANCELED: stopped; 0: end was the end */
	struct err why; /* why the data ended early (read error, damaged compression); code 0: it
			   did not */

	uint8_t *in; /* owned, packed bytes; also what was read to recognise the file */
	size_t in_len, in_at;
	bool in_eof;
	uint64_t raw;          /* bytes read from fd */
	struct unpack *unpack; /* owned; NULL: plain */
};

void rd_init(struct rd *rd);
void rd_done(struct rd *rd);

/* With 'fd', 'step' and 'stop' set: recognises compression.  0 or -errno with 'err' set. */
int rd_start(struct rd *rd, struct err *err);

/* The name of the compression; NULL: plain. */
const char *rd_packed(const struct rd *rd);

/* Makes the window at least 'n' bytes long: true, or false where the data ends
 * before ('rd->failed', 'rd->why' say why).  What was in the window may move:
 * then 'rd->window' grows, and what was borrowed from it stays valid until
 * 'rd->reuse' was called for its number. */
bool rd_need(struct rd *rd, size_t n);

/* Offset of 'p' in the unpacked file. */
static inline uint64_t rd_at(const struct rd *rd)
{
	return rd->off - (uint64_t)(rd->end - rd->p);
}

static inline size_t rd_left(const struct rd *rd)
{
	return (size_t)(rd->end - rd->p);
}

/* Where the window is all zeros and a hole of the file follows, passes over
 * both (the window becomes empty).  Returns the bytes of hole, 0: none here. */
uint64_t rd_skip_hole(struct rd *rd);
