#include "base/parse.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/parse_int.h"

#define NS PARSE_NS

int parse_bad(struct err *err, int code, const char *what, const char *text)
{
	char q[96];

	return err_set(err, code, "'%s' is %s",
		       err_quote(q, sizeof(q), text, (unsigned)strlen(text)), what);
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

int parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *ret, struct err *err)
{
	bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	unsigned long long v;
	char *end;

	if (!is_digit(text[0]))
		return parse_bad(err, -EINVAL, "not a number", text);
	errno = 0;
	v = strtoull(text, &end, hex ? 16 : 10);
	if (*end || (hex && !text[2]))
		return parse_bad(err, -EINVAL, "not a number", text);
	if (errno == ERANGE || v < min || v > max) {
		char q[96];

		return err_set(err, -ERANGE, "'%s' is out of range (%llu to %llu)",
			       err_quote(q, sizeof(q), text, (unsigned)strlen(text)),
			       (unsigned long long)min, (unsigned long long)max);
	}
	*ret = v;
	return 0;
}

int parse_size(const char *text, uint64_t *ret, struct err *err)
{
	static const char units[] = "KMGT";
	unsigned long long v;
	unsigned shift = 0;
	const char *u;
	char *end;

	if (!is_digit(text[0]))
		return parse_bad(err, -EINVAL, "not a size (try 256K, 64M, 2G)", text);
	errno = 0;
	v = strtoull(text, &end, 10);
	if (errno == ERANGE)
		return parse_bad(err, -ERANGE, "too large", text);
	for (u = units; *u && *u != *end && (*u | 0x20) != *end; u++)
		;
	if (*u) {
		shift = 10 * (unsigned)(u - units + 1);
		end++;
		if (*end == 'i')
			end++;
	}
	if (*end == 'B' || *end == 'b')
		end++;
	if (*end)
		return parse_bad(err, -EINVAL, "not a size (try 256K, 64M, 2G)", text);
	if (shift && v >> (64 - shift))
		return parse_bad(err, -ERANGE, "too large", text);
	*ret = (uint64_t)v << shift;
	return 0;
}

/* Reads "12.345" as 12345000000 of a unit of 'unit' ns.  Returns the end. */
static const char *parse_scaled(const char *p, int64_t unit, int64_t *ret, bool *overflow)
{
	__int128 sum = 0, frac = 0, div = 1;

	for (; is_digit(*p); p++) {
		sum = sum * 10 + (*p - '0');
		if (sum > INT64_MAX)
			*overflow = true, sum = INT64_MAX;
	}
	if (*p == '.') {
		for (p++; is_digit(*p); p++) {
			if (div < INT64_C(1000000000000000)) {
				frac = frac * 10 + (*p - '0');
				div *= 10;
			}
		}
	}
	sum = sum * unit + frac * unit / div;
	if (sum > INT64_MAX)
		*overflow = true;
	*ret = *overflow ? INT64_MAX : (int64_t)sum;
	return p;
}

static int64_t unit_ns(const char *p, size_t n)
{
	static const struct {
		const char *name;
		int64_t ns;
	} units[] = {
		{"ns", 1},         {"us", 1000},
		{"µs", 1000},      {"μs", 1000},
		{"ms", 1000000},   {"s", NS},
		{"m", 60 * NS},    {"h", 3600 * NS},
		{"d", 86400 * NS}, {"w", 7 * 86400 * NS},
	};
	size_t i;

	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strlen(units[i].name) == n && memcmp(units[i].name, p, n) == 0)
			return units[i].ns;
	return 0;
}

int parse_duration(const char *text, int64_t *ret_ns, struct err *err)
{
	static const char what[] = "not a duration (try 500ms, 10s, 1h30m, 7d)";
	const char *p = text;
	bool neg = *p == '-', overflow = false;
	int64_t sum = 0;

	if (*p == '-' || *p == '+')
		p++;
	if (!*p)
		return parse_bad(err, -EINVAL, what, text);
	while (*p) {
		const char *number = p, *word;
		int64_t unit, part;

		if (!is_digit(*p) && !(*p == '.' && is_digit(p[1])))
			return parse_bad(err, -EINVAL, what, text);
		while (is_digit(*p) || *p == '.')
			p++;
		for (word = p; *p && !is_digit(*p) && *p != '.'; p++)
			;
		unit = unit_ns(word, (size_t)(p - word));
		if (p == word && number == text + (*text == '-' || *text == '+') && !*p)
			unit = NS; /* a bare number counts seconds */
		if (!unit || parse_scaled(number, unit, &part, &overflow) != word)
			return parse_bad(err, -EINVAL, what, text);
		if (overflow || __builtin_add_overflow(sum, part, &sum))
			return parse_bad(err, -ERANGE, "too long", text);
	}
	*ret_ns = neg ? -sum : sum;
	return 0;
}

