/* Keys are made column by column, then hashed, then looked up one by one, while the memory that
 * later ones need is on its way.
 *
 * A key is whole words: first a byte per field that says whether there is a value (of addresses
 * also which kind, of texts how long), then the values.  An entry is the user's words and behind
 * them the key: those of an address and four sums fill a cache line. */
#include "ql/keymap.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/random.h>

#define BITS_MIN    12 /* of slots: room for a batch, and half of them free */
#define BITS_MAX    31
#define FIRST_CHUNK 64 /* entries */
#define TEXT_INLINE 16 /* bytes of a text that stand in the key */
#define TEXT_LONG   255

struct ql_keymap_field {
	uint16_t field;
	enum val_type type;
	uint16_t byte; /* where its byte is */
	size_t at;     /* and its value, in words */
};

static size_t value_words(enum val_type type)
{
	switch (type) {
	case VAL_ADDR:
	case VAL_ID:
	case VAL_STR:
		return 2;
	case VAL_BOOL:
		return 0; /* its byte says all */
	default:
		return 1;
	}
}

int ql_keymap_init(struct ql_keymap *m, struct ql_mem *mem, const struct schema *s,
		   const uint16_t *fields, size_t n, size_t user_words)
{
	size_t i;
	int r;

	*m = (struct ql_keymap){.mem = mem, .user = user_words, .key = (n + 7) / 8};
	/* Without random numbers (a very early boot) it works, only guessably. */
	if (getrandom(&m->seed, sizeof(m->seed), GRND_NONBLOCK) != sizeof(m->seed))
		m->seed = (uintptr_t)m;
	ql_texts_init(&m->texts, mem, m->seed);
	r = ql_mem_grow(mem, &m->fields, 0, n, sizeof(m->fields[0]));
	if (r < 0)
		return r;
	m->n_fields = n;
	for (i = 0; i < n; i++) {
		enum val_type type = s->fields[fields[i]].type;

		m->fields[i] = (struct ql_keymap_field){fields[i], type, (uint16_t)i, m->key};
		m->key += value_words(type);
	}
	return ql_mem_grow(mem, &m->block, 0, BATCH_ROWS * m->key, sizeof(m->block[0]));
}

static size_t chunk_size(const struct ql_keymap *m, size_t k)
{
	return ((size_t)FIRST_CHUNK << k) * (m->user + m->key) * sizeof(uint64_t);
}

void ql_keymap_done(struct ql_keymap *m)
{
	size_t k;

	if (!m->mem)
		return; /* never begun */
	for (k = 0; k < QL_KEYMAP_CHUNKS; k++)
		ql_mem_wide_free(m->mem, m->chunks[k], chunk_size(m, k));
	ql_mem_wide_free(m->mem, m->slots, sizeof(m->slots[0]) << m->bits);
	ql_mem_free(m->mem, m->block, BATCH_ROWS * m->key, sizeof(m->block[0]));
	ql_mem_free(m->mem, m->fields, m->n_fields, sizeof(m->fields[0]));
	ql_texts_done(&m->texts);
	*m = (struct ql_keymap){0};
}

static inline uint64_t *entry(const struct ql_keymap *m, size_t number)
{
	unsigned k = 63 - (unsigned)__builtin_clzll(number / FIRST_CHUNK + 1);

	return m->chunks[k] + (number - FIRST_CHUNK * (((size_t)1 << k) - 1)) * (m->user + m->key);
}

uint64_t *ql_keymap_at(const struct ql_keymap *m, size_t number)
{
	return entry(m, number);
}

/* Up to 16 bytes as two words, which with the length tell them apart. */
static inline void short_text(const struct val_str *s, uint64_t ret[2])
{
	uint32_t len = s->len, half[2] = {0};
	uint32_t i;

	ret[0] = ret[1] = 0;
	if (len >= 8) { /* overlapping is as good */
		memcpy(&ret[0], s->p, 8);
		memcpy(&ret[1], s->p + len - 8, 8);
	} else if (len >= 4) {
		memcpy(&half[0], s->p, 4);
		memcpy(&half[1], s->p + len - 4, 4);
		ret[0] = half[0];
		ret[1] = half[1];
	} else {
		for (i = 0; i < len; i++)
			ret[0] |= (uint64_t)(uint8_t)s->p[i] << 8 * i;
	}
}

