/* What tools/bench store measures inside of the program, linked with its libraries.
 *
 *	storerows rows gen ROWS FLOWS_PER_S         makes rows once, then does what the lines
 *	storerows rows files CAPTURE...             of standard input ask for, one answer each:
 *
 *		trawl DIR all|lean ROWS PACE        into a store: CPU of store_rows() and
 *		                                    all around it, of all threads; by the
 *		                                    clock that the store is told PACE rows
 *		                                    come a second, 0: as their times say
 *		sqlite FILE plain|indexed ROWS
 *		nfdump FOLDER SECONDS ROWS
 *		pick                                a row to look for
 *
 *	storerows packets ...                       see storepkts.c
 *
 * Answers are lines of "name=value name=value ...".  How the rows got into memory, and that
 * they are moved in time when they are used again, is not in the figures. */
#include "storerows.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "capture/src.h"
#include "flow/flow_derive.h"
#include "flow/flow_rows.h"
#include "flow/flow_schema.h"
#include "net/dec.h"
#include "store/store.h"
#include "storegen.h"

#define TICK_NS   INT64_C(250000000) /* as a capture does */
#define MEAN      16                 /* packets in a generated flow with data */
#define IDLE_NS   (INT64_C(30) * 1000000000)
#define MEMORY    (UINT64_C(2) << 30)
#define FILE_GAP  INT64_C(1000000) /* ns between the beginnings of two files */
#define SPAN_GAP  INT64_C(1000000)
#define PATH_SIZE 4096

