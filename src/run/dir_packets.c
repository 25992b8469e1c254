/* Packets of chosen flows, or all, from all runs, in the order of time.
 *
 * Indexes say where they are and between which times each MiB of a segment lies.  Of
 * the runs that one is read next whose remaining packets may be the earliest; what is
 * earlier than anything that may still come is given out.  So nothing waits longer
 * than the capture itself put it out of order. */
#include "run/dir_impl.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/num.h"
#include "filter/filter.h"
#include "run/dir_pick.h"
#include "run/packets.h"
#include "run/past.h"
#include "run/reorder.h"

struct picks {
	struct dir_reading by;
	struct dir_pick *v; /* owned */
	size_t n;
	struct reorder heap;
	uint64_t count; /* packets put into the heap */
};

static void picks_done(struct picks *k)
{
	size_t i;

	for (i = 0; k->v && i < k->n; i++)
		dir_pick_done(&k->v[i]);
	free(k->v);
	reorder_done(&k->heap);
}

static int put_packet(struct picks *k, struct dir_pick *p, const struct dir_place *at)
{
	uint64_t serial = at->serial;
	struct pkt pkt;

	if (store_seg_packet(p->seg, (uint64_t)at->at * PIDX_UNIT, &pkt) < 0) {
		if (!p->n_bad++)
			p->bad_at = (uint64_t)at->at * PIDX_UNIT;
		return 0;
	}
	k->by.d->stats.bytes_read += pkt.caplen;
	if (pkt.ts < k->by.a->from || pkt.ts > k->by.a->to)
		return 0;
	k->by.stats->tested++;
	if (k->by.a->filter &&
	    !filter_match(k->by.a->filter, pkt.linktype, pkt.data, pkt.caplen, pkt.len))
		return 0;
	k->by.stats->packets++;
	k->by.stats->bytes += pkt.len;
	if (k->by.a->decides)
		serial = 0;
	else if (p->u->segments[p->number].translated)
		serial = store_read_translate_back(k->by.d->read, p->run, serial);
	pkt.iface = pkt.iface < p->u->n_ifaces ? k->by.d->ifaces[p->run][pkt.iface] : 0;
	pkt.number = ++k->count;
	return reorder_put(&k->heap, &pkt, (uint64_t)p->run << DIR_SERIAL_BITS | serial);
}

/* What of it cannot be read is said once. */
static void close_segment(struct picks *k, struct dir_pick *p)
{
	char name[DIR_NAME_SIZE];

	if (p->n_bad)
		dir_note(k->by.d,
			 "capture %s: %" PRIu64 " packet%s in %016" PRIx64 "-%06" PRIu32
			 ".pcapng, the first at %" PRIu64 ", %s damaged",
			 dir_name(p->u, name), p->n_bad, num_s(p->n_bad), p->u->id,
			 p->u->segments[p->number].number, p->bad_at, num_are(p->n_bad));
	dir_pick_close(p);
}

/* Reads the packets of the next span. */
static int next_span(struct picks *k, struct dir_pick *p)
{
	static const struct pidx_span none; /* of an index that tells no times */
	const struct pidx_span *s = p->n_spans ? &p->spans[p->span++] : &none;
	bool last = p->span == p->n_spans;
	bool out = s->packets && !dir_pick_meets(&k->by, p, s->min, s->max);
	int r = 0;

	k->by.stats->spans++;
	k->by.stats->spans_outside += out;

	while (r == 0 && p->at_place < p->n_places &&
	       (last || (uint64_t)p->places[p->at_place].at * PIDX_UNIT < s->to)) {
		if (!out)
			r = put_packet(k, p, &p->places[p->at_place]);
		p->at_place++;
	}
	if (p->at_place == p->n_places || last)
		close_segment(k, p);
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
		k->by.d->stats.packets++;
		pkt.clock = k->heap.given;
		r = k->by.a->fn(k->by.a->arg, &pkt, serial);
	}
	return r;
}

static int read_all(struct picks *k)
{
	int r = 0;

	while (r == 0) {
		int64_t floor = INT64_MAX;
		struct dir_pick *best = NULL;
		size_t i;

		for (i = 0; i < k->n; i++) {
			struct dir_pick *p = &k->v[i];

			assert(p->u);
			if (!p->seg && p->next == p->u->n_segments)
				continue;
			if (!best || dir_pick_floor(p) < floor) {
				best = p;
				floor = dir_pick_floor(p);
			}
		}
		if (!best)
			return give(k, INT64_MAX);
		r = give(k, floor);
		if (r == 0 && !dir_go_on(k->by.d))
			r = -ECANCELED;
		if (r == 0)
			r = best->seg ? next_span(k, best) : dir_pick_next(&k->by, best);
	}
	return r;
}

static int add_pick(struct picks *k, const struct dir_choice *c)
{
	const struct store_run *runs;
	size_t n_runs;
	struct dir_pick *p;
	int r;

	runs = store_read_runs(k->by.d->read, &n_runs);
	if (c->run >= n_runs)
		return -EINVAL;
	p = &k->v[k->n++];
	*p = (struct dir_pick){
		.run = c->run,
		.u = &runs[c->run],
		.all = c->all,
		.serials = c->serials,
		.n = c->n,
		.above = c->above,
		.times = c->times,
		.n_times = c->n_times,
	};
	if (p->u->state != STORE_FINISHED && !p->u->has_versions && !k->by.a->decides) {
		r = dir_rebuild(k->by.d, c->run, k->by.err);
		if (r < 0)
			return r;
	}
	return dir_pick_begin(&k->by, p);
}

int dir_misfits(struct run_dir *d, const struct filter *f, struct err *err)
{
	struct err why;
	bool all;

	if (!f || !filter_misfits(f, &all, &why))
		return 0;
	if (all)
		return err_set(err, -EDOM, "filter: %s", why.text);
	dir_note(d, "filter: %s: no packet of those passes", why.text);
	return 0;
}

int dir_give_packets(struct run_dir *d, const struct dir_packets *a, struct err *err)
{
	struct past_stats nobody = {0};
	CLEANUP(picks_done)
	struct picks k = {
		.by = {d, a, a->stats ? a->stats : &nobody, err},
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
	for (i = 0; k.v && i < k.n; i++) /* where somebody had enough */
		if (k.v[i].seg)
			close_segment(&k, &k.v[i]);
	if (r == 0)
		r = dir_misfits(d, a->filter, err);
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
