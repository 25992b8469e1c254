#include "flow/flow_tcp.h"

#include <string.h>

/* Sequence numbers further apart belong to no window (RFC 7323 2.3 allows
 * 2^30): such segments are noise and do not move the state. */
#define FAR (INT32_C(1) << 30)

/* A SYN may be captured after data of its connection by reordering, but not
 * after more than that many bytes. */
#define REORDER_MAX 65536

/* Whether an answer can have taken that long. */
static bool is_rtt(int64_t from, int64_t to)
{
	return to >= from && flow_span(from, to) <= FLOW_RTT_MAX;
}

void flow_tcp_init(struct flow_hot *h, struct flow_tcp *t)
{
	memset(t, 0, sizeof(*t));
	memset(h->dir, 0, sizeof(h->dir));
	t->rtt_client = -1;
	h->loss = POOL_NONE;
	h->dir[0].win_min = h->dir[1].win_min = UINT16_MAX;
}

static struct flow_loss *loss_get(struct flow_hot *h, struct pool *losses)
{
	if (h->loss == POOL_NONE) {
		h->loss = pool_alloc(losses);
		if (h->loss == POOL_NONE)
			return NULL;
		memset(pool_at(losses, h->loss), 0, sizeof(struct flow_loss));
	}
	return pool_at(losses, h->loss);
}

static void hole_remove(struct flow_loss *l, int dir, int i)
{
	l->dir[dir].n--;
	memmove(&l->dir[dir].hole[i], &l->dir[dir].hole[i + 1],
		(size_t)(l->dir[dir].n - i) * sizeof(l->dir[dir].hole[0]));
}

/* The oldest hole is counted as missed and followed no longer. */
static void hole_give_up(struct flow_loss *l, int dir)
{
	l->dir[dir].missed_bytes += l->dir[dir].hole[0].to - l->dir[dir].hole[0].from;
	l->dir[dir].missed++;
	hole_remove(l, dir, 0);
}

/* Inserts [from, to) before hole 'i'; the oldest one is given up for it. */
static void hole_insert(struct flow_loss *l, int dir, int i, uint32_t from, uint32_t to)
{
	if (l->dir[dir].n == FLOW_HOLES) {
		hole_give_up(l, dir);
		if (i > 0)
			i--;
	}
	memmove(&l->dir[dir].hole[i + 1], &l->dir[dir].hole[i],
		(size_t)(l->dir[dir].n - i) * sizeof(l->dir[dir].hole[0]));
	l->dir[dir].hole[i].from = from;
	l->dir[dir].hole[i].to = to;
	l->dir[dir].n++;
}

/* Takes [from, to) out of the holes; returns the bytes that were missing. */
static uint32_t hole_fill(struct flow_loss *l, int dir, uint32_t from, uint32_t to)
{
	uint32_t filled = 0;
	int i = 0;

	while (i < l->dir[dir].n) {
		uint32_t f = l->dir[dir].hole[i].from, t = l->dir[dir].hole[i].to;
		uint32_t lo = flow_tcp_diff(from, f) > 0 ? from : f,
			 hi = flow_tcp_diff(to, t) < 0 ? to : t;

		if (flow_tcp_diff(hi, lo) <= 0) {
			i++;
			continue;
		}
		filled += hi - lo;
		if (lo == f && hi == t) {
			hole_remove(l, dir, i);
			continue;
		}
		if (lo != f && hi != t) {
			uint8_t before = l->dir[dir].n;

			l->dir[dir].hole[i].to = lo;
			hole_insert(l, dir, i + 1, hi, t);
			i += before == l->dir[dir].n ? 1 : 2;
			continue;
		}
		if (lo == f)
			l->dir[dir].hole[i].from = hi;
		else
			l->dir[dir].hole[i].to = lo;
		i++;
	}
	return filled;
}

/* The first that is known of a direction: its bytes begin behind 'base'. */
static void begin(struct flow_hot *h, struct flow_tcp *t, int dir, uint32_t base)
{
	struct flow_tcp_dir *s = &h->dir[dir];

	t->base[dir] = base;
	s->next = base + 1;
	s->wraps = s->next == 0;
	s->state |= FLOW_TCP_SEEN;
}

