/* One reading of all files: filter, decoder, flow tables, rows. */
#include "run/files_impl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "filter/filter.h"
#include "flow/flow_schema.h"
#include "net/dec.h"
#include "run/crew.h"
#include "run/feed.h"
#include "run/tables.h"

#define RECV_BATCH 128 /* as FLOW_BATCH: no more than the cache holds */
#define KEEP       4   /* windows of the input that stay valid for the threads */

/* The flows of one packet of a batch, outermost first. */
struct run_serials {
	uint64_t v[DEC_LEVELS_MAX];
	size_t n; /* 0: the packet was filtered out */
};

/* Decoded levels on their way to one table. */
struct run_lane {
	struct dec dec[FLOW_BATCH];
	size_t n;
};

static const char *iface_name(void *arg, uint32_t iface)
{
	const struct run_files *r = arg;

	return iface < r->ifmap.n ? r->ifmap.pub[iface].name : NULL;
}

static uint64_t drops(void *arg, int64_t from, int64_t to)
{
	const struct run_files *r = arg;

	return r->drops.n ? drops_between(&r->drops, from, to) : 0;
}

static int init_tables(struct run_pass *p, struct err *err)
{
	p->tables = calloc(p->n_tables, sizeof(*p->tables));
	p->lanes = calloc(p->n_tables, sizeof(*p->lanes));
	p->serials = calloc(RECV_BATCH, sizeof(*p->serials));
	if (!p->tables || !p->lanes || !p->serials)
		return err_set(err, -ENOMEM, "out of memory");
	return tables_new(p->tables, p->n_tables, &p->files->in.flow, &p->memory, err);
}

int run_pass_init(struct run_pass *p, struct run_files *r, const struct field_set *want,
		  struct err *err)
{
	const struct flow_rows_env env = {.arg = r, .iface_name = iface_name, .drops = drops};
	int ret;

	if (err)
		err->code = 0; /* see the end */
	*p = (struct run_pass){
		.files = r,
		.n_tables = r->in.threads,
		.from = INT64_MIN,
		.to = INT64_MAX,
		.ordered = true,
		.selective = r->filter_text || r->in.from != INT64_MIN || r->in.to != INT64_MAX,
	};
	ret = run_feed(r, &p->feed, err);
	if (ret == 0 && r->filter_text)
		ret = filter_new(&p->filter, r->filter_text, err);
	if (ret == 0)
		ret = init_tables(p, err);
	if (ret == 0)
		ret = flow_rows_new(&p->rows, p->tables, p->n_tables, &env);
	if (ret == 0)
		ret = batch_new(&p->batch, flow_schema(), want);
	/* Some say what there was no room for, others only that there was none. */
	return ret == -ENOMEM && err && !err->code ? err_set(err, ret, "out of memory") : ret;
}

void run_pass_done(struct run_pass *p)
{
	batch_free(p->batch);
	flow_rows_free(p->rows);
	if (p->tables)
		tables_free(p->tables, p->n_tables);
	free(p->tables);
	free(p->lanes);
	free(p->serials);
	filter_free(p->filter);
	feed_free(p->feed);
}

/* Takes rows outside the time range out of a batch. */
static void cut_range(const struct run_pass *p, struct batch *b)
{
	const int64_t *start, *last;
	size_t i, k = 0;

	if (p->from == INT64_MIN && p->to == INT64_MAX)
		return;
	start = b->cols[FLOW_start]->v.i64;
	last = b->cols[FLOW_last]->v.i64;
	for (i = 0; i < b->n; i++)
		if (start[i] <= p->to && last[i] >= p->from)
			batch_move(b, k++, i);
	batch_cut(b, k);
}

/* Gives the rows that wait to their taker. */
static int give_rows(struct run_pass *p)
{
	int r;

	flow_rows_sort(p->rows);
	while (flow_rows_take(p->rows, p->batch) > 0) {
		p->files->stats.flows += p->batch->n;
		if (!p->row_fn || p->stopped)
			continue;
		cut_range(p, p->batch);
		r = p->batch->n ? p->row_fn(p->row_arg, p->batch) : 0;
		if (r < 0)
			return r;
		p->stopped = r > 0;
	}
	return 0;
}

/* Adds what a lane holds to its table. */
static int flush(struct run_pass *p, size_t lane, const struct pkt *pkts)
{
	struct run_lane *l = &p->lanes[lane];
	struct flow_ref refs[FLOW_BATCH];
	size_t i;
	int r;

	while ((r = flow_table_add(p->tables[lane], l->dec, l->n, pkts, p->pkt_fn ? refs : NULL)) ==
	       -EAGAIN) {
		r = give_rows(p);
		if (r < 0)
			return r;
	}
	if (r < 0)
		return r;
	for (i = 0; p->pkt_fn && i < l->n; i++) {
		struct run_serials *to = &p->serials[l->dec[i].pkt];

		to->v[to->n++] = refs[i].serial;
	}
	l->n = 0;
	return 0;
}

