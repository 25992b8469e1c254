/* Options that several commands share, each set with the struct it fills. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/opt.h"

/* Where rows come from: captures in files, or in a folder that a store keeps. */
struct cli_in_opts {
	struct opt_list read;
	const char *dir;       /* NULL: not asked for */
	const char *from, *to; /* parse_time() forms; NULL: open */
	const char *where;     /* NULL: all rows */
	bool numeric;          /* accepted and without effect: names are never resolved */
};

/* How flows are made of packets. */
struct cli_flow_opts {
	int64_t idle, hold, update; /* ns */
	uint64_t max_flows;         /* 0: as memory allows */
	int key_mode;               /* enum flow_key_mode */
};

/* How much of the machine to use, what to say meanwhile. */
struct cli_run_opts {
	uint64_t threads;
	uint64_t max_memory; /* bytes; 0: half of the memory */
	bool resources, quiet;
};

/* How rows are written. */
struct cli_out_opts {
	int format;         /* index into the command's own words */
	const char *fields; /* NULL: the command's default */
	bool utc;
};

extern const struct opt cli_in_table[], cli_flow_table[], cli_run_table[];
#define CLI_IN_OPTIONS   6
#define CLI_IN_SOURCES   2 /* the first ones: -r and --dir */
#define CLI_IN_TIMES     3 /* from here on: --from, --to */
#define CLI_IN_REST      5 /* from here on: what is neither */
#define CLI_FLOW_OPTIONS 5
#define CLI_RUN_OPTIONS  4

/* The rows of cli_out_opts, which differ in what --format and --fields mean. */
/* clang-format off */
#define CLI_OUT_OPTIONS(words_, format_help, fields_help)                                          \
	{"format", 0, OPT_ENUM, offsetof(struct cli_out_opts, format), "FORMAT", "auto",            \
	 format_help, .words = (words_)},                                                           \
	{"fields", 0, OPT_STR, offsetof(struct cli_out_opts, fields), "A,B,...", NULL,              \
	 fields_help},                                                                              \
	{"utc", 0, OPT_FLAG, offsetof(struct cli_out_opts, utc), NULL, NULL,                        \
	 "times in UTC instead of local time: in tables, and in --from and --to without a zone"}
/* clang-format on */
