#include "run/dir_impl.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "capture/src.h"
#include "flow/flow_schema.h"

#define PROGRESS_NS  100000000
#define TICKS_NS     1000000000
#define MEMORY_LEAST (UINT64_C(16) << 20)

void dir_note(struct run_dir *d, const char *fmt, ...)
{
	struct run_note *n;
	va_list ap;

	d->stats.incomplete = true;
	d->stats.notes_total++;
	if (d->stats.n_notes == DIR_NOTES_MAX)
		return;
	n = &d->notes[d->stats.n_notes++];
	va_start(ap, fmt);
	vsnprintf(n->text, sizeof(n->text), fmt, ap);
	va_end(ap);
}

const char *dir_name(const struct store_run *u, char to[DIR_NAME_SIZE])
{
	char q[DIR_NAME_SIZE - 2];

	err_quote(q, sizeof(q), u->capture, (unsigned)strlen(u->capture));
	snprintf(to, DIR_NAME_SIZE, "'%s'", q);
	return to;
}

void dir_fail(int code, struct err *err)
{
	err_set(err, code, "%s",
		code == -ENOMEM      ? "out of memory"
		: code == -ECANCELED ? "stopped before the end"
				     : strerror(-code));
}

static void store_note(void *arg, const char *text)
{
	dir_note(arg, "%s", text);
}

bool dir_go_on(struct run_dir *d)
{
	int64_t at;

	if (!d->in.progress)
		return true;
	at = clock_ns(CLOCK_MONOTONIC_COARSE);
	if (at - d->progress_at < PROGRESS_NS)
		return true;
	d->progress_at = at;
	return !d->in.progress(d->in.progress_arg, d->stats.bytes_read, 0);
}

void dir_begin(struct run_dir *d, int64_t from, int64_t to)
{
	d->stats = (struct run_stats){
		.notes = d->notes,
		.n_notes = d->n_found,
		.notes_total = d->n_found_total,
		.incomplete = d->n_found > 0,
	};
	d->from = from > d->in.from ? from : d->in.from;
	d->to = to < d->in.to ? to : d->in.to;
	d->packets = d->covered = false;
	d->n_missing = d->n_missed = 0;
	d->n_remarks = 0;
}

static bool stop(void *arg)
{
	return !dir_go_on(arg);
}

int dir_rebuild(struct run_dir *d, size_t run, struct err *err)
{
	return store_read_rebuild(d->read, run,
				  d->in.max_memory < MEMORY_LEAST ? MEMORY_LEAST : d->in.max_memory,
				  stop, d, err);
}

static int now(struct ql_src *s, int64_t *ret_ts, struct err *err)
{
	(void)s, (void)err;
	*ret_ts = clock_ns(CLOCK_REALTIME);
	return 0;
}

static const struct ql_src_ops ops = {
	.scan = dir_scan,
	.packets = dir_packets,
	.now = now,
};

/* The interfaces of one run among those of all. */
static int map_ifaces(struct run_dir *d, size_t run, const struct store_run *u)
{
	CLEANUP(freep) struct src_iface *v = calloc(u->n_ifaces + 1, sizeof(*v));
	struct ifmap_file file = {0};
	int64_t number = 0;
	size_t i;

	d->ifaces[run] = calloc(u->n_ifaces + 1, sizeof(**d->ifaces));
	if (!v || !d->ifaces[run])
		return -ENOMEM;
	for (i = 0; i < u->n_ifaces && number >= 0; i++) {
		v[i].name = u->ifaces[i].name;
		v[i].descr = u->ifaces[i].descr;
		v[i].linktype = u->ifaces[i].linktype;
		v[i].snaplen = u->snaplen;
		v[i].ticks_per_sec = TICKS_NS;
		number = ifmap_add(&d->ifmap, &file, v, i);
		if (number >= 0)
			d->ifaces[run][i] = (uint32_t)number;
	}
	ifmap_file_done(&file);
	return number < 0 ? (int)number : 0;
}

static int open_all(struct run_dir *d, struct err *err)
{
	const struct store_conf conf = {.read_only = true};
	CLEANUP(freep) char *spec = NULL;
	const struct store_run *runs;
	size_t n, i;
	int r;

	if (asprintf(&spec, "local:%s", d->path) < 0) {
		spec = NULL;
		return err_set(err, -ENOMEM, "out of memory");
	}
	r = store_open(&d->store, spec, &conf, err);
	if (r == 0)
		r = store_read_new_within(&d->read, d->store, d->in.from, d->in.to, store_note, d,
					  err);
	if (r < 0)
		return r;
	runs = store_read_runs(d->read, &n);
	d->ifaces = calloc(n + 1, sizeof(*d->ifaces));
	if (!d->ifaces)
		return err_set(err, -ENOMEM, "out of memory");
	for (i = 0; i < n && r == 0; i++)
		r = map_ifaces(d, i, &runs[i]);
	return r < 0 ? err_set(err, r, "out of memory") : 0;
}

int run_dir_new(struct run_dir **ret, const struct run_dir_input *in, struct err *err)
{
	CLEANUP(run_dir_freep) struct run_dir *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return err_set(err, -ENOMEM, "out of memory");
	d->ql.ops = &ops;
	d->ql.schema = flow_schema();
	d->ql.by_start = d->ql.by_serial = true;
	d->in = *in;
	d->from = d->first = in->from;
	d->to = d->last = in->to;
	d->stats.notes = d->notes;
	d->path = strdup(in->path);
	if (!d->path)
		return err_set(err, -ENOMEM, "out of memory");
	r = open_all(d, err);
	if (r < 0)
		return r;
	d->n_found = d->stats.n_notes;
	d->n_found_total = d->stats.notes_total;
	*ret = TAKE_PTR(d);
	return 0;
}

void run_dir_free(struct run_dir *d)
{
	size_t n = 0, i;

	if (!d)
		return;
	if (d->read)
		store_read_runs(d->read, &n);
	for (i = 0; d->ifaces && i < n; i++)
		free(d->ifaces[i]);
	free(d->ifaces);
	store_read_free(d->read);
	store_close(d->store);
	ifmap_done(&d->ifmap);
	free(d->missing);
	free(d->path);
	free(d);
}

void run_dir_range(struct run_dir *d, int64_t from, int64_t to)
{
	d->in.from = d->from = from > d->first ? from : d->first;
	d->in.to = d->to = to < d->last ? to : d->last;
}

bool run_dir_span(const struct run_dir *d, int64_t *ret_first, int64_t *ret_last)
{
	const struct store_run *runs;
	size_t n, i;

	runs = store_read_runs(d->read, &n);
	for (i = 0; i < n; i++) {
		if (!i || runs[i].start < *ret_first)
			*ret_first = runs[i].start;
		if (!i || runs[i].end > *ret_last)
			*ret_last = runs[i].end;
	}
	return n > 0;
}

struct ql_src *run_dir_ql(struct run_dir *d)
{
	return &d->ql;
}

const struct run_stats *run_dir_stats(struct run_dir *d)
{
	dir_cover(d);
	return &d->stats;
}

const struct run_note *run_dir_remarks(struct run_dir *d, size_t *ret_n)
{
	dir_cover(d);
	*ret_n = d->n_remarks;
	return d->remarks;
}

const struct run_iface *run_dir_ifaces(const struct run_dir *d, size_t *ret_n)
{
	*ret_n = d->ifmap.n;
	return d->ifmap.pub;
}
