#include "flow/flow_table_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "flow/flow_tcp.h"

/* Records and index of one flow: 128 + 64 + 64 + 24 and up to 18 bytes. */
#define FLOW_MEMORY    300
#define VERSION_MEMORY (sizeof(struct flow_version) + 16) /* with its places in lists */
#define FLOWS_MAX      (UINT32_C(1) << 28)
#define FLOWS_MIN      (2 * FLOW_BATCH)

/* Share of the memory for what few flows have: loss, tunnels, names. */
#define RARE_SHARE  8
#define PARENT_SIZE 16 /* a uuid */

/* A number of records within what pools and batches can do. */
static uint32_t at_most(uint64_t n)
{
	return n > FLOWS_MAX ? FLOWS_MAX : n < FLOWS_MIN ? FLOWS_MIN : (uint32_t)n;
}

static int init_pools(struct flow_table *t, struct err *err)
{
	uint64_t memory = t->opts.max_memory, one = FLOW_MEMORY, max, rare, parents;
	int r;

	if (t->opts.update) {
		one += VERSION_MEMORY;
		memory -= memory > 2 * FLOW_VERSIONS_FIXED ? FLOW_VERSIONS_FIXED : 0;
	}
	rare = memory / RARE_SHARE;
	max = (memory - rare * 2) / one;
	if (t->opts.max_flows && t->opts.max_flows < max)
		max = t->opts.max_flows;
	t->max_flows = at_most(max);
	parents = (uint64_t)t->max_flows * PARENT_SIZE;

	r = pool_init(&t->hot, sizeof(struct flow_hot), t->max_flows);
	if (r == 0)
		r = pool_init(&t->cold, sizeof(struct flow_cold), t->max_flows);
	if (r == 0)
		r = pool_init(&t->rest, sizeof(struct flow_key_rest), t->max_flows);
	if (r == 0)
		r = pool_init(&t->tcp, sizeof(struct flow_tcp), t->max_flows);
	if (r == 0)
		r = pool_init(&t->icmp, sizeof(struct flow_icmp), t->max_flows);
	if (r == 0)
		r = pool_init(&t->loss, sizeof(struct flow_loss),
			      at_most(rare / sizeof(struct flow_loss)));
	/* Those of a flow in a tunnel come out of the same share; all can be in one. */
	if (r == 0)
		r = pool_init(&t->parent, PARENT_SIZE, t->max_flows);
	if (r == 0)
		r = pool_init(
			&t->more, sizeof(struct flow_more),
			at_most((rare > parents ? rare - parents : 0) / sizeof(struct flow_more)));
	if (r == 0 && t->opts.update)
		r = pool_init(&t->version, sizeof(struct flow_version), t->max_flows);
	t->hots = (struct flow_hot *)t->hot.base;
	t->colds = (struct flow_cold *)t->cold.base;
	t->rests = (struct flow_key_rest *)t->rest.base;
	t->tcps = (struct flow_tcp *)t->tcp.base;
	return r < 0 ? err_set(err, r, "no address space for %u flows", t->max_flows) : 0;
}

int flow_table_new(struct flow_table **ret, const struct flow_opts *o, struct err *err)
{
	struct flow_table *t;
	int r;

	if (o->idle <= 0 || o->hold <= 0 || !o->max_memory)
		return err_set(err, -EINVAL, "flow time-outs and memory must be above 0");
	if (o->update < 0 || o->update > FLOW_UPDATE_MAX)
		return err_set(err, -EINVAL, "flow updates must be from 0 to 3600 s");
	t = calloc(1, sizeof(*t));
	if (!t)
		return err_set(err, -ENOMEM, "out of memory");
	t->opts = *o;
	t->n_paths = 1; /* number 0: too many */
	t->paths = calloc(FLOW_PATHS, sizeof(*t->paths));
	r = t->paths ? init_pools(t, err) : err_set(err, -ENOMEM, "out of memory");
	if (r == 0 && getrandom(t->secret, sizeof(t->secret), 0) != sizeof(t->secret))
		r = err_set(err, -EIO, "no random numbers from the kernel");
	if (r == 0 && flow_index_reserve(t, 1) < 0)
		r = err_set(err, -ENOMEM, "out of memory");
	if (r == 0 && o->update &&
	    flow_versions_new(&t->versions, o->update, (struct flow_version *)t->version.base) < 0)
		r = err_set(err, -ENOMEM, "out of memory");
	if (r < 0) {
		flow_table_free(t);
		return r;
	}
	flow_wheel_init(&t->idle, &t->hot, &t->cold, o->idle);
	flow_wheel_init(&t->closed, &t->hot, &t->cold, o->hold);
	*ret = t;
	return 0;
}

