/* Numbers, durations, sizes and times as people write them.
 *
 * All take the whole text: anything left over is an error.  0, or -EINVAL
 * (not understood) or -ERANGE (too large), '*ret' untouched and 'err' naming
 * the text. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* Decimal, or hexadecimal with 0x. */
int parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *ret, struct err *err);

/* "256K", "1G", "10000": bytes; K M G T are powers of 1024, with or without
 * "B" or "iB". */
int parse_size(const char *text, uint64_t *ret, struct err *err);

/* "1.5s", "200ms", "1h30m", "-10m", "90" (seconds), "7d", "2w": ns, as Go
 * writes durations, plus d and w. */
int parse_duration(const char *text, int64_t *ret_ns, struct err *err);

/* A point in time, ns since the epoch.  Forms: "now"; epoch seconds with up to
 * nine decimals; ISO 8601 ("2026-11-21", "2026-11-21T10:00:00.5Z", "+02:00",
 * a space for the T; without zone: 'utc' or local time); RFC 1123
 * ("Sat, 21 Nov 2026 10:00:00 GMT"); a duration with a sign is relative to
 * 'now'. */
int parse_time(const char *text, int64_t now, int utc, int64_t *ret_ts, struct err *err);

/* The same, times of day ("10:00", "9:00:30": as 10h0m0s), and tcpslice's:
 * "1990y9m25d20h51m38s765400u", or some of it.  Fields left
 * out in front are those of 'base', others 0 or the first day or month; m is the month
 * where d follows, else minutes; two digits are the years 1970 to 2069.  With + they
 * are added to 'base', y, m and d by the calendar. */
int parse_slice_time(const char *text, int64_t base, int utc, int64_t *ret_ts, struct err *err);

/* What 'base' has to be for such a text. */
enum time_base {
	TIME_FIXED,       /* nothing */
	TIME_AFTER_START, /* a beginning: "+10m", "21h36m" */
	TIME_BEFORE_END,  /* an end: "now", "-10m" */
};
enum time_base parse_time_base(const char *text);

/* Whether it is a time of day, with colons. */
bool parse_is_clock(const char *text);
