#include "base/buf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buf_done(struct buf *b)
{
	free(b->p);
	*b = BUF_INIT;
}

void buf_clear(struct buf *b)
{
	b->len = 0;
	b->err = 0;
	if (b->p)
		b->p[0] = '\0';
}

int buf_reserve(struct buf *b, size_t n)
{
	size_t size;
	char *p;

	if (b->err)
		return b->err;
	if (n >= SIZE_MAX / 4 || b->len >= SIZE_MAX / 4)
		return b->err = -ENOMEM;
	if (b->p && b->len + n + 1 <= b->size)
		return 0;

	size = b->size ? b->size : 64;
	while (size < b->len + n + 1)
		size *= 2;
	p = realloc(b->p, size);
	if (!p)
		return b->err = -ENOMEM;
	b->p = p;
	b->size = size;
	return 0;
}

void buf_add(struct buf *b, const void *p, size_t n)
{
	if (buf_reserve(b, n) < 0)
		return;
	if (n)
		memcpy(b->p + b->len, p, n);
	b->len += n;
	b->p[b->len] = '\0';
}

void buf_addch(struct buf *b, char c)
{
	if (buf_reserve(b, 1) < 0)
		return;
	b->p[b->len++] = c;
	b->p[b->len] = '\0';
}

void buf_addstr(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0 || buf_reserve(b, (size_t)n) < 0)
		return;
	va_start(ap, fmt);
	vsnprintf(b->p + b->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)n;
}

void buf_addu(struct buf *b, uint64_t v)
{
	char tmp[20];
	size_t i = sizeof(tmp);

	do {
		tmp[--i] = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	buf_add(b, tmp + i, sizeof(tmp) - i);
}

void buf_addi(struct buf *b, int64_t v)
{
	if (v < 0)
		buf_addch(b, '-');
	buf_addu(b, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

void buf_addns(struct buf *b, int64_t ns, int decimals)
{
	uint64_t abs = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
	uint32_t frac, unit = 1;
	char tmp[10];
	int i;

	/* towards the past, which for times before 1970 is away from zero */
	for (i = decimals < 0 ? 0 : decimals; i < 9; i++)
		unit *= 10;
	if (ns < 0 && abs % unit)
		abs += unit - abs % unit;
	frac = (uint32_t)(abs % 1000000000);

	if (ns < 0)
		buf_addch(b, '-');
	buf_addu(b, abs / 1000000000);
	if (decimals <= 0)
		return;
	tmp[0] = '.';
	for (i = 9; i > 0; i--) {
		tmp[i] = (char)('0' + frac % 10);
		frac /= 10;
	}
	buf_add(b, tmp, (size_t)(decimals > 9 ? 9 : decimals) + 1);
}

const char *buf_str(const struct buf *b)
{
	return b->p ? b->p : "";
}

char *buf_take(struct buf *b)
{
	char *p;

	if (!b->p && buf_reserve(b, 0) == 0)
		b->p[0] = '\0';
	if (b->err) {
		buf_done(b);
		return NULL;
	}
	p = b->p;
	*b = BUF_INIT;
	return p;
}

void buf_addcsv(struct buf *b, const char *s)
{
	if (!strpbrk(s, ",\"\r\n")) {
		buf_addstr(b, s);
		return;
	}
	buf_addch(b, '"');
	for (; *s; s++) {
		if (*s == '"')
			buf_addch(b, '"');
		buf_addch(b, *s);
	}
	buf_addch(b, '"');
}
