/* Numbers distinct keys 0, 1, 2, ... in the order in which they appear: Dedup and Group.  A key
 * is the values of some fields of a row.  Each has room for a few words of its user beside it,
 * so that a row costs one visit to memory.  The hash is keyed, so that nobody can send traffic
 * that makes it slow. */
#pragma once

#include "base/batch.h"
#include "ql/mem.h"
#include "ql/texts.h"

#define QL_KEYMAP_BLOCK  128 /* rows at a time whose words the nearest cache holds */
#define QL_KEYMAP_AHEAD  32
#define QL_KEYMAP_CHUNKS 27

struct ql_keymap_field;

struct ql_keymap {
	struct ql_mem *mem;
	struct ql_keymap_field *fields; /* of a key */
	size_t n_fields;
	size_t user, key; /* words of the user, of a key */
	uint64_t seed;
	/* The low 'bits' bits: entry number + 1, 0: free; the others: those of its hash.  There are
	 * as many slots as the low bits count. */
	uint32_t *slots;
	unsigned bits;
	size_t n;                           /* keys */
	uint64_t *chunks[QL_KEYMAP_CHUNKS]; /* of entries, each twice as long as the one before */
	uint64_t *block;                    /* keys of the rows at hand */
	uint32_t hash[BATCH_ROWS];
	uint64_t *ahead[QL_KEYMAP_AHEAD]; /* entries that may be those of the next rows */
	const uint32_t *rows;
	size_t n_rows;
	struct ql_texts texts; /* those that are long */
};

/* Keys of the 'n' 'fields' of 's', which are borrowed.  0, -ENOMEM or -E2BIG: then, too, it needs
 * ql_keymap_done(). */
int ql_keymap_init(struct ql_keymap *m, struct ql_mem *mem, const struct schema *s,
		   const uint16_t *fields, size_t n, size_t user_words);
void ql_keymap_done(struct ql_keymap *m);

/* Makes the keys of rows idx[0 .. n), n <= BATCH_ROWS; absent is a value of its own.  0, -ENOMEM
 * or -E2BIG. */
int ql_keymap_load(struct ql_keymap *m, const struct batch *b, const uint32_t *idx, size_t n);

/* Looks up keys 'from' .. from + n of those that were loaded, once each and in their order.
 * ret[i]: the user's words of the key of row idx[from + i], zero at first; they stay where they
 * are.  Sets the bits of rows that bring new keys.  0, -ENOMEM or -E2BIG. */
int ql_keymap_find(struct ql_keymap *m, size_t from, size_t n, uint64_t **ret,
		   uint64_t fresh[BATCH_ROWS / 64]);

/* The user's words of key 'number' < m->n. */
uint64_t *ql_keymap_at(const struct ql_keymap *m, size_t number);
