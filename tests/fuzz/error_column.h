/* What every refusal of an expression must have. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "filter/filter_lex.h"

/* A text, and if it names a column, the last one it names, one within the expression. */
static inline bool error_is_sound(const char *expr, const struct err *err)
{
	const char *column = NULL, *p;
	unsigned n;

	for (p = err->text; (p = strstr(p, "(column ")); p++) /* the text may quote another */
		column = p;
	n = column ? (unsigned)strtoul(column + 8, NULL, 10) : 1;
	return err->text[0] && n >= 1 && n <= text_column(expr, strlen(expr));
}
