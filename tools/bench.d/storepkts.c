/* Generated packets through decoder, flow table and one of several ways of keeping them.
 *
 *	storerows packets file FILE BYTES FLOWS_PER_S PICK     one pcapng file, no index
 *	storerows packets packets DIR ...                      a store, without rows of flows
 *	storerows packets store DIR ...                        a store with all
 *	storerows packets index - ...                          only what the index takes
 *
 * until BYTES of frames have come.  The answer is a line of "name=value": CPU seconds of all
 * threads without making the frames ('index': of the calls that make the index), and a flow
 * to look for, the first suitable one from number PICK on.  Memory for frames is as a ring's:
 * larger than the first caches. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "flow/flow_derive.h"
#include "flow/flow_rows.h"
#include "flow/flow_schema.h"
#include "fmt/pidx.h"
#include "net/dec.h"
#include "sink/sink.h"
#include "store/store.h"
#include "storegen.h"
#include "storerows.h"

#define MEAN    26 /* packets in a flow with data */
#define FRAMES  1024
#define TICK_NS INT64_C(250000000)
#define MEMORY  (UINT64_C(2) << 30)
#define EPB     32 /* bytes of a packet's block beside its frame */
#define REFS    (1u << 20)

struct run {
	struct gen *gen;
	struct flow_table *table;
	struct flow_rows *rows;
	struct batch *batch;

	/* Where to; each NULL or not at all. */
	struct sink *sink;
	struct store *store;
	struct store_stream *stream;
	bool keep_rows, index;

	/* Of the index by itself. */
	struct pidx_ref *refs, *tmp;
	size_t n_refs, size_refs;
	struct pidx_span spans[STORE_SEGMENT_SIZE / PIDX_SPAN + 1];
	size_t n_spans;
	uint64_t at, index_bytes;
	double index_cpu;
	struct buf out;

	uint64_t packets, bytes, n_rows;
	int64_t tick, last;
	double own; /* CPU seconds of making frames */
};

static const char *iface_name(void *arg, uint32_t iface)
{
	(void)arg;
	return iface == 0 ? "eth0" : NULL;
}

static uint64_t no_drops(void *arg, int64_t from, int64_t to)
{
	(void)arg, (void)from, (void)to;
	return 0;
}

/* One segment's index as store_local makes it. */
static int index_end(struct run *r)
{
	struct pidx_info info = {.run = 1, .segment = 1, .bytes = r->at};
	double before = cpu_thread();
	int status;

	buf_clear(&r->out);
	pidx_sort(r->refs, r->tmp, r->n_refs);
	status = pidx_write(&r->out, &info, r->spans, r->n_spans, r->refs, r->n_refs);
	r->index_cpu += cpu_thread() - before;
	r->index_bytes += r->out.len;
	r->n_refs = r->n_spans = 0;
	r->at = 0;
	return status;
}

static int index_add(struct run *r, const struct pkt *p, const struct flow_ref *refs, size_t n)
{
	uint64_t size = EPB + ((p->len + 3) & ~3u);
	struct pidx_span *s;
	size_t i;

	if (r->n_refs + n > r->size_refs)
		return -ENOBUFS;
	if (!r->n_spans || r->at + size - r->spans[r->n_spans - 1].from > PIDX_SPAN) {
		r->spans[r->n_spans++] =
			(struct pidx_span){.from = r->at, .to = r->at, .min = p->ts, .max = p->ts};
	}
	s = &r->spans[r->n_spans - 1];
	s->to = r->at + size;
	s->packets++;
	s->min = p->ts < s->min ? p->ts : s->min;
	s->max = p->ts > s->max ? p->ts : s->max;
	for (i = 0; i < n; i++)
		r->refs[r->n_refs++] = (struct pidx_ref){.serial = refs[i].serial,
							 .at = (uint32_t)(r->at / PIDX_UNIT)};
	r->at += size;
	return r->at + EPB + GEN_FRAME_MAX > STORE_SEGMENT_SIZE ? index_end(r) : 0;
}

static int take_rows(struct run *r, struct err *err)
{
	int status = 0;

	flow_rows_sort(r->rows);
	while (status == 0 && flow_rows_take(r->rows, r->batch) > 0) {
		r->n_rows += r->batch->n;
		if (r->keep_rows)
			status = store_rows(r->stream, r->batch, err);
	}
	return status;
}

