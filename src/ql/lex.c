#include "ql/lex.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define QUOTE_SIZE 64 /* how much of a token messages show, bytes */

void ql_lex_init(struct ql_lex *lex, const char *text, size_t len)
{
	lex->p = text;
	lex->end = text + len;
	lex->col = 1;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Moves on by 'n' bytes; the bytes 80 to bf continue a character of UTF-8. */
static void skip(struct ql_lex *lex, size_t n)
{
	for (; n; n--, lex->p++)
		lex->col += ((unsigned char)*lex->p & 0xc0) != 0x80;
}

int ql_lex_error(struct err *err, const struct ql_tok *tok, const char *fmt, ...)
{
	char why[256], q[QUOTE_SIZE];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	if (tok->kind == QL_TOK_END)
		return err_set(err, -EINVAL, "syntax error at the end (column %u): %s", tok->col,
			       why);
	return err_set(err, -EINVAL, "syntax error at '%s' (column %u): %s",
		       err_quote(q, sizeof(q), tok->p, (unsigned)tok->len), tok->col, why);
}

static size_t word_len(const char *p, const char *end)
{
	const char *q = p;

	while (q < end && (is_letter(*q) || is_digit(*q)))
		q++;
	return (size_t)(q - p);
}

/* 0: not a number. */
static size_t number_len(const char *p, const char *end)
{
	const char *q = p;

	if (q < end && (*q == '-' || *q == '+'))
		q++;
	if (q == end || !is_digit(*q))
		return 0;
	while (q < end && is_digit(*q))
		q++;
	if (end - q >= 2 && *q == '.' && is_digit(q[1]))
		for (q++; q < end && is_digit(*q); q++)
			;
	return (size_t)(q - p);
}

/* 0: no closing quote. */
static size_t string_len(const char *p, const char *end)
{
	const char *q;

	for (q = p + 1; q < end; q++) {
		if (*q == *p)
			return (size_t)(q - p) + 1;
		if (*q == '\\' && q + 1 < end)
			q++;
	}
	return 0;
}

static int lex_number(struct ql_lex *lex, struct ql_tok *t, struct err *err)
{
	size_t n = number_len(lex->p, lex->end), more = word_len(lex->p + n, lex->end);

	if (more) {
		t->len = n + more;
		return ql_lex_error(err, t, "no number; durations and times go in quotes");
	}
	t->kind = QL_TOK_NUMBER;
	t->len = n;
	return 0;
}

static int lex_string(struct ql_lex *lex, struct ql_tok *t, struct err *err)
{
	t->kind = QL_TOK_STRING;
	t->len = string_len(lex->p, lex->end);
	if (!t->len) {
		t->len = (size_t)(lex->end - lex->p);
		return ql_lex_error(err, t, "the string is not closed");
	}
	return 0;
}

static enum ql_tok_kind punctuation(char c)
{
	switch (c) {
	case '(':
		return QL_TOK_LPAREN;
	case ')':
		return QL_TOK_RPAREN;
	case ',':
		return QL_TOK_COMMA;
	case '.':
		return QL_TOK_DOT;
	default:
		return QL_TOK_END;
	}
}

/* Length of the character at 'p' in UTF-8, so that messages show it whole. */
static size_t char_len(const char *p, const char *end)
{
	size_t n = 1;

	while (p + n < end && ((unsigned char)p[n] & 0xc0) == 0x80)
		n++;
	return n;
}

int ql_lex_next(struct ql_lex *lex, struct ql_tok *ret, struct err *err)
{
	struct ql_tok t = {QL_TOK_END};
	int r = 0;

	while (lex->p < lex->end && is_space(*lex->p))
		skip(lex, 1);
	t.p = lex->p;
	t.col = lex->col;
	if (lex->p == lex->end) {
		*ret = t;
		return 0;
	}

	if (is_letter(*lex->p)) {
		t.kind = QL_TOK_WORD;
		t.len = word_len(lex->p, lex->end);
	} else if (number_len(lex->p, lex->end)) {
		t.kind = QL_TOK_NUMBER;
		r = lex_number(lex, &t, err);
	} else if (*lex->p == '\'' || *lex->p == '"') {
		r = lex_string(lex, &t, err);
	} else {
		t.kind = punctuation(*lex->p);
		t.len = char_len(lex->p, lex->end);
		if (t.kind == QL_TOK_END) {
			t.kind = QL_TOK_WORD;
			r = ql_lex_error(err, &t, "unknown character");
		}
	}
	if (r < 0)
		return r;
	skip(lex, t.len);
	*ret = t;
	return 0;
}

/* What stands at 'p' within quotes: its length, and the one byte that it means. */
static size_t string_one(const char *p, const char *end, char *ret)
{
	static const char from[] = "\\'\"nrt", to[] = "\\'\"\n\r\t";
	const char *e = *p == '\\' && p + 1 < end ? memchr(from, p[1], sizeof(from) - 1) : NULL;

	*ret = e ? to[e - from] : *p;
	return e ? 2 : 1;
}

size_t ql_lex_string(const struct ql_tok *tok, char *ret)
{
	const char *p = tok->p + 1, *end = tok->p + tok->len - 1;
	char *out = ret;

	while (p < end)
		p += string_one(p, end, out++);
	return (size_t)(out - ret);
}

unsigned ql_lex_column(const struct ql_tok *tok, size_t n)
{
	const char *p = tok->p + 1, *end = tok->p + tok->len - 1;
	struct ql_lex lex = {.p = tok->p, .col = tok->col};
	char unused;

	for (; n && p < end; n--)
		p += string_one(p, end, &unused);
	skip(&lex, (size_t)(p - tok->p));
	return lex.col;
}
