/* Flow segments, written: columns become one block here. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc32c.h"
#include "fmt/fseg_write.h"

#define PLAIN_PART 0.7 /* different values in so many rows, and there is no dictionary */

/* ---- the directory ---- */

void fseg_entry_begin(struct fseg_writer *w, const struct fseg_wentry *e)
{
	struct buf *b = &w->entry;
	size_t size = w->data.len - e->at;

	buf_clear(b);
	rec_put_int(b, e->kind);
	rec_put_int(b, e->id);
	rec_put_int(b, e->type);
	rec_put_int(b, e->enc);
	rec_put_int(b, e->map);
	rec_put_int(b, e->values);
	rec_put_int(b, e->distinct);
	rec_put_int(b, e->at);
	rec_put_int(b, size);
	rec_put_u32(b, crc32c(0, size ? w->data.p + e->at : NULL, size));
}

void fseg_entry_end(struct fseg_writer *w)
{
	rec_put_int(&w->dir, w->entry.len);
	buf_add(&w->dir, w->entry.p, w->entry.len);
	w->n_entries++;
	if (buf_err(&w->entry))
		w->dir.err = -ENOMEM;
}

static void put_bound(struct buf *b, enum val_type type, const union val *v)
{
	static const uint8_t size[] = {[ADDR_MAC] = 6, [ADDR_IP4] = 4, [ADDR_IP6] = 16};

	switch (type) {
	case VAL_U64:
		rec_put_int(b, v->u64);
		break;
	case VAL_I64:
	case VAL_TIME:
	case VAL_DUR:
		rec_put_sint(b, v->i64);
		break;
	case VAL_F64:
		rec_put_u64(b, v->u64);
		break;
	case VAL_BOOL:
		buf_addch(b, v->b);
		break;
	case VAL_ADDR:
		buf_addch(b, (char)v->addr.family);
		buf_add(b, v->addr.b, size[v->addr.family]);
		break;
	case VAL_STR:
		rec_put_text(b, v->str.p,
			     v->str.len < FSEG_BOUND_TEXT ? v->str.len : FSEG_BOUND_TEXT);
		break;
	case VAL_ID:
		buf_add(b, v->id, sizeof(v->id));
		break;
	}
}

/* ---- smallest and largest ---- */

/* NaN is behind all numbers. */
static void bounds_floats(const struct fseg_wcol *c, union val *min, union val *max)
{
	size_t i, n = c->same ? 1 : c->n;
	union val v;

	min->u64 = max->u64 = c->words[0];
	for (i = 1; i < n; i++) {
		v.u64 = c->words[i];
		if (val_cmp(VAL_F64, &v, min) < 0)
			*min = v;
		if (val_cmp(VAL_F64, &v, max) > 0)
			*max = v;
	}
}

static void bounds(const struct fseg_wcol *c, const struct fseg_range *r, union val *min,
		   union val *max)
{
	switch (c->type) {
	case VAL_F64:
		bounds_floats(c, min, max);
		break;
	case VAL_U64:
		min->u64 = r->min;
		max->u64 = r->max;
		break;
	case VAL_BOOL:
		min->b = r->min;
		max->b = r->max;
		break;
	case VAL_I64:
	case VAL_TIME:
	case VAL_DUR:
		min->i64 = r->smin;
		max->i64 = r->smax;
		break;
	default:
		fseg_dict_val(&c->dict, c->dict.order[0], min);
		fseg_dict_val(&c->dict, c->dict.order[c->dict.n - 1], max);
	}
}

/* ---- presence ---- */

