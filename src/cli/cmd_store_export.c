/* trawl store export: all rows of a store, for other programs. */
#include "cli/cmds.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "analyse/out.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "cli/cmd_store.h"
#include "cli/fields.h"
#include "cli/files.h"
#include "flow/flow_schema.h"
#include "ql/ql_src_ops.h"

enum format { FORMAT_CSV, FORMAT_JSONL };
static const char *const formats[] = {"csv", "jsonl", NULL};

struct export_opts {
	const char *output, *from, *to;
	int format;
	const char *fields;
	bool utc;
	uint64_t max_memory;
	bool resources, quiet;
};

/* clang-format off */
static const struct opt time_table[] = {
	{"from", 0, OPT_TIME, offsetof(struct export_opts, from), "TIME", NULL,
	 "only flows that end at TIME or later; forms of TIME as of 'trawl flows'"},
	{"to", 0, OPT_TIME, offsetof(struct export_opts, to), "TIME", NULL,
	 "only flows that begin at TIME or before; +10m is here after --from, if that is given"},
	{"utc", 0, OPT_FLAG, offsetof(struct export_opts, utc), NULL, NULL,
	 "times without a zone are UTC instead of local time"},
};

static const struct opt out_table[] = {
	{"output", 'o', OPT_STR, offsetof(struct export_opts, output), "FILE", NULL,
	 "write to FILE, which must not be there, instead of standard output"},
	{"format", 0, OPT_ENUM, offsetof(struct export_opts, format), "FORMAT", "csv",
	 "how to write rows: csv with a header, or an object a line", .words = formats},
	{"fields", 0, OPT_STR, offsetof(struct export_opts, fields), "A,B,...", "all",
	 "columns to give, in this order; 'trawl explain' lists them"},
};

static const struct opt run_table[] = {
	{"max-memory", 0, OPT_SIZE, offsetof(struct export_opts, max_memory), "SIZE", NULL,
	 "memory for flows of captures that kept none and are made of their packets; default: half of the machine's", .min = 1 << 20},
	{"resources", 0, OPT_FLAG, offsetof(struct export_opts, resources), NULL, NULL,
	 "say at the end on stderr: CPU time, peak memory, bytes read"},
	{"quiet", 'q', OPT_FLAG, offsetof(struct export_opts, quiet), NULL, NULL,
	 "no progress and no remarks; what makes the rows incomplete is still said"},
};

static const struct opt_set sets[] = {
	{"Time", OPT_TABLE(time_table), 0},
	{"Output", OPT_TABLE(out_table), 0},
	{"Running", OPT_TABLE(run_table), 0},
};
/* clang-format on */

struct export
{
	struct cli *cli;
	struct cli_files files;
	uint16_t fields[SCHEMA_FIELDS_MAX];
	size_t n_fields;
	int fd; /* -o; -1: standard output */
	struct out *out;
	bool cut; /* Ctrl-C came before the last row was written */
	struct err err;
};

static int write_out(void *arg, const void *p, size_t n)
{
	struct export *x = arg;

	cli_clear(x->cli);
	return fd_write_all(x->fd < 0 ? STDOUT_FILENO : x->fd, p, n);
}

static int rows(void *arg, const struct batch *b)
{
	struct export *x = arg;

	x->cut = cli_stopped();
	return x->cut ? 1 : out_rows(x->out, b, NULL, &x->err);
}

/* All rows as they lie there: nothing is sorted, so nothing waits in memory. */
static int scan(struct export *x)
{
	struct ql_src *src = cli_files_ql(&x->files);
	struct ql_scan req = {.from = INT64_MIN, .to = INT64_MAX, .any_order = true};
	struct err err = {0};
	size_t i;
	int r;

	for (i = 0; i < x->n_fields; i++)
		field_set_add(&req.want, x->fields[i]);
	r = out_begin(x->out, src->schema, x->fields, x->n_fields, &x->err);
	if (r == 0)
		r = src->ops->scan(src, &req, rows, x, &err);
	x->cut |= r == -ECANCELED;
	if (r == 0 || r == -ECANCELED)
		r = out_end(x->out, &x->err);
	if (r < 0 && !x->err.code)
		x->err = err;
	return r;
}

