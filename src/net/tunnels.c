/* Tunnels in UDP, told by their registered ports. */
#include "net/ethertype.h"
#include "net/walk.h"

#define GTPU_GPDU    0xff
#define GTPU_EXT     0x04
#define GTPU_OPTIONS 0x07 /* any of extension, sequence, N-PDU: the four bytes are there */

#define L2TP_CONTROL 0x8000
#define L2TP_LENGTH  0x4000
#define L2TP_SEQ     0x0800
#define L2TP_OFFSET  0x0200
#define L2TP_VERSION 0x000f

#define PORT_SYSTEM_END 1024 /* RFC 6335 6: below, a service is the peer, not a tunnel */

enum tunnel_port {
	PORT_L2TP = 1701,
	PORT_GTPU = 2152,
	PORT_TEREDO = 3544,
	PORT_LISP = 4341,
	PORT_GRE = 4754,
	PORT_VXLAN = 4789,
	PORT_VXLAN_GPE = 4790,
	PORT_GENEVE = 6081,
	PORT_MPLS = 6635,
	PORT_VXLAN_LINUX = 8472, /* the kernel's default from before the registration */
	PORT_TZSP = 37008,
};

static bool is_tunnel(uint16_t port)
{
	switch (port) {
	case PORT_L2TP:
	case PORT_GTPU:
	case PORT_TEREDO:
	case PORT_LISP:
	case PORT_GRE:
	case PORT_VXLAN:
	case PORT_VXLAN_GPE:
	case PORT_GENEVE:
	case PORT_MPLS:
	case PORT_VXLAN_LINUX:
	case PORT_TZSP:
		return true;
	default:
		return false;
	}
}

uint16_t udp_tunnel_port(uint16_t sport, uint16_t dport)
{
	uint16_t low = sport < dport ? sport : dport, high = sport < dport ? dport : sport;

	if (low < PORT_SYSTEM_END)
		return 0;
	return is_tunnel(low) ? low : is_tunnel(high) ? high : 0;
}

/* RFC 7348 5; without the I flag the VNI means nothing, and then all of the
 * header must be as empty as the RFC wants it. */
static enum walk_next vxlan_step(struct walk *w)
{
	struct cur h = w->c;
	uint32_t flags = cur_be32(&h), vni = cur_be32(&h);

	if (!walk_took(w, &h))
		return WALK_STOP;
	if (!(flags & 0x08000000)) {
		if (flags || vni & 0xff)
			return WALK_STOP;
		vni = 0;
	}
	w->d->tun_id = vni >> 8;
	w->d->flags |= DEC_ONE_PORT;
	walk_tunnel(w, LAYER_VXLAN);
	return WALK_ETHER;
}

/* draft-ietf-nvo3-vxlan-gpe 3 */
static enum walk_next vxlan_gpe_step(struct walk *w)
{
	struct cur h = w->c;
	uint8_t flags = cur_u8(&h), next;
	uint32_t vni;

	cur_be16(&h);
	next = cur_u8(&h);
	vni = cur_be32(&h) >> 8;
	if (!walk_took(w, &h))
		return WALK_STOP;
	if (!(flags & 0x08))
		return WALK_STOP;
	w->d->tun_id = vni;
	w->d->flags |= DEC_ONE_PORT;
	walk_tunnel(w, LAYER_VXLAN);
	/* P says that the next protocol is named; some senders name it without */
	switch (flags & 0x04 || next ? next : 3) {
	case 1:
	case 2:
		return WALK_IP;
	case 3:
		return WALK_ETHER;
	case 4:
		w->id = TYPE_NSH;
		return WALK_TYPE;
	case 5:
		return WALK_MPLS;
	default:
		return WALK_STOP;
	}
}

/* RFC 8926 3.4 */
static enum walk_next geneve_step(struct walk *w)
{
	struct cur h = w->c;
	uint8_t first = cur_u8(&h);
	uint32_t vni;

	cur_u8(&h); /* flags */
	w->id = cur_be16(&h);
	vni = cur_be32(&h) >> 8;
	if (cur_ok(&h) && first >> 6 != 0) /* version */
		return WALK_STOP;
	cur_take(&h, 4u * (first & 0x3f));
	if (!walk_took(w, &h))
		return WALK_STOP;
	w->d->tun_id = vni;
	w->d->flags |= DEC_ONE_PORT;
	walk_tunnel(w, LAYER_GENEVE);
	return w->id > LENGTH_MAX ? WALK_TYPE : WALK_STOP;
}

/* 3GPP TS 29.281 5.1, 5.2: only version 1 user data. */
static enum walk_next gtpu_step(struct walk *w)
{
	struct cur h = w->c;
	uint8_t flags = cur_u8(&h), type = cur_u8(&h), ext, len;

