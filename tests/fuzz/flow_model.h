/* What packets say of flows, for fuzz_flow.c: each level of each packet with the flow that the
 * table put it into, and the rows that came out, which must agree with that. */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/batch.h"
#include "flow/flow.h"
#include "flow/flow_schema.h"
#include "net/dec.h"

static inline void require(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "fuzz_flow: %s\n", what);
	abort();
}

/* All that tells flows apart that have neither TCP's ends nor ICMP's identifiers; bytes all
 * significant. */
struct plain_key {
	uint8_t lo[16], hi[16], mac_lo[6], mac_hi[6];
	uint16_t lo_port, hi_port, vlan[2];
	uint32_t iface, tun_id;
	uint8_t kind, proto, zero[2];
};

/* One level of a packet, and the flow where it went. */
struct seen {
	uint64_t serial;
	size_t order;
	int64_t ts, clock;
	uint32_t len, ip_len;
	uint8_t src[16], dst[16];
	bool ip, tcp, frag, plain;
	struct plain_key key; /* if 'plain', else zero */
};

struct row {
	uint64_t serial;
	uint64_t hash[FLOW_N_FIELDS]; /* of the value; 0: absent */
	uint64_t packets[2], bytes[2], ip_bytes[2], fragments;
	int64_t start, last;
	uint8_t uuid[16], parent[16];
	bool has_parent;
};

struct model {
	const struct flow_opts *opts;
	uint64_t packets, bytes;      /* that went in */
	uint64_t evicted, unfollowed; /* as the tables say in the end */
	struct seen *seen;
	struct row *got;
	size_t n_seen, n_got, max; /* of both; no packet has more levels, no flow fewer packets */
};

/* The versions of a flow so far, and what came since the last one. */
struct versions {
	bool seen, ended;
	uint64_t version;
	uint64_t packets, bytes; /* that came since */
	uint64_t sum[4];         /* of what they said: packets and bytes, from A and from B */
	int64_t last;            /* latest packet, as the last one said */
	/* When it was looked at last: groups of flows are, and groups take a while. */
	int64_t looked_from, looked_to;
};

/* Whether it is too early for another look, and whether there must have been one. */
static inline bool is_early(const struct versions *v, const struct flow_opts *o, int64_t now)
{
	return (uint64_t)now - (uint64_t)v->looked_from <
	       (uint64_t)o->update - (uint64_t)o->update / 1024;
}

static inline bool is_due(const struct versions *v, const struct flow_opts *o, int64_t now)
{
	return (uint64_t)now - (uint64_t)v->looked_to >= (uint64_t)o->update;
}

static inline bool of_version(size_t f)
{
	return f == FLOW_last_update_ab_packets || f == FLOW_last_update_ba_packets ||
	       f == FLOW_last_update_ab_bytes || f == FLOW_last_update_ba_bytes ||
	       f == FLOW_last_update_start;
}

/* Row 'i' is the next version. */
static inline void check_version(struct versions *v, const struct batch *b, size_t i, bool ended)
{
	static const enum flow_field total[4] = {FLOW_ab_packets, FLOW_ab_bytes, FLOW_ba_packets,
						 FLOW_ba_bytes},
				     since[4] = {FLOW_last_update_ab_packets,
						 FLOW_last_update_ab_bytes,
						 FLOW_last_update_ba_packets,
						 FLOW_last_update_ba_bytes};
	uint64_t delta[4];
	int64_t from;
	int k;

	require(v->seen && !v->ended, "a version of no running flow");
	require(b->cols[FLOW_version]->v.u64[i] == ++v->version, "versions do not count up");
	require(col_has(b->cols[FLOW_ended], i) == ended, "not the last version, or it is");
	require(ended || b->cols[FLOW_finish_code]->v.u64[i] == FLOW_NOT_FINISHED,
		"a running flow has ended");
	for (k = 0; k < 4; k++) {
		delta[k] = b->cols[since[k]]->v.u64[i];
		v->sum[k] += delta[k];
		require(v->sum[k] == b->cols[total[k]]->v.u64[i],
			"the versions' sum is not the flow's");
	}
	require(delta[0] + delta[2] == v->packets && delta[1] + delta[3] == v->bytes,
		"a version does not say what came since");
	require(ended || v->version == 1 || v->packets, "a version without news");
	from = b->cols[FLOW_last_update_start]->v.i64[i];
	require(from == (v->version == 1 ? b->cols[FLOW_start]->v.i64[i] : v->last),
		"a version does not begin where the one before ends");
	v->last = b->cols[FLOW_last]->v.i64[i];
	require(b->cols[FLOW_last_update_last]->v.i64[i] == v->last && from <= v->last,
		"a version ends at another time than the flow");
	v->packets = v->bytes = 0;
	v->ended = ended;
}

static inline bool is_plain(const struct dec *d)
{
	return !(d->flags & DEC_INNER) && (d->kind == DEC_IP4 || d->kind == DEC_IP6) &&
	       d->proto != IPPROTO_TCP && d->proto != IPPROTO_ICMP && d->proto != IPPROTO_ICMPV6;
}

static inline void plain_key(struct plain_key *k, const struct dec *d, uint32_t iface,
			     enum flow_key_mode mode)
{
	uint16_t sport = d->flags & DEC_ONE_PORT ? d->dport : d->sport;
	int order = memcmp(d->src, d->dst, 16);
	bool swap = order ? order > 0 : sport > d->dport;

