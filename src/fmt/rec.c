#include "fmt/rec.h"

#include <errno.h>

#include "base/crc32c.h"

size_t rec_begin(struct buf *b, uint32_t type)
{
	size_t at = b->len;

	rec_put_u32(b, type);
	rec_put_u32(b, 0);
	rec_put_u32(b, 0);
	return at;
}

static uint32_t sum_of(const uint8_t *p, size_t size)
{
	return crc32c(crc32c(0, p, 8), p + REC_HEAD, size);
}

void rec_end(struct buf *b, size_t at)
{
	uint8_t *p;

	if (buf_err(b))
		return;
	p = (uint8_t *)b->p + at;
	le32_store(p + 4, (uint32_t)(b->len - at - REC_HEAD));
	le32_store(p + 8, sum_of(p, b->len - at - REC_HEAD));
}

int64_t rec_read(const uint8_t *p, size_t size, struct rec *ret)
{
	uint32_t len;

	if (!size)
		return 0;
	if (size < REC_HEAD)
		return -ENODATA;
	len = le32_load(p + 4);
	if (len > REC_MAX)
		return -EBADMSG;
	if (len > size - REC_HEAD)
		return -ENODATA;
	if (le32_load(p + 8) != sum_of(p, len))
		return -EBADMSG;
	*ret = (struct rec){.type = le32_load(p), .size = len, .p = p + REC_HEAD};
	return (int64_t)len + REC_HEAD;
}

void rec_put_int(struct buf *b, uint64_t v)
{
	uint8_t t[10];
	size_t n = 0;

	for (; v > 0x7f; v >>= 7)
		t[n++] = (uint8_t)(v | 0x80);
	t[n++] = (uint8_t)v;
	buf_add(b, t, n);
}

void rec_put_text(struct buf *b, const char *s, size_t len)
{
	rec_put_int(b, len);
	buf_add(b, s, len);
}

void rec_put_u32(struct buf *b, uint32_t v)
{
	uint8_t t[4];

	le32_store(t, v);
	buf_add(b, t, sizeof(t));
}

void rec_put_u64(struct buf *b, uint64_t v)
{
	uint8_t t[8];

	le64_store(t, v);
	buf_add(b, t, sizeof(t));
}

uint64_t rec_get_int(struct cur *c)
{
	uint64_t v = 0;
	unsigned shift;

	for (shift = 0; shift < 64; shift += 7) {
		uint8_t x = cur_u8(c);

		if (shift == 63 && x > 1)
			break;
		v |= (uint64_t)(x & 0x7f) << shift;
		if (!(x & 0x80))
			return v;
	}
	c->bad = true;
	return 0;
}

int64_t rec_get_sint(struct cur *c)
{
	uint64_t v = rec_get_int(c);

	return (int64_t)(v >> 1 ^ (0 - (v & 1)));
}

const char *rec_get_text(struct cur *c, uint32_t *ret_len)
{
	uint64_t len = rec_get_int(c);
	const uint8_t *p;

	if (len > c->left) {
		c->bad = true;
		return NULL;
	}
	p = cur_take(c, (uint32_t)len);
	*ret_len = p ? (uint32_t)len : 0;
	return (const char *)p;
}

uint32_t rec_get_u32(struct cur *c)
{
	const uint8_t *p = cur_take(c, 4);

	return p ? le32_load(p) : 0;
}

uint64_t rec_get_u64(struct cur *c)
{
	const uint8_t *p = cur_take(c, 8);

	return p ? le64_load(p) : 0;
}
