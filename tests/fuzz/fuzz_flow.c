/* Input: limits and time-outs, then a program of packets (flow_frames.h), which goes twice
 * through decoder and flow table: once as fast as possible into one table, once in another
 * rhythm, expiring and reading all the time, maybe into two tables.
 *
 * Each packet is in one flow without a parent, and nothing is lost or counted twice: the rows'
 * sums are those of the packets that the table said it had put there.  Limits hold.  A flow
 * has no pause longer than its time-out, and packets of a key without one are one flow.  Both
 * rhythms give the same rows.  Of what several threads or a full table may cut otherwise, only
 * the sums are compared.
 *
 * In that other rhythm running flows may give versions: numbered without gaps, each with what
 * came since the one before, the first at once, others when it is their time and there is
 * something new; the last one is the row of the flow that has ended. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/batch.h"
#include "flow/flow_rows.h"
#include "flow/flow_schema.h"
#include "flow/flow_table.h"

#include "flow_frames.h"
#include "flow_model.h"

#define HEAD_SIZE    3
#define OP_SIZE      8
#define PACKETS_MAX  800
#define PENDING_MAX  12
#define TABLES_MAX   2
#define SERIALS_MAX  ((PACKETS_MAX + 1) * DEC_LEVELS_MAX)
#define FLOWS_AT_ALL 128 /* flow_table.h: have room whatever the limits say */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One way through the program. */
struct world {
	struct flow_opts opts;
	bool hasty, expires, reads; /* adds each packet by itself; calls these all the time */
	int64_t now;                /* of versions */
	size_t n_tables;
	struct flow_table *tables[TABLES_MAX];
	struct flow_rows *rows;
	struct batch *batch; /* borrowed */

	struct frame frames[PENDING_MAX];
	struct pkt pkts[PENDING_MAX];
	size_t n_pkts;
	struct dec lane[TABLES_MAX][FLOW_BATCH];
	size_t n_lane[TABLES_MAX];

	int64_t ts, clock;
	struct model m;

	/* By serial, that is by first packet and level: when the flow had its last packet, and
	 * how long it may be without one. */
	struct {
		int64_t clock;
		uint64_t pause;
		struct versions versions;
	} flow[SERIALS_MAX];
};

static void add_version(struct world *w, size_t i, bool ended)
{
	uint64_t serial = w->batch->serial[i];

	require(serial < SERIALS_MAX, "a serial that is no packet's");
	check_version(&w->flow[serial].versions, w->batch, i, ended);
}

static void add_row(struct world *w, size_t i)
{
	const struct batch *b = w->batch;
	struct row *r = &w->m.got[w->m.n_got];
	union val v;
	size_t f;

	add_version(w, i, true);
	require(w->m.n_got++ < w->m.max, "more rows than levels of packets");
	*r = (struct row){.serial = b->serial[i]};
	for (f = 0; f < FLOW_N_FIELDS; f++)
		if (col_get(b->cols[f], i, &v))
			r->hash[f] = val_hash(b->cols[f]->type, &v) | 1;
	r->packets[0] = b->cols[FLOW_ab_packets]->v.u64[i];
	r->packets[1] = b->cols[FLOW_ba_packets]->v.u64[i];
	r->bytes[0] = b->cols[FLOW_ab_bytes]->v.u64[i];
	r->bytes[1] = b->cols[FLOW_ba_bytes]->v.u64[i];
	if (col_has(b->cols[FLOW_ab_ip_bytes], i)) {
		r->ip_bytes[0] = b->cols[FLOW_ab_ip_bytes]->v.u64[i];
		r->ip_bytes[1] = b->cols[FLOW_ba_ip_bytes]->v.u64[i];
	}
	if (col_has(b->cols[FLOW_fragments], i))
		r->fragments = b->cols[FLOW_fragments]->v.u64[i];
	r->start = b->cols[FLOW_start]->v.i64[i];
	r->last = b->cols[FLOW_last]->v.i64[i];
	require(col_has(b->cols[FLOW_uuid], i), "a row without an id");
	memcpy(r->uuid, b->cols[FLOW_uuid]->v.id[i], 16);
	r->has_parent = col_has(b->cols[FLOW_parent_uuid], i);
	if (r->has_parent)
		memcpy(r->parent, b->cols[FLOW_parent_uuid]->v.id[i], 16);
}

