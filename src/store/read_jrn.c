/* A journal: everything a run says of itself. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/vec.h"
#include "base/num.h"
#include "flow/flow_schema.h"
#include "store/read.h"
#include "store/resync.h"
#include "store/window.h"

#define SCHEMAS_MAX 64

/* What reading a journal needs beside the run. */
struct reading {
	struct store_read *r;
	size_t number;
	struct read_run *run;
	struct store_run *pub;
	bool has_head, has_beat;
	uint64_t at; /* of the next record */
	struct resync resync;
	int status;
};

static char *text(struct reading *g, struct jrn_text t)
{
	char *p = t.p ? strndup(t.p, t.len) : NULL;

	if (t.p && !p)
		g->status = -ENOMEM;
	return p;
}

/* Whether the folder is the one that the stream has. */
static bool is_here(const struct reading *g, const struct jrn_head *h)
{
	char name[LOCAL_NAME_SIZE + 16], capture[LOCAL_NAME_SIZE];

	if (h->capture.len > STORE_NAME_MAX)
		return false;
	snprintf(name, sizeof(name), "%.*s", (int)h->capture.len, h->capture.p);
	local_escape(name, capture);
	snprintf(name, sizeof(name), "%s/%" PRIu32, capture, h->shard);
	return strcmp(name, g->run->folder) == 0;
}

static int head(struct reading *g, const struct rec *rec)
{
	struct jrn_head h;
	int r = jrn_get_head(rec, &h);

	if (r < 0)
		return r;
	if (g->has_head || !h.capture.p || !h.capture.len)
		return -EBADMSG;
	if (h.run != g->pub->id || !is_here(g, &h))
		return -EXDEV;
	g->has_head = true;
	g->pub->has_versions = h.version > 1;
	g->run->capture = text(g, h.capture);
	g->pub->capture = g->run->capture;
	g->pub->shard = h.shard;
	g->pub->pid = h.pid;
	g->pub->start = g->pub->end = h.start;
	g->pub->raw_limit = h.raw_limit;
	g->pub->snaplen = h.snaplen;
	g->pub->flow.idle = h.idle > INT64_MAX ? 0 : (int64_t)h.idle;
	g->pub->flow.hold = h.hold > INT64_MAX ? 0 : (int64_t)h.hold;
	g->pub->flow.key_mode = h.key_mode == FLOW_KEY_L2 ? FLOW_KEY_L2 : FLOW_KEY_L3;
	return 0;
}

static int iface(struct reading *g, const struct rec *rec)
{
	struct jrn_iface i;
	struct store_iface *to;

	if (jrn_get_iface(rec, &i) < 0 || i.number != g->pub->n_ifaces ||
	    i.number >= STORE_IFACES_MAX)
		return -EBADMSG;
	to = read_append((void **)&g->run->ifaces, &g->pub->n_ifaces, sizeof(*to));
	if (!to)
		return -ENOMEM;
	*to = (struct store_iface){
		.name = text(g, i.name),
		.descr = text(g, i.descr),
		.filter = text(g, i.filter),
		.hardware = text(g, i.hardware),
		.os = text(g, i.os),
		.linktype = i.linktype,
		.fcs_len = i.fcs_len,
		.speed = i.speed,
	};
	return 0;
}

static int gap(struct reading *g, const struct rec *rec)
{
	struct jrn_gap j;
	struct store_gap *to;

	if (jrn_get_gap(rec, &j) < 0 || j.from > j.to)
		return -EBADMSG;
	to = read_append((void **)&g->run->gaps, &g->pub->n_gaps, sizeof(*to));
	if (!to)
		return -ENOMEM;
	*to = (struct store_gap){j.iface, j.from, j.to, (enum store_why)j.why, j.count};
	return 0;
}

static int stats(struct reading *g, const struct rec *rec)
{
	struct iface_stats s, *to;

	if (jrn_get_stats(rec, &s) < 0)
		return -EBADMSG;
	to = read_append((void **)&g->run->stats, &g->pub->n_stats, sizeof(*to));
	if (!to)
		return -ENOMEM;
	*to = s;
	return 0;
}

static int schema(struct reading *g, const struct rec *rec)
{
	struct jrn_schema s, *to;
	int r = jrn_get_schema(rec, flow_schema(), &s);

	if (r == 0 && g->run->n_schemas == SCHEMAS_MAX)
		r = -EBADMSG;
	if (r < 0)
		return r;
	to = read_append((void **)&g->run->schemas, &g->run->n_schemas, sizeof(*to));
	if (!to)
		return -ENOMEM;
	*to = s;
	return 0;
}

