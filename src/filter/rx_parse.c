/* Recursive descent; writes the program while it reads.  What repeats is copied or
 * gets a loop around it afterwards. */
#include "filter/rx_int.h"

#include <errno.h>
#include <string.h>

struct rx_parser {
	struct rx *r;
	const char *text, *p, *end;
	unsigned depth;
	bool icase;
	struct err *err;
};

static void set_range(struct rx_set *s, unsigned from, unsigned to)
{
	for (; from <= to; from++)
		rx_set_add(s, (unsigned char)from);
}

static void set_invert(struct rx_set *s)
{
	size_t i;

	for (i = 0; i < 4; i++)
		s->w[i] = ~s->w[i];
}

static void set_fold(struct rx_set *s)
{
	unsigned c;

	for (c = 'a'; c <= 'z'; c++) {
		if (rx_set_has(s, (unsigned char)c))
			rx_set_add(s, (unsigned char)(c ^ 0x20));
		else if (rx_set_has(s, (unsigned char)(c ^ 0x20)))
			rx_set_add(s, (unsigned char)c);
	}
}

static int wrong(struct rx_parser *ps, const char *at, const char *what)
{
	return err_set(ps->err, -EINVAL, "%s at character %zu of the regular expression", what,
		       (size_t)(at - ps->text) + 1);
}

static int emit(struct rx_parser *ps, enum rx_op op, int x, int y)
{
	struct rx *r = ps->r;

	if (r->n == RX_STEPS_MAX)
		return err_set(ps->err, -E2BIG, "the regular expression is too large");
	r->steps[r->n++] = (struct rx_step){(uint16_t)op, (int16_t)x, (int16_t)y};
	return 0;
}

/* Puts a step in front of those from 'at' on. */
static int insert(struct rx_parser *ps, size_t at, enum rx_op op, int x, int y)
{
	struct rx *r = ps->r;
	struct rx_step s;
	int e;

	e = emit(ps, op, x, y);
	if (e < 0)
		return e;
	s = r->steps[r->n - 1];
	memmove(r->steps + at + 1, r->steps + at, (r->n - 1 - at) * sizeof(r->steps[0]));
	r->steps[at] = s;
	return 0;
}

static int emit_set(struct rx_parser *ps, struct rx_set *s)
{
	struct rx *r = ps->r;
	size_t i;

	if (ps->icase)
		set_fold(s);
	for (i = 0; i < r->n_sets && memcmp(&r->sets[i], s, sizeof(*s)) != 0; i++)
		;
	if (i == RX_SETS_MAX)
		return err_set(ps->err, -E2BIG, "the regular expression has more than %d classes",
			       RX_SETS_MAX);
	if (i == r->n_sets)
		r->sets[r->n_sets++] = *s;
	return emit(ps, RX_SET, (int)i, 0);
}

static int emit_byte(struct rx_parser *ps, unsigned char c)
{
	bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

	return emit(ps, RX_BYTE, c, ps->icase && letter ? c ^ 0x20 : c);
}

/* The class that a letter behind '\' stands for; false: none. */
static bool escape_class(char c, struct rx_set *ret)
{
	*ret = (struct rx_set){{0}};
	switch (c | 0x20) {
	case 'd':
		set_range(ret, '0', '9');
		break;
	case 'w':
		set_range(ret, '0', '9');
		set_range(ret, 'a', 'z');
		set_range(ret, 'A', 'Z');
		rx_set_add(ret, '_');
		break;
	case 's':
		set_range(ret, '\t', '\r');
		rx_set_add(ret, ' ');
		break;
	default:
		return false;
	}
	if (!(c & 0x20))
		set_invert(ret);
	return true;
}

static int hex_value(const char *p, const char *end)
{
	static const char digits[] = "0123456789abcdef";
	const char *d;

	if (p >= end || !*p)
		return -1;
	d = strchr(digits, *p >= 'A' && *p <= 'F' ? *p | 0x20 : *p);
	return d ? (int)(d - digits) : -1;
}

