#include "ql/sort.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

static uint64_t bytes_prefix(const void *p, size_t n)
{
	uint8_t b[8] = {0};

	if (n)
		memcpy(b, p, n < sizeof(b) ? n : sizeof(b));
	return be64_load(b);
}

/* IEEE 754: positive numbers order as their bits do, negative ones the other way round. */
static uint64_t f64_prefix(double v)
{
	uint64_t bits;

	v = isnan(v) ? NAN : v + 0.0; /* one NaN, behind all numbers; -0 and 0 are equal */
	memcpy(&bits, &v, sizeof(bits));
	return bits >> 63 ? ~bits : bits | UINT64_C(1) << 63;
}

uint64_t ql_prefix(enum val_type type, const union val *v, bool desc)
{
	uint64_t p = 0;

	switch (type) {
	case VAL_U64:
		p = v->u64;
		break;
	case VAL_I64:
	case VAL_TIME:
	case VAL_DUR:
		p = v->u64 ^ UINT64_C(1) << 63;
		break;
	case VAL_F64:
		p = f64_prefix(v->f64);
		break;
	case VAL_BOOL:
		p = v->b;
		break;
	case VAL_ADDR:
		p = (uint64_t)v->addr.family << 56 | bytes_prefix(v->addr.b, 8) >> 8;
		break;
	case VAL_STR:
		p = bytes_prefix(v->str.p, v->str.len);
		break;
	case VAL_ID:
		p = bytes_prefix(v->id, sizeof(v->id));
		break;
	}
	return desc ? ~p : p;
}

bool ql_key_exact(const struct ql_key *key, const struct schema *schema)
{
	enum val_type type = schema->fields[key->fields[0]].type;

	return key->n == 1 && type != VAL_ADDR && type != VAL_STR && type != VAL_ID;
}

/* Least significant byte first; bytes that are the same in all keys cost nothing.  Stable. */
static struct ql_place *radix_sort(struct ql_place *a, struct ql_place *tmp, size_t n)
{
	uint32_t count[8][256] = {{0}};
	size_t i, k;

	for (i = 0; i < n; i++)
		for (k = 0; k < 8; k++)
			count[k][a[i].prefix >> 8 * k & 255]++;
	for (k = 0; k < 8 && n; k++) {
		uint32_t sum = 0, at[256];
		struct ql_place *swap = a;

		if (count[k][a[0].prefix >> 8 * k & 255] == n)
			continue;
		for (i = 0; i < 256; i++) {
			at[i] = sum;
			sum += count[k][i];
		}
		for (i = 0; i < n; i++)
			tmp[at[a[i].prefix >> 8 * k & 255]++] = a[i];
		a = tmp;
		tmp = swap;
	}
	return a;
}

struct cmp {
	const struct ql_rows *rows;
	const struct ql_key *key;
	const uint32_t *order; /* place.row is a position in it; NULL: a row */
};

static uint32_t row_of(const struct cmp *c, uint32_t at)
{
	return c->order ? c->order[at] : at;
}

static int cmp_rows(const void *a, const void *b, void *arg)
{
	const struct cmp *c = arg;
	uint32_t at = ((const struct ql_place *)a)->row, bt = ((const struct ql_place *)b)->row;
	uint32_t ra = row_of(c, at), rb = row_of(c, bt);
	size_t i;

	for (i = 0; i < c->key->n; i++) {
		uint16_t f = c->key->fields[i];
		union val va, vb;
		bool ha = ql_rows_get(c->rows, f, ra, &va), hb = ql_rows_get(c->rows, f, rb, &vb);
		int r;

		if (!ha || !hb) {
			if (ha != hb)
				return ha ? -1 : 1;
			continue;
		}
		r = val_cmp(c->rows->schema->fields[f].type, &va, &vb);
		if (r)
			return c->key->desc ? -r : r;
	}
	return at < bt ? -1 : at > bt;
}

