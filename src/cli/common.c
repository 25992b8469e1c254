#include "cli/common.h"

#include "flow/flow.h"
#include "run/input.h"

/* In the order of enum flow_key_mode. */
static const char *const key_modes[] = {
	[FLOW_KEY_L3] = "L3",
	[FLOW_KEY_L2] = "L2",
	NULL,
};

/* clang-format off */
const struct opt cli_in_table[CLI_IN_OPTIONS] = {
	{"read", 'r', OPT_LIST, offsetof(struct cli_in_opts, read), "FILE", NULL,
	 "capture to read: a file, a glob in quotes, a folder, or '-' for standard input; pcap or pcapng, also in gzip, zstd or lz4"},
	{"dir", 0, OPT_STR, offsetof(struct cli_in_opts, dir), "DIR", NULL,
	 "instead of files: what 'trawl capture --dir DIR' has kept there, of all captures in it; how complete that is is said"},
	{"where", 0, OPT_STR, offsetof(struct cli_in_opts, where), "EXPR", NULL,
	 "only rows for which EXPR holds, in tshark's display-filter syntax over field names, as in 'rtt_ns > 50000000 && transport_b == 443'"},
	{"from", 0, OPT_TIME, offsetof(struct cli_in_opts, from), "TIME", NULL,
	 "leave out packets (of flows and query with --dir: flows that end) before TIME: ISO 8601, RFC 1123, epoch seconds, tcpslice's 1990y9m25d20h51m38s or a part of it, 10:00 on the first packet's day (with --dir: today), +10m after the first packet (the first capture's start), -10m before the last (the present)"},
	{"to", 0, OPT_TIME, offsetof(struct cli_in_opts, to), "TIME", NULL,
	 "leave out packets after TIME; +10m is here after --from, if that is given"},
	{"numeric", 'n', OPT_FLAG, offsetof(struct cli_in_opts, numeric), NULL, NULL,
	 "accepted because other tools want it: no name is ever resolved"},
};

const struct opt cli_flow_table[CLI_FLOW_OPTIONS] = {
	{"idle", 0, OPT_DUR, offsetof(struct cli_flow_opts, idle), "TIME", "600s",
	 "a flow ends after TIME without a packet", .min = 1},
	{"hold", 0, OPT_DUR, offsetof(struct cli_flow_opts, hold), "TIME", "15s",
	 "a TCP flow that has seen its FIN or RST ends after TIME without a packet", .min = 1},
	{"update", 0, OPT_DUR, offsetof(struct cli_flow_opts, update), "TIME", "60s",
	 "with capture --dir: a running flow is written again every TIME, at most 1h; of files there is only the last version", .min = 1},
	{"max-flows", 0, OPT_U64, offsetof(struct cli_flow_opts, max_flows), "N", "0",
	 "flows in memory at once, to be shared by the threads, at least 128 each; 0: as many as --max-memory allows; one more ends the longest idle one early, which is counted and said"},
	{"layer-key-mode", 0, OPT_ENUM, offsetof(struct cli_flow_opts, key_mode), "MODE", "L3",
	 "what tells flows apart, L2 adds the MAC addresses", .words = key_modes},
};

const struct opt cli_run_table[CLI_RUN_OPTIONS] = {
	{"threads", 0, OPT_U64, offsetof(struct cli_run_opts, threads), "N", "1",
	 "threads that make flows; the answer is the same for every N as long as no flow has to end early for want of room", .min = 1, .max = RUN_THREADS_MAX},
	{"max-memory", 0, OPT_SIZE, offsetof(struct cli_run_opts, max_memory), "SIZE", NULL,
	 "memory for flows, as in 512M; default: half of the machine's, less where 'ulimit -v' leaves no room for it; flows beyond it end early, which is counted and said", .min = 1 << 20},
	{"resources", 0, OPT_FLAG, offsetof(struct cli_run_opts, resources), NULL, NULL,
	 "say at the end on stderr: CPU time, peak memory, bytes read"},
	{"quiet", 'q', OPT_FLAG, offsetof(struct cli_run_opts, quiet), NULL, NULL,
	 "no progress and no remarks; what makes an answer incomplete is still said"},
};
/* clang-format on */
