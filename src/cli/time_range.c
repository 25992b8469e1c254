#include "cli/time_range.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/parse.h"

/* January of a leap year: every day that some month has is one of it. */
#define ANY_TIME (INT64_C(946684800) * 1000000000)

bool time_range_is(const char *word)
{
	return strstr(word, "..") != NULL;
}

bool time_range_is_operand(const char *word)
{
	return word[0] == '-' && word[1] >= '0' && word[1] <= '9';
}

const char *time_range_today(const char *text, bool utc, char to[TIME_RANGE_SIZE])
{
	time_t now = time(NULL);
	struct tm tm = {0};

	if (!parse_is_clock(text))
		return text;
	if (utc)
		gmtime_r(&now, &tm);
	else
		localtime_r(&now, &tm);
	snprintf(to, TIME_RANGE_SIZE, "%04d-%02d-%02dT%s%s", tm.tm_year + 1900, tm.tm_mon + 1,
		 tm.tm_mday, text[1] == ':' ? "0" : "", text);
	return to;
}

static int put(const char *text, size_t n, bool utc, char to[TIME_RANGE_SIZE], struct err *err)
{
	int64_t any;

	if (n >= TIME_RANGE_SIZE)
		return err_set(err, -EINVAL, "a time is too long");
	memcpy(to, text, n);
	to[n] = '\0';
	return n ? parse_slice_time(to, ANY_TIME, utc, &any, err) : 0;
}

int time_range_parse(const char *word, bool utc, struct time_range *ret, struct err *err)
{
	const char *dots = strstr(word, "..");
	char q[TIME_RANGE_SIZE];
	int r;

	if (!dots)
		return err_set(
			err, -EINVAL,
			"'%s' is no time range: '%s..' is one from then on, '..%s' one until "
			"then",
			err_quote(q, sizeof(q), word, (unsigned)strlen(word)), q, q);
	r = put(word, (size_t)(dots - word), utc, ret->from, err);
	if (r == 0)
		r = put(dots + 2, strlen(dots + 2), utc, ret->to, err);
	return r < 0 ? err_wrap(err, r, "time range") : 0;
}
