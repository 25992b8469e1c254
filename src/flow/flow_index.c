/* Open addressing with linear probing over 8-byte slots.  A slot holds 32 bits
 * of the key's hash, which give both its place and a first comparison, so that
 * growing and removing read nothing but the slots. */
#include "flow/flow_table_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define SLOTS_MIN 1024

uint32_t flow_index_tag_of(const struct flow_table *t, uint32_t i)
{
	const struct flow_full_key k = {flow_hot(t, i)->key, flow_rest(t, i)};

	return flow_index_tag(t, &k);
}

bool flow_index_match_more(const struct flow_table *t, uint32_t i, const struct flow_full_key *k,
			   bool swap, const struct dec *d)
{
	const struct flow_hot *h = flow_hot(t, i);
	const struct flow_cold *c;
	int dir;

	if (h->rest != POOL_NONE && memcmp(&t->rests[h->rest], &k->rest, sizeof(k->rest)) != 0)
		return false;
	if (t->opts.key_mode == FLOW_KEY_L3)
		return true;
	dir = swap != !!(h->flags & FLOW_A_IS_HI);
	c = flow_cold(t, i);
	return memcmp(c->mac[dir], d->mac_src, 6) == 0 && memcmp(c->mac[!dir], d->mac_dst, 6) == 0;
}

uint32_t flow_index_find(const struct flow_table *t, const struct flow_full_key *k, uint32_t tag,
			 bool swap, const struct dec *d)
{
	uint32_t at;

	for (at = tag & t->mask; t->slots[at]; at = (at + 1) & t->mask)
		if (t->slots[at] >> 32 == tag &&
		    flow_index_match(t, (uint32_t)t->slots[at] - 1, k, swap, d))
			return (uint32_t)t->slots[at] - 1;
	return POOL_NONE;
}

static void put(uint64_t *slots, uint32_t mask, uint64_t slot)
{
	uint32_t at = (uint32_t)(slot >> 32) & mask;

	while (slots[at])
		at = (at + 1) & mask;
	slots[at] = slot;
}

/* All empty.  Looked up at random: large ones ask for huge pages. */
static uint64_t *slots_new(uint64_t n)
{
	uint64_t *slots;

	if (n * sizeof(*slots) < POOL_HUGE)
		return calloc(n, sizeof(*slots));
	slots = aligned_alloc(POOL_HUGE, n * sizeof(*slots));
	if (!slots)
		return NULL;
	madvise(slots, n * sizeof(*slots), MADV_HUGEPAGE);
	return memset(slots, 0, n * sizeof(*slots));
}

int flow_index_reserve(struct flow_table *t, uint32_t more)
{
	uint64_t size = t->slots ? (uint64_t)t->mask + 1 : SLOTS_MIN, at;
	uint64_t *slots;

	while (((uint64_t)t->n + more) * 8 > size * 7)
		size *= 2;
	if (t->slots && size == (uint64_t)t->mask + 1)
		return 0;
	slots = slots_new(size);
	if (!slots)
		return -ENOMEM;
	for (at = 0; t->slots && at <= t->mask; at++)
		if (t->slots[at])
			put(slots, (uint32_t)(size - 1), t->slots[at]);
	free(t->slots);
	t->slots = slots;
	t->mask = (uint32_t)(size - 1);
	return 0;
}

void flow_index_add(struct flow_table *t, uint32_t tag, uint32_t i)
{
	put(t->slots, t->mask, (uint64_t)tag << 32 | (i + 1));
	t->n++;
}

void flow_index_remove(struct flow_table *t, uint32_t tag, uint32_t i)
{
	uint64_t want = (uint64_t)tag << 32 | (i + 1);
	uint32_t at = tag & t->mask, next;

	while (t->slots[at] != want)
		at = (at + 1) & t->mask;
	/* Close the gap: pull back whatever may stand there. */
	for (next = (at + 1) & t->mask; t->slots[next]; next = (next + 1) & t->mask) {
		uint32_t home = (uint32_t)(t->slots[next] >> 32) & t->mask;

		if (((next - home) & t->mask) >= ((next - at) & t->mask)) {
			t->slots[at] = t->slots[next];
			at = next;
		}
	}
	t->slots[at] = 0;
	t->n--;
	t->removals++;
}
