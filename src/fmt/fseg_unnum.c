/* Numbers, read. */
#include <errno.h>
#include <string.h>

#include "fmt/fseg_impl.h"

int fseg_unnum_init(struct fseg_unnum *d, uint8_t *bytes)
{
	d->loops = fseg_loops();
	d->bytes = bytes;
	d->zstd = ZSTD_createDCtx();
	return d->zstd ? 0 : -ENOMEM;
}

void fseg_unnum_done(struct fseg_unnum *d)
{
	ZSTD_freeDCtx(d->zstd);
	*d = (struct fseg_unnum){0};
}

int fseg_blob_get(struct fseg_unnum *d, struct cur *c, size_t n, uint8_t *room, const uint8_t **ret)
{
	unsigned method = cur_u8(c);
	const uint8_t *p;
	uint32_t size;

	if (!cur_ok(c) || n > UINT32_MAX)
		return -EBADMSG;
	switch (method) {
	case FSEG_RAW:
		p = cur_take(c, (uint32_t)n);
		if (!p)
			return -EBADMSG;
		*ret = p;
		return 0;
	case FSEG_SAME:
		memset(room, cur_u8(c), n);
		break;
	case FSEG_ZSTD:
		size = cur_le32(c);
		p = cur_take(c, size);
		if (!p || ZSTD_decompressDCtx(d->zstd, room, n, p, size) != n)
			return -EBADMSG;
		break;
	default:
		return -EPROTO;
	}
	*ret = room;
	return cur_ok(c) ? 0 : -EBADMSG;
}

/* What stands before the digits. */
struct head {
	unsigned how, width;
	uint64_t first, base, factor;
};

static int get_head(struct cur *c, struct head *ret)
{
	ret->how = cur_u8(c);
	if (ret->how & ~(unsigned)(FSEG_PLANES | FSEG_DELTA | FSEG_ZIGZAG))
		return -EPROTO;
	ret->first = ret->how & FSEG_DELTA ? (uint64_t)rec_get_sint(c) : 0;
	ret->base = (uint64_t)rec_get_sint(c);
	ret->factor = rec_get_int(c);
	ret->width = cur_u8(c);
	if (!cur_ok(c) || ret->width > 64)
		return -EBADMSG;
	if (ret->how & FSEG_PLANES)
		return ret->width ? 0 : -EBADMSG;
	if (ret->width > FSEG_BITS_MAX || ret->width == 3)
		return -EBADMSG;
	return 0;
}

static int get_planes(struct fseg_unnum *d, struct cur *c, size_t n, unsigned width,
		      const uint8_t **ret)
{
	unsigned p;
	int r;

	for (p = 0; p < (width + 7) / 8; p++) {
		r = fseg_blob_get(d, c, n, d->bytes + p * (size_t)FSEG_ROWS, &ret[p]);
		if (r < 0)
			return r;
	}
	return 0;
}

#define SPREAD(word)                                                                               \
	do {                                                                                       \
		for (i = 0; i < n; i++)                                                            \
			ret[i] = (word)(p[i / per] >> i % per * width & mask);                     \
	} while (0)

static void spread64(uint64_t *restrict ret, size_t n, const uint8_t *p, unsigned width)
{
	unsigned per = 8 / width, mask = (1u << width) - 1;
	size_t i;

	if (width == 1)
		for (i = 0; i < n; i++)
			ret[i] = p[i / 8] >> i % 8 & 1;
	else
		SPREAD(uint64_t);
}

static void spread32(uint32_t *restrict ret, size_t n, const uint8_t *p, unsigned width)
{
	unsigned per = 8 / width, mask = (1u << width) - 1;
	size_t i;

	SPREAD(uint32_t);
}

