/* Packets to their flows: looked up in batches, so that waiting for memory
 * overlaps, then added one by one. */
#include "flow/flow_table_impl.h"

#include <string.h>

#include "flow/flow_tcp.h"

static uint32_t create(struct flow_table *t, const struct flow_full_key *k, uint32_t tag, bool swap,
		       const struct dec *d, const struct pkt *p, unsigned level)
{
	uint32_t i = pool_alloc(&t->hot); /* make_room() saw to it */
	struct flow_hot *h = flow_hot(t, i);
	struct flow_cold *c = flow_cold(t, i);

	memset(h, 0, sizeof(*h));
	memset(c, 0, sizeof(*c));
	h->key = k->key;
	h->rest = h->ext = h->loss = POOL_NONE;
	if (flow_key_is_long(&k->key)) {
		h->rest = pool_alloc(&t->rest);
		t->rests[h->rest] = k->rest;
	}
	h->flags = swap ? FLOW_A_IS_HI : 0;
	h->last_clock = p->clock;
	c->more = c->parent = POOL_NONE;
	c->serial = p->number << 3 | level;
	flow_first(t, i, d, p);
	flow_index_add(t, tag, i);
	flow_wheel_add(&t->idle, i);
	if (t->versions)
		flow_versions_born(t->versions, i);
	t->flows++;
	return i;
}

/* Whether a packet belongs to another flow than the one with its key. */
static bool is_other(struct flow_table *t, uint32_t i, int dir, const struct dec *d,
		     const struct pkt *p, uint8_t *ret_finish)
{
	const struct flow_hot *h = flow_hot(t, i);
	bool closed = h->flags & FLOW_CLOSED;

	*ret_finish = FLOW_TIMEOUT;
	if (flow_span(h->last_clock, p->clock) > flow_timeout(t, closed))
		return true;
	*ret_finish = FLOW_NOT_FINISHED;
	return h->flags & FLOW_IS_TCP && d->flags & DEC_L4 && d->tcp_flags & TCP_SYN &&
	       flow_tcp_is_new(h, &t->tcps[h->ext], closed, dir, d);
}

/* A fragment: the first one is remembered, later ones get its ports. */
static void frag_complete(struct flow_table *t, struct dec *d, const struct pkt *p, uint32_t parent)
{
	uint64_t seed;

	memcpy(&seed, t->secret, sizeof(seed));
	if (!t->frags && flow_frags_new(&t->frags, seed) < 0)
		return; /* as if their first fragments had not been seen */
	if (d->flags & DEC_FRAG_FIRST)
		flow_frags_put(t->frags, d, p->iface, parent, p->clock);
	else
		flow_frags_get(t->frags, d, p->iface, parent, p->clock);
}

/* A host that pings itself has one address and one identifier: there requests and
 * replies tell the direction. */
static __attribute__((noinline)) bool pings_itself(const struct flow_table *t, uint32_t i)
{
	const struct flow_hot *h = flow_hot(t, i);
	struct flow_key_rest r = flow_rest(t, i);

	return memcmp(h->key.lo, h->key.hi, 4) == 0 && memcmp(r.lo, r.hi, 12) == 0;
}

/* Direction of a packet within flow 'i': 0 from A. */
static int direction(const struct flow_table *t, uint32_t i, bool swap, const struct dec *d)
{
	const struct flow_hot *h = flow_hot(t, i);
	const struct flow_icmp *m;

	if (h->flags & FLOW_IS_ICMP && pings_itself(t, i)) {
		m = pool_at(&t->icmp, h->ext);
		return d->icmp_type != m->type;
	}
	return swap != !!(h->flags & FLOW_A_IS_HI);
}

/* Adds one level to flow 'i' (POOL_NONE: to be made).  Returns the flow. */
static uint32_t add_one(struct flow_table *t, uint32_t i, const struct flow_full_key *k,
			uint32_t tag, bool swap, const struct dec *d, const struct pkt *p,
			unsigned level)
{
	uint32_t twin = 0;
	uint8_t finish;
	int dir = 0;

	if (i != POOL_NONE) {
		dir = direction(t, i, swap, d);
		if (is_other(t, i, dir, d, p, &finish)) {
			if (flow_first_time(t, i) == p->ts)
				twin = flow_cold(t, i)->twin + 1;
			flow_table_end(t, i, finish);
			i = POOL_NONE;
		}
	}
	if (i == POOL_NONE) {
		i = create(t, k, tag, swap, d, p, level);
		flow_cold(t, i)->twin = twin;
		dir = 0;
	}
	flow_update(t, i, dir, d, p);
	return i;
}

