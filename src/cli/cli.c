#include "cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/near.h"
#include "cli/cmds.h"
#include "cli/system.h"

static const struct cli_cmd *const cmds[] = {
	&cmd_capture,       &cmd_interfaces,   &cmd_info,        &cmd_flows,
	&cmd_query,         &cmd_past,         &cmd_explain,     &cmd_store_check,
	&cmd_store_rebuild, &cmd_store_export, &cmd_store_stats, &cmd_completion,
};

static const struct cli_tool *const tools[] = {
	&as_capinfos,
	NULL,
};

#define N_CMDS (sizeof(cmds) / sizeof(cmds[0]))

const struct cli_cmd *const *cli_cmds(size_t *ret_n)
{
	*ret_n = N_CMDS;
	return cmds;
}

const struct cli_tool *const *cli_tools(size_t *ret_n)
{
	for (*ret_n = 0; tools[*ret_n]; ++*ret_n)
		;
	return tools;
}

static const struct cli_cmd *find_cmd(const char *name)
{
	size_t i;

	for (i = 0; i < N_CMDS; i++)
		if (strcmp(cmds[i]->opt->name, name) == 0)
			return cmds[i];
	return NULL;
}

/* Whether 'word' is the first word of commands. */
static bool is_family(const char *word)
{
	size_t i;

	for (i = 0; i < N_CMDS; i++)
		if (cmds[i]->family && strcmp(cmds[i]->family, word) == 0)
			return true;
	return false;
}

/* The command of the first word, or the first two; '*ret_words' is how many it has. */
static const struct cli_cmd *find_words(int argc, char **argv, int *ret_words)
{
	char name[64];

	*ret_words = 1;
	if (argc < 1 || !is_family(argv[0]))
		return argc < 1 ? NULL : find_cmd(argv[0]);
	if (argc < 2 || strlen(argv[0]) + strlen(argv[1]) + 2 > sizeof(name))
		return NULL;
	*ret_words = 2;
	snprintf(name, sizeof(name), "%s %s", argv[0], argv[1]);
	return find_cmd(name);
}

static const struct cli_tool *find_tool(const char *name)
{
	size_t i;

	for (i = 0; tools[i]; i++)
		if (strcmp(tools[i]->name, name) == 0)
			return tools[i];
	return NULL;
}

static void add_cmds(struct buf *b)
{
	const char *group = "";
	size_t i;

	for (i = 0; i < N_CMDS; i++) {
		if (strcmp(cmds[i]->group, group) != 0)
			buf_addf(b, "\n%s\n", cmds[i]->group);
		group = cmds[i]->group;
		buf_addf(b, "  %-15s%s\n", cmds[i]->opt->name, cmds[i]->opt->brief);
	}
}

static void add_tools(struct buf *b)
{
	size_t i;

	for (i = 0; tools[i]; i++)
		buf_addf(b, "  as %-12s%s\n", tools[i]->name, tools[i]->brief);
}

static int help_all(void)
{
	CLEANUP(buf_done) struct buf b = BUF_INIT;

	buf_addstr(&b,
		   "usage: trawl COMMAND [OPTIONS] [PCAP-FILTER]\n"
		   "\n"
		   "trawl captures packets and reads captures, makes flows of them and answers\n"
		   "questions about both.\n");
	add_cmds(&b);
	if (tools[0])
		buf_addstr(&b, "\nBe another tool, with its options and its output\n");
	add_tools(&b);
	buf_addstr(
		&b,
		"\nExamples\n"
		"  trawl info some.pcapng\n"
		"  trawl flows -r some.pcap --sort -ab_bytes --limit 10 tcp port 443\n"
		"  trawl query -r some.pcap \"G.Flows().Has('Application', 'DNS').RawPackets()\" "
		"--format pcap > dns.pcap\n"
		"\n"
		"'trawl COMMAND --help' tells everything about a command, 'trawl --version' which\n"
		"trawl this is. Exit status: 0 done, 1 failed, 2 bad usage, 3 done but "
		"incomplete.\n");
	return cli_print(&b);
}

static int help_cmd(const struct cli_cmd *cmd)
{
	CLEANUP(buf_done) struct buf b = BUF_INIT;

	opt_help(cmd->opt, "trawl ", &b);
	return cli_print(&b);
}

/* Bad usage before there is a command. */
static int bad_start(const char *what, const char *word, const char *hint)
{
	char q[96];

	fprintf(stderr, "trawl: %s '%s'%s\ntry 'trawl --help'\n", what,
		err_quote(q, sizeof(q), word, (unsigned)strlen(word)), hint);
	return CLI_USAGE;
}

static int unknown_cmd(const char *word)
{
	char hint[128] = "";
	struct near n;
	size_t i;

	near_init(&n, word, strlen(word));
	for (i = 0; i < N_CMDS; i++)
		near_offer(&n, cmds[i]->family ? cmds[i]->family : cmds[i]->opt->name);
	if (find_tool(word))
		snprintf(hint, sizeof(hint), " (another tool's name: 'trawl as %s')", word);
	else if (n.best)
		snprintf(hint, sizeof(hint), " (did you mean '%s'?)", n.best);
	else if (access(word, F_OK) == 0)
		snprintf(hint, sizeof(hint), ", but a file of that name: try 'trawl info' on it");
	return bad_start(word[0] == '-' ? "no option" : "no command", word, hint);
}

