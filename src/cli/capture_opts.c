#include "cli/capture_opts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "cli/capture_out.h"
#include "cli/system.h"
#include "run/live.h"
#include "sink/sink.h"
#include "store/retain.h"
#include "store/store.h"

#define CAPTURE_FLOWS_DEFAULT 500000 /* in memory at once: DESIGN's default for live captures */

static const char *const directions[] = {
	[LIVE_BOTH] = "inout",
	[LIVE_IN] = "in",
	[LIVE_OUT] = "out",
	NULL,
};
static const char *const file_types[] = {
	[SINK_BY_NAME] = "auto",
	[SINK_PCAPNG] = "pcapng",
	[SINK_PCAP] = "pcap",
	NULL,
};
static const char *const stats_words[] = {
	[CAPTURE_STATS_AUTO] = "auto",
	[CAPTURE_STATS_NONE] = "none",
	[CAPTURE_STATS_LINE] = "line",
	[CAPTURE_STATS_JSONL] = "jsonl",
	NULL,
};

/* clang-format off */
static const struct opt in_table[] = {
	{"interface", 'i', OPT_LIST, offsetof(struct capture_opts, ifaces), "IF", NULL,
	 "interface to capture on: a name, a glob in quotes, 'any' for all, or netns:NAME/IF in a network namespace; default: that of the default route"},
	{"no-promiscuous-mode", 'p', OPT_FLAG, offsetof(struct capture_opts, no_promisc), NULL, NULL,
	 "leave the interface as it is: only what is meant for this host"},
	{"direction", 'Q', OPT_ENUM, offsetof(struct capture_opts, direction), "WAY", "inout",
	 "which packets, as the interface sees it: what it receives (in), what it sends (out) or both", .words = directions},
	{"snapshot-length", 's', OPT_U64, offsetof(struct capture_opts, snaplen), "N", "0",
	 "keep the first N bytes of each packet; 0: all", .max = 262144},
	{"headers-only", 0, OPT_FLAG, offsetof(struct capture_opts, headers_only), NULL, NULL,
	 "keep headers up to the transport's, no payload"},
	{"buffer-total", 0, OPT_SIZE, offsetof(struct capture_opts, buffer_total), "SIZE", "256M",
	 "memory for packets on their way, of all interfaces together", .min = 1 << 20},
};

static const struct opt out_table[] = {
	{"write", 'w', OPT_STR, offsetof(struct capture_opts, write), "FILE", NULL,
	 "write packets to FILE ('-': standard output) instead of printing them; pcapng, or classic pcap for names in .pcap", .conflicts = "dir"},
	{"file-type", 'F', OPT_ENUM, offsetof(struct capture_opts, file_type), "TYPE", "auto",
	 "of -w: pcapng or pcap; auto goes by the name", .words = file_types, .needs = "write"},
	{"dir", 0, OPT_STR, offsetof(struct capture_opts, dir), "DIR", NULL,
	 "keep packets with their flows in the folder DIR, for 'trawl query --dir DIR'; it is made if it is missing"},
	{"name", 0, OPT_STR, offsetof(struct capture_opts, name), "NAME", "capture",
	 "of --dir: the capture's name there", .needs = "dir"},
	{"rawpacket-limit", 0, OPT_STR, offsetof(struct capture_opts, raw_limit), "N", "all",
	 "of --dir: keep the first N packets of each flow; 0: none, only flows", .needs = "dir"},
	{"quota", 0, OPT_SIZE, offsetof(struct capture_opts, quota), "SIZE", "0",
	 "of --dir: the folder never has more than SIZE bytes (at least 16M): the oldest packets go, then the oldest flows; 0: no limit", .needs = "dir"},
	{"keep-packets", 0, OPT_DUR, offsetof(struct capture_opts, keep_packets), "TIME", "0",
	 "of --dir: remove packets when they are older than TIME, as in 24h or 7d; 0: never", .needs = "dir"},
	{"keep-flows", 0, OPT_DUR, offsetof(struct capture_opts, keep_flows), "TIME", "0",
	 "of --dir: remove rows of flows when they are older than TIME; 0: never", .needs = "dir"},
	{"min-free", 0, OPT_STR, offsetof(struct capture_opts, min_free), "SIZE", "0",
	 "of --dir: remove the oldest when less than SIZE, or PERCENT%, of the disk is free; 0: never", .needs = "dir"},
	{"utc", 0, OPT_FLAG, offsetof(struct capture_opts, utc), NULL, NULL,
	 "print times in UTC instead of local time"},
	{"numeric", 'n', OPT_FLAG, offsetof(struct capture_opts, numeric), NULL, NULL,
	 "accepted because other tools want it: no name is ever resolved"},
};

static const struct opt end_table[] = {
	{"count", 'c', OPT_U64, offsetof(struct capture_opts, count), "N", "0",
	 "end after N packets; 0: do not"},
	{"duration", 0, OPT_DUR, offsetof(struct capture_opts, duration), "TIME", "0s",
	 "end after TIME, as in 10m; 0: do not"},
};

