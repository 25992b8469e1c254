/* What 'trawl capture' is asked for: its options, and what they mean. */
#pragma once

#include "cli/common.h"
#include "flow/flow_table.h"

struct store_conf;

/* Numbers while it runs. */
enum capture_stats {
	CAPTURE_STATS_AUTO,
	CAPTURE_STATS_NONE,
	CAPTURE_STATS_LINE,
	CAPTURE_STATS_JSONL,
};

struct capture_opts {
	struct opt_list ifaces;
	bool no_promisc, headers_only;
	int direction;
	uint64_t snaplen, buffer_total;

	const char *write;
	int file_type;
	const char *dir, *name;
	const char *raw_limit; /* a number, or "all" */
	uint64_t quota;
	int64_t keep_packets, keep_flows;
	const char *min_free; /* a size, or hundredths: "5%" */
	bool utc, numeric;

	uint64_t count;
	int64_t duration;

	int stats;
	struct cli_flow_opts flow;
	uint64_t threads, max_memory;
	bool resources, quiet;
};

#define CAPTURE_SETS 5
extern const struct opt_set capture_sets[CAPTURE_SETS]; /* they fill struct capture_opts */

/* What is wrong whatever there is. */
int capture_opts_check(const struct capture_opts *o, struct err *err);

/* 'raw_limit' as a number; UINT64_MAX: all. */
int capture_opts_raw_limit(const struct capture_opts *o, uint64_t *ret, struct err *err);

/* 'min_free' as bytes or percent of the disk. */
int capture_opts_min_free(const struct capture_opts *o, struct store_conf *ret, struct err *err);

struct flow_opts capture_opts_flow(const struct capture_opts *o);

/* Whether an interface in a network namespace is named. */
bool capture_opts_name_netns(const struct capture_opts *o);
