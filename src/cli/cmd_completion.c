/* trawl completion: what a shell needs to complete trawl's commands, options
 * and field names, made from the option tables. */
#include "cli/cmds.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/system.h"
#include "flow/flow_schema.h"

static bool wants_file(const struct opt *o)
{
	return o->metavar && strcmp(o->metavar, "FILE") == 0;
}

static bool wants_fields(const struct opt *o)
{
	return o->metavar &&
	       (strcmp(o->metavar, "A,B,...") == 0 || strcmp(o->metavar, "FIELD") == 0);
}

static void add_words(struct buf *b, const char *const *words)
{
	size_t i;

	for (i = 0; words[i]; i++)
		buf_addf(b, "%s%s", i ? " " : "", words[i]);
}

/* What is typed behind "trawl". */
static const char *first_word(const struct cli_cmd *cmd)
{
	return cmd->family ? cmd->family : cmd->opt->name;
}

/* Commands of one family stand together; whether it is the first one. */
static bool is_first(const struct cli_cmd *const *cmds, size_t i)
{
	return !i || strcmp(first_word(cmds[i - 1]), first_word(cmds[i])) != 0;
}

static void add_cmd_names(struct buf *b)
{
	const struct cli_cmd *const *cmds;
	size_t n, i;

	cmds = cli_cmds(&n);
	for (i = 0; i < n; i++)
		if (is_first(cmds, i))
			buf_addf(b, "%s ", first_word(cmds[i]));
	buf_addstr(b, "as help");
}

/* The second words of all that begin with that of 'cmd'. */
static void add_second_words(struct buf *b, const struct cli_cmd *cmd)
{
	const struct cli_cmd *const *cmds;
	size_t n, i, k = 0;

	cmds = cli_cmds(&n);
	for (i = 0; i < n; i++)
		if (cmds[i]->family && strcmp(cmds[i]->family, cmd->family) == 0)
			buf_addf(b, "%s%s", k++ ? " " : "", strchr(cmds[i]->opt->name, ' ') + 1);
}

static void add_tool_names(struct buf *b)
{
	const struct cli_tool *const *tools;
	size_t n, i;

	tools = cli_tools(&n);
	for (i = 0; i < n; i++)
		buf_addf(b, "%s%s", i ? " " : "", tools[i]->name);
}

static void add_field_names(struct buf *b)
{
	const struct schema *s = flow_schema();
	size_t i;

	for (i = 0; i < s->n; i++)
		buf_addf(b, "%s%s", i ? " " : "", s->fields[i].name);
}

/* Inside single quotes of a shell: ' becomes '\''. */
static void add_quoted(struct buf *b, const char *s)
{
	for (; *s; s++) {
		if (*s == '\'')
			buf_addstr(b, "'\\''");
		else
			buf_addch(b, *s);
	}
}

static void bash_values(struct buf *b, const struct opt_cmd *cmd)
{
	const struct opt *o;
	size_t i;

	for (i = 0; (o = opt_at(cmd, i, NULL)); i++) {
		if (!o->metavar)
			continue;
		buf_addstr(b, "\t");
		if (o->letter)
			buf_addf(b, "'%s':-%c%s", cmd->name, o->letter, o->name ? "|" : "");
		if (o->name)
			buf_addf(b, "'%s':--%s", cmd->name, o->name);
		buf_addch(b, ')');
		if (o->type == OPT_ENUM) {
			buf_addstr(b, " words='");
			add_words(b, o->words);
			buf_addstr(b, "' ;;\n");
		} else if (wants_fields(o)) {
			buf_addstr(b, " words=$fields ;;\n");
		} else if (wants_file(o)) {
			buf_addstr(b, " COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n");
		} else {
			buf_addstr(b, " return ;;\n");
		}
	}
}

static void bash_options(struct buf *b, const struct opt_cmd *cmd)
{
	const struct opt *o;
	size_t i;

	buf_addf(b, "\t'%s') words='", cmd->name);
	for (i = 0; (o = opt_at(cmd, i, NULL)); i++) {
		if (o->letter)
			buf_addf(b, "-%c ", o->letter);
		if (o->name)
			buf_addf(b, "--%s ", o->name);
	}
	buf_addstr(b, "--help' ;;\n");
}

