/* trawl past: packets that were kept, by time and pcap-filter. */
#include "cli/cmds.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "analyse/an_print.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "cli/answer_pcap.h"
#include "cli/capture_out.h"
#include "cli/common.h"
#include "cli/files.h"
#include "cli/time_range.h"
#include "net/dec.h"
#include "run/past.h"
#include "sink/sink.h"

#define LINES_SIZE 65536 /* bytes that are written together */

struct past_opts {
	struct cli_in_opts in;
	const char *write;
	int file_type;
	bool count, explain, utc;
	bool resources, quiet;
};

static const char *const file_types[] = {
	[SINK_BY_NAME] = "auto",
	[SINK_PCAPNG] = "pcapng",
	[SINK_PCAP] = "pcap",
	NULL,
};

/* clang-format off */
static const struct opt out_table[] = {
	{"write", 'w', OPT_STR, offsetof(struct past_opts, write), "FILE", NULL,
	 "write packets to FILE ('-': standard output) instead of printing them; pcapng, or classic pcap for names in .pcap", .conflicts = "count"},
	{"file-type", 'F', OPT_ENUM, offsetof(struct past_opts, file_type), "TYPE", "auto",
	 "of -w: pcapng or pcap; auto goes by the name", .words = file_types, .needs = "write"},
	{"count", 0, OPT_FLAG, offsetof(struct past_opts, count), NULL, NULL,
	 "only say how many packets there are, and their bytes on the wire"},
	{"explain", 0, OPT_FLAG, offsetof(struct past_opts, explain), NULL, NULL,
	 "say at the end on stderr what was read and what could be left out"},
	{"utc", 0, OPT_FLAG, offsetof(struct past_opts, utc), NULL, NULL,
	 "times in UTC instead of local time: those printed, and those asked for without a zone"},
	{"numeric", 'n', OPT_FLAG, offsetof(struct past_opts, in.numeric), NULL, NULL,
	 "accepted because other tools want it: no name is ever resolved"},
};

static const struct opt run_table[] = {
	{"resources", 0, OPT_FLAG, offsetof(struct past_opts, resources), NULL, NULL,
	 "say at the end on stderr: CPU time, peak memory, bytes read"},
	{"quiet", 'q', OPT_FLAG, offsetof(struct past_opts, quiet), NULL, NULL,
	 "no progress and no remarks; what makes an answer incomplete is still said"},
};

static const struct opt_set sets[] = {
	{"Input", cli_in_table, CLI_IN_SOURCES, offsetof(struct past_opts, in)},
	{"Time", cli_in_table + CLI_IN_TIMES, CLI_IN_REST - CLI_IN_TIMES, offsetof(struct past_opts, in)},
	{"Output", OPT_TABLE(out_table), 0},
	{"Running", OPT_TABLE(run_table), 0},
};
/* clang-format on */

/* One run of the command. */
struct past {
	struct cli *cli;
	const struct past_opts *opts;
	struct cli_files files;
	struct answer_pcap *pcap; /* -w */
	struct buf lines;
	struct past_stats stats;
	struct err err; /* of what takes the packets */
};

static int write_lines(struct past *p)
{
	int r = 0;

	if (p->lines.len) {
		cli_clear(p->cli);
		r = cli_write(NULL, p->lines.p, p->lines.len);
	}
	buf_clear(&p->lines);
	return r < 0 ? err_set(&p->err, r, "cannot write: %s", strerror(-r)) : 0;
}