/* A text's words; returns its byte, or negative. */
static int put_text(struct ql_keymap *m, const struct val_str *s, uint64_t *k)
{
	int r;

	if (s->len <= TEXT_INLINE) {
		short_text(s, k);
		return (int)s->len + 1;
	}
	k[1] = 0;
	r = ql_texts_put(&m->texts, s, &k[0]);
	return r < 0 ? r : TEXT_LONG;
}

/* What says that there is a value; the value's words are zero where there is none. */
static inline void put_byte(uint64_t *k, const struct ql_keymap_field *f, uint64_t byte)
{
	uint64_t *w = &k[f->byte / 8];

	*w = (f->byte % 8 ? *w : 0) | byte << f->byte % 8 * 8;
}

static void put_words(struct ql_keymap *m, const struct ql_keymap_field *f, const struct col *c,
		      const uint32_t *idx, size_t n)
{
	uint64_t *k = m->block;
	size_t i;

	for (i = 0; i < n; i++, k += m->key) {
		bool has = col_has(c, idx[i]);

		put_byte(k, f, has);
		k[f->at] = c->v.u64[idx[i]] & -(uint64_t)has;
	}
}

static void put_f64(struct ql_keymap *m, const struct ql_keymap_field *f, const struct col *c,
		    const uint32_t *idx, size_t n)
{
	uint64_t *k = m->block;
	size_t i;

	for (i = 0; i < n; i++, k += m->key) {
		bool has = col_has(c, idx[i]);
		double v = has ? c->v.f64[idx[i]] : 0;

		v = isnan(v) ? (double)NAN : v + 0.0; /* one NaN, one 0 */
		put_byte(k, f, has);
		memcpy(&k[f->at], &v, sizeof(v));
	}
}

static void put_addrs(struct ql_keymap *m, const struct ql_keymap_field *f, const struct col *c,
		      const uint32_t *idx, size_t n)
{
	uint64_t *k = m->block;
	size_t i;

	for (i = 0; i < n; i++, k += m->key) {
		const struct addr *a = col_addr(c, idx[i]);
		uint64_t mask = -(uint64_t)col_has(c, idx[i]), w[2];

		memcpy(w, a->b, sizeof(w));
		put_byte(k, f, (a->family + 1u) & 0xff & mask);
		k[f->at] = w[0] & mask;
		k[f->at + 1] = w[1] & mask;
	}
}

static int put_texts(struct ql_keymap *m, const struct ql_keymap_field *f, const struct col *c,
		     const uint32_t *idx, size_t n)
{
	uint64_t *k = m->block;
	size_t i;
	int r;

	for (i = 0; i < n; i++, k += m->key) {
		k[f->at] = k[f->at + 1] = 0;
		r = col_has(c, idx[i]) ? put_text(m, col_str(c, idx[i]), &k[f->at]) : 0;
		if (r < 0)
			return r;
		put_byte(k, f, (uint64_t)r);
	}
	return 0;
}

static void put_others(struct ql_keymap *m, const struct ql_keymap_field *f, const struct col *c,
		       const uint32_t *idx, size_t n)
{
	uint64_t *k = m->block;
	size_t i;

	for (i = 0; i < n; i++, k += m->key) {
		bool has = c && col_has(c, idx[i]);

		put_byte(k, f, has && f->type == VAL_BOOL ? 1u + c->v.b[idx[i]] : has);
		memset(&k[f->at], 0, value_words(f->type) * sizeof(*k));
		if (has && f->type == VAL_ID)
			memcpy(&k[f->at], col_id(c, idx[i]), 16);
	}
}

static int make_keys(struct ql_keymap *m, const struct batch *b, const uint32_t *idx, size_t n)
{
	size_t i;
	int r = 0;

	for (i = 0; i < m->n_fields && r == 0; i++) {
		const struct ql_keymap_field *f = &m->fields[i];
		const struct col *c = b->cols[f->field];

		switch (c ? f->type : VAL_BOOL) {
		case VAL_U64:
		case VAL_I64:
		case VAL_TIME:
		case VAL_DUR:
			put_words(m, f, c, idx, n);
			break;
		case VAL_F64:
			put_f64(m, f, c, idx, n);
			break;
		case VAL_ADDR:
			put_addrs(m, f, c, idx, n);
			break;
		case VAL_STR:
			r = put_texts(m, f, c, idx, n);
			break;
		case VAL_BOOL:
		case VAL_ID:
			put_others(m, f, c, idx, n);
		}
	}
	return r;
}

