#include "base/json.h"

#include <math.h>
#include <string.h>

#include "base/num.h"
#include "base/utf8.h"

static void value(struct json *j)
{
	if (j->comma)
		buf_addch(j->buf, ',');
	j->comma = true;
}

void json_object(struct json *j)
{
	value(j);
	buf_addch(j->buf, '{');
	j->comma = false;
}

void json_object_end(struct json *j)
{
	buf_addch(j->buf, '}');
	j->comma = true;
}

void json_array(struct json *j)
{
	value(j);
	buf_addch(j->buf, '[');
	j->comma = false;
}

void json_array_end(struct json *j)
{
	buf_addch(j->buf, ']');
	j->comma = true;
}

void json_key(struct json *j, const char *key)
{
	json_str(j, key);
	buf_addch(j->buf, ':');
	j->comma = false;
}

/* Characters that stand for themselves, the common case. */
static bool plain(char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

static void escape_one(struct buf *b, const char *p, unsigned len)
{
	/* the short forms of RFC 8259, section 7 */
	static const char shorts[] = "\"\"\\\\\bb\ff\nn\rr\tt";
	const char *s;

	for (s = shorts; *s; s += 2) {
		if (*p == *s) {
			buf_addch(b, '\\');
			buf_addch(b, s[1]);
			return;
		}
	}
	/* U+0080 to U+009F have their low byte in the second of the two */
	buf_addf(b, "\\u%04x", (unsigned)(unsigned char)p[len - 1]);
}

void json_escape(struct buf *b, const char *p, size_t n)
{
	size_t i = 0;

	buf_addch(b, '"');
	while (i < n) {
		size_t run = i;
		unsigned len;

		while (run < n && plain(p[run]))
			run++;
		buf_add(b, p + i, run - i);
		i = run;
		if (i == n)
			break;
		len = utf8_len(p + i, n - i);
		if (!len)
			buf_addstr(b, "\\ufffd");
		else if (len > 1 && !utf8_control(p + i, len))
			buf_add(b, p + i, len);
		else
			escape_one(b, p + i, len);
		i += len ? len : 1;
	}
	buf_addch(b, '"');
}

void json_strn(struct json *j, const char *p, size_t n)
{
	value(j);
	json_escape(j->buf, p, n);
}

void json_str(struct json *j, const char *s)
{
	if (s)
		json_strn(j, s, strlen(s));
	else
		json_null(j);
}

void json_u64(struct json *j, uint64_t v)
{
	value(j);
	buf_addu(j->buf, v);
}

void json_i64(struct json *j, int64_t v)
{
	value(j);
	buf_addi(j->buf, v);
}

void json_f64(struct json *j, double v)
{
	char text[NUM_F64_MAX];

	if (!isfinite(v)) {
		json_null(j);
		return;
	}
	value(j);
	buf_add(j->buf, text, (size_t)(num_f64(text, v) - text));
}

void json_bool(struct json *j, bool v)
{
	value(j);
	buf_addstr(j->buf, v ? "true" : "false");
}

void json_null(struct json *j)
{
	value(j);
	buf_addstr(j->buf, "null");
}

void json_base64(struct json *j, const void *p, size_t n)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const uint8_t *u = p;
	char *to;
	size_t i;

	value(j);
	if (n > SIZE_MAX / 8 || buf_reserve(j->buf, (n + 2) / 3 * 4 + 2) < 0)
		return;
	to = j->buf->p + j->buf->len;
	*to++ = '"';
	for (i = 0; i + 3 <= n; i += 3) {
		uint32_t v = (uint32_t)u[i] << 16 | (uint32_t)u[i + 1] << 8 | u[i + 2];

		*to++ = digits[v >> 18];
		*to++ = digits[v >> 12 & 63];
		*to++ = digits[v >> 6 & 63];
		*to++ = digits[v & 63];
	}
	if (i < n) {
		uint32_t v = (uint32_t)u[i] << 16 | (i + 1 < n ? (uint32_t)u[i + 1] << 8 : 0);

		*to++ = digits[v >> 18];
		*to++ = digits[v >> 12 & 63];
		*to++ = i + 1 < n ? digits[v >> 6 & 63] : '=';
		*to++ = '=';
	}
	*to++ = '"';
	*to = '\0';
	j->buf->len = (size_t)(to - j->buf->p);
}
