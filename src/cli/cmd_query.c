/* trawl query: the query language on captures. */
#include "cli/cmds.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/answer.h"
#include "cli/common.h"
#include "cli/files.h"
#include "ql/ql.h"

struct query_opts {
	struct cli_in_opts in;
	struct cli_flow_opts flow;
	struct cli_run_opts run;
	struct cli_out_opts out;
	bool plan;
};

static const char *const formats[] = {"auto",  "table", "csv",    "json",
				      "jsonl", "pcap",  "pcapng", NULL};

/* clang-format off */
static const struct opt out_table[] = {
	CLI_OUT_OPTIONS(formats,
			"how to write the answer; auto is table on a terminal and json elsewhere; pcap and pcapng are for RawPackets()",
			"columns of flows to give, in this order, or 'all'; 'trawl explain' lists them; default: all in JSON, else those of 'trawl flows'"),
};

static const struct opt query_table[] = {
	{"plan", 0, OPT_FLAG, offsetof(struct query_opts, plan), NULL, NULL,
	 "print how the query would be worked out instead of its answer"},
};

static const struct opt_set sets[] = {
	{"Input", cli_in_table, CLI_IN_OPTIONS, offsetof(struct query_opts, in)},
	{"Flows", cli_flow_table, CLI_FLOW_OPTIONS, offsetof(struct query_opts, flow)},
	{"Query", OPT_TABLE(query_table), 0},
	{"Output", OPT_TABLE(out_table), offsetof(struct query_opts, out)},
	{"Running", cli_run_table, CLI_RUN_OPTIONS, offsetof(struct query_opts, run)},
};
/* clang-format on */

/* What can be told without reading a packet. */
static int check_query(const char *text, bool *ret_twice)
{
	CLEANUP(ql_freep) struct ql *q = NULL;
	struct err err = {0};

	if (ql_parse(&q, text, &err) == 0) {
		/* packets take a second reading, NOW one of its own before */
		*ret_twice = ql_kind(q) == QL_PACKETS || ql_uses_now(q);
		return CLI_DONE;
	}
	if (err.code != -EINVAL)
		return cli_fail(&err);
	err_wrap(&err, err.code, "query");
	return cli_point(&err, text);
}

static int query_run(struct cli *c, void *opts, const struct opt_list *operands)
{
	struct query_opts *o = opts;
	struct opt_list filter;
	struct cli_files_opts fo = {&o->in, &o->flow, &o->run, &filter, o->out.utc, false};
	struct cli_files files;
	struct err err;
	int status;

	c->quiet = o->run.quiet;
	if (!operands->n) {
		err_set(&err, -EINVAL, "a query is needed, as in \"G.Flows().Limit(10)\"");
		return cli_usage(c, &err);
	}
	filter = (struct opt_list){operands->v + 1, operands->n - 1};
	status = check_query(operands->v[0], &fo.keep_input);
	if (status != CLI_DONE)
		return status;
	status = cli_files_open(&files, c, &fo);
	if (status == CLI_DONE) {
		struct answer_opts ao = {
			.query = operands->v[0],
			.typed = true,
			.format = (enum answer_format)o->out.format,
			.piped = ANSWER_JSON,
			.fields = o->out.fields,
			.json_all = true,
			.utc = o->out.utc,
			.plan = o->plan,
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
	"trawl query -r some.pcapng \"G.Flows().Has('Transport.B', 443).Sort('Metric.ABBytes', "
	"DESC)\"",
	"trawl query -r some.pcap \"G.Flows().Count()\"",
	"trawl query -r some.pcap \"G.Flows().Has('Application', 'ICMPv4').RawPackets()\" "
	"--format pcap > icmp.pcap",
	NULL,
};

static const struct opt_cmd query_opt = {
	.name = "query",
	.operands = "QUERY [PCAP-FILTER]",
	.brief = "ask in the query language: flows, sums, groups, packets",
	.about = "Runs a query, a subset of Skydive's Gremlin, over the flows of captures. Words "
		 "are case-insensitive; fields have their JSON names or those of the CSV columns.",
	.examples = examples,
	.sets = sets,
	.n_sets = sizeof(sets) / sizeof(sets[0]),
	.size = sizeof(struct query_opts),
};

const struct cli_cmd cmd_query = {"Ask", &query_opt, query_run};
