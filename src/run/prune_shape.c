#include "run/prune_shape.h"

#include <string.h>

#include "base/bytes.h"
#include "net/dec.h"
#include "net/ethertype.h"
#include "net/ip.h"
#include "net/link.h"

#define TAGS_MAX 3 /* told apart one behind the other; what follows more is not known */

#define ETH_TYPE_AT 12
#define FRAG_OFFSET 0x1fff

/* Headers that the decoder goes on from without opening a level, but VLAN tags: LLC,
 * SNAP, PPPoE, PPP, Cisco MetaData, VN-Tag, HSR, E-Tag (eth_type_step()). */
static const struct may_range passed[] = {
	{0, LENGTH_MAX},      {TYPE_PPP, TYPE_PPP},   {TYPE_PPPOE_DISCOVERY, TYPE_PPPOE},
	{TYPE_LLC, TYPE_LLC}, {TYPE_CMD, TYPE_CMD},   {TYPE_VNTAG, TYPE_VNTAG},
	{TYPE_HSR, TYPE_HSR}, {TYPE_ETAG, TYPE_ETAG},
};

static const struct may_range tags[] = {
	{TYPE_VLAN, TYPE_VLAN},
	{TYPE_QINQ, TYPE_QINQ},
	{TYPE_QINQ_9100, TYPE_QINQ_9100},
	{TYPE_QINQ_9200, TYPE_QINQ_9200},
};

static const struct may_range arps[] = {
	{TYPE_ARP, TYPE_ARP},
	{TYPE_RARP, TYPE_RARP},
};

/* With EtherType IPv4 the version is looked at. */
static const struct may_range ip6s[] = {
	{TYPE_IP4, TYPE_IP4},
	{TYPE_IP6, TYPE_IP6},
};

/* ip_proto_step()'s ways to ip6_ext_step(), behind IPv4, too. */
static const struct may_range exts[] = {
	{PROTO_HOPOPTS, PROTO_HOPOPTS},   {PROTO_ROUTING, PROTO_ROUTING},
	{PROTO_FRAGMENT, PROTO_FRAGMENT}, {PROTO_AH, PROTO_AH},
	{PROTO_DSTOPTS, PROTO_DSTOPTS},   {PROTO_MOBILITY, PROTO_MOBILITY},
	{PROTO_HIP, PROTO_HIP},           {PROTO_SHIM6, PROTO_SHIM6},
};

static const struct may_range not_ether[] = {{0, 5}, {7, UINT8_MAX}};

#define COUNT(v) (sizeof(v) / sizeof((v)[0]))

struct maker {
	struct shape *to;
	size_t n; /* SIZE_MAX: too many */
	const struct shape_flow *f;
};

static void add(struct maker *m, const struct shape *s)
{
	if (m->n < SHAPES_MAX)
		m->to[m->n++] = *s;
	else
		m->n = SIZE_MAX;
}

static void put8(struct shape *s, size_t at, uint8_t val, uint8_t known)
{
	s->frame.val[at] = val & known;
	s->frame.known[at] = known;
}

static void put16(struct shape *s, size_t at, uint16_t val, uint16_t known)
{
	put8(s, at, (uint8_t)(val >> 8), (uint8_t)(known >> 8));
	put8(s, at + 1, (uint8_t)val, (uint8_t)known);
}

/* A fact more or less changes what can be told, not whether it is right. */
static void put_fact(struct shape *s, const struct may_fact *fact)
{
	if (s->frame.n_facts < MAY_FACTS)
		s->frame.facts[s->frame.n_facts++] = *fact;
}

static void put_either(struct shape *s, size_t at, uint8_t size, const struct may_range *v,
		       size_t n, uint32_t also)
{
	const struct may_fact fact = {
		.at = (uint16_t)at, .size = size, .n = (uint8_t)n, .v = v, .also = also};

	put_fact(s, &fact);
}

static void put_ranges(struct shape *s, size_t at, uint8_t size, const struct may_range *v,
		       size_t n)
{
	put_either(s, at, size, v, n, v[0].lo);
}

static void put_addrs(struct shape *s, size_t src, size_t dst, uint8_t size)
{
	s->src_at = (uint16_t)src;
	s->dst_at = (uint16_t)dst;
	s->addr_size = size;
}

/* The protocol itself, with and without a transport header, then that of a header in
 * between.  Rows know how many fragments there were, but not for sure. */