/* It began earlier than thought. */
static void move_base(struct flow_hot *h, struct flow_tcp *t, int dir, uint32_t base)
{
	struct flow_tcp_dir *s = &h->dir[dir];

	s->wraps = (uint16_t)(s->wraps + (base > t->base[dir]));
	t->base[dir] = base;
}

/* Nothing was seen of [s->next, to): remember that and go behind it. */
static void skip_to(struct flow_hot *h, struct pool *losses, int dir, uint32_t to)
{
	struct flow_tcp_dir *s = &h->dir[dir];
	struct flow_loss *l = loss_get(h, losses);

	if (l)
		hole_insert(l, dir, l->dir[dir].n, s->next, to);
	flow_tcp_advance(s, to);
}

/* Payload that starts before the first sequence number seen: the capture began
 * in the middle and packets overtook each other. */
static uint32_t before_base(struct flow_hot *h, struct flow_tcp *t, struct flow_loss *l, int dir,
			    uint32_t from, uint32_t to)
{
	uint32_t first = t->base[dir] + 1, end = flow_tcp_diff(to, first) < 0 ? to : first;

	if (h->dir[dir].state & FLOW_TCP_SYN || flow_tcp_diff(from, first) >= 0)
		return 0;
	if (end != first)
		hole_insert(l, dir, 0, end, first);
	move_base(h, t, dir, from - 1);
	return end - from;
}

static void add_old(struct flow_hot *h, struct flow_tcp *t, struct pool *losses, int dir,
		    uint32_t from, uint32_t to)
{
	struct flow_tcp_dir *s = &h->dir[dir];
	uint32_t end = flow_tcp_diff(to, s->next) < 0 ? to : s->next, fresh;
	struct flow_loss *l = loss_get(h, losses);

	if (l) {
		fresh = before_base(h, t, l, dir, from, to);
		fresh += hole_fill(l, dir, from, end);
		l->dir[dir].ooo_bytes += fresh;
		l->dir[dir].ooo_packets += fresh > 0;
		l->dir[dir].retrans_bytes += end - from - fresh;
		l->dir[dir].retrans_packets += end - from > fresh;
	}
	if (end != to)
		flow_tcp_advance(s, to);
}

static void add_payload(struct flow_hot *h, struct flow_tcp *t, struct pool *losses, int dir,
			uint32_t from, uint32_t to)
{
	struct flow_tcp_dir *s = &h->dir[dir];
	int32_t gap = flow_tcp_diff(from, s->next);

	if (gap > FAR || gap < -FAR)
		return;
	if (gap < 0) {
		add_old(h, t, losses, dir, from, to);
		return;
	}
	if (gap > 0)
		skip_to(h, losses, dir, from);
	flow_tcp_advance(s, to);
}

static void add_syn(struct flow_hot *h, struct flow_tcp *t, struct pool *losses, int dir,
		    const struct dec *d, int64_t ts)
{
	struct flow_tcp_dir *s = &h->dir[dir], *r = &h->dir[!dir];

	if (s->state & FLOW_TCP_SYN) {
		s->state |= t->base[dir] == d->seq ? FLOW_TCP_SYN_AGAIN : 0;
		return;
	}
	if (!(s->state & FLOW_TCP_SEEN)) {
		begin(h, t, dir, d->seq);
	} else if (t->base[dir] != d->seq) {
		int32_t early = flow_tcp_diff(t->base[dir], d->seq);

		/* Data or acknowledgements overtook the SYN. */
		struct flow_loss *l;

		if (early <= 0 || early > REORDER_MAX)
			return;
		l = loss_get(h, losses);
		if (l)
			hole_insert(l, dir, 0, d->seq + 1, t->base[dir] + 1);
		move_base(h, t, dir, d->seq);
	}
	s->state |= FLOW_TCP_SYN;
	t->syn[dir] = ts;
	if (d->flags & DEC_TCP_OPTS && d->tcp_wscale) {
		s->state |= FLOW_TCP_WSCALE;
		t->wscale &= (uint8_t) ~(15u << 4 * dir);
		t->wscale |=
			(uint8_t)((d->tcp_wscale - 1 > 14 ? 14u : d->tcp_wscale - 1u) << 4 * dir);
	}
	if (d->tcp_flags & TCP_ACK) {
		if (r->state & FLOW_TCP_SYN && d->ack == t->base[!dir] + 1)
			s->state |= FLOW_TCP_SYNACK;
		s->state |= FLOW_TCP_WAIT;
		r->state &= (uint8_t)~FLOW_TCP_WAIT;
		t->rtt_client = -1;
	}
}

