/* Regular expressions that cannot hang: the common part of POSIX ERE and Perl,
 * run as a non-deterministic automaton in time length x size, without
 * back-references, on bytes.
 *
 *	. [a-z] [^...] [[:alpha:]] \d \D \w \W \s \S \n \r \t \xHH ( ) (?: ) |
 *	* + ? {n} {n,} {n,m} (a '?' behind changes nothing) ^ $ (?i) in front
 *
 * '.' and negated classes match any byte, '.' not a newline; '^' and '$' match
 * at the ends of the text only. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct rx;

enum rx_flags {
	RX_ICASE = 1 << 0, /* letters of ASCII match in both cases */
	RX_WHOLE = 1 << 1, /* the whole text must match, not only a part */
};

#define RX_TEXT_MAX   4096 /* bytes of an expression */
#define RX_STEPS_MAX  2048 /* its size when repetitions are written out */
#define RX_REPEAT_MAX 1000
#define RX_DEPTH_MAX  64 /* parentheses in each other */

/* -EINVAL or -E2BIG with "')' is missing", -ENOMEM.  Offsets in messages count
 * from 1. */
int rx_new(struct rx **ret, const char *text, size_t len, unsigned flags, struct err *err);
void rx_free(struct rx *r); /* NULL is fine */
static inline void rx_freep(struct rx **r)
{
	rx_free(*r);
}

bool rx_match(const struct rx *r, const char *p, size_t len);
