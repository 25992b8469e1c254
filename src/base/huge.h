/* Memory that is filled from its beginning on and is used as a whole: from one huge page on in
 * those, where the system has them, so that it does not come page by page. */
#pragma once

#include <stddef.h>

#define HUGE_PAGE ((size_t)1 << 21) /* bytes, of x86-64 and most others */

/* 'size' bytes, at a cache line; NULL: there is no memory.  Not zeroed; for free(). */
void *huge_alloc(size_t size);

/* The same for what may turn out to be used little: it comes page by page until huge_use(), which
 * does the more the less was used before. */
void *huge_reserve(size_t size);
void huge_use(void *p, size_t size);
