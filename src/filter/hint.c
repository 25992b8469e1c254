#include "filter/hint.h"

#include <string.h>

static bool passes(const struct hint_test *t, const struct col *c, size_t row)
{
	union val v;

	if (!c || !col_get(c, row, &v))
		return false;
	switch (t->kind) {
	case HINT_RANGE:
		return (!t->has_min || val_cmp(t->type, &v, &t->min) >= 0) &&
		       (!t->has_max || val_cmp(t->type, &v, &t->max) <= 0);
	case HINT_PREFIX:
		return addr_in(&v.addr, &t->min.addr, t->bits);
	case HINT_TEXT:
		return val_cmp(VAL_STR, &v, &t->min) == 0;
	}
	return true;
}

bool hint_row(const struct hint *h, const struct batch *b, size_t row)
{
	size_t i;

	for (; h; h = h->next) {
		for (i = 0; i < h->n; i++)
			if (passes(&h->tests[i], b->cols[h->tests[i].field], row))
				break;
		if (i == h->n)
			return false;
	}
	return true;
}

static unsigned width(uint8_t family)
{
	return family == ADDR_IP4 ? 32 : family == ADDR_IP6 ? 128 : family == ADDR_MAC ? 48 : 0;
}

void hint_set_addr(struct hint_test *t, const struct addr *a)
{
	t->kind = HINT_PREFIX;
	t->min.addr = *a;
	t->bits = width(a->family);
}

static bool bit_of(const struct addr *a, unsigned i)
{
	return a->b[i / 8] >> (7 - i % 8) & 1;
}

void hint_set_addrs(struct hint_test *t, const struct addr *min, const struct addr *max)
{
	unsigned n = width(min->family), same, i;

	t->kind = HINT_RANGE;
	t->has_min = t->has_max = true;
	t->min.addr = *min;
	t->max.addr = *max;
	if (min->family != max->family)
		return;
	for (same = 0; same < n && bit_of(min, same) == bit_of(max, same); same++)
		;
	for (i = same; i < n && !bit_of(min, i) && bit_of(max, i); i++)
		;
	if (i < n)
		return;
	t->kind = HINT_PREFIX;
	t->has_min = t->has_max = false;
	t->bits = same;
}
