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
	return word[0] == '-' && word[1] >= '0' && word[1] <= '9' && time_range_is(word);
}

/* "10:00", "9:00:30": hours, minutes, maybe seconds; the number of fields, 0: something
 * else. */
static int clock_of(const char *text, unsigned v[3])
{
	int used = 0, n = sscanf(text, "%2u:%2u%n", &v[0], &v[1], &used);

	v[2] = 0;
	if (n == 2 && used >= 4 && text[used - 3] != ':')
		return 0; /* minutes have two digits */
	if (n == 2 && used >= 4 && text[used] == ':') {
		const char *rest = text + used + 1;

		n = sscanf(rest, "%2u%n", &v[2], &used) == 1 && used == 2 && !rest[2] ? 3 : 0;
	} else if (n != 2 || used < 4 || text[used]) {
		n = 0;
	}
	return text[0] >= '0' && text[0] <= '9' ? n : 0;
}

static void put_clock(const unsigned v[3], bool today, bool utc, char to[TIME_RANGE_SIZE])
{
	time_t now = time(NULL);
	struct tm tm = {0};

	if (!today) {
		snprintf(to, TIME_RANGE_SIZE, "%uh%um%us", v[0], v[1], v[2]);
		return;
	}
	if (utc)
		gmtime_r(&now, &tm);
	else
		localtime_r(&now, &tm);
	snprintf(to, TIME_RANGE_SIZE, "%04d-%02d-%02dT%02u:%02u:%02u", tm.tm_year + 1900,
		 tm.tm_mon + 1, tm.tm_mday, v[0], v[1], v[2]);
}

static int put(const char *text, size_t n, bool today, bool utc, char to[TIME_RANGE_SIZE],
	       struct err *err)
{
	unsigned v[3];
	int64_t any;

	if (n >= TIME_RANGE_SIZE)
		return err_set(err, -EINVAL, "a time is too long");
	memcpy(to, text, n);
	to[n] = '\0';
	if (clock_of(to, v))
		put_clock(v, today, utc, to);
	return n ? parse_slice_time(to, ANY_TIME, utc, &any, err) : 0;
}

int time_range_parse(const char *word, bool today, bool utc, struct time_range *ret,
		     struct err *err)
{
	const char *dots = strstr(word, "..");
	int r;

	r = put(word, (size_t)(dots - word), today, utc, ret->from, err);
	if (r == 0)
		r = put(dots + 2, strlen(dots + 2), today, utc, ret->to, err);
	return r < 0 ? err_wrap(err, r, "time range") : 0;
}
