/* Packets of chosen flows, or all, from all runs, in the order of time.
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
#include "run/past.h"
#include "run/reorder.h"

/* Where flows without a row may be, by number and by time. */
#define NEW_SEGMENTS 2
#define NEW_NS       (INT64_C(5) * 1000000000)

/* A packet to be read: by place, the outermost of its flows first. */
struct place {
	uint32_t at;
	uint64_t serial;
};

/* One run on its way through its segments. */
struct pick {
	size_t run;
	const struct store_run *u;
	bool all;
	const uint64_t *serials; /* borrowed; sorted */
	size_t n;
	uint64_t above;
	const struct dir_times *times; /* borrowed */
	size_t n_times;
	uint64_t *made; /* as translated indexes have them; NULL: not needed yet; owned */
	size_t n_made;

	size_t next;    /* segment */
	int64_t *later; /* [segment]: no packet in it or behind is earlier; owned */

	struct store_seg *seg; /* NULL: none is open */
	size_t number;         /* of that one */
	struct place *places;  /* owned */
	size_t n_places, at_place, size_places;
	struct pidx_span *spans; /* owned */
	size_t n_spans, size_spans;
	size_t span;         /* next one */
	int64_t *later_span; /* [span]: likewise within the segment; owned */
};

struct picks {
	struct run_dir *d;
	const struct dir_packets *a;
	struct past_stats *stats;
	struct pick *v; /* owned */
	size_t n;
	struct reorder heap;
	uint64_t count; /* packets put into the heap */
	struct err *err;
};

static void close_seg(struct pick *p)
{
	store_seg_free(p->seg);
	p->seg = NULL;
	free(p->later_span);
	p->later_span = NULL;
	p->n_places = p->at_place = p->n_spans = p->span = 0;
}

