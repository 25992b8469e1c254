#include "ql/keymap.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/random.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

struct ql_keymap_entry {
	uint64_t hash;
	const char *p;
	size_t len;
};

#define SLOTS_MIN 64

void ql_keymap_init(struct ql_keymap *m, struct ql_mem *mem)
{
	*m = (struct ql_keymap){.mem = mem, .bytes.mem = mem};
	/* Without random numbers (a very early boot) it works, only guessably. */
	if (getrandom(&m->seed, sizeof(m->seed), GRND_NONBLOCK) != sizeof(m->seed))
		m->seed = (uintptr_t)m;
}

void ql_keymap_done(struct ql_keymap *m)
{
	if (!m->mem)
		return; /* never begun */
	ql_mem_free(m->mem, m->slots, m->n_slots, sizeof(m->slots[0]));
	ql_mem_free(m->mem, m->entries, m->size, sizeof(m->entries[0]));
	ql_arena_done(&m->bytes);
	buf_done(&m->scratch);
	*m = (struct ql_keymap){0};
}

static void add_val(struct buf *b, enum val_type type, const union val *v)
{
	double f;

	switch (type) {
	case VAL_STR:
		buf_add(b, &v->str.len, sizeof(v->str.len));
		buf_add(b, v->str.p, v->str.len);
		break;
	case VAL_BOOL:
		buf_addch(b, (char)v->b);
		break;
	case VAL_F64:
		f = isnan(v->f64) ? NAN : v->f64 + 0.0; /* one NaN, one 0 */
		buf_add(b, &f, sizeof(f));
		break;
	default:
		buf_add(b, v, val_size(type));
	}
}

static void make_key(struct buf *b, const struct batch *batch, size_t row, const uint16_t *fields,
		     size_t n)
{
	union val v;
	size_t i;

	buf_clear(b);
	for (i = 0; i < n; i++) {
		const struct col *c = batch->cols[fields[i]];
		bool has = c && col_get(c, row, &v);

		buf_addch(b, has);
		if (has)
			add_val(b, c->type, &v);
	}
}

static int grow_slots(struct ql_keymap *m)
{
	size_t n = m->n_slots ? 2 * m->n_slots : SLOTS_MIN, i, at;
	uint32_t *slots = NULL;
	int r;

	r = ql_mem_grow(m->mem, &slots, 0, n, sizeof(slots[0]));
	if (r < 0)
		return r;
	memset(slots, 0, n * sizeof(slots[0]));
	for (i = 0; i < m->n; i++) {
		for (at = m->entries[i].hash & (n - 1); slots[at]; at = (at + 1) & (n - 1))
			;
		slots[at] = (uint32_t)i + 1;
	}
	ql_mem_free(m->mem, m->slots, m->n_slots, sizeof(slots[0]));
	m->slots = slots;
	m->n_slots = n;
	return 0;
}

static int add_entry(struct ql_keymap *m, uint64_t hash, const struct buf *key)
{
	struct ql_keymap_entry *e;
	size_t size = m->size ? 2 * m->size : SLOTS_MIN / 2;
	int r;

	if (m->n == UINT32_MAX - 1)
		return -E2BIG;
	if (m->n == m->size) {
		r = ql_mem_grow(m->mem, &m->entries, m->size, size, sizeof(*e));
		if (r < 0)
			return r;
		m->size = size;
	}
	e = &m->entries[m->n];
	e->hash = hash;
	e->len = key->len;
	r = ql_arena_copy(&m->bytes, buf_str(key), key->len, &e->p);
	if (r < 0)
		return r;
	m->n++;
	return 0;
}

int ql_keymap_put(struct ql_keymap *m, const struct batch *b, size_t row, const uint16_t *fields,
		  size_t n_fields, uint32_t *ret)
{
	uint64_t hash;
	size_t at;
	int r;

	make_key(&m->scratch, b, row, fields, n_fields);
	if (buf_err(&m->scratch) < 0)
		return buf_err(&m->scratch);
	if (m->n >= m->n_slots / 2) {
		r = grow_slots(m);
		if (r < 0)
			return r;
	}
	hash = XXH3_64bits_withSeed(buf_str(&m->scratch), m->scratch.len, m->seed);
	for (at = hash & (m->n_slots - 1); m->slots[at]; at = (at + 1) & (m->n_slots - 1)) {
		const struct ql_keymap_entry *e = &m->entries[m->slots[at] - 1];

		if (e->hash == hash && e->len == m->scratch.len &&
		    memcmp(e->p, m->scratch.p, e->len) == 0) {
			*ret = m->slots[at] - 1;
			return 0;
		}
	}
	r = add_entry(m, hash, &m->scratch);
	if (r < 0)
		return r;
	m->slots[at] = (uint32_t)m->n;
	*ret = (uint32_t)m->n - 1;
	return 1;
}
