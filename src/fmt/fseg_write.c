/* Flow segments, written: rows are taken apart into columns here. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc32c.h"
#include "fmt/fseg_write.h"

#define MAP_WORDS (FSEG_ROWS / 64)

void fseg_put_magic(struct buf *b)
{
	buf_add(b, FSEG_FILE_MAGIC, FSEG_MAGIC);
}

static void col_init(struct fseg_wcol *c, size_t field, enum val_type type)
{
	*c = (struct fseg_wcol){.field = field, .type = type};
	fseg_dict_init(&c->dict, type);
}

static void col_done(struct fseg_wcol *c)
{
	free(c->words);
	free(c->codes);
	free(c->present_room);
	fseg_dict_done(&c->dict);
}

static void col_clear(struct fseg_wcol *c)
{
	c->n = 0;
	c->put = 0;
	c->present = NULL;
	c->same = false;
	if (!fseg_is_words(c->type))
		fseg_dict_clear(&c->dict);
}

static size_t col_memory(const struct fseg_wcol *c)
{
	return c->room * (fseg_is_words(c->type) ? sizeof(*c->words) : sizeof(*c->codes)) +
	       (c->present_room ? MAP_WORDS * sizeof(*c->present) : 0) + fseg_dict_memory(&c->dict);
}

static bool opts_ok(const struct fseg_opts *o)
{
	const struct schema *s = o->schema;
	size_t i, k;

	if (s->n > SCHEMA_FIELDS_MAX || o->n_bloom > FSEG_BLOOM_MAX || o->start >= s->n ||
	    o->last >= s->n || s->fields[o->start].type != VAL_TIME ||
	    s->fields[o->last].type != VAL_TIME)
		return false;
	for (i = 0; i < o->n_bloom; i++)
		if (o->bloom[i] >= s->n || s->fields[o->bloom[i]].type != VAL_ADDR ||
		    !field_set_has(&o->fields, o->bloom[i]))
			return false;
	for (i = 0; i < o->n_hashes; i++)
		if (o->hashes[i].field >= s->n || s->fields[o->hashes[i].field].type != VAL_STR ||
		    o->hashes[i].bits > 32)
			return false;
	for (i = 0; i < o->n_near; i++)
		for (k = 0; k < 2; k++)
			if (o->near[i].field >= s->n || o->near[i].ref[k] >= s->n)
				return false;
	return true;
}

static int writer_fill(struct fseg_writer *w)
{
	const struct schema *s = w->o.schema;
	size_t i;

	w->cols = calloc(s->n ? s->n : 1, sizeof(*w->cols));
	w->col_of = calloc(s->n ? s->n : 1, sizeof(*w->col_of));
	w->hashes = calloc(w->o.n_hashes ? w->o.n_hashes : 1, sizeof(*w->hashes));
	w->wide = calloc(FSEG_ROWS, sizeof(*w->wide));
	w->rest = calloc(FSEG_ROWS, sizeof(*w->rest));
	if (!w->cols || !w->col_of || !w->hashes || !w->wide || !w->rest)
		return -ENOMEM;
	for (i = 0; i < s->n; i++) {
		w->col_of[i] = -1;
		if (!field_set_has(&w->o.fields, i) || !s->fields[i].id)
			continue;
		w->col_of[i] = (int16_t)w->n_cols;
		col_init(&w->cols[w->n_cols++], i, s->fields[i].type);
	}
	for (i = 0; i < w->o.n_hashes; i++) {
		w->hashes[i].opts = w->o.hashes[i];
		col_init(&w->hashes[i].col, w->o.hashes[i].field, VAL_U64);
	}
	col_init(&w->serials, 0, VAL_U64);
	return fseg_num_init(&w->num);
}

static void writer_clear(struct fseg_writer *w)
{
	size_t i;

	for (i = 0; i < w->n_cols; i++)
		col_clear(&w->cols[i]);
	for (i = 0; i < w->o.n_hashes; i++)
		col_clear(&w->hashes[i].col);
	col_clear(&w->serials);
	w->rows = 0;
	w->text = 0;
	w->put = 0;
	w->start = w->fresh_start = INT64_MAX;
	w->last = w->fresh_last = INT64_MIN;
}

int fseg_writer_new(struct fseg_writer **ret, const struct fseg_opts *o)
{
	struct fseg_writer *w;
	int r;

	if (!opts_ok(o))
		return -EINVAL;
	w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	w->o = *o;
	r = writer_fill(w);
	if (r < 0) {
		fseg_writer_free(w);
		return r;
	}
	writer_clear(w);
	*ret = w;
	return 0;
}

void fseg_writer_free(struct fseg_writer *w)
{
	size_t i;

	if (!w)
		return;
	for (i = 0; i < w->n_cols; i++)
		col_done(&w->cols[i]);
	for (i = 0; w->hashes && i < w->o.n_hashes; i++)
		col_done(&w->hashes[i].col);
	col_done(&w->serials);
	free(w->cols);
	free(w->col_of);
	free(w->hashes);
	free(w->wide);
	free(w->rest);
	fseg_num_done(&w->num);
	buf_done(&w->dir);
	buf_done(&w->data);
	buf_done(&w->entry);
	buf_done(&w->trial);
	free(w);
}

size_t fseg_rows(const struct fseg_writer *w)
{
	return w->rows;
}

size_t fseg_memory(const struct fseg_writer *w)
{
	size_t i, sum = sizeof(*w) + 4 * sizeof(uint64_t) * FSEG_ROWS + w->dir.size + w->data.size +
			w->entry.size + w->trial.size;

	for (i = 0; i < w->n_cols; i++)
		sum += col_memory(&w->cols[i]);
	for (i = 0; i < w->o.n_hashes; i++)
		sum += col_memory(&w->hashes[i].col);
	return sum + col_memory(&w->serials);
}

/* ---- taking rows ---- */

