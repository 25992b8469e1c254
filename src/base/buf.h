/* A growable run of bytes, always followed by a NUL so that it can be read as
 * a string.  Failure to grow sticks: later additions do nothing and buf_err()
 * says -ENOMEM, so a writer may add much and ask once. */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
	char *p;     /* owned; NULL while empty */
	size_t len;  /* bytes used, without the NUL */
	size_t size; /* bytes allocated */
	int err;     /* 0 or -ENOMEM */
};

#define BUF_INIT ((struct buf){0})

void buf_done(struct buf *b);  /* frees; reusable afterwards */
void buf_clear(struct buf *b); /* keeps the memory */

/* Makes room for 'n' more bytes (and the NUL).  0 or -ENOMEM. */
int buf_reserve(struct buf *b, size_t n);

/* 'p', 's' and the arguments of 'fmt' must not point into 'b' itself. */
void buf_add(struct buf *b, const void *p, size_t n);
void buf_addch(struct buf *b, char c);
void buf_addstr(struct buf *b, const char *s);
void buf_addf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A field of CSV, quoted where it must be (RFC 4180). */
void buf_addcsv(struct buf *b, const char *s);

/* Decimal, without printf's cost. */
void buf_addu(struct buf *b, uint64_t v);
void buf_addi(struct buf *b, int64_t v);

/* Seconds with 'decimals' (0 to 9) digits after the point, from ns; cut
 * towards the past, not rounded, so that a time never moves forward. */
void buf_addns(struct buf *b, int64_t ns, int decimals);

/* The text; "" while empty.  Valid until the next change. */
const char *buf_str(const struct buf *b);

static inline int buf_err(const struct buf *b)
{
	return b->err;
}

/* Hands the memory to the caller (free()); 'b' is empty afterwards.  NULL if
 * anything could not be added: half a text is none. */
char *buf_take(struct buf *b);
