#include "store/lost.h"

#include <errno.h>
#include <stdlib.h>

#define SIZE_MIN 1024

struct lost_slot {
	uint64_t serial;
	uint64_t n; /* 0: empty */
};

void lost_done(struct lost *l)
{
	free(l->slots);
	*l = (struct lost){0};
}

/* Serials are numbers of packets and their levels: nobody outside chooses them, so
 * a multiplication spreads them well enough. */
static size_t home(const struct lost *l, uint64_t serial)
{
	return (size_t)(serial * UINT64_C(0x9e3779b97f4a7c15) >> 20) & (l->size - 1);
}

static size_t find(const struct lost *l, uint64_t serial)
{
	size_t i = home(l, serial);

	while (l->slots[i].n && l->slots[i].serial != serial)
		i = (i + 1) & (l->size - 1);
	return i;
}

static int grow(struct lost *l)
{
	struct lost more = {.n = l->n, .size = l->size ? 2 * l->size : SIZE_MIN};
	size_t i;

	if (2 * (l->n + 1) <= l->size)
		return 0;
	more.slots = calloc(more.size, sizeof(*more.slots));
	if (!more.slots)
		return -ENOMEM;
	for (i = 0; i < l->size; i++)
		if (l->slots[i].n)
			more.slots[find(&more, l->slots[i].serial)] = l->slots[i];
	free(l->slots);
	*l = more;
	return 0;
}

int lost_add(struct lost *l, uint64_t serial)
{
	size_t i;

	if (grow(l) < 0)
		return -ENOMEM;
	i = find(l, serial);
	l->n += !l->slots[i].n;
	l->slots[i].serial = serial;
	l->slots[i].n++;
	return 0;
}

uint64_t lost_get(const struct lost *l, uint64_t serial)
{
	return l->n ? l->slots[find(l, serial)].n : 0;
}

uint64_t lost_take(struct lost *l, uint64_t serial)
{
	size_t i, k, h;
	uint64_t n;

	if (!l->n)
		return 0;
	i = find(l, serial);
	n = l->slots[i].n;
	if (!n)
		return 0;
	/* Those behind move up, unless they would come before their home. */
	for (k = (i + 1) & (l->size - 1); l->slots[k].n; k = (k + 1) & (l->size - 1)) {
		h = home(l, l->slots[k].serial);
		if (((k - h) & (l->size - 1)) < ((k - i) & (l->size - 1)))
			continue;
		l->slots[i] = l->slots[k];
		i = k;
	}
	l->slots[i].n = 0;
	l->n--;
	return n;
}
