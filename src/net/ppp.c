/* Serial links: PPP, PPPoE, Cisco HDLC, frame relay. */
#include "net/ethertype.h"
#include "net/walk.h"

#define BRIDGING_LAN_ID 0x40

/* IANA PPP numbers */
enum ppp_proto {
	PPP_IP4 = 0x0021,
	PPP_BRIDGING = 0x0031,
	PPP_MULTILINK = 0x003d,
	PPP_IP6 = 0x0057,
	PPP_MPLS = 0x0281,
	PPP_MPLS_UP = 0x0283,
};

/* ISO/IEC TR 9577 */
enum nlpid {
	NLPID_SNAP = 0x80,
	NLPID_IP6 = 0x8e,
	NLPID_IP4 = 0xcc,
	NLPID_PPP = 0xcf,
};

/* RFC 3518 4.2: flags, MAC type (1 is Ethernet); RFC 1638 4.1 had a LAN id that
 * its successors no longer allow. */
static enum walk_next bridging_step(struct walk *w)
{
	struct cur h = w->c;
	uint8_t flags = cur_u8(&h), mac_type = cur_u8(&h);

	if (flags & BRIDGING_LAN_ID)
		cur_be32(&h);
	if (!walk_took(w, &h))
		return WALK_STOP;
	if (mac_type != 1)
		return WALK_STOP;
	w->inner = w->inner || w->d->kind != DEC_OPAQUE;
	return WALK_ETHER;
}

/* RFC 1990 3: only a fragment that is the whole packet can be read on.  The
 * header is the long one unless it was negotiated otherwise. */
static enum walk_next multilink_step(struct walk *w)
{
	struct cur h = w->c;
	uint32_t flags = cur_be32(&h) >> 24;

	if (!walk_took(w, &h))
		return WALK_STOP;
	return (flags & 0xc0) == 0xc0 ? WALK_PPP : WALK_STOP;
}

enum walk_next ppp_step(struct walk *w)
{
	struct cur h = w->c;
	uint8_t first = cur_peek(&h, 0), second = cur_peek(&h, 1);
	uint16_t proto;

	/* RFC 1547 4.3.1: Cisco's addresses, with the control field 0 */
	if ((first == 0x0f || first == 0x8f) && second == 0)
		return WALK_HDLC;
	if (first == 0xff) /* RFC 1662 3.1: address, control; no protocol begins so */
		cur_take(&h, 2);
	proto = cur_u8(&h);
	if (!(proto & 1)) /* RFC 1661 6.5: an odd first byte is the whole number */
		proto = proto << 8 | cur_u8(&h);
	if (!walk_took(w, &h) || !walk_enter(w, LAYER_PPP))
		return WALK_STOP;
	switch (proto) {
	case PPP_IP4:
	case TYPE_IP4: /* EtherTypes are even: seen from some encapsulators */
		return WALK_IP;
	case PPP_IP6:
	case TYPE_IP6:
		return WALK_IP6;
	case PPP_MPLS:
	case PPP_MPLS_UP:
		return WALK_MPLS;
	case PPP_BRIDGING:
		return bridging_step(w);
	case PPP_MULTILINK:
		return multilink_step(w);
	default:
		return WALK_STOP;
	}
}

/* RFC 2516 4 */
enum walk_next pppoe_step(struct walk *w)
{
	struct cur h = w->c;
	uint8_t version, code;
	uint16_t size;

	version = cur_u8(&h);
	code = cur_u8(&h);
	cur_be16(&h); /* session */
	size = cur_be16(&h);
	if (!walk_took(w, &h) || !walk_enter(w, LAYER_PPPOE))
		return WALK_STOP;
	if (version != 0x11)
		return walk_bad(w);
	if (size < w->wire)
		walk_limit(w, size);
	return code == 0 ? WALK_PPP : WALK_STOP;
}

enum walk_next hdlc_step(struct walk *w)
{
	struct cur h = w->c;

	cur_be16(&h); /* address, control */
	w->id = cur_be16(&h);
	if (!walk_took(w, &h) || !walk_enter(w, LAYER_HDLC))
		return WALK_STOP;
	return w->id > LENGTH_MAX ? WALK_TYPE : WALK_STOP;
}

/* Q.922 3.2: address bytes until one has its first bit set; then RFC 2427, or
 * Cisco's EtherType, which never looks like unnumbered information. */
enum walk_next frelay_step(struct walk *w)
{
	struct cur h = w->c;
	uint8_t b;
	unsigned n = 0;

	do {
		b = cur_u8(&h);
		n++;
	} while (cur_ok(&h) && !(b & 1) && n < 4);
	if (cur_ok(&h) && (n < 2 || !(b & 1)))
		return walk_bad(w);
	if (cur_peek(&h, 0) == 0x03) {
		cur_u8(&h);
		if (cur_peek(&h, 0) == 0) /* RFC 2427 3: pad */
			cur_u8(&h);
		if (!walk_took(w, &h) || !walk_enter(w, LAYER_FRELAY))
			return WALK_STOP;
		return WALK_NLPID;
	}
	w->id = cur_be16(&h);
	if (!walk_took(w, &h) || !walk_enter(w, LAYER_FRELAY))
		return WALK_STOP;
	return w->id > LENGTH_MAX ? WALK_TYPE : WALK_STOP;
}

enum walk_next nlpid_step(struct walk *w)
{
	struct cur h = w->c;
	uint8_t nlpid = cur_u8(&h);

	if (!walk_took(w, &h))
		return WALK_STOP;
	switch (nlpid) {
	case NLPID_IP4:
		return WALK_IP;
	case NLPID_IP6:
		return WALK_IP6;
	case NLPID_PPP:
		return WALK_PPP;
	case NLPID_SNAP:
		return snap_step(w);
	default:
		return WALK_STOP;
	}
}
