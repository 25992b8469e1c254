/* What a run gathered goes to its files: packets several times a second, rows and a beat of the
 * journal every second.  What a disk does not take is counted, and the disk is tried again. */
#include "store/local_stream.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "fmt/pcapng.h"

#define FLUSH_NS (INT64_C(250) * 1000000) /* what is younger may wait */
#define BEAT_NS  INT64_C(1000000000)      /* between two beats, and writing of rows */
#define RETRY_NS INT64_C(1000000000)      /* until a disk that failed is tried again */

void local_stream_fail(struct local_stream *t, int code, const char *what)
{
	t->trying = false;
	if (t->failed)
		return;
	t->failed = code;
	t->tried = t->flushed;
	t->limited = code == -EDQUOT;
	if (t->limited)
		snprintf(t->text, sizeof(t->text),
			 "the store holds as much as it may, and nothing of it can go: no packets "
			 "are kept until that changes");
	else
		snprintf(t->text, sizeof(t->text),
			 "%s: %s: no packets are kept until that is mended", what, strerror(-code));
}

static void lose(struct local_loss *l, int64_t ts)
{
	if (!l->n++) {
		l->from = l->to = ts;
		return;
	}
	l->from = ts < l->from ? ts : l->from;
	l->to = ts > l->to ? ts : l->to;
}

void local_stream_lose(struct local_stream *t, enum store_why why, int64_t ts)
{
	lose(why == STORE_WHY_LIMIT ? &t->limit : &t->disk, ts);
}

void local_stream_span(struct local_stream *t, int64_t from, int64_t to)
{
	t->held.first = from < t->held.first ? from : t->held.first;
	t->held.last = to > t->held.last ? to : t->held.last;
}

static void say_loss(struct local_stream *t, struct local_loss *l, enum store_why why)
{
	const struct jrn_gap g = {
		.iface = STORE_IFACE_ALL,
		.from = l->from,
		.to = l->to,
		.why = why,
		.count = l->n,
	};

	if (l->n) {
		jrn_put_gap(&t->jrn.buf, &g);
		local_stream_span(t, l->from, l->to);
	}
	l->n = 0;
}

void local_stream_say_lost(struct local_stream *t)
{
	say_loss(t, &t->limit, STORE_WHY_LIMIT);
	say_loss(t, &t->disk, STORE_WHY_DISK);
}

/* Counts the packets that cannot be written. */
static int lose_buffer(struct local_stream *t)
{
	const struct local_segment *g = &t->seg;
	const uint8_t *p = (const uint8_t *)g->file.buf.p;
	const enum store_why why = local_stream_why(t);
	size_t left = g->file.buf.len, size, i;
	int r = 0;

	for (; left >= PCAPNG_EPB_MIN; p += size, left -= size) {
		size = le32_load(p + 4);
		if (le32_load(p) != PCAPNG_EPB)
			continue;
		store_stream_lost(&t->st, le32_load(p + 8), le32_load(p + 20), why);
		local_stream_lose(t, why,
				  (int64_t)((uint64_t)le32_load(p + 12) << 32 | le32_load(p + 16)));
	}
	for (i = g->kept_refs; i < g->n_refs && r == 0; i++)
		r = store_stream_lost_of(&t->st, g->refs[i].serial);
	return r;
}

int local_stream_flush_packets(struct local_stream *t)
{
	struct local_segment *g = &t->seg;
	int r;

	if (!local_segment_is_open(g) || !g->file.buf.len)
		return 0;
	r = local_segment_flush(g, t->s);
	if (r == 0 || r == -ENOMEM)
		return r;
	local_stream_fail(t, r, "cannot write packets");
	r = lose_buffer(t);
	local_segment_revert(g);
	return r;
}

int local_stream_seal(struct local_stream *t)
{
	struct local_segment *g = &t->seg;
	struct pidx_info info;
	struct jrn_segment rec;
	uint64_t bytes, index;
	int r;

	if (!local_segment_is_open(g))
		return 0;
	r = local_stream_flush_packets(t);
	if (r < 0)
		return r;
	bytes = g->file.written;
	/* Without an index the segment can still be read. */
	r = local_segment_seal(g, t->s, &t->sealed, t->name, t->run, &info, &index);
	t->bytes += bytes + index;
	rec = (struct jrn_segment){
		.number = g->number,
		.bytes = bytes,
		.packets = info.packets,
		.min = info.min,
		.max = info.max,
	};
	jrn_put_segment(&t->jrn.buf, &rec);
	if (rec.packets)
		local_stream_span(t, rec.min, rec.max);
	catalogue_segment(t->s->catalogue, t->name, &rec, index);
	return r == -ENOMEM ? r : 0;
}

