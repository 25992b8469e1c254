/* One packet into its flow. */
#include "flow/flow_table_impl.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "flow/flow_tcp.h"
#include "net/app.h"

/* Looks for the application: the first payload of either side says it, if their
 * start was seen; in the middle of a connection two more may. */
#define TRIES_START  2
#define TRIES_MIDDLE 4
#define TRIES_NAME   2 /* for a name, once the application is known */

/* Kept out of the way of most packets, with its stack. */
#define RARE __attribute__((noinline, cold))

struct flow_more *flow_more_get(struct flow_table *t, uint32_t i)
{
	struct flow_cold *c = flow_cold(t, i);

	if (c->more == POOL_NONE) {
		c->more = pool_alloc(&t->more);
		if (c->more == POOL_NONE) {
			t->unfollowed++;
			return NULL;
		}
		memset(pool_at(&t->more, c->more), 0, sizeof(struct flow_more));
	}
	return pool_at(&t->more, c->more);
}

/* The number of a header sequence; 0 when there are too many. */
static uint16_t path_number(struct flow_table *t, const struct dec *d)
{
	uint16_t i;

	for (i = 1; i < t->n_paths; i++)
		if (t->paths[i].n == d->npath && memcmp(t->paths[i].layer, d->path, d->npath) == 0)
			return i;
	if (i == FLOW_PATHS)
		return 0;
	t->paths[i].n = d->npath;
	memcpy(t->paths[i].layer, d->path, d->npath);
	t->n_paths++;
	return i;
}

/* The record of a TCP or ICMP flow, made with the first header that can fill
 * it: the first packet may have been cut. */
static RARE void ext_make(struct flow_table *t, struct flow_hot *h, const struct dec *d)
{
	struct flow_icmp *m;

	if (d->proto == IPPROTO_TCP) {
		h->ext = pool_alloc(&t->tcp);
		if (h->ext == POOL_NONE)
			return;
		h->flags |= FLOW_IS_TCP;
		flow_tcp_init(h, pool_at(&t->tcp, h->ext));
	} else if (d->proto == IPPROTO_ICMP || d->proto == IPPROTO_ICMPV6) {
		h->ext = pool_alloc(&t->icmp);
		if (h->ext == POOL_NONE)
			return;
		h->flags |= FLOW_IS_ICMP;
		m = pool_at(&t->icmp, h->ext);
		memset(m, 0, sizeof(*m));
		m->rtt = -1;
		m->type = d->icmp_type;
		m->code = d->icmp_code;
		m->id = d->icmp_id;
	}
}

void flow_first(struct flow_table *t, uint32_t i, const struct dec *d, const struct pkt *p)
{
	struct flow_hot *h = flow_hot(t, i);
	struct flow_cold *c = flow_cold(t, i);

	h->wants = FLOW_FIRST_A | FLOW_FIRST_B |
		   (d->proto != IPPROTO_TCP || d->tcp_flags & TCP_SYN ? TRIES_START : TRIES_MIDDLE);
	h->last = p->ts;
	c->start = p->ts;
	c->path = path_number(t, d);
	memcpy(c->mac[0], d->mac_src, 6);
	memcpy(c->mac[1], d->mac_dst, 6);
	if (d->flags & DEC_ONE_PORT)
		h->flags |= FLOW_ONE_PORT;
	if (d->flags & DEC_PORTS && d->proto != IPPROTO_ICMP && d->proto != IPPROTO_ICMPV6)
		h->flags |= FLOW_PORTS;
}

/* RFC 792 and RFC 4443: echo request and reply.  A reply that two requests wait
 * for (the same sequence number again) answers neither: nobody can tell. */
static void icmp_update(struct flow_icmp *m, int dir, const struct dec *d, int64_t ts)
{
	bool v4 = d->proto == IPPROTO_ICMP;
	int k, found = -1, n = 0;

	if (m->rtt >= 0)
		return;
	if (d->icmp_type == (v4 ? 8 : 128)) {
		m->sent[m->at] = ts;
		m->seq[m->at] = d->icmp_seq;
		m->dir[m->at] = (uint8_t)(dir + 1);
		m->at = (uint8_t)((m->at + 1) % FLOW_ECHOES);
	} else if (d->icmp_type == (v4 ? 0 : 129)) {
		for (k = 0; k < FLOW_ECHOES; k++) {
			if (m->dir[k] == !dir + 1 && m->seq[k] == d->icmp_seq && ts >= m->sent[k]) {
				found = k;
				n++;
			}
		}
		if (n == 1 && flow_span(m->sent[found], ts) <= INT64_MAX)
			m->rtt = ts - m->sent[found];
	}
}

static void set_name(struct flow_more *m, const void *name, uint32_t len)
{
	if (!len || m->name)
		return;
	m->name = malloc(len);
	if (!m->name)
		return;
	memcpy(m->name, name, len);
	m->name_len = (uint8_t)len;
}

/* What the payload of a known application says of itself.  Returns whether its
 * name is known now. */
static bool add_info(struct flow_table *t, uint32_t i, enum app app, const struct dec *d,
		     const struct app_info *info)
{
	char name[APP_NAME_SIZE];
	uint32_t len = info->name ? info->name_len : 0;
	struct flow_more *m = flow_more(t, i);

	if (m && m->name)
		return true;
	/* Decrypting takes microseconds, but only until the name is found. */
	if (len)
		memcpy(name, info->name, len);
	else if (app == APP_QUIC)
		len = app_quic_name(d->payload, d->payload_cap, name);
	if (!len && !info->quic_version)
		return false;
	m = flow_more_get(t, i);
	if (!m)
		return true;
	set_name(m, name, len);
	if (!m->quic_version)
		m->quic_version = info->quic_version;
	return len > 0;
}

