/* How complete an answer from a folder is: DESIGN's coverage.  What was not captured
 * because nobody captured then is said but no fault; what is missing from between a
 * capture's start and end is. */
#include "run/dir_impl.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"

#define TIME_SIZE 40
#define NS        INT64_C(1000000000)
#define MS        INT64_C(1000000)

static const char *const whys[] = {
	[STORE_WHY_RING] = "the ring was full",
	[STORE_WHY_QUEUE] = "a queue was full",
	[STORE_WHY_DISK] = "they could not be written",
	[STORE_WHY_LIMIT] = "the store was full",
	[STORE_WHY_AWAY] = "the interface was away",
	[STORE_WHY_NIC] = "lost before the capture, by the interface or the kernel",
	[STORE_WHY_REMOVED] = "removed by a limit, or by hand",
	[STORE_WHY_REMOVED_ROWS] = "removed by a limit, or by hand",
};
#define N_WHYS (sizeof(whys) / sizeof(whys[0]))

static const char *const why_words[] = {
	[STORE_WHY_RING] = "ring",       [STORE_WHY_QUEUE] = "queue",
	[STORE_WHY_DISK] = "disk",       [STORE_WHY_LIMIT] = "limit",
	[STORE_WHY_AWAY] = "away",       [STORE_WHY_NIC] = "nic",
	[STORE_WHY_REMOVED] = "removed", [STORE_WHY_REMOVED_ROWS] = "removed",
};

static const char *const states[] = {
	[STORE_FINISHED] = "finished",
	[STORE_RUNNING] = "running",
	[STORE_KILLED] = "killed",
};

