/* What a capture is made of, and its end. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "capture/src.h"
#include "flow/flow_derive.h"
#include "run/live_impl.h"
#include "sink/sink.h"
#include "store/store.h"

int live_add_ifaces(struct live_worker *w, struct err *err)
{
	const struct src_iface *v;
	size_t i = w->n_ifaces, n;
	int number;

	v = src_ifaces(w->src, &n);
	if (n == i)
		return 0;
	if (live_count_grow(w) < 0)
		return err_set(err, -ENOMEM, "out of memory");
	for (; i < n; i++) {
		const struct sink_iface si = {
			.name = v[i].name,
			.descr = v[i].descr,
			.filter = v[i].filter,
			.hardware = v[i].hardware,
			.linktype = v[i].linktype,
			.speed = v[i].speed,
			.ticks_per_sec = 1000000000,
		};
		const struct store_iface ti = {
			.name = v[i].name,
			.descr = v[i].descr,
			.filter = v[i].filter,
			.hardware = v[i].hardware,
			.linktype = v[i].linktype,
			.speed = v[i].speed,
		};

		number = w->r->conf.sink ? sink_iface(w->r->conf.sink, &si, err)
			 : w->stream     ? store_iface(w->stream, &ti, err)
					 : (int)i;
		if (number < 0)
			return number;
		w->to[i] = (uint32_t)number;
	}
	return 0;
}

static const char *iface_name(void *arg, uint32_t iface)
{
	const struct live_worker *w = arg;
	const struct src_iface *v;
	size_t n;

	v = src_ifaces(w->src, &n);
	return iface < n ? v[iface].name : NULL;
}

static uint64_t drops(void *arg, int64_t from, int64_t to)
{
	const struct live_worker *w = arg;

	return w->drops.n ? drops_between(&w->drops, from, to) : 0;
}

static int init_flows(struct live_worker *w, struct err *err)
{
	const struct flow_rows_env env = {.arg = w, .iface_name = iface_name, .drops = drops};
	struct flow_opts o = w->r->conf.flow;
	struct field_set base = {0};
	int r;

	flow_derive_base(&base);
	o.max_memory /= w->r->n_workers;
	o.max_flows = (o.max_flows + w->r->n_workers - 1) / w->r->n_workers;
	r = flow_table_new(&w->table, &o, err);
	if (r < 0)
		return r;
	if (flow_rows_new(&w->rows, &w->table, 1, &env) < 0 ||
	    batch_new(&w->batch, flow_store_schema(), &base) < 0)
		return err_set(err, -ENOMEM, "out of memory");
	return store_stream_new(w->r->conf.store, w->r->conf.capture, w->number, w->r->start,
				&w->stream, err);
}

static int init_worker(struct run_live *r, unsigned i, struct src *src, struct err *err)
{
	struct live_worker *w = &r->workers[i];
	int status = 0;

	w->r = r;
	w->number = i;
	w->src = src;
	w->ticked = w->looked = r->start;
	clock_steady_look(&w->steady);
	if (r->conf.store)
		status = init_flows(w, err);
	if (status == 0)
		status = live_clock_look(w, true, err);
	if (status == 0)
		status = live_add_ifaces(w, err);
	return status;
}

static int open_all(struct run_live *r, const struct run_live_conf *c, struct err *err)
{
	const struct live_conf lc = {
		.ifaces = c->ifaces,
		.n = c->n_ifaces,
		.promisc = c->promisc,
		.snaplen = c->snaplen,
		.dir = c->dir,
		.buffer_total = c->buffer_total,
		.threads = r->n_workers,
		.filter = c->filter,
	};
	struct src *srcs[LIVE_THREADS_MAX];
	unsigned i;
	int status;

	status = src_live_new(srcs, r->priv, &lc, c->stop, err);
	if (status < 0)
		return status;
	for (i = 0; i < r->n_workers; i++)
		r->workers[i].src = srcs[i]; /* owned from here on */
	for (i = 0; i < r->n_workers && status == 0; i++)
		status = init_worker(r, i, srcs[i], err);
	return status;
}

int run_live_new(struct run_live **ret, struct priv *priv, const struct run_live_conf *conf,
		 struct err *err)
{
	struct run_live *r = calloc(1, sizeof(*r));
	int status;

	if (!r)
		return err_set(err, -ENOMEM, "out of memory");
	pthread_mutex_init(&r->lock, NULL);
	r->conf = *conf;
	r->quota.max = conf->max_packets;
	r->priv = priv;
	r->n_workers = conf->threads ? conf->threads : 1;
	r->decode = conf->store || conf->line || conf->headers_only;
	r->own = conf->own;
	r->own_age = 1; /* that of a worker is 0: it takes them at first */
	r->look.left = 1;
	r->start = clock_ns(CLOCK_REALTIME);
	r->began = clock_ns(CLOCK_BOOTTIME);
	clock_source(r->clock_source);
	r->workers = calloc(r->n_workers, sizeof(*r->workers));
	if (r->n_workers > LIVE_THREADS_MAX || (r->n_workers > 1 && !conf->store))
		status = err_set(err, -EINVAL, "several threads need a folder to write to");
	else if (!r->workers)
		status = err_set(err, -ENOMEM, "out of memory");
	else
		status = open_all(r, conf, err);
	if (status < 0) {
		run_live_free(r);
		return status;
	}
	*ret = r;
	return 0;
}

void run_live_free(struct run_live *r)
{
	unsigned i;

	if (!r)
		return;
	for (i = 0; r->workers && i < r->n_workers; i++) {
		struct live_worker *w = &r->workers[i];

		store_stream_free(w->stream);
		batch_free(w->batch);
		flow_rows_free(w->rows);
		flow_table_free(w->table);
		src_free(w->src);
		free(w->count);
		free(w->to);
		free(w->lost);
		free(w->shown);
	}
	free(r->workers);
	free(r->ifaces);
	pthread_mutex_destroy(&r->lock);
	free(r);
}
