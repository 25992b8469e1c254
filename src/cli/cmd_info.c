/* trawl info: what is in a capture. */
#include "cli/cmds.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/stop.h"
#include "cli/info.h"
#include "run/paths.h"

#define BATCH     256
#define HASH_STEP (256 * 1024)

enum info_as { AS_TEXT, AS_CSV, AS_JSON, AS_JSONL };
static const char *const formats[] = {"text", "csv", "json", "jsonl", NULL};

struct info_opts {
	struct opt_list read;
	int format; /* enum info_as */
	bool hashes, utc, resources, quiet;
};

/* clang-format off */
static const struct opt in_table[] = {
	{"read", 'r', OPT_LIST, offsetof(struct info_opts, read), "FILE", NULL,
	 "capture to read, the same as an operand: a file, a glob in quotes, a folder, or '-' for standard input"},
};

static const struct opt out_table[] = {
	{"format", 0, OPT_ENUM, offsetof(struct info_opts, format), "FORMAT", "text",
	 "how to write it; text is a list for people, csv one line a file with its main numbers, json and jsonl everything", .words = formats},
	{"hashes", 'H', OPT_FLAG, offsetof(struct info_opts, hashes), NULL, NULL,
	 "SHA-256, RIPEMD-160 and SHA-1 of each file as it is stored"},
	{"utc", 0, OPT_FLAG, offsetof(struct info_opts, utc), NULL, NULL,
	 "times in UTC instead of local time"},
	{"resources", 0, OPT_FLAG, offsetof(struct info_opts, resources), NULL, NULL,
	 "say at the end on stderr: CPU time, peak memory, bytes read"},
	{"quiet", 'q', OPT_FLAG, offsetof(struct info_opts, quiet), NULL, NULL,
	 "no remarks on stderr but errors"},
};

static const struct opt_set sets[] = {
	{"Input", OPT_TABLE(in_table), 0},
	{"Output", OPT_TABLE(out_table), 0},
};
/* clang-format on */

struct info_run {
	const struct info_opts *opts;
	struct buf out;
	struct json json;
	size_t shown; /* files written so far */
	uint64_t bytes_read;
	int status;
};

