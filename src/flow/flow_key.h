/* The key of a flow: equal for both directions, all bytes significant. */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"
#include "net/dec.h"

/* What keys have in common, and all there is of the most frequent ones: those of
 * IPv4.  'lo' and 'hi' are the two ends in memcmp order of address, then port. */
struct flow_key {
	uint8_t lo[4], hi[4]; /* the first bytes of struct dec 'src' and 'dst' */
	uint16_t lo_port,
		hi_port; /* ICMP: both the identifier; DEC_ONE_PORT: both the destination's */
	uint32_t tun_id; /* VNI, GRE key; ICMP: FLOW_KEY_ICMP | type << 8 | code, see
			    flow_key_icmp() */
	uint16_t vlan[2];
	uint8_t kind, proto; /* enum dec_kind, IP protocol */
	uint16_t link_proto; /* DEC_LINK: EtherType; DEC_OPAQUE: LINKTYPE_; else 0 */
	uint32_t iface;
	uint32_t parent; /* low bits of the serial of the flow around this one; 0: none */
};
_Static_assert(sizeof(struct flow_key) == 32, "no padding: keys are hashed and compared as bytes");

/* The other bytes of addresses longer than four. */
struct flow_key_rest {
	uint8_t lo[12], hi[12];
};

/* A key as it is looked up.  'rest' means nothing unless flow_key_is_long(). */
struct flow_full_key {
	struct flow_key key;
	struct flow_key_rest rest;
};
_Static_assert(sizeof(struct flow_full_key) == 56, "no padding, as above");

static inline bool flow_key_is_long(const struct flow_key *k)
{
	return k->kind == DEC_IP6 || k->kind == DEC_LINK;
}

#define FLOW_KEY_ICMP 0x10000u

/* Type and code as far as they tell flows apart: both messages of a pair
 * (echo and reply, ...) give the same, with code 0; all others their own, as
 * Community ID maps them. */
uint32_t flow_key_icmp(uint8_t proto, uint8_t type, uint8_t code);

/* Struct dec has what makes the key in the same order, so that a key is made of
 * whole words. */
_Static_assert(offsetof(struct dec, vlan) + 4 == offsetof(struct dec, kind), "");
_Static_assert(offsetof(struct dec, vlan) + 6 == offsetof(struct dec, link_proto), "");
_Static_assert(offsetof(struct flow_key, vlan) + 4 == offsetof(struct flow_key, kind), "");
_Static_assert(offsetof(struct flow_key, vlan) + 6 == offsetof(struct flow_key, link_proto), "");

/* Places of the fields within their words. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
enum { FLOW_KEY_LO = 0, FLOW_KEY_HI = 16, FLOW_KEY_TUN = 32, FLOW_KEY_LINK = 48 };
enum { FLOW_KEY_IFACE = 0, FLOW_KEY_PARENT = 32 };
#else
enum { FLOW_KEY_LO = 48, FLOW_KEY_HI = 32, FLOW_KEY_TUN = 0, FLOW_KEY_LINK = 0 };
enum { FLOW_KEY_IFACE = 32, FLOW_KEY_PARENT = 0 };
#endif

/* Whole words here and below: the hash reads words, and would wait for stores of
 * parts. */
static inline void flow_key_put_ports(struct flow_key *k, uint16_t lo, uint16_t hi, uint32_t tun_id)
{
	uint64_t word = (uint64_t)tun_id << FLOW_KEY_TUN | (uint64_t)lo << FLOW_KEY_LO |
			(uint64_t)hi << FLOW_KEY_HI;

	memcpy(&k->lo_port, &word, 8);
}

/* Addresses of 4 bytes.  Which end is which is a coin toss: no branch that guesses.
 * The return values here: whether the source is the 'hi' end. */
static inline bool flow_key_put_short(struct flow_key *k, const struct dec *d, uint16_t sport,
				      uint16_t dport, uint32_t tun_id)
{
	uint64_t a = (uint64_t)be32_load(d->src) << 16 | sport;
	uint64_t b = (uint64_t)be32_load(d->dst) << 16 | dport;
	bool swap = a > b;
	uint64_t x = (a ^ b) & (0 - (uint64_t)swap);

	a ^= x;
	b ^= x;
	be64_store(k->lo, a >> 16 << 32 | b >> 16);
	flow_key_put_ports(k, (uint16_t)a, (uint16_t)b, tun_id);
	return swap;
}

/* All but the rare part of flow_key_init(), for any key. */
bool flow_key_init_any(struct flow_full_key *ret, const struct dec *d, uint16_t sport);

/* Fills every byte that means something.  Returns true when the packet's source is
 * the 'hi' end.  'parent' is 0 or as flow_key.parent. */
static inline bool flow_key_init(struct flow_full_key *ret, const struct dec *d, uint32_t iface,
				 uint32_t parent)
{
	struct flow_key *k = &ret->key;
	uint16_t sport = d->flags & DEC_ONE_PORT ? d->dport : d->sport;
	uint64_t word;

	/* The link is no part of the key of what has a network header. */
	memcpy(&word, d->vlan, 8); /* and kind, proto, link_proto */
	if (d->kind != DEC_LINK && d->kind != DEC_OPAQUE)
		word &= ~((uint64_t)UINT16_MAX << FLOW_KEY_LINK);
	memcpy(k->vlan, &word, 8);
	word = (uint64_t)iface << FLOW_KEY_IFACE | (uint64_t)parent << FLOW_KEY_PARENT;
	memcpy(&k->iface, &word, 8);
	if (d->kind == DEC_IP4 && (d->proto == IPPROTO_TCP || d->proto == IPPROTO_UDP))
		return flow_key_put_short(k, d, sport, d->dport, d->tun_id);
	return flow_key_init_any(ret, d, sport);
}
