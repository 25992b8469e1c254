/* What the program has: commands (one cmd_*.c each) and other tools' grammars
 * (one as_*.c each), and what it does for them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/opt.h"

struct stop;

/* Exit statuses, the same for every native command. */
enum {
	CLI_DONE = 0,
	CLI_FAILED = 1,
	CLI_USAGE = 2,
	CLI_INCOMPLETE = 3, /* done, but input or answer is incomplete, as said on stderr */
};

/* One run of a command. */
struct cli {
	const char *cmd;   /* its name: "flows" */
	bool quiet;        /* --quiet: no progress, no remarks; errors stay */
	bool out_terminal; /* stdout is one */
	bool err_terminal;
	bool colour;    /* stdout is a terminal and NO_COLOR is not set */
	unsigned width; /* of the terminal on stdout, characters; 0: none */
	bool progress;  /* a line of progress stands on stderr: see cli_clear() */
};

struct cli_cmd {
	const char *group; /* heading under which 'trawl --help' lists it */
	const struct opt_cmd *opt;

	/* Runs with parsed options ('opts', opt->size bytes) and operands; both are freed by
	 * the caller.  Results go to stdout, all else to stderr.  Returns an exit status. */
	int (*run)(struct cli *c, void *opts, const struct opt_list *operands);

	const char *family; /* first of the two words of its name; NULL: it has one */
};

extern const struct cli_cmd cmd_capture, cmd_interfaces, cmd_flows, cmd_info, cmd_query, cmd_past,
	cmd_store_check, cmd_store_rebuild, cmd_store_export, cmd_store_stats, cmd_explain,
	cmd_completion;

/* Another tool: 'argv[0]' is its name, everything else its own affair, also
 * exit statuses.  Called by 'trawl as NAME ...' and by a symlink of that name. */
struct cli_tool {
	const char *name;  /* "capinfos" */
	const char *brief; /* one line for the list of tools */
	int (*run)(int argc, char **argv);
};

extern const struct cli_tool as_capinfos;

/* All commands and tools, in the order of the help. */
const struct cli_cmd *const *cli_cmds(size_t *ret_n);
const struct cli_tool *const *cli_tools(size_t *ret_n);

/* "trawl: TEXT" on stderr.  Returns CLI_FAILED. */
int cli_fail(const struct err *err);

/* "trawl CMD: TEXT" and where to find help, on stderr.  Returns CLI_USAGE. */
int cli_usage(const struct cli *c, const struct err *err);

/* "trawl: TEXT" and, where TEXT ends in "(column N)", 'text' with a mark under that
 * character, on stderr.  Returns CLI_USAGE. */
int cli_point(const struct err *err, const char *text);

/* A remark on stderr, "trawl: TEXT", unless --quiet. */
void cli_say(const struct cli *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Writes all of it to stdout.  0 or -errno; -EPIPE when the reader has gone, which
 * ends a command quietly with CLI_DONE.  'arg' is not used: fits struct out_conf. */
int cli_write(void *arg, const void *p, size_t n);

/* Takes the line of progress away, if there is one, before other output. */
void cli_clear(struct cli *c);

/* Whether Ctrl-C, SIGTERM or SIGHUP asked to finish, and the same for those who wait for
 * input.  The second one kills. */
bool cli_stopped(void);
const struct stop *cli_stop(void);

/* Lets the first one kill, for tools that are known to die so. */
void cli_stop_default(void);

/* Lets the second one be told by stop_hurried(), and only the third one kill: for what
 * gives up waiting by then. */
void cli_stop_hurry(void);

/* Says that they did, where nobody else says it. */
void cli_say_stopped(void);

/* CPU time, peak memory and 'bytes_read' on stderr: --resources. */
void cli_resources(uint64_t bytes_read);
