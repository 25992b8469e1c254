#include "ql/mem.h"

#include <errno.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "base/huge.h"

#define CHUNK_MIN 4096
#define CHUNK_MAX (1 << 20)

int ql_mem_take(struct ql_mem *m, size_t n)
{
	if (n > m->max - m->used)
		return -E2BIG;
	m->used += n;
	return 0;
}

void ql_mem_give(struct ql_mem *m, size_t n)
{
	m->used -= n;
}

int ql_mem_grow(struct ql_mem *m, void *p, size_t old_n, size_t new_n, size_t size)
{
	void **array = p, *q;
	int r;

	if (new_n > SIZE_MAX / size)
		return -ENOMEM;
	r = ql_mem_take(m, (new_n - old_n) * size);
	if (r < 0)
		return r;
	q = realloc(*array, new_n * size);
	if (!q) {
		ql_mem_give(m, (new_n - old_n) * size);
		return -ENOMEM;
	}
	*array = q;
	return 0;
}

void ql_mem_free(struct ql_mem *m, void *p, size_t n, size_t size)
{
	if (!p)
		return;
	ql_mem_give(m, n * size);
	free(p);
}

int ql_mem_wide(struct ql_mem *m, size_t size, void *ret)
{
	void *p;
	int r = ql_mem_take(m, size);

	if (r < 0)
		return r;
	p = huge_alloc(size);
	if (!p) {
		ql_mem_give(m, size);
		return -ENOMEM;
	}
	*(void **)ret = p;
	return 0;
}

void ql_mem_wide_free(struct ql_mem *m, void *p, size_t size)
{
	ql_mem_free(m, p, 1, size);
}

struct ql_arena_chunk {
	struct ql_arena_chunk *next;
	size_t used, size;
	alignas(max_align_t) unsigned char p[];
};

static int add_chunk(struct ql_arena *a, size_t n)
{
	size_t size = a->head ? 2 * a->head->size : CHUNK_MIN;
	struct ql_arena_chunk *c;
	int r;

	if (size > CHUNK_MAX)
		size = CHUNK_MAX;
	if (size < n)
		size = n;
	if (size > SIZE_MAX - sizeof(*c))
		return -ENOMEM;
	r = a->mem ? ql_mem_take(a->mem, sizeof(*c) + size) : 0;
	if (r < 0)
		return r;
	c = malloc(sizeof(*c) + size);
	if (!c) {
		if (a->mem)
			ql_mem_give(a->mem, sizeof(*c) + size);
		return -ENOMEM;
	}
	c->next = a->head;
	c->used = 0;
	c->size = size;
	a->head = c;
	a->total += sizeof(*c) + size;
	return 0;
}

int ql_arena_alloc(struct ql_arena *a, size_t n, void *ret)
{
	size_t pad = a->head ? -a->head->used % alignof(max_align_t) : 0;
	int r;

	if (!a->head || pad > a->head->size - a->head->used ||
	    n > a->head->size - a->head->used - pad) {
		r = add_chunk(a, n);
		if (r < 0)
			return r;
		pad = 0;
	}
	*(void **)ret = memset(a->head->p + a->head->used + pad, 0, n);
	a->head->used += pad + n;
	return 0;
}

int ql_arena_copy(struct ql_arena *a, const void *p, size_t n, const char **ret)
{
	char *q;
	int r;

	if (!a->head || n >= a->head->size - a->head->used) {
		r = add_chunk(a, n + 1);
		if (r < 0)
			return r;
	}
	q = (char *)a->head->p + a->head->used;
	if (n)
		memcpy(q, p, n);
	q[n] = '\0';
	a->head->used += n + 1;
	*ret = q;
	return 0;
}

void ql_arena_done(struct ql_arena *a)
{
	while (a->head) {
		struct ql_arena_chunk *next = a->head->next;

		free(a->head);
		a->head = next;
	}
	if (a->mem)
		ql_mem_give(a->mem, a->total);
	a->total = 0;
}
