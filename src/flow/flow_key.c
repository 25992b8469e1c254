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

/* Struct dec has what makes the key at its start, in the same places, so that a
 * key is made of whole words. */
_Static_assert(offsetof(struct dec, dst) == offsetof(struct flow_key, hi), "");
_Static_assert(offsetof(struct dec, sport) == offsetof(struct flow_key, lo_port), "");
_Static_assert(offsetof(struct dec, tun_id) == offsetof(struct flow_key, tun_id), "");
_Static_assert(offsetof(struct dec, vlan) == offsetof(struct flow_key, vlan), "");
_Static_assert(offsetof(struct dec, kind) == offsetof(struct flow_key, kind), "");
_Static_assert(offsetof(struct dec, link_proto) == offsetof(struct flow_key, link_proto), "");

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

bool flow_key_init(struct flow_key *k, const struct dec *d, uint32_t iface, uint32_t parent)
{
	uint64_t s0, s1, d0, d1, m;
	uint16_t sport = d->sport, dport = d->dport;
	uint32_t tun_id;
	bool swap;

	memcpy(&s0, d->src, 8);
	memcpy(&s1, d->src + 8, 8);
	memcpy(&d0, d->dst, 8);
	memcpy(&d1, d->dst + 8, 8);
	tun_id = d->tun_id;
	if (d->flags & DEC_ONE_PORT)
		sport = dport;
	if (is_icmp(d)) {
		sport = dport = d->icmp_id;
		tun_id = flow_key_icmp(d->proto, d->icmp_type, d->icmp_code);
	}

	/* Which end is which is a coin toss: no branch that guesses. */
	if (s0 != d0)
		swap = BYTES_BE64(s0) > BYTES_BE64(d0);
	else if (s1 != d1)
		swap = BYTES_BE64(s1) > BYTES_BE64(d1);
	else
		swap = sport > dport;
	m = 0 - (uint64_t)swap;
	d0 = (s0 ^ d0) & m;
	d1 = (s1 ^ d1) & m;
	s0 ^= d0;
	s1 ^= d1;
	memcpy(k->lo, &s0, 8);
	memcpy(k->lo + 8, &s1, 8);
	memcpy(&s0, d->dst, 8);
	memcpy(&s1, d->dst + 8, 8);
	s0 ^= d0;
	s1 ^= d1;
	memcpy(k->hi, &s0, 8);
	memcpy(k->hi + 8, &s1, 8);
	m = (uint64_t)(sport ^ dport) & m;
	sport = (uint16_t)(sport ^ m);
	dport = (uint16_t)(dport ^ m);

	/* Whole words again: the hash reads words, and waits for stores of parts. */
	s0 = (uint64_t)tun_id << TUN_SHIFT | (uint64_t)sport << LO_SHIFT |
	     (uint64_t)dport << HI_SHIFT;
	memcpy(&k->lo_port, &s0, 8);
	memcpy(&s1, d->vlan, 8); /* and kind, proto, link_proto */
	if (d->kind != DEC_LINK && d->kind != DEC_OPAQUE)
		s1 &= ~((uint64_t)UINT16_MAX << LINK_SHIFT);
	memcpy(k->vlan, &s1, 8);
	d0 = (uint64_t)iface << IFACE_SHIFT | (uint64_t)parent << PARENT_SHIFT;
	memcpy(&k->iface, &d0, 8);
	return swap;
}
