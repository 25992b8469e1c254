/* trawl flows: one row per flow. */
#include "cli/cmds.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/answer.h"
#include "cli/common.h"
#include "cli/fields.h"
#include "cli/files.h"
#include "flow/flow_schema.h"

struct flows_opts {
	struct cli_in_opts in;
	struct cli_flow_opts flow;
	struct cli_run_opts run;
	struct cli_out_opts out;
	const char *sort;
	uint64_t limit;
};

static const char *const formats[] = {"auto", "table", "csv", "json", "jsonl", NULL};

/* clang-format off */
static const struct opt out_table[] = {
	CLI_OUT_OPTIONS(formats,
			"how to write the rows; auto is table on a terminal and csv elsewhere",
			"columns to give, in this order, or 'all'; 'trawl explain' lists them; default: 16 of them"),
};

static const struct opt rows_table[] = {
	{"sort", 0, OPT_STR, offsetof(struct flows_opts, sort), "FIELD", NULL,
	 "order rows by FIELD, smallest first; with '-' in front, as in -ab_bytes, largest first; rows without a value come last"},
	{"limit", 0, OPT_U64, offsetof(struct flows_opts, limit), "N", "0",
	 "give only the first N rows; 0: all"},
};

static const struct opt_set sets[] = {
	{"Input", cli_in_table, CLI_IN_OPTIONS, offsetof(struct flows_opts, in)},
	{"Flows", cli_flow_table, CLI_FLOW_OPTIONS, offsetof(struct flows_opts, flow)},
	{"Rows", OPT_TABLE(rows_table), 0},
	{"Output", OPT_TABLE(out_table), offsetof(struct flows_opts, out)},
	{"Running", cli_run_table, CLI_RUN_OPTIONS, offsetof(struct flows_opts, run)},
};
/* clang-format on */

/* The same as a query, so that both are one pipeline. */
static int make_query(const struct flows_opts *o, struct buf *ret, struct err *err)
{
	const struct schema *s = flow_schema();

	buf_addstr(ret, "G.Flows()");
	if (o->sort) {
		bool down = o->sort[0] == '-';
		const char *name = o->sort + down;
		uint16_t fields[SCHEMA_FIELDS_MAX];
		size_t n;
		int r;

		r = cli_fields(s, name, fields, &n, err);
		if (r == 0 && n != 1)
			r = err_set(err, -EINVAL, "'%s' is more than one field", name);
		if (r < 0)
			return err_wrap(err, r, "--sort");
		buf_addf(ret, ".Sort('%s', %s)", s->fields[fields[0]].json, down ? "DESC" : "ASC");
	}
	if (o->limit)
		buf_addf(ret, ".Limit(%llu)", (unsigned long long)o->limit);
	return buf_err(ret) ? err_set(err, -ENOMEM, "out of memory") : 0;
}

static int flows_run(struct cli *c, void *opts, const struct opt_list *operands)
{
	CLEANUP(buf_done) struct buf query = BUF_INIT;
	struct flows_opts *o = opts;
	struct cli_files_opts fo = {&o->in, &o->flow, &o->run, operands, o->out.utc, false};
	struct cli_files files;
	struct err err = {0};
	uint16_t fields[SCHEMA_FIELDS_MAX];
	size_t n;
	int status;

	c->quiet = o->run.quiet;
	if (o->out.fields && cli_fields(flow_schema(), o->out.fields, fields, &n, &err) < 0) {
		err_wrap(&err, -EINVAL, "--fields");
		return cli_usage(c, &err);
	}
	if (make_query(o, &query, &err) < 0)
		return cli_usage(c, &err);
	status = cli_files_open(&files, c, &fo);
	if (status == CLI_DONE) {
		struct answer_opts ao = {
			.query = buf_str(&query),
			.format = (enum answer_format)o->out.format,
			.piped = ANSWER_CSV,
			.fields = o->out.fields,
			.utc = o->out.utc,
			.where = files.where,
			.max_memory = o->run.max_memory,
			.files = files.run,
			.dir = files.dir,
		};

		status = answer(c, cli_files_ql(&files), &ao);
		status = cli_files_report(&files, &fo, status);
	}
	cli_files_done(&files);
	return status;
}

static const char *const examples[] = {
	"trawl flows -r some.pcap",
	"trawl flows -r some.pcap --sort -ab_bytes --limit 10 tcp port 443",
	"trawl flows -r '/var/log/captures/*.pcap.zst' --where 'rtt_ns > 100000000' --format csv",
	NULL,
};

static const struct opt_cmd flows_opt = {
	.name = "flows",
	.operands = "[PCAP-FILTER]",
	.brief = "one row per flow: who, when, how much, how fast, what application",
	.about = "Reads captures and gives one row per flow, both directions in one; the inner "
		 "flow of a tunnel is a row of its own. A is the side that sent the first packet. "
		 "Only packets that pass the pcap-filter count.",
	.examples = examples,
	.sets = sets,
	.n_sets = sizeof(sets) / sizeof(sets[0]),
	.size = sizeof(struct flows_opts),
};

const struct cli_cmd cmd_flows = {"Analyse captures", &flows_opt, flows_run};