static int print(struct past *p, const struct pkt *k)
{
	struct an_print_conf conf = {.utc = p->opts->utc, .ifaces = true};
	const struct run_iface *ifaces;
	struct dec d[DEC_LEVELS_MAX];
	const char *name;
	size_t n, levels;

	ifaces = p->files.dir ? run_dir_ifaces(p->files.dir, &n)
			      : run_files_ifaces(p->files.run, &n);
	name = k->iface < n ? ifaces[k->iface].name : NULL;
	conf.ifaces = p->files.dir || name; /* most files tell none */
	levels = dec_frame(k->linktype, k->data, k->caplen, k->len, d);
	an_print(&conf, k, d, levels, name, &p->lines);
	if (buf_err(&p->lines))
		return err_set(&p->err, -ENOMEM, "out of memory");
	/* who watches wants to see each */
	return p->cli->out_terminal || p->lines.len >= LINES_SIZE ? write_lines(p) : 0;
}

static int packet(void *arg, const struct pkt *k, uint64_t serial)
{
	struct past *p = arg;

	(void)serial;
	if (p->opts->count)
		return 0;
	return p->pcap ? answer_pcap_add(p->pcap, k, &p->err) : print(p, k);
}

static int finish(struct past *p, struct err *err)
{
	char text[96];
	int r;

	if (p->pcap)
		return answer_pcap_end(p->pcap, err);
	r = write_lines(p);
	if (r < 0)
		*err = p->err;
	if (r < 0 || !p->opts->count)
		return r;
	r = snprintf(text, sizeof(text), "%" PRIu64 " packets, %" PRIu64 " bytes\n",
		     p->stats.packets, p->stats.bytes);
	r = cli_write(NULL, text, (size_t)r);
	return r < 0 ? err_set(err, r, "cannot write: %s", strerror(-r)) : 0;
}

static void explain(const struct past *p)
{
	const struct past_stats *s = &p->stats;
	char gone[32] = "";

	cli_clear(p->cli);
	if (p->files.dir) {
		fprintf(stderr,
			"trawl: runs: %" PRIu64 " in the folder, %" PRIu64
			" without anything wanted, %" PRIu64 " read by their flows, %" PRIu64
			" by time\n",
			s->runs, s->runs_outside, s->runs - s->runs_outside - s->runs_by_time,
			s->runs_by_time);
		fprintf(stderr,
			"trawl: flows: %" PRIu64 " looked at, %" PRIu64 " never, %" PRIu64
			" maybe\n",
			s->flows, s->never, s->flows - s->never);
		if (s->gone)
			snprintf(gone, sizeof(gone), " %" PRIu64 " gone,", s->gone);
		fprintf(stderr,
			"trawl: segments: %" PRIu64 " of these runs, %" PRIu64
			" of other times, %" PRIu64 " without these flows,%s %" PRIu64
			" read, %" PRIu64 " of them whole for want of an index\n",
			s->segments, s->outside, s->without, gone, s->read, s->scanned);
		fprintf(stderr,
			"trawl: spans: %" PRIu64 " of segments read, %" PRIu64 " of other times\n",
			s->spans, s->spans_outside);
	}
	fprintf(stderr, "trawl: packets: %" PRIu64 " tested, %" PRIu64 " matched\n", s->tested,
		s->packets);
}

/* The packets, and the end of the output; an exit status. */
static int give(struct past *p)
{
	struct err err = {0}, end = {0};
	int r = 0;

	if (p->opts->write)
		r = answer_pcap_open(&p->pcap, p->opts->write, p->opts->file_type, p->files.run,
				     p->files.dir, &err);
	if (r < 0)
		return cli_fail(&err);
	if (p->files.dir)
		r = past_dir(p->files.dir, buf_str(&p->files.filter), packet, p, &p->stats, &err);
	else
		r = past_files(p->files.run, packet, p, &p->stats, &err);
	cli_clear(p->cli);
	if (p->err.code == -EPIPE)
		return CLI_DONE;
	if (r == -EDOM && !p->err.code)
		return cli_usage(p->cli, &err);
	if (r < 0 && r != -ECANCELED)
		return cli_fail(p->err.code ? &p->err : &err);
	if (finish(p, &end) < 0 && end.code != -EPIPE)
		return cli_fail(&end);
	if (p->opts->explain)
		explain(p);
	return r < 0 ? CLI_INCOMPLETE : CLI_DONE;
}

