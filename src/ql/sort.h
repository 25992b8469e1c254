/* The order of rows by a key: stable, so that equal rows stay in the order in which they came, or
 * in that of the source; and total, so that answers never depend on chance.  Absent keys come
 * last, up or down. */
#pragma once

#include "ql/rows.h"

struct ql_key {
	const uint16_t *fields; /* the second decides where the first is equal, and so on */
	size_t n;
	bool desc;
	bool ties;      /* equal rows stand by 'start', up, then by serial */
	uint16_t start; /* a field of type VAL_TIME */
};

/* A row's place, as far as 64 bits tell: values in order have prefixes in order. */
struct ql_place {
	uint64_t prefix;
	uint32_t row;
	bool absent;
};

/* The place of a value; what is equal in the prefix may differ unless ql_key_exact(). */
uint64_t ql_prefix(enum val_type type, const union val *v, bool desc);
bool ql_key_exact(const struct ql_key *key, const struct schema *schema);

/* The place of a row by key->start; absent before all others. */
static inline uint64_t ql_start_place(const struct col *c, size_t row)
{
	return c && col_has(c, row) ? (uint64_t)c->v.i64[row] ^ UINT64_C(1) << 63 : 0;
}

/* Writes the numbers of all rows in order to 'ret' (rows->n entries).  0, -ENOMEM or -E2BIG. */
int ql_sort(const struct ql_rows *rows, const struct ql_key *key, uint32_t *ret);

/* Orders idx[0 .. n) by places[idx[i]], equal ones staying in order.  0, -ENOMEM or -E2BIG. */
int ql_sort_places(struct ql_mem *mem, uint32_t *idx, size_t n, const uint64_t *places);