static void add_ack(struct flow_hot *h, struct flow_tcp *t, struct pool *losses, int dir,
		    const struct dec *d, int64_t ts)
{
	struct flow_tcp_dir *r = &h->dir[!dir];
	struct flow_loss *l;
	int32_t beyond;

	if (r->state & FLOW_TCP_WAIT && !(d->tcp_flags & TCP_SYN) &&
	    flow_tcp_diff(d->ack, t->base[!dir] + 1) >= 0) {
		r->state &= (uint8_t)~FLOW_TCP_WAIT;
		if (!(r->state & FLOW_TCP_SYN_AGAIN) && is_rtt(t->syn[!dir], ts))
			t->rtt_client = ts - t->syn[!dir];
	}

	if (!(r->state & FLOW_TCP_SEEN)) {
		begin(h, t, !dir, d->ack - 1);
		return;
	}
	beyond = flow_tcp_diff(d->ack, r->next);
	if (beyond > 0 && beyond <= FAR)
		skip_to(h, losses, !dir, d->ack);
	if (h->loss == POOL_NONE)
		return;
	l = pool_at(losses, h->loss);
	if (beyond <= FAR &&
	    (!l->dir[!dir].has_ack || flow_tcp_diff(d->ack, l->dir[!dir].acked) > 0)) {
		l->dir[!dir].acked = d->ack;
		l->dir[!dir].has_ack = 1;
	}
}

static void add_fin(struct flow_hot *h, struct pool *losses, int dir, uint32_t at)
{
	struct flow_tcp_dir *s = &h->dir[dir];
	int32_t gap = flow_tcp_diff(at, s->next);

	if (s->state & FLOW_TCP_FIN_COUNTED || gap > FAR || gap < -FAR)
		return;
	if (gap < 0) {
		/* It was acknowledged before it was captured: a hole of one number. */
		if (h->loss != POOL_NONE &&
		    hole_fill(pool_at(losses, h->loss), dir, at, at + 1) == 1)
			s->state |= FLOW_TCP_FIN_COUNTED;
		return;
	}
	if (gap > 0)
		skip_to(h, losses, dir, at);
	flow_tcp_advance(s, at + 1);
	s->state |= FLOW_TCP_FIN_COUNTED;
}

bool flow_tcp_is_new(const struct flow_hot *h, const struct flow_tcp *t, bool closed, int dir,
		     const struct dec *d)
{
	const struct flow_tcp_dir *s = &h->dir[dir];
	int32_t early = flow_tcp_diff(t->base[dir], d->seq);

	if (!(d->tcp_flags & TCP_SYN) || d->tcp_flags & TCP_RST)
		return false;
	if (d->tcp_flags & TCP_ACK && !closed)
		return false; /* answers the SYN that is there, or is damaged */
	if (!(s->state & FLOW_TCP_SEEN))
		return closed;
	if (s->state & FLOW_TCP_SYN)
		return t->base[dir] != d->seq;
	return closed || early < 0 || early > REORDER_MAX;
}

/* Holes so far back that their numbers will be used again are given up: whoever
 * went on for that long did not wait for them. */
static void retire(struct flow_hot *h, struct pool *losses, int dir)
{
	struct flow_loss *l;

	if (h->loss == POOL_NONE)
		return;
	l = pool_at(losses, h->loss);
	while (l->dir[dir].n && flow_tcp_diff(h->dir[dir].next, l->dir[dir].hole[0].to) > FAR)
		hole_give_up(l, dir);
}

