/* Recursive descent; not > and > or, as in Wireshark 4. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/vec.h"
#include "filter/filter_lex.h"
#include "filter/rx.h"
#include "filter/where.h"
#include "filter/where_int.h"

struct parser {
	struct where *w;
	const char *text;
	size_t pos;      /* behind 'tok' */
	struct wtok tok; /* the next word */
	uint32_t end;    /* of the word before */
	unsigned depth, tests;
	struct err *err;
};

static void advance(struct parser *p)
{
	p->end = p->tok.off + p->tok.len;
	p->tok = wtok_next(p->text, &p->pos);
}

static bool accept(struct parser *p, enum wtok_kind kind)
{
	if (p->tok.kind != kind)
		return false;
	advance(p);
	return true;
}

static int syntax_error(struct parser *p)
{
	unsigned column = text_column(p->text, p->tok.off);
	char q[80];

	if (p->tok.kind == WTOK_END)
		return err_set(p->err, -EINVAL, "syntax error at the end (column %u)",
			       text_column(p->text, p->end));
	err_quote(q, sizeof(q), p->text + p->tok.off, p->tok.len);
	return err_set(p->err, -EINVAL, "syntax error at '%s' (column %u)", q, column);
}

static int new_node(struct parser *p, const struct wnode *n, uint32_t *ret)
{
	struct where *w = p->w;

	if (vec_reserve(&w->nodes, &w->size, w->n + 1, sizeof(*w->nodes)) < 0)
		return err_set(p->err, -ENOMEM, "out of memory");
	w->nodes[w->n] = *n;
	*ret = (uint32_t)w->n++;
	return 0;
}

static int out_of_memory(struct parser *p)
{
	return err_set(p->err, -ENOMEM, "out of memory");
}

static int add_range(struct parser *p, struct wnode *n, const struct range *r)
{
	/* doubled at every power of two */
	if ((n->n_ranges & (n->n_ranges - 1)) == 0) {
		size_t size = n->n_ranges ? 2 * n->n_ranges : 1;
		struct range *more = reallocarray(n->ranges, size, sizeof(*more));

		if (!more)
			return out_of_memory(p);
		n->ranges = more;
	}
	n->ranges[n->n_ranges++] = *r;
	return 0;
}

static bool is_value(const struct parser *p)
{
	return p->tok.kind == WTOK_WORD || p->tok.kind == WTOK_STRING;
}

static int read_value(struct parser *p, const struct operand *o, struct range *ret)
{
	int r;

	if (!is_value(p))
		return syntax_error(p);
	r = where_value(o, p->text, &p->tok, p->w->mem + p->w->mem_used, ret, p->err);
	if (r < 0)
		return r;
	p->w->mem_used += p->tok.len; /* all words together fit */
	advance(p);
	return 0;
}

static bool is_integer(enum val_type t)
{
	return t == VAL_U64 || t == VAL_I64 || t == VAL_TIME || t == VAL_DUR;
}

/* "> v" and the like as a range; of integers as a closed one. */
static int half_range(struct wnode *n, enum wtok_kind cmp, struct range *r)
{
	bool up = cmp == WTOK_GT || cmp == WTOK_GE, open = cmp == WTOK_GT || cmp == WTOK_LT;
	enum val_type type = n->left.type;

	if (!is_integer(type)) {
		r->flags = up ? RANGE_NO_HI : RANGE_NO_LO;
		if (open)
			r->flags |= up ? RANGE_LO_OPEN : RANGE_HI_OPEN;
		return 1;
	}
	if (type == VAL_U64) {
		if (open && r->lo.u64 == (up ? UINT64_MAX : 0))
			return 0;
		if (up) {
			r->lo.u64 += open;
			r->hi.u64 = UINT64_MAX;
		} else {
			r->hi.u64 -= open;
			r->lo.u64 = 0;
		}
		return 1;
	}
	if (open && r->lo.i64 == (up ? INT64_MAX : INT64_MIN))
		return 0;
	if (up) {
		r->lo.i64 += open;
		r->hi.i64 = INT64_MAX;
	} else {
		r->hi.i64 -= open;
		r->lo.i64 = INT64_MIN;
	}
	return 1;
}

static bool is_number(enum val_type t)
{
	return t == VAL_U64 || t == VAL_I64 || t == VAL_F64 || t == VAL_DUR;
}

/* A field on the right.  The text of a text field may happen to be a field's
 * name: quotes tell them apart. */
static int compare_field(struct parser *p, struct wnode *n)
{
	struct wtok at = p->tok;
	char q[80];
	int r;

	r = where_name(p->w->schema, p->text, &at, &n->right, NULL, p->err);
	if (r < 0)
		return r;
	if (n->left.type != n->right.type &&
	    !(is_number(n->left.type) && is_number(n->right.type))) {
		err_quote(q, sizeof(q), p->text + at.off, at.len);
		return err_set(p->err, -EINVAL,
			       "'%s' (column %u) is of another kind than what it is "
			       "compared with",
			       q, text_column(p->text, at.off));
	}
	n->op = WNODE_FIELD;
	advance(p);
	return 0;
}

