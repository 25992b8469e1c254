/* Flow segments, written: columns of numbers. */
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "fmt/fseg_write.h"

#define NUMBERS_MAX   4096 /* different numbers that get a dictionary */
#define NUMBERS_SLOTS 8192
#define NEAR_BETTER   0.95 /* what being near to others must save: it costs time to read */
#define BITS_DICT     4    /* bits a number, below which a dictionary is not tried */
#define DICT_ENOUGH   1.3  /* of the bits that numbers seem to take: they are not tried then */

struct fseg_wcol *fseg_wcol_of(const struct fseg_writer *w, size_t field)
{
	return w->col_of[field] < 0 ? NULL : &w->cols[w->col_of[field]];
}

static const struct fseg_near *near_of(const struct fseg_writer *w, size_t field)
{
	size_t i;

	for (i = 0; i < w->o.n_near; i++)
		if (w->o.near[i].field == field)
			return &w->o.near[i];
	return NULL;
}

/* How many columns stand behind each other; circles are endless. */
static unsigned depth(const struct fseg_writer *w, size_t field, unsigned so_far)
{
	const struct fseg_near *r = near_of(w, field);
	unsigned k, d, most = so_far;

	for (k = 0; r && k < 2 && so_far <= FSEG_DEPTH; k++) {
		d = r->factor[k] ? depth(w, r->ref[k], so_far + 1) : 0;
		most = d > most ? d : most;
	}
	return most;
}

static bool usable(const struct fseg_writer *w, size_t field)
{
	const struct fseg_wcol *c = fseg_wcol_of(w, field);

	return c && c->n && fseg_is_number(c->type);
}

/* A column with one entry per row, 0 where it is absent. */
static void widen(const struct fseg_writer *w, const struct fseg_wcol *c, uint64_t *to)
{
	size_t i, k = 0;

	for (i = 0; i < w->rows; i++)
		to[i] = c->present[i / 64] >> i % 64 & 1 ? c->words[k++] : 0;
}

/* What a column has in the rows that another has. */
static void narrow(const struct fseg_writer *w, const struct fseg_wcol *c, uint64_t *v)
{
	size_t i, k = 0;

	for (i = 0; i < w->rows; i += 64) {
		uint64_t has = c->present[i / 64];

		for (; has; has &= has - 1)
			v[k++] = v[i + (size_t)__builtin_ctzll(has)];
	}
}

/* Into w->rest: what is left of a column's numbers next to those it is near to. */
static bool near_rest(struct fseg_writer *w, struct fseg_wcol *c, const struct fseg_near *r)
{
	const uint64_t *v;
	bool any = false;
	unsigned k;

	if (depth(w, c->field, 0) > FSEG_DEPTH || fseg_wcol_full(c) < 0)
		return false;
	for (k = 0; k < 2; k++) {
		struct fseg_wcol *ref = fseg_wcol_of(w, r->ref[k]);

		if (!r->factor[k] || !usable(w, r->ref[k]))
			continue;
		if (fseg_wcol_full(ref) < 0)
			return false;
		v = ref->words;
		if (ref->map != c->map) {
			if (ref->map) {
				widen(w, ref, w->wide);
				v = w->wide;
			}
			if (c->map) {
				if (v != w->wide)
					memcpy(w->wide, v, w->rows * sizeof(*v));
				v = w->wide;
				narrow(w, c, w->wide);
			}
		}
		if (!any)
			memcpy(w->rest, c->words, c->n * sizeof(*w->rest));
		w->num.loops->add(w->rest, v, c->n, 0 - (uint64_t)(int64_t)r->factor[k]);
		any = true;
	}
	return any;
}

void fseg_write_near(struct fseg_writer *w, const struct fseg_near *r)
{
	struct buf *b = &w->data;
	size_t i, n = 0;

	for (i = 0; r && i < 2; i++)
		n += r->factor[i] && usable(w, r->ref[i]);
	rec_put_int(b, n);
	for (i = 0; r && i < 2; i++)
		if (r->factor[i] && usable(w, r->ref[i])) {
			rec_put_int(b, w->o.schema->fields[r->ref[i]].id);
			rec_put_sint(b, r->factor[i]);
		}
}

