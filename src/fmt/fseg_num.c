/* Numbers, written: a look at some of them tells whether the numbers themselves or their
 * differences take less, and which of their bytes are noise that compression only
 * costs time on. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fmt/fseg_impl.h"

#define ZSTD_LEVEL 1
#define ZSTD_MATCH                                                                                 \
	7              /* bytes; in planes of few values shorter ones are chance: less is saved by \
			*/
#define ZSTD_HASH  11  /* them than by coding each byte, and they cost time */
#define ZSTD_LEAST 32  /* bytes; of fewer the frame's own take what it saves */
#define NOISE      7.6 /* bits of entropy in a byte that are not worth it */
#define RUN        64  /* numbers of a sample that follow each other */
#define FEW        256 /* different values that a dictionary may have */
#define GCD_LOOK   64  /* numbers that are asked for a common factor */
#define BETTER     0.97 /* what differences must save to be taken: they cost time */

static bool set_zstd(ZSTD_CCtx *z)
{
	return !ZSTD_isError(ZSTD_CCtx_setParameter(z, ZSTD_c_compressionLevel, ZSTD_LEVEL)) &&
	       !ZSTD_isError(ZSTD_CCtx_setParameter(z, ZSTD_c_strategy, ZSTD_fast)) &&
	       !ZSTD_isError(ZSTD_CCtx_setParameter(z, ZSTD_c_minMatch, ZSTD_MATCH)) &&
	       !ZSTD_isError(ZSTD_CCtx_setParameter(z, ZSTD_c_hashLog, ZSTD_HASH));
}

int fseg_num_init(struct fseg_num *e)
{
	unsigned i;

	e->loops = fseg_loops();
	e->zstd = ZSTD_createCCtx();
	e->t = malloc(FSEG_ROWS * sizeof(*e->t));
	e->bytes = malloc(FSEG_ROWS);
	e->log = malloc((FSEG_SAMPLE + 1) * sizeof(*e->log));
	if (!e->zstd || !e->t || !e->bytes || !e->log || !set_zstd(e->zstd)) {
		fseg_num_done(e);
		return -ENOMEM;
	}
	e->log[0] = 0;
	for (i = 1; i <= FSEG_SAMPLE; i++)
		e->log[i] = (float)i * log2f((float)i);
	return 0;
}

void fseg_num_done(struct fseg_num *e)
{
	ZSTD_freeCCtx(e->zstd);
	free(e->t);
	free(e->bytes);
	free(e->log);
	*e = (struct fseg_num){0};
}

/* Bits that the planes of 'n' numbers take, each byte written for itself. */
static double entropy(struct fseg_num *e, const uint64_t *v, size_t n, uint8_t *ret_noisy)
{
	uint64_t any = 0;
	unsigned planes, p, c;
	double bits = 0;
	size_t i;

	*ret_noisy = 0;
	for (i = 0; i < n; i++)
		any |= v[i] ^ v[0];
	planes = (fseg_width(any) + 7) / 8;
	for (p = 0; p < planes; p++) {
		uint16_t *count = e->count[p];
		float sum = e->log[n];

		memset(count, 0, sizeof(e->count[p]));
		for (i = 0; i < n; i++)
			count[v[i] >> 8 * p & 0xff]++;
		for (c = 0; c < 256; c++)
			sum -= e->log[count[c]];
		bits += (double)sum;
		if ((double)sum > NOISE * (double)n * (n >= FSEG_SAMPLE / 2 ? 0.97 : 1.0))
			*ret_noisy |= (uint8_t)(1u << p);
	}
	return bits;
}

static size_t take_sample(struct fseg_num *e, const uint64_t *v, size_t n, uint64_t *diff)
{
	size_t i, k, runs = FSEG_SAMPLE / RUN, at;

	if (n <= FSEG_SAMPLE) {
		memcpy(e->sample, v, n * sizeof(*v));
		for (i = 0; i < n; i++)
			diff[i] = rec_zigzag((int64_t)(v[i] - v[i ? i - 1 : 0]));
		return n;
	}
	for (k = 0; k < runs; k++) {
		at = 1 + (n - RUN - 1) / (runs - 1) * k;
		for (i = 0; i < RUN; i++) {
			e->sample[k * RUN + i] = v[at + i];
			diff[k * RUN + i] = rec_zigzag((int64_t)(v[at + i] - v[at + i - 1]));
		}
	}
	return FSEG_SAMPLE;
}

/* The smallest number, read as signed or unsigned, whichever makes the others less far. */
static uint64_t base_of(const struct fseg_range *r, uint64_t *ret_range)
{
	if ((uint64_t)r->smax - (uint64_t)r->smin < r->max - r->min) {
		*ret_range = (uint64_t)r->smax - (uint64_t)r->smin;
		return (uint64_t)r->smin;
	}
	*ret_range = r->max - r->min;
	return r->min;
}

