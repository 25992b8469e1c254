#include "flow/flow_tcp.h"

#include <string.h>

/* Sequence numbers further apart belong to no window (RFC 7323 2.3 allows
 * 2^30): such segments are noise and do not move the state. */
#define FAR (INT32_C(1) << 30)

/* A SYN may be captured after data of its connection by reordering, but not
 * after more than that many bytes. */
#define REORDER_MAX 65536

static int32_t seq_diff(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b);
}

/* Whether an answer can have taken that long: not back in time, not for years. */
static bool is_rtt(int64_t from, int64_t to)
{
	return to >= from && flow_span(from, to) <= INT64_MAX;
}

void flow_tcp_init(struct flow_tcp *t)
{
	memset(t, 0, sizeof(*t));
	t->loss = POOL_NONE;
	t->dir[0].win_min = t->dir[1].win_min = UINT16_MAX;
}

static struct flow_loss *loss_get(struct flow_tcp *t, struct pool *losses)
{
	if (t->loss == POOL_NONE) {
		t->loss = pool_alloc(losses);
		if (t->loss == POOL_NONE)
			return NULL;
		memset(pool_at(losses, t->loss), 0, sizeof(struct flow_loss));
	}
	return pool_at(losses, t->loss);
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
		uint32_t lo = seq_diff(from, f) > 0 ? from : f, hi = seq_diff(to, t) < 0 ? to : t;

