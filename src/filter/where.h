/* --where: display-filter expressions over the fields of a schema, run on
 * batches.  Syntax and meaning are those of tshark's display filters (version
 * 4, wireshark-filter(4)):
 *
 *	tcp.port == 443 and not ip.addr in {10.0.0.0/8, 192.0.2.1..192.0.2.9}
 *	ab_bytes > 1M || rtt_ns >= 5ms
 *	server_name matches "^www\.|\.example$"
 *	dns                                  (a header or application of that name)
 *	vlan                                 (the field has a value)
 *
 * Fields go by their names, their JSON paths, the schema's aliases, and by
 * tshark's names where flows have the same thing (where_names.c).
 *
 * Comparisons: == eq, != ne, > gt, < lt, >= ge, <= le, contains, matches (rx.h: PCRE2,
 * case does not matter), in {a, b..c}; === and !== below.  A field stands left,
 * a value or another field right.  'field & 0x12' is true where a bit is set
 * and can be compared.  and &&, or ||, not !: not binds tightest, or least.
 *
 * Values by type: numbers decimal or 0x; bytes also 64K, 1M; durations in ns or
 * "5ms", "1h30m"; times in the forms of base/parse.h (local time without zone;
 * in quotes if there is a space in them); IPv4, IPv6 and MAC addresses with or
 * without /prefix; ids as UUIDs; texts in quotes or as bare words; true, false.
 *
 * A name that stands for several fields (Network: A or B) is true if it is of
 * any of them; 'Network != x' if all that are there differ, which is not the
 * same as 'not Network == x' only where none is there: an absent value makes
 * every comparison false, also !=.  '===': all that are there are equal,
 * '!==': any differs.
 *
 * One object per thread: running uses room in it. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/batch.h"
#include "base/err.h"

struct hint;
struct where;

#define WHERE_TEXT_MAX  65536 /* bytes */
#define WHERE_DEPTH_MAX 128   /* parentheses and negations in each other */
#define WHERE_TESTS_MAX 4096  /* comparisons */

/* Compiles for a schema, which must outlive it; "" and blanks match all rows.
 * -EINVAL: "syntax error at '=>' (column 8)", "no field 'tcp_fla' (column 1); did
 * you mean 'tcp_flags_ab'?"; columns count characters from 1. */
int where_new(struct where **ret, const char *expr, const struct schema *schema, struct err *err);
void where_free(struct where *w); /* NULL is fine */
static inline void where_freep(struct where **w)
{
	where_free(*w);
}

/* Adds the fields that where_run() reads. */
void where_fields(const struct where *w, struct field_set *ret);

/* Clears the bits of 'sel' (one per row) of rows that do not match and of those
 * that are not there.  A column that the batch lacks is absent in every row.  0, or
 * -E2BIG or -ENOMEM with 'err' set and 'sel' of no use where a regular expression gives
 * up (rx_match()): "'name matches "(a+)+$"' (column 1): ..." */
int where_run(struct where *w, const struct batch *b, uint64_t sel[BATCH_ROWS / 64],
	      struct err *err);

/* What every row that matches fulfils (hint.h), in front of 'more', which must be fulfilled,
 * too.  The hints belong to 'w' and are valid until the next call. */
const struct hint *where_hints(struct where *w, const struct hint *more);

/* Writes the expression with all its parentheses; it reads back as the same. */
void where_print(const struct where *w, struct buf *ret);
