#include "base/huge.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#define LINE 64

void *huge_alloc(size_t size)
{
	size_t align = size >= HUGE_PAGE ? HUGE_PAGE : LINE;
	void *p;

	if (size > SIZE_MAX - align)
		return NULL;
	size = (size + align - 1) / align * align;
	p = aligned_alloc(align, size ? size : align);
	if (p && align == HUGE_PAGE) /* it works without, too */
		madvise(p, size, MADV_HUGEPAGE);
	return p;
}