/* A level inside a tunnel: its key needs the flow around it. */
static uint32_t add_inner(struct flow_table *t, uint32_t outer, struct dec *d, const struct pkt *p,
			  unsigned level)
{
	uint64_t before = t->flows;
	struct flow_full_key k;
	uint32_t tag, i;
	bool swap;

	/* Not the flow's number, which may be used again while this one still lives. */
	uint32_t parent = (uint32_t)flow_cold(t, outer)->serial;

	if (d->flags & DEC_FRAG)
		frag_complete(t, d, p, parent);
	swap = flow_key_init(&k, d, p->iface, parent);
	tag = flow_index_tag(t, &k);
	i = add_one(t, flow_index_find(t, &k, tag, swap, d), &k, tag, swap, d, p, level);
	if (t->flows != before) {
		flow_cold(t, i)->parent = pool_alloc(&t->parent); /* there is one per flow */
		flow_uuid(t, outer, pool_at(&t->parent, flow_cold(t, i)->parent));
	}
	return i;
}

/* Keys and hashes of a batch; asks for the index's cache lines. */
static void batch_keys(struct flow_table *t, struct dec *d, size_t n, const struct pkt *pkts)
{
	struct flow_scratch *s = &t->scratch;
	size_t k;

	for (k = 0; k < n; k++) {
		const struct pkt *p = &pkts[d[k].pkt];

		if (d[k].flags & DEC_INNER)
			continue;
		if (d[k].flags & DEC_FRAG)
			frag_complete(t, &d[k], p, 0);
		s->swap[k] = flow_key_init(&s->key[k], &d[k], p->iface, 0);
		s->tag[k] = flow_index_tag(t, &s->key[k]);
		__builtin_prefetch(&t->slots[s->tag[k] & t->mask]);
	}
}

/* First flow with the right tag, not yet looked at: asks for its hot record. */
static void batch_candidates(struct flow_table *t, const struct dec *d, size_t n)
{
	const uint64_t *const slots = t->slots;
	const struct flow_hot *const hots = t->hots;
	const uint32_t mask = t->mask;
	struct flow_scratch *s = &t->scratch;
	size_t k;

	for (k = 0; k < n; k++) {
		uint32_t tag = s->tag[k], at = tag & mask;

		s->at[k] = POOL_NONE;
		if (d[k].flags & DEC_INNER)
			continue;
		while (slots[at] && slots[at] >> 32 != tag)
			at = (at + 1) & mask;
		if (slots[at]) {
			const uint8_t *h;

			s->at[k] = (uint32_t)slots[at] - 1;
			h = (const uint8_t *)&hots[s->at[k]];
			__builtin_prefetch(h, 1);
		}
	}
}

/* Asks for what a packet will touch beside the hot record of its flow. */
static void batch_records(struct flow_table *t, const struct dec *d, size_t n)
{
	struct flow_scratch *s = &t->scratch;
	size_t k;

	s->n_ends = 0;
	for (k = 0; k < n; k++) {
		const struct flow_hot *h;

		if (s->at[k] == POOL_NONE)
			continue;
		h = flow_hot(t, s->at[k]);
		__builtin_prefetch((const uint8_t *)h + 64, 1);
		if (h->rest != POOL_NONE)
			__builtin_prefetch(&t->rests[h->rest]);
		if (h->wants)
			__builtin_prefetch(flow_cold(t, s->at[k]), 1);
		if (!(h->flags & FLOW_IS_TCP) || flow_tcp_is_plain(h, &d[k]))
			continue;
		__builtin_prefetch(&t->tcps[h->ext], 1);
		if (d[k].tcp_flags & (TCP_FIN | TCP_RST)) {
			__builtin_prefetch(flow_cold(t, s->at[k]), 1);
			s->ends[s->n_ends++] = s->at[k];
		}
	}
	for (k = 0; k < s->n_ends; k++)
		flow_wheel_prefetch(&t->idle, s->ends[k]);
}

int flow_table_add(struct flow_table *t, struct dec *d, size_t n, const struct pkt *pkts,
		   struct flow_ref *refs)
{
	struct flow_scratch *s = &t->scratch;
	unsigned level = 0;
	uint64_t removals;
	uint32_t i = 0;
	size_t k;
	int r;

	if (!n)
		return 0;
	r = flow_table_make_room(t, (uint32_t)n, pkts[d[0].pkt].clock);
	if (r < 0)
		return r;

	batch_keys(t, d, n, pkts);
	batch_candidates(t, d, n);
	batch_records(t, d, n);
	removals = t->removals;
	for (k = 0; k < n; k++) {
		const struct pkt *p = &pkts[d[k].pkt];

		if (d[k].flags & DEC_INNER) {
			i = add_inner(t, i, &d[k], p, ++level);
		} else {
			/* Flows made or ended within this batch change what was found. */
			i = s->at[k];
			if (i == POOL_NONE || t->removals != removals ||
			    !flow_index_match(t, i, &s->key[k], s->swap[k], &d[k]))
				i = flow_index_find(t, &s->key[k], s->tag[k], s->swap[k], &d[k]);
			i = add_one(t, i, &s->key[k], s->tag[k], s->swap[k], &d[k], p, 0);
			level = 0;
		}
		if (refs) {
			refs[k].serial = flow_cold(t, i)->serial;
			refs[k].nth = flow_packets(t, i, 0) + flow_packets(t, i, 1);
		}
	}
	return 0;
}
