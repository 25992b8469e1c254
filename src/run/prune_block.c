/* Rows of a block that are left out by their addresses: what is to be known of an address is
 * found out once for each that the block has, and then looked up by its number. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "flow/flow_schema.h"
#include "fmt/fseg.h"
#include "run/prune_hosts.h"

#define ALL UINT8_MAX /* a mark: the address is in all sets of its family, or of none */

/* The addresses of IPv4 in sets, as numbers: they are compared with all of a block. */
struct number {
	uint32_t v, mask;
	uint8_t sets;
};

struct marks {
	uint8_t none; /* of what is in no set */
	struct number v[PRUNE_HOSTS_MAX];
	size_t n;
};

static void marks_init(struct marks *m, const struct prune_hosts *h, const struct prune_sets *s)
{
	size_t i, k;

	m->none = (uint8_t)(ALL << s->n);
	for (i = m->n = 0; i < h->n; i++) {
		struct number *to = &m->v[m->n];

		if (h->v[i].addr.family != ADDR_IP4)
			continue;
		to->sets = 0;
		for (k = 0; k < s->n; k++)
			to->sets |= (uint8_t)((s->v[k] >> i & 1) << k);
		to->v = be32_load(h->v[i].addr.b);
		to->mask = h->v[i].bits ? UINT32_MAX << (32 - h->v[i].bits) : 0;
		m->n += !!to->sets;
	}
}

static uint8_t sets_of(const struct marks *m, uint32_t v)
{
	uint8_t sets = 0;
	size_t i;

	for (i = 0; i < m->n; i++)
		sets |= (v ^ m->v[i].v) & m->v[i].mask ? 0 : m->v[i].sets;
	return sets;
}

/* Of IPv6; prune_hosts.c says what a program takes for addresses of IPv4 there. */
static uint8_t sets_of_ip6(const struct prune_hosts *h, const struct marks *m, const struct addr *a)
{
	uint8_t sets = sets_of(m, be32_load(a->b + 4)) | sets_of(m, be32_load(a->b + 8));
	size_t i, k;

	for (i = 0; i < h->n; i++)
		if (addr_in(a, &h->v[i].addr, h->v[i].bits))
			for (k = 0; k < h->ip6.n; k++)
				sets |= (uint8_t)((h->ip6.v[k] >> i & 1) << k);
	return sets;
}

/* What sets each of the column's addresses is in.  NULL: no memory. */
static uint8_t *marks_new(const struct prune_hosts *h, const struct fseg_column *c)
{
	uint8_t *v = malloc(c->n + 1);
	struct marks m4, m6;
	size_t i;

	marks_init(&m4, h, &h->ip4);
	marks_init(&m6, h, &h->ip6);
	for (i = 0; v && i < c->n; i++) {
		const struct addr *a = &c->v.addr[i];

		if (a->family == ADDR_IP4)
			v[i] = m4.none | sets_of(&m4, be32_load(a->b));
		else if (a->family == ADDR_IP6)
			v[i] = m6.none | sets_of_ip6(h, &m6, a);
		else
			v[i] = ALL;
	}
	return v;
}

/* ---- the block as a whole ---- */

static bool may_have(struct fseg *f, const struct prune_hosts *h, uint32_t set, uint8_t family)
{
	size_t i;

	for (; set; set &= set - 1) {
		i = (size_t)__builtin_ctz(set);
		if (family == ADDR_IP6 && h->v[i].addr.family == ADDR_IP4)
			return true;
		if (h->v[i].addr.family == family &&
		    (fseg_may_addr(f, FLOW_network_a, &h->v[i].addr, h->v[i].bits) ||
		     fseg_may_addr(f, FLOW_network_b, &h->v[i].addr, h->v[i].bits)))
			return true;
	}
	return false;
}

/* The family of all addresses of all rows; ADDR_NONE: there is none. */
static uint8_t family_of(const struct fseg *f)
{
	static const enum flow_field ends[] = {FLOW_network_a, FLOW_network_b};
	uint32_t rows = fseg_opened(f)->rows;
	uint8_t family = ADDR_NONE;
	struct fseg_info info;
	size_t i;

	if (!fseg_field(f, FLOW_ip_protocol, &info) || info.values != rows)
		return ADDR_NONE;
	for (i = 0; i < 2; i++) {
		if (!fseg_field(f, ends[i], &info) || info.values != rows || !info.bounds ||
		    info.min.addr.family != info.max.addr.family ||
		    (i && info.min.addr.family != family))
			return ADDR_NONE;
		family = info.min.addr.family;
	}
	return family;
}

static bool is_without(struct fseg *f, const struct prune_hosts *h)
{
	uint8_t family = family_of(f);
	const struct prune_sets *s = family == ADDR_IP4 ? &h->ip4 : &h->ip6;
	size_t i;

	if (family != ADDR_IP4 && family != ADDR_IP6)
		return false;
	for (i = 0; i < s->n; i++)
		if (!may_have(f, h, s->v[i], family))
			return true;
	return false;
}

/* ---- its rows ---- */

static uint64_t word_of(const uint64_t *map, size_t i)
{
	return map ? map[i] : UINT64_MAX;
}

/* Flows that are not of IP, as ARP with its addresses, stay. */
static uint32_t clear_rows(const struct fseg_column *a, const struct fseg_column *b,
			   const struct fseg_column *proto, const uint8_t *of_a,
			   const uint8_t *of_b, uint64_t *rows)
{
	uint32_t n = 0;
	size_t i, k;

	for (i = 0; i * 64 < a->rows; i++) {
		size_t end = a->rows - i * 64 < 64 ? a->rows - i * 64 : 64;
		const uint32_t *x = a->codes + i * 64, *y = b->codes + i * 64;
		uint64_t out = 0;

		for (k = 0; k < end; k++)
			out |= (uint64_t)((of_a[x[k]] | of_b[y[k]]) != ALL) << k;
		out &= rows[i] & word_of(a->present, i) & word_of(b->present, i) &
		       word_of(proto->present, i);
		n += (uint32_t)__builtin_popcountll(out);
		rows[i] &= ~out;
	}
	return n;
}

int prune_hosts_block(const struct prune_hosts *h, struct fseg *f, uint64_t *rows, uint32_t *ret_n,
		      struct err *err)
{
	CLEANUP(freep) uint8_t *of_a = NULL, *of_b = NULL;
	struct fseg_column a, b, proto;
	size_t words = (fseg_opened(f)->rows + 63) / 64, i;
	int r;

	*ret_n = 0;
	if (!h->ip4.n && !h->ip6.n)
		return 0;
	if (is_without(f, h)) {
		for (i = 0; i < words; i++)
			*ret_n += (uint32_t)__builtin_popcountll(rows[i]);
		memset(rows, 0, words * sizeof(*rows));
		return 0;
	}
	r = fseg_column(f, FLOW_ip_protocol, &proto, err);
	if (r == 0)
		r = fseg_column(f, FLOW_network_a, &a, err);
	if (r == 0)
		r = fseg_column(f, FLOW_network_b, &b, err);
	if (r)
		return r == -ENOENT ? 0 : r;
	of_a = marks_new(h, &a);
	of_b = marks_new(h, &b);
	if (!of_a || !of_b)
		return -ENOMEM;
	*ret_n = clear_rows(&a, &b, &proto, of_a, of_b, rows);
	return 0;
}