static void picks_done(struct picks *k)
{
	size_t i;

	for (i = 0; k->v && i < k->n; i++) {
		close_seg(&k->v[i]);
		free(k->v[i].made);
		free(k->v[i].later);
		free(k->v[i].places);
		free(k->v[i].spans);
	}
	free(k->v);
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

static int set_later_span(struct pick *p)
{
	size_t i, n = p->n_spans;

	p->later_span = suffix_new(n);
	if (!p->later_span)
		return -ENOMEM;
	for (i = n; i > 0; i--) {
		const struct pidx_span *s = &p->spans[i - 1];
		int64_t min = s->packets ? s->min : INT64_MAX;

		p->later_span[i - 1] = min < p->later_span[i] ? min : p->later_span[i];
	}
	return 0;
}

static int add_place(void *arg, const struct pidx_ref *ref)
{
	struct pick *p = arg;

	if (dir_more(&p->places, p->n_places, &p->size_places, sizeof(*p->places)) < 0)
		return -ENOMEM;
	p->places[p->n_places++] = (struct place){ref->at, ref->serial};
	return 0;
}

static int by_place(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	if ((x->serial & DIR_LEVEL_MASK) != (y->serial & DIR_LEVEL_MASK))
		return (x->serial & DIR_LEVEL_MASK) < (y->serial & DIR_LEVEL_MASK) ? -1 : 1;
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

/* Serials as the index of this segment has them; NULL: all. */
static int serials_of(struct picks *k, struct pick *p, const uint64_t **ret, size_t *ret_n)
{
	*ret = p->all ? NULL : p->serials;
	*ret_n = p->n;
	if (p->all || !p->u->segments[p->number].translated)
		return 0;
	if (!p->made) {
		p->made = reallocarray(NULL, p->n + 1, sizeof(*p->made));
		if (!p->made)
			return -ENOMEM;
		p->n_made = store_read_translate(k->d->read, p->run, p->serials, p->n, p->made);
	}
	*ret = p->made;
	*ret_n = p->n_made;
	return 0;
}

/* The same, if it is of a flow that no row tells of yet. */
static int add_place_above(void *arg, const struct pidx_ref *ref)
{
	const struct pick *p = arg;
	const bool comparable = !p->u->segments[p->number].translated;

	return ref->serial > p->above || !comparable ? add_place(arg, ref) : 0;
}

/* Whether the segment may have packets of flows without a row: it was written when the last
 * rows were, or after. */
static bool is_new(const struct pick *p)
{
	const struct store_run *u = p->u;
	size_t i = p->number;

	return p->above && (i + NEW_SEGMENTS >= u->n_segments || !u->segments[i].known ||
			    u->segments[i].max >= u->end - NEW_NS);
}

/* Whether there may be packets of interest in a part of segment 'p->number' that is of these
 * times. */
static bool meets(const struct picks *k, const struct pick *p, int64_t min, int64_t max)
{
	size_t lo = 0, hi = p->n_times;

	min = min > k->a->from ? min : k->a->from;
	max = max < k->a->to ? max : k->a->to;
	if (!p->n_times || is_new(p)) /* there may be flows of which no times are known */
		return min <= max;
	while (lo < hi) { /* the first that ends at 'min' or later */
		size_t mid = lo + (hi - lo) / 2;

		if (p->times[mid].to < min)
			lo = mid + 1;
		else
			hi = mid;
	}
	return min <= max && lo < p->n_times && p->times[lo].from <= max;
}

/* Finds all packets from where reading the segment goes on. */
static int look_on(struct picks *k, struct pick *p)
{
	struct pidx_span *s = NULL;
	struct pkt pkt;
	int r;

	while ((r = store_seg_next(p->seg, &pkt)) > 0) {
		const struct pidx_ref ref = {.at = (uint32_t)(pkt.off / PIDX_UNIT)};

		k->d->stats.bytes_read += pkt.caplen;
		if (!s || pkt.off >= s->from + PIDX_SPAN) {
			r = dir_more(&p->spans, p->n_spans, &p->size_spans, sizeof(*p->spans));
			if (r < 0)
				return r;
			s = &p->spans[p->n_spans++];
			*s = (struct pidx_span){.from = pkt.off, .min = pkt.ts, .max = pkt.ts};
		}
		s->to = pkt.off + PIDX_UNIT; /* where one begins, at least */
		s->packets++;
		s->min = pkt.ts < s->min ? pkt.ts : s->min;
		s->max = pkt.ts > s->max ? pkt.ts : s->max;
		r = add_place(p, &ref);
		if (r < 0)
			return r;
		if (!dir_go_on(k->d))
			return -ECANCELED;
	}
	return r;
}

/* Takes places and times from the segment's index. */
static int look_up(struct picks *k, struct pick *p)
{
	const struct pidx *index = NULL;
	const bool new = is_new(p);
	const uint64_t *serials;
	size_t n, i;
	int r;

	r = serials_of(k, p, &serials, &n);
	if (r < 0 || (serials && !n && !new))
		return r;
	r = store_seg_index(p->seg, new ? NULL : serials, n, &index);
	if (r == 0 && index)
		r = pidx_select(index, serials, n, add_place, p);
	if (r == 0 && index && new &&serials)
		r = pidx_select(index, NULL, 0, add_place_above, p);
	for (i = 0; r == 0 && index && i < index->n_spans; i++) {
		r = dir_more(&p->spans, p->n_spans, &p->size_spans, sizeof(*p->spans));
		if (r == 0)
			p->spans[p->n_spans++] = index->spans[i];
	}
	if (r == 0 && index && k->a->decides && !p->u->segments[p->number].known) {
		/* What was written since the index tells nothing of. */
		store_seg_seek(p->seg, index->info.bytes);
		r = look_on(k, p);
	}
	if (r == 0)
		tidy_places(p);
	return r;
}

/* The same by reading all of it, for all its packets. */
static int look_through(struct picks *k, struct pick *p)
{
	p->n_places = p->n_spans = 0;
	return look_on(k, p);
}

static bool is_no_index(int r)
{
	return r == -ENOENT || r == -EBADMSG || r == -ENODATA || r == -EPROTO;
}

/* When the first packet of a segment is whose times the journal does not tell. */
static int find_min(struct picks *k, struct pick *p, size_t segment, int64_t *ret)
{
	const struct pidx *index = NULL;
	struct err own;
	size_t i;
	int r;

	*ret = INT64_MAX;
	r = store_seg_open(&p->seg, k->d->read, p->run, segment, &own);
	if (r == -ENOENT)
		return 0;
	if (r == 0)
		r = store_seg_index(p->seg, NULL, 0, &index);
	if (r == 0 && index) {
		if (index->info.packets)
			*ret = index->info.min;
		store_seg_seek(p->seg, index->info.bytes);
		r = look_on(k, p);
	} else if (is_no_index(r)) {
		r = look_through(k, p);
	}
	for (i = 0; i < p->n_spans; i++)
		*ret = p->spans[i].min < *ret ? p->spans[i].min : *ret;
	close_seg(p);
	return r;
}

/* Where times are not told, the rest of the run need not wait for what is read last. */
static int set_later(struct picks *k, struct pick *p)
{
	size_t i;
	int r = 0;

	free(p->later);
	p->later = suffix_new(p->u->n_segments);
	if (!p->later)
		return -ENOMEM;
	for (i = p->u->n_segments; i > 0 && r == 0; i--) {
		const struct store_segment *s = &p->u->segments[i - 1];
		int64_t min = s->known ? s->min : INT64_MIN;

		if (!s->known && k->a->decides)
			r = find_min(k, p, i - 1, &min);
		p->later[i - 1] = min < p->later[i] ? min : p->later[i];
	}
	return r;
}

/* Opens segment 'p->number' and finds its packets.  0 also where there is none of
 * interest; negative: no good index. */
static int try_segment(struct picks *k, struct pick *p)
{
	char name[DIR_NAME_SIZE];
	struct err own;
	uint64_t damaged;
	int r;

	r = store_seg_open(&p->seg, k->d->read, p->run, p->number, &own);
	if (r == -ENOENT) {
		dir_note(k->d, "capture %s: segment %u is gone", dir_name(p->u, name),
			 p->u->segments[p->number].number);
		return 0;
	}
	if (r == 0) {
		r = look_up(k, p);
		if (is_no_index(r) && k->a->decides) {
			r = look_through(k, p);
			k->stats->scanned++;
		}
	}
	damaged = p->seg ? store_seg_damaged(p->seg) : 0;
	if (damaged)
		dir_note(k->d, "capture %s: segment %u is damaged in %llu places",
			 dir_name(p->u, name), p->u->segments[p->number].number,
			 (unsigned long long)damaged);
	if (r == 0 && p->n_places) {
		k->stats->read++;
		return set_later_span(p);
	}
	k->stats->without += r == 0;
	close_seg(p);
	return r;
}

/* Goes on to the next segment that has something. */
static int next_segment(struct picks *k, struct pick *p)
{
	const struct store_segment *s = &p->u->segments[p->next];
	char name[DIR_NAME_SIZE];
	int r;

	p->number = p->next++;
	k->stats->segments++;
	if (s->known && !meets(k, p, s->min, s->max)) {
		k->stats->outside++;
		return 0;
	}
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
	r = set_later(k, p);
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
	if (pkt.ts < k->a->from || pkt.ts > k->a->to)
		return 0;
	k->stats->tested++;
	if (k->a->filter &&
	    !filter_match(k->a->filter, pkt.linktype, pkt.data, pkt.caplen, pkt.len))
		return 0;
	k->stats->packets++;
	k->stats->bytes += pkt.len;
	if (k->a->decides)
		serial = 0;
	else if (p->u->segments[p->number].translated)
		serial = store_read_translate_back(k->d->read, p->run, serial);
	pkt.iface = pkt.iface < p->u->n_ifaces ? k->d->ifaces[p->run][pkt.iface] : 0;
	pkt.number = ++k->count;
	return reorder_put(&k->heap, &pkt, (uint64_t)p->run << DIR_SERIAL_BITS | serial);
}

/* Reads the packets of the next span. */
static int next_span(struct picks *k, struct pick *p)
{
	static const struct pidx_span none; /* of an index that tells no times */
	const struct pidx_span *s = p->n_spans ? &p->spans[p->span++] : &none;
	bool last = p->span == p->n_spans;
	bool out = s->packets && !meets(k, p, s->min, s->max);
	int r = 0;

	k->stats->spans++;
	k->stats->spans_outside += out;

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
		r = k->a->fn(k->a->arg, &pkt, serial);
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

static int add_pick(struct picks *k, const struct dir_choice *c)
{
	const struct store_run *runs;
	size_t n_runs;
	struct pick *p;
	int r;

	runs = store_read_runs(k->d->read, &n_runs);
	if (c->run >= n_runs)
		return -EINVAL;
	p = &k->v[k->n++];
	*p = (struct pick){
		.run = c->run,
		.u = &runs[c->run],
		.all = c->all,
		.serials = c->serials,
		.n = c->n,
		.above = c->above,
		.times = c->times,
		.n_times = c->n_times,
	};
	if (p->u->state != STORE_FINISHED && !p->u->has_versions && !k->a->decides) {
		r = dir_rebuild(k->d, c->run, k->err);
		if (r < 0)
			return r;
	}
	return set_later(k, p);
}

int dir_give_packets(struct run_dir *d, const struct dir_packets *a, struct err *err)
{
	struct past_stats nobody = {0};
	CLEANUP(picks_done)
	struct picks k = {
		.d = d,
		.a = a,
		.stats = a->stats ? a->stats : &nobody,
		.err = err,
	};
	size_t i;
	int r = 0;

	reorder_init(&k.heap, REORDER_BYTES);
	d->packets = true;
	d->covered = false;
	err->code = 0;
	k.v = calloc(a->n + 1, sizeof(*k.v));
	if (!k.v)
		r = -ENOMEM;
	for (i = 0; i < a->n && r == 0; i++)
		r = add_pick(&k, &a->choices[i]);
	if (r == 0)
		r = read_all(&k);
	if (k.heap.broken)
		dir_note(d, "packets are not in time order: too many had to wait");
	if (r < 0 && !err->code)
		dir_fail(r, err);
	return r < 0 ? r : 0;
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

/* Serials of rows, without the number of the run, that is in front. */
static int to_choices(const uint64_t *serials, size_t n, uint64_t **ret_own,
		      struct dir_choice **ret, size_t *ret_n)
{
	uint64_t *own = reallocarray(NULL, n + 1, sizeof(*own));
	struct dir_choice *v;
	size_t i, runs = 0;

	*ret_own = own;
	for (i = 0; i < n; i++)
		runs += !i || serials[i] >> DIR_SERIAL_BITS != serials[i - 1] >> DIR_SERIAL_BITS;
	*ret = v = calloc(runs + 1, sizeof(*v));
	if (!own || !v)
		return -ENOMEM;
	for (i = 0; i < n; i++) {
		own[i] = serials[i] & DIR_SERIAL_MASK;
		if (!i || serials[i] >> DIR_SERIAL_BITS != serials[i - 1] >> DIR_SERIAL_BITS)
			*v++ = (struct dir_choice){.run = (size_t)(serials[i] >> DIR_SERIAL_BITS),
						   .serials = &own[i]};
		v[-1].n++;
	}
	*ret_n = runs;
	return 0;
}

int dir_packets(struct ql_src *src, const uint64_t *serials, size_t n, int64_t from, int64_t to,
		const char *filter, ql_pkt_fn fn, void *arg, struct err *err)
{
	struct run_dir *d = (struct run_dir *)src;
	CLEANUP(filter_freep) struct filter *f = NULL;
	CLEANUP(freep) struct dir_choice *v = NULL;
	CLEANUP(freep) uint64_t *own = NULL;
	struct dir_packets a = {
		.from = from > d->in.from ? from : d->in.from,
		.to = to < d->in.to ? to : d->in.to,
		.fn = fn,
		.arg = arg,
	};
	int r = 0;

	count_missing(d, serials, n);
	if (filter)
		r = filter_new(&f, filter, err);
	if (r < 0)
		return r;
	if (to_choices(serials, n, &own, &v, &a.n) < 0)
		return err_set(err, -ENOMEM, "out of memory");
	a.choices = v;
	a.filter = f;
	return dir_give_packets(d, &a, err);
}
