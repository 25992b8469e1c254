/* Packets of chosen flows from all runs, in the order of time.
 *
 * Indexes say where they are and between which times each MiB of a segment lies.  Of
 * the runs that one is read next whose remaining packets may be the earliest; what is
 * earlier than anything that may still come is given out.  So nothing waits longer
 * than the capture itself put it out of order. */
#include "run/dir_impl.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "filter/filter.h"
#include "run/packets.h"
#include "run/reorder.h"

#define LEVEL_MASK 7 /* a serial's low bits: 0 for a flow that no other is around */

/* A packet to be read: by place, the outermost of its flows first. */
struct place {
	uint32_t at;
	uint64_t serial;
};

/* One run on its way through its segments. */
struct pick {
	size_t run;
	const struct store_run *u;
	const uint64_t *serials; /* of this run, with its number above; sorted */
	size_t n;
	uint64_t *own;  /* the same without the number; owned, as is all below */
	uint64_t *made; /* and as translated indexes have them; NULL: not needed yet */
	size_t n_made;

	size_t next;    /* segment */
	int64_t *later; /* [segment]: no packet in it or behind is earlier */

	struct store_seg *seg; /* NULL: none is open */
	size_t number;         /* of that one */
	const struct pidx *index;
	struct place *places;
	size_t n_places, at_place, size_places;
	size_t span;         /* next one of the index */
	int64_t *later_span; /* [span]: likewise within the segment */
};

struct picks {
	struct run_dir *d;
	struct pick *v; /* owned */
	size_t n;
	int64_t from, to;
	struct filter *filter; /* NULL: all */
	struct reorder heap;
	uint64_t count; /* packets put into the heap */
	ql_pkt_fn fn;
	void *arg;
	struct err *err;
};

static void close_seg(struct pick *p)
{
	store_seg_free(p->seg);
	p->seg = NULL;
	p->index = NULL;
	free(p->later_span);
	p->later_span = NULL;
	p->n_places = p->at_place = p->span = 0;
}

static void picks_done(struct picks *k)
{
	size_t i;

	for (i = 0; k->v && i < k->n; i++) {
		close_seg(&k->v[i]);
		free(k->v[i].own);
		free(k->v[i].made);
		free(k->v[i].later);
		free(k->v[i].places);
	}
	free(k->v);
	filter_free(k->filter);
	reorder_done(&k->heap);
}

/* Nothing that this run still gives is earlier. */
static int64_t floor_of(const struct pick *p)
{
	int64_t later = p->later[p->next], here;

	if (!p->seg)
		return later;
	here = p->later_span[p->span];
	return here < later ? here : later;
}

static int64_t *suffix_new(size_t n)
{
	int64_t *v = reallocarray(NULL, n + 1, sizeof(*v));

	if (v)
		v[n] = INT64_MAX;
	return v;
}

/* Times of segments are known from the journal, or none is excluded. */
static int set_later(struct pick *p)
{
	size_t i;

	free(p->later);
	p->later = suffix_new(p->u->n_segments);
	if (!p->later)
		return -ENOMEM;
	for (i = p->u->n_segments; i > 0; i--) {
		const struct store_segment *s = &p->u->segments[i - 1];
		int64_t min = s->known ? s->min : INT64_MIN;

		p->later[i - 1] = min < p->later[i] ? min : p->later[i];
	}
	return 0;
}

static int set_later_span(struct pick *p)
{
	size_t i, n = p->index->n_spans;

	p->later_span = suffix_new(n);
	if (!p->later_span)
		return -ENOMEM;
	for (i = n; i > 0; i--) {
		const struct pidx_span *s = &p->index->spans[i - 1];
		int64_t min = s->packets ? s->min : INT64_MAX;

		p->later_span[i - 1] = min < p->later_span[i] ? min : p->later_span[i];
	}
	return 0;
}

static int add_place(void *arg, const struct pidx_ref *ref)
{
	struct pick *p = arg;

	if (p->n_places == p->size_places) {
		size_t size = p->size_places ? 2 * p->size_places : 1024;
		struct place *v = reallocarray(p->places, size, sizeof(*v));

		if (!v)
			return -ENOMEM;
		p->places = v;
		p->size_places = size;
	}
	p->places[p->n_places++] = (struct place){ref->at, ref->serial};
	return 0;
}

static int by_place(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	if ((x->serial & LEVEL_MASK) != (y->serial & LEVEL_MASK))
		return (x->serial & LEVEL_MASK) < (y->serial & LEVEL_MASK) ? -1 : 1;
	return (x->serial > y->serial) - (x->serial < y->serial);
}