static const struct opt run_table[] = {
	{"stats", 0, OPT_ENUM, offsetof(struct capture_opts, stats), "HOW", "auto",
	 "numbers once a second on stderr: a line drawn over and over, or JSON lines; auto is a line on a terminal, else none; SIGUSR1 asks for them at any time", .words = stats_words},
	{"threads", 0, OPT_U64, offsetof(struct capture_opts, threads), "N", "1",
	 "of --dir: threads that share the packets; both directions of a flow stay together", .min = 1, .max = LIVE_THREADS_MAX, .needs = "dir"},
	{"max-memory", 0, OPT_SIZE, offsetof(struct capture_opts, max_memory), "SIZE", NULL,
	 "of --dir: memory for flows; default: half of the machine's", .min = 1 << 20, .needs = "dir"},
	{"resources", 0, OPT_FLAG, offsetof(struct capture_opts, resources), NULL, NULL,
	 "say at the end on stderr: CPU time, peak memory"},
	{"quiet", 'q', OPT_FLAG, offsetof(struct capture_opts, quiet), NULL, NULL,
	 "no remarks and no numbers; packets that were dropped are still said"},
};

const struct opt_set capture_sets[CAPTURE_SETS] = {
	{"Input", OPT_TABLE(in_table), 0},
	{"Output", OPT_TABLE(out_table), 0},
	{"End", OPT_TABLE(end_table), 0},
	{"Flows of --dir", cli_flow_table, CLI_FLOW_OPTIONS, offsetof(struct capture_opts, flow), "dir"},
	{"Running", OPT_TABLE(run_table), 0},
};
/* clang-format on */

int capture_opts_raw_limit(const struct capture_opts *o, uint64_t *ret, struct err *err)
{
	char *end, q[64];

	*ret = UINT64_MAX;
	if (strcmp(o->raw_limit, "all") == 0)
		return 0;
	errno = 0;
	*ret = strtoull(o->raw_limit, &end, 10);
	if (errno || *end || end == o->raw_limit || o->raw_limit[0] == '-')
		return err_set(
			err, -EINVAL, "--rawpacket-limit: '%s' is neither a number nor 'all'",
			err_quote(q, sizeof(q), o->raw_limit, (unsigned)strlen(o->raw_limit)));
	return 0;
}

int capture_opts_check(const struct capture_opts *o, struct err *err)
{
	struct store_conf store = {0};
	uint64_t limit;
	size_t i;
	int r = capture_opts_raw_limit(o, &limit, err);

	if (r == 0)
		r = capture_opts_min_free(o, &store, err);
	if (r < 0)
		return r;
	r = retain_segment_size(o->quota, STORE_SEGMENT_SIZE, (unsigned)o->threads, &limit, err);
	if (r < 0)
		return err_wrap(err, r, "--quota");
	if (!*o->name || strlen(o->name) > STORE_NAME_MAX)
		return err_set(err, -EINVAL, "--name: the name of a capture has 1 to %d bytes",
			       STORE_NAME_MAX);
	if (o->write && !*o->write)
		return err_set(err, -EINVAL, "-w: a file without a name");
	if (o->write && capture_out_is_terminal(o->write))
		return err_set(
			err, -EINVAL,
			"-w %s: that is a terminal, and packets are no text: write them to a file "
			"(-w FILE) or into a pipe (-w - | ...), or have them printed, without -w",
			o->write);
	for (i = 0; i < o->ifaces.n; i++) {
		r = live_name_check(o->ifaces.v[i], err);
		if (r < 0)
			return err_wrap(err, r, "-i");
	}
	return 0;
}

struct flow_opts capture_opts_flow(const struct capture_opts *o)
{
	return (struct flow_opts){
		.idle = o->flow.idle,
		.hold = o->flow.hold,
		.key_mode = (enum flow_key_mode)o->flow.key_mode,
		.update = o->flow.update,
		.max_flows = o->flow.max_flows ? o->flow.max_flows : CAPTURE_FLOWS_DEFAULT,
		.max_memory = o->max_memory ? o->max_memory : cli_half_memory(),
	};
}

int capture_opts_min_free(const struct capture_opts *o, struct store_conf *ret, struct err *err)
{
	const char *text = o->min_free;
	size_t n = strlen(text);
	uint64_t percent;
	char *end;
	int r;

	if (!n || text[n - 1] != '%') {
		r = parse_size(text, &ret->min_free, err);
		return r < 0 ? err_wrap(err, r, "--min-free") : 0;
	}
	percent = strtoul(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || end != text + n - 1 || percent > 90)
		return err_set(err, -EINVAL,
			       "--min-free keeps 0%% to 90%% of the disk, not '%.40s'", text);
	ret->min_free_percent = (unsigned)percent;
	return 0;
}

bool capture_opts_name_netns(const struct capture_opts *o)
{
	const char *ns;
	size_t i, len;

	for (i = 0; i < o->ifaces.n; i++)
		if (live_name_split(o->ifaces.v[i], &ns, &len) && len)
			return true;
	return false;
}