static int hash_file(const char *path, struct digest_texts *ret, struct err *err)
{
	CLEANUP(digest_freep) struct digest *d = NULL;
	CLEANUP(freep) char *step = malloc(HASH_STEP);
	CLEANUP(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;
	int r;

	if (fd < 0)
		return err_set(err, -errno, "cannot open '%s': %s", path, strerror(errno));
	r = digest_new(&d);
	if (r < 0 || !step)
		return err_set(err, r < 0 ? r : -ENOMEM, "cannot hash '%s': %s", path,
			       strerror(r < 0 ? -r : ENOMEM));
	while ((n = stop_read(cli_stop(), fd, step, HASH_STEP)) > 0)
		digest_add(d, step, (size_t)n);
	if (n == -ECANCELED)
		return (int)n;
	if (n < 0)
		return err_set(err, (int)n, "cannot read '%s': %s", path, strerror((int)-n));
	digest_end(d, ret);
	return 0;
}

/* Reads to the end, or until told to stop: -ECANCELED then. */
static int read_all(struct src *src, struct an_info *an)
{
	struct pkt pkts[BATCH];
	int n;

	while ((n = src_recv(src, pkts, BATCH)) > 0) {
		int r = an_info_add(an, pkts, (size_t)n);

		if (r < 0)
			return r;
		if (cli_stopped())
			return -ECANCELED;
	}
	return n;
}

static void show(struct info_run *x, const struct info_file *f)
{
	switch ((enum info_as)x->opts->format) {
	case AS_TEXT:
		if (x->shown)
			buf_addch(&x->out, '\n');
		info_text(&x->out, f, x->opts->utc);
		break;
	case AS_CSV:
		if (!x->shown)
			info_csv_header(&x->out);
		info_csv(&x->out, f);
		break;
	case AS_JSON:
		if (!x->shown)
			json_array(&x->json);
		info_json(&x->json, f);
		break;
	case AS_JSONL:
		x->json = JSON_INIT(&x->out);
		info_json(&x->json, f);
		buf_addch(&x->out, '\n');
		break;
	}
	x->shown++;
}

/* What the lists for programs do not show in words. */
static void say_notes(struct cli *c, const struct info_run *x, const struct info_file *f)
{
	const struct src_note *notes;
	uint64_t total;
	size_t n;

	notes = src_notes(f->src, &n, &total);
	if (x->opts->format == AS_TEXT)
		return;
	for (size_t i = 0; i < n; i++)
		cli_say(c, "%s: offset %llu: %s", f->path, (unsigned long long)notes[i].off,
			notes[i].text);
}

/* One file.  0, or -errno with 'err' set where nothing of it can be shown. */
static int info_file(struct cli *c, struct info_run *x, const char *path, struct err *err)
{
	CLEANUP(src_freep) struct src *src = NULL;
	struct info_file f = {.path = path};
	uint64_t notes;
	size_t n;
	int r;

	r = src_open(&src, path, cli_stop(), err);
	if (r == -ECANCELED)
		return 0; /* nothing of it is known */
	if (r < 0)
		return r;
	an_info_init(&f.an);
	r = read_all(src, &f.an);
	if (r == -ENOMEM) {
		an_info_done(&f.an);
		return err_set(err, r, "out of memory");
	}
	f.src = src;
	f.meta = src_meta(src);
	x->bytes_read += f.meta.read;
	src_notes(src, &n, &notes);
	if (r || notes)
		x->status = CLI_INCOMPLETE;
	r = 0;
	if (x->opts->hashes && f.meta.size) { /* a pipe cannot be read again */
		r = hash_file(path, &f.hash, err);
		f.hashed = r == 0;
		r = r == -ECANCELED ? 0 : r;
	}
	show(x, &f);
	say_notes(c, x, &f);
	an_info_done(&f.an);
	return r;
}

/* What is not there is said; the others are read all the same. */
static int find_files(struct paths *p, const struct info_opts *o, const struct opt_list *operands)
{
	const struct opt_list *const lists[] = {&o->read, operands};
	struct err err = {0};
	int status = CLI_DONE;

	for (size_t k = 0; k < 2; k++)
		for (size_t i = 0; i < lists[k]->n; i++)
			if (paths_add(p, lists[k]->v[i], &err) < 0)
				status = cli_fail(&err);
	return status;
}

static int flush(struct info_run *x)
{
	int r = buf_err(&x->out);

	if (r == 0)
		r = cli_write(NULL, buf_str(&x->out), x->out.len);
	buf_clear(&x->out);
	return r;
}

/* 'status' is what is known before. */
static int run_files(struct cli *c, struct info_run *x, const struct paths *p, int status)
{
	struct err err = {0};
	int r = 0;

	for (size_t i = 0; i < p->n && r == 0 && !cli_stopped(); i++) {
		if (info_file(c, x, p->v[i], &err) < 0)
			status = cli_fail(&err);
		r = flush(x);
	}
	if (x->opts->format == AS_JSON && r == 0) {
		if (!x->shown)
			json_array(&x->json);
		json_array_end(&x->json);
		buf_addch(&x->out, '\n');
		r = flush(x);
	}
	if (r == -EPIPE)
		return CLI_DONE;
	if (r < 0) {
		err_set(&err, r, "cannot write: %s", strerror(-r));
		return cli_fail(&err);
	}
	if (cli_stopped()) {
		x->status = CLI_INCOMPLETE;
		cli_say_stopped();
	}
	return status != CLI_DONE ? status : x->status;
}

static int info_run(struct cli *c, void *opts, const struct opt_list *operands)
{
	struct info_run x = {.opts = opts, .out = BUF_INIT};
	const struct info_opts *o = opts;
	struct paths paths = {0};
	struct err err = {0};
	int status;

	c->quiet = o->quiet;
	x.json = JSON_INIT(&x.out);
	if (!o->read.n && !operands->n) {
		err_set(&err, -EINVAL, "no file given");
		return cli_usage(c, &err);
	}
	status = find_files(&paths, o, operands);
	status = run_files(c, &x, &paths, status);
	paths_done(&paths);
	buf_done(&x.out);
	if (o->resources)
		cli_resources(x.bytes_read);
	return status;
}

static const char *const examples[] = {
	"trawl info some.pcapng",
	"trawl info --format csv '/var/log/captures/*.pcap.zst'",
	"ssh gateway tcpdump -w - -c 100 | trawl info -",
	NULL,
};

static const struct opt_cmd info_opt = {
	.name = "info",
	.operands = "[FILE...]",
	.brief = "what is in a capture: its interfaces, packets, times, gaps, drops, damage",
	.about = "Reads each capture to its end and tells what it holds. Damage is told with its\n"
		 "offset; reading goes on behind it where that is possible, and the exit status "
		 "is 3.",
	.examples = examples,
	.sets = sets,
	.n_sets = sizeof(sets) / sizeof(sets[0]),
	.size = sizeof(struct info_opts),
};

const struct cli_cmd cmd_info = {"Analyse captures", &info_opt, info_run};