static int rows(struct reading *g, const struct rec *rec, uint64_t at)
{
	struct store_group *to;
	struct jrn_rows j;

	if (jrn_get_rows(rec, &j) < 0 || !g->run->n_schemas || j.n > BATCH_ROWS)
		return -EBADMSG;
	if (!j.n)
		return 0;
	to = read_append((void **)&g->run->groups, &g->pub->n_groups, sizeof(*to));
	if (!to)
		return -ENOMEM;
	*to = (struct store_group){
		.at = at,
		.size = REC_HEAD + rec->size,
		.rows = j.n,
		.start = j.start,
		.last = j.last,
		.schema = (uint32_t)g->run->n_schemas - 1,
	};
	return 0;
}

static int tick(struct reading *g, const struct rec *rec)
{
	struct jrn_tick j;

	if (jrn_get_tick(rec, &j) < 0)
		return -EBADMSG;
	g->pub->end = j.ts > g->pub->end ? j.ts : g->pub->end;
	g->pub->kept = j.kept;
	g->pub->raw_limited = j.raw_limited;
	return 0;
}

/* Of the two, and of those that are read while another is written, the newest counts. */
static int beat(struct reading *g, const struct rec *rec)
{
	struct jrn_beat j;

	if (jrn_get_beat(rec, &j) < 0)
		return -EBADMSG;
	g->has_beat = true;
	if (!j.number || j.number < g->run->n_beat)
		return 0;
	g->run->n_beat = j.number;
	g->pub->end = j.tick.ts > g->pub->start ? j.tick.ts : g->pub->start;
	g->pub->kept = j.tick.kept;
	g->pub->raw_limited = j.tick.raw_limited;
	g->pub->serial = j.serial;
	g->run->tail = j.tail;
	g->run->tail_bytes = j.tail_bytes;
	return 0;
}

/* Rows that are in a flow segment.  A later one of the same number is none of ours. */
static int block(struct reading *g, const struct rec *rec)
{
	struct store_block *to;
	struct jrn_block j;

	if (jrn_get_block(rec, &j) < 0 || j.number <= g->run->last_block || !j.file ||
	    j.file > j.number || j.size < FSEG_HEAD || !j.rows || j.rows > FSEG_ROWS ||
	    j.start > j.last)
		return -EBADMSG;
	to = read_append((void **)&g->run->blocks, &g->pub->n_blocks, sizeof(*to));
	if (!to)
		return -ENOMEM;
	*to = (struct store_block){
		.file = j.file,
		.at = j.at,
		.size = j.size,
		.rows = j.rows,
		.start = j.start,
		.last = j.last,
	};
	g->run->last_block = j.number;
	return 0;
}

static int by_number(const void *a, const void *b)
{
	const uint32_t x = ((const struct store_segment *)a)->number;
	const uint32_t y = ((const struct store_segment *)b)->number;

	return (x > y) - (x < y);
}

static struct store_segment *find_segment(const struct reading *g, uint32_t number)
{
	const struct store_segment key = {.number = number};
	struct store_run *pub = g->pub;
	size_t i;

	for (i = pub->n_segments; i > g->run->n_listed; i--)
		if (pub->segments[i - 1].number == number)
			return &pub->segments[i - 1];
	return i ? bsearch(&key, pub->segments, i, sizeof(key), by_number) : NULL;
}

/* Number of the first one that is there, as a file or not; 0: none. */
static uint32_t first_there(const struct reading *g)
{
	const uint32_t file = g->pub->n_segments ? g->pub->segments[0].number : 0;
	const uint32_t odd = g->run->n_odd ? (uint32_t)g->run->odd[0] : 0;

	return file && odd ? (file < odd ? file : odd) : file + odd;
}

/* Bytes that it has.  -EBADMSG: it is no file; -ENOENT: it is not there, which costs nothing to
 * say of the many that a long run has lost: what came after the folder was listed is behind what
 * was there. */