/* "2026-11-21T10:00:00.123Z" */
static const char *iso(int64_t ts, char to[TIME_SIZE])
{
	int64_t sec = ts / NS - (ts % NS < 0);
	time_t t = (time_t)sec;
	struct tm tm;
	size_t n;

	if (!gmtime_r(&t, &tm))
		return "?";
	n = strftime(to, TIME_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(to + n, TIME_SIZE - n, ".%03dZ", (int)((ts - sec * NS) / MS));
	return to;
}

void dir_remark(struct run_dir *d, const char *fmt, ...)
{
	va_list ap;

	if (d->n_remarks == DIR_REMARKS_MAX)
		return;
	va_start(ap, fmt);
	vsnprintf(d->remarks[d->n_remarks].text, sizeof(d->remarks[0].text), fmt, ap);
	va_end(ap);
	d->n_remarks++;
}

/* The clock of some runs in the time asked for. */
struct clock_sum {
	bool known, free; /* recorded; at some time not synchronised */
	int64_t max_error;
	size_t steps;
	struct clock_state step; /* the largest one */
};

static void add_clock(struct clock_sum *to, const struct store_run *u)
{
	size_t i;

	for (i = 0; i < u->n_clocks; i++) {
		const struct clock_state *k = &u->clocks[i];

		to->known |= k->sync != CLOCK_UNKNOWN;
		to->free |= k->sync == CLOCK_FREE;
		to->max_error = k->max_error > to->max_error ? k->max_error : to->max_error;
		/* Each shard sees the same. */
		if (!k->step || u->shard)
			continue;
		to->steps++;
		if (llabs(k->step) > llabs(to->step.step))
			to->step = *k;
	}
}

static void remark_steps(struct run_dir *d, const struct store_run *u, const struct clock_sum *k)
{
	char name[DIR_NAME_SIZE], at[TIME_SIZE];

	if (k->steps)
		dir_remark(d,
			   "capture %s: the clock was set %zu time%s, by as much as %+.3f s at %s: "
			   "times "
			   "before and after do not compare",
			   dir_name(u, name), k->steps, k->steps > 1 ? "s" : "",
			   (double)k->step.step / 1e9, iso(k->step.ts, at));
}

static bool meets(const struct run_dir *d, int64_t from, int64_t to)
{
	return from <= d->to && to >= d->from;
}

static bool is_asked(const struct run_dir *d, const struct store_run *u)
{
	return meets(d, u->start, u->end);
}

/* Whether a gap is one of the answer: packets that were only not kept count in flows. */
static bool matters(const struct run_dir *d, const struct store_run *u, const struct store_gap *g)
{
	if (!meets(d, g->from, g->to) || g->why >= N_WHYS || !whys[g->why])
		return false;
	switch (g->why) {
	case STORE_WHY_REMOVED:
		return d->packets;
	case STORE_WHY_LIMIT:
	case STORE_WHY_DISK:
		return d->packets || (u->state != STORE_FINISHED && !u->has_versions);
	default:
		return true;
	}
}

static void note_gaps(struct run_dir *d, const struct store_run *u, enum store_why why)
{
	char name[DIR_NAME_SIZE], from[TIME_SIZE], to[TIME_SIZE], count[48] = "packets";
	int64_t min = INT64_MAX, max = INT64_MIN;
	uint64_t packets = 0;
	size_t i, n = 0;

	for (i = 0; i < u->n_gaps; i++) {
		const struct store_gap *g = &u->gaps[i];

		if (g->why != why || !matters(d, u, g))
			continue;
		n++;
		packets += g->count;
		min = g->from < min ? g->from : min;
		max = g->to > max ? g->to : max;
	}
	if (!n)
		return;
	if (packets)
		snprintf(count, sizeof(count), "%" PRIu64 " %s", packets,
			 why == STORE_WHY_REMOVED_ROWS ? "rows of flows" : "packets");
	dir_note(d, "capture %s: %s missing between %s and %s: %s", dir_name(u, name), count,
		 iso(min, from), iso(max, to), whys[why]);
}

/* A capture that was killed and begun again did not see what came in between: 'next' is
 * the run of the same stream that follows. */
static void note_restart(struct run_dir *d, const struct store_run *u, const struct store_run *next)
{
	char name[DIR_NAME_SIZE], from[TIME_SIZE], to[TIME_SIZE];

	if (next->start > u->end && meets(d, u->end, next->start))
		dir_note(d,
			 "capture %s: nothing was captured between %s, when it was killed, and %s, "
			 "when it began again",
			 dir_name(u, name), iso(u->end, from), iso(next->start, to));
}

static void note_run(struct run_dir *d, const struct store_run *u)
{
	char name[DIR_NAME_SIZE], end[TIME_SIZE];
	unsigned why;

	for (why = 0; why < N_WHYS; why++)
		note_gaps(d, u, (enum store_why)why);
	if (u->rows_dropped)
		dir_note(d,
			 "capture %s: %" PRIu64 " flows were not kept: there was no room for them",
			 dir_name(u, name), u->rows_dropped);
	if (u->state == STORE_KILLED && d->to >= u->end)
		dir_note(d,
			 "capture %s was killed after %s: what came in its last second may be "
			 "missing",
			 dir_name(u, name), iso(u->end, end));
	if (u->rebuilt && u->raw_limit != UINT64_MAX)
		dir_note(d, "capture %s: its flows count only packets that were kept",
			 dir_name(u, name));
}

/* The times at which a capture ran, those of shards and runs that meet as one.  'v' are
 * its runs in the order of their starts. */
static void remark_held(struct run_dir *d, const struct store_run *const *v, size_t n)
{
	char name[DIR_NAME_SIZE], from[TIME_SIZE], to[TIME_SIZE], text[CLOCK_TEXT];
	struct clock_sum clock = {0};
	int64_t start = 0, end = 0;
	bool running = false, any = false;
	size_t i;

	for (i = 0; i <= n; i++) {
		const struct store_run *u = i < n ? v[i] : NULL;

		if (u && !is_asked(d, u))
			continue;
		if (any && (!u || u->start > end)) {
			clock_text(clock.free ? CLOCK_FREE : CLOCK_SYNCED, clock.max_error, text);
			dir_remark(d, "held: capture %s from %s to %s%s%s%s", dir_name(v[0], name),
				   iso(start, from), iso(end, to),
				   running ? ", and is running" : "", clock.known ? "; clock " : "",
				   clock.known ? text : "");
			remark_steps(d, v[0], &clock);
			any = running = false;
			clock = (struct clock_sum){0};
		}
		if (!u)
			break;
		if (!any) {
			start = u->start;
			end = u->end;
		}
		any = true;
		add_clock(&clock, u);
		running |= u->state == STORE_RUNNING;
		end = u->end > end ? u->end : end;
	}
}

static void remark_nothing(struct run_dir *d, size_t n)
{
	char from[TIME_SIZE], to[TIME_SIZE];
	int64_t first = 0, last = 0;

	if (n == 0) {
		dir_remark(d, d->n_found ? "nothing that can be read is held here"
					 : "nothing is held here");
		return;
	}
	run_dir_span(d, &first, &last);
	dir_remark(d, "nothing was held at that time; captures here begin at %s and end at %s",
		   iso(first, from), iso(last, to));
}

static int by_capture(const void *a, const void *b)
{
	const struct store_run *x = *(const struct store_run *const *)a;
	const struct store_run *y = *(const struct store_run *const *)b;
	int c = strcmp(x->capture, y->capture);

	if (c)
		return c;
	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return (x > y) - (x < y);
}

static int by_stream(const void *a, const void *b)
{
	const struct store_run *x = *(const struct store_run *const *)a;
	const struct store_run *y = *(const struct store_run *const *)b;
	int c = strcmp(x->capture, y->capture);

	if (c)
		return c;
	if (x->shard != y->shard)
		return x->shard < y->shard ? -1 : 1;
	return by_capture(a, b);
}

static bool is_capture(const struct store_run *a, const struct store_run *b)
{
	return strcmp(a->capture, b->capture) == 0;
}

static void cover(struct run_dir *d, const struct store_run **v, size_t n)
{
	size_t i, k, asked = 0;

	for (i = 0; i < n; i++) {
		if (!is_asked(d, v[i]))
			continue;
		asked++;
		note_run(d, v[i]);
	}
	qsort(v, n, sizeof(*v), by_stream);
	for (i = 0; i + 1 < n; i++)
		if (v[i]->state == STORE_KILLED && is_capture(v[i], v[i + 1]) &&
		    v[i]->shard == v[i + 1]->shard)
			note_restart(d, v[i], v[i + 1]);
	qsort(v, n, sizeof(*v), by_capture);
	for (i = 0; i < n; i = k) {
		for (k = i + 1; k < n && is_capture(v[i], v[k]); k++)
			;
		remark_held(d, v + i, k - i);
	}
	if (d->packets && d->n_missed)
		dir_note(d, "%" PRIu64 " packets of these flows were not kept", d->n_missed);
	if (!asked)
		remark_nothing(d, n);
}

void dir_cover(struct run_dir *d)
{
	CLEANUP(freep) const struct store_run **v = NULL;
	const struct store_run *runs;
	size_t n, i;

	if (d->covered)
		return;
	d->covered = true;
	runs = store_read_runs(d->read, &n);
	v = calloc(n + 1, sizeof(*v));
	if (!v) {
		dir_note(d, "out of memory: what is missing is not known");
		return;
	}
	for (i = 0; i < n; i++)
		v[i] = &runs[i];
	cover(d, v, n);
}

static void add_text(struct buf *to, const char *key, const char *text)
{
	buf_addf(to, "\"%s\":", key);
	json_escape(to, text, strlen(text));
}

/* Milliseconds since the epoch, as all times in JSON. */
static void add_time(struct buf *to, const char *key, int64_t ts)
{
	buf_addf(to, "\"%s\":%" PRId64, key, ts / MS - (ts % MS < 0));
}

static void add_held_clock(struct buf *to, const struct store_run *u)
{
	struct clock_sum sum = {0};
	size_t i, said = 0;

	add_clock(&sum, u);
	buf_addstr(to, ",\"clock\":{");
	if (u->clock_source) {
		add_text(to, "source", u->clock_source);
		buf_addch(to, ',');
	}
	buf_addf(to, "\"synchronised\":%s,", !sum.known ? "null" : sum.free ? "false" : "true");
	if (sum.known)
		buf_addf(to, "\"max_error_ns\":%" PRId64 ",", sum.max_error);
	buf_addstr(to, "\"steps\":[");
	for (i = 0; i < u->n_clocks; i++) {
		if (!u->clocks[i].step)
			continue;
		buf_addstr(to, said++ ? ",{" : "{");
		add_time(to, "at", u->clocks[i].ts);
		buf_addf(to, ",\"by_ns\":%" PRId64 "}", u->clocks[i].step);
	}
	buf_addstr(to, "]}");
}

static void add_held(struct buf *to, const struct store_run *u)
{
	buf_addch(to, '{');
	add_text(to, "capture", u->capture);
	buf_addf(to, ",\"shard\":%u,", u->shard);
	add_time(to, "from", u->start);
	buf_addch(to, ',');
	add_time(to, "to", u->end);
	buf_addch(to, ',');
	add_text(to, "state", states[u->state]);
	buf_addf(to,
		 ",\"packets_kept\":%" PRIu64 ",\"packets_limited\":%" PRIu64
		 ",\"packets_dropped\":%" PRIu64,
		 u->kept, u->raw_limited, u->dropped);
	if (u->n_clocks)
		add_held_clock(to, u);
	buf_addch(to, '}');
}

static void add_gap(struct buf *to, const struct store_run *u, const struct store_gap *g)
{
	buf_addch(to, '{');
	add_text(to, "capture", u->capture);
	if (g->iface < u->n_ifaces && u->ifaces[g->iface].name) {
		buf_addch(to, ',');
		add_text(to, "interface", u->ifaces[g->iface].name);
	}
	buf_addch(to, ',');
	add_time(to, "from", g->from);
	buf_addch(to, ',');
	add_time(to, "to", g->to);
	buf_addch(to, ',');
	add_text(to, "why", why_words[g->why]);
	if (g->count)
		buf_addf(to, ",\"%s\":%" PRIu64,
			 g->why == STORE_WHY_REMOVED_ROWS ? "rows" : "packets", g->count);
	buf_addch(to, '}');
}

void run_dir_coverage(struct run_dir *d, bool cut, struct buf *to)
{
	const struct store_run *runs;
	size_t n, i, k, said = 0;

	dir_cover(d);
	runs = store_read_runs(d->read, &n);
	buf_addf(to, "{\"complete\":%s,\"held\":[", d->stats.incomplete || cut ? "false" : "true");
	for (i = 0; i < n; i++) {
		if (!is_asked(d, &runs[i]))
			continue;
		buf_addstr(to, said++ ? "," : "");
		add_held(to, &runs[i]);
	}
	buf_addstr(to, "],\"gaps\":[");
	said = 0;
	for (i = 0; i < n; i++) {
		for (k = 0; is_asked(d, &runs[i]) && k < runs[i].n_gaps; k++) {
			if (!matters(d, &runs[i], &runs[i].gaps[k]))
				continue;
			buf_addstr(to, said++ ? "," : "");
			add_gap(to, &runs[i], &runs[i].gaps[k]);
		}
	}
	buf_addf(to, "],\"packets_missing\":%" PRIu64 ",\"notes\":[", d->packets ? d->n_missed : 0);
	for (i = 0; i < d->stats.n_notes; i++) {
		buf_addstr(to, i ? "," : "");
		json_escape(to, d->notes[i].text, strlen(d->notes[i].text));
	}
	buf_addstr(to, "]}");
}
