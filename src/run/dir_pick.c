/* Which packets of a run are asked for, one segment after the other: its index says it, or, where
 * there is none, all of it is read. */
#include "run/dir_pick.h"

#include <errno.h>
#include <stdlib.h>

#include "base/num.h"
#include "base/vec.h"
#include "run/past.h"

/* Where flows without a row may be, by number and by time. */
#define NEW_SEGMENTS 2
#define NEW_NS       (INT64_C(5) * 1000000000)

void dir_pick_close(struct dir_pick *p)
{
	store_seg_free(p->seg);
	p->seg = NULL;
	free(p->later_span);
	p->later_span = NULL;
	p->n_places = p->at_place = p->n_spans = p->span = 0;
	p->n_bad = 0;
}

void dir_pick_done(struct dir_pick *p)
{
	dir_pick_close(p);
	free(p->made);
	free(p->later);
	free(p->places);
	free(p->spans);
}

static int64_t *suffix_new(size_t n)
{
	int64_t *v = reallocarray(NULL, n + 1, sizeof(*v));

	if (v)
		v[n] = INT64_MAX;
	return v;
}

int64_t dir_pick_floor(const struct dir_pick *p)
{
	int64_t later = p->later[p->next], here;

	if (!p->seg)
		return later;
	here = p->later_span[p->span];
	return here < later ? here : later;
}

static int set_later_span(struct dir_pick *p)
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
	struct dir_pick *p = arg;

	if (vec_reserve(&p->places, &p->size_places, p->n_places + 1, sizeof(*p->places)) < 0)
		return -ENOMEM;
	p->places[p->n_places++] = (struct dir_place){ref->at, ref->serial};
	return 0;
}

static int by_place(const void *a, const void *b)
{
	const struct dir_place *x = a, *y = b;

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	if ((x->serial & DIR_LEVEL_MASK) != (y->serial & DIR_LEVEL_MASK))
		return (x->serial & DIR_LEVEL_MASK) < (y->serial & DIR_LEVEL_MASK) ? -1 : 1;
	return (x->serial > y->serial) - (x->serial < y->serial);
}

/* Each packet once. */
static void tidy_places(struct dir_pick *p)
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
static int serials_of(struct dir_reading *k, struct dir_pick *p, const uint64_t **ret,
		      size_t *ret_n)
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
	const struct dir_pick *p = arg;
	const bool comparable = !p->u->segments[p->number].translated;

	return ref->serial > p->above || !comparable ? add_place(arg, ref) : 0;
}

/* Whether the segment may have packets of flows without a row: it was written when the last
 * rows were, or after. */
static bool is_new(const struct dir_pick *p)
{
	const struct store_run *u = p->u;
	size_t i = p->number;

	return p->above && (i + NEW_SEGMENTS >= u->n_segments || !u->segments[i].known ||
			    u->segments[i].max >= u->end - NEW_NS);
}

/* Whether there may be packets of interest in a part of segment 'p->number' that is of these
 * times. */
