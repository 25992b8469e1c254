#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "capture/live_impl.h"
#include "capture/rtnl.h"

/* Bytes of a frame that may come: super-frames are larger than any MTU. */
#define SUPER_FRAME  65536
#define LINK_HDR_MAX 64

static uint32_t frame_max(const struct live *l, const struct link *k)
{
	uint32_t max = SUPER_FRAME;

	if (k->mtu > max)
		max = k->mtu;
	if (k->gso_max_size > max)
		max = k->gso_max_size;
	if (k->gro_max_size > max)
		max = k->gro_max_size;
	max = max < (UINT32_C(1) << 24) ? max + LINK_HDR_MAX : UINT32_C(1) << 24;
	/* Frames that are still to be filtered come whole. */
	if (l->hub->conf.snaplen && l->hub->conf.snaplen < max && !l->filter)
		max = l->hub->conf.snaplen;
	return max;
}

uint64_t live_ring_start(uint64_t total, size_t n)
{
	/* The rest is for rings that turn out too small, which for a while are there twice, and
	 * for interfaces to come. */
	uint64_t each = n > 1 ? total / 2 / n : total / 4;

	return each < LIVE_RING_START ? each : LIVE_RING_START;
}

static struct ring_look look_of(const struct live_hub *h, const struct live_if *f, size_t at)
{
	enum live_dir dir = h->conf.dir;

	return (struct ring_look){
		.undecided = f->prog.undecided,
		.cooked = f->cooked,
		.raw = f->linktype == RING_RAW,
		.no_in = dir == LIVE_OUT,
		.no_out = dir == LIVE_IN || (f->loopback && dir == LIVE_BOTH),
		.linktype = f->linktype,
		.hatype = f->hatype,
		.snaplen = h->conf.snaplen,
		.iface = (uint32_t)at,
		.ifindex = (uint32_t)f->ifindex,
	};
}

void live_ungroup(struct live_if *f)
{
	struct live_group *g = TAKE_PTR(f->group);

	if (!g)
		return;
	if (f->growing)
		atomic_store(&g->growing, false);
	f->growing = false;
	if (atomic_fetch_sub(&g->refs, 1) == 1)
		free(g);
}

/* One for all of these. */
static int group_all(struct live_order **o, unsigned n)
{
	struct live_group *g = malloc(sizeof(*g));

	if (!g)
		return -ENOMEM;
	atomic_init(&g->refs, n);
	atomic_init(&g->growing, false);
	for (unsigned i = 0; i < n; i++)
		o[i]->f.group = g;
	return 0;
}

static void drop_order(struct live *l, struct live_order *o)
{
	if (!o)
		return;
	if (o->f.sock)
		l->hub->ring_bytes -= live_size_bytes(o->f.sock->size);
	live_sock_free(o->f.sock);
	live_prog_done(&o->f.prog);
	live_ungroup(&o->f);
	free(o);
}

/* Socket and program of one thread. */
static int make_one(struct live *l, struct live_order **ret, const struct live_if *like, size_t at,
		    struct live_size size, struct err *err)
{
	struct live_hub *h = l->hub;
	const struct live_job job = {
		.filter = l->filter,
		.linktype = like->linktype,
		.cooked = like->cooked,
		.out_only = h->conf.dir == LIVE_OUT,
		.classic = h->conf.classic,
		.snaplen = h->conf.snaplen,
		.own_mark = h->conf.own_mark,
	};
	struct live_order *o = calloc(1, sizeof(*o));
	struct ring_look look;
	int r;

	if (!o)
		return err_set(err, -ENOMEM, "out of memory");
	o->f = *like;
	o->f.prog = (struct live_prog)LIVE_PROG_INIT;
	r = live_prog_new(&o->f.prog, h->priv, &job, err);
	if (r == 0) {
		look = look_of(h, &o->f, at);
		r = live_sock_new(&o->f.sock, h->priv, like->ns->name, like->ifindex,
				  h->conf.promisc && like->ask->what != WHAT_ANY && !like->loopback,
				  size, &look, err);
	}
	if (r == 0)
		h->ring_bytes += live_size_bytes(size);
	o->f.exact = o->f.prog.exact;
	*ret = o;
	return r;
}

