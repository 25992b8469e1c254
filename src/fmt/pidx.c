#include "fmt/pidx.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "fmt/bloom.h"
#include "fmt/rec.h"

#define MAGIC   "trawl-px"
#define VERSION 1

enum {
	PIDX_HEAD = 1,
	PIDX_BLOOM = 2,
	PIDX_SPANS = 3,
	PIDX_FLOWS = 4,
	PIDX_DIR = 5,
	PIDX_END = 6,
	PIDX_SUMS = 7,
};

#define HEAD_SIZE   14 /* version, run, segment */
#define END_SIZE    64
#define BLOOM_K     7
#define BLOOM_BITS  10 /* for each flow at least: then under 1 % of questions are in vain */
#define BLOCK_BYTES 4096
#define SPAN_LEAST  5 /* bytes that one takes in its record, at least */
#define DIR_LEAST   2
#define SUM_SIZE    4 /* of a span */

/* A record of flows: serials from 'first' to the next one's. */
struct pidx_block {
	uint64_t first;
	uint64_t at; /* in the file */
};

#define RADIX_BITS 11
#define RADIX      (1u << RADIX_BITS)

void pidx_sort(struct pidx_ref *refs, struct pidx_ref *tmp, size_t n)
{
	struct pidx_ref *from = refs, *to = tmp, *swap;
	uint64_t min = UINT64_MAX, max = 0;
	unsigned shift;
	size_t i;

	for (i = 0; i < n; i++) {
		min = refs[i].serial < min ? refs[i].serial : min;
		max = refs[i].serial > max ? refs[i].serial : max;
	}
	for (shift = 0; n && shift < 64 && (max - min) >> shift; shift += RADIX_BITS) {
		size_t count[RADIX] = {0}, at = 0, c;

		for (i = 0; i < n; i++)
			count[(from[i].serial - min) >> shift & (RADIX - 1)]++;
		for (i = 0; i < RADIX; i++) {
			c = count[i];
			count[i] = at;
			at += c;
		}
		for (i = 0; i < n; i++)
			to[count[(from[i].serial - min) >> shift & (RADIX - 1)]++] = from[i];
		swap = from;
		from = to;
		to = swap;
	}
	if (from != refs)
		memcpy(refs, from, n * sizeof(*refs));
}

static void put_head(struct buf *b, const struct pidx_info *info)
{
	size_t at;
	uint8_t version[2];

	buf_add(b, MAGIC, REC_MAGIC);
	at = rec_begin(b, PIDX_HEAD);
	le16_store(version, VERSION);
	buf_add(b, version, 2);
	rec_put_u64(b, info->run);
	rec_put_u32(b, info->segment);
	rec_end(b, at);
}

static int put_bloom(struct buf *b, const struct pidx_ref *refs, size_t n, uint64_t flows)
{
	unsigned log2 = bloom_log2(flows, BLOOM_BITS);
	size_t at, i, bytes = bloom_size(log2);
	uint8_t *bits;

	at = rec_begin(b, PIDX_BLOOM);
	buf_addch(b, (char)log2);
	buf_addch(b, BLOOM_K);
	if (buf_reserve(b, bytes) < 0)
		return -ENOMEM;
	bits = (uint8_t *)b->p + b->len;
	memset(bits, 0, bytes);
	for (i = 0; i < n; i++)
		if (!i || refs[i].serial != refs[i - 1].serial)
			bloom_add(bits, log2, BLOOM_K, bloom_hash(refs[i].serial));
	b->len += bytes;
	rec_end(b, at);
	return 0;
}

static void put_spans(struct buf *b, const struct pidx_span *spans, size_t n)
{
	size_t at = rec_begin(b, PIDX_SPANS), i;
	uint64_t from = 0;
	int64_t min = 0;

	rec_put_int(b, n);
	for (i = 0; i < n; i++) {
		rec_put_int(b, (spans[i].from - from) / PIDX_UNIT);
		rec_put_int(b, (spans[i].to - spans[i].from) / PIDX_UNIT);
		rec_put_int(b, spans[i].packets);
		rec_put_sint(b, (int64_t)((uint64_t)spans[i].min - (uint64_t)min));
		rec_put_int(b, (uint64_t)spans[i].max - (uint64_t)spans[i].min);
		from = spans[i].to;
		min = spans[i].min;
	}
	rec_end(b, at);
}

/* Checksums of all spans, or nothing. */
static void put_sums(struct buf *b, const struct pidx_span *spans, size_t n)
{
	size_t at, i;

	for (i = 0; i < n; i++)
		if (!spans[i].has_crc)
			return;
	at = rec_begin(b, PIDX_SUMS);
	for (i = 0; i < n; i++)
		rec_put_u32(b, spans[i].crc);
	rec_end(b, at);
}

