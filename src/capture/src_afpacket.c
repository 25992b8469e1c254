/* Packets from interfaces.  This file is what happens for each batch; see live_impl.h for
 * the others. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "capture/live_impl.h"
#include "filter/filter.h"

#define EVENTS_MAX 64

static int64_t ms(int64_t n)
{
	return n * 1000000;
}

static void release_upto(struct live *l, uint64_t window)
{
	for (size_t i = 0; i < l->n_ifs; i++) {
		if (l->ifs[i]->sock)
			ring_release(&l->ifs[i]->sock->ring, window);
		if (l->ifs[i]->old)
			ring_release(&l->ifs[i]->old->ring, window);
	}
}

/* The next batch begins: what was finished 'keep' windows ago goes back to the kernel, or
 * all of it. */
static void give_back(struct live *l, bool all)
{
	struct src *s = &l->src;
	uint64_t upto = s->window;

	if (!l->dirty && !all)
		return;
	if (l->dirty)
		s->window++;
	l->dirty = false;
	if (!all) {
		if (upto + 1 < s->keep)
			return;
		upto = upto + 1 - s->keep;
	}
	if (s->reuse)
		s->reuse(s->reuse_arg, upto);
	release_upto(l, upto);
}

static void live_release(struct src *s)
{
	struct live *l = (struct live *)s;

	if (s->keep <= 1)
		give_back(l, true);
}

/* A heap of the rings that have packets, the earliest first. */
static void sift(struct live_sock **v, size_t n, size_t i)
{
	for (;;) {
		size_t c = 2 * i + 1, best = i;
		struct live_sock *t;

		for (size_t k = c; k < c + 2 && k < n; k++)
			if (ring_head(&v[k]->ring) < ring_head(&v[best]->ring))
				best = k;
		if (best == i)
			return;
		t = v[i];
		v[i] = v[best];
		v[best] = t;
		i = best;
	}
}

static size_t gather(struct live *l)
{
	size_t n = 0;

	for (size_t i = 0; i < l->n_ifs; i++) {
		struct live_if *f = l->ifs[i];

		if (f->old && ring_ready(&f->old->ring))
			l->ready[n++] = f->old;
		/* Of the same interface the older ring's packets come first. */
		if (f->old && !f->old_settled)
			continue;
		if (f->sock && ring_ready(&f->sock->ring))
			l->ready[n++] = f->sock;
	}
	for (size_t i = n / 2; i-- > 0;)
		sift(l->ready, n, i);
	return n;
}

static size_t take(struct live *l, struct pkt *pkts, size_t max)
{
	size_t n = 0, live = gather(l);

	while (live && n < max) {
		struct live_sock *s = l->ready[0];
		int64_t until = INT64_MAX;

		for (size_t k = 1; k < 3 && k < live; k++) /* the second earliest */
			if (ring_head(&l->ready[k]->ring) < until)
				until = ring_head(&l->ready[k]->ring);
		n += ring_take(&s->ring, pkts + n, max - n, until, l->src.window);
		/* A block that is not begun anew is finished, with this window. */
		l->dirty |= !s->ring.left;
		if (!ring_ready(&s->ring))
			l->ready[0] = l->ready[--live];
		sift(l->ready, live, 0);
	}
	return n;
}

static int give(struct live *l, struct pkt *pkts, size_t n)
{
	struct src *s = &l->src;

	if (n)
		clock_steady_look(&l->steady);
	for (size_t i = 0; i < n; i++) {
		struct pkt *p = &pkts[i];
		int64_t clock = clock_steady_of(&l->steady, p->ts);

		if (clock > s->clock)
			s->clock = clock;
		p->clock = s->clock;
		p->number = ++s->number;
		s->ifaces[p->iface].packets++;
		s->meta.unpacked += p->caplen;
	}
	return (int)n;
}

static void do_orders(struct live *l)
{
	struct live_order *o;
	uint64_t n;
	ssize_t r;

	if (!atomic_exchange(&l->has_orders, false))
		return;
	r = read(l->wake, &n, sizeof(n));
	(void)r; /* it only wakes */
	pthread_mutex_lock(&l->hub->lock);
	o = l->orders;
	l->orders = NULL;
	l->orders_end = &l->orders;
	pthread_mutex_unlock(&l->hub->lock);
	while (o) {
		struct live_order *next = o->next;

		live_obey(l, o);
		free(o);
		o = next;
	}
}

static void count_all(struct live *l)
{
	for (size_t i = 0; i < l->n_ifs; i++) {
		if (l->ifs[i]->sock)
			live_sock_count(l->ifs[i]->sock);
		if (l->ifs[i]->old)
			live_sock_count(l->ifs[i]->old);
	}
}

