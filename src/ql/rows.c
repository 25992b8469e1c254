#include "ql/rows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void ql_sel_fill(uint64_t sel[BATCH_ROWS / 64], size_t n)
{
	size_t w;

	for (w = 0; w < BATCH_ROWS / 64; w++)
		sel[w] = n >= (w + 1) * 64 ? ~UINT64_C(0)
			 : n > w * 64      ? (UINT64_C(1) << (n - w * 64)) - 1
					   : 0;
}

size_t ql_sel_count(const uint64_t sel[BATCH_ROWS / 64], size_t n)
{
	size_t w, count = 0;

	for (w = 0; w * 64 < n; w++)
		count += (size_t)__builtin_popcountll(sel[w]);
	return count;
}

size_t ql_sel_list(const uint64_t sel[BATCH_ROWS / 64], size_t n, uint32_t ret[BATCH_ROWS])
{
	size_t w, count = 0;
	uint64_t bits;

	for (w = 0; w * 64 < n; w++)
		for (bits = sel[w]; bits; bits &= bits - 1)
			ret[count++] = (uint32_t)(w * 64) + (uint32_t)__builtin_ctzll(bits);
	return count;
}

void ql_rows_init(struct ql_rows *r, const struct schema *schema, const struct field_set *want,
		  struct ql_mem *mem)
{
	size_t i;

	*r = (struct ql_rows){.schema = schema, .want = *want, .mem = mem, .strings.mem = mem};
	r->chunk_bytes = BATCH_ROWS * sizeof(uint64_t);
	for (i = 0; i < schema->n; i++)
		if (field_set_has(want, i))
			r->chunk_bytes +=
				sizeof(struct col) + BATCH_ROWS * val_size(schema->fields[i].type);
}

void ql_rows_done(struct ql_rows *r)
{
	size_t i;

	if (!r->mem)
		return; /* never begun */
	for (i = 0; i < r->n_chunks; i++)
		batch_free(r->chunks[i]);
	ql_mem_give(r->mem, r->n_chunks * r->chunk_bytes);
	ql_mem_free(r->mem, r->chunks, r->size, sizeof(r->chunks[0]));
	ql_arena_done(&r->strings);
	*r = (struct ql_rows){0};
}

static int add_chunk(struct ql_rows *r)
{
	size_t size = r->size ? 2 * r->size : 8;
	int e;

	if (r->n_chunks == r->size) {
		e = ql_mem_grow(r->mem, &r->chunks, r->size, size, sizeof(r->chunks[0]));
		if (e < 0)
			return e;
		r->size = size;
	}
	e = ql_mem_take(r->mem, r->chunk_bytes);
	if (e < 0)
		return e;
	e = batch_new(&r->chunks[r->n_chunks], r->schema, &r->want);
	if (e < 0) {
		ql_mem_give(r->mem, r->chunk_bytes);
		return e;
	}
	r->n_chunks++;
	return 0;
}

/* Copies values from[idx[i]] to to[at + i]. */
static void copy_vals(struct col *to, size_t at, const struct col *from, const uint32_t *idx,
		      size_t n)
{
	size_t i;

	switch (from->type) {
	case VAL_BOOL:
		for (i = 0; i < n; i++)
			to->v.b[at + i] = from->v.b[idx[i]];
		break;
	case VAL_ADDR:
		for (i = 0; i < n; i++)
			to->v.addr[at + i] = *col_addr(from, idx[i]);
		break;
	case VAL_STR:
		for (i = 0; i < n; i++)
			to->v.str[at + i] = *col_str(from, idx[i]);
		break;
	case VAL_ID:
		for (i = 0; i < n; i++)
			memcpy(to->v.id[at + i], col_id(from, idx[i]), sizeof(to->v.id[0]));
		break;
	default:
		for (i = 0; i < n; i++)
			to->v.u64[at + i] = from->v.u64[idx[i]];
	}
	for (i = 0; i < n; i++)
		if (col_has(from, idx[i]))
			col_mark(to, at + i);
}