/* Any segment. */
static void add_segment(struct flow_hot *h, struct flow_tcp *t, struct pool *losses, int dir,
			const struct dec *d, int64_t ts)
{
	struct flow_tcp_dir *s = &h->dir[dir];
	uint8_t flags = d->tcp_flags, fresh = flags & (uint8_t)~s->seen;
	uint32_t from = d->seq + !!(flags & TCP_SYN);

	s->seen |= flags;
	if (fresh & TCP_SYN)
		t->syn[dir] = ts;
	if (fresh & TCP_FIN)
		t->fin[dir] = ts;
	if (fresh & TCP_RST)
		t->rst[dir] = ts;
	/* A SYN's window is never scaled (RFC 7323 2.2), a RST's means nothing. */
	if (!(flags & (TCP_SYN | TCP_RST)))
		flow_tcp_window(s, d);
	if (flags & TCP_RST) {
		/* Its numbers may be made up (RFC 9293 3.5.2): no part of the stream. */
		return;
	}
	if (flags & TCP_SYN)
		add_syn(h, t, losses, dir, d, ts);
	if (!(s->state & FLOW_TCP_SEEN))
		begin(h, t, dir, from - 1);
	if (d->payload_len && d->payload_len <= FAR) /* more is no segment */
		add_payload(h, t, losses, dir, from, from + d->payload_len);
	if (flags & TCP_ACK)
		add_ack(h, t, losses, dir, d, ts);
	if (flags & TCP_FIN)
		add_fin(h, losses, dir, from + d->payload_len);
	retire(h, losses, dir);
	retire(h, losses, !dir);
}

bool flow_tcp_add(struct flow_hot *h, struct flow_tcp *t, struct pool *losses, int dir,
		  const struct dec *d, int64_t ts)
{
	uint8_t a, b;

	add_segment(h, t, losses, dir, d, ts);
	a = h->dir[0].seen;
	b = h->dir[1].seen;
	return (a | b) & TCP_RST || a & b & TCP_FIN;
}

uint64_t flow_tcp_bytes(const struct flow_hot *h, const struct flow_tcp *t,
			const struct pool *losses, int dir)
{
	const struct flow_tcp_dir *s = &h->dir[dir];
	uint64_t n;
	int i;

	if (!(s->state & FLOW_TCP_SEEN))
		return 0;
	n = ((uint64_t)s->wraps << 32) + s->next - (uint64_t)t->base[dir] - 1 -
	    !!(s->state & FLOW_TCP_FIN_COUNTED);
	if (h->loss != POOL_NONE) {
		const struct flow_loss *l = pool_at(losses, h->loss);

		n -= l->dir[dir].missed_bytes;
		for (i = 0; i < l->dir[dir].n; i++)
			n -= l->dir[dir].hole[i].to - l->dir[dir].hole[i].from;
	}
	return n;
}

uint64_t flow_tcp_missed(const struct flow_hot *h, const struct pool *losses, int dir,
			 uint32_t *ret_holes)
{
	const struct flow_loss *l;
	uint32_t holes;
	uint64_t n;
	int i;

	*ret_holes = 0;
	if (h->loss == POOL_NONE)
		return 0;
	l = pool_at(losses, h->loss);
	n = l->dir[dir].missed_bytes;
	holes = l->dir[dir].missed;
	for (i = 0; i < l->dir[dir].n && l->dir[dir].has_ack; i++) {
		uint32_t from = l->dir[dir].hole[i].from, to = l->dir[dir].hole[i].to;
		int32_t acked = flow_tcp_diff(l->dir[dir].acked, from);

		if (acked <= 0)
			break;
		n += (uint32_t)acked < to - from ? (uint32_t)acked : to - from;
		holes++;
	}
	*ret_holes = holes;
	return n;
}

bool flow_tcp_rtt(const struct flow_hot *h, const struct flow_tcp *t, int64_t *ret_ns,
		  int *ret_server)
{
	int dir;

	for (dir = 0; dir < 2; dir++) {
		if (!(h->dir[dir].state & FLOW_TCP_SYNACK) || !is_rtt(t->syn[!dir], t->syn[dir]))
			continue;
		*ret_ns = t->syn[dir] - t->syn[!dir];
		*ret_server = dir;
		return true;
	}
	return false;
}
