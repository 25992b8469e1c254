/* One run being written: the journal, one segment of packets after the other, and of rows. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "fmt/jrn.h"
#include "fmt/pcapng.h"
#include "store/local.h"

#define FLUSH_NS    (INT64_C(250) * 1000000) /* what is younger may wait */
#define BEAT_NS     INT64_C(1000000000)      /* between two beats, and writing of rows */
#define BUFFER      (1u << 20)               /* bytes of packets after which they are written */
#define ROWS_BUFFER (4u << 20)               /* the same of blocks of rows */
#define ROWS_HELD   (16u << 20)         /* of rows that wait for a disk; later ones are dropped */
#define RETRY_NS    INT64_C(1000000000) /* until a disk that failed is tried again */
#define END_ROOM    4096                /* bytes of the journal that its end may take */
#define TSRESOL_NS  9

/* Packets that were lost for one reason since it was last said. */
struct loss {
	uint64_t n;
	int64_t from, to;
};

struct stream {
	struct store_stream st;
	struct local *s;
	char name[LOCAL_NAME_SIZE]; /* of the run's files, without their ends */
	uint64_t run;
	int64_t kept; /* what retention knows the run by */
	struct local_file jrn;
	uint64_t beats_at; /* in it */
	uint64_t n_beats;
	uint64_t serial, told; /* largest of a packet's flow; the same at the last beat */
	struct local_segment seg;
	struct local_rows rows;
	struct local_sealed sealed;
	struct buf head; /* what each segment starts with */
	bool finished;
	int64_t flushed, beat;     /* clock of the last ones */
	struct catalogue_end held; /* times of what is in full segments and blocks, and of gaps */
	struct loss limit, disk;
	uint64_t bytes; /* of sealed segments and their indexes */
	int failed;
	bool limited;  /* it failed because the store may not take more */
	bool trying;   /* it failed, and is looked whether the disk takes more now */
	int64_t tried; /* clock of the last try */
	char text[256];
};

/* The disk takes no more: nothing is kept until it does. */
static void fail(struct stream *t, int code, const char *what)
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

/* Whether nothing is to be written now: the disk failed. */
static bool is_disk_off(const struct stream *t)
{
	return t->failed && !t->trying;
}

/* Whether packets are refused. */
static bool is_off(const struct stream *t)
{
	return t->failed && !t->trying;
}

static void lose(struct loss *l, int64_t ts)
{
	if (!l->n++) {
		l->from = l->to = ts;
		return;
	}
	l->from = ts < l->from ? ts : l->from;
	l->to = ts > l->to ? ts : l->to;
}

static void span(struct stream *t, int64_t from, int64_t to)
{
	t->held.first = from < t->held.first ? from : t->held.first;
	t->held.last = to > t->held.last ? to : t->held.last;
}

static void say_loss(struct stream *t, struct loss *l, enum store_why why)
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
		span(t, l->from, l->to);
	}
	l->n = 0;
}

static int flush_journal(struct stream *t)
{
	return local_file_flush(t->s, &t->jrn);
}

/* Counts the packets that cannot be written. */
static int lose_buffer(struct stream *t)
{
	const struct local_segment *g = &t->seg;
	const uint8_t *p = (const uint8_t *)g->file.buf.p;
	const enum store_why why = t->limited ? STORE_WHY_LIMIT : STORE_WHY_DISK;
	size_t left = g->file.buf.len, size, i;
	int r = 0;

	for (; left >= PCAPNG_EPB_MIN; p += size, left -= size) {
		size = le32_load(p + 4);
		if (le32_load(p) != PCAPNG_EPB)
			continue;
		store_stream_lost(&t->st, le32_load(p + 8), le32_load(p + 20), why);
		lose(t->limited ? &t->limit : &t->disk,
		     (int64_t)((uint64_t)le32_load(p + 12) << 32 | le32_load(p + 16)));
	}
	for (i = g->kept_refs; i < g->n_refs && r == 0; i++)
		r = store_stream_lost_of(&t->st, g->refs[i].serial);
	return r;
}

