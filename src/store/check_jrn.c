/* What a journal says, and whether that can be. */
#include "store/check_impl.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/num.h"
#include "flow/flow_schema.h"

#define TIME_SIZE 40

static __attribute__((format(printf, 3, 4))) void bad(struct check_run *u, uint64_t at,
						      const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	u->damaged = true;
	check_say(u, STORE_DAMAGE, 0, LOCAL_JOURNAL, (int64_t)at, "%s", text);
}

static bool is_here(const struct check_run *u, const struct jrn_head *h)
{
	char name[LOCAL_NAME_SIZE + 16], capture[LOCAL_NAME_SIZE];

	if (!h->capture.p || !h->capture.len || h->capture.len > STORE_NAME_MAX)
		return false;
	snprintf(name, sizeof(name), "%.*s", (int)h->capture.len, h->capture.p);
	local_escape(name, capture);
	snprintf(name, sizeof(name), "%s/%u", capture, h->shard);
	return strlen(name) == u->folder_len && memcmp(name, u->folder, u->folder_len) == 0;
}

static int head(struct check_run *u, const struct rec *rec, uint64_t at)
{
	struct jrn_head h = {0};
	int r = jrn_get_head(rec, &h);

	if (r == -EPROTO)
		return r;
	if (r < 0 || u->has_head)
		bad(u, at, "%s", r < 0 ? "a head that makes no sense" : "a second head");
	else if (h.run != u->id || !is_here(u, &h))
		bad(u, at, "this is the journal of another run, or lies in another's folder");
	u->head = h;
	u->head.capture = u->head.app = (struct jrn_text){0};
	u->has_head = true;
	return 0;
}

static int iface(struct check_run *u, const struct rec *rec, uint64_t at)
{
	struct jrn_iface i;
	uint16_t *to;

	if (jrn_get_iface(rec, &i) < 0 || i.number != u->n_ifaces) {
		bad(u, at, "an interface that makes no sense");
		return 0;
	}
	to = read_append((void **)&u->linktypes, &u->n_ifaces, sizeof(*to));
	if (!to)
		return -ENOMEM;
	*to = i.linktype;
	return 0;
}

static int segment(struct check_run *u, const struct rec *rec, uint64_t at)
{
	const struct jrn_segment *last = u->n_segments ? &u->segments[u->n_segments - 1] : NULL;
	struct jrn_segment j, *to;

	if (jrn_get_segment(rec, &j) < 0 || !j.number || (j.packets && j.min > j.max) ||
	    (last && j.number <= last->number)) {
		bad(u, at, "a segment that makes no sense");
		return 0;
	}
	if (j.number != (last ? last->number + 1 : 1) && !u->damaged)
		bad(u, at, "segments before %06" PRIu32 " are not told", j.number);
	to = read_append((void **)&u->segments, &u->n_segments, sizeof(*to));
	if (!to)
		return -ENOMEM;
	*to = j;
	return 0;
}

static int block(struct check_run *u, const struct rec *rec, uint64_t at)
{
	const struct jrn_block *last = u->n_blocks ? &u->blocks[u->n_blocks - 1] : NULL;
	struct jrn_block j, *to;

	if (jrn_get_block(rec, &j) < 0 || !j.file || j.file > j.number || j.size < FSEG_HEAD ||
	    j.size > FSEG_BLOCK_MAX || !j.rows || j.rows > FSEG_ROWS || j.start > j.last ||
	    (last && j.number <= last->number)) {
		bad(u, at, "a block of flows that makes no sense");
		return 0;
	}
	if (j.number != (last ? last->number + 1 : 1) && !u->damaged)
		bad(u, at, "blocks before %" PRIu32 " are not told", j.number);
	if (j.file == j.number ? j.at != FSEG_MAGIC
			       : last && last->file == j.file && last->number + 1 == j.number &&
					 j.at != last->at + last->size)
		bad(u, at, "block %" PRIu32 " is not behind the one before it", j.number);
	to = read_append((void **)&u->blocks, &u->n_blocks, sizeof(*to));
	if (!to)
		return -ENOMEM;
	*to = j;
	return 0;
}

static int beat(struct check_run *u, const struct rec *rec, uint64_t at)
{
	struct jrn_beat j;

	if (jrn_get_beat(rec, &j) < 0)
		bad(u, at, "a beat that makes no sense");
	else if (!u->has_beat || j.number > u->beat.number)
		u->beat = j;
	u->has_beat = true;
	return 0;
}

static int tick(struct check_run *u, const struct rec *rec, uint64_t at)
{
	struct jrn_tick j;

	if (jrn_get_tick(rec, &j) < 0)
		bad(u, at, "a tick that makes no sense");
	else
		u->beat.tick = j;
	return 0;
}

DEFINE_FREEP(struct batch, batch_free);

