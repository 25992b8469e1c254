/* Regular expressions for the predicate Regex: RE2's everyday syntax, matched against the
 * whole text, in time proportional to text * expression whatever the expression is (no
 * backtracking), so that a query cannot hang its server.
 *
 *	x . [a-z] [^a-z] [[:digit:]] \d \w \s \D \W \S \n \t \r \xHH \x{H...} \. ...
 *	xy x|y x* x+ x? x{n} x{n,} x{n,m} (x) (?:x), (?i) in front: ASCII case ignored
 *
 * Characters are those of UTF-8; a byte that is none counts as one character. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct ql_re;

#define QL_RE_SIZE_MAX   4096 /* instructions: what x{1000} or nesting can grow to */
#define QL_RE_REPEAT_MAX 1000 /* n in x{n}, as RE2 */
#define QL_RE_DEPTH_MAX  64   /* parentheses in parentheses */

/* -EINVAL: "')' missing", "'^' and '$' are implied: ..." and so on in 'err'. */
int ql_re_new(struct ql_re **ret, const char *text, size_t len, struct err *err);
void ql_re_free(struct ql_re *re);

/* Whether the whole of 'p' matches.  Uses scratch memory of 're': one thread at a time. */
bool ql_re_match(struct ql_re *re, const char *p, size_t len);
