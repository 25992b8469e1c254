/* Flow segments, read: columns as a whole, and as batches. */
#include <errno.h>
#include <string.h>

#include "fmt/fseg_read.h"

void fseg_column_of(const struct fseg *f, size_t entry, struct fseg_column *ret)
{
	const struct fseg_entry *e = &f->entries[entry];
	const struct fseg_slot *s = &f->slots[entry];

	*ret = (struct fseg_column){.type = (enum val_type)e->type, .rows = f->head.rows};
	ret->present = e->map ? f->slots[e->map - 1].words : NULL;
	if (fseg_is_words(ret->type)) {
		ret->words = s->words;
		return;
	}
	ret->codes = s->codes;
	ret->n = e->n;
	ret->v.addr = s->values;
}

int fseg_column(struct fseg *f, size_t field, struct fseg_column *ret, struct err *err)
{
	int r;

	if (!f->open || f->entry_of[field] < 0) {
		err_set(err, -ENOENT, "the block has no such column");
		return -ENOENT;
	}
	r = fseg_decode(f, (size_t)f->entry_of[field], 0, err);
	if (r < 0)
		return r;
	fseg_column_of(f, (size_t)f->entry_of[field], ret);
	return 0;
}

static int check_serials(const struct fseg *f, struct err *err)
{
	const struct fseg_entry *e;

	if (!f->open || f->serials < 0)
		return err_set(err, -EBADMSG, "the block has no serials");
	e = &f->entries[f->serials];
	if (e->map || e->type != VAL_U64)
		return fseg_bad(f, e, -EBADMSG, "not of all rows", err);
	return 0;
}

int fseg_serials(struct fseg *f, const uint64_t **ret, struct err *err)
{
	int r = check_serials(f, err);

	if (r < 0)
		return r;
	r = fseg_decode(f, (size_t)f->serials, 0, err);
	if (r < 0)
		return r;
	*ret = f->slots[f->serials].words;
	return 0;
}

int fseg_present(struct fseg *f, size_t field, const uint64_t **ret, struct err *err)
{
	const struct fseg_entry *e;
	int r;

	if (!f->open || f->entry_of[field] < 0)
		return err_set(err, -ENOENT, "the block has no such column");
	e = &f->entries[f->entry_of[field]];
	r = e->map ? fseg_decode(f, e->map - 1u, 0, err) : 0;
	if (r < 0)
		return r;
	*ret = e->map ? f->slots[e->map - 1].words : NULL;
	return 0;
}

int fseg_verify(struct fseg *f, struct err *err)
{
	const uint64_t *v;
	size_t i;
	int r;

	r = fseg_serials(f, &v, err);
	for (i = 0; r == 0 && i < f->n; i++) {
		struct fseg_entry *e = &f->entries[i];

		if (e->kind == FSEG_ADDR_BLOOM || e->kind == FSEG_TEXT_BLOOM)
			r = fseg_decode_filter(f, i, err);
		else
			r = fseg_decode(f, i, 0, err);
		/* what a later version wrote is no damage if it is what was written */
		if (r == -EPROTO)
			r = fseg_entry_check(f, e, err);
	}
	return r;
}

/* ---- batches ---- */

/* The next rows that are wanted, at most BATCH_ROWS; returns how many. */
static size_t pick(const struct fseg *f, const uint64_t *rows, size_t *at, uint32_t *ret)
{
	size_t n = 0, i = *at, k;

	for (; i < f->head.rows && n < BATCH_ROWS; i++) {
		uint64_t left = rows ? rows[i / 64] >> i % 64 : 1;

		if (!left) {
			i |= 63;
			continue;
		}
		if ((!rows || left == UINT64_MAX) && n + 64 <= BATCH_ROWS &&
		    i + 64 <= f->head.rows) {
			for (k = 0; k < 64; k++)
				ret[n + k] = (uint32_t)(i + k);
			n += 64;
			i += 63;
			continue;
		}
		if (left & 1)
			ret[n++] = (uint32_t)i;
		else
			i += (size_t)__builtin_ctzll(left) - 1;
	}
	*at = i;
	return n;
}

static void fill_present(struct col *to, size_t to_at, const uint64_t *map, const uint32_t *rows,
			 size_t n, bool run)
{
	size_t i, at = rows[0];

	if (to_at || (map && !(run && at % 64 == 0))) {
		for (i = 0; i < n; i++)
			if (!map || map[rows[i] / 64] >> rows[i] % 64 & 1)
				col_mark(to, to_at + i);
		return;
	}
	if (map)
		memcpy(to->present, map + at / 64, (n + 63) / 64 * 8);
	else
		memset(to->present, 0xff, (n + 63) / 64 * 8);
	if (n % 64)
		to->present[n / 64] &= (UINT64_C(1) << n % 64) - 1;
}

/* Codes instead of values, where they will do and no rows are before them. */
static bool fill_codes(struct col *to, size_t at, const struct fseg_column *c, const uint32_t *rows,
		       size_t n, bool run)
{
	size_t i;

	if (!to->code || at || !c->codes)
		return false;
	if (run)
		memcpy(to->code, c->codes + rows[0], n * sizeof(*c->codes));
	else
		for (i = 0; i < n; i++)
			to->code[i] = c->codes[rows[i]];
	to->dict = (struct col_dict){
		.values = c->v.addr, .n = (uint32_t)c->n, .rows = (uint32_t)c->rows};
	return true;
}