static int arm(struct live_sock *s, const struct live_prog *p)
{
	return live_sock_arm(s, p->fd, p->classic, p->n_classic);
}

/* All are bound and take nothing yet: now they form a group, and then begin. */
static int begin_all(struct live *l, struct live_order **o, struct err *err)
{
	unsigned n = l->hub->threads;
	int r = 0;

	for (unsigned i = 0; r == 0 && i < n; i++)
		r = live_sock_join(o[i]->f.sock, i ? o[0]->f.sock : NULL);
	if (n > 1 && r == 0)
		r = live_sock_share(o[0]->f.sock, n, LIVE_SOCK_NONE);
	if (n > 1 && r < 0)
		return err_set(err, r, "cannot share its frames out over threads: %s",
			       strerror(-r));
	/* One alone can do without a group: then its ring cannot grow. */
	r = 0;
	for (unsigned i = 0; r == 0 && i < n; i++)
		r = arm(o[i]->f.sock, &o[i]->f.prog);
	return r < 0 ? err_set(err, r, "cannot attach the filter: %s", strerror(-r)) : 0;
}

static void post(struct live *l, unsigned to, struct live_order *o)
{
	const uint64_t one = 1;
	struct live *m;
	ssize_t n;

	pthread_mutex_lock(&l->hub->lock);
	m = l->hub->members[to];
	if (m) {
		o->next = NULL;
		*m->orders_end = o;
		m->orders_end = &o->next;
		atomic_store(&m->has_orders, true);
		n = write(m->wake, &one, sizeof(one));
		(void)n; /* it fails only where it is readable anyhow */
	}
	pthread_mutex_unlock(&l->hub->lock);
	if (!m)
		drop_order(l, o);
}

/* A size that the total allows. */
static int find_size(struct live *l, uint32_t max, struct live_size *ret, struct err *err)
{
	struct live_hub *h = l->hub;
	uint64_t total = h->conf.buffer_total, used = h->ring_bytes;
	uint64_t left = total > used ? (total - used) / h->threads : 0, want;

	/* Who comes later begins small, so that many can come; rings grow. */
	want = l->begun ? left / LIVE_LATER_PART : left;
	*ret = live_size(h->ring_start < want ? h->ring_start : want, max);
	if (live_size_bytes(*ret) > left)
		return err_set(err, -ENOBUFS,
			       "no room for another ring of %" PRIu64 " KiB in %" PRIu64
			       " KiB of all; raise --buffer-total",
			       live_size_bytes(*ret) >> 10, total >> 10);
	return 0;
}

/* What earlier devices of the name had counted stays, if it is known. */
static void wire_start(struct live_if *f, bool first)
{
	struct err err;
	struct link k = {0};

	if (first)
		f->wire_known = true;
	if (rtnl_link_get(f->ns->query, f->ifindex, &k, &err) < 0)
		f->wire_known = false;
	else
		live_wire_add(&f->wire_base, &k.stats, 1);
	f->wire_last = k.stats;
}

