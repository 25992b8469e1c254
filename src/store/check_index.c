#include "store/check_index.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/crc32c.h"
#include "base/num.h"
#include "fmt/bloom.h"
#include "fmt/pidx.h"
#include "fmt/rec.h"

#define INDEX_MAX (UINT64_C(1) << 30) /* bytes of one; more is none of ours */
#define BLOOM     2                   /* type of the filter's record, docs/formats.md */
#define LEVELS    7                   /* low bits of a serial: 0 for the outermost flow */
#define SAID_MAX  16                  /* spans of one segment; more are counted */

/* Of no use: the packets tell the same. */
static void bad(struct check_index *x, const char *end, int64_t at, const char *text)
{
	check_remedy(x->u->c, STORE_MAKE_INDEX);
	check_say(x->u, STORE_DAMAGE, x->number, end, at, "%s", text);
}

void check_index_done(struct check_index *x)
{
	buf_done(&x->buf);
	free(x->spans);
	free(x->places);
	*x = (struct check_index){0};
}

/* Flows of which a row must be there. */
static bool needs_row(const struct check_run *u, uint64_t serial)
{
	if (u->rows_missing || u->gone_rows || u->damaged || u->tail_lost)
		return false;
	if (u->has_end)
		return !u->end.rows_dropped;
	return u->has_beat && serial <= u->beat.serial;
}

static void add_flow(struct check_index *x, uint64_t serial)
{
	if (x->bloom && !bloom_may(x->bloom, x->bloom_log2, x->bloom_k, bloom_hash(serial)))
		x->hidden++;
	if (check_has_row(x->u, serial, &x->near) || !needs_row(x->u, serial))
		return;
	if (x->near == x->u->n_rows)
		x->nameless++; /* of an index that was made again */
	else if (!x->unknown++)
		x->first_unknown = serial;
}

static int add_place(void *arg, const struct pidx_ref *ref)
{
	struct check_index *x = arg;
	const struct check_run *u = x->u;
	uint32_t *to;

	if (!x->n_places || ref->serial != x->serial)
		add_flow(x, ref->serial);
	x->serial = ref->serial;
	if (!u->has_end && !(ref->serial & LEVELS) &&
	    (u->tail_lost || ref->serial > u->beat.serial) &&
	    !check_has_row(u, ref->serial, &x->near))
		x->u->rowless++;
	to = read_append((void **)&x->places, &x->n_places, sizeof(*to));
	if (!to)
		return -ENOMEM;
	*to = ref->at;
	return 0;
}