static double clock_s(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

double cpu_thread(void)
{
	return clock_s(CLOCK_THREAD_CPUTIME_ID);
}

double cpu_process(void)
{
	return clock_s(CLOCK_PROCESS_CPUTIME_ID);
}

double wall_now(void)
{
	return clock_s(CLOCK_MONOTONIC);
}

/* ---- making rows ---- */

struct maker {
	struct rows *to;
	struct flow_table *table;
	struct flow_rows *rows;
	uint64_t base; /* of serials: of files before */
	int64_t shift; /* of times */
	const char *iface;
};

static const char *iface_name(void *arg, uint32_t iface)
{
	const struct maker *m = arg;

	return iface == 0 ? m->iface : NULL;
}

static uint64_t no_drops(void *arg, int64_t from, int64_t to)
{
	(void)arg, (void)from, (void)to;
	return 0;
}

/* The same text for as long as the rows live. */
static const char *keep_text(struct rows *r, const struct val_str *s)
{
	uint64_t h = 1469598103934665603u; /* FNV-1a */
	size_t i, size;
	char **old, *p;

	for (i = 0; i < s->len; i++)
		h = (h ^ (uint8_t)s->p[i]) * 1099511628211u;
	if (2 * (r->n_texts + 1) > r->size_texts) {
		size = r->size_texts ? 4 * r->size_texts : 1024;
		old = r->texts;
		r->texts = calloc(size, sizeof(*r->texts));
		if (!r->texts)
			abort();
		for (i = 0; i < r->size_texts; i++) {
			if (!old[i])
				continue;
			size_t k;

			memcpy(&k, old[i], sizeof(k)); /* the hash stands before the text */
			for (k &= size - 1; r->texts[k]; k = (k + 1) & (size - 1))
				;
			r->texts[k] = old[i];
		}
		free(old);
		r->size_texts = size;
	}
	for (i = h & (r->size_texts - 1); (p = r->texts[i]); i = (i + 1) & (r->size_texts - 1))
		if (memcmp(p, &h, sizeof(h)) == 0 && strlen(p + 8) == s->len &&
		    memcmp(p + 8, s->p, s->len) == 0)
			return p + 8;
	p = calloc(1, 8 + s->len + 1);
	if (!p)
		abort();
	memcpy(p, &h, sizeof(h));
	memcpy(p + 8, s->p, s->len);
	r->texts[i] = p;
	r->n_texts++;
	return p + 8;
}

static bool is_lean(size_t f)
{
	/* What nfdump's records have, and what tells addresses apart. */
	static const uint16_t fields[] = {
		FLOW_start,       FLOW_last,        FLOW_network_a,   FLOW_network_b,
		FLOW_transport_a, FLOW_transport_b, FLOW_icmp_type,   FLOW_icmp_code,
		FLOW_ip_protocol, FLOW_ab_packets,  FLOW_ba_packets,  FLOW_ab_ip_bytes,
		FLOW_ba_ip_bytes, FLOW_ab_tcp_bits, FLOW_ba_tcp_bits, FLOW_ab_dscp,
		FLOW_ba_dscp,     FLOW_key_kind,    FLOW_finish_code, FLOW_version,
		FLOW_ended,
	};
	size_t i;

	for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (fields[i] == f)
			return true;
	return false;
}

static int add_batch(struct rows *r, struct batch **ret)
{
	struct field_set base;

	if (r->n_batches == r->size) {
		size_t size = r->size ? 2 * r->size : 64;
		void *v = realloc(r->v, size * sizeof(*r->v));

		if (!v)
			return -ENOMEM;
		r->v = v;
		r->size = size;
	}
	flow_derive_base(&base);
	if (batch_new(ret, flow_store_schema(), &base) < 0)
		return -ENOMEM;
	r->v[r->n_batches++] = *ret;
	return 0;
}

static void own_texts(struct rows *r, struct batch *b)
{
	size_t f, i;

	for (f = 0; f < b->schema->n; f++) {
		struct col *c = b->cols[f];

		for (i = 0; c && c->type == VAL_STR && i < b->n; i++)
			if (col_has(c, i))
				c->v.str[i].p = keep_text(r, &c->v.str[i]);
	}
}

static void move_times(struct batch *b, int64_t by)
{
	size_t f, i;

	for (f = 0; f < b->schema->n; f++) {
		struct col *c = b->cols[f];

		if (!c || c->type != VAL_TIME)
			continue;
		for (i = 0; i < b->n; i++)
			c->v.i64[i] += col_has(c, i) ? by : 0;
	}
}

static int take_rows(struct maker *m)
{
	struct rows *r = m->to;
	struct batch *b;
	size_t i, n;

	flow_rows_sort(m->rows);
	while (flow_rows_waiting(m->rows)) {
		if (add_batch(r, &b) < 0)
			return -ENOMEM;
		n = flow_rows_take(m->rows, b);
		own_texts(r, b);
		move_times(b, m->shift);
		for (i = 0; i < n; i++) {
			b->serial[i] += m->base;
			if (b->serial[i] >= r->serials)
				r->serials = b->serial[i] + 1;
		}
		r->n += n;
	}
	return 0;
}

static int maker_init(struct maker *m, struct rows *to, struct err *err)
{
	const struct flow_rows_env env = {.arg = m, .iface_name = iface_name, .drops = no_drops};
	const struct flow_opts o = {
		.idle = IDLE_NS,
		.hold = FLOW_HOLD_DEFAULT,
		.max_memory = MEMORY,
	};
	int r;

	*m = (struct maker){.to = to, .base = to->serials, .iface = "eth0"};
	r = flow_table_new(&m->table, &o, err);
	return r < 0 ? r : flow_rows_new(&m->rows, &m->table, 1, &env);
}

static void maker_done(struct maker *m)
{
	flow_rows_free(m->rows);
	flow_table_free(m->table);
}

/* Adds packets, at most DEC_LEVELS_MAX levels less than FLOW_BATCH. */
static int add_packets(struct maker *m, const struct pkt *pkts, size_t n)
{
	struct dec dec[FLOW_BATCH];
	size_t i, k, levels, at;
	int r;

	for (i = 0; i < n;) {
		for (at = 0, k = i; k < n && at + DEC_LEVELS_MAX <= FLOW_BATCH; k++, at += levels) {
			levels = dec_frame(pkts[k].linktype, pkts[k].data, pkts[k].caplen,
					   pkts[k].len, dec + at);
			for (size_t d = 0; d < levels; d++)
				dec[at + d].pkt = (uint32_t)(k - i);
		}
		while ((r = flow_table_add(m->table, dec, at, pkts + i, NULL)) == -EAGAIN)
			if (take_rows(m) < 0)
				return -ENOMEM;
		if (r < 0)
			return r;
		i = k;
	}
	m->to->packets += n;
	return 0;
}

/* Views of the rows, and the time they take. */
static int complete(struct rows *r)
{
	int64_t first = INT64_MAX, last = INT64_MIN;
	size_t i, f, k;

	r->lean = calloc(r->n_batches, sizeof(*r->lean));
	if (!r->lean)
		return -ENOMEM;
	for (i = 0; i < r->n_batches; i++) {
		struct batch *b = r->v[i];

		r->lean[i] = *b;
		r->lean[i].cols = calloc(b->schema->n, sizeof(*b->cols));
		if (!r->lean[i].cols)
			return -ENOMEM;
		for (f = 0; f < b->schema->n; f++)
			if (is_lean(f))
				r->lean[i].cols[f] = b->cols[f];
		for (k = 0; k < b->n; k++) {
			int64_t s = b->cols[FLOW_start]->v.i64[k];
			int64_t l = b->cols[FLOW_last]->v.i64[k];

			first = s < first ? s : first;
			last = l > last ? l : last;
		}
	}
	r->span = r->n ? last - first + SPAN_GAP : 0;
	return 0;
}

int rows_generate(struct rows *r, uint64_t n, double flows_per_s, struct err *err)
{
	static uint8_t frame[FLOW_BATCH][GEN_FRAME_MAX];
	struct gen *g = gen_new(flows_per_s, MEAN, 1);
	struct pkt p[FLOW_BATCH];
	int64_t tick = GEN_START;
	uint64_t number = 1;
	struct maker m;
	int status = maker_init(&m, r, err);
	size_t i;

	if (!g)
		status = err_set(err, -ENOMEM, "out of memory");
	while (status == 0 && r->n < n) {
		for (i = 0; i < FLOW_BATCH; i++, number++) {
			p[i] = (struct pkt){.data = frame[i], .linktype = 1};
			p[i].len = p[i].caplen = gen_next(g, frame[i], &p[i].ts);
			p[i].clock = p[i].ts;
			p[i].number = number;
		}
		status = add_packets(&m, p, FLOW_BATCH);
		if (p[0].ts < tick + TICK_NS)
			continue;
		tick = p[0].ts;
		if (status == 0)
			status = flow_table_expire(m.table, tick);
		if (status == 0)
			status = take_rows(&m);
	}
	gen_free(g);
	maker_done(&m);
	return status < 0 ? status : complete(r);
}

static int read_file(struct rows *r, const char *path, int64_t at, struct err *err)
{
	CLEANUP(src_freep) struct src *s = NULL;
	struct pkt p[FLOW_BATCH];
	struct maker m;
	int n, status;
	int64_t last = 0;

	status = src_open(&s, path, NULL, err);
	if (status < 0)
		return status;
	status = maker_init(&m, r, err);
	while (status == 0 && (n = src_recv(s, p, FLOW_BATCH)) > 0) {
		if (!m.shift)
			m.shift = GEN_START + at - p[0].ts;
		last = p[n - 1].clock;
		status = add_packets(&m, p, (size_t)n);
	}
	if (status == 0)
		status = flow_table_finish(m.table, last);
	if (status == 0)
		status = take_rows(&m);
	maker_done(&m);
	return status;
}

int rows_read(struct rows *r, char *const *paths, size_t n, unsigned *ret_bad, struct err *err)
{
	size_t i;

	*ret_bad = 0;
	for (i = 0; i < n; i++) {
		int status = read_file(r, paths[i], (int64_t)i * FILE_GAP, err);

		if (status == -ENOMEM)
			return status;
		*ret_bad += status < 0;
	}
	return complete(r);
}

void rows_move(struct rows *r, int64_t by)
{
	size_t i, k;

	for (i = 0; by && i < r->n_batches; i++) {
		struct batch *b = r->v[i];

		move_times(b, by * r->span);
		for (k = 0; k < b->n; k++)
			b->serial[k] += (uint64_t)by * r->serials;
	}
}

void rows_done(struct rows *r)
{
	size_t i;

	for (i = 0; i < r->n_batches; i++) {
		if (r->lean)
			free(r->lean[i].cols);
		batch_free(r->v[i]);
	}
	for (i = 0; i < r->size_texts; i++)
		free(r->texts[i]);
	free(r->texts);
	free(r->lean);
	free(r->v);
}

static uint64_t number(const struct batch *b, enum flow_field f, size_t i)
{
	return b->cols[f] && col_has(b->cols[f], i) ? b->cols[f]->v.u64[i] : 0;
}

void row_get(const struct batch *b, size_t i, struct row *ret)
{
	*ret = (struct row){
		.start = b->cols[FLOW_start]->v.i64[i],
		.last = b->cols[FLOW_last]->v.i64[i],
		.port_a = (uint16_t)number(b, FLOW_transport_a, i),
		.port_b = (uint16_t)number(b, FLOW_transport_b, i),
		.protocol = (uint8_t)number(b, FLOW_ip_protocol, i),
		.flags = {(uint8_t)number(b, FLOW_ab_tcp_bits, i),
			  (uint8_t)number(b, FLOW_ba_tcp_bits, i)},
		.tos = {(uint8_t)(number(b, FLOW_ab_dscp, i) << 2),
			(uint8_t)(number(b, FLOW_ba_dscp, i) << 2)},
		.packets = {number(b, FLOW_ab_packets, i), number(b, FLOW_ba_packets, i)},
		.bytes = {number(b, FLOW_ab_ip_bytes, i), number(b, FLOW_ba_ip_bytes, i)},
	};
	if (col_has(b->cols[FLOW_icmp_type], i))
		ret->port_b = (uint16_t)(number(b, FLOW_icmp_type, i) << 8 |
					 number(b, FLOW_icmp_code, i));
	if (col_has(b->cols[FLOW_network_a], i))
		ret->a = b->cols[FLOW_network_a]->v.addr[i];
	if (col_has(b->cols[FLOW_network_b], i))
		ret->b = b->cols[FLOW_network_b]->v.addr[i];
}

/* ---- measuring ---- */

/* Stores 'total' rows; the clock that the store is told goes with the rows' ends, or 'pace'
 * rows a second. */
static int store_all(struct store_stream *st, struct rows *r, uint64_t total, bool lean,
		     uint64_t pace, double *ret_own, struct err *err)
{
	int64_t now = GEN_START, tick = now;
	uint64_t done = 0;
	size_t i;
	int status = 0;

	*ret_own = 0;
	while (done < total && status == 0) {
		for (i = 0; i < r->n_batches && done < total && status == 0; i++) {
			struct batch *b = lean ? &r->lean[i] : r->v[i];
			int64_t last = b->cols[FLOW_last]->v.i64[b->n - 1];

			status = store_rows(st, b, err);
			done += b->n;
			now = pace         ? GEN_START + (int64_t)(done * 1000000000 / pace)
			      : last > now ? last
					   : now;
			if (status == 0 && now - tick >= TICK_NS) {
				status = store_tick(st, now, err);
				tick = now;
			}
		}
		*ret_own -= cpu_thread();
		rows_move(r, 1);
		r->times++;
		*ret_own += cpu_thread();
	}
	return status < 0 ? status : store_finish(st, now, NULL, 0, err);
}

static int do_trawl(struct rows *r, const char *dir, bool lean, uint64_t total, uint64_t pace,
		    struct err *err)
{
	const struct store_conf conf = {
		.app = "bench",
		.raw_limit = UINT64_MAX,
		.flow = {.idle = IDLE_NS, .hold = FLOW_HOLD_DEFAULT, .max_memory = MEMORY},
	};
	const struct store_iface eth = {.name = "eth0", .linktype = 1};
	struct store_stream_stats s = {0};
	struct store_stream *st = NULL;
	struct store *store = NULL;
	char spec[PATH_SIZE + 8];
	double cpu = cpu_process(), wall = wall_now(), own;
	int status;

	snprintf(spec, sizeof(spec), "local:%s", dir);
	status = store_open(&store, spec, &conf, err);
	if (status == 0)
		status = store_stream_new(store, "bench", 0, GEN_START, &st, err);
	if (status == 0 && store_iface(st, &eth, err) < 0)
		status = -EIO;
	if (status == 0)
		status = store_all(st, r, total, lean, pace, &own, err);
	if (st)
		store_stream_stats(st, &s);
	store_stream_free(st);
	store_close(store);
	if (status < 0)
		return status;
	printf("rows=%" PRIu64 " cpu=%.6f wall=%.6f dropped=%" PRIu64 "\n", s.rows,
	       cpu_process() - cpu - own, wall_now() - wall, s.rows_dropped);
	return 0;
}

/* A TCP flow of which there is one among the rows, with its addresses. */
static int do_pick(const struct rows *r)
{
	char a[ADDR_TEXT_SIZE], b[ADDR_TEXT_SIZE];
	struct row best = {0}, x;
	size_t i, k;

	for (i = r->n_batches / 2; i < r->n_batches && !best.protocol; i++) {
		for (k = 0; k < r->v[i]->n && !best.protocol; k++) {
			row_get(r->v[i], k, &x);
			/* Not one of the hosts that most talk to. */
			if (x.protocol == 6 && x.a.family == ADDR_IP4 && x.a.b[2] > 16 &&
			    x.packets[0] > 5 && x.packets[1] > 5)
				best = x;
		}
	}
	addr_text(&best.a, a);
	addr_text(&best.b, b);
	printf("a=%s b=%s port_a=%u port_b=%u start=%" PRId64 "\n", a, b, best.port_a, best.port_b,
	       best.start);
	return 0;
}

static int do_line(struct rows *r, char *line, struct err *err)
{
	char path[PATH_SIZE], how[32];
	uint64_t total, pace;
	double cpu;
	int status;

	rows_move(r, -(int64_t)r->times);
	r->times = 0;
	if (strcmp(line, "pick") == 0)
		return do_pick(r);
	if (sscanf(line, "trawl %4095s %31s %" SCNu64 " %" SCNu64, path, how, &total, &pace) == 4)
		return do_trawl(r, path, strcmp(how, "lean") == 0, total, pace, err);
	if (sscanf(line, "sqlite %4095s %31s %" SCNu64, path, how, &total) == 3)
		status = peer_sqlite(r, total, path, strcmp(how, "indexed") == 0, &cpu, err);
	else if (sscanf(line, "nfdump %4095s %31s %" SCNu64, path, how, &total) == 3)
		status = peer_nfdump(r, total, path, (unsigned)atoi(how), &cpu, err);
	else
		return err_set(err, -EINVAL, "what is '%.100s'?", line);
	if (status == 0)
		printf("cpu=%.6f\n", cpu);
	return status;
}

static int rows_main(int argc, char **argv)
{
	bool files = argc > 3 && strcmp(argv[2], "files") == 0;
	struct rows r = {0};
	struct err err = {0};
	char line[2 * PATH_SIZE];
	unsigned bad = 0;
	int status;

	if (files)
		status = rows_read(&r, argv + 3, (size_t)argc - 3, &bad, &err);
	else if (argc == 5)
		status = rows_generate(&r, strtoull(argv[3], NULL, 10), atof(argv[4]), &err);
	else
		return 2;
	if (status == 0)
		printf("rows=%" PRIu64 " packets=%" PRIu64 " span=%.3f unreadable=%u\n", r.n,
		       r.packets, (double)r.span / 1e9, bad);
	fflush(stdout);
	while (status == 0 && fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = 0;
		status = do_line(&r, line, &err);
		fflush(stdout);
	}
	if (status < 0)
		fprintf(stderr, "storerows: %s\n", err.code ? err.text : strerror(-status));
	rows_done(&r);
	return status < 0;
}

int main(int argc, char **argv)
{
	if (argc > 2 && strcmp(argv[1], "rows") == 0)
		return rows_main(argc, argv);
	if (argc > 2 && strcmp(argv[1], "packets") == 0)
		return packets_main(argc, argv);
	fprintf(stderr, "usage: storerows rows gen ROWS FLOWS_PER_S | rows files CAPTURE...\n"
			"       storerows packets ...\n");
	return 2;
}