/* Writes buffered packets.  0 or -ENOMEM; that they are lost is no error. */
static int flush_packets(struct stream *t)
{
	struct local_segment *g = &t->seg;
	int r;

	if (!local_segment_is_open(g) || !g->file.buf.len)
		return 0;
	r = local_segment_flush(g, t->s);
	if (r == 0 || r == -ENOMEM)
		return r;
	fail(t, r, "cannot write packets");
	r = lose_buffer(t);
	local_segment_revert(g);
	return r;
}

static int seal(struct stream *t)
{
	struct local_segment *g = &t->seg;
	struct pidx_info info;
	struct jrn_segment rec;
	uint64_t bytes, index;
	int r;

	if (!local_segment_is_open(g))
		return 0;
	r = flush_packets(t);
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
		span(t, rec.min, rec.max);
	catalogue_segment(t->s->catalogue, t->name, &rec, index);
	return r == -ENOMEM ? r : 0;
}

/* Makes sure there is a segment with room.  0, -ENOMEM, or STORE_WHY_DISK. */
static int make_room(struct stream *t, uint64_t cost)
{
	struct local_segment *g = &t->seg;
	int r = 0;

	if (local_segment_is_open(g) && g->n_spans &&
	    g->file.written + g->file.buf.len + cost > t->s->store.conf.segment_size) {
		r = seal(t);
		if (r < 0)
			return r;
	}
	if (!is_off(t) && !local_segment_is_open(g)) {
		r = local_segment_open(g, t->s, t->name, t->kept);
		if (r == -ENOMEM)
			return r;
		if (r < 0)
			fail(t, r, "cannot create a segment");
	}
	if (is_off(t))
		return t->limited ? STORE_WHY_LIMIT : STORE_WHY_DISK;
	local_segment_head(g, &t->head);
	return 0;
}

static int stream_packet(struct store_stream *st, const struct pkt *p, const struct flow_ref *refs,
			 uint32_t n)
{
	struct stream *t = (struct stream *)st;
	uint64_t cost = local_segment_cost(p);
	uint32_t k;
	int r;

	for (k = 0; k < n; k++)
		t->serial = refs[k].serial > t->serial ? refs[k].serial : t->serial;
	if (is_off(t))
		r = t->limited ? STORE_WHY_LIMIT : STORE_WHY_DISK;
	else
		r = make_room(t, cost);
	if (r == 0) {
		r = local_segment_add(&t->seg, p, refs, n);
		if (r == 0 && t->seg.file.buf.len >= BUFFER)
			return flush_packets(t);
	}
	if (r > 0)
		lose(r == STORE_WHY_LIMIT ? &t->limit : &t->disk, p->ts);
	return r;
}

static struct jrn_text text_of(const char *s)
{
	return (struct jrn_text){s, s ? (uint32_t)strlen(s) : 0};
}

/* Begins the head anew. */
static void put_section(struct stream *t, const char *comment)
{
	const struct pcapng_shb shb = {
		.app = pcapng_text(t->s->app),
		.os = pcapng_text(t->s->os),
		.hardware = pcapng_text(t->s->hardware),
	};

	buf_clear(&t->head);
	pcapng_shb_write(&t->head, &shb, pcapng_text(comment));
}

static int stream_iface(struct store_stream *st, const struct store_iface *i, struct err *err)
{
	struct stream *t = (struct stream *)st;
	const struct pcapng_idb d = {
		.linktype = i->linktype,
		.snaplen = t->s->store.conf.snaplen,
		.tsresol = TSRESOL_NS,
		.fcs_len = i->fcs_len,
		.speed = i->speed,
		.has_speed = i->speed > 0,
		.name = pcapng_text(i->name),
		.descr = pcapng_text(i->descr),
		.filter = pcapng_text(i->filter),
		.os = pcapng_text(i->os),
		.hardware = pcapng_text(i->hardware),
	};
	const struct jrn_iface j = {
		.number = st->n_ifaces,
		.linktype = i->linktype,
		.fcs_len = i->fcs_len,
		.speed = i->speed,
		.name = text_of(i->name),
		.descr = text_of(i->descr),
		.filter = text_of(i->filter),
		.hardware = text_of(i->hardware),
		.os = text_of(i->os),
	};

	pcapng_idb_write(&t->head, &d, pcapng_text(NULL));
	jrn_put_iface(&t->jrn.buf, &j);
	return buf_err(&t->head) || buf_err(&t->jrn.buf) ? err_set(err, -ENOMEM, "out of memory")
							 : 0;
}

