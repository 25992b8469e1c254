#include "store/store_mem.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "flow/flow_schema.h"
#include "net/dec.h"
#include "store/store_ops.h"

_Static_assert(sizeof(((struct store_mem_pkt *)0)->refs) ==
		       DEC_LEVELS_MAX * sizeof(struct flow_ref),
	       "one for each level");

struct mem {
	struct store store;
	pthread_mutex_t lock;
	struct store_mem_pkt *pkts;
	struct store_mem_row *rows;
	struct store_mem_gap *gaps;
	size_t n_pkts, n_rows, n_gaps, finished;
	uint64_t bytes;
};

/* One more element of an array that doubles; NULL: out of memory. */
static void *append(void **v, size_t *n, size_t size)
{
	void *p;

	if (!(*n & (*n - 1))) {
		p = realloc(*v, (*n ? 2 * *n : 1) * size);
		if (!p)
			return NULL;
		*v = p;
	}
	return (char *)*v + (*n)++ * size;
}

static struct mem *mem_of(const struct store_stream *st)
{
	return (struct mem *)st->store;
}

static int mem_iface(struct store_stream *st, const struct store_iface *i, struct err *err)
{
	(void)st, (void)i, (void)err;
	return 0;
}

static int keep(struct mem *m, const struct pkt *p, const struct flow_ref *refs, uint32_t n)
{
	struct store_mem_pkt *to;
	uint8_t *data;

	if (m->store.conf.quota && m->bytes + p->caplen > m->store.conf.quota)
		return STORE_WHY_LIMIT;
	data = malloc(p->caplen + 1);
	to = data ? append((void **)&m->pkts, &m->n_pkts, sizeof(*to)) : NULL;
	if (!to) {
		free(data);
		return -ENOMEM;
	}
	*to = (struct store_mem_pkt){.pkt = *p, .n = n};
	to->pkt.data = memcpy(data, p->data, p->caplen);
	memcpy(to->refs, refs, n * sizeof(*refs));
	m->bytes += p->caplen;
	return 0;
}

static int mem_packet(struct store_stream *st, const struct pkt *p, const struct flow_ref *refs,
		      uint32_t n)
{
	struct mem *m = mem_of(st);
	int r;

	pthread_mutex_lock(&m->lock);
	r = keep(m, p, refs, n);
	pthread_mutex_unlock(&m->lock);
	return r;
}

static uint64_t number(const struct batch *b, enum flow_field f, size_t row)
{
	const struct col *c = b->cols[f];

	return c && col_has(c, row) ? c->v.u64[row] : 0;
}

static int mem_rows(struct store_stream *st, const struct batch *b, struct err *err)
{
	struct mem *m = mem_of(st);
	const struct col *start = b->cols[FLOW_start];
	struct store_mem_row *to = NULL;
	size_t i;

	pthread_mutex_lock(&m->lock);
	for (i = 0; i < b->n; i++) {
		to = append((void **)&m->rows, &m->n_rows, sizeof(*to));
		if (!to)
			break;
		*to = (struct store_mem_row){
			.serial = b->serial[i],
			.raw_packets = number(b, FLOW_ab_packets, i) +
				       number(b, FLOW_ba_packets, i) -
				       number(b, FLOW_raw_missing, i),
			.start = start && col_has(start, i) ? start->v.i64[i] : 0,
		};
	}
	pthread_mutex_unlock(&m->lock);
	st->rows += i;
	return i < b->n ? err_set(err, -ENOMEM, "out of memory") : 0;
}

static int mem_gap(struct store_stream *st, uint32_t iface, int64_t from, int64_t to,
		   enum store_why why, uint64_t count, struct err *err)
{
	struct mem *m = mem_of(st);
	struct store_mem_gap *g;

	pthread_mutex_lock(&m->lock);
	g = append((void **)&m->gaps, &m->n_gaps, sizeof(*g));
	if (g)
		*g = (struct store_mem_gap){iface, from, to, why, count};
	pthread_mutex_unlock(&m->lock);
	return g ? 0 : err_set(err, -ENOMEM, "out of memory");
}

static int mem_clock(struct store_stream *st, const struct clock_state *state, const char *source,
		     struct err *err)
{
	(void)st, (void)state, (void)source, (void)err;
	return 0;
}

static int mem_tick(struct store_stream *st, int64_t now, struct err *err)
{
	(void)st, (void)now, (void)err;
	return 0;
}

static int mem_finish(struct store_stream *st, int64_t now, const struct iface_stats *stats,
		      size_t n, struct err *err)
{
	struct mem *m = mem_of(st);

	(void)now, (void)stats, (void)n, (void)err;
	pthread_mutex_lock(&m->lock);
	m->finished++;
	pthread_mutex_unlock(&m->lock);
	return 0;
}

static void mem_stats(const struct store_stream *st, struct store_stream_stats *ret)
{
	(void)st, (void)ret;
}

static void mem_stream_free(struct store_stream *st)
{
	free(st);
}

static const struct store_stream_ops stream_ops = {
	.iface = mem_iface,
	.packet = mem_packet,
	.rows = mem_rows,
	.gap = mem_gap,
	.clock = mem_clock,
	.tick = mem_tick,
	.finish = mem_finish,
	.stats = mem_stats,
	.free = mem_stream_free,
};

static int mem_stream_new(struct store *s, const char *capture, unsigned shard, int64_t now,
			  struct store_stream **ret, struct err *err)
{
	struct store_stream *st = calloc(1, sizeof(*st));

	(void)s, (void)capture, (void)shard, (void)now;
	if (!st)
		return err_set(err, -ENOMEM, "out of memory");
	st->ops = &stream_ops;
	*ret = st;
	return 0;
}

static int mem_open(struct store **ret, const char *arg, const struct store_conf *conf,
		    struct err *err)
{
	struct mem *m = calloc(1, sizeof(*m));

	(void)arg;
	if (!m)
		return err_set(err, -ENOMEM, "out of memory");
	m->store.ops = &store_mem;
	m->store.conf = *conf;
	pthread_mutex_init(&m->lock, NULL);
	*ret = &m->store;
	return 0;
}

static void mem_free(struct store *s)
{
	struct mem *m = (struct mem *)s;
	size_t i;

	for (i = 0; i < m->n_pkts; i++)
		free((void *)m->pkts[i].pkt.data);
	free(m->pkts);
	free(m->rows);
	free(m->gaps);
	pthread_mutex_destroy(&m->lock);
	free(m);
}

const struct store_mem_pkt *store_mem_pkts(const struct store *s, size_t *ret_n)
{
	*ret_n = ((const struct mem *)s)->n_pkts;
	return ((const struct mem *)s)->pkts;
}

const struct store_mem_row *store_mem_rows(const struct store *s, size_t *ret_n)
{
	*ret_n = ((const struct mem *)s)->n_rows;
	return ((const struct mem *)s)->rows;
}

const struct store_mem_gap *store_mem_gaps(const struct store *s, size_t *ret_n)
{
	*ret_n = ((const struct mem *)s)->n_gaps;
	return ((const struct mem *)s)->gaps;
}

size_t store_mem_finished(const struct store *s)
{
	return ((const struct mem *)s)->finished;
}

const struct store_ops store_mem = {
	.scheme = "mem",
	.open = mem_open,
	.stream_new = mem_stream_new,
	.free = mem_free,
};