void flow_table_free(struct flow_table *t)
{
	uint32_t i;

	if (!t)
		return;
	/* A released record has no name: flow_table_release(). */
	for (i = 0; i < t->more.used; i++)
		free(((struct flow_more *)pool_at(&t->more, i))->name);
	pool_done(&t->hot);
	pool_done(&t->cold);
	pool_done(&t->rest);
	pool_done(&t->tcp);
	pool_done(&t->icmp);
	pool_done(&t->loss);
	pool_done(&t->more);
	pool_done(&t->parent);
	pool_done(&t->version);
	flow_versions_free(t->versions);
	flow_frags_free(t->frags);
	free(t->slots);
	free(t->dead);
	free(t->paths);
	free(t);
}

/* Room for 'more' entries in the list of dead flows. */
static int dead_reserve(struct flow_table *t, size_t more)
{
	size_t size = t->dead_size ? t->dead_size : 1024;
	uint32_t *p;

	if (t->dead_at == t->n_dead)
		t->dead_at = t->n_dead = 0;
	while (t->n_dead + more > size)
		size *= 2;
	if (size == t->dead_size)
		return 0;
	p = realloc(t->dead, size * sizeof(*p));
	if (!p)
		return -ENOMEM;
	t->dead = p;
	t->dead_size = size;
	return 0;
}

static uint8_t finish_of(const struct flow_hot *h, uint8_t otherwise)
{
	uint8_t seen;

	if (!(h->flags & FLOW_IS_TCP))
		return otherwise;
	seen = h->dir[0].seen | h->dir[1].seen;
	return seen & TCP_RST ? FLOW_TCP_RST : seen & TCP_FIN ? FLOW_TCP_FIN : otherwise;
}

/* A flow that is in no wheel any more leaves the index and waits for its
 * reader; dead_reserve() made the room. */
static void end_flow(struct flow_table *t, uint32_t i, uint8_t otherwise)
{
	struct flow_hot *h = flow_hot(t, i);

	flow_index_remove(t, flow_index_tag_of(t, i), i);
	h->finish = finish_of(h, otherwise);
	h->flags |= FLOW_DEAD;
	t->dead[t->n_dead++] = i;
}

void flow_table_end(struct flow_table *t, uint32_t i, uint8_t otherwise)
{
	flow_wheel_remove(flow_hot(t, i)->flags & FLOW_CLOSED ? &t->closed : &t->idle, i);
	end_flow(t, i, otherwise);
}

int flow_table_expire(struct flow_table *t, int64_t clock)
{
	uint32_t i;

	/* The room comes first: a flow taken out must go somewhere. */
	while (dead_reserve(t, 1) == 0) {
		i = flow_wheel_expire(&t->closed, clock);
		if (i == POOL_NONE)
			i = flow_wheel_expire(&t->idle, clock);
		if (i == POOL_NONE)
			return 0;
		end_flow(t, i, FLOW_TIMEOUT);
	}
	return -ENOMEM;
}

int flow_table_make_room(struct flow_table *t, uint32_t n, int64_t clock)
{
	uint32_t i;
	int r;

	if (flow_index_reserve(t, n) < 0 || dead_reserve(t, 2 * (size_t)n) < 0 ||
	    (t->versions && flow_versions_reserve(t->versions, n) < 0))
		return -ENOMEM;
	if (t->max_flows - t->hot.live >= n)
		return 0;
	r = flow_table_expire(t, clock);
	if (r < 0)
		return r;
	if (t->n_dead != t->dead_at)
		return -EAGAIN;
	for (n -= t->max_flows - t->hot.live; n; n--) {
		i = flow_wheel_oldest(&t->closed);
		if (i == POOL_NONE)
			i = flow_wheel_oldest(&t->idle);
		if (i == POOL_NONE)
			break;
		end_flow(t, i, FLOW_NOT_FINISHED);
		t->evicted++;
	}
	return -EAGAIN;
}

