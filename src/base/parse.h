/* Numbers, durations, sizes and times as people write them.
 *
 * All take the whole text: anything left over is an error.  0, or -EINVAL
 * (not understood) or -ERANGE (too large), '*ret' untouched and 'err' naming
 * the text. */
#pragma once

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
