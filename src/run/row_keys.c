/* Incremental quicksort (Paredes and Navarro, Optimal Incremental Sorting, 2006): the ends of parts
 * that were divided are remembered, and only the first part is divided further. */
#include "run/row_keys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"

#define FEW 24 /* keys that are sorted by insertion */

void row_keys_done(struct row_keys *k)
{
	free(k->v);
	*k = (struct row_keys){0};
}

int row_keys_add(struct row_keys *k, const struct row_key *key)
{
	if (vec_reserve(&k->v, &k->size, k->n + 1, sizeof(*k->v)) < 0)
		return -ENOMEM;
	k->v[k->n++] = *key;
	return 0;
}

static inline bool before(const struct row_key *x, const struct row_key *y)
{
	return x->start != y->start ? x->start < y->start : x->serial < y->serial;
}

static int by_start(const void *a, const void *b)
{
	return before(a, b) ? -1 : before(b, a);
}

static inline void swap(struct row_key *x, struct row_key *y)
{
	struct row_key t = *x;

	*x = *y;
	*y = t;
}

void row_keys_until(struct row_keys *k, const int64_t *end)
{
	size_t added, i;

	k->n -= k->at; /* those are given */
	if (k->at)
		memmove(k->v, k->v + k->at, k->n * sizeof(*k->v));
	k->ready -= k->at;
	k->split -= k->at < k->split ? k->at : k->split;
	k->at = k->sorted = 0;
	added = k->n - k->split;
	if (end && added < k->n / 4)
		return;
	for (i = k->ready; i < k->n; i++)
		if (!end || k->v[i].start < *end)
			swap(&k->v[i], &k->v[k->ready++]);
	k->split = k->n;
	k->ends[0] = k->ready;
	k->deep = 1;
}

static void insert_sort(struct row_key *v, size_t n)
{
	size_t i, j;

	for (i = 1; i < n; i++) {
		struct row_key x = v[i];

		for (j = i; j && before(&x, &v[j - 1]); j--)
			v[j] = v[j - 1];
		v[j] = x;
	}
}

/* Divides 'n' > 2 keys: all of the first ones, as many as it returns, are <= all others; there are
 * some of both. */
static size_t divide(struct row_key *v, size_t n)
{
	size_t i = 0, j = n - 1;
	struct row_key pivot;

	if (before(&v[n / 2], &v[0]))
		swap(&v[n / 2], &v[0]);
	if (before(&v[n - 1], &v[0]))
		swap(&v[n - 1], &v[0]);
	if (before(&v[n - 1], &v[n / 2]))
		swap(&v[n - 1], &v[n / 2]);
	pivot = v[n / 2];
	for (;;) {
		do
			i++;
		while (before(&v[i], &pivot));
		do
			j--;
		while (before(&pivot, &v[j]));
		if (i >= j)
			return j + 1;
		swap(&v[i], &v[j]);
	}
}

const struct row_key *row_keys_next(struct row_keys *k, size_t *ret_n)
{
	size_t end;

	k->at = k->sorted;
	if (k->at == k->ready)
		return NULL;
	while (end = k->ends[k->deep - 1], end - k->at > FEW && k->deep < ROW_KEYS_DEEP)
		k->ends[k->deep++] = k->at + divide(k->v + k->at, end - k->at);
	if (end - k->at > FEW) /* badly divided, again and again */
		qsort(k->v + k->at, end - k->at, sizeof(*k->v), by_start);
	else
		insert_sort(k->v + k->at, end - k->at);
	k->deep--;
	k->sorted = end;
	*ret_n = end - k->at;
	return k->v + k->at;
}
