/* What the files of fseg share: the layout of a block, and numbers.  docs/formats.md
 * describes it. */
#pragma once

#include <zstd.h>

#include "fmt/bloom.h"
#include "fmt/fseg.h"
#include "fmt/fseg_loops.h"
#include "fmt/rec.h"

#define FSEG_FILE_MAGIC  "trawl-fs"
#define FSEG_BLOCK_MAGIC UINT32_C(0x62736674) /* "tfsb" */
#define FSEG_VERSION     1

enum fseg_kind {
	FSEG_FIELD = 1,
	FSEG_SERIAL = 2,
	FSEG_PRESENCE = 3,
	FSEG_HASHES = 4,
	FSEG_ADDR_BLOOM = 5,
	FSEG_TEXT_BLOOM = 6,
};

enum fseg_enc {
	FSEG_NUMBERS = 1,
	FSEG_NUMBER_DICT = 2,
	FSEG_DICT = 3,
	FSEG_PLAIN = 4, /* values of a dictionary in the order of the rows */
	FSEG_BITS = 5,  /* presence and filters */
};

/* Types as the file has them: numbers of enum val_type, which never change. */
_Static_assert(VAL_U64 == 0 && VAL_I64 == 1 && VAL_F64 == 2 && VAL_BOOL == 3 && VAL_TIME == 4 &&
		       VAL_DUR == 5 && VAL_ADDR == 6 && VAL_STR == 7 && VAL_ID == 8,
	       "kept in files");

#define FSEG_BOUND_TEXT 16u /* bytes of a text that bounds have */
#define FSEG_DEPTH      8u  /* columns that one is decoded from, one behind the other */

/* How numbers are written. */
enum {
	FSEG_PLANES = 1, /* else bits */
	FSEG_DELTA = 2,
	FSEG_ZIGZAG = 4,
};
#define FSEG_BITS_MAX 4 /* of a number that is written as bits; wider ones as planes */

enum { FSEG_RAW = 0, FSEG_ZSTD = 1, FSEG_SAME = 2 }; /* of a run of bytes */

/* Bits of an address that its filter has: whole, and two lengths of prefixes. */
#define FSEG_LEVELS 3
static inline unsigned fseg_level_bits(uint8_t family, unsigned level)
{
	static const uint8_t bits[][FSEG_LEVELS] = {{32, 24, 16}, {128, 64, 48}, {48, 0, 0}};

	switch (family) {
	case ADDR_IP4:
		return bits[0][level];
	case ADDR_IP6:
		return bits[1][level];
	case ADDR_MAC:
		return bits[2][level];
	default:
		return 0;
	}
}

static inline bool fseg_is_words(enum val_type type)
{
	return type != VAL_ADDR && type != VAL_STR && type != VAL_ID;
}

/* The types that others can be near to. */
static inline bool fseg_is_number(enum val_type type)
{
	return fseg_is_words(type) && type != VAL_F64 && type != VAL_BOOL;
}

static inline unsigned fseg_width(uint64_t max)
{
	return max ? 64 - (unsigned)__builtin_clzll(max) : 0;
}

/* ---- numbers, written (fseg_num.c) ---- */

#define FSEG_SAMPLE 1024u

struct fseg_num {
	const struct fseg_loops *loops;
	ZSTD_CCtx *zstd;
	uint64_t *t;    /* FSEG_ROWS numbers on their way */
	uint8_t *bytes; /* FSEG_ROWS of a plane */
	float *log;     /* n * log2(n) up to FSEG_SAMPLE */
	bool quick; /* fseg_num_write() does not look for what is small, nothing is compressed */
	uint64_t sample[FSEG_SAMPLE], work[FSEG_SAMPLE];
	uint16_t count[8][256];
};

int fseg_num_init(struct fseg_num *e);
void fseg_num_done(struct fseg_num *e);

/* What looking at a sample says of writing numbers. */
struct fseg_plan {
	unsigned how;
	double bits;    /* about, for each number; 0: all are the same */
	uint8_t noisy;  /* bit p: plane p does not compress */
	bool few;       /* different values are few */
	uint64_t base;  /* where the numbers themselves are to be written: less this, */
	uint64_t range; /* they are at most that */
};