static int64_t size_of(const struct reading *g, const struct store_segment *s,
		       const struct jrn_segment *j)
{
	const struct read_run *u = g->run;
	const uint64_t number = j->number;

	if (s && s->bytes >= j->bytes)
		return (int64_t)s->bytes;
	if (u->n_odd && bsearch(&number, u->odd, u->n_odd, sizeof(number), vec_cmp_u64))
		return -EBADMSG;
	if (!s && u->n_listed && j->number < g->pub->segments[u->n_listed - 1].number)
		return -ENOENT;
	return read_size(g->r, g->number, j->number);
}

/* One that came after the folder was looked through. */
static int new_segment(struct reading *g, const struct jrn_segment *j, int64_t size)
{
	struct store_segment *s;

	s = read_append((void **)&g->pub->segments, &g->pub->n_segments, sizeof(*s));
	if (!s)
		return -ENOMEM;
	*s = (struct store_segment){
		.number = j->number,
		.bytes = (uint64_t)size,
		.packets = j->packets,
		.known = true,
		.told = true,
		.min = j->min,
		.max = j->max,
	};
	return 0;
}

/* A full segment. */
static int segment(struct reading *g, const struct rec *rec)
{
	struct store_segment *s;
	struct jrn_segment j;
	uint32_t first;
	int64_t size;

	if (jrn_get_segment(rec, &j) < 0 || !j.number)
		return -EBADMSG;
	s = find_segment(g, j.number);
	if (s)
		s->told = true;
	if (!j.packets)
		return 0;
	if (j.min > j.max)
		return -EBADMSG;
	size = size_of(g, s, &j);
	first = first_there(g);
	if (size == -EBADMSG) { /* that was said */
		g->run->missed += j.packets;
		return 0;
	}
	if (size < 0 && (!first || j.number < first)) {
		read_gone_add(&g->pub->packets_gone, j.packets, j.min, j.max);
		g->run->gone = j.number > g->run->gone ? j.number : g->run->gone;
		return 0;
	}
	if (size < 0) {
		read_note(g->r, g->number,
			  "segment %" PRIu32 " is missing, with %" PRIu64 " packet%s", j.number,
			  j.packets, num_s(j.packets));
		g->run->missed += j.packets;
		return 0;
	}
	if ((uint64_t)size < j.bytes)
		read_note(g->r, g->number,
			  "segment %" PRIu32 " has lost its end: %" PRId64 " of %" PRIu64
			  " bytes are there",
			  j.number, size, j.bytes);
	if (!s)
		return new_segment(g, &j, size);
	s->bytes = (uint64_t)size;
	s->packets = j.packets;
	s->known = true;
	s->min = j.min;
	s->max = j.max;
	return 0;
}

static int end(struct reading *g, const struct rec *rec)
{
	struct jrn_end j;

	if (jrn_get_end(rec, &j) < 0)
		return -EBADMSG;
	g->pub->state = STORE_FINISHED;
	g->pub->end = j.ts > g->pub->start ? j.ts : g->pub->start;
	g->pub->kept = j.kept;
	g->pub->raw_limited = j.raw_limited;
	g->pub->dropped = j.dropped;
	g->pub->rows_dropped = j.rows_dropped;
	return 0;
}

static int clock_of(struct reading *g, const struct rec *rec)
{
	struct clock_state *to;
	struct jrn_clock j;

	if (jrn_get_clock(rec, &j) < 0)
		return -EBADMSG;
	to = read_append((void **)&g->run->clocks, &g->pub->n_clocks, sizeof(*to));
	if (!to)
		return -ENOMEM;
	*to = j.state;
	if (!g->run->clock_source)
		g->run->clock_source = text(g, j.source);
	g->pub->clock_source = g->run->clock_source;
	return 0;
}

static int take(struct reading *g, const struct rec *rec, uint64_t at)
{
	if (!g->has_head && rec->type != JRN_HEAD)
		return -EBADMSG;
	switch (rec->type) {
	case JRN_HEAD:
		return head(g, rec);
	case JRN_IFACE:
		return iface(g, rec);
	case JRN_SCHEMA:
		return schema(g, rec);
	case JRN_ROWS:
		return rows(g, rec, at);
	case JRN_GAP:
		return gap(g, rec);
	case JRN_TICK:
		return tick(g, rec);
	case JRN_SEGMENT:
		return segment(g, rec);
	case JRN_STATS:
		return stats(g, rec);
	case JRN_END:
		return end(g, rec);
	case JRN_CLOCK:
		return clock_of(g, rec);
	case JRN_BLOCK:
		return block(g, rec);
	case JRN_BEAT:
		return beat(g, rec);
	default:
		return 0; /* of a later version */
	}
}

