/* CSV, RFC 4180, with LF instead of CRLF as every Unix tool writes it. */
#include "analyse/out_ops.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/utf8.h"

#define ONES UINT64_C(0x0101010101010101)

/* Marks (0x80) the bytes of 'v' that are 'c', and maybe others behind the first. */
static inline uint64_t marks(uint64_t v, char c)
{
	uint64_t x = v ^ ONES * (uint8_t)c;

	return (x - ONES) & ~x & ONES << 7;
}

/* Eight bytes at a time. */
static bool needs_quotes(const char *p, size_t n)
{
	uint64_t v, found = 0;

	for (; n >= 8; p += 8, n -= 8) {
		memcpy(&v, p, 8);
		found |= marks(v, ',') | marks(v, '"') | marks(v, '\n') | marks(v, '\r');
	}
	for (; n; p++, n--)
		found |= *p == ',' || *p == '"' || *p == '\n' || *p == '\r';
	return found;
}

/* memcpy() without a call: texts are short. */
static inline char *copy(char *to, const char *p, size_t n)
{
	size_t i;

	if (n < 8) {
		for (i = 0; i < n; i++)
			to[i] = p[i];
		return to + n;
	}
	for (i = 0; i + 8 <= n; i += 8)
		memcpy(to + i, p + i, 8);
	memcpy(to + n - 8, p + n - 8, 8);
	return to + n;
}

/* At most 2 * n + 2 bytes. */
static char *add_text(char *to, const char *p, size_t n)
{
	size_t i;

	if (!needs_quotes(p, n))
		return copy(to, p, n);
	*to++ = '"';
	for (i = 0; i < n; i++) {
		if (p[i] == '"')
			*to++ = '"';
		*to++ = p[i];
	}
	*to++ = '"';
	return to;
}

static int csv_begin(struct out *o, const struct schema *schema, struct err *err)
{
	size_t i;

	(void)err; /* out of memory sticks in the buffer */
	for (i = 0; i < o->n; i++) {
		const char *name = schema->fields[o->fields[i]].name;
		size_t len = strlen(name);

		if (buf_reserve(&o->buf, 2 * len + 3) < 0)
			return 0;
		if (i)
			buf_addch(&o->buf, ',');
		o->buf.len = (size_t)(add_text(o->buf.p + o->buf.len, name, len) - o->buf.p);
	}
	buf_addch(&o->buf, '\n');
	return 0;
}

/* A text for a terminal. */
static void show(struct out *o, const char *p, size_t n)
{
	CLEANUP(buf_done) struct buf b = BUF_INIT;

	utf8_show(&b, p, n);
	if (!buf_err(&b) && buf_reserve(&o->buf, 2 * b.len + 3) == 0)
		o->buf.len =
			(size_t)(add_text(o->buf.p + o->buf.len, buf_str(&b), b.len) - o->buf.p);
}

/* As csv_row(), where speed does not matter. */
static void terminal_row(struct out *o, const struct batch *b, size_t row)
{
	for (size_t i = 0; i < o->n; i++) {
		const struct col *c = b->cols[o->fields[i]];

		if (i)
			buf_addch(&o->buf, ',');
		if (!c || !col_has(c, row))
			continue;
		if (c->type == VAL_STR)
			show(o, c->v.str[row].p, c->v.str[row].len);
		else if (buf_reserve(&o->buf, OUT_TEXT_MAX + 1) == 0)
			o->buf.len = (size_t)(out_text(o->buf.p + o->buf.len, c, row) - o->buf.p);
	}
	buf_addch(&o->buf, '\n');
}

/* Room for the whole row, so that its values need not ask. */
static size_t row_max(const struct out *o, const struct batch *b, size_t row)
{
	size_t i, n = o->n * (1 + OUT_TEXT_MAX) + 2;

	for (i = 0; i < o->n; i++) {
		const struct col *c = o->types[i] == VAL_STR ? b->cols[o->fields[i]] : NULL;

		if (c && col_has(c, row))
			n += 2 * (size_t)c->v.str[row].len + 2;
	}
	return n;
}

static void csv_row(struct out *o, const struct batch *b, size_t row)
{
	size_t i;
	char *p;

	if (o->conf.terminal) {
		terminal_row(o, b, row);
		return;
	}
	if (buf_reserve(&o->buf, row_max(o, b, row)) < 0)
		return;
	p = o->buf.p + o->buf.len;
	for (i = 0; i < o->n; i++) {
		const struct col *c = b->cols[o->fields[i]];

		if (c && col_has(c, row)) {
			if (c->type == VAL_STR)
				p = add_text(p, c->v.str[row].p, c->v.str[row].len);
			else
				p = out_text(p, c, row);
		}
		*p++ = ',';
	}
	if (o->n)
		p[-1] = '\n';
	else
		*p++ = '\n';
	*p = '\0';
	o->buf.len = (size_t)(p - o->buf.p);
}

static void csv_end(struct out *o)
{
	(void)o;
}

static void csv_free(struct out *o)
{
	(void)o;
}

const struct out_ops out_csv = {
	.begin = csv_begin,
	.row = csv_row,
	.end = csv_end,
	.free = csv_free,
};
