/* Values, as the type of the field asks for them, and sets of them. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/parse.h"
#include "filter/filter_lex.h"
#include "filter/where_int.h"

#define VALUE_TEXT_MAX 128 /* of all types but texts */

static int not_a(const char *text, const struct wtok *t, const char *what, struct err *err)
{
	char q[80];

	return err_set(err, -EINVAL, "'%s' (column %u) is not %s",
		       err_quote(q, sizeof(q), text + t->off, t->len), text_column(text, t->off),
		       what);
}

static int read_u64(const struct operand *o, const char *p, uint64_t *ret)
{
	bool hex = p[0] == '0' && (p[1] == 'x' || p[1] == 'X');
	int r;

	/* 010 is 8 for tshark and 10 for people */
	if (p[0] == '0' && p[1] && !hex)
		return -EINVAL;
	r = parse_u64(p, 0, UINT64_MAX, ret, NULL);
	if (r < 0 && strcmp(o->unit, "bytes") == 0)
		r = parse_size(p, ret, NULL);
	return r;
}

static int read_i64(const char *p, int64_t *ret)
{
	bool neg = *p == '-';
	uint64_t v;
	int r;

	p += neg || *p == '+';
	r = parse_u64(p, 0, (uint64_t)INT64_MAX + neg, &v, NULL);
	if (r == 0)
		*ret = neg ? (int64_t)(0 - v) : (int64_t)v;
	return r;
}

static int read_f64(const char *p, double *ret)
{
	char *end;
	double v;

	if (!*p || p[strspn(p, "0123456789.+-eE")])
		return -EINVAL;
	v = strtod(p, &end);
	if (*end || end == p)
		return -EINVAL;
	*ret = v;
	return isinf(v) ? -ERANGE : 0;
}

/* A bare number counts ns, the unit of the fields, and not seconds. */
static int read_duration(const char *p, int64_t *ret)
{
	const char *digits = p + (*p == '-' || *p == '+');

	if (digits[strspn(digits, "0123456789.")])
		return parse_duration(p, ret, NULL);
	return read_i64(p, ret);
}

static int read_bool(const char *p, bool *ret)
{
	*ret = strcasecmp(p, "true") == 0 || strcmp(p, "1") == 0;
	return *ret || strcasecmp(p, "false") == 0 || strcmp(p, "0") == 0 ? 0 : -EINVAL;
}

static int hex_value(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *d = c ? strchr(digits, c >= 'A' && c <= 'F' ? c | 0x20 : c) : NULL;

	return d ? (int)(d - digits) : -1;
}

/* 8-4-4-4-12 hexadecimal digits, RFC 9562 section 4; also without dashes. */
static int read_id(const char *p, uint8_t ret[16])
{
	bool dashes = strlen(p) == 36;
	int i, hi, lo;

	if (!dashes && strlen(p) != 32)
		return -EINVAL;
	for (i = 0; i < 16; i++) {
		if (dashes && (i == 4 || i == 6 || i == 8 || i == 10) && *p++ != '-')
			return -EINVAL;
		hi = hex_value(p[0]);
		lo = hi < 0 ? -1 : hex_value(p[1]);
		if (lo < 0)
			return -EINVAL;
		ret[i] = (uint8_t)(hi << 4 | lo);
		p += 2;
	}
	return 0;
}

static int read_addr(const struct operand *o, const char *p, struct range *ret)
{
	unsigned bits, i, size;
	int r;

	r = addr_parse_prefix(p, &ret->lo.addr, &bits);
	if (r < 0)
		return r;
	if (o->family && ret->lo.addr.family != o->family)
		return -EINVAL;
	size = ret->lo.addr.family == ADDR_IP4 ? 32 : ret->lo.addr.family == ADDR_IP6 ? 128 : 48;
	ret->hi = ret->lo;
	for (i = bits; i < size; i++)
		ret->hi.addr.b[i / 8] |= (uint8_t)(0x80 >> i % 8);
	return 0;
}

