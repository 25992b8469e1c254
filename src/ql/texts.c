#include "ql/texts.h"

#include <errno.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

struct ql_text {
	const char *p;
	size_t len;
};

#define SLOTS_MIN 64

void ql_texts_init(struct ql_texts *t, struct ql_mem *mem, uint64_t seed)
{
	*t = (struct ql_texts){.mem = mem, .seed = seed, .bytes.mem = mem};
}

void ql_texts_done(struct ql_texts *t)
{
	ql_mem_free(t->mem, t->slots, t->n_slots, sizeof(t->slots[0]));
	ql_mem_free(t->mem, t->texts, t->size, sizeof(t->texts[0]));
	ql_arena_done(&t->bytes);
	*t = (struct ql_texts){0};
}

static int grow_slots(struct ql_texts *t)
{
	size_t n = t->n_slots ? 2 * t->n_slots : SLOTS_MIN, i, at;
	uint64_t *slots = NULL;
	int r;

	r = ql_mem_grow(t->mem, &slots, 0, n, sizeof(slots[0]));
	if (r < 0)
		return r;
	memset(slots, 0, n * sizeof(slots[0]));
	for (i = 0; i < t->n_slots; i++) {
		if (!t->slots[i])
			continue;
		for (at = t->slots[i] >> 32 & (n - 1); slots[at]; at = (at + 1) & (n - 1))
			;
		slots[at] = t->slots[i];
	}
	ql_mem_free(t->mem, t->slots, t->n_slots, sizeof(slots[0]));
	t->slots = slots;
	t->n_slots = n;
	return 0;
}

static int add(struct ql_texts *t, const struct val_str *s)
{
	size_t size = t->size ? 2 * t->size : SLOTS_MIN / 2;
	int r;

	if (t->n == UINT32_MAX - 1)
		return -E2BIG;
	if (t->n == t->size) {
		r = ql_mem_grow(t->mem, &t->texts, t->size, size, sizeof(t->texts[0]));
		if (r < 0)
			return r;
		t->size = size;
	}
	r = ql_arena_copy(&t->bytes, s->p, s->len, &t->texts[t->n].p);
	if (r < 0)
		return r;
	t->texts[t->n++].len = s->len;
	return 0;
}

int ql_texts_put(struct ql_texts *t, const struct val_str *s, uint64_t *ret)
{
	uint64_t hash;
	size_t at;
	int r;

	if (t->n >= t->n_slots / 2) {
		r = grow_slots(t);
		if (r < 0)
			return r;
	}
	hash = XXH3_64bits_withSeed(s->p, s->len, t->seed) >> 32;
	for (at = hash & (t->n_slots - 1); t->slots[at]; at = (at + 1) & (t->n_slots - 1)) {
		uint64_t number = (t->slots[at] & UINT32_MAX) - 1;
		const struct ql_text *x = &t->texts[number];

		if (t->slots[at] >> 32 == hash && x->len == s->len &&
		    memcmp(x->p, s->p, s->len) == 0) {
			*ret = number;
			return 0;
		}
	}
	r = add(t, s);
	if (r < 0)
		return r;
	t->slots[at] = hash << 32 | t->n;
	*ret = t->n - 1;
	return 0;
}
