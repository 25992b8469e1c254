/* A store made of the packets of a capture file, as a live capture would make it. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture/src.h"
#include "flow/flow_rows.h"
#include "flow/flow_derive.h"
#include "flow/flow_schema.h"
#include "flow/flow_table.h"
#include "net/dec.h"
#include "store/store.h"

#define MAKE_SHARDS 4
#define MAKE_IFACES 64

struct make {
	const char *spec; /* of the store */
	const char *capture;
	unsigned shards; /* 0: 1 */
	int64_t start;   /* of the run; 0: the first packet's time */
	uint64_t raw_limit;
	uint64_t segment_size, quota;
	uint32_t keep;    /* bytes of each packet; 0: all */
	uint64_t max;     /* packets; 0: all */
	uint64_t tick;    /* packets between two ticks of a quarter second; 0: none */
	int64_t update;   /* between two versions of a flow; 0: only the last one */
	bool kill;        /* ends without store_finish(), after a tick */
	bool lock;        /* and leaves the stream open */
	const char *path; /* the capture */
	struct src *src;  /* instead of 'path'; it is freed */
	void (*each)(void *arg, uint64_t n); /* after each packet */
	void *arg;
};

struct maker {
	struct store *store;
	struct store_stream *st[MAKE_SHARDS];
	struct flow_table *table[MAKE_SHARDS];
	struct flow_rows *rows[MAKE_SHARDS];
	struct batch *batch;
	struct src *src;
	size_t n_ifaces;
};

static inline const char *make_iface_name(void *arg, uint32_t iface)
{
	struct maker *m = arg;
	size_t n;
	const struct src_iface *v = src_ifaces(m->src, &n);

	return iface < n ? v[iface].name : NULL;
}

static inline uint64_t make_drops(void *arg, int64_t from, int64_t to)
{
	(void)arg, (void)from, (void)to;
	return 0;
}

#define MAKE_CHECK(expr)                                                                           \
	do {                                                                                       \
		if ((expr) < 0) {                                                                  \
			fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #expr, err.text);   \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

/* Flows that have ended. */
static inline void make_rows(struct maker *m, unsigned i)
{
	struct err err = {0};

	flow_rows_sort(m->rows[i]);
	while (flow_rows_take(m->rows[i], m->batch) > 0)
		MAKE_CHECK(store_rows(m->st[i], m->batch, &err));
}

/* Versions of flows that go on. */
static inline void make_versions(struct maker *m, unsigned i, int64_t now)
{
	struct err err = {0};

	while (flow_rows_due(m->rows[i], now, m->batch) > 0)
		MAKE_CHECK(store_rows(m->st[i], m->batch, &err));
}

static inline void make_ifaces(struct maker *m, unsigned shards)
{
	struct err err = {0};
	size_t n;
	const struct src_iface *v = src_ifaces(m->src, &n);
	unsigned i;

	for (; m->n_ifaces < n; m->n_ifaces++) {
		const struct store_iface f = {.name = v[m->n_ifaces].name,
					      .descr = v[m->n_ifaces].descr,
					      .linktype = v[m->n_ifaces].linktype};

		for (i = 0; i < shards; i++)
			MAKE_CHECK(store_iface(m->st[i], &f, &err));
	}
}

static inline void make_init(struct maker *m, const struct make *o, unsigned shards, int64_t now)
{
	const struct flow_rows_env env = {m, make_iface_name, make_drops};
	struct store_conf conf = {.app = "test",
				  .raw_limit = o->raw_limit,
				  .segment_size = o->segment_size,
				  .quota = o->quota,
				  .flow = {.idle = FLOW_IDLE_DEFAULT,
					   .hold = FLOW_HOLD_DEFAULT,
					   .update = o->update,
					   .max_memory = 64 << 20}};
	struct field_set base = {0};
	struct err err = {0};
	unsigned i;

	flow_derive_base(&base);
	MAKE_CHECK(store_open(&m->store, o->spec, &conf, &err));
	MAKE_CHECK(batch_new(&m->batch, flow_store_schema(), &base));
	for (i = 0; i < shards; i++) {
		MAKE_CHECK(store_stream_new(m->store, o->capture, i, now, &m->st[i], &err));
		MAKE_CHECK(flow_table_new(&m->table[i], &conf.flow, &err));
		MAKE_CHECK(flow_rows_new(&m->rows[i], &m->table[i], 1, &env));
	}
}

static inline void make_packet(struct maker *m, const struct make *o, unsigned shards,
			       const struct pkt *p)
{
	struct flow_ref refs[DEC_LEVELS_MAX];
	struct dec d[DEC_LEVELS_MAX];
	struct store_flows flows = {.refs = refs, .keep = o->keep ? o->keep : UINT32_MAX};
	struct err err = {0};
	unsigned i;
	size_t k;

	flows.n = (uint32_t)dec_frame(p->linktype, p->data, p->caplen, p->len, d);
	for (k = 0; k < flows.n; k++)
		d[k].pkt = 0;
	i = shards > 1 ? flow_shard(&d[0], shards) : 0;
	while (flow_table_add(m->table[i], d, flows.n, p, refs) == -EAGAIN)
		make_rows(m, i);
	MAKE_CHECK(store_packets(m->st[i], p, 1, &flows, &err));
}

/* Feeds all of it; the store stays open in '*m' where 'lock' asks for it. */
static inline void make_store(struct maker *m, const struct make *o, struct store_stream_stats *ret)
{
	unsigned shards = o->shards ? o->shards : 1, i;
	int64_t now = 0, clock = 0, tick = 0;
	struct err err = {0};
	bool begun = false;
	uint64_t n = 0;
	struct pkt p;

	*m = (struct maker){.src = o->src};
	if (!m->src)
		MAKE_CHECK(src_open(&m->src, o->path, NULL, &err));
	if (o->start) {
		make_init(m, o, shards, now = o->start);
		begun = true;
	}
	while ((!o->max || n < o->max) && src_recv(m->src, &p, 1) > 0) {
		if (!begun)
			make_init(m, o, shards, now = p.ts);
		begun = true;
		n++;
		clock = p.clock > clock ? p.clock : clock;
		make_ifaces(m, shards);
		make_packet(m, o, shards, &p);
		if (o->tick && n % o->tick == 0)
			for (tick++, i = 0; i < shards; i++) {
				make_rows(m, i);
				make_versions(m, i, now + tick * 250000000);
				MAKE_CHECK(store_tick(m->st[i], now + tick * 250000000, &err));
			}
		if (o->each)
			o->each(o->arg, n);
	}
	if (!begun)
		make_init(m, o, shards, now = 1);
	make_ifaces(m, shards);
	now += tick * 250000000;
	clock = clock > now ? clock : now;
	for (i = 0; i < shards; i++) {
		if (o->kill) {
			make_rows(m, i);
			make_versions(m, i, clock + 1000000000);
			MAKE_CHECK(store_tick(m->st[i], clock + 1000000000, &err));
			if (ret)
				store_stream_stats(m->st[i], ret);
			if (!o->lock)
				store_stream_free(m->st[i]);
		} else {
			MAKE_CHECK(flow_table_finish(m->table[i], clock));
			make_rows(m, i);
			MAKE_CHECK(store_finish(m->st[i], clock, NULL, 0, &err));
			if (ret)
				store_stream_stats(m->st[i], ret);
			store_stream_free(m->st[i]);
		}
		flow_rows_free(m->rows[i]);
		flow_table_free(m->table[i]);
	}
	batch_free(m->batch);
	src_free(m->src);
	if (!o->lock)
		store_close(m->store);
}
