/* The account of a running capture. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "run/live_impl.h"
#include "sink/sink.h"
#include "store/store.h"

static int grow(void *array, size_t each, size_t from, size_t to)
{
	void **p = array;
	char *a = reallocarray(*p, to, each);

	if (!a)
		return -ENOMEM;
	memset(a + from * each, 0, (to - from) * each);
	*p = a;
	return 0;
}

int live_count_grow(struct live_worker *w)
{
	size_t n;

	src_ifaces(w->src, &n);
	if (n <= w->n_ifaces)
		return 0;
	if (grow(&w->count, sizeof(*w->count), w->n_ifaces, n) < 0 ||
	    grow(&w->to, sizeof(*w->to), w->n_ifaces, n) < 0 ||
	    grow(&w->lost, sizeof(*w->lost), w->n_ifaces, n) < 0)
		return -ENOMEM;
	w->n_ifaces = n;
	return 0;
}

/* What became of the packets that passed: store and sink know of their own. */
static void show_kept(const struct live_worker *w, size_t i, struct run_live_iface *to)
{
	const struct live_count *c = &w->count[i];
	struct store_counts s = {0};
	struct sink_counts k = {0};

	if (w->stream)
		s = store_counts(w->stream, w->to[i]);
	if (w->r->conf.sink)
		k = sink_counts(w->r->conf.sink, w->to[i]);
	to->kept = c->kept + s.kept + k.kept;
	to->kept_bytes = c->kept_bytes + s.kept_bytes + k.kept_bytes;
	to->flow_only = s.raw_limited;
	to->dropped_disk = c->dropped_disk + s.dropped_disk + k.lost;
	to->dropped_limit = s.dropped_limit;
}

static void show_one(struct live_worker *w, size_t i, struct run_live_iface *to)
{
	const struct live_count *c = &w->count[i];
	struct live_where where;
	struct live_ledger l;
	size_t n;

	*to = (struct run_live_iface){0};
	if (live_ledger(w->src, i, &l) < 0)
		return;
	if (live_where(w->src, i, &where) == 0) {
		to->name = where.name;
		to->netns = where.netns;
	}
	to->linktype = src_ifaces(w->src, &n)[i].linktype;
	to->state = l.state;
	to->seen_known = l.seen_known;
	to->seen = l.seen;
	to->filtered = l.filtered;
	to->own = l.own + c->own;
	to->dropped_ring = l.dropped;
	show_kept(w, i, to);
	to->unread = l.waiting + c->left;
	to->cut = l.cut;
	to->ring_bytes = l.ring_bytes;
	to->ring_used = l.ring_used;
	to->freezes = l.freezes;
	to->wire_known = l.wire_known;
	to->rx_missed = l.rx_missed;
	to->rx_fifo = l.rx_fifo;
	w->lost[i].away = l.away;
}

void live_count_show(struct live_worker *w)
{
	struct flow_table_stats t = {0};
	size_t i;

	if (w->table)
		flow_table_stats(w->table, &t);
	pthread_mutex_lock(&w->r->lock);
	if (w->n_shown < w->n_ifaces &&
	    grow(&w->shown, sizeof(*w->shown), w->n_shown, w->n_ifaces) == 0)
		w->n_shown = w->n_ifaces;
	for (i = 0; i < w->n_shown; i++)
		show_one(w, i, &w->shown[i]);
	w->flows = t.flows;
	w->evicted = t.evicted;
	w->unfollowed = t.unfollowed;
	pthread_mutex_unlock(&w->r->lock);
	live_gaps_note(w, clock_ns(CLOCK_REALTIME));
}

void live_count_kept(struct live_worker *w)
{
	size_t i;

	pthread_mutex_lock(&w->r->lock);
	for (i = 0; i < w->n_shown; i++)
		show_kept(w, i, &w->shown[i]);
	pthread_mutex_unlock(&w->r->lock);
}

/* Adds the numbers of 'from' to those of 'to'. */
static void add(struct run_live_iface *to, const struct run_live_iface *from)
{
	to->seen_known &= from->seen_known;
	to->seen += from->seen;
	to->filtered += from->filtered;
	to->own += from->own;
	to->kept += from->kept;
	to->kept_bytes += from->kept_bytes;
	to->flow_only += from->flow_only;
	to->dropped_ring += from->dropped_ring;
	to->dropped_disk += from->dropped_disk;
	to->dropped_limit += from->dropped_limit;
	to->unread += from->unread;
	to->cut += from->cut;
	to->ring_bytes += from->ring_bytes;
	to->ring_used += from->ring_used;
	to->freezes += from->freezes;
	to->wire_known |= from->wire_known;
	to->rx_missed += from->rx_missed;
	to->rx_fifo += from->rx_fifo;
}

void live_count_sum(struct run_live *r)
{
	struct run_live_stats *s = &r->stats;
	size_t i;
	unsigned k;

	pthread_mutex_lock(&r->lock);
	/* Each worker has the same interfaces in the same order; the first knows most. */
	if (r->workers[0].n_shown > s->n_ifaces &&
	    grow(&r->ifaces, sizeof(*r->ifaces), s->n_ifaces, r->workers[0].n_shown) == 0)
		s->n_ifaces = r->workers[0].n_shown;
	s->ifaces = r->ifaces;
	s->flows = s->evicted = s->unfollowed = 0;
	for (k = 0; k < r->n_workers; k++) {
		const struct live_worker *w = &r->workers[k];

		for (i = 0; i < s->n_ifaces && i < w->n_shown; i++) {
			if (k == 0)
				r->ifaces[i] = w->shown[i];
			else
				add(&r->ifaces[i], &w->shown[i]);
		}
		s->flows += w->flows;
		s->evicted += w->evicted;
		s->unfollowed += w->unfollowed;
	}
	s->total = (struct run_live_iface){.seen_known = true};
	for (i = 0; i < s->n_ifaces; i++)
		add(&s->total, &r->ifaces[i]);
	s->start = r->start;
	s->now = clock_ns(CLOCK_REALTIME);
	pthread_mutex_unlock(&r->lock);
	live_softnet(r->workers[0].src, &s->softnet);
}
