/* UTF-8 (RFC 3629), as much as printing texts from input safely needs. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/* Bytes (1 to 4) of the valid sequence at 'p', 'n' bytes available; 0: none. */
unsigned utf8_len(const char *p, size_t n);

/* Whether the valid sequence 'p' of 'len' bytes is a control character: C0,
 * DEL or C1, which terminals act on. */
bool utf8_control(const char *p, unsigned len);

/* Appends 'n' bytes of text from input for people to read: what is a control
 * character or not UTF-8 becomes \xNN per byte.  Returns the number of
 * characters that a terminal shows. */
size_t utf8_show(struct buf *b, const char *p, size_t n);