static int open_output(struct export *x, const struct export_opts *o, struct err *err)
{
	const struct out_conf conf = {
		.format = o->format == FORMAT_CSV ? OUT_CSV : OUT_JSONL,
		.write = write_out,
		.arg = x,
		.terminal = !o->output && x->cli->out_terminal,
	};
	char q[128];

	x->fd = -1;
	if (o->output && strcmp(o->output, "-") != 0) {
		x->fd = open(o->output, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
		if (x->fd < 0)
			return err_set(
				err, -errno, "cannot create '%s': %s",
				err_quote(q, sizeof(q), o->output, (unsigned)strlen(o->output)),
				strerror(errno));
	}
	return out_new(&x->out, &conf, err);
}

static int close_output(struct export *x)
{
	if (x->fd >= 0 && close(TAKE_FD(x->fd)) < 0 && !x->err.code)
		return err_set(&x->err, -errno, "cannot write: %s", strerror(errno));
	return 0;
}

/* The source is open. */
static int give(struct export *x, const struct export_opts *o)
{
	struct err err = {0};
	int r = open_output(x, o, &err);

	if (r < 0)
		return cli_fail(&err);
	r = scan(x);
	if (close_output(x) < 0)
		r = x->err.code;
	out_free(x->out);
	cli_clear(x->cli);
	if (r == -EPIPE)
		return CLI_DONE;
	if (r < 0)
		return cli_fail(&x->err);
	return x->cut ? CLI_INCOMPLETE : CLI_DONE;
}

static int export_run(struct cli *c, void *opts, const struct opt_list *operands)
{
	const struct export_opts *o = opts;
	struct export x = {.cli = c, .fd = -1};
	struct cli_in_opts in = {.from = o->from, .to = o->to};
	const struct cli_flow_opts flow = {.idle = FLOW_IDLE_DEFAULT, .hold = FLOW_HOLD_DEFAULT};
	const struct cli_run_opts run = {.threads = 1,
					 .max_memory = o->max_memory,
					 .resources = o->resources,
					 .quiet = o->quiet};
	const struct cli_files_opts fo = {.in = &in, .flow = &flow, .run = &run, .utc = o->utc};
	struct err err = {0};
	int status = cli_store_dir(c, operands, &in.dir);

	c->quiet = o->quiet;
	if (status != CLI_DONE)
		return status;
	if (cli_fields(flow_schema(), o->fields, x.fields, &x.n_fields, &err) < 0) {
		err_wrap(&err, -EINVAL, "--fields");
		return cli_usage(c, &err);
	}
	status = cli_files_open(&x.files, c, &fo);
	if (status == CLI_DONE) {
		status = give(&x, o);
		status = cli_files_report(&x.files, &fo, status);
	}
	cli_files_done(&x.files);
	return status;
}

static const char *const examples[] = {
	"trawl store export /var/lib/trawl -o flows.csv",
	"trawl store export d --format jsonl --from -1h | gzip > flows.jsonl.gz",
	NULL,
};

static const struct opt_cmd export_opt = {
	.name = "store export",
	.operands = "DIR",
	.brief = "all flows of a folder of captures as CSV or JSON lines",
	.about = "Writes the row of each flow that 'trawl capture --dir DIR' has kept, with all "
		 "fields, in the order in which they lie there: whatever their number, that takes "
		 "little memory.",
	.examples = examples,
	.sets = sets,
	.n_sets = sizeof(sets) / sizeof(sets[0]),
	.size = sizeof(struct export_opts),
};

const struct cli_cmd cmd_store_export = {"Keep", &export_opt, export_run, "store"};
