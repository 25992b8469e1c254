#include "flow/flow_key.h"

#include <netinet/in.h>
#include <stddef.h>
#include <string.h>

#include "base/bytes.h"
#include "net/community.h"

uint32_t flow_key_icmp(uint8_t proto, uint8_t type, uint8_t code)
{
	int pair = community_icmp_answer(proto, type);

	if (pair < 0)
		return FLOW_KEY_ICMP | (uint32_t)type << 8 | code;
	return FLOW_KEY_ICMP | (uint32_t)(pair < type ? pair : type) << 8;
}

/* Struct dec has what makes the key in the same order, so that a key is made of
 * whole words. */
_Static_assert(offsetof(struct dec, vlan) + 4 == offsetof(struct dec, kind), "");
_Static_assert(offsetof(struct dec, vlan) + 6 == offsetof(struct dec, link_proto), "");
_Static_assert(offsetof(struct flow_key, vlan) + 4 == offsetof(struct flow_key, kind), "");
_Static_assert(offsetof(struct flow_key, vlan) + 6 == offsetof(struct flow_key, link_proto), "");

/* Places of the fields within their words. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
enum { LO_SHIFT = 0, HI_SHIFT = 16, TUN_SHIFT = 32, LINK_SHIFT = 48 };
enum { IFACE_SHIFT = 0, PARENT_SHIFT = 32 };
#else
enum { LO_SHIFT = 48, HI_SHIFT = 32, TUN_SHIFT = 0, LINK_SHIFT = 0 };
enum { IFACE_SHIFT = 32, PARENT_SHIFT = 0 };
#endif

static bool is_icmp(const struct dec *d)
{
	/* DEC_PORTS on ICMP: a later fragment, completed from its first one. */
	return (d->proto == IPPROTO_ICMP || d->proto == IPPROTO_ICMPV6) &&
	       d->flags & (DEC_L4 | DEC_PORTS);
}

/* Addresses of 4 bytes.  Which end is which is a coin toss: no branch that guesses.
 * The return values here: whether the source is the 'hi' end. */
static inline bool ends_short(struct flow_full_key *k, const struct dec *d, uint16_t *sport,
			      uint16_t *dport)
{
	uint64_t a = (uint64_t)be32_load(d->src) << 16 | *sport;
	uint64_t b = (uint64_t)be32_load(d->dst) << 16 | *dport;
	bool swap = a > b;
	uint64_t x = (a ^ b) & (0 - (uint64_t)swap);

	a ^= x;
	b ^= x;
	be64_store(k->key.lo, a >> 16 << 32 | b >> 16);
	*sport = (uint16_t)a;
	*dport = (uint16_t)b;
	memset(&k->rest, 0, sizeof(k->rest));
	return swap;
}

static bool ends_long(struct flow_full_key *k, const struct dec *d, uint16_t *sport,
		      uint16_t *dport)
{
	int order = memcmp(d->src, d->dst, 16);
	bool swap = order ? order > 0 : *sport > *dport;
	const uint8_t *lo = swap ? d->dst : d->src, *hi = swap ? d->src : d->dst;
	uint16_t port = *sport;

	memcpy(k->key.lo, lo, 4);
	memcpy(k->key.hi, hi, 4);
	memcpy(k->rest.lo, lo + 4, 12);
	memcpy(k->rest.hi, hi + 4, 12);
	if (swap) {
		*sport = *dport;
		*dport = port;
	}
	return swap;
}

bool flow_key_init(struct flow_full_key *ret, const struct dec *d, uint32_t iface, uint32_t parent)
{
	struct flow_key *k = &ret->key;
	uint16_t sport = d->sport, dport = d->dport;
	uint32_t tun_id = d->tun_id;
	uint64_t word;
	bool swap;

	if (d->flags & DEC_ONE_PORT)
		sport = dport;
	if (is_icmp(d)) {
		sport = dport = d->icmp_id;
		tun_id = flow_key_icmp(d->proto, d->icmp_type, d->icmp_code);
	}
	/* The link is no part of the key of what has a network header. */
	memcpy(&word, d->vlan, 8); /* and kind, proto, link_proto */
	if (d->kind != DEC_LINK && d->kind != DEC_OPAQUE)
		word &= ~((uint64_t)UINT16_MAX << LINK_SHIFT);
	memcpy(k->vlan, &word, 8);
	swap = flow_key_is_long(k) ? ends_long(ret, d, &sport, &dport)
				   : ends_short(ret, d, &sport, &dport);

	/* Whole words: the hash reads words, and would wait for stores of parts. */
	word = (uint64_t)tun_id << TUN_SHIFT | (uint64_t)sport << LO_SHIFT |
	       (uint64_t)dport << HI_SHIFT;
	memcpy(&k->lo_port, &word, 8);
	word = (uint64_t)iface << IFACE_SHIFT | (uint64_t)parent << PARENT_SHIFT;
	memcpy(&k->iface, &word, 8);
	return swap;
}
