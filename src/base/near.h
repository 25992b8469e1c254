/* "Did you mean": which of some known words is nearest to a wrong one. */
#pragma once

#include <stddef.h>

#define NEAR_LEN_MAX 64 /* longer words are near to nothing */

/* Single-character changes (one added, left out, wrong, or two neighbours
 * swapped) that lead from one word to the other, case folded; NEAR_LEN_MAX + 1
 * if one of them is longer than NEAR_LEN_MAX. */
unsigned near_distance(const char *a, size_t na, const char *b, size_t nb);

/* A search in progress: start with near_init(), offer all known words, read
 * 'best': NULL if none is near enough, which is a third of the length or less. */
struct near {
	const char *word;
	size_t len;
	unsigned limit;   /* only a smaller distance is nearer */
	const char *best; /* borrowed from the caller of near_offer() */
};

void near_init(struct near *n, const char *word, size_t len);
void near_offer(struct near *n, const char *known);
