/* Flow segments, read: a few rows of a column.  What is of no such row is not made, so that one row
 * does not cost what 65,536 do; only compressed bytes and differences have to be gone through. */
#include <errno.h>
#include <string.h>

#include "fmt/fseg_read.h"

/* The places of values among those that the column has. */
struct places {
	uint32_t at[FSEG_FEW], which[FSEG_FEW]; /* and of which of the rows each is */
	size_t n;
};

/* How many bits of a map are set before 'end'. */
static uint32_t set_before(const uint64_t *map, uint32_t end)
{
	uint32_t i, n = 0;

	for (i = 0; i < end / 64; i++)
		n += (uint32_t)__builtin_popcountll(map[i]);
	if (end % 64)
		n += (uint32_t)__builtin_popcountll(map[i] & ((UINT64_C(1) << end % 64) - 1));
	return n;
}

static int find_places(struct fseg *f, const struct fseg_entry *e, const uint32_t *rows, size_t n,
		       unsigned deep, struct places *ret, struct err *err)
{
	const uint64_t *map = NULL;
	size_t i;
	int r;

	ret->n = 0;
	if (e->map) {
		r = fseg_decode(f, e->map - 1u, deep + 1, err);
		if (r < 0)
			return r;
		map = f->slots[e->map - 1].words;
	}
	for (i = 0; i < n; i++) {
		if (map && !(map[rows[i] / 64] >> rows[i] % 64 & 1))
			continue;
		ret->at[ret->n] = map ? set_before(map, rows[i]) : rows[i];
		ret->which[ret->n++] = (uint32_t)i;
	}
	return 0;
}

static int pick_codes(struct fseg *f, size_t entry, const struct places *p, struct cur *c,
		      uint64_t *ret)
{
	const struct fseg_entry *e = &f->entries[entry];
	size_t i;
	int r = fseg_decode_values(f, entry, c);

	if (r == 0 && e->enc != FSEG_PLAIN)
		r = fseg_num_pick(&f->unnum, c, e->values, p->at, p->n, f->wide, ret);
	for (i = 0; r == 0 && i < p->n; i++) {
		if (e->enc == FSEG_PLAIN)
			ret[i] = p->at[i];
		if (ret[i] >= e->n)
			return -EBADMSG;
	}
	return r;
}

static int pick_number_dict(struct fseg *f, const struct fseg_entry *e, const struct places *p,
			    struct cur *c, uint64_t *ret)
{
	uint64_t n = rec_get_int(c), place[FSEG_FEW];
	uint32_t at[FSEG_FEW];
	struct cur numbers;
	size_t i;
	int r;

	if (!cur_ok(c) || !n || n > e->values)
		return -EBADMSG;
	numbers = *c;
	/* first over the numbers, to what follows them */
	r = fseg_num_pick(&f->unnum, c, n, NULL, 0, f->wide, NULL);
	if (r == 0)
		r = fseg_num_pick(&f->unnum, c, e->values, p->at, p->n, f->wide, place);
	for (i = 0; r == 0 && i < p->n; i++) {
		if (place[i] >= n)
			return -EBADMSG;
		at[i] = (uint32_t)place[i];
	}
	return r < 0 ? r : fseg_num_pick(&f->unnum, &numbers, n, at, p->n, f->wide, ret);
}

static int pick_words(struct fseg *f, const struct fseg_entry *e, const uint32_t *rows, size_t n,
		      const struct places *p, struct cur *c, unsigned deep, uint64_t *ret,
		      struct err *err)
{
	uint64_t factor[2];
	size_t ref[2], i;
	int k, n_near, r;

	if (e->enc == FSEG_NUMBER_DICT)
		return pick_number_dict(f, e, p, c, ret);
	if (e->enc != FSEG_NUMBERS)
		return -EPROTO;
	n_near = fseg_get_near(f, c, ref, factor);
	if (n_near < 0)
		return n_near;
	r = fseg_num_pick(&f->unnum, c, e->values, p->at, p->n, f->wide, ret);
	for (k = 0; k < n_near && r == 0; k++) {
		r = fseg_few(f, ref[k], rows, n, deep + 1, err);
		for (i = 0; r == 0 && i < p->n; i++)
			ret[i] += factor[k] * f->slots[ref[k]].few.v[p->which[i]];
	}
	return r;
}

static int pick(struct fseg *f, size_t entry, const uint32_t *rows, size_t n, unsigned deep,
		struct err *err)
{
	const struct fseg_entry *e = &f->entries[entry];
	struct fseg_few *few = &f->slots[entry].few;
	struct cur c = cur_at(e->p, e->size);
	uint64_t v[FSEG_FEW];
	struct places p;
	size_t i;
	int r;

	r = find_places(f, e, rows, n, deep, &p, err);
	if (r == 0 && fseg_is_words((enum val_type)e->type))
		r = pick_words(f, e, rows, n, &p, &c, deep, v, err);
	else if (r == 0)
		r = pick_codes(f, entry, &p, &c, v);
	if (r == 0 && c.left)
		r = -EBADMSG;
	if (r < 0)
		return r;
	*few = (struct fseg_few){.has = 0};
	for (i = 0; i < p.n; i++) {
		few->v[p.which[i]] = v[i];
		few->has |= UINT64_C(1) << p.which[i];
	}
	return 0;
}

/* From a column that is there as a whole. */
static void copy(struct fseg *f, size_t entry, const uint32_t *rows, size_t n)
{
	struct fseg_few *few = &f->slots[entry].few;
	struct fseg_column c;
	size_t i;

	fseg_column_of(f, entry, &c);
	few->has = 0;
	for (i = 0; i < n; i++) {
		bool has = !c.present || c.present[rows[i] / 64] >> rows[i] % 64 & 1;

		few->v[i] = c.words ? c.words[rows[i]] : c.codes[rows[i]];
		few->has |= (uint64_t)has << i;
	}
}

int fseg_few(struct fseg *f, size_t entry, const uint32_t *rows, size_t n, unsigned deep,
	     struct err *err)
{
	struct fseg_entry *e = &f->entries[entry];
	int r;

	if (e->few == f->few)
		return 0;
	if (e->state == FSEG_UNREAD && e->times >= FSEG_FEW_TIMES) {
		r = fseg_decode(f, entry, deep, err);
		if (r < 0)
			return r;
	}
	if (e->state == FSEG_READ) {
		copy(f, entry, rows, n);
		e->few = f->few;
		return 0;
	}
	if (e->state == FSEG_BUSY || deep > FSEG_DEPTH + 1)
		return fseg_bad(f, e, -EBADMSG, "needs itself", err);
	r = fseg_entry_check(f, e, err);
	if (r < 0)
		return r;
	e->state = FSEG_BUSY;
	e->times++;
	if (err)
		err->code = 0;
	r = pick(f, entry, rows, n, deep, err);
	e->state = FSEG_UNREAD;
	if (r < 0)
		return fseg_bad_data(f, e, r, err);
	e->few = f->few;
	return 0;
}
