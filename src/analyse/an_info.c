#include "analyse/an_info.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void an_info_init(struct an_info *a)
{
	*a = (struct an_info){0};
}

void an_info_done(struct an_info *a)
{
	free(a->linktypes);
	an_info_init(a);
}

/* The entry of a link type, made where it belongs; NULL: out of memory. */
static struct an_info_linktype *linktype_at(struct an_info *a, uint16_t linktype)
{
	struct an_info_linktype *t;
	size_t i = 0, end = a->n_linktypes;

	while (i < end) {
		size_t mid = (i + end) / 2;

		if (a->linktypes[mid].linktype < linktype)
			i = mid + 1;
		else
			end = mid;
	}
	if (i < a->n_linktypes && a->linktypes[i].linktype == linktype)
		return &a->linktypes[i];

	t = reallocarray(a->linktypes, a->n_linktypes + 1, sizeof(*t));
	if (!t)
		return NULL;
	a->linktypes = t;
	memmove(t + i + 1, t + i, (a->n_linktypes - i) * sizeof(*t));
	t[i] = (struct an_info_linktype){.linktype = linktype};
	a->n_linktypes++;
	return &t[i];
}

/* b - a where both are any times; the largest that fits. */
static int64_t apart(int64_t a, int64_t b)
{
	int64_t d;

	return __builtin_sub_overflow(b, a, &d) ? INT64_MAX : d;
}

static void jump(struct an_info_jump *j, int64_t ns, int64_t from, const struct pkt *p)
{
	if (ns <= j->ns)
		return;
	*j = (struct an_info_jump){.ns = ns, .from = from, .number = p->number, .off = p->off};
}

static void add_time(struct an_info *a, const struct pkt *p)
{
	int64_t before = a->previous;

	a->previous = p->ts;
	a->bad_times += !!(p->flags & PKT_BAD_TIME);
	if (!a->timed++) {
		a->first = a->last = p->ts;
		a->first_iface = a->last_iface = p->iface;
		return;
	}
	if (p->ts < before) {
		a->backwards++;
		jump(&a->back, apart(p->ts, before), before, p);
	} else {
		jump(&a->gap, apart(before, p->ts), before, p);
	}
	if (p->ts < a->first) {
		a->first = p->ts;
		a->first_iface = p->iface;
	}
	if (p->ts > a->last) {
		a->last = p->ts;
		a->last_iface = p->iface;
	}
}

static void add_length(struct an_info *a, const struct pkt *p)
{
	if (!a->packets || p->len < a->len_min)
		a->len_min = p->len;
	if (p->len > a->len_max)
		a->len_max = p->len;
	a->empty += !p->len;
	a->bytes += p->len;
	a->cap_bytes += p->caplen;
	if (p->caplen < p->len) {
		if (!a->cut++ || p->caplen < a->cut_min)
			a->cut_min = p->caplen;
		if (p->caplen > a->cut_max)
			a->cut_max = p->caplen;
	} else if (p->caplen > p->len) {
		if (!a->over++)
			a->over_first = p->number;
	}
}

int an_info_add(struct an_info *a, const struct pkt *pkts, size_t n)
{
	struct an_info_linktype *t = NULL;

	for (size_t i = 0; i < n; i++) {
		const struct pkt *p = &pkts[i];

		if (!t || t->linktype != p->linktype) {
			t = linktype_at(a, p->linktype);
			if (!t)
				return -ENOMEM;
		}
		t->packets++;
		t->bytes += p->len;
		add_length(a, p);
		if (!(p->flags & PKT_NO_TIME))
			add_time(a, p);
		a->lost += p->drops;
		a->packets++;
	}
	return 0;
}

int64_t an_info_duration(const struct an_info *a)
{
	return apart(a->first, a->last);
}

double an_info_rate(const struct an_info *a, uint64_t n)
{
	int64_t ns = an_info_duration(a);

	return ns > 0 ? (double)n / ((double)ns / 1e9) : 0;
}