/* Values of 'rows' to 'to' from 'at' on; 'run': they stand one behind the other. */
static void fill(struct col *to, size_t at, const struct fseg_column *c, const uint32_t *rows,
		 size_t n, bool run)
{
	size_t i;

	fill_present(to, at, c->present, rows, n, run);
	if (fill_codes(to, at, c, rows, n, run))
		return;
	col_settle(to, at);
	switch (c->type) {
	case VAL_BOOL:
		for (i = 0; i < n; i++)
			to->v.b[at + i] = c->words[rows[i]] != 0;
		break;
	case VAL_ADDR:
		for (i = 0; i < n; i++)
			to->v.addr[at + i] = c->v.addr[c->codes[rows[i]]];
		break;
	case VAL_STR:
		for (i = 0; i < n; i++)
			to->v.str[at + i] = c->v.str[c->codes[rows[i]]];
		break;
	case VAL_ID:
		for (i = 0; i < n; i++)
			memcpy(to->v.id[at + i], c->v.id[c->codes[rows[i]]], 16);
		break;
	default:
		if (run)
			memcpy(to->v.u64 + at, c->words + rows[0], n * sizeof(*c->words));
		else
			for (i = 0; i < n; i++)
				to->v.u64[at + i] = c->words[rows[i]];
	}
}

static void fill_few(struct col *to, size_t at, const struct fseg_slot *s, size_t n)
{
	const uint64_t *v = s->few.v;
	size_t i;

	for (i = 0; i < n; i++) {
		if (!(s->few.has >> i & 1))
			continue;
		col_mark(to, at + i);
		switch (to->type) {
		case VAL_BOOL:
			to->v.b[at + i] = v[i] != 0;
			break;
		case VAL_ADDR:
			to->v.addr[at + i] = ((const struct addr *)s->values)[v[i]];
			break;
		case VAL_STR:
			to->v.str[at + i] = ((const struct val_str *)s->values)[v[i]];
			break;
		case VAL_ID:
			memcpy(to->v.id[at + i], (const uint8_t *)s->values + 16 * v[i], 16);
			break;
		default:
			to->v.u64[at + i] = v[i];
		}
	}
}

static int gather_few(struct fseg *f, struct batch *b, const uint32_t *rows, size_t n,
		      struct err *err)
{
	size_t i;
	int r;

	f->few++;
	r = b->serial ? fseg_few(f, (size_t)f->serials, rows, n, 0, err) : 0;
	if (r < 0)
		return r;
	if (b->serial)
		memcpy(b->serial + b->n, f->slots[f->serials].few.v, n * sizeof(*b->serial));
	for (i = 0; i < f->schema->n; i++) {
		size_t entry = (size_t)f->entry_of[i];

		if (b->cols[i])
			col_settle(b->cols[i], b->n);
		if (!b->cols[i] || f->entry_of[i] < 0)
			continue;
		r = fseg_few(f, entry, rows, n, 0, err);
		if (r < 0)
			return r;
		fill_few(b->cols[i], b->n, &f->slots[entry], n);
	}
	b->n += n;
	return 0;
}

static bool is_run(const uint32_t *rows, size_t n)
{
	uint32_t differ = 0, i;

	for (i = 0; i < n; i++)
		differ |= rows[i] ^ (rows[0] + i);
	return !differ;
}

static int fill_serials(struct fseg *f, uint64_t *to, const uint32_t *rows, size_t n,
			struct err *err)
{
	const uint64_t *serials;
	size_t i;
	int r = fseg_serials(f, &serials, err);

	for (i = 0; r == 0 && i < n; i++)
		to[i] = serials[rows[i]];
	return r;
}

int fseg_gather(struct fseg *f, struct batch *b, const uint32_t *rows, size_t n, struct err *err)
{
	struct fseg_column c;
	bool run;
	size_t i;
	int r;

	if (!n)
		return 0;
	r = check_serials(f, err);
	if (r < 0)
		return r;
	if (n <= FSEG_FEW && n < f->head.rows)
		return gather_few(f, b, rows, n, err);
	run = is_run(rows, n);
	r = b->serial ? fill_serials(f, b->serial + b->n, rows, n, err) : 0;
	if (r < 0)
		return r;
	for (i = 0; i < f->schema->n; i++) {
		if (b->cols[i] && f->entry_of[i] < 0)
			col_settle(b->cols[i], b->n);
		if (!b->cols[i] || f->entry_of[i] < 0)
			continue;
		r = fseg_column(f, i, &c, err);
		if (r < 0)
			return r;
		fill(b->cols[i], b->n, &c, rows, n, run);
	}
	b->n += n;
	return 0;
}

int fseg_batch(struct fseg *f, struct batch *b, const uint64_t *rows, size_t *at, struct err *err)
{
	uint32_t picked[BATCH_ROWS];
	size_t n;
	int r;

	batch_clear(b);
	if (!f->open)
		return 0;
	n = pick(f, rows, at, picked);
	r = fseg_gather(f, b, picked, n, err);
	return r < 0 ? r : (int)n;
}
