#include "flow/flow_id.h"

#include <string.h>

#include "base/bytes.h"
#include "flow/flow_table_impl.h"

#define SEED UINT64_C(0x747261776c) /* "trawl" */

/* Makes room for what few ids have behind the rest. */
static size_t put_twin(const struct flow_identity *f, uint8_t b[FLOW_ID_MAX])
{
	size_t n = f->with_macs ? FLOW_ID_MACS + 12 : FLOW_ID_SIZE;

	memcpy(b, f->b, n);
	be32_store(b + n, f->twin);
	return n + 4;
}

static inline __attribute__((always_inline)) void identity_uuid(const struct flow_identity *f,
								uint8_t ret[16])
{
	size_t n = f->with_macs ? FLOW_ID_MACS + 12 : FLOW_ID_SIZE;
	XXH128_canonical_t canon;
	const uint8_t *b = f->b;
	uint8_t more[FLOW_ID_MAX];

	if (f->twin) {
		n = put_twin(f, more);
		b = more;
	}
	/* Most by far: a length that is known makes it half the work. */
	if (n == FLOW_ID_SIZE)
		XXH128_canonicalFromHash(&canon, XXH3_128bits_withSeed(b, FLOW_ID_SIZE, SEED));
	else
		XXH128_canonicalFromHash(&canon, XXH3_128bits_withSeed(b, n, SEED));
	memcpy(ret, canon.digest, 16);
	ret[6] = (uint8_t)((ret[6] & 0x0f) | 0x80); /* RFC 9562 5.8: version 8 */
	ret[8] = (uint8_t)((ret[8] & 0x3f) | 0x80); /* RFC 9562 4.1: variant */
}

void flow_identity_uuid(const struct flow_identity *f, uint8_t ret[16])
{
	identity_uuid(f, ret);
}

uint64_t flow_identity_tracking(const struct flow_identity *f, bool with_link)
{
	uint8_t b[60] = {0};

	memcpy(b, f->b + FLOW_ID_KIND, 4);      /* and protocol, link */
	memcpy(b + 4, f->b + FLOW_ID_PORTS, 8); /* and tunnel */
	memcpy(b + 12, f->b + FLOW_ID_ADDRS, 32);
	if (with_link) {
		memcpy(b + 44, f->b + FLOW_ID_VLANS, 4);
		memcpy(b + 48, f->b + FLOW_ID_MACS, 12);
	}
	return XXH3_64bits_withSeed(b, sizeof(b), SEED);
}

static inline __attribute__((always_inline)) void identity_init(struct flow_identity *ret,
								const struct flow_table *t,
								uint32_t i)
{
	const struct flow_hot *h = flow_hot(t, i);
	const struct flow_cold *c = flow_cold(t, i);
	const uint8_t *parent = flow_parent(t, i);
	const struct flow_key *k = &h->key;
	const struct flow_key_rest rest = flow_rest(t, i);
	int lo = !!(h->flags & FLOW_A_IS_HI);
	uint8_t *b = ret->b;

	memset(b, 0, FLOW_ID_SIZE);
	b[FLOW_ID_KIND] = k->kind;
	b[FLOW_ID_PROTO] = k->proto;
	be16_store(b + FLOW_ID_LINK, k->link_proto);
	be16_store(b + FLOW_ID_VLANS, k->vlan[0]);
	be16_store(b + FLOW_ID_VLANS + 2, k->vlan[1]);
	be16_store(b + FLOW_ID_PORTS, k->lo_port);
	be16_store(b + FLOW_ID_PORTS + 2, k->hi_port);
	be32_store(b + FLOW_ID_TUNNEL, k->tun_id);
	be32_store(b + FLOW_ID_IFACE, k->iface);
	memcpy(b + FLOW_ID_ADDRS, k->lo, 4);
	memcpy(b + FLOW_ID_ADDRS + 4, rest.lo, 12);
	memcpy(b + FLOW_ID_ADDRS + 16, k->hi, 4);
	memcpy(b + FLOW_ID_ADDRS + 20, rest.hi, 12);
	if (parent)
		memcpy(b + FLOW_ID_PARENT, parent, 16);
	be64_store(b + FLOW_ID_FIRST, (uint64_t)flow_first_time(t, i));
	memcpy(b + FLOW_ID_MACS, c->mac[lo], 6);
	memcpy(b + FLOW_ID_MACS + 6, c->mac[!lo], 6);
	ret->with_macs = t->opts.key_mode == FLOW_KEY_L2;
	ret->twin = c->twin;
}

void flow_identity_init(struct flow_identity *ret, const struct flow_table *t, uint32_t i)
{
	identity_init(ret, t, i);
}

void flow_uuid(const struct flow_table *t, uint32_t i, uint8_t ret[16])
{
	struct flow_identity f;

	identity_init(&f, t, i);
	identity_uuid(&f, ret);
}
