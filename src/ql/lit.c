#include "ql/lit.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <strings.h>

#include "base/parse.h"
#include "ql/args.h"

#define NS_PER_S  INT64_C(1000000000)
#define NS_PER_MS INT64_C(1000000)

static const char time_hint[] = "no time (try NOW, '-10m', 1790000000, '2026-11-21T10:00:00Z')";
static const char span_hint[] = "no duration (try '500ms', '10s', '1h30m')";

const char *ql_type_plural(enum val_type type)
{
	switch (type) {
	case VAL_U64:
	case VAL_I64:
	case VAL_F64:
		return "numbers";
	case VAL_BOOL:
		return "TRUE or FALSE";
	case VAL_TIME:
		return "times";
	case VAL_DUR:
		return "durations";
	case VAL_ADDR:
		return "addresses";
	case VAL_STR:
		return "text";
	case VAL_ID:
		return "ids";
	}
	return "";
}

static int wrong_type(struct ql_bind *b, const struct field *f, const struct ql_arg *a)
{
	static const char *const kinds[] = {
		[QL_ARG_INT] = "a number", [QL_ARG_REAL] = "a number",
		[QL_ARG_STRING] = "text",  [QL_ARG_BOOL] = "TRUE or FALSE",
		[QL_ARG_WORD] = "a time",  [QL_ARG_PRED] = "a predicate",
	};

	return ql_arg_error(b->err, a, "%s, but '%s' holds %s", kinds[a->kind], f->json,
			    ql_type_plural(f->type));
}

static int get_now(struct ql_bind *b, int64_t *ret)
{
	int r;

	if (!b->has_now) {
		r = b->src->ops->now(b->src, &b->now, b->err);
		if (r < 0)
			return r;
		b->has_now = true;
	}
	*ret = b->now;
	return 0;
}

static int time_text(struct ql_bind *b, const struct ql_arg *a, const char *text, int64_t *ret)
{
	int64_t now = 0;
	int r = 0;

	if (text[0] == '-' || text[0] == '+' || strcasecmp(text, "now") == 0)
		r = get_now(b, &now); /* asked only when needed: it may cost a walk over a file */
	if (r < 0)
		return r;
	r = parse_time(text, now, 1, ret, NULL);
	if (r == -ERANGE)
		return ql_arg_error(b->err, a, "too far away");
	return r < 0 ? ql_arg_error(b->err, a, "%s", time_hint) : 0;
}

int ql_lit_time(struct ql_bind *b, const struct ql_arg *a, int64_t *ret)
{
	int64_t unit, v;

	switch (a->kind) {
	case QL_ARG_WORD:
		return get_now(b, ret);
	case QL_ARG_STRING:
		return time_text(b, a, a->str.p, ret);
	case QL_ARG_REAL:
		if (a->neg)
			break;
		return time_text(b, a, a->str.p + (a->str.p[0] == '+'), ret);
	case QL_ARG_INT:
		if (a->neg)
			break;
		unit = a->u64 > INT32_MAX ? NS_PER_MS : NS_PER_S;
		if (__builtin_mul_overflow(a->u64, unit, &v))
			return ql_arg_error(b->err, a,
					    "too far away: times count s, or ms above 2^31");
		*ret = v;
		return 0;
	default:
		break;
	}
	return ql_arg_error(b->err, a, "%s", time_hint);
}

int ql_lit_span(struct ql_bind *b, const struct ql_arg *a, int64_t *ret)
{
	int64_t v;

	if (a->kind == QL_ARG_WORD) {
		*ret = INT64_MAX;
		return 0;
	}
	if (a->kind == QL_ARG_INT) {
		if (a->neg)
			return ql_arg_error(b->err, a, "negative; durations go back by themselves");
		if (__builtin_mul_overflow(a->u64, NS_PER_S, &v))
			v = INT64_MAX; /* 292 years: forever */
		*ret = v;
		return 0;
	}
	if (a->kind != QL_ARG_STRING || parse_duration(a->str.p, &v, NULL) < 0)
		return ql_arg_error(b->err, a, "%s", span_hint);
	if (v < 0)
		return ql_arg_error(b->err, a, "negative; durations go back by themselves");
	*ret = v;
	return 0;
}