/* Packets that fit one FLOW_BATCH, with 'n_dec' levels; those of packet i begin at first[i]. */
static int keep(struct run *r, const struct pkt *p, size_t n, const size_t *first,
		struct flow_ref *refs, size_t n_dec, struct err *err)
{
	struct store_flows flows[FLOW_BATCH];
	size_t i;
	int status = 0;

	for (i = 0; i < n; i++)
		flows[i] = (struct store_flows){
			.refs = refs + first[i],
			.n = (uint32_t)((i + 1 < n ? first[i + 1] : n_dec) - first[i]),
			.keep = UINT32_MAX,
		};
	if (r->sink)
		return sink_send(r->sink, p, n, err);
	if (r->stream)
		return store_packets(r->stream, p, n, flows, err);
	for (i = 0; i < n && status == 0; i++)
		status = index_add(r, &p[i], flows[i].refs, flows[i].n);
	return status;
}

static int add_packets(struct run *r, const struct pkt *pkts, size_t n, struct err *err)
{
	struct flow_ref refs[FLOW_BATCH];
	struct dec dec[FLOW_BATCH];
	size_t first[FLOW_BATCH], i, k, d, levels, at;
	int status;

	for (i = 0; i < n; i = k) {
		for (at = 0, k = i; k < n && at + DEC_LEVELS_MAX <= FLOW_BATCH; k++, at += levels) {
			levels = dec_frame(1, pkts[k].data, pkts[k].caplen, pkts[k].len, dec + at);
			for (d = 0; d < levels; d++)
				dec[at + d].pkt = (uint32_t)(k - i);
			first[k - i] = at;
		}
		while ((status = flow_table_add(r->table, dec, at, pkts + i, refs)) == -EAGAIN)
			if ((status = take_rows(r, err)) < 0)
				return status;
		if (status == 0)
			status = keep(r, pkts + i, k - i, first, refs, at, err);
		if (status < 0)
			return status;
	}
	return 0;
}

static int tick(struct run *r, int64_t now, struct err *err)
{
	int status;

	if (now < r->tick + TICK_NS)
		return 0;
	r->tick = now;
	status = flow_table_expire(r->table, now);
	if (status == 0)
		status = take_rows(r, err);
	if (status == 0 && r->stream)
		status = store_tick(r->stream, now, err);
	return status;
}

static int run_all(struct run *r, uint64_t bytes, struct err *err)
{
	static uint8_t frame[FRAMES][GEN_FRAME_MAX];
	struct pkt p[FRAMES];
	int status = 0;
	size_t i;

	while (r->bytes < bytes && status == 0) {
		r->own -= cpu_thread();
		for (i = 0; i < FRAMES; i++) {
			p[i] = (struct pkt){.data = frame[i], .linktype = 1};
			p[i].len = p[i].caplen = gen_next(r->gen, frame[i], &p[i].ts);
			p[i].clock = p[i].ts;
			p[i].number = r->packets + i + 1;
			r->bytes += p[i].len;
		}
		r->own += cpu_thread();
		r->packets += FRAMES;
		r->last = p[FRAMES - 1].ts;
		status = add_packets(r, p, FRAMES, err);
		if (status == 0)
			status = tick(r, r->last, err);
	}
	/* What the capture had when it was stopped. */
	if (status == 0)
		status = flow_table_finish(r->table, r->last);
	if (status == 0)
		status = take_rows(r, err);
	if (status == 0 && r->sink)
		status = sink_finish(r->sink, err);
	if (status == 0 && r->stream)
		status = store_finish(r->stream, r->last, NULL, 0, err);
	return status;
}

static int open_store(struct run *r, const char *dir, const struct flow_opts *o, struct err *err)
{
	const struct store_conf conf = {.app = "bench", .raw_limit = UINT64_MAX, .flow = *o};
	const struct store_iface eth = {.name = "eth0", .linktype = 1};
	char spec[4200];
	int status;

	snprintf(spec, sizeof(spec), "local:%s", dir);
	status = store_open(&r->store, spec, &conf, err);
	if (status == 0)
		status = store_stream_new(r->store, "bench", 0, GEN_START, &r->stream, err);
	return status < 0 ? status : store_iface(r->stream, &eth, err);
}

