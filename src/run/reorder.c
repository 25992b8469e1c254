#include "run/reorder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct reorder_item {
	struct pkt pkt; /* 'data' points behind this struct */
	uint64_t serial;
};

void reorder_init(struct reorder *r, uint64_t max_bytes)
{
	*r = (struct reorder){.max_bytes = max_bytes, .given = INT64_MIN};
}

void reorder_done(struct reorder *r)
{
	size_t i;

	/* heap[n] may hold the one taken out last */
	for (i = 0; r->heap && i < r->size; i++)
		free(r->heap[i]);
	free(r->heap);
	reorder_init(r, r->max_bytes);
}

static bool before(const struct reorder_item *a, const struct reorder_item *b)
{
	if (a->pkt.ts != b->pkt.ts)
		return a->pkt.ts < b->pkt.ts;
	return a->pkt.number < b->pkt.number;
}

static void swap(struct reorder *r, size_t a, size_t b)
{
	struct reorder_item *t = r->heap[a];

	r->heap[a] = r->heap[b];
	r->heap[b] = t;
}

static int grow(struct reorder *r)
{
	size_t size = r->size ? 2 * r->size : 256;
	struct reorder_item **heap;

	if (r->n + 1 < r->size)
		return 0;
	heap = realloc(r->heap, size * sizeof(*heap));
	if (!heap)
		return -ENOMEM;
	memset(heap + r->size, 0, (size - r->size) * sizeof(*heap));
	r->heap = heap;
	r->size = size;
	return 0;
}

int reorder_put(struct reorder *r, const struct pkt *p, uint64_t serial)
{
	struct reorder_item *it;
	size_t i;

	if (grow(r) < 0)
		return -ENOMEM;
	it = malloc(sizeof(*it) + p->caplen);
	if (!it)
		return -ENOMEM;
	it->pkt = *p;
	it->pkt.data = memcpy(it + 1, p->data, p->caplen);
	it->serial = serial;

	free(r->heap[r->n]); /* the one taken out last */
	r->heap[r->n] = it;
	for (i = r->n++; i && before(r->heap[i], r->heap[(i - 1) / 2]); i = (i - 1) / 2)
		swap(r, i, (i - 1) / 2);
	r->bytes += sizeof(*it) + p->caplen;
	return 0;
}

int64_t reorder_first(const struct reorder *r)
{
	return r->n ? r->heap[0]->pkt.ts : INT64_MAX;
}

bool reorder_full(const struct reorder *r)
{
	return r->bytes > r->max_bytes;
}

bool reorder_take(struct reorder *r, struct pkt *p, uint64_t *ret_serial)
{
	struct reorder_item *it;
	size_t i, k;

	if (!r->n)
		return false;
	free(r->heap[r->n]);
	r->heap[r->n] = NULL;
	swap(r, 0, --r->n);
	it = r->heap[r->n]; /* stays there, and valid, until the next call */
	for (i = 0; (k = 2 * i + 1) < r->n; i = k) {
		if (k + 1 < r->n && before(r->heap[k + 1], r->heap[k]))
			k++;
		if (!before(r->heap[k], r->heap[i]))
			break;
		swap(r, i, k);
	}
	r->bytes -= sizeof(*it) + it->pkt.caplen;
	r->broken |= it->pkt.ts < r->given;
	r->given = it->pkt.ts > r->given ? it->pkt.ts : r->given;
	*p = it->pkt;
	*ret_serial = it->serial;
	return true;
}