int live_join(struct live *l, struct live_ns *ns, const struct live_ask *ask, const struct link *k,
	      size_t at, struct err *err)
{
	struct live_order *o[LIVE_THREADS_MAX] = {0};
	unsigned n = l->hub->threads, i;
	struct live_if like = {
		.ns = ns,
		.ask = ask,
		.ifindex = k->index,
		.state = k->up ? LIVE_UP : LIVE_DOWN,
		.hatype = k->hatype,
		.linktype = k->linktype,
		.cooked = k->cooked,
		.loopback = k->loopback,
		.frame_max = frame_max(l, k),
	};
	size_t number = at == SIZE_MAX ? l->n_ifs : at;
	struct live_size size = {0};
	int r;

	like.since = k->up ? 0 : clock_ns(CLOCK_REALTIME);
	memcpy(like.name, k->name, sizeof(like.name));
	snprintf(like.shown, sizeof(like.shown), "%s%s%s%s", *ns->name ? "netns:" : "", ns->name,
		 *ns->name ? "/" : "", k->name);
	r = number < LIVE_IFACES_MAX
		    ? find_size(l, like.frame_max, &size, err)
		    : err_set(err, -E2BIG, "more than %d interfaces", LIVE_IFACES_MAX);
	for (i = 0; r == 0 && i < n; i++)
		r = make_one(l, &o[i], &like, number, size, err);
	if (r == 0 && group_all(o, n) < 0)
		r = err_set(err, -ENOMEM, "out of memory");
	if (r == 0)
		r = begin_all(l, o, err);
	for (i = 0; r == 0 && i < n; i++)
		o[i]->what = at == SIZE_MAX ? ORDER_ADD : ORDER_BACK, o[i]->iface = number;
	if (r == 0 && o[0]) /* there is one: threads are not 0 */
		r = live_obey(l, o[0]);
	if (r == 0) {
		wire_start(l->ifs[number], at == SIZE_MAX);
		free(TAKE_PTR(o[0]));
	}
	for (i = 0; i < n; i++) {
		if (r == 0 && i)
			post(l, i, o[i]);
		else
			drop_order(l, o[i]);
	}
	return r < 0 ? err_wrap(err, r, "'%s'", like.shown) : 0;
}

static int add(struct live *l, struct live_order *o)
{
	struct live_if *f = malloc(sizeof(*f));
	struct src_iface i = {
		.name = src_text_add(&l->src, o->f.shown, strlen(o->f.shown)),
		.filter = l->filter ? l->hub->conf.filter : NULL,
		.linktype = o->f.linktype,
		.snaplen = l->hub->conf.snaplen,
		.ticks_per_sec = 1000000000,
		.tsresol = 9,
		.has_tsresol = true,
	};
	int r = f ? 0 : -ENOMEM;

	if (r == 0 && l->n_ifs == l->size_ifs) {
		size_t size = l->size_ifs ? l->size_ifs * 2 : 4;
		void *ifs = reallocarray(l->ifs, size, sizeof(struct live_if *)), *ready;

		if (ifs)
			l->ifs = ifs;
		ready = ifs ? reallocarray(l->ready, 2 * size, sizeof(struct live_sock *)) : NULL;
		if (ready) {
			l->ready = ready;
			l->size_ifs = size;
		} else {
			r = -ENOMEM;
		}
	}
	if (r == 0)
		r = src_iface_add(&l->src, &i);
	if (r < 0) {
		free(f);
		return r;
	}
	*f = o->f;
	if (f->state != LIVE_UP)
		live_away_begin(f, f->since);
	l->ifs[l->n_ifs++] = f;
	return 0;
}

static void fold_prog(struct live_if *f)
{
	f->past.rejected += live_prog_rejected(&f->prog);
	f->past.own += live_prog_own(&f->prog);
	live_prog_done(&f->prog);
}

void live_close(struct live *l, struct live_if *f, struct live_sock *s)
{
	struct ring_count *to = &f->past.count, *c = &s->ring.count;

	live_sock_count(s);
	to->walked += c->walked;
	to->given += c->given;
	to->filtered += c->filtered;
	to->other += c->other;
	to->cut += c->cut;
	to->broken += c->broken;
	f->past.packets += s->packets;
	f->past.drops += s->drops + live_sock_waiting(s); /* nobody will ever read those */
	f->past.freezes += s->freezes;
	l->hub->ring_bytes -= live_size_bytes(s->size);
	live_sock_free(s);
}

