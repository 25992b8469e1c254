/* Rows of tests of flow segments that are kept, to compare with what is read. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "fseg_make.h"

/* Many batches, kept to compare with. */
struct kept {
	struct batch **b;
	size_t n, rows;
};

static inline struct kept keep(struct make *m, size_t rows)
{
	struct kept k = {.rows = rows, .n = (rows + BATCH_ROWS - 1) / BATCH_ROWS};
	size_t i, row;

	k.b = calloc(k.n ? k.n : 1, sizeof(*k.b));
	for (i = 0; i < k.n; i++) {
		k.b[i] = make_batch();
		assert_non_null(k.b[i]);
		for (row = 0; row < BATCH_ROWS && i * BATCH_ROWS + row < rows; row++)
			make_row(m, k.b[i], row);
	}
	return k;
}

static inline void kept_done(struct kept *k)
{
	size_t i;

	for (i = 0; i < k->n; i++)
		batch_free(k->b[i]);
	free(k->b);
}

/* All rows as one or more blocks. */
static inline void kept_encode(struct fseg_writer *w, const struct kept *k, struct buf *out)
{
	size_t i, at;

	for (i = 0; i < k->n; i++)
		for (at = 0; at < k->b[i]->n;) {
			int64_t n = fseg_add(w, k->b[i], at);

			assert_true(n >= 0);
			at += (size_t)n;
			if (at < k->b[i]->n)
				assert_int_equal(fseg_end(w, out), 0);
		}
	assert_int_equal(fseg_end(w, out), 0);
}