/* A duration to compare a field with: text needs a unit here, since numbers count ns. */
static int lit_dur(struct ql_bind *b, const struct ql_arg *a, struct ql_num *ret)
{
	size_t n = strlen(a->str.p);
	int64_t v;

	if (!n || (a->str.p[n - 1] >= '0' && a->str.p[n - 1] <= '9') ||
	    parse_duration(a->str.p, &v, NULL) < 0)
		return ql_arg_error(b->err, a, "%s", span_hint);
	*ret = (struct ql_num){v, true};
	return 0;
}

int ql_lit_num(struct ql_bind *b, const struct field *f, const struct ql_arg *a, struct ql_num *ret)
{
	int64_t t;
	int r;

	if (f->type == VAL_TIME && (a->kind != QL_ARG_BOOL && a->kind != QL_ARG_PRED)) {
		r = ql_lit_time(b, a, &t);
		if (r == 0)
			*ret = (struct ql_num){t, true};
		return r;
	}
	if (f->type == VAL_DUR && a->kind == QL_ARG_STRING)
		return lit_dur(b, a, ret);
	if (a->kind == QL_ARG_INT) {
		*ret = (struct ql_num){a->neg ? -(__int128)a->u64 : (__int128)a->u64, true};
		return 0;
	}
	if (a->kind == QL_ARG_REAL) {
		/* whatever lies beyond 64 bits is beyond them by any amount */
		double v = fmax(-0x1p100, fmin(0x1p100, floor(a->f64)));

		*ret = (struct ql_num){(__int128)v, v == a->f64};
		return 0;
	}
	return wrong_type(b, f, a);
}

static int lit_addr(struct ql_bind *b, const struct ql_arg *a, union val *ret)
{
	struct addr net;
	unsigned bits;

	if (addr_parse(a->str.p, &ret->addr) == 0)
		return 0;
	if (addr_parse_prefix(a->str.p, &net, &bits) == 0)
		return ql_arg_error(b->err, a, "no address but a prefix; use CIDR('...')");
	return ql_arg_error(b->err, a, "no address");
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "00112233-4455-6677-8899-aabbccddeeff", the hyphens anywhere or nowhere between bytes. */
static int lit_id(struct ql_bind *b, const struct ql_arg *a, union val *ret)
{
	const char *p = a->str.p;
	uint8_t id[16];
	size_t i;

	for (i = 0; i < sizeof(id); i++) {
		if (i && *p == '-')
			p++;
		if (hex_value(p[0]) < 0 || hex_value(p[1]) < 0)
			break;
		id[i] = (uint8_t)(hex_value(p[0]) * 16 + hex_value(p[1]));
		p += 2;
	}
	if (i < sizeof(id) || *p)
		return ql_arg_error(b->err, a, "no id of 32 hexadecimal digits");
	memcpy(ret->id, id, sizeof(id));
	return 0;
}

int ql_lit_val(struct ql_bind *b, const struct field *f, const struct ql_arg *a, union val *ret)
{
	switch (f->type) {
	case VAL_F64:
		if (a->kind != QL_ARG_INT && a->kind != QL_ARG_REAL)
			return wrong_type(b, f, a);
		ret->f64 = a->f64;
		return 0;
	case VAL_BOOL:
		if (a->kind != QL_ARG_BOOL)
			return wrong_type(b, f, a);
		ret->b = a->u64 != 0;
		return 0;
	default:
		break;
	}
	if (a->kind != QL_ARG_STRING)
		return wrong_type(b, f, a);
	if (f->type == VAL_ADDR)
		return lit_addr(b, a, ret);
	if (f->type == VAL_ID)
		return lit_id(b, a, ret);
	ret->str = a->str;
	return 0;
}