/* Commands of two words. */
static void bash_families(struct buf *b, const struct cli_cmd *const *cmds, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (!cmds[i]->family || !is_first(cmds, i))
			continue;
		buf_addf(b,
			 "\tif [ \"$cmd\" = %s ]; then\n"
			 "\t\tif [ \"$COMP_CWORD\" -eq 2 ]; then\n\t\t\tCOMPREPLY=($(compgen -W '",
			 cmds[i]->family);
		add_second_words(b, cmds[i]);
		buf_addstr(b, "' -- \"$cur\"))\n\t\t\treturn\n\t\tfi\n"
			      "\t\tcmd=\"$cmd ${COMP_WORDS[2]}\"\n\tfi\n");
	}
}

static void bash(struct buf *b)
{
	const struct cli_cmd *const *cmds;
	size_t n, i;

	cmds = cli_cmds(&n);
	buf_addstr(b, "# bash completion for trawl: . <(trawl completion bash)\n"
		      "_trawl()\n{\n"
		      "\tlocal cur=${COMP_WORDS[COMP_CWORD]} cmd=${COMP_WORDS[1]} words= head=\n"
		      "\tlocal prev=${COMP_WORDS[COMP_CWORD - 1]}\n"
		      "\tlocal fields='");
	add_field_names(b);
	buf_addstr(b, "'\n\tCOMPREPLY=()\n"
		      "\tif [ \"$COMP_CWORD\" -eq 1 ]; then\n\t\twords='");
	add_cmd_names(b);
	buf_addstr(b, " --help --version'\n"
		      "\t\tCOMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n\t\treturn\n\tfi\n");
	bash_families(b, cmds, n);
	buf_addstr(b, "\tcase $cmd:$prev in\n\tas:as) words='");
	add_tool_names(b);
	buf_addstr(b, "' ;;\n\thelp:help) words='");
	add_cmd_names(b);
	buf_addstr(
		b,
		"' ;;\n\tcompletion:*) words='bash zsh fish' ;;\n\texplain:*) words=$fields ;;\n");
	for (i = 0; i < n; i++)
		bash_values(b, cmds[i]->opt);
	buf_addstr(b, "\tesac\n"
		      "\tif [ -z \"$words\" ] || [[ $cur == -* ]]; then\n\tcase $cmd in\n");
	for (i = 0; i < n; i++)
		bash_options(b, cmds[i]->opt);
	buf_addstr(b,
		   "\tesac\n\tfi\n"
		   "\tif [[ $prev == --fields && $cur == *,* ]]; then\n"
		   "\t\thead=${cur%,*},\n\tfi\n"
		   "\tCOMPREPLY=($(compgen -P \"$head\" -W \"$words\" -- \"${cur#\"$head\"}\"))\n"
		   "\tif [[ ${#COMPREPLY[@]} -eq 0 && $cur != -* ]]; then\n"
		   "\t\tCOMPREPLY=($(compgen -f -- \"$cur\"))\n\tfi\n"
		   "}\ncomplete -F _trawl trawl\n");
}

/* In a spec of _arguments, ':' and ']' end parts. */
static void zsh_text(struct buf *b, const char *s)
{
	for (; *s; s++) {
		if (*s == ':' || *s == ']' || *s == '[')
			buf_addch(b, '\\');
		if (*s == '\'')
			buf_addstr(b, "'\\''");
		else
			buf_addch(b, *s);
	}
}