/* From now on 'sock' gets nothing; what it has is given before it is closed. */
static void retire(struct live *l, struct live_if *f)
{
	if (!f->sock)
		return;
	if (f->old) /* no time for both: what nobody has read yet counts as dropped */
		live_close(l, f, f->old);
	f->old = TAKE_PTR(f->sock);
	f->old_since = clock_ns(CLOCK_MONOTONIC);
	f->old_settled = false;
	f->old_quiet = f->old_since;
	f->old_packets = 0;
	l->draining = true;
}

static void back(struct live *l, struct live_if *f, struct live_order *o)
{
	retire(l, f);
	live_ungroup(f);
	fold_prog(f);
	f->ask = o->f.ask;
	f->ifindex = o->f.ifindex;
	f->state = o->f.state;
	f->since = o->f.since;
	if (f->state == LIVE_UP)
		live_away_end(f, clock_ns(CLOCK_REALTIME));
	f->hatype = o->f.hatype;
	f->frame_max = o->f.frame_max;
	f->sock = o->f.sock;
	f->group = o->f.group;
	f->prog = o->f.prog;
	f->exact &= o->f.exact;
	f->no_growth = false;
	f->freezes_seen = 0;
}

static void rename_if(struct live *l, size_t i, const struct live_order *o)
{
	struct live_if *f = l->ifs[i];
	const char *t = src_text_add(&l->src, o->f.shown, strlen(o->f.shown));

	memcpy(f->name, o->f.name, sizeof(f->name));
	memcpy(f->shown, o->f.shown, sizeof(f->shown));
	if (t) /* else too often renamed: it keeps the one before */
		l->src.ifaces[i].name = t;
}

int live_obey(struct live *l, struct live_order *o)
{
	struct live_if *f;
	int r = 0;

	if (o->what == ORDER_ADD)
		r = add(l, o);
	if (r < 0)
		return r;
	f = l->ifs[o->iface];
	switch (o->what) {
	case ORDER_BACK:
		back(l, f, o);
		/* fall through */
	case ORDER_ADD:
		f->sock->ring.look.filter = l->filter;
		if (l->ending)
			live_sock_disarm(f->sock);
		if (!f->old)
			live_watch(l, f->sock);
		break;
	case ORDER_STATE:
		f->state = o->f.state;
		if (f->state == LIVE_GONE) {
			f->ifindex = 0;
			retire(l, f);
			live_ungroup(f);
		}
		break;
	case ORDER_NAME:
		rename_if(l, o->iface, o);
		break;
	}
	return 0;
}

void live_tell(struct live *l, const struct live_order *o)
{
	for (unsigned i = 1; i < l->hub->threads; i++) {
		struct live_order *copy = malloc(sizeof(*copy));

		if (!copy)
			continue; /* a name or a state is not known there; packets are */
		*copy = *o;
		copy->f.prog = (struct live_prog)LIVE_PROG_INIT; /* 0 is a descriptor */
		post(l, i, copy);
	}
}

uint64_t live_waiting(struct live_if *f)
{
	uint64_t n = 0;

	if (f->sock) {
		live_sock_count(f->sock);
		n += live_sock_waiting(f->sock);
	}
	if (f->old) {
		live_sock_count(f->old);
		n += live_sock_waiting(f->old);
	}
	return n;
}

static bool is_crowded(struct live_if *f)
{
	struct live_sock *s = f->sock;
	bool froze = s->freezes > f->freezes_seen;

	f->freezes_seen = s->freezes;
	return froze || ring_fill(&s->ring) >= (s->size.n_blocks + 1) / 2;
}

/* Takes room for a ring twice as large, or of all that is left where it could not grow once more
 * after that: old and new are there together for a while.  0: there is none that is worth it. */
