/* One run being written: the journal, one segment of packets after the other, and of rows. */
#include "store/local_stream.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "fmt/pcapng.h"

#define BUFFER      (1u << 20)  /* bytes of packets after which they are written */
#define ROWS_BUFFER (4u << 20)  /* the same of blocks of rows */
#define ROWS_HELD   (16u << 20) /* of rows that wait for a disk; later ones are dropped */
#define END_ROOM    4096        /* bytes of the journal that its end may take */
#define TSRESOL_NS  9

/* Makes sure there is a segment with room.  0, -ENOMEM, or why there is none. */
static int make_room(struct local_stream *t, uint64_t cost)
{
	struct local_segment *g = &t->seg;
	int r = 0;

	if (local_segment_is_open(g) && g->n_spans &&
	    g->file.written + g->file.buf.len + cost > t->s->store.conf.segment_size) {
		r = local_stream_seal(t);
		if (r < 0)
			return r;
	}
	if (!local_stream_is_off(t) && !local_segment_is_open(g)) {
		r = local_segment_open(g, t->s, t->name, t->kept);
		if (r == -ENOMEM)
			return r;
		if (r < 0)
			local_stream_fail(t, r, "cannot create a segment");
	}
	if (local_stream_is_off(t))
		return local_stream_why(t);
	local_segment_head(g, &t->head);
	return 0;
}

static int stream_packet(struct store_stream *st, const struct pkt *p, const struct flow_ref *refs,
			 uint32_t n)
{
	struct local_stream *t = (struct local_stream *)st;
	uint64_t cost = local_segment_cost(p);
	uint32_t k;
	int r;

	for (k = 0; k < n; k++)
		t->serial = refs[k].serial > t->serial ? refs[k].serial : t->serial;
	if (local_stream_is_off(t))
		r = local_stream_why(t);
	else
		r = make_room(t, cost);
	if (r == 0) {
		r = local_segment_add(&t->seg, p, refs, n);
		if (r == 0 && t->seg.file.buf.len >= BUFFER)
			return local_stream_flush_packets(t);
	}
	if (r > 0)
		local_stream_lose(t, (enum store_why)r, p->ts);
	return r;
}

static struct jrn_text text_of(const char *s)
{
	return (struct jrn_text){s, s ? (uint32_t)strlen(s) : 0};
}

/* Begins the head anew. */
static void put_section(struct local_stream *t, const char *comment)
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
	struct local_stream *t = (struct local_stream *)st;
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

static int stream_rows(struct store_stream *st, const struct batch *b, struct err *err)
{
	struct local_stream *t = (struct local_stream *)st;
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
		if (n > 0 && local_rows_held(&t->rows) >= ROWS_BUFFER && !local_stream_is_off(t))
			r = local_stream_flush_rows(t);
		if (n < 0 || r == -ENOMEM)
			return err_set(err, -ENOMEM, "out of memory");
		if (r < 0)
			local_stream_fail(t, r, "cannot write flows");
		st->rows += (uint64_t)n;
	}
	st->rows_dropped += b->n - at;
	return 0;
}

static int stream_gap(struct store_stream *st, uint32_t iface, int64_t from, int64_t to,
		      enum store_why why, uint64_t count, struct err *err)
{
	struct local_stream *t = (struct local_stream *)st;
	const struct jrn_gap g = {
		.iface = iface, .from = from, .to = to, .why = why, .count = count};

	jrn_put_gap(&t->jrn.buf, &g);
	local_stream_span(t, from, to);
	return buf_err(&t->jrn.buf) ? err_set(err, -ENOMEM, "out of memory") : 0;
}

/* The header of every segment says what the clock was worth at the start. */
static int stream_clock(struct store_stream *st, const struct clock_state *state,
			const char *source, struct err *err)
{
	struct local_stream *t = (struct local_stream *)st;
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

static void put_stats(struct local_stream *t, const struct iface_stats *s)
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
static int put_end(struct local_stream *t, const struct jrn_end *end)
{
	const uint64_t before = t->jrn.written;
	int r;

	jrn_put_end(&t->jrn.buf, end);
	t->jrn.room += END_ROOM; /* reserved when it began */
	r = local_file_flush(t->s, &t->jrn);
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
static void end_journal(struct local_stream *t)
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
	struct local_stream *t = (struct local_stream *)st;
	struct jrn_end end = {.ts = now, .rows = st->rows};
	struct store_counts c;
	size_t i;
	int r;

	/* Packets alone first: should the numbers not fit any more, they do no harm. */
	r = local_stream_flush_packets(t);
	if (r == 0)
		r = local_rows_cut(&t->rows);
	if (r == 0)
		r = local_stream_flush_rows(t);
	for (i = 0; i < n; i++)
		put_stats(t, &stats[i]);
	if (r == 0)
		r = local_stream_seal(t);
	local_stream_say_lost(t);
	c = local_stream_total(t);
	end.kept = c.kept;
	end.raw_limited = c.raw_limited;
	end.dropped = c.dropped_limit + c.dropped_disk;
	end.rows_dropped = st->rows_dropped;
	/* Its end says that all before it is there. */
	if (r == 0)
		r = local_file_flush(t->s, &t->jrn);
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
	const struct local_stream *t = (const struct local_stream *)st;

	ret->bytes = t->bytes + t->jrn.written + local_rows_bytes(&t->rows) +
		     (local_segment_is_open(&t->seg) ? t->seg.file.written : 0);
	ret->failed = t->failed;
	snprintf(ret->text, sizeof(ret->text), "%s", t->text);
}

/* What a run leaves that does not come to its end. */
static void close_kept(struct local_stream *t)
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
	struct local_stream *t = (struct local_stream *)st;

	if (!t->finished && t->jrn.fd >= 0) {
		local_stream_flush_packets(t);
		if (local_rows_beat(&t->rows, t->flushed) == 0)
			local_stream_flush_rows(t);
		local_file_flush(t->s, &t->jrn);
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
	.tick = local_stream_tick,
	.finish = stream_finish,
	.stats = stream_stats,
	.free = stream_free,
};

static void put_heads(struct local_stream *t, const char *capture, unsigned shard, int64_t now)
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

static void streamp(struct local_stream **t)
{
	if (*t)
		stream_free(&(*t)->st);
}

int local_stream_new(struct store *store, const char *capture, unsigned shard, int64_t now,
		     struct store_stream **ret, struct err *err)
{
	CLEANUP(streamp) struct local_stream *t = calloc(1, sizeof(*t));
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
		r = local_file_flush(t->s, &t->jrn);
	if (r < 0)
		return err_set(err, r, "cannot write '%s/%s" LOCAL_JOURNAL "': %s", t->s->path,
			       t->name, strerror(-r));
	catalogue_begin(t->s->catalogue, t->name, now);
	*ret = &TAKE_PTR(t)->st;
	return 0;
}