	memset(k, 0, sizeof(*k));
	memcpy(k->lo, swap ? d->dst : d->src, 16);
	memcpy(k->hi, swap ? d->src : d->dst, 16);
	k->lo_port = swap ? d->dport : sport;
	k->hi_port = swap ? sport : d->dport;
	if (mode == FLOW_KEY_L2) {
		memcpy(k->mac_lo, swap ? d->mac_dst : d->mac_src, 6);
		memcpy(k->mac_hi, swap ? d->mac_src : d->mac_dst, 6);
	}
	memcpy(k->vlan, d->vlan, sizeof(k->vlan));
	k->iface = iface;
	k->tun_id = d->tun_id;
	k->kind = d->kind;
	k->proto = d->proto;
}

/* Connections that have ended have a time-out of their own. */
static inline uint64_t longest_pause(const struct flow_opts *o, const struct seen *s)
{
	return (uint64_t)(s->tcp && o->hold > o->idle ? o->hold : o->idle);
}

static inline int by_serial_seen(const void *a, const void *b)
{
	const struct seen *x = a, *y = b;

	if (x->serial != y->serial)
		return x->serial < y->serial ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

static inline int by_key(const void *a, const void *b)
{
	const struct seen *x = a, *y = b;
	int r = y->plain - x->plain;

	if (r == 0 && x->plain)
		r = memcmp(&x->key, &y->key, sizeof(x->key));
	return r ? r : x->order < y->order ? -1 : x->order > y->order;
}

static inline int by_serial_row(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	return x->serial < y->serial ? -1 : x->serial > y->serial;
}

/* The packets of one flow, from 's' up to 'end', against its row. */
static inline void check_row(const struct model *m, const struct row *r, const struct seen *s,
			     const struct seen *end)
{
	const struct seen *first = s;
	uint64_t packets[2] = {0}, bytes = 0, ip_bytes = 0, fragments = 0;
	int64_t start = s->ts, last = s->ts, clock = s->clock;

	for (; s < end; s++) {
		packets[memcmp(s->src, first->src, 16) != 0]++;
		bytes += s->len;
		ip_bytes += s->ip ? s->ip_len : 0;
		fragments += s->frag;
		start = s->ts < start ? s->ts : start;
		last = s->ts > last ? s->ts : last;
		require((uint64_t)s->clock - (uint64_t)clock <= longest_pause(m->opts, s),
			"a flow with a pause longer than its time-out");
		clock = s->clock;
		require(s->plain == first->plain &&
				memcmp(&s->key, &first->key, sizeof(s->key)) == 0,
			"packets of different keys in one flow");
	}
	require(r->packets[0] + r->packets[1] == packets[0] + packets[1], "wrong packets");
	/* one address at both ends does not tell the direction */
	require(memcmp(first->src, first->dst, 16) == 0 || r->packets[0] == packets[0],
		"wrong packets from A");
	require(r->packets[0] > 0, "no packet from A, who began");
	require(r->packets[1] || (!r->bytes[1] && !r->ip_bytes[1]), "bytes without packets");
	require(r->bytes[0] + r->bytes[1] == bytes, "wrong bytes");
	require(r->ip_bytes[0] + r->ip_bytes[1] == ip_bytes, "wrong IP bytes");
	require(m->unfollowed || r->fragments == fragments, "wrong fragments");
	require(r->start == start && r->last == last, "wrong times");
}

/* Every packet in one row, every row with its packets. */
static inline void check_rows(struct model *m)
{
	size_t i = 0, end, k;

	qsort(m->seen, m->n_seen, sizeof(*m->seen), by_serial_seen);
	qsort(m->got, m->n_got, sizeof(*m->got), by_serial_row);
	for (k = 0; k < m->n_got; k++, i = end) {
		require(i < m->n_seen, "a row without packets");
		require(m->got[k].serial == m->seen[i].serial, "a flow twice, or not at all");
		for (end = i; end < m->n_seen && m->seen[end].serial == m->seen[i].serial;)
			end++;
		check_row(m, &m->got[k], &m->seen[i], &m->seen[end]);
	}
	require(i == m->n_seen, "packets without a row");
}

/* Packets of one key: one flow while there is no pause. */
static inline void check_keys(struct model *m)
{
	size_t i;

	qsort(m->seen, m->n_seen, sizeof(*m->seen), by_key);
	for (i = 1; i < m->n_seen && m->seen[i].plain; i++) {
		const struct seen *a = &m->seen[i - 1], *b = &m->seen[i];
		bool late = (uint64_t)b->clock - (uint64_t)a->clock > (uint64_t)m->opts->idle;

		if (memcmp(&a->key, &b->key, sizeof(a->key)) != 0)
			continue;
		require(!late || a->serial != b->serial, "a pause within a flow");
		require(late || m->evicted || a->serial == b->serial, "one flow cut in two");
	}
}

static inline int by_uuid(const void *a, const void *b)
{
	return memcmp(a, b, 16);
}

static inline void check_parents(const struct model *m)
{
	uint64_t packets = 0, bytes = 0;
	uint8_t(*ids)[16] = malloc(m->n_got * 16 + 1);
	size_t i;

	require(ids != NULL, "no memory");
	for (i = 0; i < m->n_got; i++)
		memcpy(ids[i], m->got[i].uuid, 16);
	qsort(ids, m->n_got, 16, by_uuid);
	for (i = 0; i < m->n_got; i++) {
		const struct row *r = &m->got[i];

		if (r->has_parent) {
			require(bsearch(r->parent, ids, m->n_got, 16, by_uuid) != NULL,
				"a parent that is no flow");
			continue;
		}
		packets += r->packets[0] + r->packets[1];
		bytes += r->bytes[0] + r->bytes[1];
	}
	free(ids);
	require(packets == m->packets, "packets of flows without a parent are not all packets");
	require(bytes == m->bytes, "bytes of flows without a parent are not all bytes");
}