/* Looks into the first payloads of a flow. */
static RARE void payload_update(struct flow_table *t, uint32_t i, int dir, const struct dec *d)
{
	struct flow_hot *h = flow_hot(t, i);
	struct flow_cold *c = flow_cold(t, i);
	struct app_info info = {0};
	enum app app;

	if (h->wants & FLOW_FIRST_A << dir) {
		h->wants &= (uint8_t) ~(FLOW_FIRST_A << dir);
		c->first_payload[dir] = d->payload_len;
	}
	if (!(h->wants & FLOW_TRIES) || !d->payload_cap || !(d->flags & DEC_L4))
		return;
	h->wants--;
	app = app_from_payload(d->proto, d->sport, d->dport, d->payload, d->payload_cap, &info);
	if (app == APP_NONE)
		return;
	if (!c->app)
		c->app = (uint16_t)app;
	/* A name may still come in the next payload of these. */
	if (add_info(t, i, app, d, &info) || (app != APP_TLS && app != APP_QUIC && app != APP_HTTP))
		h->wants &= (uint8_t)~FLOW_TRIES;
}

/* A packet from before the latest one. */
static RARE void time_back(struct flow_table *t, uint32_t i, const struct pkt *p)
{
	struct flow_cold *c = flow_cold(t, i);
	struct flow_more *m;

	if (p->ts >= c->start)
		return;
	/* The id keeps the time of the first packet. */
	m = flow_more_get(t, i);
	if (m && !m->has_first) {
		m->has_first = 1;
		m->first = c->start;
	}
	c->start = p->ts;
}

static void frag_update(struct flow_table *t, uint32_t i, const struct dec *d)
{
	struct flow_more *m = flow_more_get(t, i);

	if (!m)
		return;
	m->fragments++;
	/* Completed ones have their ports; see flow_frags_get(). */
	m->fragment_errors += !(d->flags & (DEC_FRAG_FIRST | DEC_PORTS));
}

/* What few packets have. */
static RARE void rare_update(struct flow_table *t, uint32_t i, int dir, const struct dec *d,
			     const struct pkt *p)
{
	struct flow_hot *h = flow_hot(t, i);
	struct flow_more *m;

	if (d->flags & DEC_TRUNCATED)
		h->flags |= FLOW_IS_TRUNCATED;
	if (d->flags & DEC_MALFORMED)
		h->flags |= FLOW_IS_MALFORMED;
	if ((d->tos & 3) == 3)
		h->flags |= (uint16_t)(FLOW_AB_CE << dir);
	if (d->flags & DEC_FRAG)
		frag_update(t, i, d);
	m = p->gso_size ? flow_more_get(t, i) : NULL;
	if (m) {
		m->wire_packets[dir] += pkt_wire_packets(p) - 1;
		m->wire_bytes[dir] += pkt_wire_bytes(p) - p->len;
	}
}

/* What the transport says that is not the plain case. */
static __attribute__((noinline)) void l4_update(struct flow_table *t, uint32_t i, int dir,
						const struct dec *d, const struct pkt *p)
{
	struct flow_hot *h = flow_hot(t, i);

	if (h->ext == POOL_NONE)
		ext_make(t, h, d);
	if (h->flags & FLOW_IS_ICMP) {
		icmp_update(pool_at(&t->icmp, h->ext), dir, d, p->ts);
	} else if (h->flags & FLOW_IS_TCP) {
		bool over = flow_tcp_add(h, &t->tcps[h->ext], &t->loss, dir, d, p->ts);

		if (over && !(h->flags & FLOW_CLOSED)) {
			h->flags |= FLOW_CLOSED;
			flow_wheel_remove(&t->idle, i);
			flow_wheel_add(&t->closed, i);
		}
	}
}

/* The first packet of a side, or the one behind 2^32 of them. */
static RARE void side_update(struct flow_table *t, uint32_t i, int dir, const struct dec *d)
{
	struct flow_hot *h = flow_hot(t, i);
	struct flow_cold *c = flow_cold(t, i);
	struct flow_more *m;

	if (h->flags & FLOW_AB_SEEN << dir) {
		m = flow_more_get(t, i);
		if (m)
			m->packets_hi[dir]++;
		return;
	}
	h->flags |= (uint16_t)(FLOW_AB_SEEN << dir);
	c->ttl[dir] = d->ttl;
	c->tos[dir] = d->tos;
}

void flow_update(struct flow_table *t, uint32_t i, int dir, const struct dec *d,
		 const struct pkt *p)
{
	struct flow_hot *h = flow_hot(t, i);

	if (!h->packets[dir]++)
		side_update(t, i, dir, d);
	h->bytes[dir] += p->len;
	h->ip_bytes[dir] += d->ip_len;
	h->last_clock = p->clock;
	if (p->ts >= h->last)
		h->last = p->ts;
	else
		time_back(t, i, p);
	if (d->flags & (DEC_TRUNCATED | DEC_MALFORMED | DEC_FRAG) || (d->tos & 3) == 3 ||
	    p->gso_size)
		rare_update(t, i, dir, d, p);
	if (d->payload_len && h->wants & (FLOW_TRIES | FLOW_FIRST_A << dir))
		payload_update(t, i, dir, d);
	if (!(d->flags & DEC_L4) || d->proto == IPPROTO_UDP)
		return;
	if (!(h->flags & FLOW_IS_TCP) || !flow_tcp_add_plain(h, dir, d))
		l4_update(t, i, dir, d, p);
}