static uint64_t reserve(struct live_hub *h, uint64_t now, uint32_t frame_max, struct live_size *ret)
{
	uint64_t used = h->ring_bytes, left, want;

	do {
		left = h->conf.buffer_total > used ? h->conf.buffer_total - used : 0;
		/* Then 'left + now - 2 * now' will be left, for one of '2 * now' times 3/2. */
		*ret = live_size(left >= 4 * now ? 2 * now : left, frame_max);
		want = live_size_bytes(*ret);
		if (want > left || want < now + now / 2)
			return 0;
	} while (!atomic_compare_exchange_weak(&h->ring_bytes, &used, used + want));
	return want;
}

/* Another socket joins the group while all still goes to the members that are there; then the
 * group's program names it in place of ours.  No frame is lost or comes twice. */
static int replace(struct live *l, struct live_if *f, size_t at, struct live_size size)
{
	CLEANUP(live_sock_freep) struct live_sock *s = NULL;
	const struct ring_look look = look_of(l->hub, f, at);
	struct err err;
	int r;

	r = live_sock_share(f->sock, l->hub->threads, LIVE_SOCK_NONE);
	if (r == 0)
		r = live_sock_new(&s, l->hub->priv, f->ns->name, f->ifindex,
				  l->hub->conf.promisc && f->ask->what != WHAT_ANY && !f->loopback,
				  size, &look, &err);
	if (r == 0)
		r = live_sock_join(s, f->sock);
	if (r == 0)
		r = arm(s, &f->prog);
	if (r == 0)
		r = live_sock_share(s, l->hub->threads, l->number);
	if (r < 0 || !s)
		return r;
	s->ring.look.filter = l->filter;
	retire(l, f);
	f->sock = TAKE_PTR(s);
	f->freezes_seen = 0;
	f->grown++;
	return 0;
}

void live_grow(struct live *l, struct live_if *f)
{
	struct live_hub *h = l->hub;
	struct live_size size;
	uint64_t more;

	if (f->state != LIVE_UP || !f->sock || f->old || f->no_growth)
		return;
	if (!f->sock->fanout || !is_crowded(f) || atomic_exchange(&f->group->growing, true))
		return;
	f->growing = true;
	more = reserve(h, live_size_bytes(f->sock->size), f->frame_max, &size);
	if (more && replace(l, f, f->sock->ring.look.iface, size) < 0) {
		h->ring_bytes -= more;
		f->no_growth = true;
	}
	if (f->old)
		return; /* until that is closed */
	f->growing = false;
	atomic_store(&f->group->growing, false);
}

/* Closes the old one if nothing is in it.  Of the group the new one has its place then.
 *
 * Frames that are too short for the group's program go to place 0 whatever it says: the old one
 * of the first thread is kept until they pause.  The new one does not wait for that. */
static void settle(struct live *l, struct live_if *f, int64_t now)
{
	const bool odd = l->number == 0 && l->hub->threads > 1;

	live_sock_count(f->old);
	if (f->old->packets != f->old_packets) {
		f->old_packets = f->old->packets;
		f->old_quiet = now;
	}
	/* A CPU may be just about to write a frame that it has for this ring. */
	if (now - f->old_since <= INT64_C(1000000) * LIVE_SETTLE_MS)
		return;
	if (live_sock_waiting(f->old) || f->old->ring.used || f->old->ring.left ||
	    (odd && now - f->old_quiet <= INT64_C(1000000) * LIVE_QUIET_MS)) {
		f->old_settled |= odd;
		if (odd && f->sock)
			live_watch(l, f->sock);
		return;
	}
	live_close(l, f, TAKE_PTR(f->old));
	if (f->growing) {
		f->growing = false;
		atomic_store(&f->group->growing, false);
	}
	if (f->sock)
		live_watch(l, f->sock);
}

void live_settle(struct live *l)
{
	int64_t now = clock_ns(CLOCK_MONOTONIC);

	l->draining = false;
	for (size_t i = 0; i < l->n_ifs; i++) {
		struct live_if *f = l->ifs[i];

		if (f->old)
			settle(l, f, now);
		l->draining |= f->old != NULL;
	}
}