int fseg_wcol_room(struct fseg_wcol *c, uint32_t more)
{
	uint32_t room = c->room ? c->room : BATCH_ROWS;
	size_t each = fseg_is_words(c->type) ? sizeof(*c->words) : sizeof(*c->codes);
	void *p;

	if (c->n + more <= c->room)
		return 0;
	while (room < c->n + more)
		room *= 2;
	p = realloc(fseg_is_words(c->type) ? (void *)c->words : (void *)c->codes, room * each);
	if (!p)
		return -ENOMEM;
	if (fseg_is_words(c->type))
		c->words = p;
	else
		c->codes = p;
	c->room = room;
	return 0;
}

static void bits_put(uint64_t *map, size_t at, uint64_t v)
{
	map[at / 64] |= v << at % 64;
	if (at % 64 && v >> (64 - at % 64))
		map[at / 64 + 1] |= v >> (64 - at % 64);
}

/* Notes which of 'n' rows behind 'row' have a value: all (map NULL), or by the bits of 'map' from
 * 'at' on.  Returns how many, or -ENOMEM. */
static int64_t col_present(struct fseg_wcol *c, uint32_t row, const uint64_t *map, size_t at,
			   size_t n)
{
	size_t i, has = 0;

	for (i = 0; map && i < n; i += 64) {
		uint64_t bits = fseg_bits_at(map, at + i, at + n);

		has += bits == UINT64_MAX ? 64 : (size_t)__builtin_popcountll(bits);
	}
	if (has == n && !c->present)
		return (int64_t)n;
	if (!c->present) {
		if (!c->present_room)
			c->present_room = malloc(MAP_WORDS * sizeof(*c->present));
		if (!c->present_room)
			return -ENOMEM;
		c->present = c->present_room;
		memset(c->present, 0, MAP_WORDS * sizeof(*c->present));
		memset(c->present, 0xff, row / 64 * sizeof(*c->present));
		if (row % 64)
			c->present[row / 64] = (UINT64_C(1) << row % 64) - 1;
	}
	for (i = 0; map && i < n; i += 64)
		bits_put(c->present, row + i, fseg_bits_at(map, at + i, at + n));
	return (int64_t)has;
}

/* The values of a column in rows that have one, without gaps, when not all have: in 'room'. */
static const void *dense(const struct col *from, size_t at, size_t n, bool all, void *room)
{
	size_t size = val_size(from->type), i, k = 0;

	if (all)
		return (const char *)from->v.any + at * size;
	for (i = at; i < at + n; i++)
		if (col_has(from, i))
			memcpy((char *)room + k++ * size, (const char *)from->v.any + i * size,
			       size);
	return room;
}