static int own_strings(struct ql_rows *r, struct col *c, size_t at, size_t n)
{
	size_t i;
	int e;

	for (i = at; i < at + n; i++) {
		if (!col_has(c, i))
			continue;
		e = ql_arena_copy(&r->strings, c->v.str[i].p, c->v.str[i].len, &c->v.str[i].p);
		if (e < 0)
			return e;
	}
	return 0;
}

/* Appends rows that fit into the last chunk. */
static int fill_chunk(struct ql_rows *r, const struct batch *b, const uint32_t *idx, size_t n)
{
	struct batch *to = r->chunks[r->n_chunks - 1];
	size_t f, i, at = r->n % BATCH_ROWS;
	int e;

	for (f = 0; f < r->schema->n; f++) {
		if (!to->cols[f] || !b->cols[f])
			continue;
		copy_vals(to->cols[f], at, b->cols[f], idx, n);
		if (to->cols[f]->type == VAL_STR) {
			e = own_strings(r, to->cols[f], at, n);
			if (e < 0)
				return e;
		}
	}
	for (i = 0; i < n; i++)
		to->serial[at + i] = b->serial ? b->serial[idx[i]] : 0;
	to->n = at + n;
	r->n += n;
	return 0;
}

static int add_list(struct ql_rows *r, const struct batch *b, const uint32_t *idx, size_t n)
{
	int e;

	while (n) {
		size_t room = BATCH_ROWS - r->n % BATCH_ROWS, part;

		if (room == BATCH_ROWS && r->n / BATCH_ROWS == r->n_chunks) {
			e = add_chunk(r);
			if (e < 0)
				return e;
		}
		part = n < room ? n : room;
		e = fill_chunk(r, b, idx, part);
		if (e < 0)
			return e;
		idx += part;
		n -= part;
	}
	return 0;
}

int ql_rows_add(struct ql_rows *r, const struct batch *b, const uint64_t sel[BATCH_ROWS / 64])
{
	uint32_t idx[BATCH_ROWS];
	size_t n = ql_sel_list(sel, b->n, idx);

	if (n > UINT32_MAX - r->n) /* rows are numbered with 32 bits */
		return -E2BIG;
	return add_list(r, b, idx, n);
}

bool ql_rows_get(const struct ql_rows *r, size_t field, size_t row, union val *ret)
{
	const struct col *c = r->chunks[row / BATCH_ROWS]->cols[field];

	return c && col_get(c, row % BATCH_ROWS, ret);
}

static void gather_col(const struct ql_rows *r, size_t field, const uint32_t *idx, size_t n,
		       struct col *to)
{
	size_t i;

	for (i = 0; i < n; i++) {
		const struct col *from = r->chunks[idx[i] / BATCH_ROWS]->cols[field];
		uint32_t row = idx[i] % BATCH_ROWS;

		copy_vals(to, i, from, &row, 1);
	}
}

void ql_rows_gather(const struct ql_rows *r, const uint32_t *idx, size_t n, struct batch *out)
{
	size_t f, i;

	batch_clear(out);
	out->n = n;
	for (f = 0; f < r->schema->n; f++)
		if (out->cols[f])
			gather_col(r, f, idx, n, out->cols[f]);
	for (i = 0; i < n; i++)
		out->serial[i] = r->chunks[idx[i] / BATCH_ROWS]->serial[idx[i] % BATCH_ROWS];
}

int ql_rows_keep(struct ql_rows *r, const uint32_t *idx, size_t n)
{
	struct batch *part = NULL;
	uint64_t all[BATCH_ROWS / 64];
	struct ql_rows kept;
	size_t i, k;
	int e;

	ql_rows_init(&kept, r->schema, &r->want, r->mem);
	e = batch_new(&part, r->schema, &r->want);
	for (i = 0; e == 0 && i < n; i += k) {
		k = n - i < BATCH_ROWS ? n - i : BATCH_ROWS;
		ql_rows_gather(r, idx + i, k, part);
		ql_sel_fill(all, k);
		e = ql_rows_add(&kept, part, all);
	}
	batch_free(part);
	if (e < 0) {
		ql_rows_done(&kept);
		return e;
	}
	ql_rows_done(r);
	*r = kept;
	return 0;
}