static int compare(struct parser *p, struct wnode *n)
{
	enum wtok_kind cmp = p->tok.kind;
	struct wtok at;
	struct range r;
	int e;

	advance(p);
	n->cmp = cmp;
	n->all = cmp == WTOK_NE || cmp == WTOK_ALL_EQ;
	n->negate = cmp == WTOK_NE || cmp == WTOK_ANY_NE;
	at = p->tok;
	if (at.kind == WTOK_WORD && where_is_field(p->w->schema, p->text + at.off, at.len))
		return compare_field(p, n);

	n->op = WNODE_SET;
	e = read_value(p, &n->left, &r);
	if (e < 0)
		return e;
	if (cmp == WTOK_GT || cmp == WTOK_GE || cmp == WTOK_LT || cmp == WTOK_LE) {
		if (n->left.type == VAL_ADDR && addr_cmp(&r.lo.addr, &r.hi.addr) != 0)
			return err_set(p->err, -EINVAL,
				       "'%.*s' (column %u): a prefix is neither greater nor less",
				       (int)at.len, p->text + at.off, text_column(p->text, at.off));
		if (n->left.type == VAL_BOOL)
			return err_set(p->err, -EINVAL,
				       "'%.*s' (column %u): true and false have no order",
				       (int)at.len, p->text + at.off, text_column(p->text, at.off));
		if (!half_range(n, cmp, &r))
			return 0;
	}
	return add_range(p, n, &r);
}

/* One of "a" and "a..b" in braces. */
static int set_member(struct parser *p, struct wnode *n)
{
	enum val_type type = n->left.type;
	struct wtok at = p->tok;
	struct range lo, hi;
	bool bad;
	int e;

	e = read_value(p, &n->left, &lo);
	if (e < 0)
		return e;
	e = add_range(p, n, &lo);
	if (e < 0 || !accept(p, WTOK_RANGE))
		return e;
	e = read_value(p, &n->left, &hi);
	if (e < 0)
		return e;
	bad = val_cmp(type, &lo.lo, &hi.hi) > 0;
	if (type == VAL_ADDR)
		bad |= lo.lo.addr.family != hi.lo.addr.family ||
		       addr_cmp(&lo.lo.addr, &lo.hi.addr) != 0 ||
		       addr_cmp(&hi.lo.addr, &hi.hi.addr) != 0;
	n->ranges[n->n_ranges - 1].hi = hi.hi;
	if (bad)
		return err_set(p->err, -EINVAL,
			       "'%.*s' (column %u) is no range: its end is before its start",
			       (int)(p->end - at.off), p->text + at.off,
			       text_column(p->text, at.off));
	return 0;
}

static int in_set(struct parser *p, struct wnode *n)
{
	int e;

	n->op = WNODE_SET;
	if (!accept(p, WTOK_LBRACE))
		return syntax_error(p);
	do {
		e = set_member(p, n);
		if (e < 0)
			return e;
	} while (accept(p, WTOK_COMMA));
	if (!accept(p, WTOK_RBRACE))
		return syntax_error(p);
	n->n_ranges = ranges_normalise(n->left.type, n->ranges, n->n_ranges);
	return 0;
}

/* 'at' is where the text of 'n' is written. */
static int new_rx(struct parser *p, struct wnode *n, const struct wtok *at)
{
	struct err err;
	size_t bad = 0;
	char q[80];
	int e;

	/* Wireshark's matches ignores case, too */
	e = rx_new(&n->rx, n->text.p, n->text.len, RX_ICASE, &bad, &err);
	if (e == 0)
		return 0;
	bad = wtok_origin(p->text, at, bad);
	err_quote(q, sizeof(q), n->text.p, n->text.len);
	return err_set(p->err, e, "'%s' is no regular expression: %s (column %u)", q, err.text,
		       text_column(p->text, bad));
}

/* contains and matches: the right side is a text. */
static int in_text(struct parser *p, struct wnode *n)
{
	struct wtok op = p->tok, at;
	struct range r;
	int e;

	if (n->left.type != VAL_STR)
		return err_set(p->err, -EINVAL,
			       "'%.*s' (column %u) needs a field with text on its left",
			       (int)op.len, p->text + op.off, text_column(p->text, op.off));
	advance(p);
	at = p->tok;
	e = read_value(p, &n->left, &r);
	if (e < 0)
		return e;
	n->text = r.lo.str;
	n->op = op.kind == WTOK_CONTAINS ? WNODE_CONTAINS : WNODE_MATCHES;
	if (n->op == WNODE_CONTAINS)
		return 0;
	return new_rx(p, n, &at);
}

/* "& 0x12" behind a field, which may then stand alone or be compared. */
static int read_mask(struct parser *p, struct wnode *n)
{
	struct range r;
	int e;

	if (n->left.type != VAL_U64)
		return syntax_error(p);
	advance(p);
	e = read_value(p, &n->left, &r);
	if (e < 0)
		return e;
	n->mask = r.lo.u64;
	if (!n->mask)
		return err_set(p->err, -EINVAL, "a mask of 0 is never true");
	return 0;
}