static int take_codes(struct fseg_wcol *c, const struct col *from, size_t at, size_t n, size_t has)
{
	union {
		struct addr addr[BATCH_ROWS];
		struct val_str str[BATCH_ROWS];
		uint8_t id[BATCH_ROWS][16];
	} room;
	const void *v = dense(from, at, n, has == n, &room);
	uint32_t *to = c->codes + c->n;
	bool good = true;
	size_t i;

	if (c->type == VAL_ADDR)
		good = fseg_dict_addrs(&c->dict, v, has, to);
	else if (c->type == VAL_STR)
		good = fseg_dict_strs(&c->dict, v, has, to);
	else
		for (i = 0; i < has && good; i++) {
			to[i] = fseg_dict_id(&c->dict, (const uint8_t *)v + 16 * i);
			good = to[i] != UINT32_MAX;
		}
	return good ? 0 : -ENOMEM;
}

int fseg_wcol_full(struct fseg_wcol *c)
{
	uint64_t v;
	uint32_t i;

	if (!c->same)
		return 0;
	if (fseg_wcol_room(c, 0) < 0)
		return -ENOMEM;
	v = c->words[0];
	for (i = 1; i < c->n; i++)
		c->words[i] = v;
	c->same = false;
	return 0;
}

/* Adds words; as long as all are the same there is one. */
static int take_words(const struct fseg_writer *w, struct fseg_wcol *c, const uint64_t *v, size_t n)
{
	uint32_t had = c->n;

	if (!n)
		return 0;
	if ((!had || c->same) && !w->num.loops->differ(v, n, had ? c->words[0] : v[0])) {
		if (!had && fseg_wcol_room(c, 1) < 0)
			return -ENOMEM;
		c->words[0] = v[0];
		c->same = true;
		c->n += (uint32_t)n;
		return 0;
	}
	if (fseg_wcol_full(c) < 0 || fseg_wcol_room(c, (uint32_t)n) < 0)
		return -ENOMEM;
	memcpy(c->words + had, v, n * sizeof(*v));
	c->n += (uint32_t)n;
	return 0;
}

/* The words of those rows that have one, without gaps. */
static size_t gather(const struct col *from, size_t at, size_t n, uint64_t *ret)
{
	size_t i, k = 0, end = at + n;

	for (i = at; i < end; i += 64) {
		uint64_t has = fseg_bits_at(from->present, i, end);

		if (has == UINT64_MAX) {
			memcpy(ret + k, from->v.u64 + i, 64 * sizeof(*ret));
			k += 64;
		} else {
			for (; has; has &= has - 1)
				ret[k++] = from->v.u64[i + (size_t)__builtin_ctzll(has)];
		}
	}
	return k;
}

static int col_take(const struct fseg_writer *w, struct fseg_wcol *c, const struct col *from,
		    size_t at, size_t n)
{
	int64_t has = col_present(c, w->rows, from ? from->present : NULL, at, n);
	uint64_t words[BATCH_ROWS + 1], *to = words; /* one is written behind the last */
	size_t i;
	int r;

	if (has <= 0 || !from)
		return (int)has;
	if (!fseg_is_words(c->type)) {
		if (fseg_wcol_room(c, (uint32_t)has) < 0)
			return -ENOMEM;
		r = take_codes(c, from, at, n, (size_t)has);
		c->n += r == 0 ? (uint32_t)has : 0;
		return r;
	}
	if (c->type == VAL_BOOL)
		for (i = at; i < at + n; i++) {
			*to = from->v.b[i];
			to += col_has(from, i);
		}
	else if (has == (int64_t)n)
		return take_words(w, c, from->v.u64 + at, n);
	else
		gather(from, at, n, words);
	return take_words(w, c, words, (size_t)has);
}

/* CRC-32C of the texts in a column, as fseg_hash.make has it. */
static void hash_texts(const struct col *from, size_t at, size_t n, uint64_t *present,
		       uint32_t *ret)
{
	size_t i;

	for (i = 0; from && i < n; i++)
		if (col_has(from, at + i)) {
			ret[i] = crc32c(0, from->v.str[at + i].p, from->v.str[at + i].len);
			present[i / 64] |= UINT64_C(1) << i % 64;
		}
}

