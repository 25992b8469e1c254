#include "net/fast.h"

#include <string.h>

#include "base/bytes.h"
#include "net/ethertype.h"
#include "net/ip.h"
#include "net/walk.h"

#define ETH_HDR_SIZE       14
#define VLAN_TAG_SIZE      4
#define TCP_HDR_SIZE       20
#define UDP_HDR_SIZE       8
#define TCP_TIMESTAMP_OPTS 0x0101080a /* two NOPs, time stamp: RFC 7323 appendix A */
#define TCP_TIMESTAMP_SIZE 12

/* 'cap' bytes are captured of 'wire' behind the IP header at 'p'. */
static inline bool fast_tcp(const uint8_t *p, uint32_t cap, uint32_t wire, struct dec *d)
{
	uint32_t hlen, opts;

	if (cap < TCP_HDR_SIZE)
		return false;
	hlen = p[12] >> 4 << 2;
	if (hlen < TCP_HDR_SIZE || cap < hlen)
		return false;
	d->flags = DEC_L4 | DEC_PORTS;
	d->seq = be32_load(p + 4);
	d->ack = be32_load(p + 8);
	d->tcp_flags = p[13];
	d->window = be16_load(p + 14);
	opts = hlen - TCP_HDR_SIZE;
	if (!opts ||
	    (opts == TCP_TIMESTAMP_SIZE && be32_load(p + TCP_HDR_SIZE) == TCP_TIMESTAMP_OPTS) ||
	    tcp_options(p + TCP_HDR_SIZE, opts, d))
		d->flags |= DEC_TCP_OPTS;
	else
		d->flags |= DEC_MALFORMED;
	d->payload_len = wire - hlen;
	d->payload_cap = cap - hlen;
	d->payload = d->payload_cap ? p + hlen : NULL;
	return true;
}

static inline bool fast_udp(const uint8_t *p, uint32_t cap, uint32_t wire, struct dec *d)
{
	uint32_t size = be16_load(p + 4);

	if (size < UDP_HDR_SIZE || size > wire || udp_tunnel_port(d->sport, d->dport))
		return false;
	if (cap > size)
		cap = size;
	d->flags = DEC_L4 | DEC_PORTS;
	d->payload_len = size - UDP_HDR_SIZE;
	d->payload_cap = cap - UDP_HDR_SIZE;
	d->payload = d->payload_cap ? p + UDP_HDR_SIZE : NULL;
	return true;
}

/* The headers of the frames decoded here: [VLAN tag][IPv6][UDP]. */
static const struct {
	uint8_t n, layer[DEC_PATH_MAX];
} paths[2][2][2] = {
	{{{3, {LAYER_ETHERNET, LAYER_IP4, LAYER_TCP}}, {3, {LAYER_ETHERNET, LAYER_IP4, LAYER_UDP}}},
	 {{3, {LAYER_ETHERNET, LAYER_IP6, LAYER_TCP}},
	  {3, {LAYER_ETHERNET, LAYER_IP6, LAYER_UDP}}}},
	{{{4, {LAYER_ETHERNET, LAYER_DOT1Q, LAYER_IP4, LAYER_TCP}},
	  {4, {LAYER_ETHERNET, LAYER_DOT1Q, LAYER_IP4, LAYER_UDP}}},
	 {{4, {LAYER_ETHERNET, LAYER_DOT1Q, LAYER_IP6, LAYER_TCP}},
	  {4, {LAYER_ETHERNET, LAYER_DOT1Q, LAYER_IP6, LAYER_UDP}}}},
};

/* 'p' is behind the IP header, at least UDP_HDR_SIZE bytes are there. */
static inline bool fast_l4(const uint8_t *p, uint32_t cap, uint32_t wire, bool tagged,
			   struct dec *d)
{
	bool udp = d->proto == PROTO_UDP;

	_Static_assert(offsetof(struct dec, path) == offsetof(struct dec, npath) + 1, "");
	memcpy(&d->npath, &paths[tagged][d->kind == DEC_IP6][udp], 1 + DEC_PATH_MAX);
	d->sport = be16_load(p);
	d->dport = be16_load(p + 2);
	if (d->proto == PROTO_TCP)
		return fast_tcp(p, cap, wire, d);
	return udp && fast_udp(p, cap, wire, d);
}

bool fast_frame(const uint8_t *data, uint32_t caplen, uint32_t len, struct dec *ret)
{
	const uint8_t *p = data + ETH_HDR_SIZE;
	struct dec *d = ret;
	uint32_t left, wire, total;
	uint16_t type;
	bool tagged;

	if (caplen < ETH_HDR_SIZE + IP4_HDR_SIZE + UDP_HDR_SIZE || len < caplen)
		return false;
	left = caplen - ETH_HDR_SIZE;
	wire = len - ETH_HDR_SIZE;
	type = be16_load(data + 12);

	walk_clear(d);
	tagged = type == TYPE_VLAN;
	if (tagged) {
		d->vlan[0] = be16_load(p) & 0xfff;
		type = be16_load(p + 2);
		p += VLAN_TAG_SIZE;
		left -= VLAN_TAG_SIZE;
		wire -= VLAN_TAG_SIZE;
	}
	memcpy(d->mac_dst, data, 6);
	memcpy(d->mac_src, data + 6, 6);
	d->link_proto = type;

	if (type == TYPE_IP4) {
		if (left < IP4_HDR_SIZE + UDP_HDR_SIZE || p[0] != 0x45)
			return false;
		total = be16_load(p + 2);
		if (be16_load(p + 6) & 0x3fff || total > wire ||
		    total < IP4_HDR_SIZE + UDP_HDR_SIZE)
			return false;
		d->kind = DEC_IP4;
		d->tos = p[1];
		d->ttl = p[8];
		d->proto = p[9];
		memcpy(d->src, p + 12, 4);
		memcpy(d->dst, p + 16, 4);
		d->ip_len = total;
		if (left > total)
			left = total;
		return fast_l4(p + IP4_HDR_SIZE, left - IP4_HDR_SIZE, total - IP4_HDR_SIZE, tagged,
			       d);
	}
	if (type == TYPE_IP6) {
		if (left < IP6_HDR_SIZE + UDP_HDR_SIZE || p[0] >> 4 != 6)
			return false;
		total = be16_load(p + 4) + IP6_HDR_SIZE;
		if (total > wire || total < IP6_HDR_SIZE + UDP_HDR_SIZE)
			return false;
		d->kind = DEC_IP6;
		d->tos = be16_load(p) >> 4;
		d->ttl = p[7];
		d->proto = p[6];
		memcpy(d->src, p + 8, 16);
		memcpy(d->dst, p + 24, 16);
		d->ip_len = total;
		if (left > total)
			left = total;
		return fast_l4(p + IP6_HDR_SIZE, left - IP6_HDR_SIZE, total - IP6_HDR_SIZE, tagged,
			       d);
	}
	return false;
}
