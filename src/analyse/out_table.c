/* Tables for people.  The first rows are kept until the widths are known; the
 * rows behind them are written as they come and may push a line apart. */
#include "analyse/out_ops.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/num.h"
#include "base/utf8.h"

#define GAP "  "

struct cell {
	size_t off; /* in table_state.text */
	uint32_t len;
	uint32_t width; /* characters */
};

struct table_state {
	struct buf text;
	struct cell *cells; /* OUT_TABLE_ROWS + 1 rows of o->n; the first is the header */
	size_t rows;        /* kept, with the header */
	size_t *widths;
	bool settled; /* the kept rows are out */
};

static bool is_number(enum val_type type)
{
	return type == VAL_U64 || type == VAL_I64 || type == VAL_F64 || type == VAL_DUR;
}

/* "2026-11-21 10:00:00.123456" */
static void add_time(struct buf *b, int64_t ns, bool utc)
{
	time_t sec = ns / 1000000000 - (ns % 1000000000 < 0);
	uint64_t us = (uint64_t)(ns - (int64_t)sec * 1000000000) / 1000;
	char text[64], frac[8] = ".";
	struct tm tm;

	if (!(utc ? gmtime_r(&sec, &tm) : localtime_r(&sec, &tm)))
		memset(&tm, 0, sizeof(tm));
	buf_add(b, text, strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm));
	num_fixed(frac + 1, us, 6);
	buf_add(b, frac, 7);
}

/* Appends a cell's text, returns its width. */
static size_t add_cell(struct buf *b, const struct out *o, const struct col *c, size_t row)
{
	size_t len = b->len;

	if (!c || !col_has(c, row)) {
		buf_addch(b, '-');
	} else if (c->type == VAL_STR) {
		return utf8_show(b, c->v.str[row].p, c->v.str[row].len);
	} else if (c->type == VAL_TIME) {
		add_time(b, c->v.i64[row], o->conf.utc);
	} else if (buf_reserve(b, OUT_TEXT_MAX) == 0) {
		b->len = (size_t)(out_text(b->p + b->len, c, row) - b->p);
	}
	return b->len - len;
}

static void add_pad(struct buf *b, size_t width, size_t shown)
{
	if (shown < width && buf_reserve(b, width - shown) == 0) {
		memset(b->p + b->len, ' ', width - shown);
		b->len += width - shown;
	}
}

static void add_aligned(struct out *o, size_t i, const char *p, size_t len, size_t width)
{
	const struct table_state *s = o->state;
	bool right = is_number(o->types[i]);
	bool last = i + 1 == o->n - o->hidden;

	if (i)
		buf_addstr(&o->buf, GAP);
	if (right)
		add_pad(&o->buf, s->widths[i], width);
	buf_add(&o->buf, p, len);
	if (!right && !last)
		add_pad(&o->buf, s->widths[i], width);
}

static int table_begin(struct out *o, const struct schema *schema, struct err *err)
{
	struct table_state *s = calloc(1, sizeof(*s));
	size_t i;

	o->state = s;
	if (s) {
		s->cells = calloc((OUT_TABLE_ROWS + 1) * (o->n + 1), sizeof(*s->cells));
		s->widths = calloc(o->n + 1, sizeof(*s->widths));
	}
	if (!s || !s->cells || !s->widths)
		return err_set(err, -ENOMEM, "out of memory");

	for (i = 0; i < o->n; i++) {
		const char *name = schema->fields[o->fields[i]].name;
		struct cell *c = &s->cells[i];

		c->off = s->text.len;
		c->width = (uint32_t)utf8_show(&s->text, name, strlen(name));
		c->len = (uint32_t)(s->text.len - c->off);
	}
	s->rows = 1;
	return 0;
}

/* As many columns as fit, the first always. */
static void measure(struct out *o)
{
	struct table_state *s = o->state;
	size_t i, r, total = 0;

	for (i = 0; i < o->n; i++)
		for (r = 0; r < s->rows; r++)
			if (s->cells[r * o->n + i].width > s->widths[i])
				s->widths[i] = s->cells[r * o->n + i].width;
	for (i = 0; i < o->n; i++) {
		total += s->widths[i] + (i ? sizeof(GAP) - 1 : 0);
		if (i && o->conf.width && total > o->conf.width) {
			o->hidden = o->n - i;
			return;
		}
	}
}

/* Writes the kept rows. */
static void settle(struct out *o)
{
	struct table_state *s = o->state;
	size_t i, r, first = 0;

	measure(o);
	/* a table of one nameless column is a bare value */
	if (o->n == 1 && !s->cells[0].len)
		first = 1;
	for (r = first; r < s->rows; r++) {
		if (!r && o->conf.colour)
			buf_addstr(&o->buf, "\x1b[1m");
		for (i = 0; i < o->n - o->hidden; i++) {
			const struct cell *c = &s->cells[r * o->n + i];

			add_aligned(o, i, buf_str(&s->text) + c->off, c->len, c->width);
		}
		buf_addstr(&o->buf, !r && o->conf.colour ? "\x1b[0m\n" : "\n");
	}
	if (buf_err(&s->text))
		o->buf.err = buf_err(&s->text);
	s->settled = true;
	buf_clear(&s->text);
}

static void table_row(struct out *o, const struct batch *b, size_t row)
{
	struct table_state *s = o->state;
	size_t i;

	if (s->settled) {
		for (i = 0; i < o->n - o->hidden; i++) {
			size_t width;

			buf_clear(&s->text);
			width = add_cell(&s->text, o, b->cols[o->fields[i]], row);
			add_aligned(o, i, buf_str(&s->text), s->text.len, width);
			if (buf_err(&s->text))
				o->buf.err = buf_err(&s->text);
		}
		buf_addch(&o->buf, '\n');
		return;
	}
	for (i = 0; i < o->n; i++) {
		struct cell *c = &s->cells[s->rows * o->n + i];

		c->off = s->text.len;
		c->width = (uint32_t)add_cell(&s->text, o, b->cols[o->fields[i]], row);
		c->len = (uint32_t)(s->text.len - c->off);
	}
	if (++s->rows == OUT_TABLE_ROWS + 1)
		settle(o);
}

static void table_end(struct out *o)
{
	struct table_state *s = o->state;

	if (!s->settled)
		settle(o);
}

static void table_free(struct out *o)
{
	struct table_state *s = o->state;

	buf_done(&s->text);
	free(s->cells);
	free(s->widths);
	free(s);
}

const struct out_ops out_table = {
	.begin = table_begin,
	.row = table_row,
	.end = table_end,
	.free = table_free,
};
