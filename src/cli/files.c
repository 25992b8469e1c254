#include "cli/files.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/parse.h"
#include "cli/system.h"
#include "cli/time_range.h"
#include "filter/filter.h"
#include "filter/where.h"
#include "flow/flow_schema.h"
#include "ql/ql_src_ops.h"

#define NS             INT64_C(1000000000)
#define PROGRESS_AFTER NS       /* work that takes less shows none */
#define PROGRESS_EVERY (NS / 5) /* between two drawings */
#define DIR_SHOWN      128      /* bytes of a path in a message */

void cli_clear(struct cli *c)
{
	if (c->progress)
		fputs("\r\x1b[K", stderr);
	c->progress = false;
}

static bool on_progress(void *arg, uint64_t done, uint64_t total)
{
	struct cli_files *f = arg;
	int64_t now = clock_ns(CLOCK_MONOTONIC);

	if (f->cli->err_terminal && !f->cli->quiet && now - f->began > PROGRESS_AFTER &&
	    now - f->shown > PROGRESS_EVERY) {
		if (total)
			fprintf(stderr, "\r\x1b[K%3.0f %% of %.1f MiB",
				100.0 * (double)done / (double)total, (double)total / 1048576);
		else
			fprintf(stderr, "\r\x1b[K%.1f MiB", (double)done / 1048576);
		f->shown = now;
		f->cli->progress = true;
	}
	return cli_stopped();
}

/* Times that count from the packets need two readings. */
static int open_run(struct cli_files *f, const struct cli_files_opts *o, int64_t from, int64_t to,
		    bool twice, struct err *err)
{
	struct run_input in = {
		.paths = o->in->read.v,
		.n_paths = o->in->read.n,
		.filter = buf_str(&f->filter),
		.from = from,
		.to = to,
		.keep_input = o->keep_input || twice,
		.threads = (unsigned)o->run->threads,
		.flow =
			{
				.idle = o->flow->idle,
				.hold = o->flow->hold,
				.max_flows = o->flow->max_flows,
				.max_memory =
					o->run->max_memory ? o->run->max_memory : cli_half_memory(),
				.key_mode = (enum flow_key_mode)o->flow->key_mode,
			},
		.progress = on_progress,
		.progress_arg = f,
		.stop = cli_stop(),
	};

	return run_files_new(&f->run, &in, err);
}

static enum time_base base_of(const char *time)
{
	return time ? parse_time_base(time) : TIME_FIXED;
}

/* Whether the times cannot be told without the packets'. */
static bool needs_span(const struct cli_in_opts *in)
{
	enum time_base to = base_of(in->to);

	return base_of(in->from) != TIME_FIXED || to == TIME_BEFORE_END ||
	       (to == TIME_AFTER_START && !in->from);
}

/* A look at all packets before the work itself. */
static int find_span(struct cli_files *f, const struct cli_files_opts *o, int64_t *ret_first,
		     int64_t *ret_last, struct err *err)
{
	struct ql_src *src;
	int r;

	r = open_run(f, o, INT64_MIN, INT64_MAX, true, err);
	if (r < 0)
		return r;
	src = run_files_ql(f->run);
	r = src->ops->now(src, ret_last, err);
	*ret_first = run_files_stats(f->run)->first;
	return r;
}

/* As of tcpslice: the end counts from the start. */
static int find_times(const struct cli_files_opts *o, int64_t first, int64_t last,
		      int64_t *ret_from, int64_t *ret_to, struct err *err)
{
	const char *from = o->in->from, *to = o->in->to;
	char q[DIR_SHOWN];
	int r = 0;

	if (from)
		r = parse_slice_time(from, base_of(from) == TIME_BEFORE_END ? last : first, o->utc,
				     ret_from, err);
	if (r < 0)
		return err_wrap(err, r, o->range ? "time range" : "--from");
	if (from)
		first = *ret_from;
	if (to)
		r = parse_slice_time(to, base_of(to) == TIME_BEFORE_END ? last : first, o->utc,
				     ret_to, err);
	if (r < 0)
		return err_wrap(err, r, o->range ? "time range" : "--to");
	if (*ret_from > *ret_to && o->range)
		return err_set(err, -EINVAL, "time range '%s': it ends before it begins",
			       err_quote(q, sizeof(q), o->range, (unsigned)strlen(o->range)));
	if (*ret_from > *ret_to)
		return err_set(err, -EINVAL, "--from is later than --to");
	return 0;
}

