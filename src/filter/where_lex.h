/* Words of --where expressions.  For src/filter only. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum wtok_kind {
	WTOK_END,
	WTOK_WORD,   /* field, protocol, number, address, time: what it is depends on its place */
	WTOK_STRING, /* in quotes */
	WTOK_AND,
	WTOK_OR,
	WTOK_NOT,
	WTOK_EQ,     /* any value is equal */
	WTOK_NE,     /* all values differ */
	WTOK_ALL_EQ, /* all values are equal */
	WTOK_ANY_NE, /* any value differs */
	WTOK_GT,
	WTOK_LT,
	WTOK_GE,
	WTOK_LE,
	WTOK_CONTAINS,
	WTOK_MATCHES,
	WTOK_IN,
	WTOK_MASK, /* & */
	WTOK_LPAREN,
	WTOK_RPAREN,
	WTOK_LBRACE,
	WTOK_RBRACE,
	WTOK_COMMA,
	WTOK_RANGE, /* .. */
	WTOK_BAD,
};

struct wtok {
	enum wtok_kind kind;
	uint32_t off, len; /* bytes of the text, quotes included */
};

/* Cuts the next word from 'text' at '*pos', which moves behind it; WTOK_END at
 * the end, again and again. */
struct wtok wtok_next(const char *text, size_t *pos);

/* What a WTOK_STRING stands for: without quotes, escapes resolved, unless it is
 * r"raw".  Writes at most t->len bytes to 'ret', returns how many. */
size_t wtok_unquote(const char *text, const struct wtok *t, char *ret);

/* Where byte 'n' of that is written: a byte of 'text'; the closing quote for its end. */
size_t wtok_origin(const char *text, const struct wtok *t, size_t n);