/* Takes all rows that wait. */
static void take(struct world *w)
{
	uint64_t waiting = flow_rows_waiting(w->rows), before = 0;
	size_t n, i;

	flow_rows_sort(w->rows);
	while ((n = flow_rows_take(w->rows, w->batch)) > 0) {
		require(n == w->batch->n && n <= waiting, "more rows than were said to wait");
		waiting -= n;
		for (i = 0; i < n; i++) {
			require(!before || before < w->batch->serial[i], "rows out of order");
			before = w->batch->serial[i];
			add_row(w, i);
		}
	}
	require(waiting == 0, "fewer rows than were said to wait");
}

/* Versions of running flows; whether all and only those came that are due. */
static void take_due(struct world *w)
{
	struct versions *v;
	size_t n, i, s;

	w->now = w->ts > w->now ? w->ts : w->now;
	while ((n = flow_rows_due(w->rows, w->ts, w->batch)) > 0) {
		require(n == w->batch->n, "another number of rows than said");
		for (i = 0; i < n; i++) {
			add_version(w, i, false);
			v = &w->flow[w->batch->serial[i]].versions;
			require(v->version == 1 || !is_early(v, &w->opts, w->now), "too early");
			v->looked_from = v->looked_to = w->now;
		}
	}
	take(w); /* those that are left run */
	for (s = 0; s < (w->m.packets + 1) * DEC_LEVELS_MAX; s++) {
		v = &w->flow[s].versions;
		if (!v->seen || v->ended)
			continue;
		require(v->version > 0, "no first version of a new flow");
		require(!v->packets || !is_due(v, &w->opts, w->now), "no version at its time");
		if (!v->packets && !is_early(v, &w->opts, w->now)) {
			v->looked_to = w->now;
			if (is_due(v, &w->opts, w->now))
				v->looked_from = w->now;
		}
	}
}

static void check_limits(const struct world *w, const struct flow_table *t)
{
	struct flow_table_stats s;
	uint64_t max = w->opts.max_flows;

	flow_table_stats(t, &s);
	if (max < FLOWS_AT_ALL)
		max = max ? FLOWS_AT_ALL : UINT64_MAX;
	require(s.live <= max, "more flows than the limit");
	require(s.evicted <= s.flows && s.live <= s.flows, "more flows left than came");
	/* below that the least that a table has counts */
	require(w->opts.max_memory < 1 << 20 || s.memory <= w->opts.max_memory,
		"more memory than the limit");
}

static void note(struct world *w, const struct dec *d, uint64_t serial)
{
	const struct pkt *p = &w->pkts[d->pkt];
	struct seen *s = &w->m.seen[w->m.n_seen];

	*s = (struct seen){
		.serial = serial,
		.order = w->m.n_seen++,
		.ts = p->ts,
		.clock = p->clock,
		.len = p->len,
		.ip_len = d->ip_len,
		.ip = d->kind == DEC_IP4 || d->kind == DEC_IP6,
		.tcp = d->proto == IPPROTO_TCP,
		.frag = d->flags & DEC_FRAG,
		.plain = is_plain(d),
	};
	require(serial < SERIALS_MAX, "a serial that is no packet's");
	w->flow[serial].clock = p->clock;
	w->flow[serial].pause = longest_pause(&w->opts, s);
	w->flow[serial].versions.seen = true;
	w->flow[serial].versions.packets++;
	w->flow[serial].versions.bytes += p->len;
	memcpy(s->src, d->src, 16);
	memcpy(s->dst, d->dst, 16);
	if (s->plain)
		plain_key(&s->key, d, p->iface, w->opts.key_mode);
}

/* Takes the rows that are in the way of new flows.  If flows were evicted these are all there
 * are, since those that are due would have come before. */
static void make_room(struct world *w, int64_t clock, bool evicted)
{
	size_t i = w->m.n_got;

	take(w);
	for (; evicted && w->n_tables == 1 && i < w->m.n_got; i++) {
		uint64_t serial = w->m.got[i].serial, pause = w->flow[serial].pause;

		/* seen at the latest 1/256 after it was due, and slots are at least 1 ns */
		require((uint64_t)clock - (uint64_t)w->flow[serial].clock <=
				(pause > UINT64_MAX / 2 ? pause : pause + pause / 256 + 2),
			"evicted, but it was due");
	}
}

static uint64_t evicted(const struct world *w)
{
	struct flow_table_stats s;
	uint64_t n = 0;
	size_t i;

	for (i = 0; i < w->n_tables; i++) {
		flow_table_stats(w->tables[i], &s);
		n += s.evicted;
	}
	return n;
}

