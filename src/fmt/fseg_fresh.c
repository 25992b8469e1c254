/* Flow segments, written: the newest rows of a block as one of their own, soon to be replaced.
 * What costs time is left out: nothing is compressed, tried or looked for. */
#include <errno.h>
#include <string.h>

#include "fmt/fseg_write.h"

size_t fseg_fresh(const struct fseg_writer *w)
{
	return w->rows - w->put;
}

/* The presence map of a column's fresh rows: one that is there, or a new one.  Maps come first,
 * each a byte and its bits. */
static void put_map(struct fseg_writer *w, struct fseg_wcol *c, unsigned *n_maps)
{
	size_t n = fseg_fresh(w), bytes = (n + 7) / 8, i;
	struct fseg_wentry e = {.kind = FSEG_PRESENCE,
				.enc = FSEG_BITS,
				.values = c->n - c->put,
				.at = w->data.len};
	uint8_t *bits = w->num.bytes;

	for (i = 0; i < n; i += 64)
		le64_store(bits + i / 8, fseg_bits_at(c->present, w->put + i, w->rows));
	for (i = 0; i < *n_maps; i++)
		if (memcmp(w->data.p + i * (bytes + 1) + 1, bits, bytes) == 0)
			break;
	c->map = e.id = (unsigned)i + 1;
	if (i < *n_maps)
		return;
	++*n_maps;
	buf_addch(&w->data, FSEG_RAW);
	buf_add(&w->data, bits, bytes);
	fseg_entry_begin(w, &e);
	fseg_entry_end(w);
}

static int put_maps(struct fseg_writer *w)
{
	unsigned n_maps = 0;
	size_t i;

	for (i = 0; i < w->n_cols && !buf_err(&w->data); i++) {
		struct fseg_wcol *c = &w->cols[i];

		c->map = 0;
		if (c->n > c->put && c->n - c->put < fseg_fresh(w))
			put_map(w, c, &n_maps);
	}
	return buf_err(&w->data);
}

static int put_codes(struct fseg_writer *w, struct fseg_wcol *c, struct fseg_wentry *e)
{
	const uint32_t *codes = c->codes + c->put;
	int64_t different = fseg_dict_sort_some(&c->dict, codes, c->dict.n > 1 ? e->values : 1);
	uint32_t i;

	if (different < 0)
		return -ENOMEM;
	e->enc = FSEG_DICT;
	e->distinct = (uint32_t)different;
	rec_put_int(&w->data, e->distinct);
	fseg_dict_put(&c->dict, &w->num, &w->data, c->dict.order, e->distinct);
	if (different == 1) {
		fseg_num_put_same(&w->data, 0);
		return 0;
	}
	for (i = 0; i < e->values; i++)
		w->wide[i] = c->dict.rank[codes[i]];
	fseg_num_write(&w->num, &w->data, w->wide, e->values);
	return 0;
}

static int put_column(struct fseg_writer *w, struct fseg_wcol *c, enum fseg_kind kind)
{
	struct fseg_wentry e = {.kind = kind,
				.id = kind == FSEG_FIELD ? w->o.schema->fields[c->field].id : 0,
				.type = kind == FSEG_FIELD ? c->type : VAL_U64,
				.enc = FSEG_NUMBERS,
				.map = c->map,
				.values = c->n - c->put,
				.at = w->data.len};
	int r = 0;

	if (!e.values)
		return 0;
	if (!fseg_is_words(c->type)) {
		r = put_codes(w, c, &e);
	} else {
		fseg_write_near(w, NULL);
		if (c->same)
			fseg_num_put_same(&w->data, c->words[0]);
		else
			fseg_num_write(&w->num, &w->data, c->words + c->put, e.values);
	}
	fseg_entry_begin(w, &e);
	if (kind == FSEG_FIELD)
		buf_addch(&w->entry, 0); /* bounds are not known */
	fseg_entry_end(w);
	return r;
}

static int put_fresh(struct fseg_writer *w, struct buf *b)
{
	size_t i;
	int r;

	buf_clear(&w->dir);
	buf_clear(&w->data);
	w->n_entries = 0;
	r = put_maps(w);
	for (i = 0; r == 0 && i < w->n_cols; i++)
		r = put_column(w, &w->cols[i], FSEG_FIELD);
	if (r == 0)
		r = put_column(w, &w->serials, FSEG_SERIAL);
	if (r < 0)
		return r;
	return fseg_put_block(w, b, (uint32_t)fseg_fresh(w), w->fresh_start, w->fresh_last);
}

int fseg_put_fresh(struct fseg_writer *w, struct buf *b)
{
	size_t i;
	int r;

	if (buf_err(b))
		return buf_err(b);
	if (!fseg_fresh(w))
		return 0;
	w->num.quick = true;
	r = put_fresh(w, b);
	w->num.quick = false;
	if (r < 0)
		return r;
	for (i = 0; i < w->n_cols; i++)
		w->cols[i].put = w->cols[i].n;
	w->serials.put = w->serials.n;
	w->put = w->rows;
	w->fresh_start = INT64_MAX;
	w->fresh_last = INT64_MIN;
	return 0;
}
