/* Regular expressions, by PCRE2: its syntax is pcre2pattern(3), of which texts and
 * expressions are bytes, never UTF-8: '.' matches one byte, and only letters of ASCII
 * have two cases.
 *
 * Expressions come from users and texts from the network, so neither is trusted: the
 * limits below bound what an expression may become and what a match may take.  A
 * match that would need more is an error, never a plain "no".  Nothing is compiled
 * to machine code: what parses packets may not be allowed to make any. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct rx;
struct rx_mem;

enum rx_flags {
	RX_ICASE = 1 << 0, /* letters match in both cases */
	RX_WHOLE = 1 << 1, /* the whole text must match, not only a part */
};

#define RX_TEXT_MAX  4096    /* bytes of an expression */
#define RX_CODE_MAX  32768   /* bytes that it may take compiled */
#define RX_DEPTH_MAX 250     /* parentheses in each other */
#define RX_STEPS_MAX 1000000 /* of one match, about 10 ms; shared by the places to begin at */
#define RX_MEM_MAX   1024    /* KiB of one match, for ways that are still to be tried */

/* -EINVAL with "missing closing parenthesis" and '*ret_at' (may be NULL) the byte of
 * 'text' that it is about, up to 'len'; -E2BIG beyond a limit; -ENOMEM.  A compiled
 * expression never changes: any number of threads may match with it. */
int rx_new(struct rx **ret, const char *text, size_t len, unsigned flags, size_t *ret_at,
	   struct err *err);
void rx_free(struct rx *r); /* NULL is fine */
static inline void rx_freep(struct rx **r)
{
	rx_free(*r);
}

/* Room to match in, for any number of expressions, one thread at a time.  It grows to
 * what a match needed and stays so, RX_MEM_MAX at most.  0 or -ENOMEM. */
int rx_mem_new(struct rx_mem **ret);
void rx_mem_free(struct rx_mem *m); /* NULL is fine */

/* 1 or 0; -E2BIG with "the regular expression takes more than 1000000 steps on 'aaaa...'"
 * where a limit does not let it be told; -ENOMEM. */
int rx_match(const struct rx *r, struct rx_mem *m, const char *p, size_t len, struct err *err);