static void zsh_spec(struct buf *b, const struct opt *o, bool by_letter)
{
	buf_addstr(b, "\t\t\t'");
	if (o->type == OPT_LIST || o->type == OPT_COUNT)
		buf_addch(b, '*');
	if (by_letter)
		buf_addf(b, "-%c%s[", o->letter, o->metavar ? "+" : "");
	else
		buf_addf(b, "--%s%s[", o->name, o->metavar ? "=" : "");
	zsh_text(b, o->help);
	buf_addch(b, ']');
	if (o->metavar) {
		buf_addch(b, ':');
		zsh_text(b, o->metavar);
		buf_addch(b, ':');
		if (o->type == OPT_ENUM) {
			buf_addch(b, '(');
			add_words(b, o->words);
			buf_addch(b, ')');
		} else if (wants_fields(o)) {
			buf_addstr(b, "_trawl_fields");
		} else if (wants_file(o)) {
			buf_addstr(b, "_files");
		}
	}
	buf_addstr(b, "' \\\n");
}

static void zsh_cmd(struct buf *b, const struct opt_cmd *cmd)
{
	const struct opt *o;
	size_t i;

	buf_addf(b, "\t\t'%s')\n\t\t\t_arguments -s \\\n", cmd->name);
	for (i = 0; (o = opt_at(cmd, i, NULL)); i++) {
		if (o->letter)
			zsh_spec(b, o, true);
		if (o->name)
			zsh_spec(b, o, false);
	}
	buf_addstr(b, "\t\t\t'--help[explain the command]' \\\n\t\t\t'*:argument:");
	if (strcmp(cmd->name, "explain") == 0)
		buf_addstr(b, "_trawl_fields");
	else if (strcmp(cmd->name, "completion") == 0)
		buf_addstr(b, "(bash zsh fish)");
	else
		buf_addstr(b, "_files");
	buf_addstr(b, "' ;;\n");
}

/* Commands of two words. */
static void zsh_families(struct buf *b, const struct cli_cmd *const *cmds, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (!cmds[i]->family || !is_first(cmds, i))
			continue;
		buf_addf(b,
			 "\tif [[ $cmd == %s ]]; then\n"
			 "\t\tif (( CURRENT == 2 )); then\n\t\t\t_values command ",
			 cmds[i]->family);
		add_second_words(b, cmds[i]);
		buf_addstr(b, "\n\t\t\treturn\n\t\tfi\n\t\tcmd=\"$cmd $words[2]\"\n"
			      "\t\tshift words\n\t\t(( CURRENT-- ))\n\tfi\n");
	}
}

static void zsh(struct buf *b)
{
	const struct cli_cmd *const *cmds;
	size_t n, i;

	cmds = cli_cmds(&n);
	buf_addstr(b, "#compdef trawl\n# zsh completion for trawl: . <(trawl completion zsh)\n"
		      "_trawl_fields()\n{\n\tlocal -a fields=(");
	add_field_names(b);
	buf_addstr(b, ")\n\t_values -s , field $fields\n}\n\n_trawl()\n{\n"
		      "\tlocal -a cmds=(\n");
	for (i = 0; i < n; i++) {
		if (!is_first(cmds, i))
			continue;
		buf_addf(b, "\t\t'%s:", first_word(cmds[i]));
		if (cmds[i]->family)
			add_second_words(b, cmds[i]);
		else
			add_quoted(b, cmds[i]->opt->brief);
		buf_addstr(b, "'\n");
	}
	buf_addstr(b,
		   "\t\t'as:be another tool'\n\t\t'help:explain a command'\n\t)\n"
		   "\tif (( CURRENT == 2 )); then\n\t\t_describe command cmds\n\t\treturn\n\tfi\n"
		   "\tlocal cmd=$words[2]\n\tshift words\n\t(( CURRENT-- ))\n");
	zsh_families(b, cmds, n);
	buf_addstr(b, "\tcase $cmd in\n\t\tas) _values tool ");
	add_tool_names(b);
	buf_addstr(b, " ;;\n\t\thelp) _describe command cmds ;;\n");
	for (i = 0; i < n; i++)
		zsh_cmd(b, cmds[i]->opt);
	buf_addstr(b, "\tesac\n}\n\ncompdef _trawl trawl\n");
}

