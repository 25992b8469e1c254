/* Captures in files as a source of flows, for commands: finds out what the
 * options mean, shows progress, and says in the end what was incomplete. */
#pragma once

#include "base/buf.h"
#include "cli/cmds.h"
#include "cli/common.h"
#include "run/dir.h"
#include "run/input.h"

struct where;

/* What a command's options say; borrowed. */
struct cli_files_opts {
	const struct cli_in_opts *in;
	const struct cli_flow_opts *flow;
	const struct cli_run_opts *run;
	const struct opt_list *filter; /* words of the pcap-filter; NULL: none */
	bool utc;
	bool keep_input;   /* as in struct run_input */
	bool packets;      /* the command gives packets: with --dir there may be a filter, too */
	const char *range; /* one word that --from and --to were taken of; NULL: none */
};

struct cli_files {
	struct run_files *run; /* one of these two */
	struct run_dir *dir;   /* --dir */
	struct where *where;   /* --where; NULL: none */
	struct buf filter;     /* the words as one text */
	struct cli *cli;       /* borrowed */
	int64_t began;         /* monotonic ns */
	int64_t shown;         /* when progress was last drawn */
};

/* Prepares reading.  CLI_DONE, or another exit status, said on stderr.  In both
 * cases cli_files_done() is due. */
int cli_files_open(struct cli_files *f, struct cli *c, const struct cli_files_opts *o);
void cli_files_done(struct cli_files *f);

/* The source of rows. */
struct ql_src *cli_files_ql(const struct cli_files *f);

/* Says what was incomplete and, with --resources, what it took.  'status' is that
 * of the answer, CLI_INCOMPLETE where it was cut; the result is the command's. */
int cli_files_report(struct cli_files *f, const struct cli_files_opts *o, int status);
