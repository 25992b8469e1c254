/* What the option tables say to people: --help and the tables of the manual. */
#include "base/opt.h"

#include <string.h>

#define HELP_WIDTH  80 /* columns that every terminal has */
#define HELP_INDENT 26 /* where the explanations start */

/* Appends 'text' in lines that end before HELP_WIDTH; the first starts at
 * column 'col', the others at 'indent'.  A newline in 'text' stays one. */
static void add_wrapped(struct buf *b, const char *text, size_t col, size_t indent)
{
	while (*text) {
		size_t len = strcspn(text, " \n");

		if (col > indent && col + 1 + len >= HELP_WIDTH) {
			buf_addf(b, "\n%*s", (int)indent, "");
			col = indent;
		} else if (col > indent) {
			buf_addch(b, ' ');
			col++;
		}
		buf_add(b, text, len);
		col += len;
		text += len;
		while (*text == ' ')
			text++;
		if (*text == '\n') {
			buf_addf(b, "\n%*s", (int)indent, "");
			col = indent;
			text++;
		}
	}
	buf_addch(b, '\n');
}

/* "one of table, csv"; only where the metavar does not say it. */
static void add_words(struct buf *b, const struct opt *o)
{
	size_t i;

	for (i = 0; o->words && o->words[i]; i++) {
		buf_addstr(b, i ? ", " : ": ");
		buf_addstr(b, o->words[i]);
	}
}

static void add_explained(struct buf *b, const struct opt *o)
{
	buf_addstr(b, o->help);
	if (o->type == OPT_ENUM)
		add_words(b, o);
	if (o->def)
		buf_addf(b, " (default: %s)", o->def);
	if (o->type == OPT_LIST)
		buf_addstr(b, " (repeatable)");
}

static void add_option(struct buf *b, const struct opt *o)
{
	struct buf left = BUF_INIT, right = BUF_INIT;

	if (o->letter && o->name)
		buf_addf(&left, "  -%c, --%s", o->letter, o->name);
	else if (o->letter)
		buf_addf(&left, "  -%c", o->letter);
	else
		buf_addf(&left, "      --%s", o->name);
	if (o->metavar)
		buf_addf(&left, " %s", o->metavar);
	add_explained(&right, o);

	buf_add(b, buf_str(&left), left.len);
	if (left.len + 2 > HELP_INDENT)
		buf_addf(b, "\n%*s", HELP_INDENT, "");
	else
		buf_addf(b, "%*s", (int)(HELP_INDENT - left.len), "");
	add_wrapped(b, buf_str(&right), HELP_INDENT, HELP_INDENT);
	buf_done(&left);
	buf_done(&right);
}

void opt_help(const struct opt_cmd *cmd, const char *prog, struct buf *ret)
{
	size_t i, s;

	buf_addf(ret, "usage: %s%s%s%s%s\n\n", prog, cmd->name, cmd->n_sets ? " [OPTIONS]" : "",
		 cmd->operands ? " " : "", cmd->operands ? cmd->operands : "");
	add_wrapped(ret, cmd->about ? cmd->about : cmd->brief, 0, 0);
	for (s = 0; s < cmd->n_sets; s++) {
		buf_addf(ret, "\n%s\n", cmd->sets[s].title);
		for (i = 0; i < cmd->sets[s].n; i++)
			add_option(ret, &cmd->sets[s].opts[i]);
	}
	if (!cmd->examples)
		return;
	buf_addstr(ret, "\nExamples\n");
	for (i = 0; cmd->examples[i]; i++)
		buf_addf(ret, "  %s\n", cmd->examples[i]);
}

/* '|' would end the cell. */
static void add_cell(struct buf *b, const char *text)
{
	for (; *text; text++) {
		if (*text == '|')
			buf_addch(b, '\\');
		buf_addch(b, *text);
	}
}

void opt_markdown(const struct opt_cmd *cmd, struct buf *ret)
{
	size_t i, s;

	for (s = 0; s < cmd->n_sets; s++) {
		buf_addf(ret, "%s| %s | |\n|---|---|\n", s ? "\n" : "", cmd->sets[s].title);
		for (i = 0; i < cmd->sets[s].n; i++) {
			const struct opt *o = &cmd->sets[s].opts[i];
			struct buf text = BUF_INIT;

			buf_addstr(ret, "| `");
			if (o->letter)
				buf_addf(ret, "-%c%s", o->letter, o->name ? "`, `" : "");
			if (o->name)
				buf_addf(ret, "--%s", o->name);
			if (o->metavar) {
				buf_addch(ret, ' ');
				add_cell(ret, o->metavar);
			}
			buf_addstr(ret, "` | ");
			add_explained(&text, o);
			add_cell(ret, buf_str(&text));
			buf_addstr(ret, " |\n");
			buf_done(&text);
		}
	}
}
