#include "fmt/fseg_mem.h"

#include <stdalign.h>
#include <stdlib.h>

#include "base/huge.h"

#define LINE 64

struct fseg_mem_chunk {
	alignas(LINE) struct fseg_mem_chunk *next;
};

void *fseg_mem_take(struct fseg_mem *m, size_t n)
{
	struct fseg_mem_chunk *c;
	size_t size;
	uint8_t *ret;

	if (n > SIZE_MAX / 2)
		return NULL;
	n = (n + LINE - 1) / LINE * LINE;
	if (n > m->left) {
		size = (sizeof(*c) + n + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
		c = huge_alloc(size);
		if (!c)
			return NULL;
		c->next = m->head;
		m->head = c;
		m->p = (uint8_t *)(c + 1);
		m->left = size - sizeof(*c);
	}
	ret = m->p;
	m->p += n;
	m->left -= n;
	return ret;
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
