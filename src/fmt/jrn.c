#include "fmt/jrn.h"

#include <errno.h>
#include <string.h>

#define MAGIC "trawl-jn"

/* Bytes of payloads with texts, and of those with some numbers; in files there are less. */
#define TEXTS_MAX   (1u << 20)
#define NUMBERS_MAX (4u << 10)

enum { STATS_RECV = 1, STATS_IFDROP = 2, STATS_ACCEPT = 4, STATS_OSDROP = 8, STATS_DELIV = 16 };

void jrn_put_magic(struct buf *b)
{
	buf_add(b, MAGIC, REC_MAGIC);
}

uint32_t jrn_size_max(uint32_t type)
{
	switch (type) {
	case JRN_HEAD:
	case JRN_IFACE:
	case JRN_CLOCK:
		return TEXTS_MAX;
	case JRN_SCHEMA:
	case JRN_ROWS:
		return 2 * JRN_ROWS_SIZE; /* the last row goes over */
	case JRN_GAP:
	case JRN_TICK:
	case JRN_SEGMENT:
	case JRN_STATS:
	case JRN_END:
	case JRN_BLOCK:
	case JRN_BEAT:
		return NUMBERS_MAX;
	default:
		return 0;
	}
}

int jrn_check_magic(const uint8_t *p, size_t size)
{
	size_t n = size < REC_MAGIC ? size : REC_MAGIC;

	if (memcmp(p, MAGIC, n) != 0)
		return -EBADMSG;
	return size < REC_MAGIC ? -ENODATA : 0;
}

/* Length + 1, then the bytes; 0: not known. */
static void put_text(struct buf *b, struct jrn_text t)
{
	rec_put_int(b, t.p ? (uint64_t)t.len + 1 : 0);
	buf_add(b, t.p, t.p ? t.len : 0);
}

static struct jrn_text get_text(struct cur *c)
{
	uint64_t n = rec_get_int(c);
	struct jrn_text t = {0};

	if (!n)
		return t;
	if (n - 1 > c->left) {
		c->bad = true;
		return t;
	}
	t.len = (uint32_t)(n - 1);
	t.p = (const char *)cur_take(c, t.len);
	return t;
}

/* Numbers of 32 bits or less. */
static uint32_t get_u32(struct cur *c)
{
	uint64_t v = rec_get_int(c);

	if (v > UINT32_MAX)
		c->bad = true;
	return (uint32_t)v;
}

static int done(const struct cur *c)
{
	return cur_ok(c) ? 0 : -EBADMSG;
}

void jrn_put_head(struct buf *b, const struct jrn_head *h)
{
	size_t at = rec_begin(b, JRN_HEAD);

	rec_put_int(b, JRN_VERSION);
	rec_put_int(b, h->run);
	rec_put_int(b, h->pid);
	rec_put_int(b, h->shard);
	rec_put_sint(b, h->start);
	rec_put_int(b, h->raw_limit);
	rec_put_int(b, h->snaplen);
	rec_put_int(b, h->idle);
	rec_put_int(b, h->hold);
	rec_put_int(b, h->key_mode);
	put_text(b, h->capture);
	put_text(b, h->app);
	rec_end(b, at);
}

int jrn_get_head(const struct rec *r, struct jrn_head *ret)
{
	struct cur c = rec_cur(r);
	uint64_t version;

	version = rec_get_int(&c);
	if (!version || version > JRN_VERSION)
		return cur_ok(&c) ? -EPROTO : -EBADMSG;
	ret->version = (uint32_t)version;
	ret->run = rec_get_int(&c);
	ret->pid = rec_get_int(&c);
	ret->shard = get_u32(&c);
	ret->start = rec_get_sint(&c);
	ret->raw_limit = rec_get_int(&c);
	ret->snaplen = get_u32(&c);
	ret->idle = rec_get_int(&c);
	ret->hold = rec_get_int(&c);
	ret->key_mode = get_u32(&c);
	ret->capture = get_text(&c);
	ret->app = get_text(&c);
	return done(&c);
}

void jrn_put_iface(struct buf *b, const struct jrn_iface *i)
{
	size_t at = rec_begin(b, JRN_IFACE);

	rec_put_int(b, i->number);
	rec_put_int(b, i->linktype);
	rec_put_int(b, i->fcs_len);
	rec_put_int(b, i->speed);
	put_text(b, i->name);
	put_text(b, i->descr);
	put_text(b, i->filter);
	put_text(b, i->hardware);
	put_text(b, i->os);
	rec_end(b, at);
}

