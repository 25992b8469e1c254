/* Tokens -> struct ql.
 *
 *	query = "G" { "." step }       step = word "(" [ arg { "," arg } ] ")"
 *	arg   = string | number | ASC DESC NOW FOREVER TRUE FALSE | predicate "(" args ")"
 *
 * Predicates take no predicates, so that nothing nests deeper than two. */
#include "ql/ql.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "ql/args.h"
#include "ql/ast.h"
#include "ql/lex.h"
#include "ql/words.h"

struct parser {
	struct ql_lex lex;
	struct ql_tok tok; /* the next, not yet taken */
	struct ql *ql;
	struct err *err;
};

static int next(struct parser *p)
{
	return ql_lex_next(&p->lex, &p->tok, p->err);
}

static int no_memory(struct parser *p)
{
	return err_set(p->err, -ENOMEM, "out of memory");
}

static int expect(struct parser *p, enum ql_tok_kind kind, const char *what)
{
	if (p->tok.kind != kind)
		return ql_lex_error(p->err, &p->tok, "%s expected", what);
	return next(p);
}

/* Grows an array of the arena by doubling: what is left behind is bounded by what is used. */
static int grow(struct parser *p, void *array, size_t n, size_t size)
{
	void **a = array, *q;

	if (n && (n & (n - 1)))
		return 0; /* room up to the next power of two */
	if (ql_arena_alloc(&p->ql->arena, (n ? 2 * n : 1) * size, &q) < 0)
		return no_memory(p);
	if (n)
		memcpy(q, *a, n * size);
	*a = q;
	return 0;
}

static bool tok_is(const struct ql_tok *t, const char *word)
{
	return t->kind == QL_TOK_WORD && t->len == strlen(word) &&
	       strncasecmp(t->p, word, t->len) == 0;
}

static int parse_number(struct parser *p, struct ql_arg *a)
{
	const struct ql_tok *t = &p->tok;
	size_t i = t->p[0] == '-' || t->p[0] == '+';

	a->kind = memchr(t->p, '.', t->len) ? QL_ARG_REAL : QL_ARG_INT;
	a->neg = t->p[0] == '-';
	for (; a->kind == QL_ARG_INT && i < t->len; i++)
		if (__builtin_mul_overflow(a->u64, 10, &a->u64) ||
		    __builtin_add_overflow(a->u64, (unsigned)(t->p[i] - '0'), &a->u64))
			return ql_lex_error(p->err, t, "the number is too large");
	if (ql_arena_copy(&p->ql->arena, t->p, t->len, &a->str.p) < 0)
		return no_memory(p);
	a->str.len = (uint32_t)t->len;
	a->f64 = strtod(a->str.p, NULL);
	return 0;
}

static int parse_string(struct parser *p, struct ql_arg *a)
{
	char *text;

	if (ql_arena_alloc(&p->ql->arena, p->tok.len, &text) < 0)
		return no_memory(p);
	a->kind = QL_ARG_STRING;
	a->str.len = (uint32_t)ql_lex_string(&p->tok, text); /* zeroed: a NUL follows */
	a->str.p = text;
	return 0;
}

static bool parse_word(const struct ql_tok *t, struct ql_arg *a)
{
	static const char *const words[] = {
		[QL_WORD_ASC] = "ASC",
		[QL_WORD_DESC] = "DESC",
		[QL_WORD_NOW] = "NOW",
		[QL_WORD_FOREVER] = "FOREVER",
	};
	size_t i;

	if (tok_is(t, "TRUE") || tok_is(t, "FALSE")) {
		a->kind = QL_ARG_BOOL;
		a->u64 = tok_is(t, "TRUE");
		return true;
	}
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (tok_is(t, words[i])) {
			a->kind = QL_ARG_WORD;
			a->word = (enum ql_word)i;
			return true;
		}
	}
	return false;
}

static int parse_args(struct parser *p, bool preds, struct ql_arg **ret, size_t *ret_n);