/* Places of one flow; returns how many. */
static size_t put_flow(struct buf *b, const struct pidx_ref *refs, size_t n)
{
	size_t count = 1, i;

	while (count < n && refs[count].serial == refs[0].serial)
		count++;
	rec_put_int(b, count);
	rec_put_int(b, refs[0].at);
	for (i = 1; i < count; i++)
		rec_put_int(b, refs[i].at - refs[i - 1].at);
	return count;
}

/* All flows in records of about BLOCK_BYTES, then where those are. */
static uint64_t put_flows(struct buf *b, size_t base, const struct pidx_ref *refs, size_t n)
{
	CLEANUP(buf_done) struct buf dir = BUF_INIT;
	uint64_t blocks = 0, last = 0, last_at = 0, dir_at;
	size_t i = 0, at;

	while (i < n) {
		uint64_t first = refs[i].serial, serial = first;

		at = rec_begin(b, PIDX_FLOWS);
		rec_put_int(&dir, first - last);
		rec_put_int(&dir, at - base - last_at);
		last = first;
		last_at = at - base;
		rec_put_int(b, first);
		for (; i < n && b->len - at < BLOCK_BYTES && !buf_err(b);) {
			rec_put_int(b, refs[i].serial - serial);
			serial = refs[i].serial;
			i += put_flow(b, refs + i, n - i);
		}
		rec_end(b, at);
		blocks++;
		if (buf_err(b))
			break;
	}
	dir_at = b->len - base;
	at = rec_begin(b, PIDX_DIR);
	rec_put_int(b, blocks);
	buf_add(b, dir.p, dir.len);
	rec_end(b, at);
	if (buf_err(&dir))
		b->err = -ENOMEM;
	return dir_at;
}

static void put_end(struct buf *b, const struct pidx_info *info, uint64_t spans_at, uint64_t dir_at)
{
	size_t at = rec_begin(b, PIDX_END);

	rec_put_u64(b, info->bytes);
	rec_put_u64(b, info->packets);
	rec_put_u64(b, info->refs);
	rec_put_u64(b, info->flows);
	rec_put_u64(b, (uint64_t)info->min);
	rec_put_u64(b, (uint64_t)info->max);
	rec_put_u64(b, spans_at);
	rec_put_u64(b, dir_at);
	rec_end(b, at);
}

/* What spans and references say together. */
static void sum_up(struct pidx_info *info, const struct pidx_span *spans, size_t n_spans,
		   const struct pidx_ref *refs, size_t n_refs)
{
	size_t i;

	info->packets = 0;
	info->refs = n_refs;
	info->flows = 0;
	info->min = INT64_MAX;
	info->max = INT64_MIN;
	for (i = 0; i < n_spans; i++) {
		if (!spans[i].packets)
			continue;
		info->packets += spans[i].packets;
		info->min = spans[i].min < info->min ? spans[i].min : info->min;
		info->max = spans[i].max > info->max ? spans[i].max : info->max;
	}
	for (i = 0; i < n_refs; i++)
		info->flows += !i || refs[i].serial != refs[i - 1].serial;
}

int pidx_write(struct buf *b, const struct pidx_info *info, const struct pidx_span *spans,
	       size_t n_spans, const struct pidx_ref *refs, size_t n_refs)
{
	struct pidx_info all = *info;
	size_t base = b->len;
	uint64_t spans_at, dir_at;
	int r;

	sum_up(&all, spans, n_spans, refs, n_refs);
	if (all.flows > PIDX_FLOWS_MAX)
		return -E2BIG;
	put_head(b, &all);
	r = put_bloom(b, refs, n_refs, all.flows);
	if (r < 0)
		return r;
	spans_at = b->len - base;
	put_spans(b, spans, n_spans);
	put_sums(b, spans, n_spans);
	dir_at = put_flows(b, base, refs, n_refs);
	put_end(b, &all, spans_at, dir_at);
	return buf_err(b);
}

static bool has_magic(const uint8_t *p, size_t size)
{
	return size >= REC_MAGIC && memcmp(p, MAGIC, REC_MAGIC) == 0;
}

/* The record of 'type' that begins at 'at'; its bytes or -errno. */
static int64_t read_at(const uint8_t *p, size_t size, uint64_t at, uint32_t type, struct rec *ret)
{
	int64_t n;

	if (at > size)
		return -EBADMSG;
	n = rec_read(p + at, size - at, ret);
	if (n <= 0)
		return n ? n : -ENODATA;
	return ret->type == type ? n : -EBADMSG;
}

