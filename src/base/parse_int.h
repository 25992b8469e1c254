/* What the files of base/parse share. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base/err.h"

#define PARSE_NS INT64_C(1000000000)

/* "'TEXT' is WHAT"; returns 'code'. */
int parse_bad(struct err *err, int code, const char *what, const char *text);

/* A broken-down time, with 'frac' ns and less 'shift' seconds.  Seconds may be 60: the
 * first second of the next minute.  -EINVAL: there is no such day; -ERANGE. */
int parse_from_tm(struct tm *tm, bool utc, int64_t frac, int64_t shift, int64_t *ret);
