/* What an IP protocol number announces, for both versions. */
#include "net/ip.h"

#include "net/walk.h"

#define PIM_REGISTER 1
#define PIM_NULL     0x40000000

enum walk_next ip_step(struct walk *w)
{
	struct cur h = w->c;
	uint8_t version = cur_peek(&h, 0) >> 4;

	cur_u8(&h);
	if (!cur_ok(&h)) {
		walk_short(w);
		return WALK_STOP;
	}
	switch (version) {
	case 4:
		return ip4_step(w);
	case 6:
		return ip6_step(w);
	default:
		return walk_bad(w);
	}
}

/* RFC 3378 3: version 3 in the first four bits, the rest reserved; BSD systems
 * long sent it in the second four. */
static enum walk_next etherip_step(struct walk *w)
{
	struct cur h = w->c;
	uint16_t version = cur_be16(&h);

	if (!walk_took(w, &h))
		return WALK_STOP;
	if (version >> 12 != 3 && version != 0x0300)
		return WALK_STOP;
	walk_tunnel(w, LAYER_ETHERIP);
	return WALK_ETHER;
}

/* RFC 7761 4.9.3: a register carries a whole multicast packet to the rendezvous
 * point; a null register only its header. */
static enum walk_next pim_step(struct walk *w)
{
	struct cur h = w->c;
	uint8_t first = cur_u8(&h);
	uint32_t bits;

	cur_take(&h, 3); /* reserved, checksum */
	if (!walk_took(w, &h) || !walk_enter(w, LAYER_PIM))
		return WALK_STOP;
	if (first != (2 << 4 | PIM_REGISTER))
		return WALK_STOP;
	h = w->c;
	bits = cur_be32(&h);
	if (!walk_took(w, &h))
		return WALK_STOP;
	w->inner = true;
	return bits & PIM_NULL ? WALK_STOP : WALK_IP;
}

enum walk_next ip_proto_step(struct walk *w)
{
	switch (w->id) {
	case PROTO_TCP:
		return tcp_step(w);
	case PROTO_UDP:
	case PROTO_UDPLITE:
		return udp_step(w);
	case PROTO_ICMP:
	case PROTO_ICMP6:
		return icmp_step(w);
	case PROTO_SCTP:
		return sctp_step(w);
	case PROTO_DCCP:
		return dccp_step(w);
	case PROTO_IPIP:
		w->inner = true;
		return WALK_IP;
	case PROTO_IP6:
		w->inner = true;
		return WALK_IP6;
	case PROTO_GRE:
		return WALK_GRE;
	case PROTO_ESP:
		walk_enter(w, LAYER_ESP);
		return WALK_STOP;
	case PROTO_PIM:
		return pim_step(w);
	case PROTO_ETHERIP:
		return etherip_step(w);
	case PROTO_ETHERNET:
		w->inner = true;
		return WALK_ETHER;
	case PROTO_MPLS:
		return WALK_MPLS;
	case PROTO_AH:
	case PROTO_HOPOPTS:
	case PROTO_ROUTING:
	case PROTO_FRAGMENT:
	case PROTO_DSTOPTS:
	case PROTO_MOBILITY:
	case PROTO_HIP:
	case PROTO_SHIM6:
		return ip6_ext_step(w);
	default:
		return WALK_STOP;
	}
}