/* Numbers the maps; those that are the same share one. */
static void put_maps(struct fseg_writer *w)
{
	unsigned n = 0;
	size_t i, k, bytes = (w->rows + 7) / 8;
	struct fseg_wentry e = {.kind = FSEG_PRESENCE, .enc = FSEG_BITS};

	for (i = 0; i < w->n_cols + w->o.n_hashes; i++) {
		struct fseg_wcol *c = i < w->n_cols ? &w->cols[i] : &w->hashes[i - w->n_cols].col;

		c->map = 0;
		if (!c->present || !c->n)
			continue;
		for (k = 0; k < i && !c->map; k++) {
			const struct fseg_wcol *o =
				k < w->n_cols ? &w->cols[k] : &w->hashes[k - w->n_cols].col;

			if (o->map && o->n == c->n && memcmp(o->present, c->present, bytes) == 0)
				c->map = o->map;
		}
		if (c->map)
			continue;
		c->map = ++n;
		e.id = n;
		e.values = c->n;
		e.at = w->data.len;
		for (k = 0; k < bytes; k += 8)
			le64_store(w->num.bytes + k, c->present[k / 8]);
		fseg_blob_put(&w->num, &w->data, w->num.bytes, bytes, true);
		fseg_entry_begin(w, &e);
		fseg_entry_end(w);
	}
}

/* ---- values with numbers ---- */

static void encode_codes(struct fseg_writer *w, struct fseg_wcol *c, struct fseg_wentry *e)
{
	struct fseg_plan plan;
	size_t i;

	e->distinct = c->dict.n;
	if (c->type != VAL_ADDR && c->dict.n > PLAIN_PART * c->n) {
		e->enc = FSEG_PLAIN;
		fseg_dict_put(&c->dict, &w->num, &w->data, c->codes, c->n);
		return;
	}
	e->enc = FSEG_DICT;
	rec_put_int(&w->data, c->dict.n);
	fseg_dict_put(&c->dict, &w->num, &w->data, c->dict.order, c->dict.n);
	for (i = 0; i < c->n; i++)
		w->wide[i] = c->dict.rank[c->codes[i]];
	fseg_num_plan(&w->num, w->wide, c->n, NULL, false, &plan);
	fseg_num_put(&w->num, &w->data, w->wide, c->n, &plan);
}

static int put_column(struct fseg_writer *w, struct fseg_wcol *c)
{
	const struct field *f = &w->o.schema->fields[c->field];
	struct fseg_wentry e = {.kind = FSEG_FIELD,
				.id = f->id,
				.type = c->type,
				.map = c->map,
				.values = c->n,
				.at = w->data.len};
	struct fseg_range range = {0};
	union val min, max;

	if (!c->n)
		return 0;
	if (!fseg_is_words(c->type) && fseg_dict_sort(&c->dict) < 0)
		return -ENOMEM;
	if (fseg_is_words(c->type))
		w->num.loops->range(c->words, c->same ? 1 : c->n, &range);
	bounds(c, &range, &min, &max);
	if (fseg_is_words(c->type))
		fseg_write_words(w, c, &range, &e);
	else
		encode_codes(w, c, &e);
	fseg_entry_begin(w, &e);
	buf_addch(&w->entry, 1);
	put_bound(&w->entry, c->type, &min);
	put_bound(&w->entry, c->type, &max);
	fseg_entry_end(w);
	return 0;
}

/* 'bits': of each hash. */
static void put_plain(struct fseg_writer *w, struct fseg_wcol *c, enum fseg_kind kind,
		      unsigned bits)
{
	struct fseg_wentry e = {.kind = kind,
				.enc = FSEG_NUMBERS,
				.id = kind == FSEG_HASHES ? w->o.schema->fields[c->field].id : 0,
				.map = c->map,
				.values = c->n,
				.at = w->data.len};

	fseg_write_near(w, NULL);
	if (c->same)
		fseg_num_put_same(&w->data, c->words[0]);
	else
		fseg_num_write(&w->num, &w->data, c->words, c->n);
	fseg_entry_begin(w, &e);
	if (kind == FSEG_HASHES)
		buf_addch(&w->entry, (char)bits);
	fseg_entry_end(w);
}

/* ---- filters ---- */

#define BLOOM_BITS  8  /* a thing */
#define BLOOM_LEAST 4  /* with fewer a filter says yes too often to be worth its room */
#define BLOOM_ROW   8  /* bits a row that a filter may take */
#define MAP_LOG2    19 /* of the bits of a map that counts FSEG_ROWS things */
#define MAP_BITS    (1u << MAP_LOG2)
_Static_assert(MAP_BITS / 8 <= FSEG_ROWS, "fseg_num.bytes has room for it");
#define BLOOM_K 4 /* hashes of a thing at most: more cost time and are right hardly more often */