static int parse_pred(struct parser *p, bool allowed, struct ql_arg *a)
{
	struct ql_tok t = p->tok;
	const char *near;
	int r;

	a->kind = QL_ARG_PRED;
	a->pred = ql_pred_find(t.p, t.len);
	if (!a->pred) {
		near = ql_pred_near(t.p, t.len);
		return ql_lex_error(p->err, &t, "no predicate of this name; %s%s%s",
				    near ? "did you mean '" : "text goes in quotes",
				    near ? near : "", near ? "'?" : "");
	}
	if (!allowed)
		return ql_lex_error(p->err, &t, "predicates take values, not predicates");
	r = next(p);
	if (r < 0)
		return r;
	r = parse_args(p, false, &a->args, &a->n);
	if (r < 0)
		return r;
	return ql_args_check(a->pred->name, a->col, a->pred->usage, a->pred->shape, a->pred->min,
			     a->pred->max, a->args, a->n, p->err);
}

static int parse_arg(struct parser *p, bool preds, struct ql_arg *a)
{
	int r;

	a->col = p->tok.col;
	a->raw = (struct val_str){p->tok.p, (uint32_t)p->tok.len};
	switch (p->tok.kind) {
	case QL_TOK_NUMBER:
		r = parse_number(p, a);
		break;
	case QL_TOK_STRING:
		r = parse_string(p, a);
		break;
	case QL_TOK_WORD:
		if (!parse_word(&p->tok, a))
			return parse_pred(p, preds, a);
		r = 0;
		break;
	default:
		return ql_lex_error(p->err, &p->tok, "an argument expected");
	}
	return r < 0 ? r : next(p);
}

/* From the opening to behind the closing parenthesis. */
static int parse_args(struct parser *p, bool preds, struct ql_arg **ret, size_t *ret_n)
{
	struct ql_arg *args = NULL;
	size_t n = 0;
	int r;

	r = expect(p, QL_TOK_LPAREN, "'('");
	if (r < 0)
		return r;
	while (p->tok.kind != QL_TOK_RPAREN || n) {
		struct ql_arg a = {0};

		if (n == QL_ARGS_MAX)
			return ql_lex_error(p->err, &p->tok, "more than %d arguments", QL_ARGS_MAX);
		r = parse_arg(p, preds, &a);
		if (r < 0)
			return r;
		r = grow(p, &args, n, sizeof(a));
		if (r < 0)
			return r;
		args[n++] = a;
		if (p->tok.kind == QL_TOK_RPAREN)
			break;
		r = expect(p, QL_TOK_COMMA, "',' or ')'");
		if (r < 0)
			return r;
	}
	*ret = args;
	*ret_n = n;
	return next(p);
}

