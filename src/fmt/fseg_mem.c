#include "fmt/fseg_mem.h"

#include <stdalign.h>
#include <stdlib.h>

#include "base/huge.h"

#define LINE 64

/* The address sanitizer sees where a piece ends if it is one of its own. */
#if defined(__SANITIZE_ADDRESS__)
#define CHUNK 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CHUNK 1
#endif
#endif
#ifndef CHUNK
#define CHUNK HUGE_PAGE
#endif

struct fseg_mem_chunk {
	alignas(LINE) struct fseg_mem_chunk *next;
	size_t size;
};

void *fseg_mem_take(struct fseg_mem *m, size_t n)
{
	const size_t whole = (n + LINE - 1) / LINE * LINE;
	struct fseg_mem_chunk *c;
	uint8_t *ret;
	size_t size;

	if (n > SIZE_MAX / 2)
		return NULL;
	if (n > m->left) {
		size = (sizeof(*c) + n + CHUNK - 1) / CHUNK * CHUNK;
		c = huge_reserve(size);
		if (!c)
			return NULL;
		if (m->much)
			huge_use(c, size);
		*c = (struct fseg_mem_chunk){.next = m->head, .size = size};
		m->head = c;
		m->p = (uint8_t *)(c + 1);
		m->left = size - sizeof(*c);
	}
	ret = m->p;
	m->p += whole < m->left ? whole : m->left;
	m->left -= whole < m->left ? whole : m->left;
	return ret;
}

void fseg_mem_much(struct fseg_mem *m)
{
	struct fseg_mem_chunk *c;

	for (c = m->much ? NULL : m->head; c; c = c->next)
		huge_use(c, c->size);
	m->much = true;
}

void fseg_mem_done(struct fseg_mem *m)
{
	while (m->head) {
		struct fseg_mem_chunk *next = m->head->next;

		free(m->head);
		m->head = next;
	}
	*m = (struct fseg_mem){0};
}