/* Filter and expression are checked first: what was typed wrong is told before
 * any file is opened. */
static int check_texts(struct cli_files *f, const struct cli_files_opts *o)
{
	CLEANUP(filter_freep) struct filter *filter = NULL;
	struct err err;
	size_t i;

	for (i = 0; o->filter && i < o->filter->n; i++)
		buf_addf(&f->filter, "%s%s", i ? " " : "", o->filter->v[i]);
	if (filter_new(&filter, buf_str(&f->filter), &err) < 0) {
		err_wrap(&err, err.code, "filter");
		return cli_point(&err, buf_str(&f->filter));
	}
	if (o->in->where && where_new(&f->where, o->in->where, flow_schema(), &err) < 0) {
		err_wrap(&err, err.code, "--where");
		return cli_point(&err, o->in->where);
	}
	return CLI_DONE;
}

/* What is wrong with the command itself: limits that are none. */
static int failed(const struct cli *c, const struct err *err)
{
	return err->code == -ERANGE ? cli_usage(c, err) : cli_fail(err);
}

/* Whether times of a folder are told without looking into it: none counts from its start. */
static bool are_known(const struct cli_in_opts *in)
{
	enum time_base to = base_of(in->to);

	return base_of(in->from) != TIME_AFTER_START && (to != TIME_AFTER_START || in->from);
}

static int find_dir_times(struct cli_files *f, const struct cli_files_opts *o, int64_t now,
			  struct err *err)
{
	int64_t from = INT64_MIN, to = INT64_MAX, first = 0, last = 0;
	int r;

	run_dir_span(f->dir, &first, &last);
	r = find_times(o, first, now, &from, &to, err);
	if (r == 0)
		run_dir_range(f->dir, from, to);
	return r;
}

/* A folder that somebody took for another one must not pass for an empty answer. */
static int check_dir(const struct cli_files *f, const char *path, struct err *err)
{
	int64_t first, last;
	char q[DIR_SHOWN];

	if (run_dir_span(f->dir, &first, &last) || run_dir_stats(f->dir)->notes_total)
		return 0;
	return err_set(err, -ENOENT,
		       "there is no capture in '%s': 'trawl capture --dir' makes a folder NAME/0 "
		       "there, with a journal (*.jrn) for each run",
		       err_quote(q, sizeof(q), path, (unsigned)strlen(path)));
}

static int open_dir(struct cli_files *f, const struct cli_files_opts *o)
{
	struct run_dir_input in = {
		.path = o->in->dir,
		.from = INT64_MIN,
		.to = INT64_MAX,
		.max_memory = o->run->max_memory ? o->run->max_memory : cli_half_memory(),
		.progress = on_progress,
		.progress_arg = f,
	};
	const int64_t now = clock_ns(CLOCK_REALTIME);
	struct err err = {0};
	int r;

	if (o->in->read.n)
		err_set(&err, -EINVAL, "-r and --dir: one of them says what to read");
	else if (o->filter && o->filter->n && !o->packets)
		err_set(&err, -EINVAL,
			"a pcap-filter is for packets, and --dir has flows: use --where, or BPF() "
			"behind RawPackets() in a query");
	if (err.code)
		return cli_usage(f->cli, &err);
	r = check_texts(f, o);
	if (r != CLI_DONE)
		return r;
	/* Captures of other times are not even looked into. */
	if (are_known(o->in) && find_times(o, 0, now, &in.from, &in.to, &err) < 0)
		return cli_usage(f->cli, &err);
	if (run_dir_new(&f->dir, &in, &err) < 0 || check_dir(f, in.path, &err) < 0)
		return cli_fail(&err);
	return find_dir_times(f, o, now, &err) < 0 ? cli_usage(f->cli, &err) : CLI_DONE;
}

