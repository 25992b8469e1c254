#include "ql/re_code.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

struct parser {
	const char *p, *end;
	struct ql_re *re;
	bool fold;
	unsigned depth;
	struct err *err;
};

static int fail(struct parser *ps, const char *why)
{
	return err_set(ps->err, -EINVAL, "%s", why);
}

static int emit(struct parser *ps, enum ql_re_op op, int32_t x, int32_t y)
{
	struct ql_re *re = ps->re;

	if (re->n == QL_RE_SIZE_MAX)
		return fail(ps, "the expression is too large");
	re->code[re->n++] = (struct ql_re_inst){.op = (uint8_t)op, .x = x, .y = y};
	return 0;
}

static int insert(struct parser *ps, uint32_t at, enum ql_re_op op, int32_t x, int32_t y)
{
	struct ql_re *re = ps->re;
	struct ql_re_inst in;
	int r;

	r = emit(ps, op, x, y);
	if (r < 0)
		return r;
	in = re->code[re->n - 1];
	memmove(&re->code[at + 1], &re->code[at], (re->n - 1 - at) * sizeof(in));
	re->code[at] = in;
	return 0;
}

static int add_range(struct parser *ps, uint32_t lo, uint32_t hi)
{
	struct ql_re *re = ps->re;
	uint32_t size;
	struct ql_re_range *q;

	if (re->n_ranges == re->size_ranges) {
		size = re->size_ranges ? 2 * re->size_ranges : 16;
		q = realloc(re->ranges, size * sizeof(*q));
		if (!q)
			return err_set(ps->err, -ENOMEM, "out of memory");
		re->ranges = q;
		re->size_ranges = size;
	}
	re->ranges[re->n_ranges++] = (struct ql_re_range){lo, hi};
	return 0;
}

/* Adds [lo, hi] and, with (?i), the same letters of the other case. */
static int add_folded(struct parser *ps, uint32_t lo, uint32_t hi)
{
	static const struct ql_re_range letters[] = {{'a', 'z'}, {'A', 'Z'}};
	int i, r;

	r = add_range(ps, lo, hi);
	for (i = 0; i < 2 && ps->fold && r == 0; i++) {
		uint32_t a = lo > letters[i].lo ? lo : letters[i].lo;
		uint32_t b = hi < letters[i].hi ? hi : letters[i].hi;

		if (a <= b)
			r = add_range(ps, a ^ 0x20, b ^ 0x20);
	}
	return r;
}

struct class
{
	const char *name;
	struct ql_re_range r[4];
	unsigned n;
};

static const struct class escapes[] = {
	{"d", {{'0', '9'}}, 1},
	{"w", {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}}, 4},
	{"s", {{'\t', '\n'}, {'\f', '\r'}, {' ', ' '}}, 3},
};

static const struct class posix[] = {
	{"alnum", {{'0', '9'}, {'A', 'Z'}, {'a', 'z'}}, 3},
	{"alpha", {{'A', 'Z'}, {'a', 'z'}}, 2},
	{"digit", {{'0', '9'}}, 1},
	{"lower", {{'a', 'z'}}, 1},
	{"punct", {{'!', '/'}, {':', '@'}, {'[', '`'}, {'{', '~'}}, 4},
	{"space", {{'\t', '\r'}, {' ', ' '}}, 2},
	{"upper", {{'A', 'Z'}}, 1},
	{"word", {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}}, 4},
	{"xdigit", {{'0', '9'}, {'A', 'F'}, {'a', 'f'}}, 3},
};