static void add_ip4(struct maker *m, struct shape s, size_t at)
{
	const struct may_fact later = {.at = (uint16_t)(at + 6), .size = 2, .any = FRAG_OFFSET};
	struct shape t;

	put8(&s, at, 0x40, 0xf0);
	put_addrs(&s, at + 12, at + 16, 4);
	s.frame.ip = (uint16_t)at;
	if (m->f->any_proto) {
		add(m, &s);
		return;
	}

	t = s;
	put8(&t, at + 9, m->f->proto, UINT8_MAX);
	if (m->f->port[0] || m->f->port[1]) {
		struct shape fragment = t;

		put_fact(&fragment, &later);
		add(m, &fragment);
		put16(&t, at + 6, 0, FRAG_OFFSET);
		memcpy(t.port, m->f->port, sizeof(t.port));
		t.behind = true;
	}
	add(m, &t);

	put_ranges(&s, at + 9, 1, exts, COUNT(exts));
	add(m, &s);
}

static void add_ip6(struct maker *m, struct shape s, size_t at)
{
	struct shape t;

	put8(&s, at, 0x60, 0xf0);
	put_addrs(&s, at + 8, at + 24, 16);
	if (m->f->any_proto) {
		add(m, &s);
		return;
	}

	t = s;
	put8(&t, at + 6, m->f->proto, UINT8_MAX);
	memcpy(t.port, m->f->port, sizeof(t.port));
	t.port_at = (uint16_t)(at + IP6_HDR_SIZE);
	add(m, &t);

	put_ranges(&s, at + 6, 1, exts, COUNT(exts));
	put_either(&s, at + IP6_HDR_SIZE, 1, exts, COUNT(exts), m->f->proto);
	add(m, &s);
}

/* Addresses are where the length of those of the hardware puts them. */
static void add_arp(struct maker *m, struct shape s, size_t at)
{
	struct shape t;

	put16(&s, at + 2, TYPE_IP4, UINT16_MAX);
	put8(&s, at + 5, 4, UINT8_MAX);

	t = s;
	put8(&t, at + 4, 6, UINT8_MAX);
	put_addrs(&t, at + 14, at + 24, 4);
	add(m, &t);

	put_ranges(&s, at + 4, 1, not_ether, COUNT(not_ether));
	add(m, &s);
}

/* What the flow is, from its type at 'at' on. */
static void add_last(struct maker *m, struct shape s, size_t at)
{
	switch (m->f->kind) {
	case DEC_IP4:
		put16(&s, at, TYPE_IP4, UINT16_MAX);
		add_ip4(m, s, at + 2);
		break;
	case DEC_IP6:
		put_ranges(&s, at, 2, ip6s, COUNT(ip6s));
		add_ip6(m, s, at + 2);
		break;
	case DEC_ARP:
		put_ranges(&s, at, 2, arps, COUNT(arps));
		add_arp(m, s, at + 2);
		break;
	default: /* the type may also be one that was cut or wrong */
		if (m->f->link_proto <= LENGTH_MAX)
			break; /* as one of 'passed' */
		put16(&s, at, m->f->link_proto, UINT16_MAX);
		add(m, &s);
		break;
	}
}

/* From a type at 'at' on, behind 'depth' tags of which 'named' have ids.  Tags without (0) may
 * be anywhere, and any behind two. */
static void add_types(struct maker *m, const struct shape *s, size_t at, unsigned depth,
		      unsigned named)
{
	struct shape t;

	if (named == m->f->n_vlan)
		add_last(m, *s, at);

	t = *s;
	put_ranges(&t, at, 2, passed, COUNT(passed));
	add(m, &t);

	t = *s;
	put_ranges(&t, at, 2, tags, COUNT(tags));
	if (depth == TAGS_MAX) {
		add(m, &t);
		return;
	}
	if (named < 2)
		put16(&t, at + 2, 0, 0xfff);
	add_types(m, &t, at + 4, depth + 1, named);
	if (named == m->f->n_vlan)
		return;
	t = *s;
	put_ranges(&t, at, 2, tags, COUNT(tags));
	t.tag_at[named] = (uint16_t)(at + 2);
	add_types(m, &t, at + 4, depth + 1, named + 1);
}