bool dir_pick_meets(const struct dir_reading *k, const struct dir_pick *p, int64_t min, int64_t max)
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
static int look_on(struct dir_reading *k, struct dir_pick *p)
{
	struct pidx_span *s = NULL;
	struct pkt pkt;
	int r;

	while ((r = store_seg_next(p->seg, &pkt)) > 0) {
		const struct pidx_ref ref = {.at = (uint32_t)(pkt.off / PIDX_UNIT)};

		k->d->stats.bytes_read += pkt.caplen;
		if (!s || pkt.off >= s->from + PIDX_SPAN) {
			r = vec_reserve(&p->spans, &p->size_spans, p->n_spans + 1,
					sizeof(*p->spans));
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
static int look_up(struct dir_reading *k, struct dir_pick *p)
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
		r = vec_reserve(&p->spans, &p->size_spans, p->n_spans + 1, sizeof(*p->spans));
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
static int look_through(struct dir_reading *k, struct dir_pick *p)
{
	p->n_places = p->n_spans = 0;
	return look_on(k, p);
}

static bool is_no_index(int r)
{
	return r == -ENOENT || r == -EBADMSG || r == -ENODATA || r == -EPROTO;
}

/* What is there of segments of which the journal does not tell. */
struct found {
	uint64_t packets;
	int64_t last; /* time of the latest; INT64_MIN: there is none */
	bool gone;    /* a segment is, by now */
};

/* When the first packet of such a segment is. */
static int find_min(struct dir_reading *k, struct dir_pick *p, size_t segment, int64_t *ret,
		    struct found *f)
{
	const struct pidx *index = NULL;
	struct err own;
	size_t i;
	int r;

	*ret = INT64_MAX;
	r = store_seg_open(&p->seg, k->d->read, p->run, segment, &own);
	f->gone |= r < 0;
	if (r == -ENOENT)
		return 0;
	if (r == 0)
		r = store_seg_index(p->seg, NULL, 0, &index);
	if (r == 0 && index) {
		if (index->info.packets) {
			*ret = index->info.min;
			f->last = index->info.max > f->last ? index->info.max : f->last;
			f->packets += index->info.packets;
		}
		store_seg_seek(p->seg, index->info.bytes);
		r = look_on(k, p);
	} else if (is_no_index(r)) {
		r = look_through(k, p);
	}
	for (i = 0; i < p->n_spans; i++) {
		*ret = p->spans[i].min < *ret ? p->spans[i].min : *ret;
		f->last = p->spans[i].max > f->last ? p->spans[i].max : f->last;
		f->packets += p->spans[i].packets;
	}
	dir_pick_close(p);
	return r;
}

/* Says how many packets a killed capture had written for good of which 'f' is what is left: the
 * others went with the machine, or with who cut the file.  Where a segment is missing that is
 * said already, and how many it had is not known here. */
static void note_lost(struct dir_reading *k, struct dir_pick *p, const struct found *f)
{
	uint64_t there = p->u->packets_gone.n + f->packets;
	const int64_t last = f->last == INT64_MIN ? p->u->start : f->last;
	const struct store_segment *s = p->u->segments;
	char name[DIR_NAME_SIZE];
	size_t i;

	for (i = 0; i < p->u->n_segments; i++) {
		if (s[i].number != s[0].number + i)
			return;
		there += s[i].known ? s[i].packets : 0;
	}
	if (p->counted || f->gone || p->u->damaged || there >= p->u->kept || last > k->a->to ||
	    p->u->end < k->a->from)
		return;
	p->counted = true;
	dir_note(k->d,
		 "capture %s: %llu packet%s gone that %s kept before it was killed: removed, or "
		 "lost "
		 "with the machine",
		 dir_name(p->u, name), (unsigned long long)(p->u->kept - there),
		 num_s(p->u->kept - there), p->u->kept - there == 1 ? "was" : "were");
}

/* Where times are not told, the rest of the run need not wait for what is read last. */
int dir_pick_begin(struct dir_reading *k, struct dir_pick *p)
{
	const bool killed = p->u->state == STORE_KILLED;
	struct found found = {.last = INT64_MIN};
	bool unknown = false;
	size_t i;
	int r = 0;

	free(p->later);
	p->later = suffix_new(p->u->n_segments);
	if (!p->later)
		return -ENOMEM;
	for (i = p->u->n_segments; i > 0 && r == 0; i--) {
		const struct store_segment *s = &p->u->segments[i - 1];
		int64_t min = s->known ? s->min : INT64_MIN;

		if (!s->known && (k->a->decides || killed))
			r = find_min(k, p, i - 1, &min, &found);
		unknown |= !s->known;
		p->later[i - 1] = min < p->later[i] ? min : p->later[i];
	}
	if (r == 0 && killed && unknown)
		note_lost(k, p, &found);
	return r;
}

/* Opens segment 'p->number' and finds its packets.  0 also where there is none of
 * interest; negative: no good index. */
static int try_segment(struct dir_reading *k, struct dir_pick *p)
{
	char name[DIR_NAME_SIZE];
	struct err own;
	uint64_t damaged;
	int r;

	r = store_seg_open(&p->seg, k->d->read, p->run, p->number, &own);
	if (r == -ENOENT) {
		dir_note(k->d, "capture %s: segment %u is gone", dir_name(p->u, name),
			 p->u->segments[p->number].number);
		k->stats->gone++;
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
	dir_pick_close(p);
	return r;
}

/* Whether flows that are worked out again have all packets that their rows count. */
static bool is_whole(const struct store_run *u)
{
	size_t i;

	for (i = 0; i < u->n_gaps; i++)
		if (u->gaps[i].why == STORE_WHY_LIMIT || u->gaps[i].why == STORE_WHY_DISK ||
		    u->gaps[i].why == STORE_WHY_REMOVED)
			return false;
	return u->raw_limit == UINT64_MAX && !u->raw_limited && !u->packets_gone.n && !u->damaged;
}

/* That takes time, and nothing from the answer, if all flows that are asked for were found
 * again. */
static void say_rebuilt(struct dir_reading *k, const struct dir_pick *p)
{
	const uint32_t segment = p->u->segments[p->number].number;
	char name[DIR_NAME_SIZE];

	dir_name(p->u, name);
	if (is_whole(p->u) && (!p->made || p->n_made == p->n))
		dir_remark(k->d,
			   "capture %s: the index of segment %u is missing or damaged: its flows "
			   "were worked out again, which takes longer ('trawl store rebuild' makes "
			   "a new one)",
			   name, segment);
	else
		dir_note(k->d,
			 "capture %s: the index of segment %u is missing or damaged: its flows "
			 "were worked out again; packets may be missing%s",
			 name, segment,
			 p->u->raw_limit != UINT64_MAX ? " (--rawpacket-limit)" : "");
}

/* Goes on to the next segment that has something. */
int dir_pick_next(struct dir_reading *k, struct dir_pick *p)
{
	const struct store_segment *s = &p->u->segments[p->next];
	int r;

	p->number = p->next++;
	k->stats->segments++;
	if (s->known && !dir_pick_meets(k, p, s->min, s->max)) {
		k->stats->outside++;
		return 0;
	}
	r = try_segment(k, p);
	if (!is_no_index(r) || p->u->rebuilt || s->rebuilt.len)
		return r;
	/* The index is missing or no good: it is made again. */
	store_read_distrust(k->d->read, p->run, p->number);
	r = dir_rebuild(k->d, p->run, k->err);
	if (r < 0)
		return r;
	free(p->made);
	p->made = NULL;
	r = dir_pick_begin(k, p);
	if (r == 0)
		r = try_segment(k, p);
	say_rebuilt(k, p);
	return r;
}