/* The ranges of a class, or of all that is between and around them. */
static int add_class(struct parser *ps, const struct class *c, bool negate)
{
	uint32_t from = 0;
	unsigned i;
	int r = 0;

	for (i = 0; i < c->n && r == 0; i++) {
		if (!negate)
			r = add_range(ps, c->r[i].lo, c->r[i].hi);
		else if (from < c->r[i].lo)
			r = add_range(ps, from, c->r[i].lo - 1);
		from = c->r[i].hi + 1;
	}
	return negate && r == 0 ? add_range(ps, from, CHAR_LAST) : r;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Behind \x: HH or {H...}. */
static int parse_hex(struct parser *ps, uint32_t *ret)
{
	bool brace = ps->p < ps->end && *ps->p == '{';
	unsigned digits = 0;
	uint32_t v = 0;

	ps->p += brace;
	while (ps->p < ps->end && digits < (brace ? 6 : 2) && hex_value(*ps->p) >= 0) {
		v = v * 16 + (uint32_t)hex_value(*ps->p++);
		digits++;
	}
	if (!digits || (!brace && digits < 2) || v > CHAR_MAX_UTF8)
		return fail(ps, "\\x needs two hexadecimal digits or {digits}");
	if (brace && (ps->p == ps->end || *ps->p++ != '}'))
		return fail(ps, "\\x{ without its }");
	*ret = v;
	return 0;
}

/* Behind a backslash: a class (adds its ranges, '*ret_class') or one character. */
static int parse_escape(struct parser *ps, uint32_t *ret, bool *ret_class)
{
	static const char from[] = "nrtfv", to[] = "\n\r\t\f\v";
	const char *k;
	size_t i;
	char c;

	*ret_class = false;
	if (ps->p == ps->end)
		return fail(ps, "it ends in a backslash");
	for (i = 0; i < sizeof(escapes) / sizeof(escapes[0]); i++) {
		if ((*ps->p | 0x20) == escapes[i].name[0]) {
			*ret_class = true;
			return add_class(ps, &escapes[i], !(*ps->p++ & 0x20));
		}
	}
	c = *ps->p;
	if (c == 'x') {
		ps->p++;
		return parse_hex(ps, ret);
	}
	k = memchr(from, c, sizeof(from) - 1);
	if (k) {
		ps->p++;
		*ret = (unsigned char)to[k - from];
		return 0;
	}
	if ((c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z'))
		return fail(ps, "unknown escape sequence");
	*ret = ql_re_char(&ps->p, ps->end);
	return 0;
}

/* At "[:": "[:alpha:]" or "[:^alpha:]".  0: none, 1: taken. */
static int parse_posix(struct parser *ps)
{
	const char *p = ps->p + 2, *q;
	bool negate = p < ps->end && *p == '^';
	size_t i;
	int r;

	p += negate;
	for (q = p; q < ps->end && *q != ':' && *q != ']'; q++)
		;
	if (ps->end - q < 2 || q[0] != ':' || q[1] != ']')
		return 0;
	for (i = 0; i < sizeof(posix) / sizeof(posix[0]); i++) {
		if (strlen(posix[i].name) == (size_t)(q - p) &&
		    memcmp(posix[i].name, p, (size_t)(q - p)) == 0) {
			ps->p = q + 2;
			r = add_class(ps, &posix[i], negate);
			return r < 0 ? r : 1;
		}
	}
	return fail(ps, "unknown class in [: :]");
}

/* One end of a range or a class within brackets. */
static int parse_member(struct parser *ps, uint32_t *ret, bool *ret_class)
{
	int r;

	*ret_class = false;
	if (*ps->p == '[' && ps->end - ps->p > 1 && ps->p[1] == ':') {
		r = parse_posix(ps);
		*ret_class = r > 0;
		if (r)
			return r < 0 ? r : 0;
	}
	if (*ps->p == '\\') {
		ps->p++;
		return parse_escape(ps, ret, ret_class);
	}
	*ret = ql_re_char(&ps->p, ps->end);
	return 0;
}

/* Behind "[". */
static int parse_bracket(struct parser *ps)
{
	uint32_t first = ps->re->n_ranges, lo, hi;
	const char *start;
	bool class, negate;
	int r;

	negate = ps->p < ps->end && *ps->p == '^';
	ps->p += negate;
	for (start = ps->p; ps->p < ps->end && (*ps->p != ']' || ps->p == start);) {
		r = parse_member(ps, &lo, &class);
		if (r < 0)
			return r;
		if (class)
			continue;
		hi = lo;
		if (ps->end - ps->p > 1 && ps->p[0] == '-' && ps->p[1] != ']') {
			ps->p++;
			r = parse_member(ps, &hi, &class);
			if (r < 0)
				return r;
			if (class || hi < lo)
				return fail(ps, "a range in [ ] ends before it starts");
		}
		r = add_folded(ps, lo, hi);
		if (r < 0)
			return r;
	}
	if (ps->p == ps->end)
		return fail(ps, "']' missing");
	ps->p++;
	r = emit(ps, OP_RANGES, (int32_t)first, (int32_t)(ps->re->n_ranges - first));
	if (r == 0)
		ps->re->code[ps->re->n - 1].negate = negate;
	return r;
}

static int parse_alternatives(struct parser *ps);

/* Behind "(". */
static int parse_group(struct parser *ps)
{
	int r;

	if (ps->end - ps->p >= 2 && ps->p[0] == '?') {
		if (ps->p[1] != ':')
			return fail(ps, "of '(?' only '(?:' and, in front, '(?i)' are known");
		ps->p += 2;
	}
	if (ps->depth == QL_RE_DEPTH_MAX)
		return fail(ps, "too many parentheses in parentheses");
	ps->depth++;
	r = parse_alternatives(ps);
	ps->depth--;
	if (r < 0)
		return r;
	if (ps->p == ps->end)
		return fail(ps, "')' missing");
	ps->p++;
	return 0;
}

static int parse_atom(struct parser *ps)
{
	uint32_t first = ps->re->n_ranges, c;
	bool class = false;
	int r = 0;

	switch (*ps->p) {
	case '(':
		ps->p++;
		return parse_group(ps);
	case '[':
		ps->p++;
		return parse_bracket(ps);
	case '^':
	case '$':
		return fail(ps, "'^' and '$' are implied; write \\^ or \\$ for the characters");
	case '*':
	case '+':
	case '?':
	case '{':
		return fail(ps, "nothing to repeat");
	case '.':
		ps->p++;
		r = add_range(ps, 0, CHAR_LAST);
		break;
	case '\\':
		ps->p++;
		r = parse_escape(ps, &c, &class);
		if (r == 0 && !class)
			r = add_folded(ps, c, c);
		break;
	default:
		c = ql_re_char(&ps->p, ps->end);
		r = add_folded(ps, c, c);
	}
	if (r < 0)
		return r;
	return emit(ps, OP_RANGES, (int32_t)first, (int32_t)(ps->re->n_ranges - first));
}

static int parse_count(struct parser *ps, int *ret)
{
	int v = 0;

	if (ps->p == ps->end || *ps->p < '0' || *ps->p > '9')
		return fail(ps, "a number expected between { }");
	for (; ps->p < ps->end && *ps->p >= '0' && *ps->p <= '9'; ps->p++) {
		v = v * 10 + (*ps->p - '0');
		if (v > QL_RE_REPEAT_MAX)
			return fail(ps, "more than 1000 repetitions");
	}
	*ret = v;
	return 0;
}

/* At one of * + ? {: '*max' is -1 for no limit. */
static int parse_repeat(struct parser *ps, int *min, int *max)
{
	char c = *ps->p++;
	int r;

	*min = c == '+';
	*max = c == '?' ? 1 : -1;
	if (c == '{') {
		r = parse_count(ps, min);
		if (r < 0)
			return r;
		*max = *min;
		if (ps->p < ps->end && *ps->p == ',') {
			ps->p++;
			*max = -1;
			if (ps->p < ps->end && *ps->p != '}')
				r = parse_count(ps, max);
			if (r < 0)
				return r;
		}
		if (ps->p == ps->end || *ps->p != '}')
			return fail(ps, "'}' missing");
		ps->p++;
		if (*max >= 0 && *max < *min)
			return fail(ps, "a repetition's most is less than its least");
	}
	if (ps->p < ps->end && *ps->p == '?')
		ps->p++; /* "as few as possible" changes nothing when all must match */
	return 0;
}

/* Repeats the code from 'at' to the end. */
static int repeat(struct parser *ps, uint32_t at, int min, int max)
{
	CLEANUP(freep) struct ql_re_inst *body = NULL;
	struct ql_re *re = ps->re;
	uint32_t len = re->n - at;
	int i, r = 0, copies = max < 0 ? (min ? min : 1) : max;

	if (max < 0 && min <= 1) { /* the common forms, without a copy */
		if (min)
			return emit(ps, OP_SPLIT, -(int32_t)len, 1);
		r = insert(ps, at, OP_SPLIT, 1, (int32_t)len + 2);
		return r < 0 ? r : emit(ps, OP_JUMP, -(int32_t)len - 1, 0);
	}
	if ((uint64_t)copies * (len + 1) > QL_RE_SIZE_MAX - at)
		return fail(ps, "the expression is too large");
	body = malloc((len + 1) * sizeof(*body));
	if (!body)
		return err_set(ps->err, -ENOMEM, "out of memory");
	memcpy(body, &re->code[at], len * sizeof(*body));
	re->n = at;
	for (i = 0; i < copies; i++) {
		if (i >= min) /* may be left out, and so may all behind it */
			r = emit(ps, OP_SPLIT, 1, (copies - i) * ((int32_t)len + 1));
		if (r < 0)
			return r;
		memcpy(&re->code[re->n], body, len * sizeof(*body));
		re->n += len;
	}
	return max < 0 ? emit(ps, OP_SPLIT, -(int32_t)len, 1) : 0;
}

static int parse_sequence(struct parser *ps)
{
	int r, min, max;

	while (ps->p < ps->end && *ps->p != '|' && *ps->p != ')') {
		uint32_t at = ps->re->n;

		r = parse_atom(ps);
		while (r == 0 && ps->p < ps->end && *ps->p && strchr("*+?{", *ps->p)) {
			r = parse_repeat(ps, &min, &max);
			if (r == 0)
				r = repeat(ps, at, min, max);
		}
		if (r < 0)
			return r;
	}
	return 0;
}

static int parse_alternatives(struct parser *ps)
{
	uint32_t at = ps->re->n;
	int r;

	r = parse_sequence(ps);
	while (r == 0 && ps->p < ps->end && *ps->p == '|') {
		uint32_t jump;

		ps->p++;
		r = insert(ps, at, OP_SPLIT, 1, (int32_t)(ps->re->n - at) + 2);
		if (r < 0)
			return r;
		jump = ps->re->n;
		r = emit(ps, OP_JUMP, 0, 0);
		if (r < 0)
			return r;
		r = parse_sequence(ps);
		ps->re->code[jump].x = (int32_t)(ps->re->n - jump);
	}
	return r;
}

int ql_re_parse(struct ql_re *re, const char *text, size_t len, struct err *err)
{
	struct parser ps = {.p = text, .end = text + len, .re = re, .err = err};
	int r;

	if (len >= 4 && memcmp(text, "(?i)", 4) == 0) {
		ps.fold = true;
		ps.p += 4;
	}
	r = parse_alternatives(&ps);
	if (r < 0)
		return r;
	if (ps.p < ps.end)
		return fail(&ps, "')' without its '('");
	return emit(&ps, OP_MATCH, 0, 0);
}
