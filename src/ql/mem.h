/* What one query holds in memory: a budget, and runs of bytes taken from it. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct ql_mem {
	uint64_t used; /* bytes */
	uint64_t max;  /* bytes; taking more fails with -E2BIG */
};

/* Books 'n' bytes.  0 or -E2BIG. */
int ql_mem_take(struct ql_mem *m, size_t n);
void ql_mem_give(struct ql_mem *m, size_t n);

/* As realloc() for an array that grows from 'old_n' to 'new_n' entries of 'size' bytes; books
 * the difference.  0, -ENOMEM or -E2BIG; '*p' is untouched on failure. */
int ql_mem_grow(struct ql_mem *m, void *p, size_t old_n, size_t new_n, size_t size);

/* Frees such an array. */
void ql_mem_free(struct ql_mem *m, void *p, size_t n, size_t size);

/* 'size' bytes, not zeroed, that begin with a cache line and are visited here and there: many of
 * them in huge pages, where the system has these.  0, -ENOMEM or -E2BIG. */
int ql_mem_wide(struct ql_mem *m, size_t size, void *ret);
void ql_mem_wide_free(struct ql_mem *m, void *p, size_t size);

struct ql_arena_chunk;

/* Bytes that are freed all at once. */
struct ql_arena {
	struct ql_mem *mem; /* NULL: not booked */
	struct ql_arena_chunk *head;
	size_t total; /* bytes booked */
};

/* 'n' bytes, aligned for any type, zeroed.  0, -ENOMEM or -E2BIG. */
int ql_arena_alloc(struct ql_arena *a, size_t n, void *ret);

/* A copy of 'n' bytes, not aligned, with a NUL behind.  0, -ENOMEM or -E2BIG. */
int ql_arena_copy(struct ql_arena *a, const void *p, size_t n, const char **ret);
void ql_arena_done(struct ql_arena *a); /* reusable afterwards */
