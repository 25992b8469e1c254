/* What a --where expression is compiled to.  For src/filter only. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/batch.h"
#include "base/err.h"
#include "filter/hint.h"
#include "filter/where_lex.h"

enum wnode_op {
	WNODE_AND,
	WNODE_OR,
	WNODE_NOT,
	WNODE_EXISTS,
	WNODE_SET,   /* the value lies in one of 'ranges' */
	WNODE_FIELD, /* compared with 'right' by 'cmp' */
	WNODE_CONTAINS,
	WNODE_MATCHES,
	WNODE_PART, /* 'text' is a part of a path like "Ethernet/IPv4/TCP" */
	WNODE_SAME, /* 'text' is the value but for case */
};

/* What stands left: one field, or several that one name means. */
struct operand {
	uint16_t fields[SCHEMA_NAMES_MAX];
	uint8_t n;
	uint8_t family; /* enum addr_family: only such addresses count; 0: all */
	/* Only rows where the text of field 'guard' is 'guard_text' (case ignored) have a
	 * value: tcp.port is the port of TCP flows. */
	bool guarded;
	uint16_t guard;
	const char *guard_text; /* static */
	enum val_type type;
	const char *unit;
};

/* lo <= value <= hi, each end open if so flagged. */
enum range_flags {
	RANGE_NO_LO = 1 << 0,
	RANGE_NO_HI = 1 << 1,
	RANGE_LO_OPEN = 1 << 2,
	RANGE_HI_OPEN = 1 << 3,
};

struct range {
	union val lo, hi;
	unsigned flags;
};

struct rx;
struct rx_mem;

struct wnode {
	enum wnode_op op;
	/* AND, OR: the operands; NOT: the only one; as indexes, 0: none */
	uint32_t first, next;
	/* the tests */
	struct operand left;
	bool negate;   /* every single value is tested for the opposite */
	bool all;      /* all values must pass, else any */
	uint64_t mask; /* numbers are cut to these bits first; 0: not */
	struct range *ranges;
	size_t n_ranges; /* sorted, apart from each other */
	enum wtok_kind cmp;
	struct operand right;
	struct val_str text;
	struct rx *rx;
	uint32_t off, len; /* where it stands in the expression; of tests and "not in" */
};

struct where_hint {
	struct where_hint *next;
	struct hint hint;
	struct hint_test tests[];
};

struct where {
	const struct schema *schema;
	char *copy; /* the expression; owned */
	char *mem;  /* room for all texts in it; owned */
	size_t mem_used;
	struct wnode *nodes; /* owned with their ranges and rx; [0] is not used */
	size_t n, size;
	uint32_t root; /* 0: everything matches */
	struct field_set fields;
	struct rx_mem *rx_mem;    /* owned */
	struct where_hint *hints; /* owned, as the last where_hints() made them */
};

/* Finds what a name stands for.  0, or -EINVAL with 'err' set ('off' is its place
 * in 'text').  A protocol word ("tcp", "dns") gives a whole test in 'ret_test'
 * and returns 1. */
int where_name(const struct schema *s, const char *text, const struct wtok *t, struct operand *ret,
	       struct wnode *ret_test, struct err *err);

/* Whether a name is a field at all. */
bool where_is_field(const struct schema *s, const char *name, size_t len);

/* Reads a value of the type and unit of 'o' from a word or string; an address
 * prefix gives a range, all else one value.  'mem' has room for t->len bytes;
 * texts stay there.  -EINVAL with 'err' set. */
int where_value(const struct operand *o, const char *text, const struct wtok *t, char *mem,
		struct range *ret, struct err *err);

/* Sorts and joins ranges; returns how many are left. */
size_t ranges_normalise(enum val_type type, struct range *r, size_t n);

/* Whether 'v' lies in one of the (normalised) ranges. */
bool ranges_have(enum val_type type, const struct range *r, size_t n, const union val *v);

int where_parse(struct where *w, struct err *err);

/* Frees what where_hints() made. */
void where_hints_free(struct where *w);