/* The byte that '\' and what follows stand for; ps->p is behind the '\'. */
static int escape_byte(struct rx_parser *ps, unsigned char *ret)
{
	const char *at = ps->p - 1;
	int hi, lo;

	if (ps->p == ps->end)
		return wrong(ps, at, "nothing follows the '\\'");
	switch (*ps->p) {
	case 'n':
		*ret = '\n';
		break;
	case 'r':
		*ret = '\r';
		break;
	case 't':
		*ret = '\t';
		break;
	case 'x':
		hi = hex_value(ps->p + 1, ps->end);
		lo = hex_value(ps->p + 2, ps->end);
		if (hi < 0 || lo < 0)
			return wrong(ps, at, "'\\x' without two hexadecimal digits");
		*ret = (unsigned char)(hi << 4 | lo);
		ps->p += 2;
		break;
	default:
		if ((*ps->p >= '0' && *ps->p <= '9') || (*ps->p >= 'a' && *ps->p <= 'z') ||
		    (*ps->p >= 'A' && *ps->p <= 'Z'))
			return wrong(ps, at, "unknown escape");
		*ret = (unsigned char)*ps->p;
	}
	ps->p++;
	return 0;
}

/* "[:alpha:]" inside of a class; ps->p is behind "[:". */
static int named_class(struct rx_parser *ps, struct rx_set *set)
{
	/* clang-format off */
	static const struct {
		const char *name, *ranges; /* pairs of first and last */
	} classes[] = {
		{"alpha", "azAZ"}, {"digit", "09"}, {"alnum", "azAZ09"}, {"upper", "AZ"},
		{"lower", "az"}, {"xdigit", "09afAF"}, {"space", "\t\r  "}, {"blank", "\t\t  "},
		{"punct", "!/:@[`{~"}, {"print", " ~"}, {"graph", "!~"}, {"cntrl", "\x01\x1f\x7f\x7f"},
	};
	/* clang-format on */
	const char *at = ps->p - 2;
	size_t i, len;

	for (i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
		const char *r;

		len = strlen(classes[i].name);
		if ((size_t)(ps->end - ps->p) < len + 2 ||
		    memcmp(ps->p, classes[i].name, len) != 0 || memcmp(ps->p + len, ":]", 2) != 0)
			continue;
		for (r = classes[i].ranges; *r; r += 2)
			set_range(set, (unsigned char)r[0], (unsigned char)r[1]);
		ps->p += len + 2;
		return 0;
	}
	return wrong(ps, at, "unknown class");
}

/* One member of a class that may begin a range.  1: '*ret' is a byte, 0: a
 * class was added. */
static int class_member(struct rx_parser *ps, struct rx_set *set, unsigned char *ret)
{
	struct rx_set more;
	int e;

	if (ps->p + 1 < ps->end && ps->p[0] == '[' && ps->p[1] == ':') {
		ps->p += 2;
		return named_class(ps, set);
	}
	if (*ps->p != '\\') {
		*ret = (unsigned char)*ps->p++;
		return 1;
	}
	ps->p++;
	if (ps->p < ps->end && escape_class(*ps->p, &more)) {
		size_t i;

		for (i = 0; i < 4; i++)
			set->w[i] |= more.w[i];
		ps->p++;
		return 0;
	}
	e = escape_byte(ps, ret);
	return e < 0 ? e : 1;
}

/* ps->p is behind the '['. */
static int parse_class(struct rx_parser *ps)
{
	const char *start = ps->p - 1, *first;
	struct rx_set set = {{0}};
	bool invert = false;
	unsigned char from, to;
	int e;

	if (ps->p < ps->end && *ps->p == '^') {
		invert = true;
		ps->p++;
	}
	for (first = ps->p; ps->p < ps->end && (*ps->p != ']' || ps->p == first);) {
		const char *at = ps->p;

		e = class_member(ps, &set, &from);
		if (e < 0)
			return e;
		if (e == 0)
			continue;
		to = from;
		if (ps->p + 1 < ps->end && ps->p[0] == '-' && ps->p[1] != ']') {
			ps->p++;
			e = class_member(ps, &set, &to);
			if (e < 0)
				return e;
			if (e == 0 || to < from)
				return wrong(ps, at, "wrong range");
		}
		set_range(&set, from, to);
	}
	if (ps->p == ps->end)
		return wrong(ps, start, "no ']' for the '['");
	ps->p++;
	if (ps->icase)
		set_fold(&set); /* before it is inverted: [^a] excludes 'A' too */
	if (invert)
		set_invert(&set);
	return emit_set(ps, &set);
}