/* Each packet once. */
static void tidy_places(struct pick *p)
{
	size_t i, n = 0;

	if (p->n_places)
		qsort(p->places, p->n_places, sizeof(*p->places), by_place);
	for (i = 0; i < p->n_places; i++)
		if (!n || p->places[n - 1].at != p->places[i].at)
			p->places[n++] = p->places[i];
	p->n_places = n;
}

/* Serials as the index of this segment has them. */
static int serials_of(struct picks *k, struct pick *p, const uint64_t **ret, size_t *ret_n)
{
	if (!p->u->segments[p->number].translated) {
		*ret = p->own;
		*ret_n = p->n;
		return 0;
	}
	if (!p->made) {
		p->made = reallocarray(NULL, p->n + 1, sizeof(*p->made));
		if (!p->made)
			return -ENOMEM;
		p->n_made = store_read_translate(k->d->read, p->run, p->own, p->n, p->made);
	}
	*ret = p->made;
	*ret_n = p->n_made;
	return 0;
}

/* Opens segment 'p->number' and finds its packets.  0 also where there is none of
 * interest; negative: no good index. */
static int try_segment(struct picks *k, struct pick *p)
{
	const uint64_t *serials;
	struct err own;
	size_t n;
	int r;

	r = serials_of(k, p, &serials, &n);
	if (r < 0 || !n)
		return r;
	r = store_seg_open(&p->seg, k->d->read, p->run, p->number, &own);
	if (r == -ENOENT) {
		char name[DIR_NAME_SIZE];

		dir_note(k->d, "capture %s: segment %u is gone", dir_name(p->u, name),
			 p->u->segments[p->number].number);
		return 0;
	}
	if (r == 0)
		r = store_seg_index(p->seg, serials, n, &p->index);
	if (r == 0 && p->index)
		r = pidx_select(p->index, serials, n, add_place, p);
	if (r == 0 && p->index && p->n_places) {
		tidy_places(p);
		return set_later_span(p);
	}
	close_seg(p);
	return r;
}

static bool is_no_index(int r)
{
	return r == -ENOENT || r == -EBADMSG || r == -ENODATA || r == -EPROTO;
}

/* Goes on to the next segment that has something. */
static int next_segment(struct picks *k, struct pick *p)
{
	const struct store_segment *s = &p->u->segments[p->next];
	char name[DIR_NAME_SIZE];
	int r;

	p->number = p->next++;
	if (s->known && (s->max < k->from || s->min > k->to))
		return 0;
	r = try_segment(k, p);
	if (!is_no_index(r) || p->u->rebuilt || s->rebuilt.len)
		return r;
	/* The index is missing or no good: it is made again. */
	dir_note(k->d,
		 "capture %s: the index of segment %u is missing or damaged: its flows were worked "
		 "out again%s",
		 dir_name(p->u, name), s->number,
		 p->u->raw_limit != UINT64_MAX ? "; packets may be missing (--rawpacket-limit)"
					       : "");
	store_read_distrust(k->d->read, p->run, p->number);
	r = dir_rebuild(k->d, p->run, k->err);
	if (r < 0)
		return r;
	free(p->made);
	p->made = NULL;
	r = set_later(p);
	return r < 0 ? r : try_segment(k, p);
}

static int put_packet(struct picks *k, struct pick *p, const struct place *at)
{
	uint64_t serial = at->serial;
	char name[DIR_NAME_SIZE];
	struct pkt pkt;

	if (store_seg_packet(p->seg, (uint64_t)at->at * PIDX_UNIT, &pkt) < 0) {
		dir_note(k->d, "capture %s: a packet in segment %u is damaged",
			 dir_name(p->u, name), p->u->segments[p->number].number);
		return 0;
	}
	k->d->stats.bytes_read += pkt.caplen;
	if (pkt.ts < k->from || pkt.ts > k->to ||
	    (k->filter && !filter_match(k->filter, pkt.linktype, pkt.data, pkt.caplen, pkt.len)))
		return 0;
	if (p->u->segments[p->number].translated)
		serial = store_read_translate_back(k->d->read, p->run, serial);
	pkt.iface = pkt.iface < p->u->n_ifaces ? k->d->ifaces[p->run][pkt.iface] : 0;
	pkt.number = ++k->count;
	return reorder_put(&k->heap, &pkt, (uint64_t)p->run << DIR_SERIAL_BITS | serial);
}

/* Reads the packets of the next span. */
static int next_span(struct picks *k, struct pick *p)
{
	static const struct pidx_span none; /* of an index that tells no times */
	const struct pidx_span *s = p->index->n_spans ? &p->index->spans[p->span++] : &none;
	bool last = p->span == p->index->n_spans;
	bool out = s->packets && (s->max < k->from || s->min > k->to);
	int r = 0;

	while (r == 0 && p->at_place < p->n_places &&
	       (last || (uint64_t)p->places[p->at_place].at * PIDX_UNIT < s->to)) {
		if (!out)
			r = put_packet(k, p, &p->places[p->at_place]);
		p->at_place++;
	}
	if (p->at_place == p->n_places || last)
		close_seg(p);
	return r;
}