int parse_from_tm(struct tm *tm, bool utc, int64_t frac, int64_t shift, int64_t *ret)
{
	struct tm want = *tm;
	bool leap = tm->tm_sec == 60;
	time_t t;

	if (leap)
		tm->tm_sec = 59;
	tm->tm_isdst = -1;
	t = utc ? timegm(tm) : mktime(tm);
	/* timegm and mktime carry 31 February over to March: refuse it instead */
	if (tm->tm_mday != want.tm_mday || tm->tm_mon != want.tm_mon || tm->tm_year != want.tm_year)
		return -EINVAL;
	if (t > INT64_MAX / NS - 86400 || t < INT64_MIN / NS + 86400)
		return -ERANGE;
	*ret = ((int64_t)t + leap - shift) * NS + frac;
	return 0;
}

static const char *parse_zone(const char *p, bool *utc, int64_t *shift)
{
	int h, m = 0, sign = *p == '-' ? -1 : 1;

	if (*p == 'Z' || *p == 'z') {
		*utc = true;
		return p + 1;
	}
	if (*p != '+' && *p != '-')
		return p;
	if (!is_digit(p[1]) || !is_digit(p[2]))
		return NULL;
	h = (p[1] - '0') * 10 + p[2] - '0';
	p += 3;
	if (*p == ':')
		p++;
	if (is_digit(p[0]) && is_digit(p[1])) {
		m = (p[0] - '0') * 10 + p[1] - '0';
		p += 2;
	}
	if (h > 14 || m > 59)
		return NULL;
	*utc = true;
	*shift = sign * (h * 3600 + m * 60);
	return p;
}

static int parse_iso(const char *text, bool utc, int64_t *ret)
{
	struct tm tm = {.tm_mday = 1};
	int64_t frac = 0, shift = 0;
	bool overflow = false;
	const char *p;

	p = strptime(text, "%Y-%m-%d", &tm);
	if (!p || !is_digit(text[0]))
		return -EINVAL;
	if (*p == 'T' || *p == 't' || *p == ' ') {
		const char *clock = p + 1;

		p = strptime(clock, "%H:%M:%S", &tm);
		if (!p)
			p = strptime(clock, "%H:%M", &tm);
		if (!p)
			return -EINVAL;
		if (*p == '.' && is_digit(p[1]))
			p = parse_scaled(p, NS, &frac, &overflow);
		p = parse_zone(p, &utc, &shift);
	}
	if (!p || *p)
		return -EINVAL;
	return parse_from_tm(&tm, utc, frac, shift, ret);
}

/* Three letters of a list of names, as they stand in every locale; -1: none. */
static int name_index(const char *p, const char *names)
{
	int i;

	for (i = 0; names[3 * i]; i++)
		if (strncasecmp(p, names + 3 * i, 3) == 0)
			return i;
	return -1;
}

/* RFC 9110 5.6.7 (IMF-fixdate); also with a zone as RFC 5322 3.3 writes it. */
static int parse_rfc1123(const char *text, int64_t *ret)
{
	struct tm tm = {0};
	int64_t shift = 0;
	bool utc = false;
	const char *p;

	if (name_index(text, "SunMonTueWedThuFriSat") < 0 || strncmp(text + 3, ", ", 2) != 0)
		return -EINVAL;
	p = strptime(text + 5, "%d ", &tm);
	if (!p)
		return -EINVAL;
	tm.tm_mon = name_index(p, "JanFebMarAprMayJunJulAugSepOctNovDec");
	if (tm.tm_mon < 0)
		return -EINVAL;
	p = strptime(p + 3, " %Y %H:%M:%S ", &tm);
	if (!p)
		return -EINVAL;
	if (strcasecmp(p, "GMT") != 0 && strcasecmp(p, "UTC") != 0) {
		p = parse_zone(p, &utc, &shift);
		if (!p || *p || !utc)
			return -EINVAL;
	}
	return parse_from_tm(&tm, true, 0, shift, ret);
}

int parse_time(const char *text, int64_t now, int utc, int64_t *ret_ts, struct err *err)
{
	bool overflow = false;
	int64_t v;
	int r;

	if (strcasecmp(text, "now") == 0) {
		*ret_ts = now;
		return 0;
	}
	if (text[0] == '-' || text[0] == '+') {
		r = parse_duration(text, &v, err);
		if (r < 0)
			return r;
		if (__builtin_add_overflow(now, v, &v))
			return parse_bad(err, -ERANGE, "too far away", text);
		*ret_ts = v;
		return 0;
	}
	if (is_digit(text[0]) && !*parse_scaled(text, NS, &v, &overflow)) {
		if (overflow)
			return parse_bad(err, -ERANGE, "too far away", text);
		*ret_ts = v;
		return 0;
	}
	r = parse_iso(text, utc, &v);
	if (r == -EINVAL)
		r = parse_rfc1123(text, &v);
	if (r == -ERANGE)
		return parse_bad(err, r, "too far away", text);
	if (r < 0)
		return parse_bad(err, -EINVAL,
				 "not a time (try now, -10m, 1790000000.5, 2026-11-21T10:00:00Z)",
				 text);
	*ret_ts = v;
	return 0;
}