/* Odd random numbers, as in base/batch.c. */
#define HASH_A UINT64_C(0x9e3779b97f4a7c15)
#define HASH_B UINT64_C(0xd1b54a32d192ed03)

static inline uint64_t fold(uint64_t a, uint64_t b)
{
	unsigned __int128 p = (unsigned __int128)a * b;

	return (uint64_t)p ^ (uint64_t)(p >> 64);
}

/* As wyhash (Wang Yi) goes over its input: two words a multiplication, and none is known to who
 * does not know the seed. */
static inline uint64_t hash_key(const uint64_t *k, size_t n, uint64_t seed)
{
	uint64_t h = fold(seed ^ HASH_A, HASH_B), key = h;
	size_t i;

	for (i = 0; i + 1 < n; i += 2)
		h = fold(k[i] ^ key ^ HASH_A, k[i + 1] ^ h);
	if (i < n)
		h = fold(k[i] ^ key ^ HASH_B, h);
	return fold(h ^ HASH_A, key) >> 32;
}

/* The commonest key, one address, made and hashed at once. */
static bool make_addrs(struct ql_keymap *m, const struct batch *b, const uint32_t *idx, size_t n)
{
	const struct col *c = b->cols[m->fields[0].field];
	uint64_t *k = m->block, seed = m->seed;
	size_t i;

	if (m->n_fields != 1 || m->fields[0].type != VAL_ADDR || !c)
		return false;
	for (i = 0; i < n; i++, k += 3) {
		const struct addr *a = col_addr(c, idx[i]);
		uint64_t there = -(uint64_t)col_has(c, idx[i]), w[2];

		memcpy(w, a->b, sizeof(w));
		k[0] = (a->family + 1u) & there;
		k[1] = w[0] & there;
		k[2] = w[1] & there;
		m->hash[i] = (uint32_t)hash_key(k, 3, seed);
	}
	return true;
}

static void hash_block(const struct ql_keymap *m, size_t n, uint32_t *ret)
{
	const uint64_t *k = m->block;
	size_t i;

	if (m->key == 3) { /* one address, or text */
		for (i = 0; i < n; i++)
			ret[i] = (uint32_t)hash_key(k + 3 * i, 3, m->seed);
		return;
	}
	for (i = 0; i < n; i++)
		ret[i] = (uint32_t)hash_key(k + m->key * i, m->key, m->seed);
}

static inline bool same_key(const uint64_t *a, const uint64_t *b, size_t n)
{
	uint64_t diff = 0;
	size_t i;

	if (n == 3) /* one address, or text */
		return !((a[0] ^ b[0]) | (a[1] ^ b[1]) | (a[2] ^ b[2]));
	for (i = 0; i < n; i++)
		diff |= a[i] ^ b[i];
	return !diff;
}

static size_t mask(const struct ql_keymap *m)
{
	return ((size_t)1 << m->bits) - 1;
}

/* Whether a slot in use may be that of a hash. */
static inline bool may_be(const struct ql_keymap *m, uint32_t slot, uint32_t hash)
{
	return !((slot ^ hash) >> m->bits);
}

static inline uint64_t *entry_of(const struct ql_keymap *m, uint32_t slot)
{
	return entry(m, (slot & mask(m)) - 1);
}

/* Twice as many slots. */
static int grow_slots(struct ql_keymap *m)
{
	unsigned bits = m->slots ? m->bits + 1 : BITS_MIN;
	size_t i, at, size = sizeof(uint32_t) << bits;
	uint32_t *slots = NULL, hash;
	int r;

	if (bits > BITS_MAX)
		return -E2BIG;
	r = ql_mem_wide(m->mem, size, &slots);
	if (r < 0)
		return r;
	memset(slots, 0, size);
	ql_mem_wide_free(m->mem, m->slots, sizeof(*slots) << m->bits);
	m->slots = slots;
	m->bits = bits;
	for (i = 0; i < m->n; i++) {
		hash = (uint32_t)hash_key(entry(m, i) + m->user, m->key, m->seed);
		for (at = hash & mask(m); slots[at]; at = (at + 1) & mask(m))
			;
		slots[at] = (uint32_t)(hash & ~mask(m)) | (uint32_t)(i + 1);
	}
	return 0;
}

