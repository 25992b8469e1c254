#include "flow/flow_version.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "flow/flow_table_impl.h"

/* Groups are made that much of 'update' apart: so many of them, and so early a flow can be. */
#define GROUPS_PER_UPDATE 1024

/* Entries beside those of flows that still wait there, before they are cleared away. */
#define STALE_MIN 1024

#define LIST_MIN 16

int flow_versions_new(struct flow_versions **ret, int64_t update, struct flow_version *of)
{
	struct flow_versions *v = calloc(1, sizeof(*v));

	if (!v)
		return -ENOMEM;
	v->update = update;
	v->now = INT64_MIN;
	v->of = of;
	*ret = v;
	return 0;
}

static struct flow_group *group_at(struct flow_versions *v, size_t k)
{
	return &v->groups[(v->first + k) % FLOW_GROUPS_MAX];
}

void flow_versions_free(struct flow_versions *v)
{
	size_t k;

	if (!v)
		return;
	for (k = 0; k < v->n_groups; k++)
		free(group_at(v, k)->v);
	free(v->fresh);
	free(v);
}

/* Room for one more at least; by half as much again, since there are many of these. */
static int list_grow(uint32_t **list, size_t *size, size_t want)
{
	size_t n = *size + *size / 2;
	uint32_t *p;

	if (want <= *size)
		return 0;
	n = n < want ? want : n;
	n = n < LIST_MIN ? LIST_MIN : n;
	p = realloc(*list, n * sizeof(*p));
	if (!p)
		return -ENOMEM;
	*list = p;
	*size = n;
	return 0;
}

int flow_versions_reserve(struct flow_versions *v, size_t more)
{
	if (v->fresh_at && v->n_fresh + more > v->fresh_size) {
		v->n_fresh -= v->fresh_at;
		memmove(v->fresh, v->fresh + v->fresh_at, v->n_fresh * sizeof(v->fresh[0]));
		v->fresh_at = 0;
	}
	return list_grow(&v->fresh, &v->fresh_size, v->n_fresh + more);
}

uint64_t flow_versions_memory(const struct flow_versions *v)
{
	uint64_t n = v->fresh_size;
	size_t k;

	for (k = 0; k < v->n_groups; k++)
		n += v->groups[(v->first + k) % FLOW_GROUPS_MAX].size;
	return sizeof(*v) + n * sizeof(uint32_t);
}

static bool is_alive(const struct flow_table *t, uint32_t i)
{
	return !(flow_hot(t, i)->flags & FLOW_DEAD);
}

/* Whether an entry of a group is that of a flow which waits there: the number can have been
 * given to another one since. */
static bool waits_in(const struct flow_table *t, const struct flow_group *g, uint32_t i)
{
	return t->versions->of[i].group == g->seq && is_alive(t, i);
}

static void drop_group(struct flow_versions *v)
{
	free(v->groups[v->first].v);
	v->first = (v->first + 1) % FLOW_GROUPS_MAX;
	v->n_groups--;
}

/* Clears entries away that mean nothing any more. */
static void compact(struct flow_table *t)
{
	struct flow_versions *v = t->versions;
	size_t k, from, to;

	v->waiting = 0;
	for (k = 0; k < v->n_groups; k++) {
		struct flow_group *g = group_at(v, k);
		uint32_t *p;

		for (from = g->at, to = 0; from < g->n; from++)
			if (waits_in(t, g, g->v[from]))
				g->v[to++] = g->v[from];
		g->at = 0;
		g->n = to;
		v->waiting += to;
		p = realloc(g->v, (to ? to : 1) * sizeof(*p));
		if (p) {
			g->v = p;
			g->size = to ? to : 1;
		}
	}
}

/* The group of those looked at now. */
static struct flow_group *group_now(struct flow_versions *v)
{
	struct flow_group *g = v->n_groups ? group_at(v, v->n_groups - 1) : NULL;

	if (g && (v->n_groups == FLOW_GROUPS_MAX ||
		  flow_span(g->made, v->now) < (uint64_t)v->update / GROUPS_PER_UPDATE))
		return g;
	v->n_groups++;
	g = group_at(v, v->n_groups - 1);
	if (++v->seq == FLOW_GROUP_NEW)
		v->seq++;
	*g = (struct flow_group){.made = v->now, .seq = v->seq};
	return g;
}

static void wait_again(struct flow_table *t, uint32_t i)
{
	struct flow_versions *v = t->versions;
	struct flow_group *g = group_now(v);

	if (list_grow(&g->v, &g->size, g->n + 1) < 0) {
		/* Its next row will be its last. */
		v->of[i].group = FLOW_GROUP_NEW;
		t->unfollowed++;
		return;
	}
	v->of[i].group = g->seq;
	g->v[g->n++] = i;
	v->waiting++;
}

/* The next new flow; POOL_NONE: no more. */
static uint32_t next_fresh(struct flow_table *t)
{
	struct flow_versions *v = t->versions;

	while (v->fresh_at < v->n_fresh) {
		uint32_t i = v->fresh[v->fresh_at++];

		v->of[i].listed = 0;
		if (is_alive(t, i))
			return i;
	}
	v->fresh_at = v->n_fresh = 0;
	return POOL_NONE;
}

static bool has_news(const struct flow_table *t, uint32_t i)
{
	const struct flow_version *f = &t->versions->of[i];

	return flow_version_packets(f, flow_packets(t, i, 0), 0) ||
	       flow_version_packets(f, flow_packets(t, i, 1), 1);
}

/* The next of those whose time has come and that have had packets. */
static uint32_t next_due(struct flow_table *t)
{
	struct flow_versions *v = t->versions;

	while (v->n_groups) {
		struct flow_group *g = group_at(v, 0);
		uint32_t i;

		if (flow_span(g->made, v->now) < (uint64_t)v->update)
			break;
		if (g->at == g->n) {
			drop_group(v);
			continue;
		}
		i = g->v[g->at++];
		v->waiting--;
		if (!waits_in(t, g, i))
			continue;
		if (has_news(t, i))
			return i;
		wait_again(t, i);
	}
	return POOL_NONE;
}

uint32_t flow_versions_next(struct flow_table *t, int64_t now)
{
	struct flow_versions *v = t->versions;
	uint32_t i;

	if (now > v->now)
		v->now = now;
	i = next_fresh(t);
	if (i == POOL_NONE)
		i = next_due(t);
	if (i == POOL_NONE)
		return i;
	if (v->waiting > t->hot.live + t->hot.live / 2 + STALE_MIN)
		compact(t);
	wait_again(t, i);
	return i;
}

uint64_t flow_version_packets(const struct flow_version *v, uint64_t packets, int dir)
{
	uint64_t before = (uint64_t)v->packets_hi[dir] << 32 | v->packets[dir];

	return (packets - before) & UINT64_C(0xffffffffff);
}

void flow_versions_note(struct flow_table *t, uint32_t i)
{
	const struct flow_hot *h = flow_hot(t, i);
	struct flow_version *f = &t->versions->of[i];
	int dir;

	for (dir = 0; dir < 2; dir++) {
		uint64_t n = flow_packets(t, i, dir);

		f->packets[dir] = (uint32_t)n;
		f->packets_hi[dir] = (uint8_t)(n >> 32);
		f->bytes[dir] = h->bytes[dir];
	}
	f->last = h->last;
	f->version++;
}
