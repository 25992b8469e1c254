#include "filter/where_lex.h"

#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* The names are Wireshark's, wireshark-filter(4). */
static const struct {
	const char *name;
	enum wtok_kind kind;
} names[] = {
	{"and", WTOK_AND},
	{"or", WTOK_OR},
	{"not", WTOK_NOT},
	{"eq", WTOK_EQ},
	{"any_eq", WTOK_EQ},
	{"ne", WTOK_NE},
	{"all_ne", WTOK_NE},
	{"all_eq", WTOK_ALL_EQ},
	{"any_ne", WTOK_ANY_NE},
	{"gt", WTOK_GT},
	{"lt", WTOK_LT},
	{"ge", WTOK_GE},
	{"le", WTOK_LE},
	{"contains", WTOK_CONTAINS},
	{"matches", WTOK_MATCHES},
	{"in", WTOK_IN},
	{"bitwise_and", WTOK_MASK},
};

/* Longest first. */
static const struct {
	const char *text;
	enum wtok_kind kind;
} ops[] = {
	{"===", WTOK_ALL_EQ}, {"!==", WTOK_ANY_NE}, {"==", WTOK_EQ},    {"!=", WTOK_NE},
	{"~=", WTOK_ANY_NE},  {">=", WTOK_GE},      {"<=", WTOK_LE},    {"&&", WTOK_AND},
	{"||", WTOK_OR},      {"..", WTOK_RANGE},   {">", WTOK_GT},     {"<", WTOK_LT},
	{"!", WTOK_NOT},      {"~", WTOK_MATCHES},  {"&", WTOK_MASK},   {"(", WTOK_LPAREN},
	{")", WTOK_RPAREN},   {"{", WTOK_LBRACE},   {"}", WTOK_RBRACE}, {",", WTOK_COMMA},
};

/* Letters, digits and what numbers, addresses, times and names are written
 * with; all of UTF-8 beyond ASCII. */
static bool is_word_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("_.:/+-%", c)) || (unsigned char)c >= 0x80;
}

static size_t word_len(const char *p)
{
	size_t n = 0;

	while (is_word_char(p[n]) && !(p[n] == '.' && p[n + 1] == '.'))
		n++;
	return n;
}

/* With both quotes; 0 if the second is missing. */
static size_t string_len(const char *p, bool raw)
{
	size_t n = 1;

	for (; p[n] && p[n] != p[0]; n++)
		if (p[n] == '\\' && !raw && p[n + 1])
			n++;
	return p[n] ? n + 1 : 0;
}

/* Something like "=>": all of it is the mistake, not only a part that happens
 * to be an operator. */
static size_t op_run(const char *p)
{
	return strspn(p, "=<>~");
}

static size_t cut_op(const char *p, enum wtok_kind *kind)
{
	size_t i, len;

	for (i = 0; i < COUNT(ops); i++) {
		len = strlen(ops[i].text);
		if (strncmp(p, ops[i].text, len) != 0)
			continue;
		if (strchr("=<>", p[len - 1]) && op_run(p + len)) {
			len += op_run(p + len);
			break;
		}
		*kind = ops[i].kind;
		return len;
	}
	*kind = WTOK_BAD;
	if (i < COUNT(ops))
		return len;
	if (op_run(p))
		return op_run(p);
	for (len = 1; ((unsigned char)p[len] & 0xc0) == 0x80;)
		len++;
	return len;
}

static enum wtok_kind word_kind(const char *p, size_t len)
{
	size_t i;

	for (i = 0; i < COUNT(names); i++)
		if (strncmp(p, names[i].name, len) == 0 && !names[i].name[len])
			return names[i].kind;
	return WTOK_WORD;
}

struct wtok wtok_next(const char *text, size_t *pos)
{
	size_t at = *pos + strspn(text + *pos, " \t\r\n"), len;
	enum wtok_kind kind = WTOK_END;
	const char *p = text + at;
	bool raw = p[0] == 'r' && p[1] == '"';

	if (!*p) {
		len = 0;
	} else if (*p == '"' || *p == '\'' || raw) {
		len = string_len(p + raw, raw);
		kind = len ? WTOK_STRING : WTOK_BAD;
		len = len ? len + raw : strlen(p);
	} else if (word_len(p)) {
		len = word_len(p);
		kind = word_kind(p, len);
	} else {
		len = cut_op(p, &kind);
	}
	*pos = at + len;
	return (struct wtok){kind, (uint32_t)at, (uint32_t)len};
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_hex_pair(const char *p)
{
	return hex_value(p[0]) >= 0 && hex_value(p[1]) >= 0;
}

/* What stands at 'p' within quotes: the length as written, and up to two bytes of
 * meaning in 'ret'.  Only what cannot be a regular expression's own escape is
 * resolved: "\d" and "\\d" both mean a digit. */
static size_t unquote_one(const char *p, bool raw, char ret[2], size_t *ret_n)
{
	static const char from[] = "ntr\\\"'", to[] = "\n\t\r\\\"'";
	const char *e;

	*ret_n = 1;
	ret[0] = *p;
	if (raw || *p != '\\')
		return 1;
	if (p[1] == 'x' && is_hex_pair(p + 2)) {
		ret[0] = (char)(hex_value(p[2]) * 16 + hex_value(p[3]));
		return 4;
	}
	e = strchr(from, p[1]);
	ret[0] = e ? to[e - from] : '\\';
	ret[1] = p[1];
	*ret_n = e ? 1 : 2;
	return 2;
}

size_t wtok_unquote(const char *text, const struct wtok *t, char *ret)
{
	const char *p = text + t->off, *end = p + t->len - 1;
	bool raw = *p == 'r';
	size_t n = 0, k;
	char c[2];

	for (p += 1 + raw; p < end;) {
		p += unquote_one(p, raw, c, &k);
		memcpy(ret + n, c, k);
		n += k;
	}
	return n;
}

size_t wtok_origin(const char *text, const struct wtok *t, size_t n)
{
	const char *p = text + t->off, *end = p + t->len - 1;
	bool raw = *p == 'r';
	size_t k, len;
	char c[2];

	if (t->kind != WTOK_STRING)
		return t->off + n;
	for (p += 1 + raw; p < end; p += len, n -= k) {
		len = unquote_one(p, raw, c, &k);
		if (n < k) /* of two bytes the second is where it was */
			return (size_t)(p - text) + n;
	}
	return (size_t)(end - text);
}