size_t shapes_of(struct shape *ret, const struct shape_flow *f)
{
	struct maker m = {.to = ret, .f = f};
	const struct shape none = {.frame = {.ip = MAY_NOWHERE}};
	struct shape s = none;

	if (f->kind == DEC_OPAQUE)
		return SIZE_MAX;
	switch (f->linktype) {
	case LINKTYPE_ETHERNET:
		s.macs = f->macs;
		add_types(&m, &s, ETH_TYPE_AT, 0, 0);
		break;
	case LINKTYPE_RAW:
	case DLT_RAW_BSD:
	case DLT_RAW_OPENBSD:
	case LINKTYPE_IPV4:
	case LINKTYPE_IPV6:
		if (f->kind == DEC_IP4)
			add_ip4(&m, s, 0);
		else if (f->kind == DEC_IP6)
			add_ip6(&m, s, 0);
		break; /* no other kind is possible */
	default:
		return SIZE_MAX;
	}
	return m.n;
}

static bool reads(const struct may_reads *r, size_t at, size_t size)
{
	size_t i;

	for (i = at; i < at + size; i++)
		if (r->at[i])
			return true;
	return false;
}

static uint8_t use_of(const struct shape *s, const struct may_reads *r)
{
	static const bool none[4];
	uint8_t use = 0;

	if (s->addr_size &&
	    (reads(r, s->src_at, s->addr_size) || reads(r, s->dst_at, s->addr_size)))
		use |= SHAPE_ADDR;
	if (s->macs && reads(r, 0, ETH_TYPE_AT))
		use |= SHAPE_MAC;
	if ((s->tag_at[0] && reads(r, s->tag_at[0], 2)) ||
	    (s->tag_at[1] && reads(r, s->tag_at[1], 2)))
		use |= SHAPE_TAG;
	if ((s->port[0] || s->port[1]) &&
	    (s->behind ? memcmp(r->behind, none, sizeof(none)) != 0 : reads(r, s->port_at, 4)))
		use |= SHAPE_PORT;
	return use;
}

static bool has_fact(const struct may_frame *f, const struct may_fact *fact)
{
	unsigned i;

	for (i = 0; i < f->n_facts; i++) {
		const struct may_fact *k = &f->facts[i];

		if (k->at == fact->at && k->size == fact->size && k->n == fact->n &&
		    k->v == fact->v && k->also == fact->also && k->any == fact->any)
			return true;
	}
	return false;
}

static bool has_facts(const struct may_frame *f, const struct may_frame *of,
		      const struct may_reads *r)
{
	unsigned i;

	for (i = 0; i < of->n_facts; i++)
		if (reads(r, of->facts[i].at, of->facts[i].size) && !has_fact(f, &of->facts[i]))
			return false;
	return true;
}

static bool same_places(const struct shape *a, const struct shape *b, const struct may_reads *r)
{
	uint8_t use = use_of(a, r);

	if (use != use_of(b, r))
		return false;
	if (use & SHAPE_ADDR && (a->src_at != b->src_at || a->dst_at != b->dst_at))
		return false;
	if (use & SHAPE_TAG && memcmp(a->tag_at, b->tag_at, sizeof(a->tag_at)) != 0)
		return false;
	return !(use & SHAPE_PORT) || (memcmp(a->port, b->port, sizeof(a->port)) == 0 &&
				       a->behind == b->behind && a->port_at == b->port_at);
}

/* Whether they are the same to a filter that of the first looks at 'r'. */
static bool same(const struct shape *a, const struct shape *b, const struct may_reads *r)
{
	const struct may_frame *x = &a->frame, *y = &b->frame;
	unsigned i;

	for (i = 0; i < MAY_BYTES; i++)
		if (r->at[i] && (x->val[i] != y->val[i] || x->known[i] != y->known[i]))
			return false;
	return !(r->length && x->ip != y->ip) && has_facts(x, y, r) && has_facts(y, x, r) &&
	       same_places(a, b, r);
}

size_t shapes_reduce(struct shape *v, size_t n, struct may *m)
{
	struct may_reads r[SHAPES_MAX];
	size_t i, j, k = 0;

	for (i = 0; i < n; i++) {
		memset(&r[k], 0, sizeof(r[k]));
		if (!may_match_reads(m, &v[i].frame, &r[k]))
			continue;
		for (j = 0; j < k && !same(&v[j], &v[i], &r[j]); j++)
			;
		if (j < k)
			continue;
		v[k] = v[i];
		v[k].use = use_of(&v[k], &r[k]);
		if (!v[k].use)
			return SIZE_MAX;
		k++;
	}
	return k;
}