/* Takes the time range out of the operands. */
static int take_range(struct past_opts *o, const struct opt_list *operands, struct opt_list *words,
		      struct time_range *range, const char **ret_word, struct err *err)
{
	const char *found = NULL;
	size_t i;
	int r;

	for (i = 0; i < operands->n; i++) {
		if (!time_range_is(operands->v[i]) && !time_range_is_operand(operands->v[i])) {
			if (opt_list_add(words, operands->v[i]) < 0)
				return err_set(err, -ENOMEM, "out of memory");
		} else if (found) {
			return err_set(err, -EINVAL, "two time ranges: '%s' and '%s'", found,
				       operands->v[i]);
		} else {
			found = operands->v[i];
		}
	}
	if (!found)
		return 0;
	if (o->in.from || o->in.to)
		return err_set(err, -EINVAL,
			       "a time range ('%s') and --from or --to: they mean the same", found);
	r = time_range_parse(found, o->utc, range, err);
	if (r < 0)
		return r;
	*ret_word = found;
	o->in.from = *range->from ? range->from : NULL;
	o->in.to = *range->to ? range->to : NULL;
	return 0;
}

static int past_run(struct cli *c, void *opts, const struct opt_list *operands)
{
	struct past_opts *o = opts;
	struct past p = {.cli = c, .opts = o, .lines = BUF_INIT};
	const struct cli_flow_opts flow = {.idle = FLOW_IDLE_DEFAULT, .hold = FLOW_HOLD_DEFAULT};
	const struct cli_run_opts run = {
		.threads = 1, .resources = o->resources, .quiet = o->quiet};
	struct opt_list words = {0};
	struct time_range range = {"", ""};
	struct cli_files_opts fo = {.in = &o->in,
				    .flow = &flow,
				    .run = &run,
				    .filter = &words,
				    .utc = o->utc,
				    .packets = true};
	struct err err = {0};
	int status;

	c->quiet = o->quiet;
	if (take_range(o, operands, &words, &range, &fo.range, &err) < 0) {
		status = cli_usage(c, &err);
	} else if (o->write && capture_out_is_terminal(o->write)) {
		err_set(&err, -EINVAL,
			"-w %.64s: that is a terminal, and packets are no text: write them to a "
			"file (-w FILE) or into a pipe (-w - | ...), or have them printed, without "
			"-w",
			o->write);
		status = cli_usage(c, &err);
	} else {
		status = cli_files_open(&p.files, c, &fo);
		if (status == CLI_DONE) {
			status = give(&p);
			status = cli_files_report(&p.files, &fo, status);
		}
		cli_files_done(&p.files);
	}
	answer_pcap_free(p.pcap);
	buf_done(&p.lines);
	opt_list_done(&words);
	return status;
}

static const char *const examples[] = {
	"trawl past -r some.pcap 14:13..14:14 tcp port 443",
	"trawl past -10m..now 'host 10.0.0.1 and tcp port 443' --dir d -w out.pcapng",
	"trawl past 2026-11-21T10:00.. icmp --dir d --count --explain",
	NULL,
};

static const struct opt_cmd past_opt = {
	.name = "past",
	.operands = "[RANGE] [PCAP-FILTER]",
	.brief = "packets that were kept, by time and pcap-filter",
	.about = "Gives packets of captures in the order of time: all between the two times of "
		 "RANGE, as in 10:00..10:05 or -10m..now (either may be missing), that pass the "
		 "filter. With --dir flows that cannot have such a packet are not read.",
	.examples = examples,
	.sets = sets,
	.n_sets = sizeof(sets) / sizeof(sets[0]),
	.size = sizeof(struct past_opts),
	.is_operand = time_range_is_operand,
};

const struct cli_cmd cmd_past = {"Ask", &past_opt, past_run};
