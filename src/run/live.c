#include "run/live.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/stop.h"
#include "capture/src.h"
#include "run/live_impl.h"
#include "sink/sink.h"
#include "store/store.h"

#define TICK_NS INT64_C(250000000) /* expiry, writing */
#define SHOW_NS INT64_C(1000000000)

#define RUN_LIVE_TEXT 512 /* of why packets are not kept */

static bool has_enough(const struct run_live *r)
{
	return atomic_load_explicit(&r->over, memory_order_relaxed);
}

/* Rows of flows that are new, or were last written long ago. */
static int give_versions(struct live_worker *w, int64_t now, struct err *err)
{
	int r;

	while (flow_rows_due(w->rows, now, w->batch) > 0) {
		r = store_rows(w->stream, w->batch, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Rows of flows that have ended. */
static int give_rows(struct live_worker *w, struct err *err)
{
	int r;

	flow_rows_sort(w->rows);
	while (flow_rows_take(w->rows, w->batch) > 0) {
		r = store_rows(w->stream, w->batch, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int add_flows(struct live_worker *w, struct live_chunk *c, struct err *err)
{
	int r;

	while ((r = flow_table_add(w->table, c->dec, c->n_dec, c->pkts, c->refs)) == -EAGAIN) {
		r = give_rows(w, err);
		if (r < 0)
			return r;
	}
	return r < 0 ? err_set(err, r, "out of memory") : 0;
}

static size_t levels_of(const struct live_chunk *c, size_t i)
{
	return (i + 1 < c->n ? c->first[i + 1] : c->n_dec) - c->first[i];
}

/* Bytes before the innermost payload. */
static uint32_t headers_of(const struct live_chunk *c, size_t i)
{
	const struct pkt *p = &c->pkts[i];
	const struct dec *d = &c->dec[c->first[i] + levels_of(c, i) - 1];

	if (d->payload)
		return (uint32_t)(d->payload - p->data);
	/* All of it is headers, or nothing is known behind the link header. */
	if (d->kind == DEC_LINK || d->kind == DEC_OPAQUE)
		return p->caplen < 14 ? p->caplen : 14;
	return p->caplen;
}

static int to_store(struct live_worker *w, struct live_chunk *c, struct err *err)
{
	struct store_flows flows[FLOW_BATCH];
	size_t i;

	for (i = 0; i < c->n; i++) {
		flows[i] = (struct store_flows){
			.refs = &c->refs[c->first[i]],
			.n = (uint32_t)levels_of(c, i),
			.keep = w->r->conf.headers_only ? headers_of(c, i) : UINT32_MAX,
		};
	}
	return store_packets(w->stream, c->pkts, c->n, flows, err);
}

static int to_lines(struct live_worker *w, struct live_chunk *c, struct err *err)
{
	const struct src_iface *v;
	size_t i, n;
	int r = 0;

	v = src_ifaces(w->src, &n);
	for (i = 0; i < c->n && r == 0; i++)
		r = w->r->conf.line(w->r->conf.line_arg, &c->pkts[i], &c->dec[c->first[i]],
				    levels_of(c, i), v[c->pkts[i].iface].name);
	if (r == 0 && w->r->conf.lines_end)
		r = w->r->conf.lines_end(w->r->conf.line_arg);
	return r < 0 ? err_set(err, r, "cannot write: %s",
			       r == -ECANCELED ? "nobody read it when the capture ended"
					       : strerror(-r))
		     : 0;
}

/* Sends a chunk on; its packets carry the source's interface numbers until here. */
static int flush(struct live_worker *w, struct err *err)
{
	const struct run_live_conf *conf = &w->r->conf;
	struct live_chunk *c = &w->chunk;
	uint32_t iface[FLOW_BATCH] = {0};
	bool counted = false; /* by sink or store, whatever became of them */
	size_t i;
	int r = 0;

	if (!c->n)
		return 0;
	if (w->table)
		r = add_flows(w, c, err);
	if (r == 0 && conf->line)
		r = to_lines(w, c, err);
	for (i = 0; i < c->n; i++) {
		iface[i] = c->pkts[i].iface;
		if (!w->stream && conf->headers_only && headers_of(c, i) < c->pkts[i].caplen)
			c->pkts[i].caplen = headers_of(c, i);
		c->pkts[i].iface = w->to[iface[i]];
	}
	if (r == 0 && conf->sink) {
		r = sink_send(conf->sink, c->pkts, c->n, err);
		counted = true;
	} else if (r == 0 && w->stream) {
		r = to_store(w, c, err);
		counted = true;
	}
	for (i = 0; i < c->n && !counted; i++) {
		struct live_count *n = &w->count[iface[i]];

		if (r == -EPIPE) {
			n->left++; /* nobody wanted it any more */
		} else if (r < 0) {
			n->dropped_disk++;
		} else if (!w->stream) {
			n->kept++;
			n->kept_bytes += c->pkts[i].caplen;
		}
	}
	c->n = c->n_dec = 0;
	return r;
}

/* Takes a packet into the chunk.  False: it is not to be kept. */
static bool take(struct live_worker *w, const struct pkt *p)
{
	struct live_chunk *c = &w->chunk;
	struct pkt *to = &c->pkts[c->n];
	size_t n = 0, i;

	*to = *p;
	c->first[c->n] = c->n_dec;
	if (w->r->decode || w->own.n) {
		n = dec_frame(to->linktype, to->data, to->caplen, to->len, c->dec + c->n_dec);
		if (own_match(&w->own, &c->dec[c->n_dec], n)) {
			w->count[p->iface].own++;
			return false;
		}
		for (i = 0; i < n; i++)
			c->dec[c->n_dec + i].pkt = (uint32_t)c->n;
	}
	if (!quota_take(&w->r->quota)) {
		w->count[p->iface].left++;
		return false;
	}
	if (quota_is_out(&w->r->quota))
		atomic_store(&w->r->over, true);
	c->n_dec += n;
	c->n++;
	return true;
}

static int add_packets(struct live_worker *w, const struct pkt *pkts, size_t n, struct err *err)
{
	struct run_live *r = w->r;
	size_t i;
	int status = 0;

	live_own_take(w);
	for (i = 0; i < n && status == 0 && !has_enough(r); i++) {
		if (!take(w, &pkts[i]))
			continue;
		if (w->chunk.n == FLOW_BATCH || w->chunk.n_dec + DEC_LEVELS_MAX > FLOW_BATCH)
			status = flush(w, err);
	}
	if (status == 0)
		status = flush(w, err);
	for (; i < n; i++)
		w->count[pkts[i].iface].left++;
	return status;
}

static void say_notes(struct live_worker *w)
{
	const struct src_note *v;
	uint64_t total;
	size_t n;

	v = src_notes(w->src, &n, &total);
	for (; w->notes < n; w->notes++)
		if (w->number == 0 && w->r->conf.say)
			w->r->conf.say(w->r->conf.say_arg, v[w->notes].text);
}

/* Why packets are not kept now, and in words; 0: they are. */
static int trouble(const struct live_worker *w, char ret[RUN_LIVE_TEXT])
{
	struct store_stream_stats s = {0};
	const char *text = s.text;

	if (w->r->conf.sink)
		s.failed = sink_trouble(w->r->conf.sink, &text);
	else if (w->stream)
		store_stream_stats(w->stream, &s);
	snprintf(ret, RUN_LIVE_TEXT, "%s", text);
	return s.failed;
}

/* That the disk is full, or is not any more: once for all workers. */
static void say_store(struct live_worker *w)
{
	struct run_live *r = w->r;
	char text[RUN_LIVE_TEXT];
	int failed = trouble(w, text);
	unsigned others;

	if (!failed == !w->store_failed)
		return;
	w->store_failed = failed;
	others = failed ? atomic_fetch_add(&r->stores_failed, 1)
			: atomic_fetch_sub(&r->stores_failed, 1) - 1;
	if (!others && r->conf.say)
		r->conf.say(r->conf.say_arg, failed ? text : "packets are kept again");
}

/* That files which are to go cannot be removed, or that they are gone. */
static void say_unremoved(struct live_worker *w)
{
	struct run_live *r = w->r;
	struct store_unremoved u;

	if (w->number != 0 || !r->conf.store)
		return;
	store_unremoved(r->conf.store, &u);
	r->stats.unremoved = u.files;
	if (!u.files == !w->unremoved)
		return;
	w->unremoved = u.files > 0;
	if (r->conf.say)
		r->conf.say(r->conf.say_arg,
			    u.files ? u.text : "what could not be removed is gone");
}

static void answer(struct live_worker *w)
{
	struct run_live *r = w->r;

	if (w->number != 0 || !r->conf.asked || !*r->conf.asked)
		return;
	*r->conf.asked = 0;
	live_count_show(w);
	live_count_sum(r);
	r->conf.answer(r->conf.tick_arg, &r->stats);
}

/* What time asks for, not packets. */
static int tick(struct live_worker *w, struct err *err)
{
	struct run_live *r = w->r;
	int64_t now = clock_ns(CLOCK_REALTIME), steady;
	bool show = now / SHOW_NS != w->ticked / SHOW_NS;
	int status = 0;

	answer(w);
	if (now >= w->ticked && now - w->ticked < TICK_NS)
		return 0;
	w->ticked = now;
	steady = clock_steady_look(&w->steady);
	if (w->table && flow_table_expire(w->table, steady) < 0)
		return err_set(err, -ENOMEM, "out of memory");
	if (w->table)
		status = give_rows(w, err);
	if (status == 0 && w->table)
		status = give_versions(w, steady, err);
	if (status == 0 && show)
		status = live_clock_look(w, false, err);
	if (status == 0 && w->stream)
		status = store_tick(w->stream, now, err);
	if (status == 0 && show && r->conf.sink)
		status = sink_flush(r->conf.sink, err);
	say_notes(w);
	say_store(w);
	if (show) {
		say_unremoved(w);
		live_count_show(w);
		if (w->number == 0) {
			live_count_sum(r);
			live_own_look(r);
			if (r->conf.tick)
				r->conf.tick(r->conf.tick_arg, &r->stats);
		}
	}
	/* Not by a clock that may be set meanwhile. */
	if (r->conf.duration && clock_ns(CLOCK_BOOTTIME) - r->began >= r->conf.duration)
		atomic_store(&r->over, true);
	return status;
}

static int capture(struct live_worker *w, struct err *err)
{
	struct pkt pkts[LIVE_RECV];
	int n, r = 0;

	while (r == 0 && !has_enough(w->r)) {
		n = src_recv(w->src, pkts, LIVE_RECV);
		if (n == 0 || n == -ECANCELED)
			break;
		if (n < 0 && n != -EAGAIN)
			return err_set(err, n, "capturing failed: %s", strerror(-n));
		r = live_add_ifaces(w, err);
		if (r == 0 && n > 0)
			r = add_packets(w, pkts, (size_t)n, err);
		if (r == 0)
			r = tick(w, err);
	}
	return r;
}

static void fill_stats(const struct run_live *r, const struct live_worker *w, size_t i,
		       struct iface_stats *ret)
{
	const struct run_live_iface *f = &w->shown[i];

	*ret = (struct iface_stats){
		.iface = w->to[i],
		.ts = clock_ns(CLOCK_REALTIME),
		.start = r->start,
		.end = clock_ns(CLOCK_REALTIME),
		.has_recv = f->seen_known,
		.has_ifdrop = f->wire_known,
		.has_accept = f->seen_known,
		.has_osdrop = true,
		.has_deliv = true,
		.recv = f->seen,
		.ifdrop = f->rx_missed + f->rx_fifo,
		.accept = f->seen - f->filtered,
		.osdrop = f->dropped_ring,
		.deliv = f->kept,
	};
}

/* Ends flows and files. */
static int finish(struct live_worker *w, struct err *err)
{
	struct run_live *r = w->r;
	struct iface_stats *all = calloc(w->n_ifaces + 1, sizeof(*all));
	int64_t now = clock_ns(CLOCK_REALTIME);
	int status = all ? 0 : err_set(err, -ENOMEM, "out of memory");
	size_t i;

	say_notes(w);
	if (status == 0 && w->table) {
		if (flow_table_finish(w->table, clock_steady_look(&w->steady)) < 0)
			status = err_set(err, -ENOMEM, "out of memory");
		else
			status = give_rows(w, err);
	}
	say_store(w);
	live_count_show(w);
	live_gaps_end(w, now);
	for (i = 0; status == 0 && i < w->n_shown; i++) {
		fill_stats(r, w, i, &all[i]);
		if (r->conf.sink)
			status = sink_stats(r->conf.sink, &all[i], err);
	}
	if (status == 0 && r->conf.sink)
		status = sink_flush(r->conf.sink, err);
	if (status == 0 && w->gap_status < 0)
		status = err_set(err, w->gap_status, "cannot write what was lost: %s",
				 strerror(-w->gap_status));
	if (status == 0)
		status = live_clock_look(w, true, err);
	if (status == 0 && w->stream)
		status = store_finish(w->stream, now, all, w->n_shown, err);
	/* The last of them may not have found room. */
	say_store(w);
	say_unremoved(w);
	live_count_kept(w);
	free(all);
	return status;
}

static void *work(void *arg)
{
	struct live_worker *w = arg;
	struct err late = {0};
	int r;

	w->status = capture(w, &w->err);
	/* One that fails ends all, or the rest would look whole. */
	if (w->status < 0)
		atomic_store(&w->r->over, true);
	r = finish(w, w->status < 0 ? &late : &w->err);
	if (w->status == 0)
		w->status = r;
	return NULL;
}

int run_live_run(struct run_live *r, struct err *err)
{
	unsigned i;
	int status = 0;

	for (i = 1; i < r->n_workers && status == 0; i++) {
		status = -pthread_create(&r->workers[i].thread, NULL, work, &r->workers[i]);
		r->workers[i].started = status == 0;
	}
	if (status < 0) {
		atomic_store(&r->over, true);
		err_set(err, status, "cannot start a thread: %s", strerror(-status));
	} else {
		work(&r->workers[0]);
	}
	for (i = 0; i < r->n_workers; i++) {
		struct live_worker *w = &r->workers[i];

		if (w->started)
			pthread_join(w->thread, NULL);
		if (status == 0 && w->status < 0)
			status = err_set(err, w->status, "%s", w->err.text);
	}
	live_count_sum(r);
	return status;
}

const struct run_live_stats *run_live_stats(struct run_live *r)
{
	return &r->stats;
}