static int add_entry(struct ql_keymap *m, const uint64_t *key, uint64_t **ret)
{
	unsigned k = 63 - (unsigned)__builtin_clzll(m->n / FIRST_CHUNK + 1);
	int r;

	if (k >= QL_KEYMAP_CHUNKS)
		return -E2BIG;
	if (!m->chunks[k]) {
		r = ql_mem_wide(m->mem, chunk_size(m, k), &m->chunks[k]);
		if (r < 0)
			return r;
	}
	*ret = entry(m, m->n++);
	memset(*ret, 0, m->user * sizeof(**ret));
	memcpy(*ret + m->user, key, m->key * sizeof(*key));
	return 0;
}

/* 1: it is new. */
static int look_up(struct ql_keymap *m, const uint64_t *key, uint32_t hash, uint64_t **ret)
{
	size_t at;
	int r;

	for (at = hash & mask(m); m->slots[at]; at = (at + 1) & mask(m)) {
		uint64_t *e;

		if (!may_be(m, m->slots[at], hash))
			continue;
		e = entry_of(m, m->slots[at]);
		if (same_key(e + m->user, key, m->key)) {
			*ret = e;
			return 0;
		}
	}
	r = add_entry(m, key, ret);
	if (r < 0)
		return r;
	m->slots[at] = (uint32_t)(hash & ~mask(m)) | (uint32_t)m->n;
	return 1;
}

/* How many rows ahead memory is asked for. */
#define SLOTS_AHEAD   64
#define ENTRIES_AHEAD QL_KEYMAP_AHEAD

static inline const uint32_t *first_slot(const struct ql_keymap *m, size_t i)
{
	return &m->slots[m->hash[i] & mask(m)];
}

/* The entry that has the key of a row, almost surely; NULL: none.  A third of them are not where
 * their first slot leads to. */
static inline uint64_t *guess(const struct ql_keymap *m, size_t i)
{
	size_t at;

	for (at = m->hash[i] & mask(m); m->slots[at]; at = (at + 1) & mask(m))
		if (may_be(m, m->slots[at], m->hash[i]))
			return entry_of(m, m->slots[at]);
	return NULL;
}

int ql_keymap_load(struct ql_keymap *m, const struct batch *b, const uint32_t *idx, size_t n)
{
	size_t i;
	int r;

	while (!m->slots || m->n + n > mask(m) / 2) {
		r = grow_slots(m);
		if (r < 0)
			return r;
	}
	if (!make_addrs(m, b, idx, n)) {
		r = make_keys(m, b, idx, n);
		if (r < 0)
			return r;
		hash_block(m, n, m->hash);
	}
	m->rows = idx;
	m->n_rows = n;
	for (i = 0; i < SLOTS_AHEAD && i < n; i++)
		__builtin_prefetch(first_slot(m, i));
	for (i = 0; i < ENTRIES_AHEAD && i < n; i++) {
		m->ahead[i] = guess(m, i);
		__builtin_prefetch(m->ahead[i], 1);
	}
	return 0;
}

int ql_keymap_find(struct ql_keymap *m, size_t from, size_t n, uint64_t **ret,
		   uint64_t fresh[BATCH_ROWS / 64])
{
	uint64_t *e;
	size_t i;
	int r;

	for (i = from; i < from + n; i++) {
		if (i + SLOTS_AHEAD < m->n_rows)
			__builtin_prefetch(first_slot(m, i + SLOTS_AHEAD));
		e = m->ahead[i % ENTRIES_AHEAD];
		if (i + ENTRIES_AHEAD < m->n_rows) {
			m->ahead[i % ENTRIES_AHEAD] = guess(m, i + ENTRIES_AHEAD);
			__builtin_prefetch(m->ahead[i % ENTRIES_AHEAD], 1);
		}
		ret[i - from] = e;
		if (e && same_key(e + m->user, m->block + i * m->key, m->key))
			continue;
		r = look_up(m, m->block + i * m->key, m->hash[i], &ret[i - from]);
		if (r < 0)
			return r;
		if (r)
			fresh[m->rows[i] / 64] |= UINT64_C(1) << m->rows[i] % 64;
	}
	return 0;
}