static int unknown_step(struct parser *p)
{
	const char *why = ql_step_foreign(p->tok.p, p->tok.len);
	const char *near = ql_step_near(p->tok.p, p->tok.len);

	if (why)
		return ql_lex_error(p->err, &p->tok, "%s", why);
	return ql_lex_error(p->err, &p->tok, "no step of this name%s%s%s",
			    near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static int misplaced_step(struct parser *p, enum ql_state state, const char *last)
{
	char list[200];

	ql_step_list(state, list, sizeof(list));
	if (!list[0])
		return ql_lex_error(p->err, &p->tok, "nothing can follow '%s'", last);
	return ql_lex_error(p->err, &p->tok, "cannot follow '%s', only %s can", last, list);
}

static int parse_step(struct parser *p, enum ql_state *state)
{
	struct ql_step *steps = p->ql->steps, s = {0};
	const char *last = p->ql->n ? steps[p->ql->n - 1].def->name : "G";
	int r;

	if (p->tok.kind != QL_TOK_WORD)
		return ql_lex_error(p->err, &p->tok, "a step expected");
	s.col = p->tok.col;
	s.def = ql_step_find(p->tok.p, p->tok.len);
	if (!s.def)
		return unknown_step(p);
	if (!(s.def->after & *state))
		return misplaced_step(p, *state, last);
	if (p->ql->n == QL_STEPS_MAX)
		return ql_lex_error(p->err, &p->tok, "more than %d steps", QL_STEPS_MAX);
	r = next(p);
	if (r < 0)
		return r;
	r = parse_args(p, true, &s.args, &s.n);
	if (r < 0)
		return r;
	r = ql_args_check(s.def->name, s.col, s.def->usage, s.def->shape, s.def->min, s.def->max,
			  s.args, s.n, p->err);
	if (r < 0)
		return r;
	r = grow(p, &p->ql->steps, p->ql->n, sizeof(s));
	if (r < 0)
		return r;
	p->ql->steps[p->ql->n++] = s;
	if (s.def->gives)
		*state = s.def->gives;
	else if (*state == QL_AT_PACKETS && s.def->id != QL_STEP_BPF)
		*state = QL_AT_CUT;
	return 0;
}

static enum ql_kind kind_of(enum ql_state state)
{
	switch (state) {
	case QL_AT_SCALAR:
		return QL_SCALAR;
	case QL_AT_TABLE:
		return QL_TABLE;
	case QL_AT_PACKETS:
	case QL_AT_CUT:
		return QL_PACKETS;
	default:
		return QL_ROWS;
	}
}

static int parse_query(struct parser *p)
{
	enum ql_state state = QL_AT_START;
	int r;

	r = next(p);
	if (r < 0)
		return r;
	if (!tok_is(&p->tok, "G"))
		return ql_lex_error(p->err, &p->tok, "queries start with G, as in G.Flows()");
	r = next(p);
	while (r == 0 && p->tok.kind != QL_TOK_END) {
		r = expect(p, QL_TOK_DOT, "'.' and a step");
		if (r == 0)
			r = parse_step(p, &state);
	}
	if (r < 0)
		return r;
	if (state == QL_AT_START || state == QL_AT_TIME)
		return ql_lex_error(p->err, &p->tok, "a query needs Flows()");
	p->ql->kind = kind_of(state);
	return 0;
}

int ql_parse(struct ql **ret, const char *text, struct err *err)
{
	CLEANUP(ql_freep) struct ql *q = NULL;
	size_t len = strlen(text);
	struct parser p = {.err = err};
	int r;

	if (len > QL_TEXT_MAX)
		return err_set(err, -EINVAL, "the query is longer than %d bytes", QL_TEXT_MAX);
	q = calloc(1, sizeof(*q));
	if (!q || ql_arena_copy(&q->arena, text, len, &q->text) < 0)
		return err_set(err, -ENOMEM, "out of memory");
	q->max_memory = QL_MEMORY_MAX;
	p.ql = q;
	ql_lex_init(&p.lex, q->text, len);
	r = parse_query(&p);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(q);
	return 0;
}

void ql_free(struct ql *q)
{
	if (!q)
		return;
	ql_arena_done(&q->arena);
	free(q);
}

enum ql_kind ql_kind(const struct ql *q)
{
	return q->kind;
}

static bool args_use_now(const struct ql_arg *args, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		const struct ql_arg *a = &args[i];

		if (a->kind == QL_ARG_WORD && a->word == QL_WORD_NOW)
			return true;
		if (a->kind == QL_ARG_STRING &&
		    (a->str.p[0] == '-' || a->str.p[0] == '+' || strcasecmp(a->str.p, "now") == 0))
			return true;
		if (a->kind == QL_ARG_PRED && args_use_now(a->args, a->n)) /* one level deep */
			return true;
	}
	return false;
}

bool ql_uses_now(const struct ql *q)
{
	size_t i;

	for (i = 0; i < q->n; i++)
		if (args_use_now(q->steps[i].args, q->steps[i].n))
			return true;
	return false;
}

void ql_set_memory(struct ql *q, uint64_t bytes)
{
	q->max_memory = bytes;
}
