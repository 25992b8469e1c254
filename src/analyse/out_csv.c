/* CSV, RFC 4180, with LF instead of CRLF as every Unix tool writes it. */
#include "analyse/out_ops.h"

#include <string.h>

static bool needs_quotes(const char *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (p[i] == ',' || p[i] == '"' || p[i] == '\n' || p[i] == '\r')
			return true;
	return false;
}

/* At most 2 * n + 2 bytes. */
static char *add_text(char *to, const char *p, size_t n)
{
	size_t i;

	if (!needs_quotes(p, n)) {
		if (n)
			memcpy(to, p, n);
		return to + n;
	}
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

/* Room for the whole row, so that its values need not ask. */
static size_t row_max(const struct out *o, const struct batch *b, size_t row)
{
	size_t i, n = 1;

	for (i = 0; i < o->n; i++) {
		const struct col *c = b->cols[o->fields[i]];

		n++;
		if (!c)
			continue;
		if (c->type != VAL_STR)
			n += out_text_max(c->type);
		else if (col_has(c, row))
			n += 2 * (size_t)c->v.str[row].len + 2;
	}
	return n;
}

static void csv_row(struct out *o, const struct batch *b, size_t row)
{
	size_t i;
	char *p;

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
