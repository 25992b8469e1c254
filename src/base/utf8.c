#include "base/utf8.h"

#include <stdint.h>

/* RFC 3629, section 4: what the first byte says, and the bounds of the second. */
static unsigned head(uint8_t c, uint8_t *lo, uint8_t *hi)
{
	*lo = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
	*hi = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
	if (c < 0x80)
		return 1;
	if (c >= 0xc2 && c <= 0xdf)
		return 2;
	if (c >= 0xe0 && c <= 0xef)
		return 3;
	if (c >= 0xf0 && c <= 0xf4)
		return 4;
	return 0;
}

unsigned utf8_len(const char *p, size_t n)
{
	const uint8_t *u = (const uint8_t *)p;
	uint8_t lo, hi;
	unsigned len, i;

	if (!n)
		return 0;
	len = head(u[0], &lo, &hi);
	if (len > n)
		return 0;
	if (len > 1 && (u[1] < lo || u[1] > hi))
		return 0;
	for (i = 2; i < len; i++)
		if ((u[i] & 0xc0) != 0x80)
			return 0;
	return len;
}

bool utf8_control(const char *p, unsigned len)
{
	const uint8_t *u = (const uint8_t *)p;

	return (len == 1 && (u[0] < 0x20 || u[0] == 0x7f)) ||
	       (len == 2 && u[0] == 0xc2 && u[1] < 0xa0);
}

size_t utf8_show(struct buf *b, const char *p, size_t n)
{
	static const char hex[] = "0123456789abcdef";
	size_t i, shown = 0;

	for (i = 0; i < n;) {
		unsigned len = utf8_len(p + i, n - i), k;

		if (len && !utf8_control(p + i, len)) {
			buf_add(b, p + i, len);
			shown++;
			i += len;
			continue;
		}
		for (k = 0; k < (len ? len : 1); k++, i++) {
			uint8_t c = (uint8_t)p[i];
			const char esc[4] = {'\\', 'x', hex[c >> 4], hex[c & 15]};

			buf_add(b, esc, sizeof(esc));
			shown += sizeof(esc);
		}
	}
	return shown;
}
