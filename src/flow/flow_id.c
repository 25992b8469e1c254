/* Names of flows that any program can work out again: docs/flows.md has the
 * layout.  Not the table's own hash, whose key is secret. */
#include "flow/flow_table_impl.h"

#include <string.h>

#include "base/bytes.h"

#define SEED    UINT64_C(0x747261776c) /* "trawl" */
#define ID_SIZE 92
#define ID_MAX  (ID_SIZE + 16) /* with what few ids are made of besides */

void flow_uuid(const struct flow_table *t, uint32_t i, uint8_t ret[16])
{
	const struct flow_hot *h = flow_hot(t, i);
	const struct flow_cold *c = flow_cold(t, i);
	const uint8_t *parent = flow_parent(t, i);
	const struct flow_key *k = &h->key;
	const struct flow_key_rest rest = flow_rest(t, i);
	XXH128_canonical_t canon;
	uint8_t b[ID_MAX] = {0}; /* the first 16 are the node's id: none for files */
	size_t n = ID_SIZE;

	b[16] = k->kind;
	b[17] = k->proto;
	be16_store(b + 18, k->link_proto);
	be16_store(b + 20, k->vlan[0]);
	be16_store(b + 22, k->vlan[1]);
	be16_store(b + 24, k->lo_port);
	be16_store(b + 26, k->hi_port);
	be32_store(b + 28, k->tun_id);
	be32_store(b + 32, k->iface);
	memcpy(b + 36, k->lo, 4);
	memcpy(b + 40, rest.lo, 12);
	memcpy(b + 52, k->hi, 4);
	memcpy(b + 56, rest.hi, 12);
	if (parent)
		memcpy(b + 68, parent, 16);
	be64_store(b + 84, (uint64_t)flow_first_time(t, i));
	if (t->opts.key_mode == FLOW_KEY_L2) {
		int lo = !!(h->flags & FLOW_A_IS_HI);

		memcpy(b + n, c->mac[lo], 6);
		memcpy(b + n + 6, c->mac[!lo], 6);
		n += 12;
	}
	if (c->twin) {
		be32_store(b + n, c->twin);
		n += 4;
	}

	XXH128_canonicalFromHash(&canon, XXH3_128bits_withSeed(b, n, SEED));
	memcpy(ret, canon.digest, 16);
	ret[6] = (uint8_t)((ret[6] & 0x0f) | 0x80); /* RFC 9562 5.8: version 8 */
	ret[8] = (uint8_t)((ret[8] & 0x3f) | 0x80); /* RFC 9562 4.1: variant */
}

uint64_t flow_tracking_id(const struct flow_table *t, uint32_t i, bool with_link)
{
	const struct flow_hot *h = flow_hot(t, i);
	const struct flow_cold *c = flow_cold(t, i);
	const struct flow_key *k = &h->key;
	const struct flow_key_rest rest = flow_rest(t, i);
	int lo = !!(h->flags & FLOW_A_IS_HI);
	uint8_t b[60] = {0};

	b[0] = k->kind;
	b[1] = k->proto;
	be16_store(b + 2, k->link_proto);
	be16_store(b + 4, k->lo_port);
	be16_store(b + 6, k->hi_port);
	be32_store(b + 8, k->tun_id);
	memcpy(b + 12, k->lo, 4);
	memcpy(b + 16, rest.lo, 12);
	memcpy(b + 28, k->hi, 4);
	memcpy(b + 32, rest.hi, 12);
	if (with_link) {
		be16_store(b + 44, k->vlan[0]);
		be16_store(b + 46, k->vlan[1]);
		memcpy(b + 48, c->mac[lo], 6);
		memcpy(b + 54, c->mac[!lo], 6);
	}
	return XXH3_64bits_withSeed(b, sizeof(b), SEED);
}
