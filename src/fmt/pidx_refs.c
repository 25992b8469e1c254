/* References of packets to flows as they come, before a segment has its index. */
#include <errno.h>
#include <string.h>

#include "fmt/pidx.h"
#include "fmt/rec.h"

#define MAGIC "trawl-pr"

enum { PIDX_REFS = 1 };

void pidx_refs_magic(struct buf *b)
{
	buf_add(b, MAGIC, REC_MAGIC);
}

int pidx_refs_check(const uint8_t *p, size_t size)
{
	size_t n = size < REC_MAGIC ? size : REC_MAGIC;

	if (memcmp(p, MAGIC, n) != 0)
		return -EBADMSG;
	return size < REC_MAGIC ? -ENODATA : 0;
}

uint32_t pidx_refs_size_max(uint32_t type)
{
	return type == PIDX_REFS ? REC_MAX : 0;
}

void pidx_refs_put(struct buf *b, const struct pidx_span *span, const struct pidx_ref *refs,
		   size_t n)
{
	size_t at = rec_begin(b, PIDX_REFS), i;
	uint64_t serial = 0, place = span->from / PIDX_UNIT;

	rec_put_int(b, span->from / PIDX_UNIT);
	rec_put_int(b, (span->to - span->from) / PIDX_UNIT);
	rec_put_int(b, span->packets);
	rec_put_sint(b, span->min);
	rec_put_int(b, (uint64_t)span->max - (uint64_t)span->min);
	rec_put_int(b, n);
	for (i = 0; i < n; i++) {
		rec_put_int(b, refs[i].at - place);
		rec_put_sint(b, (int64_t)(refs[i].serial - serial));
		place = refs[i].at;
		serial = refs[i].serial;
	}
	if (span->has_crc)
		rec_put_u32(b, span->crc);
	rec_end(b, at);
}

/* The span at the head of a record; false: it makes no sense. */
static bool get_span(struct cur *c, struct pidx_span *ret)
{
	uint64_t from = rec_get_int(c), len = rec_get_int(c);
	uint64_t wide;

	*ret = (struct pidx_span){.packets = rec_get_int(c)};
	ret->min = rec_get_sint(c);
	wide = rec_get_int(c);
	if (!cur_ok(c) || from > UINT32_MAX || len > UINT32_MAX ||
	    wide > (uint64_t)INT64_MAX - (uint64_t)ret->min)
		return false;
	ret->from = from * PIDX_UNIT;
	ret->to = (from + len) * PIDX_UNIT;
	ret->max = (int64_t)((uint64_t)ret->min + wide);
	return true;
}

int64_t pidx_refs_get(const uint8_t *p, size_t size, struct pidx_span *ret_span,
		      struct pidx_ref *refs, size_t *ret_n)
{
	uint64_t n, i, serial = 0, place;
	struct rec rec;
	int64_t len = rec_read(p, size, &rec);
	struct cur c;

	if (len <= 0)
		return len;
	c = rec_cur(&rec);
	if (rec.type != PIDX_REFS || !get_span(&c, ret_span))
		return -EBADMSG;
	n = rec_get_int(&c);
	if (!cur_ok(&c) || n > c.left / 2) /* each takes two bytes at least */
		return -EBADMSG;
	place = ret_span->from / PIDX_UNIT;
	for (i = 0; i < n && refs; i++) {
		uint64_t step = rec_get_int(&c);

		place += step;
		serial += (uint64_t)rec_get_sint(&c);
		if (!cur_ok(&c) || step > UINT32_MAX || place >= ret_span->to / PIDX_UNIT)
			return -EBADMSG;
		refs[i] = (struct pidx_ref){.serial = serial, .at = (uint32_t)place};
	}
	if (refs && c.left >= sizeof(ret_span->crc)) {
		ret_span->crc = rec_get_u32(&c);
		ret_span->has_crc = 1;
	}
	*ret_n = (size_t)n;
	return len;
}