/* The command itself; one of two words in two steps. */
static void fish_name(struct buf *b, const struct cli_cmd *cmd, bool first)
{
	const char *name = cmd->opt->name;

	if (cmd->family && first)
		buf_addf(b, "complete -c trawl -n __fish_use_subcommand -f -a %s\n", cmd->family);
	if (cmd->family)
		buf_addf(
			b,
			"# %s\ncomplete -c trawl -n '__fish_seen_subcommand_from %s' -f -a %s -d '",
			name, cmd->family, strchr(name, ' ') + 1);
	else
		buf_addf(b, "complete -c trawl -n __fish_use_subcommand -f -a %s -d '", name);
	add_quoted(b, cmd->opt->brief);
	buf_addstr(b, "'\n");
}

static void fish_cmd(struct buf *b, const struct cli_cmd *c, bool first)
{
	const struct opt_cmd *cmd = c->opt;
	const struct opt *o;
	size_t i;

	fish_name(b, c, first);
	for (i = 0; (o = opt_at(cmd, i, NULL)); i++) {
		if (c->family)
			buf_addf(b,
				 "complete -c trawl -n '__fish_seen_subcommand_from %s; and "
				 "__fish_seen_subcommand_from %s'",
				 c->family, strchr(cmd->name, ' ') + 1);
		else
			buf_addf(b, "complete -c trawl -n '__fish_seen_subcommand_from %s'",
				 cmd->name);
		if (o->letter)
			buf_addf(b, " -s %c", o->letter);
		if (o->name)
			buf_addf(b, " -l %s", o->name);
		if (o->metavar)
			buf_addstr(b, wants_file(o) ? " -r -F" : " -x");
		if (o->type == OPT_ENUM) {
			buf_addstr(b, " -a '");
			add_words(b, o->words);
			buf_addstr(b, "'");
		} else if (wants_fields(o)) {
			buf_addstr(b, " -a '$__trawl_fields'");
		}
		buf_addstr(b, " -d '");
		add_quoted(b, o->help);
		buf_addstr(b, "'\n");
	}
}

static void fish(struct buf *b)
{
	const struct cli_cmd *const *cmds;
	size_t n, i;

	cmds = cli_cmds(&n);
	buf_addstr(b, "# fish completion for trawl: trawl completion fish | source\n"
		      "set -g __trawl_fields ");
	add_field_names(b);
	buf_addstr(b, "\n");
	for (i = 0; i < n; i++)
		fish_cmd(b, cmds[i], is_first(cmds, i));
	buf_addstr(b, "complete -c trawl -n __fish_use_subcommand -f -a as -d 'be another tool'\n"
		      "complete -c trawl -n '__fish_seen_subcommand_from as' -f -a '");
	add_tool_names(b);
	buf_addstr(b, "'\n"
		      "complete -c trawl -n '__fish_seen_subcommand_from explain' -f -a "
		      "'$__trawl_fields'\n"
		      "complete -c trawl -n '__fish_seen_subcommand_from completion' -f -a "
		      "'bash zsh fish'\n");
}

static int completion_run(struct cli *c, void *opts, const struct opt_list *operands)
{
	CLEANUP(buf_done) struct buf b = BUF_INIT;
	const char *shell = operands->n == 1 ? operands->v[0] : "";
	struct err err;

	(void)opts;
	if (strcmp(shell, "bash") == 0) {
		bash(&b);
	} else if (strcmp(shell, "zsh") == 0) {
		zsh(&b);
	} else if (strcmp(shell, "fish") == 0) {
		fish(&b);
	} else {
		err_set(&err, -EINVAL, "name one shell: bash, zsh or fish");
		return cli_usage(c, &err);
	}
	return cli_print(&b);
}

static const char *const examples[] = {
	". <(trawl completion bash)",
	"trawl completion fish > ~/.config/fish/completions/trawl.fish",
	NULL,
};

static const struct opt_cmd completion_opt = {
	.name = "completion",
	.operands = "bash|zsh|fish",
	.brief = "completion of commands, options and fields for a shell",
	.about = "Writes what a shell needs to complete commands, options, their values and "
		 "names of fields.",
	.examples = examples,
};

const struct cli_cmd cmd_completion = {"Other", &completion_opt, completion_run};
