/* What a flow remembers of TCP: handshake, end, windows, and which payload
 * bytes were seen once, again, late or never.  Exact as long as one direction
 * has at most FLOW_HOLES holes at once, none more than 1 GiB back; older ones
 * then count as missed. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "flow/flow_rec.h"

void flow_tcp_init(struct flow_hot *h, struct flow_tcp *t);

/* Whether a segment in direction 'dir' opens another connection on the same
 * ports: a SYN with an initial sequence number of its own. */
bool flow_tcp_is_new(const struct flow_hot *h, const struct flow_tcp *t, bool closed, int dir,
		     const struct dec *d);

/* Takes a segment.  Returns true once the connection has seen its end: a RST,
 * or a FIN from both sides.  'losses' gives records when they are needed; when
 * it has none left, loss is not followed. */
bool flow_tcp_add(struct flow_hot *h, struct flow_tcp *t, struct pool *losses, int dir,
		  const struct dec *d, int64_t ts);

/* From sequence number 'b' to 'a'. */
static inline int32_t flow_tcp_diff(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b);
}

static inline void flow_tcp_advance(struct flow_tcp_dir *s, uint32_t next)
{
	s->wraps = (uint16_t)(s->wraps + (next < s->next));
	s->next = next;
}

static inline void flow_tcp_window(struct flow_tcp_dir *s, const struct dec *d)
{
	if (d->window < s->win_min)
		s->win_min = d->window;
	if (d->window > s->win_max)
		s->win_max = d->window;
}

/* Whether a segment may be one for flow_tcp_add_plain(), as far as the hot record's
 * first line and the segment tell. */
static inline bool flow_tcp_is_plain(const struct flow_hot *h, const struct dec *d)
{
	return (d->tcp_flags & (TCP_SYN | TCP_FIN | TCP_RST | TCP_ACK)) == TCP_ACK &&
	       h->loss == POOL_NONE;
}

/* flow_tcp_add() for most segments by far, with nothing but the hot record: data
 * or an acknowledgement, in order, in a connection that has lost nothing.  False:
 * this is not one of them, nothing was done. */
static inline bool flow_tcp_add_plain(struct flow_hot *h, int dir, const struct dec *d)
{
	struct flow_tcp_dir *s = &h->dir[dir];
	const struct flow_tcp_dir *r = &h->dir[!dir];

	if (!flow_tcp_is_plain(h, d) || !(s->state & r->state & FLOW_TCP_SEEN) ||
	    (s->state | r->state) & FLOW_TCP_WAIT || d->seq != s->next ||
	    flow_tcp_diff(d->ack, r->next) > 0)
		return false;
	s->seen |= d->tcp_flags;
	flow_tcp_window(s, d);
	flow_tcp_advance(s, d->seq + d->payload_len);
	return true;
}

/* Distinct payload bytes seen in a direction. */
uint64_t flow_tcp_bytes(const struct flow_hot *h, const struct flow_tcp *t,
			const struct pool *losses, int dir);

/* Bytes in holes that the other side acknowledged, and the number of such
 * holes. */
uint64_t flow_tcp_missed(const struct flow_hot *h, const struct pool *losses, int dir,
			 uint32_t *ret_holes);

/* SYN to SYN+ACK, ns; false: not seen.  '*ret_server' is the direction of the
 * SYN+ACK. */
bool flow_tcp_rtt(const struct flow_hot *h, const struct flow_tcp *t, int64_t *ret_ns,
		  int *ret_server);
