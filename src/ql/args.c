#include "ql/args.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "ql/lex.h"

#define QUOTE_SIZE 64

int ql_arg_error(struct err *err, const struct ql_arg *a, const char *fmt, ...)
{
	bool text = a->kind == QL_ARG_STRING; /* shown without its own quotes */
	char what[256], q[QUOTE_SIZE];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	err_quote(q, sizeof(q), a->raw.p + text, a->raw.len - 2 * text);
	return err_set(err, -EINVAL, "'%s' is %s (column %u)", q, what, a->col);
}

unsigned ql_arg_column(const struct ql_arg *a, size_t n)
{
	struct ql_tok t = {QL_TOK_STRING, a->raw.p, a->raw.len, a->col};

	return ql_lex_column(&t, n);
}

static int is_string(const struct ql_arg *a, const char *usage, struct err *err)
{
	if (a->kind == QL_ARG_STRING)
		return 0;
	return ql_arg_error(err, a, "no string; use %s", usage);
}

static int check_sort(const struct ql_arg *args, size_t n, const char *usage, struct err *err)
{
	bool key = false, order = false;
	size_t i;

	for (i = 0; i < n; i++) {
		const struct ql_arg *a = &args[i];
		bool word = a->kind == QL_ARG_WORD &&
			    (a->word == QL_WORD_ASC || a->word == QL_WORD_DESC);

		if (!word && a->kind != QL_ARG_STRING)
			return ql_arg_error(err, a, "neither a key nor ASC or DESC; use %s", usage);
		if (word ? order : key)
			return ql_arg_error(err, a, "a second %s; use %s", word ? "order" : "key",
					    usage);
		if (word)
			order = true;
		else
			key = true;
	}
	return 0;
}

static int check_time(const struct ql_arg *args, size_t n, struct err *err)
{
	const struct ql_arg *a = &args[0];

	if (a->kind == QL_ARG_BOOL || a->kind == QL_ARG_PRED ||
	    (a->kind == QL_ARG_WORD && a->word != QL_WORD_NOW))
		return ql_arg_error(
			err, a, "no time (try NOW, '-10m', 1790000000, '2026-11-21T10:00:00Z')");
	if (n < 2)
		return 0;
	a = &args[1];
	if (a->kind == QL_ARG_BOOL || a->kind == QL_ARG_PRED || a->kind == QL_ARG_REAL ||
	    (a->kind == QL_ARG_WORD && a->word != QL_WORD_FOREVER))
		return ql_arg_error(err, a, "no duration (try 60, '1h30m', FOREVER)");
	return 0;
}

static int check_pairs(const char *name, const struct ql_arg *args, size_t n, const char *usage,
		       struct err *err)
{
	size_t i;
	int r;

	for (i = 0; i < n; i++) {
		const struct ql_arg *a = &args[i];

		if (i % 2 == 0) {
			r = is_string(a, usage, err);
			if (r < 0)
				return r;
		} else if (a->kind == QL_ARG_WORD && a->word != QL_WORD_NOW) {
			return ql_arg_error(err, a, "no value; use %s", usage);
		}
	}
	if (n % 2 && n > 1)
		return ql_arg_error(err, &args[n - 1], "a key of %s without a value; use %s", name,
				    usage);
	return 0;
}

static int check_each(enum ql_shape shape, const struct ql_arg *a, const char *usage,
		      struct err *err)
{
	if (shape == QL_SHAPE_STRINGS)
		return is_string(a, usage, err);
	if (shape == QL_SHAPE_NUMBERS) {
		if (a->kind == QL_ARG_INT && !a->neg)
			return 0;
		return ql_arg_error(err, a, "no count from 0 up; use %s", usage);
	}
	if (a->kind == QL_ARG_PRED || (a->kind == QL_ARG_WORD && a->word != QL_WORD_NOW))
		return ql_arg_error(err, a, "no value; use %s", usage);
	return 0;
}

int ql_args_check(const char *name, unsigned col, const char *usage, enum ql_shape shape,
		  uint32_t min, uint32_t max, const struct ql_arg *args, size_t n, struct err *err)
{
	size_t i;
	int r;

	if (n < min || n > max) {
		const char *what = n < min ? "too few" : "too many";

		return err_set(err, -EINVAL, "'%s' (column %u) has %s arguments; use %s", name,
			       n > max ? args[max].col : col, what, usage);
	}
	switch (shape) {
	case QL_SHAPE_SORT:
		return check_sort(args, n, usage, err);
	case QL_SHAPE_TIME:
		return check_time(args, n, err);
	case QL_SHAPE_PAIRS:
		return check_pairs(name, args, n, usage, err);
	default:
		break;
	}
	for (i = 0; i < n; i++) {
		r = check_each(shape, &args[i], usage, err);
		if (r < 0)
			return r;
	}
	return 0;
}
