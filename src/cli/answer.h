/* The answer of a query on standard output. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "cli/cmds.h"

struct ql_src;
struct where;

/* In the order in which all commands list their words of --format. */
enum answer_format {
	ANSWER_AUTO, /* table on a terminal, else the command's other one */
	ANSWER_TABLE,
	ANSWER_CSV,
	ANSWER_JSON,
	ANSWER_JSONL,
	ANSWER_PCAP,
	ANSWER_PCAPNG,
};

struct run_dir;
struct run_files;

struct answer_opts {
	const char *query; /* the text */
	bool typed;        /* by the user: errors show the place in it */
	enum answer_format format;
	enum answer_format piped; /* what ANSWER_AUTO means where no terminal is */
	const char *fields;       /* --fields; NULL: default_fields, and all in JSON if
				     'json_all' */
	bool json_all;
	bool utc;
	bool plan;               /* print what would be done instead */
	struct where *where;     /* NULL: all rows */
	uint64_t max_memory;     /* for the query, bytes; 0: its default */
	struct run_files *files; /* names interfaces in pcapng; NULL: none known */
	struct run_dir *dir;     /* likewise, and JSON says how complete the answer is */
};

/* The columns of flows unless told otherwise; at most 16. */
#define ANSWER_FIELDS                                                                              \
	"start,last,network_a,network_b,transport_a,transport_b,ab_packets,ab_bytes,ba_packets,"   \
	"ba_bytes,rtt_ns,application,layers_path,parent_uuid,community_id,uuid"

/* Runs the query over 'src', whose schema is that of flows.  Returns an exit status;
 * failures are said on stderr. */
int answer(struct cli *c, struct ql_src *src, const struct answer_opts *o);