int local_stream_flush_rows(struct local_stream *t)
{
	struct jrn_block told[LOCAL_PENDING];
	const size_t n = t->rows.n_pending;
	size_t i;
	int r;

	memcpy(told, t->rows.pending, n * sizeof(told[0]));
	r = local_rows_flush(&t->rows, t->s, t->name, t->kept, &t->jrn.buf);
	if (t->rows.n_pending)
		return r;
	for (i = 0; i < n; i++)
		local_stream_span(t, told[i].start, told[i].last);
	catalogue_blocks(t->s->catalogue, t->name, told, n, t->rows.file.written);
	return r;
}

struct store_counts local_stream_total(const struct local_stream *t)
{
	struct store_stream_stats all;

	store_stream_stats(&t->st, &all);
	return all.total;
}

/* Until now all is in the files. */
static int put_beat(struct local_stream *t, int64_t now, uint64_t serial)
{
	const struct store_counts c = local_stream_total(t);
	const struct jrn_beat k = {
		.number = t->n_beats + 1,
		.tick = {.ts = now, .kept = c.kept, .raw_limited = c.raw_limited},
		.serial = t->s->store.conf.flow.update ? serial : 0,
		.tail = t->rows.tail.written ? t->rows.number : 0,
		.tail_bytes = t->rows.tail.written,
	};
	CLEANUP(buf_done) struct buf b = BUF_INIT;
	ssize_t n;

	jrn_put_beat(&b, &k);
	if (buf_err(&b))
		return -ENOMEM;
	n = pwrite(t->jrn.fd, b.p, b.len,
		   (off_t)(t->beats_at + k.number % JRN_BEATS * JRN_BEAT_SIZE));
	if (n < 0)
		return -errno;
	t->n_beats++;
	return 0;
}

/* Whether 'ns' have gone by since 'then'; a clock that went back counts as well. */
static bool is_due(int64_t then, int64_t now, int64_t ns)
{
	return now < then || now - then >= ns;
}

/* Writes rows and journal up to now.  What the disk does not take stays to be said. */
static int tell(struct local_stream *t, int64_t now)
{
	const bool beat = is_due(t->beat, now, BEAT_NS);
	const uint64_t serial = t->serial;
	int r = beat ? local_rows_beat(&t->rows, now) : 0;

	if (r == 0 && beat)
		r = local_stream_flush_rows(t);
	if (r == 0) {
		const struct local_loss limit = t->limit, disk = t->disk;
		const size_t before = t->jrn.buf.len;

		local_stream_say_lost(t);
		r = local_file_flush(t->s, &t->jrn);
		if (r < 0) {
			t->jrn.buf.len = before;
			t->limit = limit;
			t->disk = disk;
		}
	}
	if (r == 0 && beat) {
		local_rows_commit(&t->rows, t->s, &t->sealed, t->name, t->jrn.fd, false);
		r = put_beat(t, now, serial);
	}
	if (r == 0 && beat)
		t->beat = now;
	if (r == 0 || r == -ENOMEM)
		return r;
	local_stream_fail(t, r, "cannot write flows");
	return 0;
}

/* The disk failed.  If it takes the journal now, packets are let in again, and only if it
 * takes those as well, until the next tick, all is well. */
static int try_again(struct local_stream *t, int64_t now)
{
	const bool again = t->trying;
	int r;

	if (!again && !is_due(t->tried, now, t->limited ? FLUSH_NS : RETRY_NS))
		return 0;
	t->trying = true;
	if (!again)
		t->tried = now;
	r = tell(t, now);
	if (r == 0 && again && t->trying) {
		t->trying = t->limited = false;
		t->failed = 0;
	}
	return r;
}

int local_stream_tick(struct store_stream *st, int64_t now, struct err *err)
{
	struct local_stream *t = (struct local_stream *)st;
	int r;

	if (!is_due(t->flushed, now, FLUSH_NS))
		return 0;
	t->flushed = now;
	local_sealer_start(t->s->sealer);
	r = local_sealer_look(t->s->sealer, &t->sealed);
	if (r < 0)
		local_stream_fail(t, r, "the disk does not hold what it took");
	/* Packets first: until a beat of the journal all is in the files. */
	r = local_stream_flush_packets(t);
	if (r == 0)
		r = t->failed ? try_again(t, now) : tell(t, now);
	return r < 0 ? err_set(err, r, "out of memory") : 0;
}
