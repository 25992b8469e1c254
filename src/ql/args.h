/* Checks of arguments that need no schema: how many, and of what kind. */
#pragma once

#include "ql/ast.h"
#include "ql/words.h"

/* 'name' and 'col' are of the step or predicate that they belong to.  0, or -EINVAL with the
 * message at the offending argument. */
int ql_args_check(const char *name, unsigned col, const char *usage, enum ql_shape shape,
		  uint32_t min, uint32_t max, const struct ql_arg *args, size_t n, struct err *err);

/* "'x' is <what> (column n)"; returns -EINVAL. */
int ql_arg_error(struct err *err, const struct ql_arg *a, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The column of byte 'n' of the text of a string, escapes in it or not; for its end that of the
 * closing quote. */
unsigned ql_arg_column(const struct ql_arg *a, size_t n);
