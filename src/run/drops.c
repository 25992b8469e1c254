#include "run/drops.h"

#include <string.h>

/* First entry not before 'ts'. */
static size_t find(const struct drops *d, int64_t ts)
{
	size_t lo = 0, hi = d->n;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (d->v[mid].ts < ts)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* Halves the list by joining neighbours; the later time of two stands. */
static void halve(struct drops *d)
{
	size_t i, k = 0;

	for (i = 0; i + 1 < d->n; i += 2, k++) {
		d->v[k].ts = d->v[i + 1].ts;
		d->v[k].n = d->v[i].n + d->v[i + 1].n;
	}
	if (i < d->n)
		d->v[k++] = d->v[i];
	d->n = k;
}

void drops_add(struct drops *d, int64_t ts, uint64_t n)
{
	size_t i = find(d, ts);

	if (i < d->n && d->v[i].ts == ts) {
		d->v[i].n += n;
		return;
	}
	if (d->n == DROPS_MAX) {
		halve(d);
		i = find(d, ts);
	}
	memmove(&d->v[i + 1], &d->v[i], (d->n - i) * sizeof(d->v[0]));
	d->v[i].ts = ts;
	d->v[i].n = n;
	d->n++;
}

uint64_t drops_between(const struct drops *d, int64_t from, int64_t to)
{
	uint64_t n = 0;
	size_t i;

	for (i = find(d, from); i < d->n && d->v[i].ts <= to; i++)
		n += d->v[i].n;
	return n;
}
