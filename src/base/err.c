#include "base/err.h"

#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

/* Copies a text that printf made, 'wanted' long had there been room.  What does
 * not fit ends in "...", in front of a whole character. */
static void put(char *ret, size_t size, const char *text, int wanted)
{
	size_t end;

	if (wanted < 0)
		wanted = 0; /* a conversion failed: no text is better than half a one */
	if ((size_t)wanted < size) {
		memcpy(ret, text, (size_t)wanted);
		ret[wanted] = '\0';
		return;
	}
	end = size - 4;
	while (end && ((unsigned char)text[end] & 0xc0) == 0x80)
		end--;
	memcpy(ret, text, end);
	memcpy(ret + end, "...", 4);
}

int err_set(struct err *e, int code, const char *fmt, ...)
{
	char text[sizeof(e->text)];
	va_list ap;
	int n;

	if (!e)
		return code;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	e->code = code;
	put(e->text, sizeof(e->text), text, n);
	return code;
}

int err_wrap(struct err *e, int code, const char *fmt, ...)
{
	char front[sizeof(e->text)], whole[2 * sizeof(e->text) + 4];
	va_list ap;
	int n;

	if (!e)
		return code;

	va_start(ap, fmt);
	n = vsnprintf(whole, sizeof(front), fmt, ap);
	va_end(ap);
	put(front, sizeof(front), whole, n);

	n = snprintf(whole, sizeof(whole), "%s%s%s", front, e->text[0] ? ": " : "", e->text);
	e->code = code;
	put(e->text, sizeof(e->text), whole, n);
	return code;
}

const char *err_quote(char *ret, unsigned size, const char *text, unsigned len)
{
	unsigned in = 0, out = 0, dots = 0; /* 'dots': the last place with room for "..." */

	if (!size)
		return ret;
	while (in < len) {
		unsigned n = utf8_len(text + in, len - in);
		unsigned need;

		if (n && utf8_control(text + in, n))
			n = 0;
		need = n ? n : 4;
		if (out + 4 <= size)
			dots = out;
		if (out + need + 1 > size) {
			snprintf(ret + dots, size - dots, "...");
			return ret;
		}
		if (n)
			memcpy(ret + out, text + in, n);
		else
			snprintf(ret + out, 5, "\\x%02x", (unsigned char)text[in]);
		out += need;
		in += n ? n : 1;
	}
	ret[out] = '\0';
	return ret;
}
