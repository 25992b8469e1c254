#include "run/prune_hosts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "net/dec.h"
#include "run/prune_shape.h"

#define TAGGED     3    /* no, one, two VLANs: further tags are in the shapes of each */
#define CASES_MAX  2048 /* ways in which frames can lack a set, that are looked at */
#define DIMS_MAX   8
#define ADDR_WORDS 4

_Static_assert(PRUNE_HOSTS_MAX <= 32, "a bit each");

/* All shapes of frames of one family that may pass, on one link type. */
struct kind {
	enum dec_kind kind;
	struct may *may;
	struct shape *v; /* owned; TAGGED * SHAPES_MAX */
	size_t n;
	bool all; /* of some it does not matter what is in their places */
};

static void kind_done(struct kind *k)
{
	free(k->v);
}

static int kind_init(struct kind *k, enum dec_kind kind, const struct prune_link *l)
{
	struct shape_flow f = {.linktype = l->type, .kind = (uint8_t)kind, .any_proto = true};
	size_t n;

	*k = (struct kind){.kind = kind, .may = l->may};
	k->v = calloc(TAGGED * SHAPES_MAX, sizeof(*k->v));
	if (!k->v)
		return -ENOMEM;
	for (f.n_vlan = 0; f.n_vlan < TAGGED && !k->all; f.n_vlan++) {
		n = shapes_of(k->v + k->n, &f);
		if (n != SIZE_MAX)
			n = shapes_reduce(k->v + k->n, n, l->may);
		k->all = n == SIZE_MAX;
		k->n += k->all ? 0 : n;
	}
	return 0;
}

/* ---- frames that lack some addresses ---- */

/* A place that does not have a prefix: either one of the words that are all in it differs, or one
 * of the bits behind these. */
struct dim {
	size_t at;
	const uint8_t *b;
	unsigned bits;
	struct may_range r[ADDR_WORDS][2];
	uint8_t n_r[ADDR_WORDS];
};

static unsigned ways(const struct dim *d)
{
	return d->bits / 32 + d->bits % 32;
}

/* All numbers but one; returns how many ranges that is. */
static uint8_t all_but(uint32_t v, struct may_range ret[2])
{
	uint8_t n = 0;

	if (v)
		ret[n++] = (struct may_range){0, v - 1};
	if (v != UINT32_MAX)
		ret[n++] = (struct may_range){v + 1, UINT32_MAX};
	return n;
}

static void dim_init(struct dim *d, size_t at, const struct filter_host *h)
{
	unsigned i;

	*d = (struct dim){.at = at, .b = h->addr.b, .bits = h->bits};
	for (i = 0; i < h->bits / 32; i++)
		d->n_r[i] = all_but(be32_load(h->addr.b + 4 * (size_t)i), d->r[i]);
}

/* Without room for it less is known, and no harm done. */
static void add_fact(struct may_frame *f, size_t at, const struct may_range *v, size_t n)
{
	if (f->n_facts < MAY_FACTS)
		f->facts[f->n_facts++] = (struct may_fact){
			.at = (uint16_t)at, .size = 4, .n = (uint8_t)n, .v = v, .also = v[0].lo};
}

static void apply(struct may_frame *f, const struct dim *d, unsigned way)
{
	unsigned words = d->bits / 32, bit = 32 * words + way - words;
	uint8_t mask = (uint8_t)(0x80 >> bit % 8);
	size_t at = d->at + bit / 8;

	if (way < words) {
		add_fact(f, d->at + 4 * (size_t)way, d->r[way], d->n_r[way]);
	} else if (at < MAY_BYTES && !(f->known[at] & mask)) {
		f->known[at] |= mask;
		f->val[at] |= (uint8_t)(~d->b[bit / 8] & mask);
	}
}

/* Which places of a shape do not have which addresses. */
struct lack {
	struct dim dims[DIMS_MAX];
	size_t n_dims;
	bool too_many;
	size_t at[2]; /* of words that are none of the numbers of hosts, as ranges between them */
	struct may_range r[PRUNE_HOSTS_MAX + 1];
	size_t n_r;
};

static void add_dims(struct lack *l, size_t first, size_t second, const struct filter_host *h)
{
	if (l->n_dims + 2 > DIMS_MAX) {
		l->too_many = true;
		return;
	}
	dim_init(&l->dims[l->n_dims++], first, h);
	dim_init(&l->dims[l->n_dims++], second, h);
}

