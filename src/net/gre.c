/* GRE (RFC 2784, 2890, the routing of RFC 1701, PPTP's version 1 of RFC 2637)
 * and the protocols that only travel in it. */
#include "net/ethertype.h"
#include "net/walk.h"

#define GRE_CHECKSUM 0x8000
#define GRE_ROUTING  0x4000
#define GRE_KEY      0x2000
#define GRE_SEQ      0x1000
#define GRE_ACK      0x0080 /* version 1 */
#define GRE_VERSION  0x0007

#define ARUBA_FIRST 0x8200 /* Aruba's access points: 802.11 frames in 24 protocol numbers */
#define ARUBA_LAST  0x8370

/* RFC 1701: source route entries until an empty one. */
static void skip_routing(struct cur *h)
{
	uint8_t len;

	do {
		cur_take(h, 3); /* address family, offset */
		len = cur_u8(h);
		cur_take(h, len);
	} while (cur_ok(h) && len);
}

/* draft-foschiano-erspan-03: type II and III have a header; type I, which GRE
 * shows by lacking a sequence number, has none. */
static enum walk_next erspan_step(struct walk *w, bool header)
{
	struct cur h = w->c;
	unsigned version = 0;
	uint16_t bits = 0;

	if (header) {
		version = cur_be16(&h) >> 12;
		if (cur_ok(&h) && version != 1 && version != 2)
			return WALK_STOP;
		cur_take(&h, version == 1 ? 6 : 8);
		if (version == 2)
			bits = cur_be16(&h);
		if (bits & 1) /* O: platform sub-header */
			cur_take(&h, 8);
	}
	if (!walk_took(w, &h))
		return WALK_STOP;
	walk_tunnel(w, LAYER_ERSPAN);
	if ((bits >> 10 & 0x1f) == 2) /* FT: bare IP */
		return WALK_IP;
	return WALK_ETHER;
}

/* WCCPv2 (draft-wilson-wrec-wccp-v2-01 4): IP, or a redirect header first,
 * which does not begin as IPv4 does. */
static enum walk_next wccp_step(struct walk *w)
{
	struct cur h = w->c;

	if (cur_peek(&h, 0) >> 4 != 4)
		cur_be32(&h);
	return walk_took(w, &h) ? WALK_IP : WALK_STOP;
}

/* Cisco MetaData puts the EtherType of the payload first here, last on Ethernet. */
static enum walk_next cmd_step(struct walk *w)
{
	struct cur h = w->c;

	w->id = cur_be16(&h);
	cur_u8(&h); /* version */
	cur_take(&h, 4u * cur_u8(&h));
	return walk_took(w, &h) ? WALK_TYPE : WALK_STOP;
}

static enum walk_next gre_payload(struct walk *w, uint16_t flags, uint16_t proto)
{
	if (proto >= ARUBA_FIRST && proto <= ARUBA_LAST && proto % 16 == 0)
		return WALK_WLAN;
	switch (proto) {
	case TYPE_ERSPAN:
		return erspan_step(w, flags & GRE_SEQ);
	case TYPE_ERSPAN3:
		return erspan_step(w, true);
	case TYPE_WCCP:
		return wccp_step(w);
	case TYPE_CMD:
		return cmd_step(w);
	case TYPE_FRELAY:
		return WALK_FRELAY;
	default:
		w->id = proto;
		return proto > LENGTH_MAX ? WALK_TYPE : WALK_STOP;
	}
}

enum walk_next gre_step(struct walk *w)
{
	struct cur h = w->c;
	uint16_t flags = cur_be16(&h), proto = cur_be16(&h);
	uint32_t key = 0;

	if (cur_ok(&h) && (flags & GRE_VERSION) > 1)
		return walk_bad(w);
	if (flags & (GRE_CHECKSUM | GRE_ROUTING))
		cur_be32(&h); /* checksum, offset */
	if (flags & GRE_KEY)
		key = cur_be32(&h);
	if (flags & GRE_SEQ)
		cur_be32(&h);
	if (flags & GRE_VERSION && flags & GRE_ACK)
		cur_be32(&h);
	if (flags & GRE_ROUTING && !(flags & GRE_VERSION))
		skip_routing(&h);
	if (!walk_took(w, &h))
		return WALK_STOP;
	/* PPTP's key is a length and a call id that differs by direction */
	w->d->tun_id = flags & GRE_VERSION ? 0 : key;
	walk_tunnel(w, LAYER_GRE);
	return gre_payload(w, flags, proto);
}
