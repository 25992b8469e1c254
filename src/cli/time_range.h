/* Time ranges as one word: "10:00..10:05", "-10m..now", "2026-11-21T10:00..". */
#pragma once

#include <stdbool.h>

#include "base/err.h"

#define TIME_RANGE_SIZE 96 /* of a text, with its end; longer ones are refused */

struct time_range {
	char from[TIME_RANGE_SIZE], to[TIME_RANGE_SIZE]; /* for parse_slice_time(); "": open */
};

/* Whether a word is a range: it holds "..". */
bool time_range_is(const char *word);

/* Whether one that begins with '-' is meant as a range and is no option: a number follows. */
bool time_range_is_operand(const char *word);

/* Takes it apart.  0, or -EINVAL or -ERANGE with 'err' set: it is none, or holds no times. */
int time_range_parse(const char *word, bool utc, struct time_range *ret, struct err *err);

/* A time of day with today's date in front, in 'to'; another time as it is.  'text' has been
 * parsed. */
const char *time_range_today(const char *text, bool utc, char to[TIME_RANGE_SIZE]);