/* Rows as they were kept once. */
static int rows(struct check_run *u, const struct rec *rec, uint64_t at)
{
	CLEANUP(batch_freep) struct batch *b = NULL;
	const struct field_set none = {0};
	struct jrn_rows j;
	struct cur c;
	uint32_t i;
	int r = 0;

	u->has_groups = true;
	if (!u->has_schema || jrn_get_rows(rec, &j) < 0 || j.n > BATCH_ROWS) {
		bad(u, at, "rows that make no sense");
		u->rows_missing = true;
		return 0;
	}
	if (batch_new(&b, flow_schema(), &none) < 0)
		return -ENOMEM;
	for (i = 0, c = j.cur; i < j.n && r == 0; i++) {
		if (jrn_get_row(&c, &u->schema, j.start, b, 0) < 0) {
			bad(u, at, "row %" PRIu32 " of these makes no sense", i);
			u->rows_missing = true;
			break;
		}
		r = check_add_row(u, b->serial[0], 1, CHECK_ENDED);
	}
	u->in_journal += j.n;
	u->c->sum->rows += j.n;
	return r;
}

static int schema(struct check_run *u, const struct rec *rec, uint64_t at)
{
	int r = jrn_get_schema(rec, flow_schema(), &u->schema);

	u->has_schema = r == 0;
	if (r == -EBADMSG)
		bad(u, at, "a schema that makes no sense");
	if (r == -EPROTO) {
		u->rows_missing = true;
		check_say(u, STORE_UNSEEN, 0, LOCAL_JOURNAL, (int64_t)at,
			  "rows of a later version follow");
	}
	return 0;
}

/* What is only looked at by itself. */
static int other(struct check_run *u, const struct rec *rec, uint64_t at)
{
	struct iface_stats stats;
	struct jrn_clock clock;
	struct jrn_gap gap;
	int r = 0;

	if (rec->type == JRN_GAP)
		r = jrn_get_gap(rec, &gap) < 0 || gap.from > gap.to ? -EBADMSG : 0;
	if (rec->type == JRN_GAP && r == 0)
		u->refused |= gap.why == STORE_WHY_DISK || gap.why == STORE_WHY_LIMIT;
	if (rec->type == JRN_STATS)
		r = jrn_get_stats(rec, &stats);
	else if (rec->type == JRN_CLOCK)
		r = jrn_get_clock(rec, &clock);
	if (r < 0)
		bad(u, at, "a record of kind %" PRIu32 " that makes no sense", rec->type);
	return 0;
}

static int take(struct check_run *u, const struct rec *rec, uint64_t at)
{
	if (!u->has_head && rec->type != JRN_HEAD && !u->damaged)
		bad(u, at, "the head is missing");
	if (u->has_end)
		bad(u, at, "a record behind the end");
	switch (rec->type) {
	case JRN_HEAD:
		return head(u, rec, at);
	case JRN_IFACE:
		return iface(u, rec, at);
	case JRN_SCHEMA:
		return schema(u, rec, at);
	case JRN_ROWS:
		return rows(u, rec, at);
	case JRN_TICK:
		return tick(u, rec, at);
	case JRN_SEGMENT:
		return segment(u, rec, at);
	case JRN_BLOCK:
		return block(u, rec, at);
	case JRN_BEAT:
		return beat(u, rec, at);
	case JRN_END:
		if (jrn_get_end(rec, &u->end) < 0)
			bad(u, at, "an end that makes no sense");
		u->has_end = true;
		return 0;
	default:
		return other(u, rec, at);
	}
}

static void empty(struct check_run *u)
{
	check_remedy(u->c, u->n_files == 1 ? STORE_REMOVE_FILE : STORE_NO_REMEDY);
	check_say(u, STORE_REMARK, 0, LOCAL_JOURNAL, 0, "its writer was killed as it began");
}

/* One that was killed as it began has kept nothing. */
static void no_head(struct check_run *u)
{
	size_t i, n = 0;

	for (i = 0; i < u->n_files; i++)
		n += u->files[i].kind == STORE_FILE_SEGMENT || u->files[i].kind == STORE_FILE_ROWS;
	if (u->running || (u->damaged && !n))
		return;
	u->damaged = true;
	if (n)
		check_say(u, STORE_DAMAGE, 0, LOCAL_JOURNAL, 0,
			  "the journal does not begin as one: the run's files cannot be used");
	else
		empty(u);
}

static int read_all(struct check_run *u, struct check_recs *r)
{
	struct rec rec;
	uint64_t at;
	int64_t n;
	int code = 0;

	while (code == 0 && (n = check_rec(r, &rec, &at)) != 0)
		code = n < 0 ? (int)n : take(u, &rec, at);
	if (code == -EPROTO) {
		check_say(u, STORE_UNSEEN, 0, LOCAL_JOURNAL, -1, "of a later version");
		u->has_journal = false;
		return 0;
	}
	if (code == 0 && !u->has_head)
		no_head(u);
	return code;
}

/* It goes last when a run is removed. */
static void no_journal(struct check_run *u)
{
	size_t i, n = 0;

	for (i = 0; i < u->n_files; i++)
		n += check_is_there(u, u->files[i].number, store_file_end(u->files[i].kind));
	if (n)
		check_say(u, STORE_DAMAGE, 0, LOCAL_JOURNAL, -1,
			  "missing: %zu file%s of this run cannot be used", n, num_s(n));
}

