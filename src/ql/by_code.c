#include "ql/by_code.h"

#include <string.h>

#define CODES_MAX  (1u << 20)
#define ROWS_ABOUT 2 /* that share a value at least, for this to take less */

void ql_by_code_init(struct ql_by_code *c, struct ql_mem *mem, size_t words)
{
	*c = (struct ql_by_code){.mem = mem, .words = words};
}

void ql_by_code_done(struct ql_by_code *c)
{
	if (!c->mem)
		return; /* never begun */
	ql_mem_free(c->mem, c->sums, c->n_sums, sizeof(*c->sums));
	ql_mem_free(c->mem, c->values, c->size, 1);
	*c = (struct ql_by_code){0};
}

static bool room(struct ql_by_code *c, size_t n_sums, size_t size)
{
	if (c->n_sums < n_sums) {
		if (ql_mem_grow(c->mem, &c->sums, c->n_sums, n_sums, sizeof(*c->sums)) < 0)
			return false;
		memset(c->sums + c->n_sums, 0, (n_sums - c->n_sums) * sizeof(*c->sums));
		c->n_sums = n_sums;
	}
	if (c->size < size) {
		if (ql_mem_grow(c->mem, &c->values, c->size, size, 1) < 0)
			return false;
		c->size = size;
	}
	return true;
}

static size_t text_bytes(const struct col_dict *d, enum val_type type)
{
	const struct val_str *s = d->values;
	size_t i, n = 0;

	for (i = 0; type == VAL_STR && i < d->n; i++)
		n += s[i].len;
	return n;
}

static void own_texts(struct val_str *s, size_t n)
{
	char *p = (char *)(s + n);
	size_t i;

	for (i = 0; i < n; i++) {
		if (s[i].len)
			memcpy(p, s[i].p, s[i].len);
		s[i].p = p;
		p += s[i].len;
	}
}

bool ql_by_code_take(struct ql_by_code *c, const struct col *col)
{
	const struct col_dict *d = &col->dict;
	size_t size = d->n * val_size(col->type);

	c->dict.n = 0;
	if (!d->n || !d->owner || d->n > CODES_MAX || d->n > d->rows / ROWS_ABOUT ||
	    !room(c, (d->n + (size_t)1) * c->words, size + text_bytes(d, col->type)))
		return false;
	memcpy(c->values, d->values, size);
	if (col->type == VAL_STR)
		own_texts((struct val_str *)c->values, d->n);
	c->type = col->type;
	c->dict = *d;
	c->dict.values = c->values;
	return true;
}

static bool has_all(const struct col *c, const uint32_t *idx, size_t n)
{
	bool all = true;
	size_t i;

	for (i = 0; i < n; i++)
		all &= col_has(c, idx[i]);
	return all;
}

void ql_by_code_find(const struct ql_by_code *c, const struct col *col, const uint32_t *idx,
		     size_t n, uint64_t **ret)
{
	size_t i;

	if (has_all(col, idx, n)) {
		for (i = 0; i < n; i++)
			ret[i] = c->sums + col->code[idx[i]] * c->words;
		return;
	}
	for (i = 0; i < n; i++) {
		size_t code = col_has(col, idx[i]) ? col->code[idx[i]] : c->dict.n;

		ret[i] = c->sums + code * c->words;
	}
}

size_t ql_by_code_next(const struct ql_by_code *c, size_t *at, struct col *to, uint64_t **ret)
{
	size_t n = 0, i;

	memset(to->present, 0, sizeof(to->present));
	to->type = c->type;
	to->dict = c->dict;
	for (i = *at; i <= c->dict.n && n < BATCH_ROWS; i++) {
		uint64_t *sums = c->sums + i * c->words;

		if (!sums[0])
			continue;
		to->code[n] = i < c->dict.n ? (uint32_t)i : 0;
		if (i < c->dict.n)
			col_mark(to, n);
		ret[n++] = sums;
	}
	*at = i;
	return n;
}