static int parse_alt(struct rx_parser *ps);

/* ps->p is behind the '('. */
static int parse_group(struct rx_parser *ps)
{
	const char *start = ps->p - 1;
	int e;

	if (ps->p < ps->end && *ps->p == '?') {
		if (ps->p + 1 == ps->end || ps->p[1] != ':')
			return wrong(ps, start, "this kind of group is not supported");
		ps->p += 2;
	}
	if (++ps->depth > RX_DEPTH_MAX)
		return wrong(ps, start, "too many parentheses in each other");
	e = parse_alt(ps);
	if (e < 0)
		return e;
	ps->depth--;
	if (ps->p == ps->end)
		return wrong(ps, start, "no ')' for the '('");
	ps->p++;
	return 0;
}

static int parse_atom(struct rx_parser *ps)
{
	struct rx_set set;
	unsigned char byte;
	char c = *ps->p++;
	int e;

	switch (c) {
	case '(':
		return parse_group(ps);
	case '[':
		return parse_class(ps);
	case '.':
		set = (struct rx_set){{0}};
		rx_set_add(&set, '\n');
		set_invert(&set);
		return emit_set(ps, &set);
	case '^':
		return emit(ps, RX_BOL, 0, 0);
	case '$':
		return emit(ps, RX_EOL, 0, 0);
	case '*':
	case '+':
	case '?':
		return wrong(ps, ps->p - 1, "nothing to repeat");
	case '\\':
		if (ps->p < ps->end && escape_class(*ps->p, &set)) {
			ps->p++;
			return emit_set(ps, &set);
		}
		e = escape_byte(ps, &byte);
		return e < 0 ? e : emit_byte(ps, byte);
	default:
		return emit_byte(ps, (unsigned char)c);
	}
}

#define UNLIMITED (-1)

/* Reads "{2}", "{2,}" or "{2,5}" behind the '{'; 0 if it is none of these and
 * the '{' stands for itself, as in Perl. */
static int parse_braces(struct rx_parser *ps, int *min, int *max)
{
	const char *start = ps->p - 1, *p = ps->p;
	int n[2] = {0, UNLIMITED}, i = 0;

	if (p == ps->end || *p < '0' || *p > '9')
		return 0;
	for (; p < ps->end && *p != '}'; p++) {
		if (*p == ',' && i == 0) {
			i = 1;
		} else if (*p >= '0' && *p <= '9') {
			n[i] = (n[i] == UNLIMITED ? 0 : n[i] * 10) + (*p - '0');
			if (n[i] > RX_REPEAT_MAX)
				return wrong(ps, start, "too many repetitions");
		} else {
			return 0;
		}
	}
	if (p == ps->end)
		return 0;
	ps->p = p + 1;
	*min = n[0];
	*max = i ? n[1] : n[0];
	return *max != UNLIMITED && *max < *min ? wrong(ps, start, "wrong order of repetitions")
						: 1;
}

/* Writes steps [from, from + len) again at the end. */
static int copy(struct rx_parser *ps, size_t from, size_t len)
{
	size_t i;
	int e;

	for (i = 0; i < len; i++) {
		struct rx_step s = ps->r->steps[from + i];

		e = emit(ps, s.op, s.x, s.y);
		if (e < 0)
			return e;
	}
	return 0;
}