	cur_take(&h, 6); /* length, TEID */
	if (!walk_took(w, &h))
		return WALK_STOP;
	if (flags >> 4 != 3 || type != GTPU_GPDU)
		return WALK_STOP;
	h = w->c;
	if (flags & GTPU_OPTIONS) {
		cur_take(&h, 3);
		ext = cur_u8(&h);
		while (flags & GTPU_EXT && ext && cur_ok(&h)) {
			len = cur_u8(&h); /* in units of 4 bytes, this one included */
			if (cur_ok(&h) && !len)
				return walk_bad(w);
			cur_take(&h, 4u * len - 2);
			ext = cur_u8(&h);
		}
	}
	if (!walk_took(w, &h))
		return WALK_STOP;
	walk_tunnel(w, LAYER_GTPU);
	switch (cur_peek(&w->c, 0) >> 4) {
	case 4:
	case 6:
		return WALK_IP;
	default: /* Ethernet, PPP or unstructured: only the session's signalling knows */
		return eth_guess(w);
	}
}

/* RFC 2661 3.1; version 3 (RFC 3931) data need the session's cookie length. */
static enum walk_next l2tp_step(struct walk *w)
{
	struct cur h = w->c;
	uint16_t flags = cur_be16(&h);

	if (cur_ok(&h) && (flags & L2TP_VERSION) != 2)
		return WALK_STOP;
	if (flags & L2TP_LENGTH)
		cur_be16(&h);
	cur_be32(&h); /* tunnel, session */
	if (flags & L2TP_SEQ)
		cur_be32(&h);
	if (flags & L2TP_OFFSET)
		cur_take(&h, cur_be16(&h));
	if (!walk_took(w, &h))
		return WALK_STOP;
	if (flags & L2TP_CONTROL) {
		walk_tunnel(w, LAYER_L2TP);
		return WALK_STOP;
	}
	walk_tunnel(w, LAYER_L2TP);
	return WALK_PPP;
}

/* RFC 4380 5.1.1: an authentication and an origin may precede the packet. */
static enum walk_next teredo_step(struct walk *w)
{
	struct cur h = w->c;

	if (cur_peek(&h, 0) == 0 && cur_peek(&h, 1) == 1) {
		uint8_t id_len, auth_len;

		cur_be16(&h);
		id_len = cur_u8(&h);
		auth_len = cur_u8(&h);
		cur_take(&h, id_len + auth_len + 9u); /* nonce, confirmation */
	}
	if (cur_peek(&h, 0) == 0 && cur_peek(&h, 1) == 0)
		cur_take(&h, 8);
	if (!walk_took(w, &h))
		return WALK_STOP;
	if (w->c.left && cur_peek(&w->c, 0) >> 4 != 6)
		return WALK_STOP;
	walk_tunnel(w, LAYER_TEREDO);
	return WALK_IP6;
}

/* RFC 9300 5.1 */
static enum walk_next lisp_step(struct walk *w)
{
	struct cur h = w->c;

	cur_take(&h, 8);
	if (!walk_took(w, &h))
		return WALK_STOP;
	walk_tunnel(w, LAYER_LISP);
	return WALK_IP;
}

/* TaZmen Sniffer Protocol: version 1, type, encapsulated protocol, tags until
 * the end tag. */
static enum walk_next tzsp_step(struct walk *w)
{
	struct cur h = w->c;
	uint8_t version = cur_u8(&h), type = cur_u8(&h), tag;
	uint16_t proto = cur_be16(&h);

	if (cur_ok(&h) && (version != 1 || type > 1)) /* received, or for transmission */
		return WALK_STOP;
	do {
		tag = cur_u8(&h);
		if (tag > 1) /* 0 is padding, 1 the end */
			cur_take(&h, cur_u8(&h));
	} while (cur_ok(&h) && tag != 1);
	if (!walk_took(w, &h))
		return WALK_STOP;
	walk_tunnel(w, LAYER_TZSP);
	return proto == 1 ? WALK_ETHER : proto == 18 ? WALK_WLAN : WALK_STOP;
}

enum walk_next udp_port_step(struct walk *w)
{
	if (!w->c.left && !w->wire) /* keep-alives and probes are empty */
		return WALK_STOP;
	switch (w->id) {
	case PORT_L2TP:
		return l2tp_step(w);
	case PORT_GTPU:
		return gtpu_step(w);
	case PORT_TEREDO:
		return teredo_step(w);
	case PORT_LISP:
		return lisp_step(w);
	case PORT_GRE:
		return WALK_GRE;
	case PORT_VXLAN:
	case PORT_VXLAN_LINUX:
		return vxlan_step(w);
	case PORT_VXLAN_GPE:
		return vxlan_gpe_step(w);
	case PORT_GENEVE:
		return geneve_step(w);
	case PORT_MPLS:
		return WALK_MPLS;
	case PORT_TZSP:
		return tzsp_step(w);
	default:
		return WALK_STOP;
	}
}