static int64_t read_head(const uint8_t *p, size_t size, struct pidx_info *ret)
{
	struct rec rec;
	int64_t n;

	if (!has_magic(p, size))
		return size < REC_MAGIC && (!size || memcmp(p, MAGIC, size) == 0) ? -ENODATA
										  : -EBADMSG;
	n = read_at(p, size, REC_MAGIC, PIDX_HEAD, &rec);
	if (n < 0)
		return n;
	if (rec.size >= 2 && le16_load(rec.p) != VERSION)
		return -EPROTO;
	if (rec.size < HEAD_SIZE)
		return -EBADMSG;
	ret->run = le64_load(rec.p + 2);
	ret->segment = le32_load(rec.p + 10);
	return REC_MAGIC + n;
}

/* They stand behind the spans, or nowhere. */
static void read_sums(struct pidx *x, uint64_t at)
{
	struct rec rec;
	size_t i;

	if (read_at(x->p, x->size, at, PIDX_SUMS, &rec) < 0 || rec.size / SUM_SIZE < x->n_spans)
		return;
	for (i = 0; i < x->n_spans; i++) {
		x->spans[i].crc = le32_load(rec.p + i * SUM_SIZE);
		x->spans[i].has_crc = 1;
	}
}

static int read_spans(struct pidx *x, uint64_t at)
{
	struct rec rec = {0};
	int64_t n = read_at(x->p, x->size, at, PIDX_SPANS, &rec), min = 0;
	struct cur c = rec_cur(&rec);
	uint64_t from = 0, count;
	size_t i;

	if (n < 0)
		return (int)n;
	count = rec_get_int(&c);
	if (count > rec.size / SPAN_LEAST)
		return -EBADMSG;
	x->spans = calloc(count ? count : 1, sizeof(*x->spans));
	if (!x->spans)
		return -ENOMEM;
	for (i = 0; i < count; i++) {
		struct pidx_span *s = &x->spans[i];
		uint64_t gap = rec_get_int(&c), len = rec_get_int(&c), width;

		if (!cur_ok(&c) || gap > (x->info.bytes - from) / PIDX_UNIT ||
		    len > (x->info.bytes - from) / PIDX_UNIT - gap)
			return -EBADMSG;
		s->from = from + gap * PIDX_UNIT;
		s->to = from = s->from + len * PIDX_UNIT;
		s->packets = rec_get_int(&c);
		s->min = min = (int64_t)((uint64_t)min + (uint64_t)rec_get_sint(&c));
		width = rec_get_int(&c);
		s->max = (int64_t)((uint64_t)min + width);
		if (!cur_ok(&c) || s->max < s->min)
			return -EBADMSG;
	}
	x->n_spans = count;
	read_sums(x, at + (uint64_t)n);
	return 0;
}

static int read_dir(struct pidx *x, uint64_t at)
{
	struct rec rec = {0};
	int64_t n = read_at(x->p, x->size, at, PIDX_DIR, &rec);
	struct cur c = rec_cur(&rec);
	uint64_t count, first = 0, pos = 0;
	size_t i;

	if (n < 0)
		return (int)n;
	count = rec_get_int(&c);
	if (count > rec.size / DIR_LEAST)
		return -EBADMSG;
	x->blocks = calloc(count ? count : 1, sizeof(*x->blocks));
	if (!x->blocks)
		return -ENOMEM;
	for (i = 0; i < count; i++) {
		uint64_t d = rec_get_int(&c), step = rec_get_int(&c);

		if (!cur_ok(&c) || (i && !d) || d > UINT64_MAX - first || step > at - pos)
			return -EBADMSG;
		first += d;
		pos += step;
		x->blocks[i] = (struct pidx_block){first, pos};
	}
	x->n_blocks = count;
	return 0;
}

int pidx_open(struct pidx *ret, const uint8_t *p, size_t size)
{
	struct pidx x = {.p = p, .size = size};
	struct rec rec;
	int64_t n;
	int r;

	n = read_head(p, size, &x.info);
	if (n < 0)
		return (int)n;
	if (size < (size_t)n + REC_HEAD + END_SIZE)
		return -ENODATA;
	n = read_at(p, size, size - REC_HEAD - END_SIZE, PIDX_END, &rec);
	if (n < 0 || rec.size != END_SIZE)
		return -ENODATA; /* it has no end: it was cut */
	x.info.bytes = le64_load(rec.p);
	x.info.packets = le64_load(rec.p + 8);
	x.info.refs = le64_load(rec.p + 16);
	x.info.flows = le64_load(rec.p + 24);
	x.info.min = (int64_t)le64_load(rec.p + 32);
	x.info.max = (int64_t)le64_load(rec.p + 40);
	r = read_spans(&x, le64_load(rec.p + 48));
	if (r == 0)
		r = read_dir(&x, le64_load(rec.p + 56));
	if (r < 0) {
		pidx_done(&x);
		return r == -ENODATA ? -EBADMSG : r;
	}
	*ret = x;
	return 0;
}