struct numbers {
	size_t n;
	uint64_t v[NUMBERS_MAX]; /* different ones, sorted in the end */
	uint64_t slot[NUMBERS_SLOTS];
	uint16_t used[NUMBERS_SLOTS]; /* number + 1, then place */
};

static size_t slot_of(const struct numbers *d, uint64_t v)
{
	size_t s = bloom_hash(v) % NUMBERS_SLOTS;

	while (d->used[s] && d->slot[s] != v)
		s = (s + 1) % NUMBERS_SLOTS;
	return s;
}

/* Codes of a column's numbers into w->wide; false: too many different ones. */
static bool number_codes(struct fseg_writer *w, const struct fseg_wcol *c, struct numbers *d)
{
	size_t i, s;

	d->n = 0;
	memset(d->used, 0, sizeof(d->used));
	for (i = 0; i < c->n; i++) {
		s = slot_of(d, c->words[i]);
		if (!d->used[s]) {
			if (d->n == NUMBERS_MAX)
				return false;
			d->used[s] = 1;
			d->v[d->n++] = d->slot[s] = c->words[i];
		}
		w->wide[i] = s;
	}
	qsort(d->v, d->n, sizeof(d->v[0]), vec_cmp_u64);
	for (i = 0; i < d->n; i++)
		d->used[slot_of(d, d->v[i])] = (uint16_t)(i + 1);
	for (i = 0; i < c->n; i++)
		w->wide[i] = d->used[w->wide[i]] - 1u;
	return true;
}

/* A column with a dictionary into w->trial; 0: there are too many different numbers. */
static uint32_t try_numbers(struct fseg_writer *w, const struct fseg_wcol *c)
{
	struct numbers *d = malloc(sizeof(*d));
	struct fseg_plan plan;
	uint32_t n = 0;

	if (d && number_codes(w, c, d)) {
		buf_clear(&w->trial);
		rec_put_int(&w->trial, d->n);
		fseg_num_write(&w->num, &w->trial, d->v, d->n);
		fseg_num_plan(&w->num, w->wide, c->n, NULL, false, &plan);
		fseg_num_put(&w->num, &w->trial, w->wide, c->n, &plan);
		n = buf_err(&w->trial) ? 0 : (uint32_t)d->n;
	}
	free(d);
	return n;
}

/* The numbers themselves, or with a dictionary, whichever is smaller. */
static void write_alone(struct fseg_writer *w, const struct fseg_wcol *c,
			const struct fseg_plan *plan, struct fseg_wentry *e)
{
	bool few = plan->few && plan->bits > BITS_DICT && !(plan->how & FSEG_DELTA);

	e->distinct = few ? try_numbers(w, c) : 0;
	if (!e->distinct || (double)w->trial.len * 8 > plan->bits * c->n * DICT_ENOUGH) {
		fseg_write_near(w, NULL);
		fseg_num_put(&w->num, &w->data, c->words, c->n, plan);
		if (!e->distinct)
			return;
		if (w->data.len - e->at <= w->trial.len) {
			e->distinct = 0;
			return;
		}
		w->data.len = e->at;
	}
	e->enc = FSEG_NUMBER_DICT;
	buf_add(&w->data, w->trial.p, w->trial.len);
}

void fseg_write_words(struct fseg_writer *w, struct fseg_wcol *c, const struct fseg_range *range,
		      struct fseg_wentry *e)
{
	const struct fseg_near *r = fseg_is_number(c->type) ? near_of(w, c->field) : NULL;
	struct fseg_plan plan, rest;

	e->enc = FSEG_NUMBERS;
	if (c->same) {
		fseg_write_near(w, NULL);
		fseg_num_put_same(&w->data, c->words[0]);
		return;
	}
	fseg_num_plan(&w->num, c->words, c->n, range, fseg_is_number(c->type), &plan);
	if (r && near_rest(w, c, r)) {
		fseg_num_plan(&w->num, w->rest, c->n, NULL, true, &rest);
		if (rest.bits < plan.bits * NEAR_BETTER) {
			fseg_write_near(w, r);
			fseg_num_put(&w->num, &w->data, w->rest, c->n, &rest);
			return;
		}
	}
	write_alone(w, c, &plan, e);
}
