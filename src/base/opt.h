/* Options of commands, from one table each.
 *
 * The table serves parsing, --help, shell completion, the tables of
 * docs/commands.md and configuration files, so none of them can disagree.
 *
 *	struct cat_opts {
 *		bool number;
 *		uint64_t limit;
 *		struct opt_list files;
 *	};
 *	static const struct opt cat_table[] = {
 *		{"number", 'n', OPT_FLAG, offsetof(struct cat_opts, number), NULL, NULL,
 *		 "number the lines"},
 *		{"limit", 0, OPT_U64, offsetof(struct cat_opts, limit), "N", "10",
 *		 "stop after N lines", .min = 1},
 *	};
 *	static const struct opt_set cat_sets[] = {{"Options", OPT_TABLE(cat_table), 0}};
 *
 * Grammar: --name=value, --name value, -nvalue, -n value, bundled flags (-ab,
 * -abVALUE), options and operands in any order, "--" ends the options, "-" is
 * an operand or a value.  A value may start with one '-' but, in a word of its
 * own, not with two.  Names are not abbreviated.  An option with a value is
 * given once, unless it is a list.
 *
 * Nothing here prints, exits or keeps state. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum opt_type {
	OPT_FLAG,  /* bool: true when given; takes no value */
	OPT_COUNT, /* unsigned: how often it was given; takes no value */
	OPT_U64,   /* uint64_t, min to max */
	OPT_SIZE,  /* uint64_t, bytes: parse_size() */
	OPT_DUR,   /* int64_t, ns, not negative: parse_duration() */
	OPT_TIME,  /* const char *: as of parse_slice_time(), checked, but kept as text, since what
		      it is relative to is known later; NULL: not given */
	OPT_STR,   /* const char *, borrowed from argv; NULL: not given */
	OPT_LIST,  /* struct opt_list: any number of strings */
	OPT_ENUM,  /* int: index into 'words' */
	OPT_FN,    /* as 'fn' likes: for what no other type can say */
};

/* Strings, borrowed; the array is owned.  All zero: empty. */
struct opt_list {
	const char **v;
	size_t n;
};

struct opt {
	const char *name; /* long name without "--"; NULL: letter only */
	char letter;      /* 0: none */
	enum opt_type type;
	size_t off;               /* of the value in the options struct of its set */
	const char *metavar;      /* "FILE" in --read FILE; NULL: takes no value */
	const char *def;          /* default, as one would type it; NULL: 0, false, NULL, empty */
	const char *help;         /* one sentence or more, lower case, no full stop at the end */
	uint64_t min, max;        /* OPT_U64, OPT_SIZE, OPT_DUR; max 0: no upper bound */
	const char *const *words; /* OPT_ENUM: NULL-terminated */
	const char *conflicts;    /* long names, space between, that cannot be given with it */
	const char *needs;        /* long name without which it would mean nothing; NULL: none */
	/* OPT_FN: stores 'value' at 'at' (the options struct + off), once per occurrence.
	 * 0 or -errno with 'err' set, without the option's name. */
	int (*fn)(void *at, const char *value, struct err *err);
};

/* Options that belong together, for several commands: a set is at home in a
 * struct of its own, which a command embeds at 'off' of its options. */
struct opt_set {
	const char *title; /* "Input" */
	const struct opt *opts;
	size_t n;
	size_t off;
	const char *needs; /* as struct opt's, of all that have none of their own */
};
#define OPT_TABLE(table) (table), sizeof(table) / sizeof((table)[0])

#define OPT_SETS_MAX 8
#define OPT_MAX      128 /* options of one command */

struct opt_cmd {
	const char *name;            /* "flows"; as in error messages and "trawl NAME" */
	const char *operands;        /* "[PCAP-FILTER]", as in the usage line; NULL: takes none */
	const char *brief;           /* one line for the list of commands */
	const char *about;           /* for --help, which breaks the lines; NULL: 'brief' */
	const char *const *examples; /* command lines, NULL-terminated; NULL: none */
	const struct opt_set *sets;
	size_t n_sets; /* at most OPT_SETS_MAX */
	size_t size;   /* of the options struct, which opt_init() clears */
	/* Whether a word that begins with '-' is an operand all the same; NULL: none is.  Asked
	 * only where a value of an option is not expected. */
	bool (*is_operand)(const char *word);
};

/* Clears 'opts' (cmd->size bytes) and sets the defaults.  A default that does
 * not parse is a bug and asserted. */
void opt_init(const struct opt_cmd *cmd, void *opts);

/* Frees what opt_parse() allocated in 'opts'. */
void opt_done(const struct opt_cmd *cmd, void *opts);
void opt_list_done(struct opt_list *l);
int opt_list_add(struct opt_list *l, const char *s); /* 0 or -ENOMEM */

enum {
	OPT_PARSED = 0,
	OPT_HELP = 1, /* --help or -h was given: print opt_help() and stop */
};

/* Reads argv[0..argc-1] (without the program's and the command's name) into
 * 'opts', which opt_init() has prepared, and 'operands'.  On failure -EINVAL
 * and 'err' names the option: "--limit: 'x' is not a number", "no option
 * '--limt' (did you mean '--limit'?)"; 'opts' may be partly set and still
 * wants opt_done(). */
int opt_parse(const struct opt_cmd *cmd, int argc, char *const *argv, void *opts,
	      struct opt_list *operands, struct err *err);

/* Sets one option by its long name, as a configuration file does. */
int opt_assign(const struct opt_cmd *cmd, void *opts, const char *name, const char *value,
	       struct err *err);

/* The i-th option over all sets and where its value is in the options struct;
 * NULL behind the last. */
const struct opt *opt_at(const struct opt_cmd *cmd, size_t i, size_t *ret_off);

/* The text of --help.  'prog' is what stands before the command's name in
 * usage: "trawl "; "" where the command is the program. */
void opt_help(const struct opt_cmd *cmd, const char *prog, struct buf *ret);

/* The options as a table in Markdown, as docs/commands.md has it. */
void opt_markdown(const struct opt_cmd *cmd, struct buf *ret);