void pidx_done(struct pidx *x)
{
	free(x->spans);
	free(x->blocks);
	*x = (struct pidx){0};
}

bool pidx_maybe(const uint8_t *p, size_t size, const uint64_t *serials, size_t n, size_t *ret_need)
{
	struct pidx_info info;
	struct rec rec;
	int64_t at, r;
	size_t i;

	at = read_head(p, size, &info);
	if (at < 0)
		return true;
	r = read_at(p, size, (uint64_t)at, PIDX_BLOOM, &rec);
	if (r == -ENODATA && ret_need && size - (size_t)at >= REC_HEAD)
		*ret_need = (size_t)at + REC_HEAD + le32_load(p + at + 4);
	if (r < 0 || rec.size < 2 || rec.p[0] < BLOOM_LOG2_MIN || rec.p[0] > BLOOM_LOG2_MAX ||
	    rec.size - 2 != UINT32_C(1) << (rec.p[0] - 3))
		return true;
	for (i = 0; i < n; i++)
		if (bloom_may(rec.p + 2, rec.p[0], rec.p[1], bloom_hash(serials[i])))
			return true;
	return false;
}

/* First of the sorted serials that is not below 'serial'. */
static size_t first_from(const uint64_t *serials, size_t n, uint64_t serial)
{
	size_t lo = 0, hi = n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (serials[mid] < serial)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

struct select {
	const uint64_t *serials; /* NULL: all */
	size_t n, at;
	uint32_t limit; /* places are below */
	int (*fn)(void *arg, const struct pidx_ref *r);
	void *arg;
};

static bool wanted(struct select *s, uint64_t serial)
{
	if (!s->serials)
		return true;
	while (s->at < s->n && s->serials[s->at] < serial)
		s->at++;
	return s->at < s->n && s->serials[s->at] == serial;
}

static int select_flow(struct select *s, struct cur *c, uint64_t serial)
{
	uint64_t count = rec_get_int(c), k;
	struct pidx_ref ref = {.serial = serial};
	bool want = wanted(s, serial);
	uint64_t at = 0;
	int r;

	if (!count)
		c->bad = true;
	for (k = 0; k < count && cur_ok(c); k++) {
		uint64_t d = rec_get_int(c);

		if ((k && !d) || d >= s->limit - at)
			return -EBADMSG;
		at += d;
		ref.at = (uint32_t)at;
		if (!want || !cur_ok(c))
			continue;
		r = s->fn(s->arg, &ref);
		if (r)
			return r;
	}
	return cur_ok(c) ? 0 : -EBADMSG;
}

/* One record of flows: those from 'first' on, before 'next'. */
static int select_block(struct select *s, const struct rec *rec, uint64_t first, uint64_t next)
{
	struct cur c = rec_cur(rec);
	uint64_t serial = rec_get_int(&c), d;
	bool begun = false;
	int r;

	if (!cur_ok(&c) || serial != first || !c.left)
		return -EBADMSG;
	while (c.left) {
		d = rec_get_int(&c);
		if (!cur_ok(&c) || begun == !d || d >= next - serial)
			return -EBADMSG;
		begun = true;
		serial += d;
		r = select_flow(s, &c, serial);
		if (r)
			return r;
	}
	return 0;
}

int pidx_select(const struct pidx *x, const uint64_t *serials, size_t n,
		int (*fn)(void *arg, const struct pidx_ref *r), void *arg)
{
	uint64_t units = (x->info.bytes + PIDX_UNIT - 1) / PIDX_UNIT;
	struct select s = {
		.serials = serials,
		.n = n,
		.limit = units > UINT32_MAX ? UINT32_MAX : (uint32_t)units,
		.fn = fn,
		.arg = arg,
	};
	size_t i;
	int r = 0;

	for (i = 0; i < x->n_blocks && r == 0; i++) {
		uint64_t next = i + 1 < x->n_blocks ? x->blocks[i + 1].first : UINT64_MAX;
		struct rec rec;

		if (serials) {
			s.at = first_from(serials, n, x->blocks[i].first);
			if (s.at == n || serials[s.at] >= next)
				continue;
		}
		if (read_at(x->p, x->size, x->blocks[i].at, PIDX_FLOWS, &rec) < 0)
			return -EBADMSG;
		r = select_block(&s, &rec, x->blocks[i].first, next);
	}
	return r;
}
