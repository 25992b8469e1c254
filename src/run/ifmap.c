#include "run/ifmap.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "capture/src.h"

#define SLOTS_MIN 16

struct ifmap_entry {
	char *name, *descr; /* owned; NULL: none */
	uint16_t linktype;
	uint32_t twin; /* of those before it in its section, how many look the same */
};

struct ifmap_slot {
	uint32_t hash;
	uint32_t number; /* + 1; 0: empty */
	uint32_t more;   /* of a file's: how many look the same */
};

void ifmap_done(struct ifmap *m)
{
	size_t i;

	for (i = 0; i < m->n; i++) {
		free(m->v[i].name);
		free(m->v[i].descr);
	}
	free(m->v);
	free(m->pub);
	free(m->index.v);
	*m = (struct ifmap){0};
}

void ifmap_file_done(struct ifmap_file *f)
{
	free(f->index.v);
	*f = (struct ifmap_file){0};
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : !a && !b;
}

static uint32_t hash_of(const struct ifmap_index *x, const struct src_iface *f, uint32_t which)
{
	const uint64_t key[] = {
		f->name ? XXH3_64bits_withSeed(f->name, strlen(f->name), x->seed) : 0,
		(uint64_t)f->linktype << 32 | which,
	};

	return (uint32_t)XXH3_64bits_withSeed(key, sizeof(key), x->seed);
}

static struct ifmap_slot *slot_at(struct ifmap_index *x, size_t at)
{
	return &x->v[at & (x->size - 1)];
}

/* Room for one more, at most half full. */
static int index_reserve(struct ifmap_index *x)
{
	struct ifmap_index more = {.size = x->size ? 2 * x->size : SLOTS_MIN, .seed = x->seed};
	size_t i, at;

	if (2 * (x->n + 1) <= x->size)
		return 0;
	more.v = calloc(more.size, sizeof(*more.v));
	if (!more.v)
		return -ENOMEM;
	/* Without random numbers (a very early boot) it works, only guessably. */
	if (!x->size &&
	    getrandom(&more.seed, sizeof(more.seed), GRND_NONBLOCK) != sizeof(more.seed))
		more.seed = (uintptr_t)more.v;
	for (i = 0; i < x->size; i++) {
		if (!x->v[i].number)
			continue;
		for (at = x->v[i].hash; slot_at(&more, at)->number; at++)
			;
		*slot_at(&more, at) = x->v[i];
	}
	more.n = x->n;
	free(x->v);
	*x = more;
	return 0;
}

/* How many of the same section before this one look the same. */
static int64_t count_twins(struct ifmap_file *f, const struct src_iface *ifaces, size_t i)
{
	const struct src_iface *a = &ifaces[i];
	struct ifmap_slot *s;
	uint32_t hash;
	size_t at;

	if (index_reserve(&f->index) < 0)
		return -ENOMEM;
	hash = hash_of(&f->index, a, a->section);
	for (at = hash; (s = slot_at(&f->index, at))->number; at++) {
		const struct src_iface *b = &ifaces[s->number - 1];

		if (s->hash == hash && b->section == a->section && b->linktype == a->linktype &&
		    same_text(b->name, a->name))
			return ++s->more;
	}
	*s = (struct ifmap_slot){.hash = hash, .number = (uint32_t)i + 1};
	f->index.n++;
	return 0;
}

static int grow(struct ifmap *m)
{
	size_t size = m->size ? 2 * m->size : 8;
	struct ifmap_entry *v;
	struct run_iface *pub;

	if (m->n < m->size)
		return 0;
	v = realloc(m->v, size * sizeof(*v));
	if (!v)
		return -ENOMEM;
	m->v = v;
	pub = realloc(m->pub, size * sizeof(*pub));
	if (!pub)
		return -ENOMEM;
	m->pub = pub;
	m->size = size;
	return 0;
}

/* Appends; its number or -ENOMEM. */
static int64_t append(struct ifmap *m, const struct src_iface *f, uint32_t twin)
{
	struct ifmap_entry *e;

	if (grow(m) < 0)
		return -ENOMEM;
	e = &m->v[m->n];
	e->linktype = f->linktype;
	e->twin = twin;
	e->name = f->name ? strdup(f->name) : NULL;
	e->descr = f->descr ? strdup(f->descr) : NULL;
	if ((f->name && !e->name) || (f->descr && !e->descr)) {
		free(e->name);
		free(e->descr);
		return -ENOMEM;
	}
	m->pub[m->n] = (struct run_iface){
		.name = e->name,
		.descr = e->descr,
		.linktype = f->linktype,
		.snaplen = f->snaplen,
		.ticks_per_sec = f->ticks_per_sec,
	};
	return (int64_t)m->n++;
}

int64_t ifmap_add(struct ifmap *m, struct ifmap_file *file, const struct src_iface *ifaces,
		  size_t i)
{
	const struct src_iface *f = &ifaces[i];
	int64_t twin = count_twins(file, ifaces, i), number;
	struct ifmap_slot *s;
	uint32_t hash;
	size_t at;

	if (twin < 0 || index_reserve(&m->index) < 0)
		return -ENOMEM;
	hash = hash_of(&m->index, f, (uint32_t)twin);
	for (at = hash; (s = slot_at(&m->index, at))->number; at++) {
		const struct ifmap_entry *e = &m->v[s->number - 1];

		if (s->hash == hash && e->linktype == f->linktype && e->twin == twin &&
		    same_text(e->name, f->name))
			return s->number - 1;
	}
	if (m->n == IFMAP_MAX)
		return IFMAP_MAX - 1;
	number = append(m, f, (uint32_t)twin);
	if (number < 0)
		return number;
	*s = (struct ifmap_slot){.hash = hash, .number = (uint32_t)number + 1};
	m->index.n++;
	return number;
}