/* What has to be done now and then, however busy the interfaces are. */
static void tick(struct live *l, int64_t now)
{
	l->ticked = now;
	if (now - l->counted >= ms(LIVE_COUNT_MS)) {
		l->counted = now;
		count_all(l);
	}
	if (l->number == 0)
		live_events(l);
	do_orders(l);
	for (size_t i = 0; i < l->n_ifs && !l->ending; i++)
		live_grow(l, l->ifs[i]);
	if (l->draining)
		live_settle(l);
}

/* Nothing more may come in; what is there is given. */
static void end(struct live *l, int64_t now)
{
	l->ending = true;
	l->ending_since = now;
	/* It stays readable, and would wake us all the time. */
	epoll_ctl(l->epoll, EPOLL_CTL_DEL, l->hub->stop->fd, NULL);
	for (size_t i = 0; i < l->n_ifs; i++)
		if (l->ifs[i]->sock)
			live_sock_disarm(l->ifs[i]->sock);
}

static bool all_given(struct live *l, int64_t now)
{
	uint64_t waiting = 0;

	if (now - l->ending_since > ms(LIVE_FINISH_MS))
		return true;
	for (size_t i = 0; i < l->n_ifs; i++)
		waiting += live_waiting(l->ifs[i]);
	/* A frame that another CPU took before the filter closed may still arrive. */
	return !waiting && now - l->ending_since > ms(LIVE_SETTLE_MS);
}

static void clear_error(int fd)
{
	int e;
	socklen_t size = sizeof(e);

	getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &size);
}

/* Sleeps until something happens.  -EAGAIN: nothing did until 'deadline'. */
static int wait_until(struct live *l, int64_t now, int64_t deadline)
{
	struct epoll_event ev[EVENTS_MAX];
	int64_t left = deadline - now;
	int timeout, n;

	if (l->draining && left > ms(LIVE_BLOCK_MS))
		left = ms(LIVE_BLOCK_MS);
	if (l->ending)
		left = ms(LIVE_BLOCK_MS) / 2;
	timeout = left <= 0 ? 0 : (int)((left + 999999) / 1000000);
	n = epoll_wait(l->epoll, ev, EVENTS_MAX, timeout);
	for (int i = 0; i < n; i++)
		if (ev[i].events & EPOLLERR) /* the interface went down; stays until asked for */
			clear_error(ev[i].data.fd);
	return n > 0 || clock_ns(CLOCK_MONOTONIC) < deadline ? 0 : -EAGAIN;
}

static int live_recv(struct src *s, struct pkt *pkts, size_t max)
{
	struct live *l = (struct live *)s;
	int64_t now = clock_ns(CLOCK_MONOTONIC), deadline = now + ms(l->hub->conf.poll_ms);

	for (;; now = clock_ns(CLOCK_MONOTONIC)) {
		size_t n;
		int r;

		give_back(l, false);
		if (!l->ending && stop_raised(l->hub->stop))
			end(l, now);
		if (now - l->ticked >= ms(LIVE_TICK_MS))
			tick(l, now);
		n = take(l, pkts, max);
		if (n)
			return give(l, pkts, n);
		if (l->ending && all_given(l, now)) {
			give_back(l, true);
			return 0;
		}
		if (now >= deadline && !l->ending)
			return -EAGAIN;
		if (l->dirty)
			continue; /* all was filtered: there may be more */
		/* The kernel says "there is something" until it has its blocks back. */
		give_back(l, true);
		r = wait_until(l, now, deadline);
		l->ticked = 0; /* events, orders */
		if (r < 0 && !l->ending) {
			tick(l, clock_ns(CLOCK_MONOTONIC));
			return r;
		}
	}
}

static void hub_unref(struct live_hub *h, struct live *member)
{
	unsigned refs;

	pthread_mutex_lock(&h->lock);
	if (member)
		h->members[member->number] = NULL;
	refs = --h->refs;
	pthread_mutex_unlock(&h->lock);
	if (refs)
		return;
	for (size_t i = 0; i < h->n_ns; i++) {
		closep(&h->ns[i]->events);
		closep(&h->ns[i]->query);
		free(h->ns[i]);
	}
	free(h->ns);
	free(h->asks);
	free((char *)h->conf.filter);
	pthread_mutex_destroy(&h->lock);
	free(h);
}

static void free_if(struct live_if *f)
{
	live_sock_free(f->sock);
	live_sock_free(f->old);
	live_prog_done(&f->prog);
	live_ungroup(f);
}

