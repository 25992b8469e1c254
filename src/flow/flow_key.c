#include "flow/flow_key.h"

#include "net/community.h"

uint32_t flow_key_icmp(uint8_t proto, uint8_t type, uint8_t code)
{
	int pair = community_icmp_answer(proto, type);

	if (pair < 0)
		return FLOW_KEY_ICMP | (uint32_t)type << 8 | code;
	return FLOW_KEY_ICMP | (uint32_t)(pair < type ? pair : type) << 8;
}

static bool is_icmp(const struct dec *d)
{
	/* DEC_PORTS on ICMP: a later fragment, completed from its first one. */
	return (d->proto == IPPROTO_ICMP || d->proto == IPPROTO_ICMPV6) &&
	       d->flags & (DEC_L4 | DEC_PORTS);
}

static bool put_long(struct flow_full_key *k, const struct dec *d, uint16_t sport, uint16_t dport,
		     uint32_t tun_id)
{
	int order = memcmp(d->src, d->dst, 16);
	bool swap = order ? order > 0 : sport > dport;
	const uint8_t *lo = swap ? d->dst : d->src, *hi = swap ? d->src : d->dst;

	memcpy(k->key.lo, lo, 4);
	memcpy(k->key.hi, hi, 4);
	memcpy(k->rest.lo, lo + 4, 12);
	memcpy(k->rest.hi, hi + 4, 12);
	flow_key_put_ports(&k->key, swap ? dport : sport, swap ? sport : dport, tun_id);
	return swap;
}

static bool put_icmp(struct flow_full_key *k, const struct dec *d)
{
	uint32_t id = flow_key_icmp(d->proto, d->icmp_type, d->icmp_code);

	if (flow_key_is_long(&k->key))
		return put_long(k, d, d->icmp_id, d->icmp_id, id);
	return flow_key_put_short(&k->key, d, d->icmp_id, d->icmp_id, id);
}

bool flow_key_init_any(struct flow_full_key *ret, const struct dec *d, uint16_t sport)
{
	if (is_icmp(d))
		return put_icmp(ret, d);
	if (flow_key_is_long(&ret->key))
		return put_long(ret, d, sport, d->dport, d->tun_id);
	return flow_key_put_short(&ret->key, d, sport, d->dport, d->tun_id);
}
