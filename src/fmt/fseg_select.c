/* Flow segments, read: which rows have what. */
#include <errno.h>
#include <string.h>

#include "base/crc32c.h"
#include "fmt/fseg_read.h"

/* Clears the bits of rows without a value or for which IS, of row 'i', is false; adds to 'n' how
 * many are left. */
#define SELECT(rows, c, n, is)                                                                     \
	do {                                                                                       \
		size_t at_, i, end_;                                                               \
                                                                                                   \
		for (at_ = 0; at_ < (c)->rows; at_ += 64) {                                        \
			uint64_t keep_ = 0, *to_ = &(rows)[at_ / 64];                              \
                                                                                                   \
			end_ = (c)->rows - at_ < 64 ? (c)->rows : at_ + 64;                        \
			for (i = at_; i < end_ && *to_; i++)                                       \
				keep_ |= (uint64_t)(is) << (i - at_);                              \
			*to_ &= (c)->present ? keep_ & (c)->present[at_ / 64] : keep_;             \
			(n) += __builtin_popcountll(*to_);                                         \
		}                                                                                  \
	} while (0)

/* Numbers of a type in which the bounds that are not given are the widest. */
static int64_t select_words(const struct fseg_column *c, const union val *min, const union val *max,
			    uint64_t *rows)
{
	uint64_t low = min ? min->u64 : 0, span = (max ? max->u64 : UINT64_MAX) - low;
	int64_t n = 0;
	union val v;

	switch (c->type) {
	case VAL_F64:
		SELECT(rows, c, n,
		       (v.u64 = c->words[i], !min || val_cmp(VAL_F64, &v, min) >= 0) &&
			       (!max || val_cmp(VAL_F64, &v, max) <= 0));
		return n;
	case VAL_BOOL:
		SELECT(rows, c, n,
		       c->words[i] >= (min ? min->b : 0) && c->words[i] <= (max ? max->b : 1));
		return n;
	case VAL_U64:
		break;
	default: /* signed: as unsigned from the smallest on */
		low = min ? min->u64 : (uint64_t)INT64_MIN;
		span = (max ? max->u64 : (uint64_t)INT64_MAX) - low;
	}
	SELECT(rows, c, n, c->words[i] - low <= span);
	return n;
}

static union val value_at(const struct fseg_column *c, size_t i)
{
	union val v;

	if (c->type == VAL_ADDR)
		v.addr = c->v.addr[i];
	else if (c->type == VAL_STR)
		v.str = c->v.str[i];
	else
		memcpy(v.id, c->v.id[i], sizeof(v.id));
	return v;
}

/* How many values of a dictionary are less than 'v', or, with 'same', not greater. */
static uint32_t place(const struct fseg_column *c, const union val *v, bool same)
{
	size_t from = 0, to = c->n, at;
	union val x;

	while (from < to) {
		at = from + (to - from) / 2;
		x = value_at(c, at);
		if (val_cmp(c->type, &x, v) < same)
			from = at + 1;
		else
			to = at;
	}
	return (uint32_t)from;
}

static int64_t select_plain(const struct fseg_column *c, const union val *min, const union val *max,
			    uint64_t *rows)
{
	int64_t n = 0;
	union val v;

	SELECT(rows, c, n,
	       (v = value_at(c, c->codes[i]), !min || val_cmp(c->type, &v, min) >= 0) &&
		       (!max || val_cmp(c->type, &v, max) <= 0));
	return n;
}

/* Where no value of the dictionary is asked for, codes need not be known. */
static int64_t select_codes(struct fseg *f, size_t entry, const union val *min,
			    const union val *max, uint64_t *rows, struct err *err)
{
	struct fseg_column c;
	uint32_t low, end;
	int64_t n = 0;
	int r = fseg_values(f, entry, err);

	if (r < 0)
		return r;
	fseg_column_of(f, entry, &c);
	low = min ? place(&c, min, false) : 0;
	end = max ? place(&c, max, true) : (uint32_t)c.n;
	if (end <= low) {
		memset(rows, 0, (f->head.rows + 63) / 64 * sizeof(*rows));
		return 0;
	}
	r = fseg_decode(f, entry, 0, err);
	if (r < 0)
		return r;
	fseg_column_of(f, entry, &c);
	SELECT(rows, &c, n, c.codes[i] - low < end - low);
	return n;
}

static bool empty_range(enum val_type type, const union val *min, const union val *max)
{
	return min && max && val_cmp(type, min, max) > 0;
}

int64_t fseg_select_range(struct fseg *f, size_t field, const union val *min, const union val *max,
			  uint64_t *rows, struct err *err)
{
	int entry = f->open ? f->entry_of[field] : -1, r;
	struct fseg_column c;

	if (entry < 0 || empty_range((enum val_type)f->entries[entry].type, min, max)) {
		memset(rows, 0, (f->head.rows + 63) / 64 * sizeof(*rows));
		return 0;
	}
	if (f->entries[entry].enc == FSEG_DICT)
		return select_codes(f, (size_t)entry, min, max, rows, err);
	r = fseg_column(f, field, &c, err);
	if (r < 0)
		return r;
	return fseg_is_words(c.type) ? select_words(&c, min, max, rows)
				     : select_plain(&c, min, max, rows);
}

int64_t fseg_select_addr(struct fseg *f, size_t field, const struct addr *a, unsigned bits,
			 uint64_t *rows, struct err *err)
{
	union val first, last;

	fseg_addr_ends(a, bits, &first, &last);
	return fseg_select_range(f, field, &first, &last, rows, err);
}

int64_t fseg_select_text(struct fseg *f, size_t field, const char *p, size_t len, uint64_t *rows,
			 struct err *err)
{
	uint32_t hash = crc32c(0, p, len);
	uint32_t id = f->schema->fields[field].id;
	const struct fseg_entry *e = f->entries;
	struct fseg_column c;
	size_t k;
	int64_t n = 0;
	int r;

	for (k = 0; f->open && k < f->n; k++, e++)
		if (e->kind == FSEG_HASHES && e->id == id)
			break;
	if (!f->open || k == f->n || e->type != VAL_U64)
		return err_set(err, -ENOENT, "the block has no hashes of field %u", id);
	r = fseg_decode(f, k, 0, err);
	if (r < 0)
		return r;
	if (e->bits < 32)
		hash &= (UINT32_C(1) << e->bits) - 1;
	fseg_column_of(f, k, &c);
	SELECT(rows, &c, n, c.words[i] == hash);
	return n;
}
