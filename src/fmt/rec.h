/* Records: what trawl's own files (journals, packet indexes) are made of.
 *
 *	type   u32, little-endian
 *	size   u32 of the payload, at most REC_MAX
 *	crc    u32, CRC-32C of type, size and payload
 *	payload
 *
 * Records follow each other without gap behind 8 bytes that tell the kind of file.
 * A file that ends inside a record was cut there; what comes before counts.  A reader
 * passes over types it does not know.  No state, no I/O; any thread. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "net/cur.h"

#define REC_MAGIC 8
#define REC_HEAD  12u
#define REC_MAX   (16u << 20)

struct rec {
	uint32_t type;
	uint32_t size;
	const uint8_t *p; /* payload */
};

/* Starts a record; its payload is what is added until rec_end(b, 'at'). */
size_t rec_begin(struct buf *b, uint32_t type);
void rec_end(struct buf *b, size_t at);

/* Reads the record at 'p'.  Returns its bytes with the head; 0: 'size' is 0;
 * -ENODATA: cut; -EBADMSG: damaged. */
int64_t rec_read(const uint8_t *p, size_t size, struct rec *ret);

static inline struct cur rec_cur(const struct rec *r)
{
	return cur_at(r->p, r->size);
}

/* Whole numbers in 7-bit groups, the lowest first, bit 7 set where another follows. */
void rec_put_int(struct buf *b, uint64_t v);

/* The same for numbers near 0 on either side: 0, -1, 1, -2, ... become 0, 1, 2, 3. */
static inline uint64_t rec_zigzag(int64_t v)
{
	return (uint64_t)v << 1 ^ (uint64_t)(v >> 63);
}

static inline void rec_put_sint(struct buf *b, int64_t v)
{
	rec_put_int(b, rec_zigzag(v));
}

void rec_put_text(struct buf *b, const char *s, size_t len); /* length, then bytes */
void rec_put_u32(struct buf *b, uint32_t v);
void rec_put_u64(struct buf *b, uint64_t v);

/* Reading back; what is too long for 64 bits is as bad as what is cut. */
uint64_t rec_get_int(struct cur *c);
int64_t rec_get_sint(struct cur *c);
const char *rec_get_text(struct cur *c, uint32_t *ret_len); /* NULL: bad */
uint32_t rec_get_u32(struct cur *c);
uint64_t rec_get_u64(struct cur *c);