/* The most hashes that a filter of 2^log2 bits for 'n' things is good with: bits / n * ln 2. */
static unsigned bloom_k(unsigned log2, uint64_t n)
{
	uint64_t k = n ? ((UINT64_C(1) << log2) * 7 / 10 + n / 2) / n : 1;

	return k < 1 ? 1 : k > BLOOM_K ? BLOOM_K : (unsigned)k;
}

static void put_bloom(struct fseg_writer *w, const struct fseg_wentry *e, const uint8_t *bits,
		      unsigned log2, unsigned k)
{
	struct fseg_wentry f = *e;

	f.at = w->data.len;
	fseg_blob_put(&w->num, &w->data, bits, bloom_size(log2), false);
	fseg_entry_begin(w, &f);
	buf_addch(&w->entry, (char)log2);
	buf_addch(&w->entry, (char)k);
}

/* Prefixes of one length of all addresses of the filter, which are sorted: adds them to 'bits'
 * unless that is NULL.  Returns how many. */
static uint64_t each_prefix(const struct fseg_writer *w, unsigned level, uint8_t *bits,
			    unsigned log2, unsigned k)
{
	const struct addr *a, *before;
	uint64_t n = 0;
	unsigned len;
	size_t f, i;

	for (f = 0; f < w->o.n_bloom; f++) {
		const struct fseg_wcol *c = fseg_wcol_of(w, w->o.bloom[f]);

		before = NULL;
		for (i = 0; c->n && i < c->dict.n; i++, before = a) {
			a = &c->dict.v.addr[c->dict.order[i]];
			len = fseg_level_bits(a->family, level);
			if (!len || (level && before && addr_in(a, before, len)))
				continue;
			n++;
			if (bits)
				bloom_add(bits, log2, k, bloom_hash_addr(a, len));
		}
	}
	return n;
}

/* Whole addresses first; prefixes as far as there is room, the short ones, which
 * are few, before the long ones. */
static int put_addr_bloom(struct fseg_writer *w)
{
	static const uint8_t turn[FSEG_LEVELS] = {0, 2, 1};
	unsigned log2 = bloom_log2(w->rows, BLOOM_ROW), i, k, levels = 0;
	struct fseg_wentry e = {.kind = FSEG_ADDR_BLOOM, .enc = FSEG_BITS};
	uint64_t n = 0, more;
	uint8_t *bits;

	for (i = 0; w->o.n_bloom && i < FSEG_LEVELS; i++) {
		more = each_prefix(w, turn[i], NULL, 0, 0);
		if ((n + more) * BLOOM_LEAST > UINT64_C(1) << log2)
			continue;
		n += more;
		levels |= 1u << turn[i];
	}
	if (!n)
		return 0;
	i = bloom_log2(n, BLOOM_BITS);
	log2 = i < log2 ? i : log2;
	k = bloom_k(log2, n);
	bits = calloc(1, bloom_size(log2));
	if (!bits)
		return -ENOMEM;
	for (i = 0; i < FSEG_LEVELS; i++)
		if (levels >> i & 1)
			each_prefix(w, i, bits, log2, k);
	e.values = (uint32_t)n;
	put_bloom(w, &e, bits, log2, k);
	rec_put_int(&w->entry, levels);
	rec_put_int(&w->entry, w->o.n_bloom);
	for (i = 0; i < w->o.n_bloom; i++)
		rec_put_int(&w->entry, w->o.schema->fields[w->o.bloom[i]].id);
	fseg_entry_end(w);
	free(bits);
	return 0;
}

/* About how many different ones there are: those that share a bit of a map count as one, which
 * is made up for (linear counting, Whang et al. 1990). */