/* Gives what is not later than 'floor', or what there is no room for. */
static int give(struct picks *k, int64_t floor)
{
	uint64_t serial;
	struct pkt pkt;
	int r = 0;

	while (r == 0 && (reorder_first(&k->heap) <= floor || reorder_full(&k->heap)) &&
	       reorder_take(&k->heap, &pkt, &serial)) {
		k->d->stats.packets++;
		pkt.clock = k->heap.given;
		r = k->fn(k->arg, &pkt, serial);
	}
	return r;
}

static int read_all(struct picks *k)
{
	int r = 0;

	while (r == 0) {
		int64_t floor = INT64_MAX;
		struct pick *best = NULL;
		size_t i;

		for (i = 0; i < k->n; i++) {
			struct pick *p = &k->v[i];

			assert(p->u);
			if (!p->seg && p->next == p->u->n_segments)
				continue;
			if (!best || floor_of(p) < floor) {
				best = p;
				floor = floor_of(p);
			}
		}
		if (!best)
			return give(k, INT64_MAX);
		r = give(k, floor);
		if (r == 0)
			r = best->seg ? next_span(k, best) : next_segment(k, best);
		if (r == 0 && !dir_go_on(k->d))
			r = -ECANCELED;
	}
	return r;
}

/* The serials of one run; they stand together. */
static int add_pick(struct picks *k, const uint64_t *serials, size_t n)
{
	size_t run = (size_t)(serials[0] >> DIR_SERIAL_BITS), n_runs, i;
	const struct store_run *runs = store_read_runs(k->d->read, &n_runs);
	struct pick *p;
	int r;

	if (run >= n_runs)
		return -EINVAL;
	p = &k->v[k->n++];
	*p = (struct pick){.run = run, .u = &runs[run], .serials = serials, .n = n};
	p->own = reallocarray(NULL, n, sizeof(*p->own));
	if (!p->own)
		return -ENOMEM;
	for (i = 0; i < n; i++)
		p->own[i] = serials[i] & DIR_SERIAL_MASK;
	if (p->u->state != STORE_FINISHED) {
		r = dir_rebuild(k->d, run, k->err);
		if (r < 0)
			return r;
	}
	return set_later(p);
}

static int add_picks(struct picks *k, const uint64_t *serials, size_t n)
{
	size_t i, from, runs = 0;
	int r = 0;

	for (i = 0; i < n; i++)
		runs += !i || serials[i] >> DIR_SERIAL_BITS != serials[i - 1] >> DIR_SERIAL_BITS;
	k->v = calloc(runs + 1, sizeof(*k->v));
	if (!k->v)
		return -ENOMEM;
	for (from = 0; from < n && r == 0; from = i) {
		for (i = from + 1;
		     i < n && serials[i] >> DIR_SERIAL_BITS == serials[from] >> DIR_SERIAL_BITS;)
			i++;
		r = add_pick(k, serials + from, i - from);
	}
	return r;
}

/* Packets of these flows that were not kept. */
static void count_missing(struct run_dir *d, const uint64_t *serials, size_t n)
{
	size_t i = 0, k = 0;

	while (i < n && k < d->n_missing) {
		if (serials[i] == d->missing[k].serial) {
			d->n_missed += d->missing[k++].n;
			i++;
		} else if (serials[i] < d->missing[k].serial) {
			i++;
		} else {
			k++;
		}
	}
}

int dir_packets(struct ql_src *src, const uint64_t *serials, size_t n, int64_t from, int64_t to,
		const char *filter, ql_pkt_fn fn, void *arg, struct err *err)
{
	struct run_dir *d = (struct run_dir *)src;
	CLEANUP(picks_done)
	struct picks k = {
		.d = d,
		.from = from > d->in.from ? from : d->in.from,
		.to = to < d->in.to ? to : d->in.to,
		.fn = fn,
		.arg = arg,
		.err = err,
	};
	int r = 0;

	reorder_init(&k.heap, REORDER_BYTES);
	d->packets = true;
	d->covered = false;
	count_missing(d, serials, n);
	if (filter)
		r = filter_new(&k.filter, filter, err);
	if (r < 0)
		return r;
	err->code = 0;
	r = add_picks(&k, serials, n);
	if (r == 0)
		r = read_all(&k);
	if (k.heap.broken)
		dir_note(d, "packets are not in time order: too many had to wait");
	if (r < 0 && !err->code)
		dir_fail(r, err);
	return r < 0 ? r : 0;
}
