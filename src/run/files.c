#include "run/files_impl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "filter/filter.h"
#include "flow/flow_schema.h"
#include "run/feed.h"
#include "run/packets.h"
#include "run/spool.h"

#define RECV_BATCH  256
#define SPOOL_PATH  "/proc/self/fd/"
#define PROGRESS_NS 100000000
#define STOPPED     "stopped before the end of the input"

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
	if (r->stopped) {
		r->stats.stopped = true;
		run_note(r, NULL, STOPPED);
	}
}

int run_feed(struct run_files *r, struct feed **ret, struct err *err)
{
	const struct feed_conf conf = {
		.paths = &r->paths,
		.ifaces = &r->ifmap,
		/* what was read before is read again whole */
		.stop = r->stopped ? NULL : r->in.stop,
		.limit = r->limit,
		.cut = r->cut,
		.note = feed_note,
		.note_arg = r,
	};

	return feed_new(ret, &conf, err);
}

bool run_go_on(struct run_files *r, const struct feed *f)
{
	uint64_t done, total;
	int64_t at;

	if (!r->in.progress)
		return true;
	at = clock_ns(CLOCK_MONOTONIC_COARSE);
	if (at - r->progress_at < PROGRESS_NS)
		return true;
	r->progress_at = at;
	feed_progress(f, &done, &total);
	return !r->in.progress(r->in.progress_arg, done, total) || r->stopped;
}

int run_misfits(struct run_files *r, const struct filter *f, struct err *err)
{
	char text[sizeof(r->notes[0].text)];
	struct err why;
	bool all;

	if (!f || !filter_misfits(f, &all, &why))
		return 0;
	if (all)
		return err_set(err, -EDOM, "filter: %s", why.text);
	snprintf(text, sizeof(text), "filter: %.270s: no packet of those passes", why.text);
	run_note(r, NULL, text);
	return 0;
}

void run_stopped(struct run_files *r, struct feed *f)
{
	feed_end(f);
	if (r->stopped)
		return;
	r->stopped = r->stats.stopped = true;
	r->limit = r->stats.packets;
	run_note(r, NULL, STOPPED);
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
	if (ret == 0)
		ret = run_misfits(r, p.filter, err);
	run_pass_done(&p);
	return ret;
}

/* First and last time need a reading of their own, once. */
static int look(struct run_files *r, struct err *err)
{
	CLEANUP(feed_freep) struct feed *f = NULL;
	struct run_stats *s = &r->stats;
	struct pkt pkts[RECV_BATCH];
	int64_t first = INT64_MAX;
	uint64_t done, total;
	int n, i;

	run_files_begin(r);
	n = run_feed(r, &f, err);
	if (n < 0)
		return n;
	while ((n = feed_recv(f, pkts, RECV_BATCH)) > 0) {
		for (i = 0; i < n; i++)
			first = pkts[i].ts < first ? pkts[i].ts : first;
		r->first = first;
		r->now = pkts[n - 1].clock;
		s->packets += (uint64_t)n;
		if (!run_go_on(r, f))
			break;
	}
	if (n < 0)
		return err_set(err, n, "out of memory");
	if (n > 0 || feed_stopped(f))
		run_stopped(r, f);
	feed_progress(f, &done, &total);
	s->bytes_read += done;
	r->has_now = true;
	return 0;
}

static int now(struct ql_src *s, int64_t *ret_ts, struct err *err)
{
	struct run_files *r = (struct run_files *)s;
	int ret = r->has_now ? 0 : look(r, err);

	if (ret < 0)
		return ret;
	r->stats.first = r->first;
	r->stats.last = r->now;
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
		return err_set(err, -ERANGE, "threads must be 1 to %d", RUN_THREADS_MAX);
	if (in->flow.max_flows && in->flow.max_flows < in->threads * RUN_FLOWS_MIN)
		return err_set(err, -ERANGE,
			       "--max-flows: %llu is too few for %u thread%s: each needs %d at "
			       "least",
			       (unsigned long long)in->flow.max_flows, in->threads,
			       in->threads == 1 ? "" : "s", RUN_FLOWS_MIN);
	if (!in->filter || !*in->filter)
		return 0;
	r = filter_new(&f, in->filter, err);
	return r < 0 ? err_wrap(err, r, "filter") : 0;
}

/* Takes path 'i' out of the list. */
static void drop_path(struct paths *p, size_t i)
{
	free(p->v[i]);
	p->n--;
	memmove(&p->v[i], &p->v[i + 1], (p->n - i) * sizeof(*p->v));
}

/* Makes a pipe among the paths readable more than once.  -EXDEV: it is no pipe. */
static int keep_pipe(struct run_files *r, size_t i, struct err *err)
{
	int fd = spool(r->paths.v[i], r->in.stop, &r->stopped, err);

	if (fd < 0)
		return fd;
	r->spooled[r->n_spooled++] = fd;
	free(r->paths.v[i]);
	if (asprintf(&r->paths.v[i], SPOOL_PATH "%d", fd) < 0) {
		r->paths.v[i] = NULL;
		return err_set(err, -ENOMEM, "out of memory");
	}
	return 0;
}

/* Where that is stopped, nothing else has been read: the copies are the input, and
 * an empty one is none. */
static int keep_pipes(struct run_files *r, struct err *err)
{
	struct stat st;
	size_t i;
	int code;

	r->spooled = calloc(r->paths.n ? r->paths.n : 1, sizeof(*r->spooled));
	if (!r->spooled)
		return err_set(err, -ENOMEM, "out of memory");
	for (i = 0; i < r->paths.n && !r->stopped; i++) {
		code = keep_pipe(r, i, err);
		if (code < 0 && code != -EXDEV)
			return code;
	}
	if (!r->stopped)
		return 0;
	r->cut = fstat(r->spooled[r->n_spooled - 1], &st) == 0 && st.st_size;
	if (!r->cut)
		drop_path(&r->paths, i - 1);
	for (i = r->paths.n; i > 0; i--)
		if (strncmp(r->paths.v[i - 1], SPOOL_PATH, strlen(SPOOL_PATH)) != 0)
			drop_path(&r->paths, i - 1);
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
	r->limit = UINT64_MAX;
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

void run_files_range(struct run_files *r, int64_t from, int64_t to)
{
	r->in.from = from;
	r->in.to = to;
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