int fseg_num_get(struct fseg_unnum *d, struct cur *c, size_t n, uint64_t *ret)
{
	const uint8_t *p[8];
	struct head h;
	int r;

	r = n > FSEG_ROWS ? -EBADMSG : get_head(c, &h);
	if (r < 0)
		return r;
	if (h.how & FSEG_PLANES) {
		r = get_planes(d, c, n, h.width, p);
		if (r < 0)
			return r;
		d->loops->join64(ret, n, p, (h.width + 7) / 8);
	} else if (h.width) {
		r = fseg_blob_get(d, c, (n * h.width + 7) / 8, d->bytes, &p[0]);
		if (r < 0)
			return r;
		spread64(ret, n, p[0], h.width);
	} else {
		memset(ret, 0, n * sizeof(*ret));
	}
	d->loops->scale(ret, n, h.factor, h.base);
	if (h.how & FSEG_ZIGZAG)
		d->loops->unzigzag(ret, n);
	if (h.how & FSEG_DELTA)
		d->loops->sums(ret, n, h.first);
	return 0;
}

static int pick_digits(struct fseg_unnum *d, struct cur *c, size_t n, const struct head *h,
		       const uint32_t *at, size_t m, uint64_t *ret)
{
	unsigned per = h->width ? 8 / h->width : 0, mask = (1u << h->width % 32) - 1, k;
	const uint8_t *p;
	size_t i;
	int r;

	if (m) /* else "ret" is NULL */
		memset(ret, 0, m * sizeof(*ret));
	for (k = 0; h->how & FSEG_PLANES && k < (h->width + 7) / 8; k++) {
		r = fseg_blob_get(d, c, n, d->bytes, &p);
		if (r < 0)
			return r;
		for (i = 0; i < m; i++)
			ret[i] |= (uint64_t)p[at[i]] << 8 * k;
	}
	if (h->how & FSEG_PLANES || !h->width)
		return 0;
	r = fseg_blob_get(d, c, (n * h->width + 7) / 8, d->bytes, &p);
	for (i = 0; r == 0 && i < m; i++)
		ret[i] = p[at[i] / per] >> at[i] % per * h->width & mask;
	return r;
}

int fseg_num_pick(struct fseg_unnum *d, struct cur *c, size_t n, const uint32_t *at, size_t m,
		  uint64_t *room, uint64_t *ret)
{
	struct cur digits = *c;
	struct head h;
	size_t i;
	int r;

	r = n > FSEG_ROWS ? -EBADMSG : get_head(&digits, &h);
	if (r < 0)
		return r;
	if (h.how & FSEG_DELTA) {
		r = fseg_num_get(d, c, n, room);
		for (i = 0; r == 0 && i < m; i++)
			ret[i] = room[at[i]];
		return r;
	}
	*c = digits;
	r = pick_digits(d, c, n, &h, at, m, ret);
	if (r < 0)
		return r;
	d->loops->scale(ret, m, h.factor, h.base);
	if (h.how & FSEG_ZIGZAG)
		d->loops->unzigzag(ret, m);
	return 0;
}

int fseg_num_get32(struct fseg_unnum *d, struct cur *c, size_t n, uint32_t *ret)
{
	const uint8_t *p[8];
	struct head h;
	size_t i;
	int r;

	r = n > FSEG_ROWS ? -EBADMSG : get_head(c, &h);
	if (r < 0)
		return r;
	if (h.how & ~(unsigned)FSEG_PLANES || h.width > 32 || h.base > UINT32_MAX ||
	    h.factor > UINT32_MAX)
		return -EBADMSG;
	if (h.how & FSEG_PLANES) {
		r = get_planes(d, c, n, h.width, p);
		if (r < 0)
			return r;
		d->loops->join32(ret, n, p, (h.width + 7) / 8);
	} else if (h.width) {
		r = fseg_blob_get(d, c, (n * h.width + 7) / 8, d->bytes, &p[0]);
		if (r < 0)
			return r;
		spread32(ret, n, p[0], h.width);
	} else {
		memset(ret, 0, n * sizeof(*ret));
	}
	if (h.factor != 1 || h.base)
		for (i = 0; i < n; i++)
			ret[i] = ret[i] * (uint32_t)h.factor + (uint32_t)h.base;
	return 0;
}