		if (seq_diff(hi, lo) <= 0) {
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

static void advance(struct flow_tcp_dir *s, uint32_t next)
{
	s->wraps = (uint16_t)(s->wraps + (next < s->next));
	s->next = next;
}

/* The first that is known of a direction: its bytes begin behind 'base'. */
static void begin(struct flow_tcp *t, int dir, uint32_t base)
{
	struct flow_tcp_dir *s = &t->dir[dir];

	t->base[dir] = base;
	s->next = base + 1;
	s->wraps = s->next == 0;
	s->state |= FLOW_TCP_SEEN;
}

/* It began earlier than thought. */
static void move_base(struct flow_tcp *t, int dir, uint32_t base)
{
	struct flow_tcp_dir *s = &t->dir[dir];

	s->wraps = (uint16_t)(s->wraps + (base > t->base[dir]));
	t->base[dir] = base;
}

/* Nothing was seen of [s->next, to): remember that and go behind it. */
static void skip_to(struct flow_tcp *t, struct pool *losses, int dir, uint32_t to)
{
	struct flow_tcp_dir *s = &t->dir[dir];
	struct flow_loss *l = loss_get(t, losses);

	if (l)
		hole_insert(l, dir, l->dir[dir].n, s->next, to);
	advance(s, to);
}

/* Payload that starts before the first sequence number seen: the capture began
 * in the middle and packets overtook each other. */
static uint32_t before_base(struct flow_tcp *t, struct flow_loss *l, int dir, uint32_t from,
			    uint32_t to)
{
	uint32_t first = t->base[dir] + 1, end = seq_diff(to, first) < 0 ? to : first;

	if (t->dir[dir].state & FLOW_TCP_SYN || seq_diff(from, first) >= 0)
		return 0;
	if (end != first)
		hole_insert(l, dir, 0, end, first);
	move_base(t, dir, from - 1);
	return end - from;
}

static void add_old(struct flow_tcp *t, struct pool *losses, int dir, uint32_t from, uint32_t to)
{
	struct flow_tcp_dir *s = &t->dir[dir];
	uint32_t end = seq_diff(to, s->next) < 0 ? to : s->next, fresh;
	struct flow_loss *l = loss_get(t, losses);

	if (l) {
		fresh = before_base(t, l, dir, from, to);
		fresh += hole_fill(l, dir, from, end);
		l->dir[dir].ooo_bytes += fresh;
		l->dir[dir].ooo_packets += fresh > 0;
		l->dir[dir].retrans_bytes += end - from - fresh;
		l->dir[dir].retrans_packets += end - from > fresh;
	}
	if (end != to)
		advance(s, to);
}

static void add_payload(struct flow_tcp *t, struct pool *losses, int dir, uint32_t from,
			uint32_t to)
{
	struct flow_tcp_dir *s = &t->dir[dir];
	int32_t gap = seq_diff(from, s->next);

	if (gap > FAR || gap < -FAR)
		return;
	if (gap < 0) {
		add_old(t, losses, dir, from, to);
		return;
	}
	if (gap > 0)
		skip_to(t, losses, dir, from);
	advance(s, to);
}

static void add_syn(struct flow_tcp *t, struct pool *losses, int dir, const struct dec *d,
		    int64_t ts)
{
	struct flow_tcp_dir *s = &t->dir[dir], *r = &t->dir[!dir];

	if (s->state & FLOW_TCP_SYN) {
		s->state |= t->base[dir] == d->seq ? FLOW_TCP_SYN_AGAIN : 0;
		return;
	}
	if (!(s->state & FLOW_TCP_SEEN)) {
		begin(t, dir, d->seq);
	} else if (t->base[dir] != d->seq) {
		int32_t early = seq_diff(t->base[dir], d->seq);

		/* Data or acknowledgements overtook the SYN. */
		struct flow_loss *l;

		if (early <= 0 || early > REORDER_MAX)
			return;
		l = loss_get(t, losses);
		if (l)
			hole_insert(l, dir, 0, d->seq + 1, t->base[dir] + 1);
		move_base(t, dir, d->seq);
	}
	s->state |= FLOW_TCP_SYN;
	t->syn[dir] = ts;
	if (d->flags & DEC_TCP_OPTS && d->tcp_wscale) {
		s->state |= FLOW_TCP_WSCALE;
		t->wscale[dir] = (uint8_t)(d->tcp_wscale - 1 > 14 ? 14 : d->tcp_wscale - 1);
	}
	if (d->tcp_flags & TCP_ACK) {
		if (r->state & FLOW_TCP_SYN && d->ack == t->base[!dir] + 1)
			s->state |= FLOW_TCP_SYNACK;
		t->rtt_state = dir ? FLOW_RTT_WAIT_B : FLOW_RTT_WAIT_A;
	}
}

static void add_ack(struct flow_tcp *t, struct pool *losses, int dir, const struct dec *d,
		    int64_t ts)
{
	struct flow_tcp_dir *r = &t->dir[!dir];
	struct flow_loss *l;
	int32_t beyond;

	if (t->rtt_state == (dir ? FLOW_RTT_WAIT_A : FLOW_RTT_WAIT_B) &&
	    !(d->tcp_flags & TCP_SYN) && seq_diff(d->ack, t->base[!dir] + 1) >= 0) {
		t->rtt_state = FLOW_RTT_LOST;
		if (!(r->state & FLOW_TCP_SYN_AGAIN) && is_rtt(t->syn[!dir], ts)) {
			t->rtt_client = ts - t->syn[!dir];
			t->rtt_state = FLOW_RTT_DONE;
		}
	}

	if (!(r->state & FLOW_TCP_SEEN)) {
		begin(t, !dir, d->ack - 1);
		return;
	}
	beyond = seq_diff(d->ack, r->next);
	if (beyond > 0 && beyond <= FAR)
		skip_to(t, losses, !dir, d->ack);
	if (t->loss == POOL_NONE)
		return;
	l = pool_at(losses, t->loss);
	if (beyond <= FAR && (!l->dir[!dir].has_ack || seq_diff(d->ack, l->dir[!dir].acked) > 0)) {
		l->dir[!dir].acked = d->ack;
		l->dir[!dir].has_ack = 1;
	}
}

static void add_fin(struct flow_tcp *t, struct pool *losses, int dir, uint32_t at)
{
	struct flow_tcp_dir *s = &t->dir[dir];
	int32_t gap = seq_diff(at, s->next);

	if (s->state & FLOW_TCP_FIN_COUNTED || gap > FAR || gap < -FAR)
		return;
	if (gap < 0) {
		/* It was acknowledged before it was captured: a hole of one number. */
		if (t->loss != POOL_NONE &&
		    hole_fill(pool_at(losses, t->loss), dir, at, at + 1) == 1)
			s->state |= FLOW_TCP_FIN_COUNTED;
		return;
	}
	if (gap > 0)
		skip_to(t, losses, dir, at);
	advance(s, at + 1);
	s->state |= FLOW_TCP_FIN_COUNTED;
}

bool flow_tcp_is_new(const struct flow_tcp *t, bool closed, int dir, const struct dec *d)
{
	const struct flow_tcp_dir *s = &t->dir[dir];
	int32_t early = seq_diff(t->base[dir], d->seq);

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

static void add_window(struct flow_tcp_dir *s, const struct dec *d)
{
	/* A SYN's window is never scaled (RFC 7323 2.2), a RST's means nothing. */
	if (d->tcp_flags & (TCP_SYN | TCP_RST))
		return;
	if (d->window < s->win_min)
		s->win_min = d->window;
	if (d->window > s->win_max)
		s->win_max = d->window;
}

/* Holes so far back that their numbers will be used again are given up: whoever
 * went on for that long did not wait for them. */
static void retire(struct flow_tcp *t, struct pool *losses, int dir)
{
	struct flow_loss *l;

	if (t->loss == POOL_NONE)
		return;
	l = pool_at(losses, t->loss);
	while (l->dir[dir].n && seq_diff(t->dir[dir].next, l->dir[dir].hole[0].to) > FAR)
		hole_give_up(l, dir);
}

/* Any segment. */
static __attribute__((noinline)) void add_segment(struct flow_tcp *t, struct pool *losses, int dir,
						  const struct dec *d, int64_t ts)
{
	struct flow_tcp_dir *s = &t->dir[dir];
	uint8_t flags = d->tcp_flags, fresh = flags & (uint8_t)~s->seen;
	uint32_t from = d->seq + !!(flags & TCP_SYN);

	s->seen |= flags;
	if (fresh & TCP_SYN)
		t->syn[dir] = ts;
	if (fresh & TCP_FIN)
		t->fin[dir] = ts;
	if (fresh & TCP_RST)
		t->rst[dir] = ts;
	add_window(s, d);
	if (flags & TCP_RST) {
		/* Its numbers may be made up (RFC 9293 3.5.2): no part of the stream. */
		return;
	}
	if (flags & TCP_SYN)
		add_syn(t, losses, dir, d, ts);
	if (!(s->state & FLOW_TCP_SEEN))
		begin(t, dir, from - 1);
	if (d->payload_len && d->payload_len <= FAR) /* more is no segment */
		add_payload(t, losses, dir, from, from + d->payload_len);
	if (flags & TCP_ACK)
		add_ack(t, losses, dir, d, ts);
	if (flags & TCP_FIN)
		add_fin(t, losses, dir, from + d->payload_len);
	retire(t, losses, dir);
	retire(t, losses, !dir);
}

/* Most segments by far: data or an acknowledgement, in order, in a connection that
 * has lost nothing.  False: look closer. */
static inline bool add_plain(struct flow_tcp *t, int dir, const struct dec *d)
{
	struct flow_tcp_dir *s = &t->dir[dir];
	const struct flow_tcp_dir *r = &t->dir[!dir];

	if (d->tcp_flags & (TCP_SYN | TCP_FIN | TCP_RST) || !(d->tcp_flags & TCP_ACK) ||
	    !(s->state & r->state & FLOW_TCP_SEEN) || d->seq != s->next ||
	    seq_diff(d->ack, r->next) > 0 || t->loss != POOL_NONE ||
	    t->rtt_state == FLOW_RTT_WAIT_A || t->rtt_state == FLOW_RTT_WAIT_B)
		return false;
	s->seen |= d->tcp_flags;
	add_window(s, d);
	advance(s, d->seq + d->payload_len);
	return true;
}

static bool is_over(const struct flow_tcp *t)
{
	uint8_t a = t->dir[0].seen, b = t->dir[1].seen;

	return (a | b) & TCP_RST || a & b & TCP_FIN;
}

bool flow_tcp_add(struct flow_tcp *t, struct pool *losses, int dir, const struct dec *d, int64_t ts)
{
	if (!add_plain(t, dir, d))
		add_segment(t, losses, dir, d, ts);
	return is_over(t);
}

uint64_t flow_tcp_bytes(const struct flow_tcp *t, const struct pool *losses, int dir)
{
	const struct flow_tcp_dir *s = &t->dir[dir];
	uint64_t n;
	int i;

	if (!(s->state & FLOW_TCP_SEEN))
		return 0;
	n = ((uint64_t)s->wraps << 32) + s->next - (uint64_t)t->base[dir] - 1 -
	    !!(s->state & FLOW_TCP_FIN_COUNTED);
	if (t->loss != POOL_NONE) {
		const struct flow_loss *l = pool_at(losses, t->loss);

		n -= l->dir[dir].missed_bytes;
		for (i = 0; i < l->dir[dir].n; i++)
			n -= l->dir[dir].hole[i].to - l->dir[dir].hole[i].from;
	}
	return n;
}

uint64_t flow_tcp_missed(const struct flow_tcp *t, const struct pool *losses, int dir,
			 uint32_t *ret_holes)
{
	const struct flow_loss *l;
	uint32_t holes;
	uint64_t n;
	int i;

	*ret_holes = 0;
	if (t->loss == POOL_NONE)
		return 0;
	l = pool_at(losses, t->loss);
	n = l->dir[dir].missed_bytes;
	holes = l->dir[dir].missed;
	for (i = 0; i < l->dir[dir].n && l->dir[dir].has_ack; i++) {
		uint32_t from = l->dir[dir].hole[i].from, to = l->dir[dir].hole[i].to;
		int32_t acked = seq_diff(l->dir[dir].acked, from);

		if (acked <= 0)
			break;
		n += (uint32_t)acked < to - from ? (uint32_t)acked : to - from;
		holes++;
	}
	*ret_holes = holes;
	return n;
}

bool flow_tcp_rtt(const struct flow_tcp *t, int64_t *ret_ns, int *ret_server)
{
	int dir;

	for (dir = 0; dir < 2; dir++) {
		if (!(t->dir[dir].state & FLOW_TCP_SYNACK) || !is_rtt(t->syn[!dir], t->syn[dir]))
			continue;
		*ret_ns = t->syn[dir] - t->syn[!dir];
		*ret_server = dir;
		return true;
	}
	return false;
}