static uint64_t count_different(const uint64_t *v, size_t n, uint8_t map[MAP_BITS / 8])
{
	size_t bits = 0, i;

	memset(map, 0, MAP_BITS / 8);
	for (i = 0; i < n; i++) {
		uint32_t at = (uint32_t)(v[i] * UINT32_C(0x9e3779b1)) >> (32 - MAP_LOG2);

		bits += !(map[at / 8] >> at % 8 & 1);
		map[at / 8] |= (uint8_t)(1u << at % 8);
	}
	return (uint64_t)(-(double)MAP_BITS * log1p(-(double)bits / MAP_BITS)) + 1;
}

static int put_text_bloom(struct fseg_writer *w, const struct fseg_whash *h)
{
	const struct fseg_wcol *c = &h->col;
	uint64_t n = count_different(c->words, c->n, w->num.bytes);
	unsigned log2 = bloom_log2(n, BLOOM_BITS), k = bloom_k(log2, n);
	struct fseg_wentry e = {.kind = FSEG_TEXT_BLOOM,
				.enc = FSEG_BITS,
				.id = w->o.schema->fields[c->field].id,
				.values = c->n};
	uint8_t *bits = calloc(1, bloom_size(log2));
	size_t i;

	if (!bits)
		return -ENOMEM;
	for (i = 0; i < c->n; i++)
		bloom_add(bits, log2, k, bloom_hash(c->words[i]));
	put_bloom(w, &e, bits, log2, k);
	fseg_entry_end(w);
	free(bits);
	return 0;
}

/* Filters have all bits of the hashes, so they come first. */
static int put_hashes(struct fseg_writer *w)
{
	size_t i, k;
	int r;

	for (i = 0; i < w->o.n_hashes; i++) {
		struct fseg_whash *h = &w->hashes[i];
		uint64_t mask = (UINT64_C(1) << h->opts.bits) - 1;

		if (!h->col.n)
			continue;
		r = h->opts.bloom ? put_text_bloom(w, h) : 0;
		if (r < 0)
			return r;
		if (!h->opts.bits)
			continue;
		for (k = 0; k < h->col.n; k++)
			h->col.words[k] &= mask;
		put_plain(w, &h->col, FSEG_HASHES, h->opts.bits);
	}
	return 0;
}

/* ---- the block ---- */

/* docs/formats.md, "Flow segment" */
int fseg_put_block(struct fseg_writer *w, struct buf *b, uint32_t rows, int64_t start, int64_t last)
{
	uint64_t size = (uint64_t)FSEG_HEAD + w->dir.len + w->data.len;
	uint8_t h[FSEG_HEAD] = {0};

	if (buf_err(&w->dir) || buf_err(&w->data))
		return -ENOMEM;
	if (size > FSEG_BLOCK_MAX || w->n_entries > FSEG_COLUMNS_MAX)
		return -E2BIG;
	le32_store(h, FSEG_BLOCK_MAGIC);
	le16_store(h + 4, FSEG_VERSION);
	le16_store(h + 6, (uint16_t)w->n_entries);
	le32_store(h + 8, (uint32_t)size);
	le32_store(h + 12, (uint32_t)w->dir.len);
	le32_store(h + 16, rows);
	le32_store(h + 20, crc32c(0, w->dir.p, w->dir.len));
	le64_store(h + 24, (uint64_t)start);
	le64_store(h + 32, (uint64_t)last);
	le32_store(h + 44, crc32c(0, h, 44));
	if (buf_reserve(b, size) < 0)
		return -ENOMEM;
	buf_add(b, h, sizeof(h));
	buf_add(b, w->dir.p, w->dir.len);
	buf_add(b, w->data.p, w->data.len);
	return 0;
}

int fseg_encode(struct fseg_writer *w, struct buf *b)
{
	size_t i;
	int r;

	buf_clear(&w->dir);
	buf_clear(&w->data);
	w->n_entries = 0;
	put_maps(w);
	for (i = 0; i < w->n_cols; i++) {
		r = put_column(w, &w->cols[i]);
		if (r < 0)
			return r;
	}
	put_plain(w, &w->serials, FSEG_SERIAL, 0);
	r = put_hashes(w);
	if (r == 0)
		r = put_addr_bloom(w);
	return r < 0 ? r : fseg_put_block(w, b, w->rows, w->start, w->last);
}