int jrn_get_iface(const struct rec *r, struct jrn_iface *ret)
{
	struct cur c = rec_cur(r);
	uint32_t linktype, fcs;

	ret->number = get_u32(&c);
	linktype = get_u32(&c);
	fcs = get_u32(&c);
	ret->linktype = (uint16_t)linktype;
	ret->fcs_len = (uint8_t)fcs;
	ret->speed = rec_get_int(&c);
	ret->name = get_text(&c);
	ret->descr = get_text(&c);
	ret->filter = get_text(&c);
	ret->hardware = get_text(&c);
	ret->os = get_text(&c);
	return linktype > UINT16_MAX || fcs > UINT8_MAX ? -EBADMSG : done(&c);
}

void jrn_put_gap(struct buf *b, const struct jrn_gap *g)
{
	size_t at = rec_begin(b, JRN_GAP);

	rec_put_int(b, g->iface);
	rec_put_sint(b, g->from);
	rec_put_sint(b, g->to);
	rec_put_int(b, g->why);
	rec_put_int(b, g->count);
	rec_end(b, at);
}

int jrn_get_gap(const struct rec *r, struct jrn_gap *ret)
{
	struct cur c = rec_cur(r);

	ret->iface = get_u32(&c);
	ret->from = rec_get_sint(&c);
	ret->to = rec_get_sint(&c);
	ret->why = get_u32(&c);
	ret->count = rec_get_int(&c);
	return done(&c);
}

void jrn_put_tick(struct buf *b, const struct jrn_tick *t)
{
	size_t at = rec_begin(b, JRN_TICK);

	rec_put_sint(b, t->ts);
	rec_put_int(b, t->kept);
	rec_put_int(b, t->raw_limited);
	rec_end(b, at);
}

int jrn_get_tick(const struct rec *r, struct jrn_tick *ret)
{
	struct cur c = rec_cur(r);

	ret->ts = rec_get_sint(&c);
	ret->kept = rec_get_int(&c);
	ret->raw_limited = rec_get_int(&c);
	return done(&c);
}

void jrn_put_segment(struct buf *b, const struct jrn_segment *s)
{
	size_t at = rec_begin(b, JRN_SEGMENT);

	rec_put_int(b, s->number);
	rec_put_int(b, s->bytes);
	rec_put_int(b, s->packets);
	rec_put_sint(b, s->min);
	rec_put_sint(b, s->max);
	rec_end(b, at);
}

int jrn_get_segment(const struct rec *r, struct jrn_segment *ret)
{
	struct cur c = rec_cur(r);

	ret->number = get_u32(&c);
	ret->bytes = rec_get_int(&c);
	ret->packets = rec_get_int(&c);
	ret->min = rec_get_sint(&c);
	ret->max = rec_get_sint(&c);
	return done(&c);
}

void jrn_put_block(struct buf *b, const struct jrn_block *k)
{
	size_t at = rec_begin(b, JRN_BLOCK);

	rec_put_int(b, k->number);
	rec_put_int(b, k->file);
	rec_put_int(b, k->at);
	rec_put_int(b, k->size);
	rec_put_int(b, k->rows);
	rec_put_sint(b, k->start);
	rec_put_sint(b, k->last);
	rec_end(b, at);
}

int jrn_get_block(const struct rec *r, struct jrn_block *ret)
{
	struct cur c = rec_cur(r);

	ret->number = get_u32(&c);
	ret->file = get_u32(&c);
	ret->at = rec_get_int(&c);
	ret->size = get_u32(&c);
	ret->rows = get_u32(&c);
	ret->start = rec_get_sint(&c);
	ret->last = rec_get_sint(&c);
	return done(&c);
}

void jrn_put_beat(struct buf *b, const struct jrn_beat *k)
{
	size_t at = rec_begin(b, JRN_BEAT);

	rec_put_u64(b, k->number);
	rec_put_u64(b, (uint64_t)k->tick.ts);
	rec_put_u64(b, k->tick.kept);
	rec_put_u64(b, k->tick.raw_limited);
	rec_put_u64(b, k->serial);
	rec_put_u64(b, k->tail);
	rec_put_u64(b, k->tail_bytes);
	rec_end(b, at);
}