/* Adds what waits in a lane to its table. */
static void flush_lane(struct world *w, size_t lane)
{
	struct dec *d = w->lane[lane];
	struct flow_ref refs[FLOW_BATCH];
	size_t n = w->n_lane[lane], i;
	uint64_t before = evicted(w);
	int r, tries = 0;

	while ((r = flow_table_add(w->tables[lane], d, n, w->pkts, refs)) == -EAGAIN) {
		require(++tries <= 3, "rows are taken, but there is no room yet");
		make_room(w, w->pkts[d[0].pkt].clock, evicted(w) > before);
		before = evicted(w);
	}
	require(r == 0, "a packet could not be added");
	for (i = 0; i < n; i++)
		note(w, &d[i], refs[i].serial);
	w->n_lane[lane] = 0;
	check_limits(w, w->tables[lane]);
}

static void flush(struct world *w)
{
	size_t i;

	for (i = 0; i < w->n_tables; i++) {
		flush_lane(w, i);
		if (w->expires)
			require(flow_table_expire(w->tables[i], w->clock) == 0, "expiry failed");
	}
	if (w->opts.update)
		take_due(w);
	if (w->reads)
		take(w);
	w->n_pkts = 0;
}

static void add_packet(struct world *w, const struct frame_op *o, unsigned burst)
{
	struct frame *f = &w->frames[w->n_pkts];
	struct pkt *p = &w->pkts[w->n_pkts];
	struct dec levels[DEC_LEVELS_MAX];
	size_t n, i, lane;

	if (w->m.packets == PACKETS_MAX)
		return;
	frame_make(f, o, burst);
	if (w->ts > w->clock || !w->m.packets)
		w->clock = w->ts;
	*p = (struct pkt){
		.ts = w->ts,
		.clock = w->clock,
		.data = f->b + f->at,
		.caplen = (uint32_t)frame_len(f),
		.len = (uint32_t)frame_len(f),
		.iface = o->who >> 6 & 1,
		.linktype = f->linktype,
		.number = ++w->m.packets,
	};
	if (o->ports & 0x80 && p->caplen > o->repeat)
		p->caplen = o->repeat;
	w->m.bytes += p->len;
	n = dec_frame(p->linktype, p->data, p->caplen, p->len, levels);
	lane = flow_shard(&levels[0], (unsigned)w->n_tables);
	for (i = 0; i < n; i++) {
		levels[i].pkt = (uint32_t)w->n_pkts;
		w->lane[lane][w->n_lane[lane]++] = levels[i];
	}
	if (++w->n_pkts == PENDING_MAX || w->hasty || w->n_lane[lane] + DEC_LEVELS_MAX > FLOW_BATCH)
		flush(w);
}

/* Steps as short and as long as time-outs, back too, and leaps to where time ends. */
static void move_time(struct world *w, uint8_t code)
{
	static const int64_t leaps[] = {0, INT64_MAX, INT64_MIN, 1790000000000000000};
	const int64_t idle = w->opts.idle, hold = w->opts.hold;
	const int64_t steps[16] = {0,
				   0,
				   1,
				   1000,
				   1000000,
				   1000000000,
				   60000000000,
				   idle,
				   idle / 2,
				   idle < INT64_MAX ? idle + 1 : idle,
				   idle / 500,
				   hold,
				   hold < INT64_MAX ? hold + 1 : hold,
				   hold / 500,
				   86400000000000,
				   INT64_MAX / 3};
	int64_t step = steps[code & 15];

	if ((code & 0xf0) == 0xf0)
		w->ts = leaps[code & 3];
	else if (__builtin_add_overflow(w->ts, code & 0x80 ? -step : step, &w->ts))
		w->ts = code & 0x80 ? INT64_MIN : INT64_MAX;
}

static unsigned op_packets(const struct frame_op *o)
{
	return (o->what & 15) == FRAME_BURST ? o->repeat + 1u : 1;
}

static size_t count_packets(const uint8_t *data, size_t size)
{
	struct frame_op o;
	size_t n = 0;

	for (; size >= OP_SIZE && n < PACKETS_MAX; data += OP_SIZE, size -= OP_SIZE) {
		memcpy(&o, data, OP_SIZE);
		n += op_packets(&o);
	}
	return n < PACKETS_MAX ? n : PACKETS_MAX;
}

static void play(struct world *w, const uint8_t *data, size_t size)
{
	unsigned i, n;

	for (; size >= OP_SIZE; data += OP_SIZE, size -= OP_SIZE) {
		struct frame_op o;

		memcpy(&o, data, OP_SIZE);
		move_time(w, o.time);
		n = op_packets(&o);
		for (i = 0; i < n; i++)
			add_packet(w, &o, i);
	}
	flush(w);
}

