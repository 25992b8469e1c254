#include "base/near.h"

#include <string.h>

static char fold(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;

	return m < c ? m : c;
}

/* Optimal string alignment: Levenshtein with swaps of neighbours. */
unsigned near_distance(const char *a, size_t na, const char *b, size_t nb)
{
	unsigned rows[3][NEAR_LEN_MAX + 1];
	unsigned *before = rows[0], *above = rows[1], *row = rows[2];
	size_t i, j;

	if (na > NEAR_LEN_MAX || nb > NEAR_LEN_MAX)
		return NEAR_LEN_MAX + 1;
	for (j = 0; j <= nb; j++)
		before[j] = above[j] = (unsigned)j;
	for (i = 1; i <= na; i++) {
		unsigned *free_row = before;

		row[0] = (unsigned)i;
		for (j = 1; j <= nb; j++) {
			char ca = fold(a[i - 1]), cb = fold(b[j - 1]);

			row[j] = min3(above[j - 1] + (ca != cb), above[j] + 1, row[j - 1] + 1);
			if (i > 1 && j > 1 && ca == fold(b[j - 2]) && cb == fold(a[i - 2]) &&
			    before[j - 2] + 1 < row[j])
				row[j] = before[j - 2] + 1;
		}
		before = above;
		above = row;
		row = free_row;
	}
	return above[nb];
}

void near_init(struct near *n, const char *word, size_t len)
{
	n->word = word;
	n->len = len;
	n->limit = (unsigned)(len > NEAR_LEN_MAX ? 0 : len / 3) + 1;
	n->best = NULL;
}

void near_offer(struct near *n, const char *known)
{
	unsigned d = near_distance(known, strlen(known), n->word, n->len);

	if (d < n->limit) {
		n->limit = d;
		n->best = known;
	}
}