static int flush_rows(struct stream *t)
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
		span(t, told[i].start, told[i].last);
	catalogue_blocks(t->s->catalogue, t->name, told, n, t->rows.file.written);
	return r;
}

static int stream_rows(struct store_stream *st, const struct batch *b, struct err *err)
{
	struct stream *t = (struct stream *)st;
	int64_t n;
	size_t at;
	int r = 0;

	for (at = 0; at < b->n; at += (size_t)n) {
		uint64_t held = local_rows_held(&t->rows);

		n = 0;
		if (held < ROWS_HELD)
			n = local_rows_add(&t->rows, b, at);
		if (n == 0)
			break;
		if (n > 0 && local_rows_held(&t->rows) >= ROWS_BUFFER && !is_disk_off(t))
			r = flush_rows(t);
		if (n < 0 || r == -ENOMEM)
			return err_set(err, -ENOMEM, "out of memory");
		if (r < 0)
			fail(t, r, "cannot write flows");
		st->rows += (uint64_t)n;
	}
	st->rows_dropped += b->n - at;
	return 0;
}

static int stream_gap(struct store_stream *st, uint32_t iface, int64_t from, int64_t to,
		      enum store_why why, uint64_t count, struct err *err)
{
	struct stream *t = (struct stream *)st;
	const struct jrn_gap g = {
		.iface = iface, .from = from, .to = to, .why = why, .count = count};

	jrn_put_gap(&t->jrn.buf, &g);
	span(t, from, to);
	return buf_err(&t->jrn.buf) ? err_set(err, -ENOMEM, "out of memory") : 0;
}

/* The header of every segment says what the clock was worth at the start. */
static int stream_clock(struct store_stream *st, const struct clock_state *state,
			const char *source, struct err *err)
{
	struct stream *t = (struct stream *)st;
	const struct jrn_clock k = {.state = *state, .source = text_of(source)};
	char text[CLOCK_TEXT], comment[CLOCK_TEXT + 64];

	if (!st->n_ifaces) {
		snprintf(comment, sizeof(comment), "clock at the start%s%s%s: %s",
			 source ? " (" : "", source ? source : "", source ? ")" : "",
			 clock_text(state->sync, state->max_error, text));
		put_section(t, comment);
	}
	jrn_put_clock(&t->jrn.buf, &k);
	return buf_err(&t->head) || buf_err(&t->jrn.buf) ? err_set(err, -ENOMEM, "out of memory")
							 : 0;
}

static struct store_counts totals(const struct store_stream *st)
{
	struct store_stream_stats all;

	store_stream_stats(st, &all);
	return all.total;
}