/* Takes note of 'n' packets as they come, before any is left out. */
static void count_packets(struct run_pass *p, const struct pkt *pkts, size_t n)
{
	struct run_stats *s = &p->files->stats;
	int64_t first = s->packets ? s->first : INT64_MAX;
	bool ordered = true;
	uint32_t drops = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		first = pkts[i].ts < first ? pkts[i].ts : first;
		ordered &= pkts[i].ts >= pkts[i].clock;
		drops |= pkts[i].drops;
	}
	s->first = first;
	s->last = pkts[n - 1].clock;
	s->packets += n;
	p->ordered &= ordered;
	for (i = 0; drops && i < n; i++)
		if (pkts[i].drops)
			drops_add(&p->files->drops, pkts[i].ts, pkts[i].drops);
}

/* Whether filter and time range let a packet through. */
static bool passes(struct run_pass *p, const struct pkt *k)
{
	const struct run_input *in = &p->files->in;

	if (k->ts >= in->from && k->ts <= in->to &&
	    (!p->filter || filter_match(p->filter, k->linktype, k->data, k->caplen, k->len)))
		return true;
	p->files->stats.filtered++;
	return false;
}

/* Decodes a packet to the end of 'to'; returns the number of levels. */
static inline size_t decode(const struct pkt *pkts, uint32_t i, struct dec *to)
{
	const struct pkt *k = &pkts[i];
	size_t n = dec_frame(k->linktype, k->data, k->caplen, k->len, to), d;

	to[0].pkt = i;
	for (d = 1; d < n; d++)
		to[d].pkt = i;
	return n;
}

static int add_packet(struct run_pass *p, const struct pkt *pkts, uint32_t i)
{
	struct run_lane *l = &p->lanes[0];
	struct dec levels[DEC_LEVELS_MAX];
	size_t n, lane = 0;

	if (p->n_tables == 1) {
		n = decode(pkts, i, l->dec + l->n);
	} else {
		n = decode(pkts, i, levels);
		lane = flow_shard(&levels[0], (unsigned)p->n_tables);
		l = &p->lanes[lane];
		memcpy(l->dec + l->n, levels, n * sizeof(levels[0]));
	}
	l->n += n;
	return l->n + DEC_LEVELS_MAX <= FLOW_BATCH ? 0 : flush(p, lane, pkts);
}

/* Gives a batch's packets, in their order, to their taker. */
static int give_packets(struct run_pass *p, const struct pkt *pkts, size_t n)
{
	size_t i;
	int r = 0;

	for (i = 0; p->pkt_fn && i < n; i++) {
		if (p->serials[i].n && r == 0)
			r = p->pkt_fn(p->pkt_arg, &pkts[i], p->serials[i].v, p->serials[i].n);
		p->serials[i].n = 0;
	}
	if (r <= 0)
		return r;
	p->stopped = true; /* the taker has enough */
	return 0;
}

static int add_batch(struct run_pass *p, const struct pkt *pkts, size_t n)
{
	size_t i;
	int r;

	count_packets(p, pkts, n);
	for (i = 0; i < n; i++) {
		if (p->selective && !passes(p, &pkts[i]))
			continue;
		r = add_packet(p, pkts, (uint32_t)i);
		if (r < 0)
			return r;
	}
	/* The packets' bytes go with the next batch. */
	for (i = 0; i < p->n_tables; i++) {
		r = flush(p, i, pkts);
		if (r < 0)
			return r;
	}
	return give_packets(p, pkts, n);
}

static void count(struct run_pass *p)
{
	struct run_stats *s = &p->files->stats;
	struct flow_table_stats t;
	char text[160];
	uint64_t done, total, unfollowed = 0;
	size_t i;

	feed_progress(p->feed, &done, &total);
	s->bytes_read += done;
	for (i = 0; i < p->n_tables; i++) {
		flow_table_stats(p->tables[i], &t);
		s->evicted += t.evicted;
		unfollowed += t.unfollowed;
	}
	if (s->evicted) {
		snprintf(text, sizeof(text),
			 "%llu flows ended early to make room (--max-flows, --max-memory): "
			 "their later packets are in flows of their own",
			 (unsigned long long)s->evicted);
		run_note(p->files, NULL, text);
	}
	if (s->evicted && p->pkt_fn && p->n_tables > 1)
		run_note(p->files, NULL,
			 "packets of flows that ended early may be missing; --threads 1 gives all");
	if ((s->evicted || unfollowed) && p->memory < p->files->in.flow.max_memory) {
		snprintf(text, sizeof(text),
			 "the address space (ulimit -v) has room for %llu MiB of flows, not for "
			 "the %llu of --max-memory",
			 (unsigned long long)p->memory >> 20,
			 (unsigned long long)p->files->in.flow.max_memory >> 20);
		run_note(p->files, NULL, text);
	}
	if (unfollowed) {
		snprintf(text, sizeof(text),
			 "%llu times there was no memory for a flow's losses or names "
			 "(--max-memory)",
			 (unsigned long long)unfollowed);
		run_note(p->files, NULL, text);
	}
}

