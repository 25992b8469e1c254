/* What ql_parse() makes: the steps of a query with their arguments, each with the column it
 * stands at.  Words and shapes are checked, fields and types are not: those need a schema. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/batch.h"
#include "ql/mem.h"
#include "ql/ql.h"

struct ql_pred_def; /* words.h */
struct ql_step_def;

enum ql_arg_kind {
	QL_ARG_INT,    /* 'neg', 'u64' */
	QL_ARG_REAL,   /* 'f64' */
	QL_ARG_STRING, /* 'str' */
	QL_ARG_BOOL,   /* 'u64' is 0 or 1 */
	QL_ARG_WORD,   /* 'word' */
	QL_ARG_PRED,   /* 'pred', 'args', 'n' */
};

enum ql_word {
	QL_WORD_ASC,
	QL_WORD_DESC,
	QL_WORD_NOW,
	QL_WORD_FOREVER,
};

struct ql_arg {
	enum ql_arg_kind kind;
	unsigned col;
	struct val_str raw; /* as written, for messages; in ql->text */
	struct val_str str; /* followed by a NUL */
	uint64_t u64;       /* magnitude */
	bool neg;
	double f64;
	enum ql_word word;
	const struct ql_pred_def *pred;
	struct ql_arg *args;
	size_t n;
};

struct ql_step {
	const struct ql_step_def *def;
	unsigned col;
	struct ql_arg *args;
	size_t n;
};

struct ql {
	struct ql_arena arena; /* all below lives there */
	const char *text;
	struct ql_step *steps; /* without the G */
	size_t n;
	enum ql_kind kind;
	uint64_t max_memory; /* bytes */
};
