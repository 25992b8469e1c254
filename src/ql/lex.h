/* Query text -> tokens.  Nothing is copied: tokens point into the text. */
#pragma once

#include <stddef.h>

#include "base/err.h"

enum ql_tok_kind {
	QL_TOK_END,
	QL_TOK_WORD,   /* letter or _, then letters, digits, _ */
	QL_TOK_STRING, /* '...' or "...": the quotes included, escapes as written */
	QL_TOK_NUMBER, /* [+-] digits [. digits] */
	QL_TOK_LPAREN,
	QL_TOK_RPAREN,
	QL_TOK_COMMA,
	QL_TOK_DOT,
};

struct ql_tok {
	enum ql_tok_kind kind;
	const char *p;
	size_t len;
	unsigned col; /* of its first character, from 1 */
};

struct ql_lex {
	const char *p, *end;
	unsigned col; /* of 'p' */
};

void ql_lex_init(struct ql_lex *lex, const char *text, size_t len);

/* The next token; white space of any kind separates.  0, or -EINVAL with a
 * syntax error at its column. */
int ql_lex_next(struct ql_lex *lex, struct ql_tok *ret, struct err *err);

/* The text of a QL_TOK_STRING into 'ret' (at least tok->len bytes).  \\ \' \" \n \r \t stand
 * for one character; any other backslash stays, so that regular expressions
 * need no doubling.  Returns the length. */
size_t ql_lex_string(const struct ql_tok *tok, char *ret);

/* The column of byte 'n' of that text; for its end that of the closing quote. */
unsigned ql_lex_column(const struct ql_tok *tok, size_t n);

/* Fills 'err' with "syntax error at '<token>' (column n): <why>", returns -EINVAL. */
int ql_lex_error(struct err *err, const struct ql_tok *tok, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