static const char *type_name(const struct operand *o)
{
	switch (o->type) {
	case VAL_U64:
		return strcmp(o->unit, "bytes") == 0 ? "a number of bytes (5000, 64K, 1M)"
						     : "a number (10 or 0xa)";
	case VAL_I64:
	case VAL_F64:
		return "a number";
	case VAL_BOOL:
		return "true or false";
	case VAL_TIME:
		return "a time (1790000000.5, 2026-11-21T10:00:00Z)";
	case VAL_DUR:
		return "a duration (a number of ns, 5ms, 1h30m)";
	case VAL_ADDR:
		return o->family == ADDR_IP4   ? "an IPv4 address or prefix"
		       : o->family == ADDR_IP6 ? "an IPv6 address or prefix"
					       : "an address or prefix";
	case VAL_ID:
		return "a UUID";
	case VAL_STR:
		break;
	}
	return "a text";
}

static int read_typed(const struct operand *o, const char *p, struct range *ret)
{
	switch (o->type) {
	case VAL_U64:
		return read_u64(o, p, &ret->lo.u64);
	case VAL_I64:
		return read_i64(p, &ret->lo.i64);
	case VAL_F64:
		return read_f64(p, &ret->lo.f64);
	case VAL_BOOL:
		return read_bool(p, &ret->lo.b);
	case VAL_TIME:
		/* what "now" is, only the source of the rows knows */
		if (*p == '+' || *p == '-' || strcasecmp(p, "now") == 0)
			return -EINVAL;
		return parse_time(p, 0, 0, &ret->lo.i64, NULL);
	case VAL_DUR:
		return read_duration(p, &ret->lo.i64);
	case VAL_ID:
		return read_id(p, ret->lo.id);
	default:
		return -EINVAL;
	}
}

int where_value(const struct operand *o, const char *text, const struct wtok *t, char *mem,
		struct range *ret, struct err *err)
{
	char p[VALUE_TEXT_MAX + 1];
	size_t len = t->len;
	int r;

	memset(ret, 0, sizeof(*ret));
	if (t->kind == WTOK_STRING)
		len = wtok_unquote(text, t, mem);
	else
		memcpy(mem, text + t->off, len);
	if (o->type == VAL_STR) {
		ret->lo.str = (struct val_str){mem, (uint32_t)len};
		ret->hi = ret->lo;
		return 0;
	}
	if (len > VALUE_TEXT_MAX || memchr(mem, '\0', len))
		return not_a(text, t, type_name(o), err);
	memcpy(p, mem, len);
	p[len] = '\0';
	if (o->type == VAL_ADDR) {
		r = read_addr(o, p, ret);
	} else {
		r = read_typed(o, p, ret);
		ret->hi = ret->lo;
	}
	return r < 0 ? not_a(text, t, type_name(o), err) : 0;
}

static int range_cmp(const void *a, const void *b, void *type)
{
	const struct range *ra = a, *rb = b;
	int r = val_cmp(*(enum val_type *)type, &ra->lo, &rb->lo);

	return r ? r : val_cmp(*(enum val_type *)type, &ra->hi, &rb->hi);
}

size_t ranges_normalise(enum val_type type, struct range *r, size_t n)
{
	size_t i, out = 0;

	if (n < 2)
		return n;
	qsort_r(r, n, sizeof(r[0]), range_cmp, &type);
	for (i = 1; i < n; i++) {
		if (val_cmp(type, &r[i].lo, &r[out].hi) > 0)
			r[++out] = r[i];
		else if (val_cmp(type, &r[i].hi, &r[out].hi) > 0)
			r[out].hi = r[i].hi;
	}
	return out + 1;
}

static bool range_has(enum val_type type, const struct range *r, const union val *v)
{
	int lo = r->flags & RANGE_NO_LO ? 1 : val_cmp(type, v, &r->lo);
	int hi = r->flags & RANGE_NO_HI ? -1 : val_cmp(type, v, &r->hi);

	return (lo > 0 || (lo == 0 && !(r->flags & RANGE_LO_OPEN))) &&
	       (hi < 0 || (hi == 0 && !(r->flags & RANGE_HI_OPEN)));
}

bool ranges_have(enum val_type type, const struct range *r, size_t n, const union val *v)
{
	size_t lo = 0, hi = n;

	if (type == VAL_F64 && isnan(v->f64)) /* in no range, equal to nothing */
		return false;
	if (n == 1)
		return range_has(type, r, v);
	while (lo < hi) { /* the first range that begins behind v */
		size_t mid = lo + (hi - lo) / 2;

		if (val_cmp(type, &r[mid].lo, v) <= 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo && range_has(type, &r[lo - 1], v);
}
