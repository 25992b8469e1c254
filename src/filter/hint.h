/* What all rows of an answer have in common, told to whoever gives them, so that it can pass
 * over others without looking at each: blocks whose bounds or filters exclude it.
 *
 * A hint is a choice of tests: a row can only be wanted if one of them holds; of several hints
 * all must.  Rows that are given are judged again, so that any hint may be ignored.  A row
 * without a value in a test's field does not pass the test.
 *
 * Where versions of a row lie apart, a hint may hide a version only together with all older
 * ones.  So what is known of each version by itself can only use hints on fields that never
 * change, and lower bounds of fields that only grow. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/batch.h"

enum hint_kind {
	HINT_RANGE,  /* min <= value <= max in the order of val_cmp(); neither: any value */
	HINT_PREFIX, /* an address whose first 'bits' bits are those of min.addr */
	HINT_TEXT,   /* the text min.str */
};

struct hint_test {
	enum hint_kind kind;
	uint16_t field; /* index into the schema */
	enum val_type type;
	bool has_min, has_max; /* RANGE */
	union val min, max;
	unsigned bits; /* PREFIX; all of an address: equal to it */
};

#define HINT_TESTS_MAX 64 /* of one hint; a longer choice is told as a range */

struct hint {
	const struct hint *next; /* must hold as well */
	const struct hint_test *tests;
	size_t n; /* 0: no row can be wanted */
};

/* Whether a row of 'b' passes all of 'h' (NULL: always).  Columns that are not there have no
 * values. */
bool hint_row(const struct hint *h, const struct batch *b, size_t row);

/* For makers of hints: the rest of a test whose field and type are set.  One address; those
 * from 'min' to 'max', as a prefix if they are one. */
void hint_set_addr(struct hint_test *t, const struct addr *a);
void hint_set_addrs(struct hint_test *t, const struct addr *min, const struct addr *max);