static int cmp_serial(const void *a, const void *b, void *arg)
{
	const struct flow_table *t = arg;
	uint64_t x = flow_cold(t, *(const uint32_t *)a)->serial;
	uint64_t y = flow_cold(t, *(const uint32_t *)b)->serial;

	return (x > y) - (x < y);
}

void flow_table_sort_dead(struct flow_table *t)
{
	size_t k;

	for (k = t->dead_at + 1; k < t->n_dead; k++)
		if (cmp_serial(&t->dead[k - 1], &t->dead[k], t) > 0)
			break;
	if (k < t->n_dead)
		qsort_r(t->dead + t->dead_at, t->n_dead - t->dead_at, sizeof(*t->dead), cmp_serial,
			t);
}

/* The list of all flows where none was given back yet: numbers are in the order
 * of first packets. */
static void list_all(struct flow_table *t)
{
	uint32_t i;

	for (i = 0; i < t->hot.used; i++)
		t->dead[i] = i;
	t->dead_at = 0;
	t->n_dead = t->hot.used;
}

int flow_table_finish(struct flow_table *t, int64_t clock)
{
	bool all = t->hot.live == t->hot.used;
	uint32_t i;

	free(t->slots); /* before the list grows: both at once are never needed */
	t->slots = NULL;
	if (dead_reserve(t, all ? t->hot.used : t->idle.n + t->closed.n) < 0)
		return -ENOMEM;
	for (i = 0; i < t->hot.used; i++) {
		struct flow_hot *h = flow_hot(t, i);
		bool late;

		if (h->flags & FLOW_DEAD)
			continue;
		late = flow_span(h->last_clock, clock) > flow_timeout(t, h->flags & FLOW_CLOSED);
		h->finish = finish_of(h, late ? FLOW_TIMEOUT : FLOW_NOT_FINISHED);
		h->flags |= FLOW_DEAD;
		if (!all)
			t->dead[t->n_dead++] = i;
	}
	/* Nothing comes any more: the wheels are not taken apart flow by flow. */
	t->idle.n = t->closed.n = 0;
	if (all)
		list_all(t);
	else
		flow_table_sort_dead(t);
	return 0;
}

void flow_table_release(struct flow_table *t, uint32_t i)
{
	struct flow_hot *h = flow_hot(t, i);
	struct flow_cold *c = flow_cold(t, i);

	if (h->flags & FLOW_IS_TCP) {
		if (h->loss != POOL_NONE)
			pool_release(&t->loss, h->loss);
		pool_release(&t->tcp, h->ext);
	} else if (h->flags & FLOW_IS_ICMP) {
		pool_release(&t->icmp, h->ext);
	}
	if (h->rest != POOL_NONE)
		pool_release(&t->rest, h->rest);
	if (c->more != POOL_NONE) {
		struct flow_more *m = pool_at(&t->more, c->more);

		free(m->name);
		m->name = NULL;
		pool_release(&t->more, c->more);
	}
	if (c->parent != POOL_NONE)
		pool_release(&t->parent, c->parent);
	/* The free list uses the first bytes of the key; the mark below stays. */
	h->flags = FLOW_DEAD;
	pool_release(&t->hot, i);
}

void flow_table_stats(const struct flow_table *t, struct flow_table_stats *ret)
{
	*ret = (struct flow_table_stats){
		.flows = t->flows,
		.evicted = t->evicted,
		.unfollowed = t->unfollowed,
		.live = t->hot.live - (t->n_dead - t->dead_at),
		.memory = (uint64_t)t->hot.used * (t->hot.size + t->cold.size) +
			  pool_memory(&t->rest) + pool_memory(&t->tcp) + pool_memory(&t->icmp) +
			  pool_memory(&t->loss) + pool_memory(&t->more) + pool_memory(&t->parent) +
			  t->dead_size * sizeof(*t->dead) +
			  (t->versions ? (uint64_t)t->hot.used * t->version.size +
						 flow_versions_memory(t->versions)
				       : 0) +
			  (t->slots ? ((uint64_t)t->mask + 1) * sizeof(*t->slots) : 0),
	};
}
