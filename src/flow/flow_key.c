#include "flow/flow_key.h"

#include <netinet/in.h>
#include <string.h>

#include "base/bytes.h"

/* The other message of a two-way pair, -1 for messages that have none
 * (Community ID Flow Hashing 1.0, section on ICMP). */
static int icmp_pair(uint8_t proto, uint8_t type)
{
	static const uint8_t v4[][2] = {{8, 0}, {13, 14}, {15, 16}, {17, 18}, {10, 9}};
	static const uint8_t v6[][2] = {{128, 129}, {130, 131}, {133, 134},
					{135, 136}, {139, 140}, {144, 145}};
	const uint8_t(*pairs)[2] = proto == IPPROTO_ICMP ? v4 : v6;
	size_t n = proto == IPPROTO_ICMP ? sizeof(v4) / 2 : sizeof(v6) / 2, i;

	for (i = 0; i < n; i++) {
		if (pairs[i][0] == type)
			return pairs[i][1];
		if (pairs[i][1] == type)
			return pairs[i][0];
	}
	return -1;
}

uint32_t flow_key_icmp(uint8_t proto, uint8_t type, uint8_t code)
{
	int pair = icmp_pair(proto, type);

	if (pair < 0)
		return FLOW_KEY_ICMP | (uint32_t)type << 8 | code;
	return FLOW_KEY_ICMP | (uint32_t)(pair < type ? pair : type) << 8;
}

/* memcmp order of 16 bytes, without the call. */
static inline int cmp16(const uint8_t *a, const uint8_t *b)
{
	uint64_t x = be64_load(a), y = be64_load(b);

	if (x == y) {
		x = be64_load(a + 8);
		y = be64_load(b + 8);
	}
	return (x > y) - (x < y);
}

static inline void set_ends(struct flow_key *k, const uint8_t *lo, const uint8_t *hi,
			    uint16_t lo_port, uint16_t hi_port)
{
	memcpy(k->lo, lo, 16);
	memcpy(k->hi, hi, 16);
	k->lo_port = lo_port;
	k->hi_port = hi_port;
}

bool flow_key_init(struct flow_key *k, const struct dec *d, uint32_t iface, uint32_t parent)
{
	uint16_t sport = d->sport, dport = d->dport;
	uint32_t tun_id = d->tun_id;
	int order = cmp16(d->src, d->dst);
	bool swap;

	if (d->flags & DEC_ONE_PORT)
		sport = dport;
	/* DEC_PORTS on ICMP: a later fragment, completed from its first one. */
	if (d->flags & (DEC_L4 | DEC_PORTS) &&
	    (d->proto == IPPROTO_ICMP || d->proto == IPPROTO_ICMPV6)) {
		sport = dport = d->icmp_id;
		tun_id = flow_key_icmp(d->proto, d->icmp_type, d->icmp_code);
	}

	swap = order > 0 || (order == 0 && sport > dport);
	if (swap)
		set_ends(k, d->dst, d->src, dport, sport);
	else
		set_ends(k, d->src, d->dst, sport, dport);
	k->tun_id = tun_id;
	k->vlan[0] = d->vlan[0];
	k->vlan[1] = d->vlan[1];
	k->kind = d->kind;
	k->proto = d->proto;
	k->link_proto = d->kind == DEC_LINK || d->kind == DEC_OPAQUE ? d->link_proto : 0;
	k->iface = iface;
	k->parent = parent;
	return swap;
}