static bool is_few(struct fseg_num *e, size_t n)
{
	uint16_t *head = e->count[0]; /* 2048 slots */
	size_t slots = sizeof(e->count) / sizeof(e->count[0][0]), i, different = 0;

	memset(head, 0, sizeof(e->count));
	for (i = 0; i < n; i++) {
		size_t s = bloom_hash(e->sample[i]) & (slots - 1);

		while (head[s] && e->sample[head[s] - 1] != e->sample[i])
			s = (s + 1) & (slots - 1);
		if (head[s])
			continue;
		head[s] = (uint16_t)(i + 1);
		if (++different > FEW)
			return false;
	}
	return true;
}

void fseg_num_plan(struct fseg_num *e, const uint64_t *v, size_t n, const struct fseg_range *range,
		   bool delta, struct fseg_plan *ret)
{
	struct fseg_range own;
	size_t i, m;
	double bits;
	uint8_t noisy;

	*ret = (struct fseg_plan){.how = 0};
	if (!n)
		return;
	if (!range) {
		e->loops->range(v, n, &own);
		range = &own;
	}
	ret->base = base_of(range, &ret->range);
	if (!ret->range)
		return;
	m = take_sample(e, v, n, e->work);
	if (delta) {
		ret->bits = entropy(e, e->work, m, &ret->noisy);
		ret->how = FSEG_DELTA | FSEG_ZIGZAG;
	}
	for (i = 0; i < m; i++)
		e->work[i] = e->sample[i] - ret->base;
	bits = entropy(e, e->work, m, &noisy);
	if (!delta || bits * BETTER <= ret->bits) {
		ret->bits = bits;
		ret->noisy = noisy;
		ret->how = 0;
	}
	if (range->smin < 0 && ret->base == (uint64_t)range->smin) {
		for (i = 0; i < m; i++)
			e->work[i] = rec_zigzag((int64_t)e->sample[i]);
		bits = entropy(e, e->work, m, &noisy);
		if (bits < ret->bits) {
			ret->bits = bits;
			ret->noisy = noisy;
			ret->how = FSEG_ZIGZAG;
		}
	}
	ret->few = fseg_width(ret->range) > 8 && is_few(e, m);
	/* a sample in which all are the same does not say that the others are */
	ret->bits = ret->bits > 0 ? ret->bits / (double)m : 1.0 / FSEG_SAMPLE;
}

static uint64_t gcd(uint64_t a, uint64_t b)
{
	while (b) {
		uint64_t t = a % b;

		a = b;
		b = t;
	}
	return a;
}

/* Of an odd number, modulo 2^64 (Newton). */
static uint64_t inverse(uint64_t v)
{
	uint64_t x = v * 3 ^ 2;
	int i;

	for (i = 0; i < 4; i++)
		x *= 2 - v * x;
	return x;
}

/* Divides all by what all are multiples of; returns it. */
static uint64_t divide(uint64_t *t, size_t n)
{
	size_t step = n / GCD_LOOK + 1, i;
	uint64_t g = 0;

	for (i = 0; i < n && g != 1; i += step)
		g = gcd(t[i], g);
	while (g > 1) {
		unsigned shift = (unsigned)__builtin_ctzll(g);
		uint64_t inv = inverse(g >> shift), max = UINT64_MAX / g, bad = 0;

		/* multiples of g, and only they, become small by it */
		for (i = 0; i < n; i++) {
			uint64_t q = t[i] * inv;

			q = shift ? q >> shift | q << (64 - shift) : q;
			bad |= q > max;
		}
		if (!bad) {
			for (i = 0; i < n; i++)
				t[i] = t[i] * inv >> shift;
			return g;
		}
		for (i = 0; i < n && t[i] % g == 0;)
			i++;
		g = gcd(g, t[i]);
	}
	return 1;
}

void fseg_blob_put(struct fseg_num *e, struct buf *b, const uint8_t *p, size_t n, bool squeeze)
{
	size_t room, size, head = b->len;

	if (n && memcmp(p, p + 1, n - 1) == 0) {
		buf_addch(b, FSEG_SAME);
		buf_addch(b, (char)p[0]);
		return;
	}
	if (squeeze && !e->quick && n >= ZSTD_LEAST) {
		room = ZSTD_compressBound(n);
		buf_addch(b, FSEG_ZSTD);
		rec_put_u32(b, 0);
		if (buf_reserve(b, room) < 0)
			return;
		size = ZSTD_compress2(e->zstd, b->p + b->len, room, p, n);
		if (!ZSTD_isError(size) && size < n - n / 16 - 4) {
			le32_store(b->p + head + 1, (uint32_t)size);
			b->len += size;
			return;
		}
		b->len = head;
	}
	buf_addch(b, FSEG_RAW);
	buf_add(b, p, n);
}

