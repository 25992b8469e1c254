/* A cursor over the bytes of a header: reading past the end gives zero and
 * sticks, so one question per header is enough:
 *
 *	struct udp u = {.sport = cur_be16(&c), .dport = cur_be16(&c)};
 *	if (!cur_ok(&c))
 *		return -ENODATA;
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"

struct cur {
	const uint8_t *p; /* next byte */
	uint32_t left;    /* bytes at 'p' */
	bool bad;         /* something was read past the end; never cleared */
};

static inline struct cur cur_at(const uint8_t *p, uint32_t size)
{
	return (struct cur){.p = p, .left = size};
}

static inline bool cur_ok(const struct cur *c)
{
	return !c->bad;
}

/* The next 'n' bytes, and moves behind them; NULL when they are not there. */
static inline const uint8_t *cur_take(struct cur *c, uint32_t n)
{
	const uint8_t *p = c->p;

	if (c->bad || n > c->left) {
		c->bad = true;
		return NULL;
	}
	c->p += n;
	c->left -= n;
	return p;
}

static inline uint8_t cur_u8(struct cur *c)
{
	const uint8_t *p = cur_take(c, 1);

	return p ? *p : 0;
}

static inline uint16_t cur_be16(struct cur *c)
{
	const uint8_t *p = cur_take(c, 2);

	return p ? be16_load(p) : 0;
}

static inline uint32_t cur_be32(struct cur *c)
{
	const uint8_t *p = cur_take(c, 4);

	return p ? be32_load(p) : 0;
}

static inline uint16_t cur_le16(struct cur *c)
{
	const uint8_t *p = cur_take(c, 2);

	return p ? le16_load(p) : 0;
}

static inline uint32_t cur_le32(struct cur *c)
{
	const uint8_t *p = cur_take(c, 4);

	return p ? le32_load(p) : 0;
}

/* Copies 'n' bytes; zeros when they are not there. */
static inline void cur_copy(struct cur *c, void *ret, uint32_t n)
{
	const uint8_t *p = cur_take(c, n);

	if (p)
		memcpy(ret, p, n);
	else
		memset(ret, 0, n);
}

/* The byte at 'off' from here without moving; zero when it is not there, which
 * does not stick. */
static inline uint8_t cur_peek(const struct cur *c, uint32_t off)
{
	return off < c->left ? c->p[off] : 0;
}