static int read_alone(struct run_pass *p)
{
	struct pkt pkts[RECV_BATCH];
	int n, r;

	while (!p->stopped && (n = feed_recv(p->feed, pkts, RECV_BATCH)) != 0) {
		if (n < 0)
			return n;
		r = add_batch(p, pkts, (size_t)n);
		if (r < 0)
			return r;
		p->asked_to_stop = !run_go_on(p->files, p->feed);
		if (p->asked_to_stop)
			break;
	}
	return 0;
}

/* Rows that wait are taken while all threads stand still. */
static int make_room(struct run_pass *p, struct crew *c, int r)
{
	if (r != -EAGAIN)
		return r;
	r = give_rows(p);
	crew_resume(c);
	return r;
}

static void decode_block(struct run_pass *p, struct crew_block *b, size_t n)
{
	struct dec levels[DEC_LEVELS_MAX];
	struct crew_lane *l;
	size_t i, d;

	count_packets(p, b->pkts, n);
	for (i = 0; i < n; i++) {
		if (p->selective && !passes(p, &b->pkts[i]))
			continue;
		d = decode(b->pkts, (uint32_t)i, levels);
		l = &b->lanes[flow_shard(&levels[0], (unsigned)p->n_tables)];
		memcpy(l->dec + l->n, levels, d * sizeof(levels[0]));
		l->n += d;
	}
}

/* Waits until the packets of all windows up to 'window' are dealt with. */
static int settle(struct run_pass *p, struct crew *c, uint64_t window)
{
	int r;

	while ((r = crew_wait(c, window)) < 0) {
		r = make_room(p, c, r);
		if (r < 0)
			return r;
	}
	return 0;
}

/* The input wants the memory of a window back. */
static void reuse(void *arg, uint64_t window)
{
	struct run_pass *p = arg;

	if (p->crew_status == 0)
		p->crew_status = settle(p, p->crew, window);
}

/* One block: reads, decodes, hands over.  Returns the number of packets. */
static int read_block(struct run_pass *p, struct crew *c)
{
	struct crew_block *b;
	int n, r;

	while ((r = crew_block(c, &b)) < 0) {
		r = make_room(p, c, r);
		if (r < 0)
			return r;
	}
	n = feed_recv(p->feed, b->pkts, CREW_PACKETS);
	if (p->crew_status < 0)
		return p->crew_status;
	if (n <= 0)
		return n;
	b->window = feed_window(p->feed);
	decode_block(p, b, (size_t)n);
	crew_submit(c, b);
	return n;
}

static int read_with(struct run_pass *p, struct crew *c)
{
	int n;

	while (!p->stopped && (n = read_block(p, c)) != 0) {
		if (n < 0)
			return n;
		p->asked_to_stop = !run_go_on(p->files, p->feed);
		if (p->asked_to_stop)
			break;
	}
	return settle(p, c, UINT64_MAX);
}

static int read_all(struct run_pass *p, struct err *err)
{
	struct crew *c;
	int r;

	/* Packets are given out in their order: that is one thread's work. */
	if (p->n_tables == 1 || p->pkt_fn)
		return read_alone(p);
	r = crew_new(&c, p->tables, p->n_tables, err);
	if (r < 0)
		return r;
	p->crew = c;
	feed_keep(p->feed, KEEP, reuse, p);
	r = read_with(p, c);
	feed_keep(p->feed, 1, NULL, NULL);
	crew_free(c);
	return r;
}

int run_pass_all(struct run_pass *p, struct err *err)
{
	struct run_files *f = p->files;
	int r = read_all(p, err);
	size_t i;

	f->ordered = p->ordered;
	f->order_known = r == 0 && !p->stopped;
	if (r == 0 && (p->asked_to_stop || feed_stopped(p->feed) || f->stopped))
		run_stopped(f, p->feed);
	for (i = 0; !p->stopped && r == 0 && i < p->n_tables; i++)
		r = flow_table_finish(p->tables[i], f->stats.last);
	if (!p->stopped && r == 0)
		r = give_rows(p);
	count(p);
	return r == -ENOMEM ? err_set(err, r, "out of memory") : r;
}