static int open_run(struct run *r, const char *how, const char *to, struct err *err)
{
	const struct flow_rows_env env = {.iface_name = iface_name, .drops = no_drops};
	const struct flow_opts o = {
		.idle = FLOW_IDLE_DEFAULT,
		.hold = FLOW_HOLD_DEFAULT,
		.max_memory = MEMORY,
	};
	const struct sink_conf file = {.format = SINK_PCAPNG, .app = "bench", .live = true};
	const struct sink_iface eth = {.name = "eth0", .linktype = 1, .ticks_per_sec = 1000000000};
	struct field_set base;
	int status;

	flow_derive_base(&base);
	status = flow_table_new(&r->table, &o, err);
	if (status == 0)
		status = flow_rows_new(&r->rows, &r->table, 1, &env);
	if (status == 0)
		status = batch_new(&r->batch, flow_store_schema(), &base);
	if (status < 0)
		return status;
	if (strcmp(how, "index") == 0) {
		r->index = true;
		r->size_refs = 4 * REFS;
		r->refs = malloc(r->size_refs * sizeof(*r->refs));
		r->tmp = malloc(r->size_refs * sizeof(*r->tmp));
		return r->refs && r->tmp ? 0 : -ENOMEM;
	}
	if (strcmp(how, "file") == 0) {
		status = sink_open(&r->sink, to, &file, err);
		return status < 0 ? status : sink_iface(r->sink, &eth, err);
	}
	r->keep_rows = strcmp(how, "store") == 0;
	return open_store(r, to, &o, err);
}

static void print(const struct run *r, double cpu, double wall)
{
	struct gen_pick k = {0};
	struct store_stream_stats s = {0};
	struct rusage use;

	if (r->stream)
		store_stream_stats(r->stream, &s);
	getrusage(RUSAGE_SELF, &use);
	gen_picked(r->gen, &k);
	printf("packets=%" PRIu64 " bytes=%" PRIu64 " flows=%" PRIu64 " rows=%" PRIu64
	       " cpu=%.6f sys=%.6f wall=%.6f seconds=%.3f kept=%" PRIu64 " index_bytes=%" PRIu64,
	       r->packets, r->bytes, gen_flows(r->gen), r->n_rows, r->index ? r->index_cpu : cpu,
	       (double)use.ru_stime.tv_sec + (double)use.ru_stime.tv_usec / 1e6, wall,
	       (double)(r->last - GEN_START) / 1e9, s.total.kept, r->index_bytes);
	printf(" a=%u.%u.%u.%u b=%u.%u.%u.%u port_a=%u port_b=%u given=%u first=%" PRId64 "\n",
	       k.addr[0] >> 24, k.addr[0] >> 16 & 255, k.addr[0] >> 8 & 255, k.addr[0] & 255,
	       k.addr[1] >> 24, k.addr[1] >> 16 & 255, k.addr[1] >> 8 & 255, k.addr[1] & 255,
	       k.port[0], k.port[1], k.given, k.first);
}

int packets_main(int argc, char **argv)
{
	struct run r = {.out = BUF_INIT, .tick = GEN_START};
	struct err err = {0};
	double cpu = cpu_process(), wall = wall_now();
	int status;

	if (argc != 7)
		return 2;
	r.gen = gen_new(atof(argv[5]), MEAN, 1);
	if (r.gen)
		gen_pick_from(r.gen, strtoull(argv[6], NULL, 10));
	status = r.gen ? open_run(&r, argv[2], argv[3], &err) : -ENOMEM;
	if (status >= 0)
		status = run_all(&r, strtoull(argv[4], NULL, 10), &err);
	if (status == 0)
		print(&r, cpu_process() - cpu - r.own, wall_now() - wall);
	else
		fprintf(stderr, "storerows: %s\n", err.code ? err.text : strerror(-status));
	sink_free(r.sink);
	store_stream_free(r.stream);
	store_close(r.store);
	batch_free(r.batch);
	flow_rows_free(r.rows);
	flow_table_free(r.table);
	free(r.refs);
	free(r.tmp);
	buf_done(&r.out);
	gen_free(r.gen);
	return status < 0;
}
