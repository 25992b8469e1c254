/* The key of a flow: equal for both directions, all bytes significant. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

/* A key as it is looked up.  'rest' is zero unless flow_key_is_long(). */
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

/* Fills every byte.  Returns true when the packet's source is the 'hi' end.
 * 'parent' is 0 or as flow_key.parent. */
bool flow_key_init(struct flow_full_key *k, const struct dec *d, uint32_t iface, uint32_t parent);
