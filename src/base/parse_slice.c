/* Times as tcpslice(1) takes them. */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/parse.h"
#include "base/parse_int.h"

enum { YEAR, MONTH, DAY, HOUR, MINUTE, SECOND, MICRO, N_FIELDS };

#define VALUE_MAX INT64_C(1000000000000) /* of a field; larger ones are no times */
#define YEARS_MAX 1000                   /* to add; 64 bits of ns hold 584 */

struct fields {
	int64_t v[N_FIELDS];
	bool set[N_FIELDS];
	int first;       /* the largest one set */
	int year_digits; /* of the year, as written */
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* The field of a letter.  'm' is a month where a day follows it. */
static int field_of(const char *p)
{
	const char *next = p + 1;

	switch (*p | 0x20) {
	case 'y':
		return YEAR;
	case 'd':
		return DAY;
	case 'h':
		return HOUR;
	case 's':
		return SECOND;
	case 'u':
		return MICRO;
	case 'm':
		while (is_digit(*next))
			next++;
		return next > p + 1 && (*next | 0x20) == 'd' ? MONTH : MINUTE;
	default:
		return -1;
	}
}

/* Numbers, each with its letter, from large to small.  False: it is no such text. */
static bool scan(const char *p, struct fields *ret)
{
	struct fields f = {.first = -1};
	int last = -1;

	while (*p) {
		const char *number = p;
		int64_t v = 0;
		int field;

		for (; is_digit(*p); p++)
			v = v < VALUE_MAX ? v * 10 + (*p - '0') : v;
		field = field_of(p);
		if (p == number || field <= last)
			return false;
		f.v[field] = v;
		f.set[field] = true;
		if (f.first < 0)
			f.first = field;
		if (field == YEAR)
			f.year_digits = (int)(p - number);
		last = field;
		p++;
	}
	*ret = f;
	return f.first >= 0;
}

/* "10:00", "9:00:30": hours of one digit or two, minutes and seconds of two. */
static bool scan_clock(const char *p, struct fields *ret)
{
	struct fields f = {.first = HOUR};
	int i, n;

	for (i = HOUR; i <= SECOND; i++) {
		for (n = 0; is_digit(*p) && n < 2; n++)
			f.v[i] = f.v[i] * 10 + (*p++ - '0');
		f.set[i] = true;
		if (n < (i == HOUR ? 1 : 2))
			return false;
		if (i > HOUR && !*p) {
			*ret = f;
			return true;
		}
		if (*p++ != ':')
			return false;
	}
	return false;
}

bool parse_is_clock(const char *text)
{
	struct fields f;

	return scan_clock(text, &f);
}

static int no_such(struct err *err, const char *text, int field, int64_t v)
{
	static const char *const names[] = {"year",   "month",  "day",        "hour",
					    "minute", "second", "microsecond"};
	char q[96];

	return err_set(err, -EINVAL, "'%s' is not a time: there is no %s %lld",
		       err_quote(q, sizeof(q), text, (unsigned)strlen(text)), names[field],
		       (long long)v);
}

static int64_t floor_seconds(int64_t ts)
{
	return ts / PARSE_NS - (ts % PARSE_NS < 0);
}

static int break_down(int64_t ts, bool utc, struct tm *ret)
{
	time_t t = (time_t)floor_seconds(ts);

	return (utc ? gmtime_r(&t, ret) : localtime_r(&t, ret)) ? 0 : -ERANGE;
}

/* Two digits are the years 1970 to 2069. */
static int64_t full_year(const struct fields *f)
{
	if (f->year_digits > 2)
		return f->v[YEAR];
	return f->v[YEAR] + (f->v[YEAR] < 70 ? 2000 : 1900);
}

/* Fields above the first are those of 'base', fields below it the smallest there are. */
static int absolute(const char *text, const struct fields *f, int64_t base, bool utc, int64_t *ret,
		    struct err *err)
{
	static const int64_t least[] = {0, 1, 1, 0, 0, 0, 0},
			     most[] = {9999, 12, 31, 23, 59, 59, 999999};
	int64_t v[N_FIELDS];
	struct tm tm;
	int i, r;