static void put_bits(struct fseg_num *e, struct buf *b, const uint64_t *t, size_t n, unsigned width)
{
	size_t per = 8 / width, i, k, bytes = (n + per - 1) / per;

	for (i = 0; i < n / per; i++) {
		unsigned v = 0;

		for (k = 0; k < per; k++)
			v |= (unsigned)t[i * per + k] << width * k;
		e->bytes[i] = (uint8_t)v;
	}
	if (i < bytes) {
		unsigned v = 0;

		for (k = 0; i * per + k < n; k++)
			v |= (unsigned)t[i * per + k] << width * k;
		e->bytes[i] = (uint8_t)v;
	}
	fseg_blob_put(e, b, e->bytes, bytes, true);
}

static void put_planes(struct fseg_num *e, struct buf *b, const uint64_t *t, size_t n,
		       unsigned width, uint8_t noisy)
{
	unsigned p;

	for (p = 0; p < (width + 7) / 8; p++) {
		e->loops->split(e->bytes, t, n, p);
		fseg_blob_put(e, b, e->bytes, n, !(noisy >> p & 1));
	}
}

void fseg_num_put_same(struct buf *b, uint64_t v)
{
	buf_addch(b, 0);
	rec_put_sint(b, (int64_t)v);
	rec_put_int(b, 1);
	buf_addch(b, 0);
}

/* What of the numbers is written, into e->t; returns the largest of it. */
static uint64_t transform(struct fseg_num *e, const uint64_t *v, size_t n,
			  const struct fseg_plan *plan, uint64_t *ret_base)
{
	struct fseg_range r;
	uint64_t range;

	if (!plan->how) {
		e->loops->minus(e->t, v, n, plan->base);
		*ret_base = plan->base;
		return plan->range;
	}
	if (plan->how & FSEG_DELTA)
		e->loops->differences(e->t, v, n);
	else
		e->loops->zigzag(e->t, v, n);
	e->loops->range(e->t, n, &r);
	*ret_base = r.min;
	range = r.max - r.min;
	if (r.min && range)
		e->loops->minus(e->t, e->t, n, r.min);
	return range;
}

/* docs/formats.md, "Numbers" */
void fseg_num_put(struct fseg_num *e, struct buf *b, const uint64_t *v, size_t n,
		  const struct fseg_plan *plan)
{
	unsigned width, how = plan->how;
	uint64_t base, range, factor = 1;
	uint8_t noisy = plan->noisy;

	if (!plan->range) {
		fseg_num_put_same(b, plan->base);
		return;
	}
	range = transform(e, v, n, plan, &base);
	if (range > 1)
		factor = divide(e->t, n);
	if (factor > 1) /* other bytes than those that were looked at */
		noisy = 0;
	width = fseg_width(range / factor);
	if (width == 3)
		width = 4;
	if (width > FSEG_BITS_MAX)
		how |= FSEG_PLANES;
	buf_addch(b, (char)how);
	if (how & FSEG_DELTA)
		rec_put_sint(b, (int64_t)v[0]);
	rec_put_sint(b, (int64_t)base);
	rec_put_int(b, factor);
	buf_addch(b, (char)width);
	if (how & FSEG_PLANES)
		put_planes(e, b, e->t, n, width, noisy);
	else if (width)
		put_bits(e, b, e->t, n, width);
}

/* The low bytes of the numbers, as far as they are not all the same: one look tells which. */
static void put_quick(struct fseg_num *e, struct buf *b, const uint64_t *v, size_t n)
{
	unsigned planes = n ? (fseg_width(e->loops->differ(v, n, v[0])) + 7) / 8 : 0, p;
	uint64_t low = planes < 8 ? (UINT64_C(1) << 8 * planes) - 1 : UINT64_MAX;

	if (!planes) {
		fseg_num_put_same(b, n ? v[0] : 0);
		return;
	}
	buf_addch(b, FSEG_PLANES);
	rec_put_sint(b, (int64_t)(v[0] & ~low));
	rec_put_int(b, 1);
	buf_addch(b, (char)(8 * planes));
	if (buf_reserve(b, planes * (n + 1)) < 0)
		return;
	for (p = 0; p < planes; p++) {
		b->p[b->len++] = FSEG_RAW;
		e->loops->split((uint8_t *)b->p + b->len, v, n, p);
		b->len += n;
	}
}

void fseg_num_write(struct fseg_num *e, struct buf *b, const uint64_t *v, size_t n)
{
	struct fseg_plan plan;

	if (e->quick) {
		put_quick(e, b, v, n);
		return;
	}
	fseg_num_plan(e, v, n, NULL, true, &plan);
	fseg_num_put(e, b, v, n, &plan);
}