/* The first word of several commands, and not one of them behind it. */
static int run_family(int argc, char **argv, bool help)
{
	CLEANUP(buf_done) struct buf b = BUF_INIT;
	char name[64], hint[96] = "";
	struct near n;
	size_t i;

	help |= argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0);
	if (argc > 1 && !help) {
		snprintf(name, sizeof(name), "%s %s", argv[0], argv[1]);
		near_init(&n, name, strlen(name));
		for (i = 0; i < N_CMDS; i++)
			near_offer(&n, cmds[i]->opt->name);
		if (n.best)
			snprintf(hint, sizeof(hint), " (did you mean '%s'?)", n.best);
		return bad_start("no command", name, hint);
	}
	buf_addf(&b, "usage: trawl %s COMMAND [OPTIONS]\n\n", argv[0]);
	for (i = 0; i < N_CMDS; i++)
		if (cmds[i]->family && strcmp(cmds[i]->family, argv[0]) == 0)
			buf_addf(&b, "  %-15s%s\n", cmds[i]->opt->name, cmds[i]->opt->brief);
	if (help)
		return cli_print(&b);
	fprintf(stderr, "trawl %s: name a command\n%s", argv[0], buf_str(&b));
	return CLI_USAGE;
}

static int run_cmd(const struct cli_cmd *cmd, int argc, char **argv)
{
	struct cli c = {.cmd = cmd->opt->name};
	struct opt_list operands = {0};
	struct err err = {0};
	void *opts;
	int r;

	cli_system_look(&c);
	opts = malloc(cmd->opt->size ? cmd->opt->size : 1);
	if (!opts) {
		err_set(&err, -ENOMEM, "out of memory");
		return cli_fail(&err);
	}
	opt_init(cmd->opt, opts);
	r = opt_parse(cmd->opt, argc, argv, opts, &operands, &err);
	if (r == OPT_HELP)
		r = help_cmd(cmd);
	else if (r < 0)
		r = cli_usage(&c, &err);
	else
		r = cmd->run(&c, opts, &operands);
	opt_done(cmd->opt, opts);
	opt_list_done(&operands);
	free(opts);
	return r;
}

static int run_tool(int argc, char **argv)
{
	CLEANUP(buf_done) struct buf b = BUF_INIT;
	const struct cli_tool *t;

	if (argc < 1 || strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0) {
		buf_addstr(
			&b,
			"usage: trawl as TOOL [THAT TOOL'S OPTIONS]\n\n"
			"Behaves as another tool: its options, its output, its exit status. A "
			"symbolic link\nto trawl with the tool's name does the same.\n\nTools\n");
		add_tools(&b);
		if (argc >= 1)
			return cli_print(&b);
		fputs("trawl as: name a tool\ntry 'trawl as --help'\n", stderr);
		return CLI_USAGE;
	}
	t = find_tool(argv[0]);
	if (!t)
		return bad_start("no tool", argv[0], " ('trawl as --help' lists those there are)");
	return t->run(argc, argv);
}

static int run_help(int argc, char **argv)
{
	const struct cli_cmd *cmd;
	int words;

	if (argc < 1)
		return help_all();
	if (strcmp(argv[0], "as") == 0) {
		char help[] = "--help", *args[] = {help, NULL};

		return run_tool(1, args);
	}
	cmd = find_words(argc, argv, &words);
	if (!cmd && is_family(argv[0]))
		return run_family(argc, argv, argc == 1);
	return cmd ? help_cmd(cmd) : unknown_cmd(argv[0]);
}

static int version(void)
{
	CLEANUP(buf_done) struct buf b = BUF_INIT;

	buf_addstr(&b, "trawl " TRAWL_VERSION "\n");
	return cli_print(&b);
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

int cli_main(int argc, char **argv)
{
	const struct cli_tool *tool = argc > 0 ? find_tool(base_name(argv[0])) : NULL;
	const struct cli_cmd *cmd;
	const char *word;
	int words;

	cli_system_init();
	if (tool) {
		argv[0] += base_name(argv[0]) - argv[0];
		return tool->run(argc, argv);
	}
	if (argc < 2) {
		fputs("trawl: name a command\ntry 'trawl --help'\n", stderr);
		return CLI_USAGE;
	}
	word = argv[1];
	cmd = find_words(argc - 1, argv + 1, &words);
	if (cmd)
		return run_cmd(cmd, argc - 1 - words, argv + 1 + words);
	if (is_family(word))
		return run_family(argc - 1, argv + 1, false);
	if (strcmp(word, "as") == 0)
		return run_tool(argc - 2, argv + 2);
	if (strcmp(word, "help") == 0 || strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
		return run_help(argc - 2, argv + 2);
	if (strcmp(word, "version") == 0 || strcmp(word, "--version") == 0 ||
	    strcmp(word, "-V") == 0)
		return version();
	return unknown_cmd(word);
}