static int by_place(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void tidy_places(struct check_index *x)
{
	size_t i, n = 0;

	if (x->n_places)
		qsort(x->places, x->n_places, sizeof(*x->places), by_place);
	for (i = 0; i < x->n_places; i++)
		if (!n || x->places[n - 1] != x->places[i])
			x->places[n++] = x->places[i];
	x->n_places = n;
}

/* All bytes of an index have a checksum: it is gone through record by record. */
static bool look_at_records(struct check_index *x)
{
	const uint8_t *p = (const uint8_t *)x->buf.p;
	size_t at = REC_MAGIC;
	struct rec rec;
	int64_t n;

	while ((n = rec_read(p + at, x->buf.len - at, &rec)) > 0) {
		if (rec.type == BLOOM && rec.size > 2 && rec.p[0] >= BLOOM_LOG2_MIN &&
		    rec.p[0] <= BLOOM_LOG2_MAX && rec.size - 2 == bloom_size(rec.p[0])) {
			x->bloom = rec.p + 2;
			x->bloom_log2 = rec.p[0];
			x->bloom_k = rec.p[1];
		}
		at += (size_t)n;
		if (at == x->buf.len)
			return true;
	}
	bad(x, LOCAL_INDEX, (int64_t)at,
	    n == -ENODATA ? "the index is cut" : "a record of the index is damaged");
	return false;
}

static int take_index(struct check_index *x, struct pidx *index)
{
	int r;

	x->info = index->info;
	x->spans = index->spans;
	x->n_spans = index->n_spans;
	index->spans = NULL;
	r = pidx_select(index, NULL, 0, add_place, x);
	if (r == -EBADMSG)
		bad(x, LOCAL_INDEX, -1, "flows of the index make no sense");
	return r == -EBADMSG ? 1 : r;
}

/* 0; 1: it is no good. */
static int read_index(struct check_index *x, int fd, uint64_t size)
{
	struct pidx index;
	bool good;
	int r;

	if (size > INDEX_MAX) {
		bad(x, LOCAL_INDEX, -1, "larger than any index");
		return 1;
	}
	if (buf_reserve(&x->buf, size) < 0)
		return -ENOMEM;
	r = read_exactly(fd, x->buf.p, size, 0);
	if (r < 0) {
		check_say(x->u, STORE_UNSEEN, x->number, LOCAL_INDEX, -1, "%s", strerror(-r));
		return 1;
	}
	x->buf.len = size;
	r = check_count(x->u->c, size);
	if (r < 0)
		return r;
	r = pidx_open(&index, (const uint8_t *)x->buf.p, size);
	if (r == -ENOMEM)
		return r;
	if (r == -EPROTO) {
		check_say(x->u, STORE_UNSEEN, x->number, LOCAL_INDEX, -1, "of a later version");
		return 1;
	}
	good = size >= REC_MAGIC && look_at_records(x);
	if (r < 0) {
		if (good || size < REC_MAGIC)
			bad(x, LOCAL_INDEX, -1, "this is no index, or one without its end");
		return 1;
	}
	r = take_index(x, &index);
	pidx_done(&index);
	return r;
}

/* Of the segment that it stands beside, with as many places as it says. */
static bool look_at_info(struct check_index *x)
{
	if (x->info.run != x->u->id || x->info.segment != x->number)
		bad(x, LOCAL_INDEX, -1, "this is the index of another segment");
	else if (x->info.refs != x->n_places)
		bad(x, LOCAL_INDEX, -1, "it has another number of places than it says");
	else
		return true;
	return false;
}

/* One record of what will be the index. */
static int add_refs(struct check_index *x, const struct rec *rec, uint64_t at)
{
	CLEANUP(freep) struct pidx_ref *refs = NULL;
	const uint8_t *p = rec->p - REC_HEAD;
	const struct pidx_span *last = x->n_spans ? &x->spans[x->n_spans - 1] : NULL;
	struct pidx_span span, *to;
	size_t n = 0, i;
	int code = 0;

	if (pidx_refs_get(p, REC_HEAD + rec->size, &span, NULL, &n) > 0) {
		refs = reallocarray(NULL, n + 1, sizeof(*refs));
		if (!refs)
			return -ENOMEM;
	}
	if (!refs || pidx_refs_get(p, REC_HEAD + rec->size, &span, refs, &n) < 0 ||
	    (last && span.from < last->to)) {
		bad(x, LOCAL_REFS, (int64_t)at, "a record that makes no sense");
		return 1;
	}
	for (i = 0; i < n && code == 0; i++)
		code = add_place(x, &refs[i]);
	to = code ? NULL : read_append((void **)&x->spans, &x->n_spans, sizeof(*to));
	if (!to)
		return -ENOMEM;
	*to = span;
	x->info.packets += span.packets;
	x->info.bytes = span.to;
	return 0;
}

/* 0; 1: it is no good. */
static int read_refs(struct check_index *x, int fd, uint64_t size)
{
	struct check_recs r = {.u = x->u,
			       .number = x->number,
			       .end = LOCAL_REFS,
			       .w = {.fd = fd, .size = size},
			       .at = REC_MAGIC};
	const uint8_t *p = window_get(&r.w, 0, REC_MAGIC);
	struct rec rec;
	uint64_t at;
	int64_t n;
	const uint64_t damage = x->u->c->sum->damage;
	int code = check_count(x->u->c, p ? REC_MAGIC : size);

	if (p && pidx_refs_check(p, REC_MAGIC) < 0) {
		bad(x, LOCAL_REFS, 0, "this does not begin as such a file");
		code = 1;
	}
	while (p && code == 0 && (n = check_rec(&r, &rec, &at)) != 0)
		code = n < 0 ? (int)n : add_refs(x, &rec, at);
	window_done(&r.w);
	/* What it lacks was said. */
	return code == 0 && x->u->c->sum->damage != damage ? 1 : code;
}

/* What a reader takes instead of an index does for one if it tells of all packets. */
static int without_index(struct check_index *x, int refs, uint64_t size, bool full)
{
	int r = refs >= 0 ? read_refs(x, refs, size) : 1;

	x->whole = false;
	x->sums = true;
	if (r == 0)
		x->end = LOCAL_REFS;
	if (r < 0 || !full || x->u->running || !check_is_there(x->u, x->number, LOCAL_SEGMENT))
		return r < 0 ? r : 0;
	if (r == 0)
		check_remedy(x->u->c, STORE_MAKE_INDEX);
	if (r == 0)
		check_say(x->u, STORE_REMARK, x->number, LOCAL_REFS, -1,
			  "the segment's index was not put in its place; this does for one "
			  "('trawl store rebuild' makes it)");
	else
		bad(x, LOCAL_INDEX, -1,
		    "missing: all of the run's packets are read to find flows in this segment "
		    "('trawl store rebuild' makes it)");
	return 0;
}

int check_index_open(struct check_index *x, struct check_run *u, uint32_t number, bool full)
{
	uint64_t size = 0, refs_size = 0;
	CLEANUP(closep) int refs = -1, fd = -1;
	int r;

	*x = (struct check_index){.u = u, .number = number, .whole = true};
	/* In this order: an index takes the place of the references. */
	refs = check_open(u, number, LOCAL_REFS, &refs_size);
	fd = check_open(u, number, LOCAL_INDEX, &size);
	if (fd < 0 && fd != -ENOENT)
		return 0;
	if (fd < 0) {
		r = without_index(x, refs, refs_size, full);
	} else {
		r = read_index(x, fd, size);
		x->sums = x->info.run == u->id && x->info.segment == number;
		if (r == 0 && look_at_info(x))
			x->end = LOCAL_INDEX;
		if (refs >= 0 && !u->running && x->end)
			check_remedy(u->c, STORE_REMOVE_FILE);
		if (refs >= 0 && !u->running && x->end)
			check_say(u, STORE_REMARK, number, LOCAL_REFS, -1,
				  "of no use any more: the index is in its place");
	}
	tidy_places(x);
	return r < 0 ? r : 0;
}

/* Ends the span at work, of which all packets went by. */
static void end_span(struct check_index *x)
{
	const struct pidx_span *s = &x->spans[x->span++], *now = &x->now;

	if (now->packets != s->packets ||
	    (now->packets && (now->min != s->min || now->max != s->max)))
		x->first_wrong = x->wrong++ ? x->first_wrong : s->from;
	x->now = (struct pidx_span){0};
}

static uint64_t place_of(const struct check_index *x)
{
	return (uint64_t)x->places[x->place] * PIDX_UNIT;
}

static void no_packet(struct check_index *x)
{
	if (!x->strange++)
		x->first_strange = place_of(x);
	x->place++;
}

void check_index_packet(struct check_index *x, uint64_t at, int64_t ts)
{
	struct pidx_span *now = &x->now;

	if (!x->end)
		return;
	while (x->place < x->n_places && place_of(x) < at)
		no_packet(x);
	if (x->place < x->n_places && place_of(x) == at)
		x->place++;
	else if (at < x->info.bytes || x->whole)
		x->first_absent = x->absent++ ? x->first_absent : at;
	while (x->span < x->n_spans && x->spans[x->span].to <= at)
		end_span(x);
	if (x->span == x->n_spans || x->spans[x->span].from > at)
		return;
	now->min = !now->packets || ts < now->min ? ts : now->min;
	now->max = !now->packets || ts > now->max ? ts : now->max;
	now->packets++;
}

/* Ends the span at work, of which all bytes went by. */
static void end_sum(struct check_index *x)
{
	const struct pidx_span *s = &x->spans[x->sum_span++];

	if (s->has_crc && s->crc != x->sum && x->changed++ < SAID_MAX)
		check_say(x->u, STORE_DAMAGE, x->number, LOCAL_SEGMENT, (int64_t)s->from,
			  "from here up to %" PRIu64 " are other bytes than were written", s->to);
	x->sum = 0;
}

void check_index_bytes(struct check_index *x, uint64_t at, const uint8_t *p, size_t n)
{
	const uint64_t end = at + n;

	while (x->sums && x->sum_span < x->n_spans && x->spans[x->sum_span].from < end) {
		const struct pidx_span *s = &x->spans[x->sum_span];
		const uint64_t from = s->from > at ? s->from : at, to = s->to < end ? s->to : end;

		if (s->has_crc && from < to)
			x->sum = crc32c(x->sum, p + (from - at), to - from);
		if (s->to > end)
			break;
		end_sum(x);
	}
}

/* Numbers that must agree where an index tells of a whole segment. */
static void compare(struct check_index *x, uint64_t packets, uint64_t end, int64_t min, int64_t max)
{
	if (x->info.packets != packets || x->info.bytes != end)
		check_say(x->u, STORE_DAMAGE, x->number, x->end, -1,
			  "it tells of %" PRIu64 " packet%s up to %" PRIu64 ", and the segment "
			  "has %" PRIu64 " up to %" PRIu64,
			  x->info.packets, num_s(x->info.packets), x->info.bytes, packets, end);
	else if (packets && (x->info.min != min || x->info.max != max))
		check_say(x->u, STORE_DAMAGE, x->number, x->end, -1,
			  "it tells of other times than those of the packets");
}

void check_index_end(struct check_index *x, uint64_t packets, uint64_t end, int64_t min,
		     int64_t max, uint64_t size)
{
	struct check_run *u = x->u;

	if (x->changed > SAID_MAX)
		check_say(u, STORE_DAMAGE, x->number, LOCAL_SEGMENT, -1,
			  "%" PRIu64 " more span%s of other bytes than were written",
			  x->changed - SAID_MAX, num_s(x->changed - SAID_MAX));
	if (!x->end)
		return;
	if (!x->whole && !u->running && !u->has_end && x->info.bytes > size) {
		check_remedy(u->c, STORE_MAKE_INDEX);
		check_say(u, STORE_REMARK, x->number, x->end, -1,
			  "it tells of more than its segment has, as a machine that stopped leaves "
			  "it");
		return;
	}
	if (x->whole)
		compare(x, packets, end, min, max);
	/* What came while the segment was read does not count. */
	while (x->span < x->n_spans && (!u->running || x->spans[x->span].to <= size))
		end_span(x);
	while (x->place < x->n_places && (!u->running || place_of(x) < size))
		no_packet(x);
	if (x->strange)
		check_say(u, STORE_DAMAGE, x->number, x->end, -1,
			  "%" PRIu64 " place%s without a packet, the first is %" PRIu64, x->strange,
			  num_s(x->strange), x->first_strange);
	if (x->absent)
		check_say(u, STORE_DAMAGE, x->number, x->end, -1,
			  "%" PRIu64 " packet%s in no flow, the first at %" PRIu64, x->absent,
			  num_s(x->absent), x->first_absent);
	if (x->wrong)
		check_say(u, STORE_DAMAGE, x->number, x->end, -1,
			  "%" PRIu64 " wrong span%s, the first at %" PRIu64, x->wrong,
			  num_s(x->wrong), x->first_wrong);
	if (x->unknown)
		check_say(u, STORE_DAMAGE, x->number, x->end, -1,
			  "%" PRIu64 " flow%s without a row, the first is flow %" PRIu64,
			  x->unknown, num_s(x->unknown), x->first_unknown);
	if (x->nameless)
		check_say(u, STORE_REMARK, x->number, x->end, -1,
			  "%" PRIu64
			  " flow%s without a row: packets did not tell which it is when the "
			  "index was made again",
			  x->nameless, num_s(x->nameless));
	if (x->hidden)
		check_say(u, STORE_DAMAGE, x->number, x->end, -1,
			  "%" PRIu64 " flow%s not in its filter", x->hidden, num_s(x->hidden));
}
