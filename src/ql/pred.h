/* Has and its kin: conditions on rows, compiled for a schema, run column by column. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/batch.h"
#include "ql/ast.h"
#include "ql/lit.h"

struct rx;
struct rx_mem;

enum ql_test_op {
	QL_TEST_NONE,     /* no value passes: 80.5 on whole numbers */
	QL_TEST_PRESENT,  /* any value passes */
	QL_TEST_INT,      /* lo.u64 .. hi.u64 of the 64 bits, of either sign */
	QL_TEST_F64,      /* lo.f64 .. hi.f64 */
	QL_TEST_EQUAL,    /* lo */
	QL_TEST_BOUNDS,   /* above lo and below hi, by val_cmp() */
	QL_TEST_SET,      /* one of set[], which is sorted */
	QL_TEST_PREFIX,   /* an address in lo.addr/bits */
	QL_TEST_REGEX,    /* 'rx' on the whole text */
	QL_TEST_CONTAINS, /* lo.str within the text */
};

/* A test of one field; absent values never pass. */
struct ql_test {
	enum ql_test_op op;
	uint16_t field;
	enum val_type type;
	bool negate;                       /* present values that do not pass 'op' */
	bool has_lo, has_hi, lo_in, hi_in; /* BOUNDS: there is one; the bound itself passes */
	union val lo, hi;
	union val *set;
	size_t n_set;
	unsigned bits;
	struct rx *rx; /* owned */
	unsigned col;  /* REGEX: where the expression stands, for messages */
};

/* A test of a name, which may stand for two fields ('Network': A or B). */
struct ql_cond {
	struct ql_test tests[SCHEMA_NAMES_MAX]; /* one must pass */
	size_t n;
	bool none;      /* instead: none may pass, and a value must be there */
	bool or_absent; /* with 'none': or no value */
};

/* One of 'conds' must hold: HasEither. */
struct ql_either {
	struct ql_cond *conds;
	size_t n;
};

/* All of 'all' must hold. */
struct ql_filter {
	struct ql_either *all;
	size_t n;
};

/* Compiles the condition that the field or alias named by 'key' fulfils 'value' (NULL: has a
 * value).  0, or -errno with b->err set at the column. */
int ql_cond_init(struct ql_cond *ret, struct ql_bind *b, const struct schema *schema,
		 const struct ql_arg *key, const struct ql_arg *value);
void ql_filter_done(struct ql_filter *f);

/* Adds the fields that ql_filter_run() reads. */
void ql_filter_fields(const struct ql_filter *f, struct field_set *ret);

/* Clears the bits of 'sel' of rows that do not fulfil 'f'; 'mem' is needed for regular expressions
 * only.  0, or -E2BIG or -ENOMEM with 'err' set where one of these gives up (rx_match()). */
int ql_filter_run(const struct ql_filter *f, struct rx_mem *mem, const struct batch *b,
		  uint64_t sel[BATCH_ROWS / 64], struct err *err);

/* The fields that a name stands for.  Their number, or -EINVAL with "no field 'x' (column n);
 * did you mean 'y'?". */
int ql_field_find(struct ql_bind *b, const struct schema *schema, const struct ql_arg *name,
		  uint16_t ret[SCHEMA_NAMES_MAX]);
