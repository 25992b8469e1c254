/* Shows the place of an error in a query, a filter or an expression. */
#include "cli/cmds.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/utf8.h"

#define SHOWN 72 /* characters of a long text, the mark about in the middle */

/* Column (from 1) that the last "(column N)" of a message names; 0: none. */
static size_t column_of(const char *message)
{
	static const char mark[] = "(column ";
	const char *at = NULL, *p;

	for (p = message; (p = strstr(p, mark)); p++)
		at = p;
	return at ? strtoul(at + sizeof(mark) - 1, NULL, 10) : 0;
}

/* Appends one character of 'text', one column wide, returns its bytes. */
static size_t add_char(struct buf *b, const char *text)
{
	unsigned len = utf8_len(text, strlen(text));

	if (!len || utf8_control(text, len))
		buf_addch(b, len ? ' ' : '?');
	else
		buf_add(b, text, len);
	return len ? len : 1;
}

int cli_point(const struct err *err, const char *text)
{
	CLEANUP(buf_done) struct buf line = BUF_INIT;
	size_t column = column_of(err->text), first = 0, at = 0, shown = 0, pad;

	cli_fail(err);
	if (!column)
		return CLI_USAGE;
	if (strlen(text) > SHOWN && column > SHOWN / 2)
		first = column - SHOWN / 2;
	if (first)
		buf_addstr(&line, "...");
	pad = column - 1 - first + (first ? 3 : 0);
	for (; *text && shown < SHOWN; at++) {
		struct buf skipped = BUF_INIT;

		text += add_char(at < first ? &skipped : &line, text);
		shown += at >= first;
		buf_done(&skipped);
	}
	if (*text)
		buf_addstr(&line, "...");
	fprintf(stderr, "  %s\n  %*s^\n", buf_str(&line), (int)pad, "");
	return CLI_USAGE;
}