	r = break_down(base, utc, &tm);
	if (r < 0)
		return parse_bad(err, r, "too far away", text);
	v[YEAR] = tm.tm_year + 1900;
	v[MONTH] = tm.tm_mon + 1;
	v[DAY] = tm.tm_mday;
	v[HOUR] = tm.tm_hour;
	v[MINUTE] = tm.tm_min;
	v[SECOND] = tm.tm_sec;
	for (i = 0; i < N_FIELDS; i++) {
		if (f->set[i])
			v[i] = i == YEAR ? full_year(f) : f->v[i];
		else if (i > f->first)
			v[i] = least[i];
		if (f->set[i] && (f->v[i] < least[i] || f->v[i] > most[i]))
			return no_such(err, text, i, f->v[i]);
	}
	if (f->set[YEAR] && f->year_digits != 4 && f->year_digits > 2)
		return no_such(err, text, YEAR, f->v[YEAR]);
	tm = (struct tm){
		.tm_year = (int)v[YEAR] - 1900,
		.tm_mon = (int)v[MONTH] - 1,
		.tm_mday = (int)v[DAY],
		.tm_hour = (int)v[HOUR],
		.tm_min = (int)v[MINUTE],
		.tm_sec = (int)v[SECOND],
	};
	r = parse_from_tm(&tm, utc, v[MICRO] * 1000, 0, ret);
	if (r == -EINVAL)
		return no_such(err, text, DAY, v[DAY]);
	return r < 0 ? parse_bad(err, r, "too far away", text) : 0;
}

static int days_of(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return days[month] + (month == 1 && leap);
}

/* Years, months and days go by the calendar: the clock shows the same.  A day that the
 * month has not is its last one. */
static int add_date(const struct fields *f, int64_t base, bool utc, int64_t *ret)
{
	struct tm tm;
	int64_t sum;
	int months;
	time_t t;

	if (f->v[YEAR] > YEARS_MAX || f->v[MONTH] > YEARS_MAX * 12 || f->v[DAY] > YEARS_MAX * 366)
		return -ERANGE;
	if (break_down(base, utc, &tm) < 0)
		return -ERANGE;
	months = (tm.tm_year + (int)f->v[YEAR]) * 12 + tm.tm_mon + (int)f->v[MONTH];
	tm.tm_year = months / 12 - (months % 12 < 0);
	tm.tm_mon = (months % 12 + 12) % 12;
	if (tm.tm_mday > days_of(tm.tm_year + 1900, tm.tm_mon))
		tm.tm_mday = days_of(tm.tm_year + 1900, tm.tm_mon);
	tm.tm_mday += (int)f->v[DAY];
	tm.tm_isdst = -1;
	t = utc ? timegm(&tm) : mktime(&tm);
	if (__builtin_mul_overflow((int64_t)t, PARSE_NS, &sum) ||
	    __builtin_add_overflow(sum, base - floor_seconds(base) * PARSE_NS, &sum))
		return -ERANGE;
	*ret = sum;
	return 0;
}

static int relative(const char *text, const struct fields *f, int64_t base, bool utc, int64_t *ret,
		    struct err *err)
{
	static const int64_t units[] = {
		[HOUR] = 3600 * PARSE_NS,
		[MINUTE] = 60 * PARSE_NS,
		[SECOND] = PARSE_NS,
		[MICRO] = 1000,
	};
	int64_t part;
	int i, r = 0;

	if (f->first <= DAY)
		r = add_date(f, base, utc, &base);
	for (i = HOUR; r == 0 && i < N_FIELDS; i++)
		if (__builtin_mul_overflow(f->v[i], units[i], &part) ||
		    __builtin_add_overflow(base, part, &base))
			r = -ERANGE;
	if (r < 0)
		return parse_bad(err, -ERANGE, "too far away", text);
	*ret = base;
	return 0;
}

int parse_slice_time(const char *text, int64_t base, int utc, int64_t *ret_ts, struct err *err)
{
	struct fields f;

	if (text[0] == '+' && scan(text + 1, &f))
		return relative(text, &f, base, utc, ret_ts, err);
	if (scan_clock(text, &f) || scan(text, &f))
		return absolute(text, &f, base, utc, ret_ts, err);
	return parse_time(text, base, utc, ret_ts, err);
}

enum time_base parse_time_base(const char *text)
{
	struct fields f;

	if (text[0] == '-' || strcasecmp(text, "now") == 0)
		return TIME_BEFORE_END;
	if (text[0] == '+' || scan_clock(text, &f) || (scan(text, &f) && f.first > YEAR))
		return TIME_AFTER_START;
	return TIME_FIXED;
}