/* Makes the steps from 'at' on optional, or repeat any number of times. */
static int loop(struct rx_parser *ps, size_t at, bool again)
{
	int len = (int)(ps->r->n - at), e;

	e = insert(ps, at, RX_SPLIT, 1, again ? len + 2 : len + 1);
	if (e == 0 && again)
		e = emit(ps, RX_JMP, -(len + 1), 0);
	return e;
}

static int repeat(struct rx_parser *ps, size_t at, int min, int max)
{
	size_t len = ps->r->n - at, last;
	int i, e;

	if (max == 0) {
		ps->r->n = at;
		return 0;
	}
	for (i = 1; i < min; i++) {
		e = copy(ps, at, len);
		if (e < 0)
			return e;
	}
	if (min == 0) {
		e = loop(ps, at, max == UNLIMITED);
		if (e < 0 || max == UNLIMITED)
			return e;
		at++; /* the split: what is copied below is the body */
	} else if (max == UNLIMITED) {
		return emit(ps, RX_SPLIT, -(int)len, 1);
	}
	for (i = min ? min : 1; i < max; i++) {
		last = ps->r->n;
		e = copy(ps, at, len);
		if (e == 0)
			e = loop(ps, last, false);
		if (e < 0)
			return e;
	}
	return 0;
}

static int parse_repeated(struct rx_parser *ps)
{
	size_t at = ps->r->n;
	int e, min, max;

	e = parse_atom(ps);
	while (e == 0 && ps->p < ps->end) {
		char c = *ps->p;

		if (c != '*' && c != '+' && c != '?' && c != '{')
			return 0;
		ps->p++;
		min = c == '+';
		max = c == '?' ? 1 : UNLIMITED;
		if (c == '{') {
			e = parse_braces(ps, &min, &max);
			if (e < 0)
				return e;
			if (e == 0) {
				ps->p--;
				return 0;
			}
		}
		e = repeat(ps, at, min, max);
		if (ps->p < ps->end && *ps->p == '?') /* lazy: matches the same texts */
			ps->p++;
	}
	return e;
}

static int parse_branch(struct rx_parser *ps)
{
	int e = 0;

	while (e == 0 && ps->p < ps->end && *ps->p != '|' && *ps->p != ')')
		e = parse_repeated(ps);
	return e;
}

static int parse_alt(struct rx_parser *ps)
{
	size_t at = ps->r->n, jump = 0, back;
	int e;

	e = parse_branch(ps);
	while (e == 0 && ps->p < ps->end && *ps->p == '|') {
		ps->p++;
		e = insert(ps, at, RX_SPLIT, 1, (int)(ps->r->n - at) + 2);
		/* the way out, still unknown: until then each jump knows the one before it */
		if (e == 0)
			e = emit(ps, RX_JMP, 0, jump ? (int)(ps->r->n - jump) : 0);
		if (e < 0)
			return e;
		jump = ps->r->n - 1;
		at = ps->r->n;
		e = parse_branch(ps);
	}
	for (back = 1; e == 0 && jump && back; jump -= back) {
		back = (size_t)ps->r->steps[jump].y;
		ps->r->steps[jump].x = (int16_t)(ps->r->n - jump);
		ps->r->steps[jump].y = 0;
	}
	return e;
}

int rx_parse(struct rx *r, const char *text, size_t len, unsigned flags, struct err *err)
{
	struct rx_parser ps = {
		.r = r,
		.text = text,
		.p = text,
		.end = text + len,
		.icase = flags & RX_ICASE,
		.err = err,
	};
	int e = 0;

	if (len >= 4 && memcmp(text, "(?i)", 4) == 0) {
		ps.icase = true;
		ps.p += 4;
	}
	if (flags & RX_WHOLE)
		e = emit(&ps, RX_BOL, 0, 0);
	if (e == 0)
		e = parse_alt(&ps);
	if (e == 0 && ps.p < ps.end)
		e = wrong(&ps, ps.p, "no '(' for the ')'");
	if (e == 0 && flags & RX_WHOLE)
		e = emit(&ps, RX_EOL, 0, 0);
	if (e == 0)
		e = emit(&ps, RX_MATCH, 0, 0);
	return e;
}