static int by_number(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void set_ranges(struct lack *l, uint32_t *v, size_t n)
{
	uint32_t lo = 0;
	size_t i;

	qsort(v, n, sizeof(*v), by_number);
	for (i = 0; i < n; i++) {
		if (v[i] > lo)
			l->r[l->n_r++] = (struct may_range){lo, v[i] - 1};
		lo = v[i] + 1; /* 0 behind the last number there is */
	}
	if (n && lo)
		l->r[l->n_r++] = (struct may_range){lo, UINT32_MAX};
}

/* Addresses of IPv4 are where a program reads them: under IPv4's EtherType the decoder goes by
 * the version, so that the header may be one of IPv6, of which they are a part of the source. */
static void lack_of(struct lack *l, const struct prune_hosts *h, uint32_t set,
		    const struct shape *s, enum dec_kind kind)
{
	size_t first = kind == DEC_IP4 ? s->src_at : s->src_at + 4u;
	size_t second = kind == DEC_IP4 ? s->dst_at : s->src_at + 8u;
	uint32_t hosts[PRUNE_HOSTS_MAX];
	size_t i, n = 0;

	l->n_dims = l->n_r = 0;
	l->too_many = false;
	l->at[0] = first;
	l->at[1] = second;
	for (i = 0; i < h->n; i++) {
		const struct filter_host *k = &h->v[i];

		if (!(set >> i & 1))
			continue;
		if (k->addr.family == ADDR_IP4 && k->bits == 32)
			hosts[n++] = be32_load(k->addr.b);
		else if (k->addr.family == ADDR_IP4)
			add_dims(l, first, second, k);
		else if (kind == DEC_IP6)
			add_dims(l, s->src_at, s->dst_at, k);
	}
	set_ranges(l, hosts, n);
}

/* Whether a frame of the shape may match in one of the ways in which it can lack them. */
static bool may_lack(const struct lack *l, const struct shape *s, struct may *may)
{
	size_t cases = 1, i, k, left;

	for (i = 0; i < l->n_dims; i++) {
		cases *= ways(&l->dims[i]);
		if (cases > CASES_MAX)
			return true;
	}
	if (l->too_many)
		return true;
	for (i = 0; i < cases; i++) {
		struct may_frame f = s->frame;

		for (k = 0, left = i; k < l->n_dims; k++) {
			apply(&f, &l->dims[k], (unsigned)(left % ways(&l->dims[k])));
			left /= ways(&l->dims[k]);
		}
		for (k = 0; l->n_r && k < 2; k++)
			add_fact(&f, l->at[k], l->r, l->n_r);
		if (may_match(may, &f))
			return true;
	}
	return false;
}

/* ---- sets ---- */

/* Whether a packet of these kinds passes only if one end is in the set. */
static bool is_needed(const struct prune_hosts *h, uint32_t set, const struct kind *kinds, size_t n)
{
	struct lack l;
	size_t i, k;

	for (i = 0; i < n; i++) {
		if (kinds[i].all)
			return false;
		for (k = 0; k < kinds[i].n; k++) {
			const struct shape *s = &kinds[i].v[k];

			if (!s->addr_size)
				return false;
			lack_of(&l, h, set, s, kinds[i].kind);
			if (may_lack(&l, s, kinds[i].may))
				return false;
		}
	}
	return true;
}

/* One after the other, each as small as it gets, of addresses that are in none before. */
static void find_sets(struct prune_sets *to, const struct prune_hosts *h, const struct kind *kinds,
		      size_t n)
{
	uint32_t left = (uint32_t)((UINT64_C(1) << h->n) - 1), set;
	size_t i;

	to->n = 0;
	for (; to->n < PRUNE_SETS_MAX && is_needed(h, left, kinds, n); left &= ~set) {
		set = left;
		for (i = 0; i < h->n; i++)
			if (set >> i & 1 && is_needed(h, set & ~(UINT32_C(1) << i), kinds, n))
				set &= ~(UINT32_C(1) << i);
		to->v[to->n++] = set;
		if (!set) /* no flow passes; nor can more be said */
			break;
	}
}

static int find_kind(struct prune_sets *to, const struct prune_hosts *h, enum dec_kind kind,
		     const struct prune_link *links, size_t n)
{
	CLEANUP(freep) struct kind *kinds = calloc(n + 1, sizeof(*kinds));
	size_t i;
	int r = kinds ? 0 : -ENOMEM;

	for (i = 0; i < n && r == 0; i++)
		r = kind_init(&kinds[i], kind, &links[i]);
	if (r == 0)
		find_sets(to, h, kinds, n);
	for (i = 0; kinds && i < n; i++)
		kind_done(&kinds[i]);
	return r;
}

int prune_hosts_init(struct prune_hosts *h, const char *text, const struct prune_link *links,
		     size_t n)
{
	int r;

	*h = (struct prune_hosts){.n = 0};
	h->n = filter_hosts(text, h->v, PRUNE_HOSTS_MAX);
	if (h->n == PRUNE_HOSTS_MAX)
		return 0;
	r = find_kind(&h->ip4, h, DEC_IP4, links, n);
	return r < 0 ? r : find_kind(&h->ip6, h, DEC_IP6, links, n);
}