static int hash_take(struct fseg_whash *h, uint32_t row, const struct batch *b, size_t at, size_t n)
{
	uint64_t present[BATCH_ROWS / 64] = {0};
	uint32_t hash[BATCH_ROWS];
	struct fseg_wcol *c = &h->col;
	int64_t has;
	size_t i;

	if (h->opts.make)
		h->opts.make(b, at, n, present, hash);
	else
		hash_texts(b->cols[c->field], at, n, present, hash);
	has = col_present(c, row, present, 0, n);
	if (has <= 0)
		return (int)has;
	if (fseg_wcol_room(c, (uint32_t)has) < 0)
		return -ENOMEM;
	for (i = 0; i < n; i++)
		if (present[i / 64] >> i % 64 & 1)
			c->words[c->n++] = hash[i];
	return 0;
}

/* Bytes of the texts of some rows in columns that are kept. */
static size_t text_of(const struct fseg_writer *w, const struct batch *b, size_t at, size_t n)
{
	size_t k, i, sum = 0;

	for (k = 0; k < w->n_cols; k++) {
		const struct col *from = b->cols[w->cols[k].field];

		if (w->cols[k].type != VAL_STR || !from)
			continue;
		for (i = at; i < at + n; i++) {
			uint32_t len = col_has(from, i) ? from->v.str[i].len : 0;

			sum += len < FSEG_STR_MAX ? len : FSEG_STR_MAX;
		}
	}
	return sum;
}

/* How many rows from 'at' on have texts for which there is room. */
static size_t text_fits(struct fseg_writer *w, const struct batch *b, size_t at, size_t n)
{
	size_t sum = text_of(w, b, at, n), i;

	if (w->text + sum <= FSEG_TEXT_MAX) {
		w->text += sum;
		return n;
	}
	for (i = 0; i < n; i++) {
		sum = text_of(w, b, at + i, 1);
		if (w->text + sum > FSEG_TEXT_MAX)
			break;
		w->text += sum;
	}
	return i;
}

/* Rows without times are of any time. */
static void window(struct fseg_writer *w, const struct batch *b, size_t at, size_t n)
{
	const struct col *start = b->cols[w->o.start], *last = b->cols[w->o.last];
	size_t i;

	for (i = at; i < at + n; i++) {
		int64_t from = start && col_has(start, i) ? start->v.i64[i] : INT64_MIN;
		int64_t to = last && col_has(last, i) ? last->v.i64[i] : INT64_MAX;

		w->fresh_start = from < w->fresh_start ? from : w->fresh_start;
		w->fresh_last = to > w->fresh_last ? to : w->fresh_last;
	}
	w->start = w->fresh_start < w->start ? w->fresh_start : w->start;
	w->last = w->fresh_last > w->last ? w->fresh_last : w->last;
}

static int take(struct fseg_writer *w, const struct batch *b, size_t at, size_t n)
{
	size_t i;
	int r;

	for (i = 0; i < w->n_cols; i++) {
		r = col_take(w, &w->cols[i], b->cols[w->cols[i].field], at, n);
		if (r < 0)
			return r;
	}
	for (i = 0; i < w->o.n_hashes; i++) {
		r = hash_take(&w->hashes[i], w->rows, b, at, n);
		if (r < 0)
			return r;
	}
	return take_words(w, &w->serials, b->serial + at, n);
}

int64_t fseg_add(struct fseg_writer *w, const struct batch *b, size_t at)
{
	size_t n = at < b->n ? b->n - at : 0;

	if (n > FSEG_ROWS - w->rows)
		n = FSEG_ROWS - w->rows;
	n = text_fits(w, b, at, n);
	if (!n)
		return 0;
	if (take(w, b, at, n) < 0) {
		writer_clear(w);
		return -ENOMEM;
	}
	window(w, b, at, n);
	w->rows += (uint32_t)n;
	return (int64_t)n;
}

void fseg_drop(struct fseg_writer *w)
{
	writer_clear(w);
}

int fseg_end(struct fseg_writer *w, struct buf *b)
{
	int r = 0;

	if (buf_err(b))
		return buf_err(b);
	if (w->rows)
		r = fseg_encode(w, b);
	writer_clear(w);
	return r;
}