/* What follows a field. */
static int parse_relation(struct parser *p, struct wnode *n)
{
	static const struct range not_zero = {.lo.u64 = 1, .hi.u64 = UINT64_MAX};
	int e;

	n->op = WNODE_EXISTS;
	if (p->tok.kind == WTOK_MASK) {
		e = read_mask(p, n);
		if (e < 0)
			return e;
	}
	switch (p->tok.kind) {
	case WTOK_EQ:
	case WTOK_NE:
	case WTOK_ALL_EQ:
	case WTOK_ANY_NE:
	case WTOK_GT:
	case WTOK_LT:
	case WTOK_GE:
	case WTOK_LE:
		return compare(p, n);
	case WTOK_IN:
		advance(p);
		return in_set(p, n);
	case WTOK_CONTAINS:
	case WTOK_MATCHES:
		if (n->mask)
			return syntax_error(p);
		return in_text(p, n);
	default:
		break;
	}
	if (!n->mask)
		return 0;
	n->op = WNODE_SET;
	return add_range(p, n, &not_zero);
}

static void node_done(struct wnode *n)
{
	free(n->ranges);
	rx_free(n->rx);
}

static int parse_test(struct parser *p, uint32_t *ret)
{
	CLEANUP(node_done) struct wnode n = {.op = WNODE_EXISTS};
	uint32_t off = p->tok.off;
	struct wnode word;
	bool negate = false;
	int e;

	if (p->tok.kind != WTOK_WORD)
		return syntax_error(p);
	if (++p->tests > WHERE_TESTS_MAX)
		return err_set(p->err, -E2BIG, "more than %d comparisons", WHERE_TESTS_MAX);
	e = where_name(p->w->schema, p->text, &p->tok, &n.left, &word, p->err);
	if (e < 0)
		return e;
	advance(p);
	if (e > 0) {
		n = word;
	} else {
		size_t pos = p->pos;

		if (p->tok.kind == WTOK_NOT && wtok_next(p->text, &pos).kind == WTOK_IN) {
			advance(p);
			negate = true;
		}
		e = parse_relation(p, &n);
		if (e < 0)
			return e;
	}
	n.off = off;
	n.len = p->end - off;
	e = new_node(p, &n, ret);
	if (e < 0)
		return e;
	n.ranges = NULL; /* now the node's */
	n.rx = NULL;
	if (!negate)
		return 0;
	/* "x not in {...}" is "not x in {...}": true where x is absent */
	return new_node(p,
			&(struct wnode){.op = WNODE_NOT, .first = *ret, .off = n.off, .len = n.len},
			ret);
}

static int parse_or(struct parser *p, uint32_t *ret);

static int parse_not(struct parser *p, uint32_t *ret)
{
	int e;

	if (p->tok.kind != WTOK_NOT && p->tok.kind != WTOK_LPAREN)
		return parse_test(p, ret);
	if (++p->depth > WHERE_DEPTH_MAX)
		return err_set(p->err, -E2BIG, "nested more than %d deep (column %u)",
			       WHERE_DEPTH_MAX, text_column(p->text, p->tok.off));
	if (accept(p, WTOK_NOT)) {
		e = parse_not(p, ret);
		if (e == 0)
			e = new_node(p, &(struct wnode){.op = WNODE_NOT, .first = *ret}, ret);
	} else {
		advance(p);
		e = parse_or(p, ret);
		if (e == 0 && !accept(p, WTOK_RPAREN))
			e = syntax_error(p);
	}
	p->depth--;
	return e;
}

/* A chain of operands; one stays alone. */
static int parse_chain(struct parser *p, enum wtok_kind joint, uint32_t *ret,
		       int (*operand)(struct parser *, uint32_t *))
{
	struct wnode n = {.op = joint == WTOK_AND ? WNODE_AND : WNODE_OR};
	uint32_t last, more;
	int e;

	e = operand(p, &n.first);
	if (e < 0)
		return e;
	if (p->tok.kind != joint) {
		*ret = n.first;
		return 0;
	}
	last = n.first;
	while (accept(p, joint)) {
		e = operand(p, &more);
		if (e < 0)
			return e;
		p->w->nodes[last].next = more;
		last = more;
	}
	return new_node(p, &n, ret);
}

static int parse_and(struct parser *p, uint32_t *ret)
{
	return parse_chain(p, WTOK_AND, ret, parse_not);
}

static int parse_or(struct parser *p, uint32_t *ret)
{
	return parse_chain(p, WTOK_OR, ret, parse_and);
}

int where_parse(struct where *w, struct err *err)
{
	struct parser p = {.w = w, .text = w->copy, .err = err};
	uint32_t unused;
	int e;

	e = new_node(&p, &(struct wnode){0}, &unused);
	if (e < 0)
		return e;
	advance(&p);
	if (p.tok.kind == WTOK_END)
		return 0;
	e = parse_or(&p, &w->root);
	if (e == 0 && p.tok.kind != WTOK_END)
		e = syntax_error(&p);
	return e;
}