static void finish(struct world *w)
{
	struct flow_table_stats s;
	uint64_t flows = 0;
	size_t i;

	for (i = 0; i < w->n_tables; i++)
		require(flow_table_finish(w->tables[i], w->clock) == 0, "no end");
	take(w);
	for (i = 0; i < w->n_tables; i++) {
		flow_table_stats(w->tables[i], &s);
		require(s.live == 0, "flows left behind");
		flows += s.flows;
		w->m.evicted += s.evicted;
		w->m.unfollowed += s.unfollowed;
	}
	require(flows == w->m.n_got, "not one row per flow");
	check_keys(&w->m);
	check_rows(&w->m);
	if (!w->m.unfollowed)
		check_parents(&w->m);
}

static void world_init(struct world *w, const struct flow_opts *o, unsigned ways, size_t packets,
		       struct batch *batch)
{
	const struct flow_rows_env env = {0};
	size_t i;

	*w = (struct world){
		.opts = *o,
		.expires = ways & 1,
		.reads = ways & 2,
		.n_tables = ways & 4 ? 2 : 1,
		.hasty = ways & 8,
		.now = INT64_MIN,
		.m = {.opts = &w->opts, .max = packets * DEC_LEVELS_MAX},
		.batch = batch,
	};
	w->m.seen = malloc((w->m.max + 1) * sizeof(*w->m.seen));
	w->m.got = malloc((w->m.max + 1) * sizeof(*w->m.got));
	for (i = 0; i < w->n_tables; i++)
		require(flow_table_new(&w->tables[i], o, NULL) == 0, "no table");
	require(w->m.seen && w->m.got && flow_rows_new(&w->rows, w->tables, w->n_tables, &env) == 0,
		"no memory");
}

static void world_done(struct world *w)
{
	size_t i;

	flow_rows_free(w->rows);
	for (i = 0; i < w->n_tables; i++)
		flow_table_free(w->tables[i]);
	free(w->m.seen);
	free(w->m.got);
}

static void compare(const struct world *a, const struct world *b)
{
	char text[128];
	size_t i, f;

	if (a->m.evicted || b->m.evicted || a->m.unfollowed || b->m.unfollowed)
		return;
	require(a->m.n_got == b->m.n_got, "another rhythm gives another number of flows");
	for (i = 0; i < a->m.n_got; i++) {
		for (f = 0; f < FLOW_N_FIELDS; f++) {
			if (of_version(f) && (a->opts.update || b->opts.update))
				continue;
			snprintf(text, sizeof(text), "another rhythm gives another '%s'",
				 flow_schema()->fields[f].name);
			require(a->m.got[i].hash[f] == b->m.got[i].hash[f], text);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int64_t spans[] = {1,          10,          1000,         1000000,
					1000000000, 15000000000, 600000000000, INT64_MAX};
	static const uint64_t flows[] = {128, 0, 130, 1, 200, 1000, 128, 500};
	static const uint64_t memory[] = {1, 1 << 16, 1 << 20, 1 << 26};
	static const int64_t updates[] = {0, 1000, FLOW_UPDATE_DEFAULT, 1000000000};
	static struct batch *batch; /* made once: clearing it is quicker */
	struct world *a, *b;
	struct field_set all;
	struct flow_opts o;
	unsigned ways;

	if (size < HEAD_SIZE)
		return 0;
	o = (struct flow_opts){
		.idle = spans[data[0] >> 3 & 7],
		.hold = spans[data[1] & 7],
		.max_flows = flows[data[0] & 7],
		.max_memory = memory[data[1] >> 3 & 3],
		.key_mode = data[0] & 0x40 ? FLOW_KEY_L2 : FLOW_KEY_L3,
	};
	memset(&all, 0xff, sizeof(all));
	if (!batch)
		require(batch_new(&batch, flow_store_schema(), &all) == 0, "no memory");
	ways = data[2];
	a = malloc(sizeof(*a));
	b = malloc(sizeof(*b));
	require(a && b, "no memory");
	data += HEAD_SIZE;
	size -= HEAD_SIZE;
	world_init(a, &o, 0, count_packets(data, size), batch);
	o.update = updates[ways >> 4 & 3];
	world_init(b, &o, ways, count_packets(data, size), batch);
	play(a, data, size);
	play(b, data, size);
	finish(a);
	finish(b);
	compare(a, b);
	world_done(a);
	world_done(b);
	free(a);
	free(b);
	return 0;
}