/* A beat that is being written, or that a killed writer left half-done: the other one is
 * good. */
static uint64_t behind_beat(struct window *w, uint64_t at)
{
	const uint8_t *p = window_get(w, at, REC_HEAD);

	return p && le32_load(p) == JRN_BEAT && le32_load(p + 4) == JRN_BEAT_SIZE - REC_HEAD
		       ? at + JRN_BEAT_SIZE
		       : 0;
}

/* Goes on behind what is no good record.  False: there is nothing more. */
static bool skip_damage(struct reading *g, struct window *w, int64_t code)
{
	int64_t next = code == -EBADMSG ? (int64_t)behind_beat(w, g->at) : 0;

	if (next) {
		g->at = (uint64_t)next;
		return true;
	}
	if (g->pub->state == STORE_FINISHED && resync_is_zero(w, g->at))
		return false; /* there was nothing to lose */
	next = resync_next(&g->resync, w, g->at);
	if (!next && code == -ENODATA)
		return false; /* the tail that a killed writer left */
	g->run->damaged = true;
	read_note(g->r, g->number, "the journal is damaged at %" PRIu64 "%s", g->at,
		  next > 0 ? "" : ": what follows is lost");
	if (next > 0)
		g->at = (uint64_t)next;
	return next > 0;
}

/* From 'g->at' on, as far as there is something. */
static int read_all(struct reading *g, struct window *w)
{
	struct rec rec;
	int64_t n;
	int r = 0;

	while (r == 0 && g->status == 0 && (n = window_rec(w, g->at, &rec)) != 0) {
		if (n < 0 && !skip_damage(g, w, n))
			break;
		if (n < 0)
			continue;
		r = take(g, &rec, g->at);
		if (r == -EBADMSG) {
			g->run->damaged = true;
			read_note(g->r, g->number,
				  "the journal has a record at %" PRIu64 " that makes no sense",
				  g->at);
			r = 0;
		}
		g->at += (uint64_t)n;
	}
	return r < 0 ? r : g->status;
}

/* Whether the tail that the journal makes one expect is not there since its block was made
 * a moment ago.  If it is there it stays open: it may go at any time. */
static bool has_grown(struct reading *g, int fd, uint64_t size)
{
	const uint32_t number = g->run->last_block + 1;
	struct read_tail *to;
	struct stat st;
	int tail;

	if (g->pub->state == STORE_FINISHED || !g->pub->has_versions || !g->run->locked)
		return false;
	tail = read_open(g->r, g->number, number, LOCAL_TAIL);
	if (tail >= 0) {
		to = read_append((void **)&g->run->tails, &g->run->n_tails, sizeof(*to));
		if (to)
			*to = (struct read_tail){number, tail};
		else
			close(tail);
		g->status = to ? 0 : -ENOMEM;
		return false;
	}
	return fstat(fd, &st) == 0 && (uint64_t)st.st_size > size;
}

int read_journal(struct store_read *r, size_t run, int fd)
{
	CLEANUP(window_done) struct window w = {.fd = fd};
	struct reading g = {
		.r = r,
		.number = run,
		.run = &r->runs[run],
		.pub = r->runs[run].pub,
		.at = REC_MAGIC,
		.resync.size_max = jrn_size_max,
	};
	const uint8_t *p;
	struct stat st;
	int code;

	do {
		if (fstat(fd, &st) < 0)
			return -errno;
		w.size = (uint64_t)st.st_size;
		p = window_get(&w, 0, REC_MAGIC);
		if (!p || jrn_check_magic(p, REC_MAGIC) < 0)
			return w.size < REC_MAGIC ? -ENODATA : -EBADMSG;
		code = read_all(&g, &w);
	} while (code == 0 && has_grown(&g, fd, w.size));
	code = code == 0 ? g.status : code;
	/* They stand behind the head: what there was behind them is lost, too. */
	if (g.pub->has_versions && !g.has_beat)
		g.run->damaged = true;
	g.pub->ifaces = g.run->ifaces;
	g.pub->gaps = g.run->gaps;
	g.pub->stats = g.run->stats;
	g.pub->clocks = g.run->clocks;
	g.pub->groups = g.run->groups;
	g.pub->blocks = g.run->blocks;
	return code == 0 && !g.has_head ? -ENODATA : code;
}
