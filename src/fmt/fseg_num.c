/* Numbers, written: a look at some of them tells whether the numbers themselves or their
 * differences take less, and which of their bytes are noise that compression only
 * costs time on. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fmt/fseg_impl.h"

#define ZSTD_LEVEL 1
#define ZSTD_LEAST 32   /* bytes; of fewer the frame's own take what it saves */
#define NOISE      7.6  /* bits of entropy in a byte that are not worth it */
#define RUN        64   /* numbers of a sample that follow each other */
#define FEW        256  /* different values that a dictionary may have */
#define GCD_LOOK   64   /* numbers that are asked for a common factor */
#define BETTER     0.97 /* what differences must save to be taken: they cost time */

int fseg_num_init(struct fseg_num *e)
{
	unsigned i;

	e->zstd = ZSTD_createCCtx();
	e->t = malloc(FSEG_ROWS * sizeof(*e->t));
	e->bytes = malloc(FSEG_ROWS);
	e->log = malloc((FSEG_SAMPLE + 1) * sizeof(*e->log));
	if (!e->zstd || !e->t || !e->bytes || !e->log) {
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
static uint64_t base_of(const uint64_t *v, size_t n, uint64_t *ret_range)
{
	uint64_t min = UINT64_MAX, max = 0;
	int64_t smin = INT64_MAX, smax = INT64_MIN;
	size_t i;

	for (i = 0; i < n; i++) {
		int64_t s = (int64_t)v[i];

		min = v[i] < min ? v[i] : min;
		max = v[i] > max ? v[i] : max;
		smin = s < smin ? s : smin;
		smax = s > smax ? s : smax;
	}
	if ((uint64_t)smax - (uint64_t)smin < max - min) {
		*ret_range = (uint64_t)smax - (uint64_t)smin;
		return (uint64_t)smin;
	}
	*ret_range = max - min;
	return min;
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

void fseg_num_plan(struct fseg_num *e, const uint64_t *v, size_t n, bool delta,
		   struct fseg_plan *ret)
{
	uint64_t range, base;
	size_t i, m;
	double bits;
	uint8_t noisy;

	*ret = (struct fseg_plan){.how = 0};
	if (!n)
		return;
	base = base_of(v, n, &range);
	if (!range)
		return;
	m = take_sample(e, v, n, e->work);
	if (delta) {
		ret->bits = entropy(e, e->work, m, &ret->noisy);
		ret->how = FSEG_DELTA | FSEG_ZIGZAG;
	}
	for (i = 0; i < m; i++)
		e->work[i] = e->sample[i] - base;
	bits = entropy(e, e->work, m, &noisy);
	if (!delta || bits * BETTER <= ret->bits) {
		ret->bits = bits;
		ret->noisy = noisy;
		ret->how = 0;
	}
	for (i = 0; i < m; i++)
		e->work[i] = rec_zigzag((int64_t)e->sample[i]);
	bits = (int64_t)base < 0 ? entropy(e, e->work, m, &noisy) : ret->bits;
	if (bits < ret->bits) {
		ret->bits = bits;
		ret->noisy = noisy;
		ret->how = FSEG_ZIGZAG;
	}
	ret->few = fseg_width(range) > 8 && is_few(e, m);
	ret->bits /= (double)m;
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
	if (squeeze && n >= ZSTD_LEAST) {
		room = ZSTD_compressBound(n);
		buf_addch(b, FSEG_ZSTD);
		rec_put_u32(b, 0);
		if (buf_reserve(b, room) < 0)
			return;
		size = ZSTD_compressCCtx(e->zstd, b->p + b->len, room, p, n, ZSTD_LEVEL);
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
	size_t i;

	for (p = 0; p < (width + 7) / 8; p++) {
		for (i = 0; i < n; i++)
			e->bytes[i] = (uint8_t)(t[i] >> 8 * p);
		fseg_blob_put(e, b, e->bytes, n, !(noisy >> p & 1));
	}
}

/* Into e->t: what is left of the numbers when the first one is known. */
static void transform(uint64_t *t, const uint64_t *v, size_t n, unsigned how)
{
	size_t i;

	if (how & FSEG_DELTA) {
		t[0] = 0;
		for (i = 1; i < n; i++)
			t[i] = v[i] - v[i - 1];
	} else if (t != v) {
		memcpy(t, v, n * sizeof(*t));
	}
	if (how & FSEG_ZIGZAG)
		for (i = 0; i < n; i++)
			t[i] = rec_zigzag((int64_t)t[i]);
}

/* docs/formats.md, "Numbers" */
void fseg_num_put(struct fseg_num *e, struct buf *b, const uint64_t *v, size_t n,
		  const struct fseg_plan *plan)
{
	uint64_t base = 0, range = 0, factor = 1, first = n ? v[0] : 0;
	unsigned width, how = plan->how, i;
	uint8_t noisy = plan->noisy;
	size_t k;

	transform(e->t, v, n, how);
	if (n)
		base = base_of(e->t, n, &range);
	for (k = 0; range && k < n; k++)
		e->t[k] -= base;
	if (range > 1)
		factor = divide(e->t, n);
	if (factor > 1) /* other bytes than those that were looked at */
		noisy = 0;
	width = fseg_width(range / factor);
	for (i = 1; i < width && width <= FSEG_BITS_MAX; i *= 2)
		;
	if (width && width <= FSEG_BITS_MAX)
		width = i;
	if (width > FSEG_BITS_MAX)
		how |= FSEG_PLANES;
	buf_addch(b, (char)how);
	if (how & FSEG_DELTA)
		rec_put_sint(b, (int64_t)first);
	rec_put_sint(b, (int64_t)base);
	rec_put_int(b, factor);
	buf_addch(b, (char)width);
	if (how & FSEG_PLANES)
		put_planes(e, b, e->t, n, width, noisy);
	else if (width)
		put_bits(e, b, e->t, n, width);
}

void fseg_num_write(struct fseg_num *e, struct buf *b, const uint64_t *v, size_t n)
{
	struct fseg_plan plan;

	fseg_num_plan(e, v, n, true, &plan);
	fseg_num_put(e, b, v, n, &plan);
}
