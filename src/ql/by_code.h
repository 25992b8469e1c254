/* Words per code of a dictionary, where many rows share it: added up there first, rows need no
 * look-up of their values. */
#pragma once

#include "base/batch.h"
#include "ql/mem.h"

struct ql_by_code {
	struct ql_mem *mem;
	enum val_type type;
	struct col_dict dict; /* with values of its own; n is 0: none is at hand */
	size_t words;         /* of each code */
	uint64_t *sums;       /* of each code, and behind them of no value */
	size_t n_sums;
	uint8_t *values; /* and the bytes of texts */
	size_t size;
};

void ql_by_code_init(struct ql_by_code *c, struct ql_mem *mem, size_t words);
void ql_by_code_done(struct ql_by_code *c);

/* Whether a column has codes of the dictionary at hand. */
static inline bool ql_by_code_is(const struct ql_by_code *c, const struct col *col)
{
	return c->dict.n && c->dict.owner && col->dict.n && c->dict.owner == col->dict.owner &&
	       c->dict.number == col->dict.number;
}

/* Takes the dictionary of a column to hand, with all words zero; those of the one before must be.
 * False: it has none, too few rows share it, or there is no memory: nothing is at hand. */
bool ql_by_code_take(struct ql_by_code *c, const struct col *col);

/* The words of row idx[0 .. n) of a column. */
void ql_by_code_find(const struct ql_by_code *c, const struct col *col, const uint32_t *idx,
		     size_t n, uint64_t **ret);

/* Makes of the codes from '*at' on, whose first word is not zero, a column with one row each, at
 * most BATCH_ROWS, which refers to the dictionary; ret[i]: the words of row i.  Returns how many,
 * 0: no more. */
size_t ql_by_code_next(const struct ql_by_code *c, size_t *at, struct col *to, uint64_t **ret);