int jrn_get_beat(const struct rec *r, struct jrn_beat *ret)
{
	struct cur c = rec_cur(r);

	ret->number = rec_get_u64(&c);
	ret->tick.ts = (int64_t)rec_get_u64(&c);
	ret->tick.kept = rec_get_u64(&c);
	ret->tick.raw_limited = rec_get_u64(&c);
	ret->serial = rec_get_u64(&c);
	ret->tail = rec_get_u64(&c);
	ret->tail_bytes = rec_get_u64(&c);
	return done(&c);
}

void jrn_put_stats(struct buf *b, const struct iface_stats *s)
{
	size_t at = rec_begin(b, JRN_STATS);

	rec_put_int(b, s->iface);
	rec_put_sint(b, s->ts);
	rec_put_sint(b, s->start);
	rec_put_sint(b, s->end);
	rec_put_int(b, (s->has_recv ? STATS_RECV : 0) | (s->has_ifdrop ? STATS_IFDROP : 0) |
			       (s->has_accept ? STATS_ACCEPT : 0) |
			       (s->has_osdrop ? STATS_OSDROP : 0) |
			       (s->has_deliv ? STATS_DELIV : 0));
	rec_put_int(b, s->recv);
	rec_put_int(b, s->ifdrop);
	rec_put_int(b, s->accept);
	rec_put_int(b, s->osdrop);
	rec_put_int(b, s->deliv);
	rec_end(b, at);
}

int jrn_get_stats(const struct rec *r, struct iface_stats *ret)
{
	struct cur c = rec_cur(r);
	uint64_t has;

	ret->iface = get_u32(&c);
	ret->ts = rec_get_sint(&c);
	ret->start = rec_get_sint(&c);
	ret->end = rec_get_sint(&c);
	has = rec_get_int(&c);
	ret->has_recv = has & STATS_RECV;
	ret->has_ifdrop = has & STATS_IFDROP;
	ret->has_accept = has & STATS_ACCEPT;
	ret->has_osdrop = has & STATS_OSDROP;
	ret->has_deliv = has & STATS_DELIV;
	ret->recv = rec_get_int(&c);
	ret->ifdrop = rec_get_int(&c);
	ret->accept = rec_get_int(&c);
	ret->osdrop = rec_get_int(&c);
	ret->deliv = rec_get_int(&c);
	return done(&c);
}

void jrn_put_end(struct buf *b, const struct jrn_end *e)
{
	size_t at = rec_begin(b, JRN_END);

	rec_put_sint(b, e->ts);
	rec_put_int(b, e->kept);
	rec_put_int(b, e->raw_limited);
	rec_put_int(b, e->dropped);
	rec_put_int(b, e->rows);
	rec_put_int(b, e->rows_dropped);
	rec_end(b, at);
}

int jrn_get_end(const struct rec *r, struct jrn_end *ret)
{
	struct cur c = rec_cur(r);

	ret->ts = rec_get_sint(&c);
	ret->kept = rec_get_int(&c);
	ret->raw_limited = rec_get_int(&c);
	ret->dropped = rec_get_int(&c);
	ret->rows = rec_get_int(&c);
	ret->rows_dropped = rec_get_int(&c);
	return done(&c);
}

void jrn_put_clock(struct buf *b, const struct jrn_clock *k)
{
	size_t at = rec_begin(b, JRN_CLOCK);

	rec_put_sint(b, k->state.ts);
	rec_put_int(b, k->state.sync);
	rec_put_sint(b, k->state.max_error);
	rec_put_sint(b, k->state.est_error);
	rec_put_sint(b, k->state.step);
	put_text(b, k->source);
	rec_end(b, at);
}

int jrn_get_clock(const struct rec *r, struct jrn_clock *ret)
{
	struct cur c = rec_cur(r);
	uint64_t sync;

	ret->state.ts = rec_get_sint(&c);
	sync = rec_get_int(&c);
	ret->state.sync = sync <= CLOCK_FREE ? (enum clock_sync)sync : CLOCK_UNKNOWN;
	ret->state.max_error = rec_get_sint(&c);
	ret->state.est_error = rec_get_sint(&c);
	ret->state.step = rec_get_sint(&c);
	ret->source = get_text(&c);
	return done(&c);
}
