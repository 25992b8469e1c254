#include "run/files_impl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "filter/filter.h"
#include "flow/flow_schema.h"
#include "run/feed.h"
#include "run/packets.h"
#include "run/spool.h"

#define RECV_BATCH 256
#define SPOOL_PATH "/proc/self/fd/"

void run_note(struct run_files *r, const char *path, const char *text)
{
	struct run_note *n;
	char q[160];

	r->stats.incomplete = true;
	r->stats.notes_total++;
	if (r->stats.n_notes == RUN_NOTES_MAX)
		return;
	n = &r->notes[r->stats.n_notes++];
	if (path)
		snprintf(n->text, sizeof(n->text), "%s: %s",
			 strncmp(path, SPOOL_PATH, strlen(SPOOL_PATH)) == 0 ||
					 strcmp(path, "-") == 0
				 ? "standard input"
				 : err_quote(q, sizeof(q), path, (unsigned)strlen(path)),
			 text);
	else
		snprintf(n->text, sizeof(n->text), "%s", text);
}

static void feed_note(void *arg, const char *path, const char *text)
{
	run_note(arg, path, text);
}

void run_files_begin(struct run_files *r)
{
	r->stats = (struct run_stats){.notes = r->notes, .bytes_read = r->stats.bytes_read};
	r->drops.n = 0;
	ifmap_done(&r->ifmap);
}

static int scan(struct ql_src *s, const struct ql_scan *req, ql_batch_fn fn, void *arg,
		struct err *err)
{
	struct run_files *r = (struct run_files *)s;
	struct field_set want = req->want;
	struct run_pass p;
	int ret;

	run_files_begin(r);
	if (req->from != INT64_MIN || req->to != INT64_MAX) {
		field_set_add(&want, FLOW_start);
		field_set_add(&want, FLOW_last);
	}
	ret = run_pass_init(&p, r, &want, err);
	p.row_fn = fn;
	p.row_arg = arg;
	p.from = req->from;
	p.to = req->to;
	if (ret == 0)
		ret = run_pass_all(&p, err);
	run_pass_done(&p);
	return ret;
}

/* The last packet's time needs a reading of its own, once. */
static int now(struct ql_src *s, int64_t *ret_ts, struct err *err)
{
	struct run_files *r = (struct run_files *)s;
	CLEANUP(feed_freep) struct feed *f = NULL;
	struct pkt pkts[RECV_BATCH];
	int n;

	if (!r->has_now) {
		run_files_begin(r);
		n = feed_new(&f, &r->paths, &r->ifmap, feed_note, r, err);
		if (n < 0)
			return n;
		r->now = 0;
		while ((n = feed_recv(f, pkts, RECV_BATCH)) > 0)
			r->now = pkts[n - 1].clock;
		if (n < 0)
			return err_set(err, n, "out of memory");
		r->has_now = true;
	}
	*ret_ts = r->now;
	return 0;
}

static const struct ql_src_ops ops = {
	.scan = scan,
	.packets = run_packets,
	.now = now,
};

static int check_input(const struct run_input *in, struct err *err)
{
	CLEANUP(filter_freep) struct filter *f = NULL;
	int r;

	if (in->threads < 1 || in->threads > RUN_THREADS_MAX)
		return err_set(err, -EINVAL, "threads must be 1 to %d", RUN_THREADS_MAX);
	if (!in->filter || !*in->filter)
		return 0;
	r = filter_new(&f, in->filter, err);
	return r < 0 ? err_wrap(err, r, "filter") : 0;
}

/* Makes pipes among the paths readable more than once. */
static int keep_pipes(struct run_files *r, struct err *err)
{
	size_t i;

	r->spooled = calloc(r->paths.n, sizeof(*r->spooled));
	if (!r->spooled)
		return err_set(err, -ENOMEM, "out of memory");
	for (i = 0; i < r->paths.n; i++) {
		int fd = spool(r->paths.v[i], err);

		if (fd == -EXDEV)
			continue;
		if (fd < 0)
			return fd;
		r->spooled[r->n_spooled++] = fd;
		free(r->paths.v[i]);
		if (asprintf(&r->paths.v[i], SPOOL_PATH "%d", fd) < 0) {
			r->paths.v[i] = NULL;
			return err_set(err, -ENOMEM, "out of memory");
		}
	}
	return 0;
}

int run_files_new(struct run_files **ret, const struct run_input *in, struct err *err)
{
	CLEANUP(run_files_freep) struct run_files *r = NULL;
	size_t i;
	int code;

	code = check_input(in, err);
	if (code < 0)
		return code;
	r = calloc(1, sizeof(*r));
	if (!r)
		return err_set(err, -ENOMEM, "out of memory");
	r->ql.ops = &ops;
	r->ql.schema = flow_schema();
	r->in = *in;
	for (i = 0; i < in->n_paths; i++) {
		code = paths_add(&r->paths, in->paths[i], err);
		if (code < 0)
			return code;
	}
	if (in->filter && *in->filter) {
		r->filter_text = strdup(in->filter);
		if (!r->filter_text)
			return err_set(err, -ENOMEM, "out of memory");
	}
	if (in->keep_input) {
		code = keep_pipes(r, err);
		if (code < 0)
			return code;
	}
	r->in.paths = NULL;
	r->in.filter = NULL;
	run_files_begin(r);
	*ret = TAKE_PTR(r);
	return 0;
}

void run_files_free(struct run_files *r)
{
	size_t i;

	if (!r)
		return;
	for (i = 0; i < r->n_spooled; i++)
		close(r->spooled[i]);
	free(r->spooled);
	paths_done(&r->paths);
	ifmap_done(&r->ifmap);
	free(r->filter_text);
	free(r);
}

struct ql_src *run_files_ql(struct run_files *r)
{
	return &r->ql;
}

const struct run_stats *run_files_stats(struct run_files *r)
{
	return &r->stats;
}

const struct run_iface *run_files_ifaces(const struct run_files *r, size_t *ret_n)
{
	*ret_n = r->ifmap.n;
	return r->ifmap.pub;
}
