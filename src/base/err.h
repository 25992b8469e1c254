/* Errors that a person must understand.
 *
 * A function that can fail returns 0 (or a count) or a negative errno.  Where
 * the number alone would not help, it also fills a struct err, once, where the
 * failure arises, with part of a sentence; callers put their context in front
 * of it with err_wrap().  Nothing here logs, allocates or blocks. */
#pragma once

#include <stdarg.h>

struct err {
	int code;       /* negative errno; 0: no error */
	char text[512]; /* UTF-8, no newline, cut with "..." when too long */
};

/* Sets text and code, returns 'code'.  'e' may be NULL.  The arguments may point
 * into the text that is replaced. */
int err_set(struct err *e, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Puts "<fmt>: " in front of the text of 'e' (just "<fmt>" if it has none),
 * returns 'code'.  'e' may be NULL. */
int err_wrap(struct err *e, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* The same for text from input: bytes that are not printable ASCII or valid
 * UTF-8 become \xNN, so that no message can drive a terminal.  Writes at most
 * 'size' bytes with the final NUL into 'ret', cutting with "...".  Returns
 * 'ret'. */
const char *err_quote(char *ret, unsigned size, const char *text, unsigned len);
