#include "base/err.h"

#include <stdio.h>
#include <string.h>

static void mark_cut(char *text, size_t size, int wanted)
{
	if (wanted >= (int)size)
		memcpy(text + size - 4, "...", 4);
}

int err_set(struct err *e, int code, const char *fmt, ...)
{
	va_list ap;

	if (!e)
		return code;

	e->code = code;
	va_start(ap, fmt);
	mark_cut(e->text, sizeof(e->text), vsnprintf(e->text, sizeof(e->text), fmt, ap));
	va_end(ap);
	return code;
}

int err_wrap(struct err *e, int code, const char *fmt, ...)
{
	char front[sizeof(e->text)], whole[2 * sizeof(e->text) + 4];
	va_list ap;

	if (!e)
		return code;

	va_start(ap, fmt);
	mark_cut(front, sizeof(front), vsnprintf(front, sizeof(front), fmt, ap));
	va_end(ap);

	snprintf(whole, sizeof(whole), "%s: %s", front, e->text);
	e->code = code;
	mark_cut(e->text, sizeof(e->text), snprintf(e->text, sizeof(e->text), "%s", whole));
	return code;
}

/* Length of the valid UTF-8 sequence at 'p', 0 if there is none (RFC 3629). */
static unsigned utf8_len(const unsigned char *p, unsigned len)
{
	unsigned n, i;

	if (p[0] >= 0xc2 && p[0] <= 0xdf)
		n = 2;
	else if (p[0] >= 0xe0 && p[0] <= 0xef)
		n = 3;
	else if (p[0] >= 0xf0 && p[0] <= 0xf4)
		n = 4;
	else
		return 0;
	if (n > len)
		return 0;
	for (i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	if (p[0] == 0xc2 && p[1] < 0xa0) /* C1 control characters */
		return 0;
	return n;
}

const char *err_quote(char *ret, unsigned size, const char *text, unsigned len)
{
	const unsigned char *p = (const unsigned char *)text;
	unsigned in = 0, out = 0;

	if (!size)
		return ret;
	while (in < len) {
		unsigned n = p[in] >= 0x20 && p[in] < 0x7f ? 1 : utf8_len(p + in, len - in);
		unsigned need = n ? n : 4;

		if (out + need + 4 > size) {
			snprintf(ret + out, size - out, "...");
			return ret;
		}
		if (n)
			memcpy(ret + out, p + in, n);
		else
			snprintf(ret + out, 5, "\\x%02x", p[in]);
		out += need;
		in += n ? n : 1;
	}
	ret[out] = '\0';
	return ret;
}