/* Rows with a value first, then those without, both in the order of the source. */
static size_t place_rows(const struct cmp *c, struct ql_place *a)
{
	const struct ql_rows *rows = c->rows;
	const struct ql_key *key = c->key;
	uint16_t f = key->fields[0];
	enum val_type type = rows->schema->fields[f].type;
	size_t n = 0, absent = rows->n, i;
	union val v;

	for (i = 0; i < rows->n; i++) {
		if (ql_rows_get(rows, f, row_of(c, (uint32_t)i), &v))
			a[n++] = (struct ql_place){ql_prefix(type, &v, key->desc), (uint32_t)i,
						   false};
		else
			a[--absent] = (struct ql_place){0, (uint32_t)i, true};
	}
	for (i = 0; i < (rows->n - n) / 2; i++) { /* they were put in backwards */
		struct ql_place swap = a[n + i];

		a[n + i] = a[rows->n - 1 - i];
		a[rows->n - 1 - i] = swap;
	}
	return n;
}

/* Settles what the prefixes left equal. */
static void sort_runs(struct ql_place *a, size_t n, struct cmp *c)
{
	size_t from, to;

	for (from = 0; from < n; from = to) {
		for (to = from + 1; to < n && a[to].prefix == a[from].prefix; to++)
			;
		if (to - from > 1)
			qsort_r(a + from, to - from, sizeof(a[0]), cmp_rows, c);
	}
}

static const struct col *start_col(const struct cmp *c, uint32_t row)
{
	return c->rows->chunks[row / BATCH_ROWS]->cols[c->key->start];
}

/* The rows in the order of the source, into 'ret'; 'a' has room for two places of each. */
static void order_as_source(const struct cmp *c, struct ql_place *a, uint32_t *ret)
{
	struct ql_place *half = a + c->rows->n, *sorted;
	size_t n = c->rows->n, i;

	for (i = 0; i < n; i++)
		a[i] = (struct ql_place){c->rows->chunks[i / BATCH_ROWS]->serial[i % BATCH_ROWS],
					 (uint32_t)i, false};
	sorted = radix_sort(a, half, n);
	for (i = 0; i < n; i++)
		sorted[i].prefix =
			ql_start_place(start_col(c, sorted[i].row), sorted[i].row % BATCH_ROWS);
	sorted = radix_sort(sorted, sorted == a ? half : a, n);
	for (i = 0; i < n; i++)
		ret[i] = sorted[i].row;
}

static void sort_all(struct cmp *c, struct ql_place *mem, uint32_t *ret)
{
	const struct ql_rows *rows = c->rows;
	const struct ql_key *key = c->key;
	struct ql_place *a;
	size_t n, i;

	n = place_rows(c, mem);
	a = radix_sort(mem, mem + rows->n, n);
	if (!ql_key_exact(key, rows->schema))
		sort_runs(a, n, c);
	for (i = 0; i < n; i++)
		ret[i] = row_of(c, a[i].row);
	if (key->n > 1) /* the other fields order those without the first */
		qsort_r(mem + n, rows->n - n, sizeof(*mem), cmp_rows, c);
	for (i = n; i < rows->n; i++)
		ret[i] = row_of(c, mem[i].row);
}

int ql_sort(const struct ql_rows *rows, const struct ql_key *key, uint32_t *ret)
{
	struct cmp c = {rows, key, NULL};
	struct ql_place *mem = NULL;
	uint32_t *order = NULL;
	int r;

	r = ql_mem_grow(rows->mem, &mem, 0, 2 * rows->n + 1, sizeof(*mem));
	if (r == 0 && key->ties)
		r = ql_mem_grow(rows->mem, &order, 0, rows->n + 1, sizeof(*order));
	if (r == 0 && key->ties) {
		order_as_source(&c, mem, order);
		c.order = order;
	}
	if (r == 0)
		sort_all(&c, mem, ret);
	ql_mem_free(rows->mem, mem, 2 * rows->n + 1, sizeof(*mem));
	ql_mem_free(rows->mem, order, rows->n + 1, sizeof(*order));
	return r;
}

int ql_sort_places(struct ql_mem *mem, uint32_t *idx, size_t n, const uint64_t *places)
{
	struct ql_place *a = NULL, *sorted;
	size_t i;
	int r;

	r = ql_mem_grow(mem, &a, 0, 2 * n + 1, sizeof(*a));
	if (r < 0)
		return r;
	for (i = 0; i < n; i++)
		a[i] = (struct ql_place){places[idx[i]], idx[i], false};
	sorted = radix_sort(a, a + n, n);
	for (i = 0; i < n; i++)
		idx[i] = sorted[i].row;
	ql_mem_free(mem, a, 2 * n + 1, sizeof(*a));
	return 0;
}