static void live_free(struct src *s)
{
	struct live *l = (struct live *)s;

	hub_unref(l->hub, l);
	while (l->orders) {
		struct live_order *o = l->orders;

		l->orders = o->next;
		free_if(&o->f);
		free(o);
	}
	for (size_t i = 0; i < l->n_ifs; i++) {
		free_if(l->ifs[i]);
		free(l->ifs[i]);
	}
	free(l->ifs);
	free(l->ready);
	filter_free(l->filter);
	closep(&l->epoll);
	closep(&l->wake);
	closep(&l->softnet);
	src_done(s);
	free(l);
}

static const struct src_ops src_afpacket = {
	.scheme = "live",
	.recv = live_recv,
	.release = live_release,
	.free = live_free,
};

static int watch_fd(struct live *l, int fd)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.fd = fd};

	return epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &ev) < 0 ? -errno : 0;
}

int live_watch(struct live *l, struct live_sock *s)
{
	int r = s->watched ? 0 : watch_fd(l, s->fd);

	s->watched |= r == 0;
	return r;
}

/* On failure the hub's reference, if it was taken, goes with the source. */
static int new_member(struct src **ret, struct live_hub *h, unsigned number, struct err *err)
{
	CLEANUP(src_freep) struct src *s = NULL;
	struct live *l = calloc(1, sizeof(*l));
	struct src_section section = {.app = "trawl"};
	int r;

	if (!l)
		return err_set(err, -ENOMEM, "out of memory");
	src_init(&l->src, &src_afpacket);
	l->src.meta.format = SRC_LIVE;
	l->hub = h;
	l->number = number;
	l->epoll = l->wake = l->softnet = -1;
	l->orders_end = &l->orders;
	h->members[number] = l;
	h->refs++;
	s = &l->src;

	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	l->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (l->epoll < 0 || l->wake < 0)
		return err_set(err, -errno, "cannot wait for packets: %s", strerror(errno));
	r = watch_fd(l, l->wake);
	if (r == 0 && h->stop && h->stop->fd >= 0)
		r = watch_fd(l, h->stop->fd);
	if (r == 0)
		r = src_section_add(s, &section);
	if (r < 0)
		return err_set(err, r, "cannot wait for packets: %s", strerror(-r));
	if (h->conf.filter && *h->conf.filter)
		r = filter_new(&l->filter, h->conf.filter, err);
	if (r < 0)
		return r;
	if (number == 0)
		live_softnet_open(l);
	*ret = TAKE_PTR(s);
	return 0;
}

static int new_hub(struct live_hub **ret, struct priv *priv, const struct live_conf *conf,
		   const struct stop *stop, struct err *err)
{
	struct live_hub *h = calloc(1, sizeof(*h));
	char *filter = strdup(conf->filter ? conf->filter : "");

	if (!h || !filter) {
		free(h);
		free(filter);
		return err_set(err, -ENOMEM, "out of memory");
	}
	pthread_mutex_init(&h->lock, NULL);
	h->conf = *conf;
	h->conf.filter = filter;
	h->priv = priv;
	h->stop = stop;
	h->threads = conf->threads ? conf->threads : 1;
	h->refs = 1;
	if (!h->conf.buffer_total)
		h->conf.buffer_total = LIVE_BUFFER_TOTAL;
	if (!h->conf.poll_ms)
		h->conf.poll_ms = LIVE_POLL_MS;
	*ret = h;
	return 0;
}

int src_live_new(struct src **ret, struct priv *priv, const struct live_conf *conf,
		 const struct stop *stop, struct err *err)
{
	struct src *made[LIVE_THREADS_MAX] = {0};
	struct live_hub *h = NULL;
	unsigned n = 0;
	int r;

	if (conf->threads > LIVE_THREADS_MAX)
		return err_set(err, -EINVAL, "more than %d threads", LIVE_THREADS_MAX);
	r = new_hub(&h, priv, conf, stop, err);
	if (r < 0)
		return r;
	while (r == 0 && n < h->threads) {
		r = new_member(&made[n], h, n, err);
		n += r == 0;
	}
	if (r == 0)
		r = live_begin((struct live *)made[0], err);
	for (unsigned i = 0; r == 0 && i < n; i++)
		do_orders((struct live *)made[i]);
	for (unsigned i = 0; i < n; i++) {
		if (r < 0)
			src_free(made[i]);
		else
			ret[i] = made[i];
	}
	hub_unref(h, NULL); /* the sources hold it now */
	return r;
}