/* Until now all is in the files. */
static int put_beat(struct stream *t, int64_t now, uint64_t serial)
{
	const struct store_counts c = totals(&t->st);
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
static int tell(struct stream *t, int64_t now)
{
	const bool beat = is_due(t->beat, now, BEAT_NS);
	const uint64_t serial = t->serial;
	int r = beat ? local_rows_beat(&t->rows, now) : 0;

	if (r == 0 && beat)
		r = flush_rows(t);
	if (r == 0) {
		const struct loss limit = t->limit, disk = t->disk;
		const size_t before = t->jrn.buf.len;

		say_loss(t, &t->limit, STORE_WHY_LIMIT);
		say_loss(t, &t->disk, STORE_WHY_DISK);
		r = flush_journal(t);
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
	fail(t, r, "cannot write flows");
	return 0;
}

/* The disk failed.  If it takes the journal now, packets are let in again, and only if it
 * takes those as well, until the next tick, all is well. */
static int try_again(struct stream *t, int64_t now)
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

static int stream_tick(struct store_stream *st, int64_t now, struct err *err)
{
	struct stream *t = (struct stream *)st;
	int r;

	if (!is_due(t->flushed, now, FLUSH_NS))
		return 0;
	t->flushed = now;
	local_sealer_start(t->s->sealer);
	r = local_sealer_look(t->s->sealer, &t->sealed);
	if (r < 0)
		fail(t, r, "the disk does not hold what it took");
	/* Packets first: until a beat of the journal all is in the files. */
	r = flush_packets(t);
	if (r == 0)
		r = t->failed ? try_again(t, now) : tell(t, now);
	return r < 0 ? err_set(err, r, "out of memory") : 0;
}

static void put_stats(struct stream *t, const struct iface_stats *s)
{
	const struct pcapng_isb b = pcapng_isb_of(s);

	jrn_put_stats(&t->jrn.buf, s);
	if (local_segment_is_open(&t->seg) && s->iface < t->st.n_ifaces) {
		local_segment_head(&t->seg, &t->head);
		pcapng_isb_write(&t->seg.file.buf, &b);
	}
}

/* All but the end is in the journal.  If that does not get to the disk it is not to be there
 * later either. */
static int put_end(struct stream *t, const struct jrn_end *end)
{
	const uint64_t before = t->jrn.written;
	int r;

	jrn_put_end(&t->jrn.buf, end);
	t->jrn.room += END_ROOM; /* reserved when it began */
	r = flush_journal(t);
	if (r < 0) {
		buf_clear(&t->jrn.buf);
	} else if (fdatasync(t->jrn.fd) < 0 && (errno == EIO || errno == ENOSPC)) {
		r = -errno;
		if (ftruncate(t->jrn.fd, (off_t)before) == 0)
			t->jrn.written = before;
	}
	return r;
}

/* And its lock. */
static void end_journal(struct stream *t)
{
	if (t->s->retain && t->jrn.handle > 0)
		retain_close(t->s->retain, t->jrn.handle, t->jrn.written, 0);
	t->jrn.handle = 0;
	if (t->jrn.fd >= 0)
		close(TAKE_FD(t->jrn.fd));
}

static int stream_finish(struct store_stream *st, int64_t now, const struct iface_stats *stats,
			 size_t n, struct err *err)
{
	struct stream *t = (struct stream *)st;
	struct jrn_end end = {.ts = now, .rows = st->rows};
	struct store_counts c;
	size_t i;
	int r;

	/* Packets alone first: should the numbers not fit any more, they do no harm. */
	r = flush_packets(t);
	if (r == 0)
		r = local_rows_cut(&t->rows);
	if (r == 0)
		r = flush_rows(t);
	for (i = 0; i < n; i++)
		put_stats(t, &stats[i]);
	if (r == 0)
		r = seal(t);
	say_loss(t, &t->limit, STORE_WHY_LIMIT);
	say_loss(t, &t->disk, STORE_WHY_DISK);
	c = totals(st);
	end.kept = c.kept;
	end.raw_limited = c.raw_limited;
	end.dropped = c.dropped_limit + c.dropped_disk;
	end.rows_dropped = st->rows_dropped;
	/* Its end says that all before it is there. */
	if (r == 0)
		r = flush_journal(t);
	if (r == 0) {
		local_rows_commit(&t->rows, t->s, &t->sealed, t->name, t->jrn.fd, true);
		r = local_sealer_wait(t->s->sealer, &t->sealed);
	}
	if (r == 0)
		r = put_end(t, &end);
	if (r < 0)
		return err_set(err, r, "cannot finish '%s/%s" LOCAL_JOURNAL "': %s", t->s->path,
			       t->name, strerror(-r));
	t->finished = true;
	t->held.end = now;
	t->held.packets = end.kept;
	t->held.rows = end.rows;
	t->held.journal = t->jrn.written;
	catalogue_end(t->s->catalogue, t->name, &t->held);
	end_journal(t);
	return 0;
}

static void stream_stats(const struct store_stream *st, struct store_stream_stats *ret)
{
	const struct stream *t = (const struct stream *)st;

	ret->bytes = t->bytes + t->jrn.written + local_rows_bytes(&t->rows) +
		     (local_segment_is_open(&t->seg) ? t->seg.file.written : 0);
	ret->failed = t->failed;
	snprintf(ret->text, sizeof(ret->text), "%s", t->text);
}

/* What a run leaves that does not come to its end. */
static void close_kept(struct stream *t)
{
	struct retain *r = t->s->retain;
	size_t i;

	if (!r)
		return;
	if (local_segment_is_open(&t->seg))
		retain_close(r, t->seg.file.handle, t->seg.file.written, t->seg.told_file.written);
	if (t->rows.file.fd >= 0)
		retain_close(r, t->rows.file.handle, t->rows.file.written, 0);
	for (i = 0; i < t->rows.n_tails; i++)
		retain_close(r, t->rows.tails[i].handle, t->rows.tails[i].bytes, 0);
}

static void stream_free(struct store_stream *st)
{
	struct stream *t = (struct stream *)st;

	if (!t->finished && t->jrn.fd >= 0) {
		flush_packets(t);
		if (local_rows_beat(&t->rows, t->flushed) == 0)
			flush_rows(t);
		flush_journal(t);
		catalogue_lost(t->s->catalogue, t->name);
	}
	local_sealer_wait(t->s->sealer, &t->sealed);
	close_kept(t);
	end_journal(t);
	local_file_done(&t->jrn);
	local_segment_done(&t->seg);
	local_rows_done(&t->rows);
	buf_done(&t->head);
	free(t);
}

static const struct store_stream_ops stream_ops = {
	.iface = stream_iface,
	.packet = stream_packet,
	.rows = stream_rows,
	.gap = stream_gap,
	.clock = stream_clock,
	.tick = stream_tick,
	.finish = stream_finish,
	.stats = stream_stats,
	.free = stream_free,
};

static void put_heads(struct stream *t, const char *capture, unsigned shard, int64_t now)
{
	const struct store_conf *c = &t->s->store.conf;
	const struct jrn_head h = {
		.run = t->run,
		.pid = (uint64_t)getpid(),
		.shard = shard,
		.start = now,
		.raw_limit = c->raw_limit,
		.snaplen = c->snaplen,
		.idle = (uint64_t)c->flow.idle,
		.hold = (uint64_t)c->flow.hold,
		.key_mode = c->flow.key_mode,
		.capture = text_of(capture),
		.app = text_of(t->s->app),
	};

	const struct jrn_beat none = {.tick.ts = now};
	int i;

	put_section(t, NULL);
	jrn_put_magic(&t->jrn.buf);
	jrn_put_head(&t->jrn.buf, &h);
	t->beats_at = t->jrn.buf.len;
	for (i = 0; i < JRN_BEATS; i++)
		jrn_put_beat(&t->jrn.buf, &none);
}

static void streamp(struct stream **t)
{
	if (*t)
		stream_free(&(*t)->st);
}

int local_stream_new(struct store *store, const char *capture, unsigned shard, int64_t now,
		     struct store_stream **ret, struct err *err)
{
	CLEANUP(streamp) struct stream *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return err_set(err, -ENOMEM, "out of memory");
	t->s = (struct local *)store;
	t->jrn.fd = t->seg.file.fd = t->seg.told_file.fd = -1;
	local_rows_init(&t->rows);
	t->st.ops = &stream_ops;
	t->st.store = store;
	t->flushed = t->beat = now;
	t->held = (struct catalogue_end){.first = INT64_MAX, .last = INT64_MIN};

	r = local_run_new(t->s, capture, shard, now, t->name, &t->run, &t->jrn, &t->kept, err);
	if (r < 0)
		return r;
	put_heads(t, capture, shard, now);
	r = buf_err(&t->head) ? -ENOMEM : 0;
	if (r == 0 && t->s->retain)
		r = retain_reserve(t->s->retain, t->jrn.handle, END_ROOM);
	if (r == 0)
		r = flush_journal(t);
	if (r < 0)
		return err_set(err, r, "cannot write '%s/%s" LOCAL_JOURNAL "': %s", t->s->path,
			       t->name, strerror(-r));
	catalogue_begin(t->s->catalogue, t->name, now);
	*ret = &TAKE_PTR(t)->st;
	return 0;
}