/* 'range' is that of the numbers; NULL: not known.  'delta': differences may be taken. */
void fseg_num_plan(struct fseg_num *e, const uint64_t *v, size_t n, const struct fseg_range *range,
		   bool delta, struct fseg_plan *ret);
void fseg_num_put(struct fseg_num *e, struct buf *b, const uint64_t *v, size_t n,
		  const struct fseg_plan *plan);
void fseg_num_put_same(struct buf *b, uint64_t v); /* numbers that are all 'v' */
/* Plans and puts. */
void fseg_num_write(struct fseg_num *e, struct buf *b, const uint64_t *v, size_t n);
void fseg_blob_put(struct fseg_num *e, struct buf *b, const uint8_t *p, size_t n, bool squeeze);

/* ---- and read (fseg_unnum.c) ---- */

struct fseg_unnum {
	const struct fseg_loops *loops;
	ZSTD_DCtx *zstd;
	uint8_t *bytes; /* room for eight planes; borrowed */
};

/* 'bytes': room for 8 * FSEG_ROWS.  0 or -ENOMEM. */
int fseg_unnum_init(struct fseg_unnum *d, uint8_t *bytes);
void fseg_unnum_done(struct fseg_unnum *d);

/* 'n' numbers, FSEG_ROWS at most, into 64 or 32 bits.  0, -EBADMSG, -EPROTO: written in a way
 * that is not known.  Numbers for 32 bits that do not fit are -EBADMSG. */
int fseg_num_get(struct fseg_unnum *d, struct cur *c, size_t n, uint64_t *ret);
int fseg_num_get32(struct fseg_unnum *d, struct cur *c, size_t n, uint32_t *ret);

/* 'm' of them, those at the places 'at'; 'room' is for all. */
int fseg_num_pick(struct fseg_unnum *d, struct cur *c, size_t n, const uint32_t *at, size_t m,
		  uint64_t *room, uint64_t *ret);

/* 'n' bytes: '*ret' points to them at 'c' or at 'room', which has as many. */
int fseg_blob_get(struct fseg_unnum *d, struct cur *c, size_t n, uint8_t *room,
		  const uint8_t **ret);

/* ---- different values of a column, while rows are collected (fseg_dict.c) ---- */

struct fseg_dict {
	enum val_type type;
	uint32_t n, room;
	uint32_t *slots; /* number of a value + 1; 0: free */
	uint32_t n_slots;
	union {
		void *any;
		struct addr *addr;
		uint8_t (*id)[16];
		struct fseg_text *str;
	} v;
	char *text; /* FSEG_TEXT_MAX at most */
	size_t text_len, text_room;
	uint32_t *rank;  /* from fseg_dict_sort(): the place of each value */
	uint32_t *order; /* and the value at each place */
};

struct fseg_text {
	uint32_t at, len;
};

void fseg_dict_init(struct fseg_dict *d, enum val_type type);
void fseg_dict_done(struct fseg_dict *d);
void fseg_dict_clear(struct fseg_dict *d);
size_t fseg_dict_memory(const struct fseg_dict *d);

/* The number of a value that is in there from now on; UINT32_MAX: no memory. */
uint32_t fseg_dict_id(struct fseg_dict *d, const uint8_t id[16]);

/* The same for many; false: no memory. */
bool fseg_dict_strs(struct fseg_dict *d, const struct val_str *s, size_t n, uint32_t *ret);
bool fseg_dict_addrs(struct fseg_dict *d, const struct addr *a, size_t n, uint32_t *ret);

/* Puts the values in order.  0 or -ENOMEM. */
int fseg_dict_sort(struct fseg_dict *d);

/* The same with those that 'codes' has, others have no place then; how many they are or
 * -ENOMEM. */
int64_t fseg_dict_sort_some(struct fseg_dict *d, const uint32_t *codes, size_t n);
void fseg_dict_val(const struct fseg_dict *d, uint32_t number, union val *ret);

/* Writes 'n' values, those whose numbers 'order' has. */
void fseg_dict_put(struct fseg_dict *d, struct fseg_num *e, struct buf *b, const uint32_t *order,
		   size_t n);
