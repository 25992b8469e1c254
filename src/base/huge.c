#include "base/huge.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#define LINE 64

static size_t align_of(size_t size)
{
	return size >= HUGE_PAGE ? HUGE_PAGE : LINE;
}

void *huge_alloc(size_t size)
{
	void *p = huge_reserve(size);

	if (p)
		huge_use(p, size);
	return p;
}

void *huge_reserve(size_t size)
{
	size_t align = align_of(size);

	if (size > SIZE_MAX - align)
		return NULL;
	size = (size + align - 1) / align * align;
	return aligned_alloc(align, size ? size : align);
}

void huge_use(void *p, size_t size)
{
	if (size >= HUGE_PAGE) /* it works without, too */
		madvise(p, (size + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE);
}
