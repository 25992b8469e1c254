/* What the parts of fseg's reader share. */
#pragma once

#include "fmt/fseg_impl.h"
#include "fmt/fseg_mem.h"

enum fseg_state { FSEG_UNREAD, FSEG_BUSY, FSEG_READ };

/* An entry of the directory, and what was decoded of it. */
struct fseg_entry {
	uint8_t kind, type, enc;
	uint8_t state; /* enum fseg_state */
	bool checked;  /* its checksum is right */
	bool valued;   /* 'n' values are there, 'codes' is what follows them */
	uint8_t times; /* that few of its rows were read */
	uint32_t few;  /* number of the call for which they are in the slot */
	bool bounds;
	uint8_t log2, k, levels; /* of filters */
	uint8_t bits;            /* of a hash */
	uint16_t map;            /* entry of its presence + 1; 0: all rows */
	uint32_t id, values, distinct;
	const uint8_t *p; /* the column's bytes */
	uint32_t size, crc;
	union val min, max;
	struct cur ids; /* of the fields of a filter */
	const uint8_t *filter;
	uint32_t n; /* different values that were read */
	struct cur codes;
};

#define FSEG_FEW       64u /* rows, of which not whole columns are decoded */
#define FSEG_FEW_TIMES 4   /* columns that are asked for more often are */

/* Of some rows: numbers, or numbers of values; 0 where there is none. */
struct fseg_few {
	uint64_t v[FSEG_FEW];
	uint64_t has; /* a bit for each */
};

/* What was decoded, in memory that the entry at the same place of the next block uses again. */
struct fseg_slot {
	uint64_t *words;
	size_t n_words;
	uint32_t *codes;
	size_t n_codes;
	void *values;
	size_t values_size;
	uint8_t *text;
	size_t text_size;
	struct fseg_few few;
};

struct fseg {
	const struct schema *schema;
	bool open;
	const uint8_t *block;
	fseg_fetch_fn fetch; /* NULL: all of it is there */
	void *fetch_arg;
	struct fseg_head head;
	struct fseg_entry *entries; /* FSEG_COLUMNS_MAX */
	struct fseg_slot *slots;
	size_t n, n_slots;
	size_t text;       /* bytes of text that were decoded of this block */
	int16_t *entry_of; /* of each field of the schema; -1: none */
	int serials;       /* entry; -1: none */
	struct fseg_unnum unnum;
	struct fseg_mem mem;
	uint64_t *wide; /* FSEG_ROWS */
	uint32_t few;   /* calls for few rows */
};

/* What an entry is about, for messages. */
int fseg_bad(const struct fseg *f, const struct fseg_entry *e, int code, const char *what,
	     struct err *err);

/* The same of what its data are, unless 'err' says more already. */
int fseg_bad_data(const struct fseg *f, const struct fseg_entry *e, int code, struct err *err);

/* Whether its bytes are what was written; fetches them.  0, -EBADMSG, or what fetching gave. */
int fseg_entry_check(struct fseg *f, struct fseg_entry *e, struct err *err);

/* fseg_decode.c: so that slots[].words, codes, values have it.  0, -EBADMSG, -EPROTO, -ENOMEM. */
int fseg_decode(struct fseg *f, size_t entry, unsigned deep, struct err *err);

/* The values of a dictionary, or of a plain column: 'n', slots[].values, 'codes'. */
int fseg_decode_values(struct fseg *f, size_t entry, struct cur *c);

/* The same of an entry that was not looked at. */
int fseg_values(struct fseg *f, size_t entry, struct err *err);

/* What a column is near to, from its beginning on: entries and factors; how many are them, or
 * -EBADMSG. */
int fseg_get_near(const struct fseg *f, struct cur *c, size_t entry[2], uint64_t factor[2]);

/* fseg_few.c: 'n' rows into slots[].few, FSEG_FEW at most; 'f->few' is another number for
 * others. */
int fseg_few(struct fseg *f, size_t entry, const uint32_t *rows, size_t n, unsigned deep,
	     struct err *err);

/* A filter's bits into 'filter'. */
int fseg_decode_filter(struct fseg *f, size_t entry, struct err *err);

void fseg_column_of(const struct fseg *f, size_t entry, struct fseg_column *ret); /* decoded */

/* The first and last address of a prefix. */
void fseg_addr_ends(const struct addr *a, unsigned bits, union val *first, union val *last);