int check_journal(struct check_run *u)
{
	struct check_recs r = {.u = u, .end = LOCAL_JOURNAL, .at = REC_MAGIC};
	CLEANUP(closep) int fd = check_open(u, 0, LOCAL_JOURNAL, &r.w.size);
	const uint8_t *p;
	int code = 0;

	if (fd == -ENOENT)
		no_journal(u);
	if (fd < 0)
		return 0;
	/* The lock first: what is complete when it is gone stays as it is. */
	u->running = local_is_locked(fd);
	r.w.fd = fd;
	r.w.size = (uint64_t)lseek(fd, 0, SEEK_END);
	u->has_journal = true;
	p = window_get(&r.w, 0, REC_MAGIC);
	if (p && jrn_check_magic(p, REC_MAGIC) < 0)
		bad(u, 0, "this does not begin as a journal");
	code = check_count(u->c, REC_MAGIC);
	if (code == 0)
		code = read_all(u, &r);
	window_done(&r.w);
	return code;
}

static const char *time_text(int64_t ts, char to[TIME_SIZE])
{
	time_t t = (time_t)(ts / 1000000000 - (ts % 1000000000 < 0));
	struct tm tm;
	size_t n;

	if (!gmtime_r(&t, &tm))
		return "?";
	n = strftime(to, TIME_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(to + n, TIME_SIZE - n, ".%03dZ",
		 (int)((ts - (int64_t)t * INT64_C(1000000000)) / 1000000));
	return to;
}

/* Whether packets that are there and in no row can be told by sums: all rows were read, and all
 * packets that they count are there. */
static bool sums_tell(const struct check_run *u)
{
	const struct jrn_tick *t = &u->beat.tick;

	return u->has_beat && !u->damaged && !u->rows_missing && !u->gone_rows &&
	       !u->gone_packets && !u->refused && !t->raw_limited &&
	       u->head.raw_limit == UINT64_MAX && u->packets >= t->kept;
}

/* An unclean end: what came in its last second, and what flows had since their last row. */
static void killed(struct check_run *u)
{
	const struct jrn_tick *t = &u->beat.tick;
	const uint64_t there = u->packets + u->gone_packets;
	const uint64_t more = there > t->kept ? there - t->kept : 0;
	char at[TIME_SIZE], rowless[96] = "", lost[96] = "";
	uint64_t n;

	u->c->sum->killed++;
	if (there < t->kept && !u->damaged)
		snprintf(lost, sizeof(lost),
			 "; %" PRIu64 " packet%s gone since: removed, or lost with the machine",
			 t->kept - there, num_s(t->kept - there));
	if (sums_tell(u)) {
		n = u->packets > u->in_rows ? u->packets - u->in_rows : 0;
		snprintf(rowless, sizeof(rowless), "; %" PRIu64 " packet%s %s in no row", n,
			 num_s(n), num_are(n));
	} else if (u->rowless) {
		snprintf(rowless, sizeof(rowless),
			 "; %" PRIu64 " packet%s %s of flows that have no row at all", u->rowless,
			 num_s(u->rowless), num_are(u->rowless));
	}
	if (u->has_beat)
		check_say(u, STORE_REMARK, 0, LOCAL_JOURNAL, -1,
			  "killed: the last beat was at %s; %" PRIu64
			  " packet%s after it %s there%s; what came later is lost%s",
			  time_text(t->ts, at), more, num_s(more), num_are(more), rowless, lost);
	else
		check_say(u, STORE_REMARK, 0, LOCAL_JOURNAL, -1,
			  "killed: the last tick was at %s; %" PRIu64
			  " packet%s after it %s there, and rows are worked out from packets",
			  time_text(t->ts, at), more, num_s(more), num_are(more));
}

/* A machine that stops may leave one half-written: the other one is good. */
static void beats(struct check_run *u)
{
	const bool torn = u->bad_beats == 1 && !u->has_end;

	if (u->bad_beats)
		check_say(u, torn ? STORE_REMARK : STORE_DAMAGE, 0, LOCAL_JOURNAL,
			  (int64_t)u->bad_beat, "%s",
			  torn ? "a beat is damaged, as a machine that stopped while it was "
				 "written leaves it: the one before counts"
			       : "a beat is damaged");
}

void check_journal_end(struct check_run *u)
{
	if (u->running) {
		u->c->sum->running++;
		return;
	}
	beats(u);
	if (!u->has_head)
		return;
	if (!u->has_end) {
		killed(u);
		return;
	}
	if (!u->damaged && u->packets + u->gone_packets != u->end.kept)
		check_say(u, STORE_DAMAGE, 0, LOCAL_JOURNAL, -1,
			  "%" PRIu64 " packet%s kept, and %" PRIu64 " are there or were removed",
			  u->end.kept, num_s(u->end.kept), u->packets + u->gone_packets);
	if (!u->damaged && u->told_rows + u->in_journal != u->end.rows)
		check_say(u, STORE_DAMAGE, 0, LOCAL_JOURNAL, -1,
			  "%" PRIu64 " row%s kept, and %" PRIu64 " are told", u->end.rows,
			  num_s(u->end.rows), u->told_rows + u->in_journal);
}