static int open_files(struct cli_files *f, struct cli *c, const struct cli_files_opts *o)
{
	int64_t from = INT64_MIN, to = INT64_MAX, first = 0, last = 0;
	bool relative = needs_span(o->in);
	struct err err = {0};
	int r;

	if (!o->in->read.n) {
		const char *word = o->filter && o->filter->n ? o->filter->v[0] : NULL;

		if (word && access(word, F_OK) == 0)
			err_set(&err, -EINVAL, "nothing to read: did you mean -r %s?", word);
		else
			err_set(&err, -EINVAL,
				"nothing to read: name a capture with -r FILE, or what was kept "
				"with --dir DIR");
		return cli_usage(c, &err);
	}
	r = check_texts(f, o);
	if (r != CLI_DONE)
		return r;
	r = relative ? find_span(f, o, &first, &last, &err) : 0;
	cli_clear(c);
	if (r < 0)
		return failed(c, &err);
	if (find_times(o, first, last, &from, &to, &err) < 0)
		return cli_usage(c, &err);
	if (relative)
		run_files_range(f->run, from, to);
	else
		r = open_run(f, o, from, to, false, &err);
	return r < 0 ? failed(c, &err) : CLI_DONE;
}

int cli_files_open(struct cli_files *f, struct cli *c, const struct cli_files_opts *o)
{
	struct cli_in_opts in = *o->in;
	struct cli_files_opts dir = *o;
	struct time_range range;

	*f = (struct cli_files){.cli = c, .began = clock_ns(CLOCK_MONOTONIC)};
	if (!in.dir)
		return open_files(f, c, o);
	/* Of files a time of day is one of the day that they begin. */
	in.from = in.from ? time_range_today(in.from, o->utc, range.from) : NULL;
	in.to = in.to ? time_range_today(in.to, o->utc, range.to) : NULL;
	dir.in = &in;
	return open_dir(f, &dir);
}

void cli_files_done(struct cli_files *f)
{
	run_files_free(f->run);
	run_dir_free(f->dir);
	where_free(f->where);
	buf_done(&f->filter);
}

int cli_files_report(struct cli_files *f, const struct cli_files_opts *o, int status)
{
	const struct run_stats *s = f->run ? run_files_stats(f->run) : NULL;
	const struct run_note *remarks;
	size_t i, n = 0;

	cli_clear(f->cli);
	if (f->dir && status != CLI_USAGE) {
		s = run_dir_stats(f->dir);
		remarks = run_dir_remarks(f->dir, &n);
		for (i = 0; i < n; i++)
			cli_say(f->cli, "%s", remarks[i].text);
	}
	for (i = 0; s && i < s->n_notes; i++)
		fprintf(stderr, "trawl: %s\n", s->notes[i].text);
	if (s && s->notes_total > s->n_notes)
		fprintf(stderr, "trawl: %" PRIu64 " more places like these\n",
			s->notes_total - s->n_notes);
	if (status == CLI_INCOMPLETE && cli_stopped() && !(s && s->stopped))
		cli_say_stopped();
	if (status == CLI_DONE && s && s->incomplete)
		status = CLI_INCOMPLETE;
	if (status == CLI_INCOMPLETE)
		cli_say(f->cli, "the answer is incomplete");
	if (o->run->resources)
		cli_resources(s ? s->bytes_read : 0);
	return status;
}

struct ql_src *cli_files_ql(const struct cli_files *f)
{
	return f->dir ? run_dir_ql(f->dir) : run_files_ql(f->run);
}
