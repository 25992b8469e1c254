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
	bool swap;

	memcpy(&s0, d->src, 8);
	memcpy(&s1, d->src + 8, 8);
	memcpy(&d0, d->dst, 8);
	memcpy(&d1, d->dst + 8, 8);
	k->tun_id = d->tun_id;
	if (d->flags & DEC_ONE_PORT)
		sport = dport;
	if (is_icmp(d)) {
		sport = dport = d->icmp_id;
		k->tun_id = flow_key_icmp(d->proto, d->icmp_type, d->icmp_code);
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
	k->lo_port = (uint16_t)(sport ^ m);
	k->hi_port = (uint16_t)(dport ^ m);

	memcpy(k->vlan, d->vlan, 8); /* and kind, proto, link_proto */
	if (d->kind != DEC_LINK && d->kind != DEC_OPAQUE)
		k->link_proto = 0;
	k->iface = iface;
	k->parent = parent;
	return swap;
}
