/* Link types of captures, tcpdump.org/linktypes.html. */
#include "net/link.h"

#include "net/walk.h"

#define FDDI_HDR_SIZE       13
#define IPNET_HDR_SIZE      24
#define IPOIB_ADDRS_SIZE    40
#define SLIP_HDR_SIZE       16
#define APPLE_IP_ADDRS_SIZE 16
#define FC_ADDRS_SIZE       16
#define NFLOG_PAYLOAD       9 /* NFULA_PAYLOAD, linux/netfilter/nfnetlink_log.h */
#define NFLOG_HWADDR        8 /* NFULA_HWADDR */

/* Address families as they appear in BSD, Darwin and Linux headers. */
static enum walk_next by_family(uint32_t family)
{
	switch (family) {
	case 2:
	case 10: /* Linux AF_INET6 */
	case 24: /* NetBSD, OpenBSD */
	case 26: /* Solaris */
	case 28: /* FreeBSD */
	case 30: /* Darwin */
		return WALK_IP;
	default:
		return WALK_STOP;
	}
}

/* The family is in the byte order of the capturing host, unknown here. */
static enum walk_next null_step(struct walk *w, bool big)
{
	struct cur h = w->c;
	uint32_t family = cur_be32(&h);

	if (!walk_took(w, &h) || !walk_enter(w, LAYER_LOOPBACK))
		return WALK_STOP;
	if (!big && family > 0xffff)
		family = __builtin_bswap32(family);
	return by_family(family);
}

/* What SLL and SLL2 share: the hardware type tells what 'proto' means. */
static enum walk_next sll_proto(struct walk *w, uint16_t hatype, uint16_t proto)
{
	w->id = proto;
	switch (hatype) {
	case 778: /* ARPHRD_IPGRE: GRE protocol types are EtherTypes for all we follow */
		return WALK_TYPE;
	case 801: /* ARPHRD_IEEE80211 */
		return WALK_WLAN;
	case 803: /* ARPHRD_IEEE80211_RADIOTAP */
		w->id = LINKTYPE_RADIOTAP;
		return WALK_LINK;
	case 770: /* ARPHRD_FRAD */
		return WALK_FRELAY;
	case 824: /* ARPHRD_NETLINK */
		return WALK_STOP;
	default:
		break;
	}
	switch (proto) { /* below 0x600: LINUX_SLL_P_* */
	case 1:
		return WALK_STOP; /* Novell IPX */
	case 3:
		return WALK_ETHER;
	case 4:
		return WALK_LLC;
	case 7:
		return WALK_PPP;
	default:
		return WALK_TYPE;
	}
}

static enum walk_next sll_step(struct walk *w)
{
	struct cur h = w->c;
	uint16_t hatype, halen, proto;
	const uint8_t *addr;

	cur_be16(&h); /* packet type */
	hatype = cur_be16(&h);
	halen = cur_be16(&h);
	addr = cur_take(&h, 8);
	proto = cur_be16(&h);
	if (!walk_took(w, &h) || !walk_enter(w, LAYER_SLL))
		return WALK_STOP;
	walk_link(w, halen == 6 ? addr : NULL, NULL, proto);
	return sll_proto(w, hatype, proto);
}

static enum walk_next sll2_step(struct walk *w)
{
	struct cur h = w->c;
	uint16_t hatype, proto;
	const uint8_t *addr;
	uint8_t halen;

	proto = cur_be16(&h);
	cur_take(&h, 6); /* reserved, interface index */
	hatype = cur_be16(&h);
	cur_u8(&h); /* packet type */
	halen = cur_u8(&h);
	addr = cur_take(&h, 8);
	if (!walk_took(w, &h) || !walk_enter(w, LAYER_SLL2))
		return WALK_STOP;
	walk_link(w, halen == 6 ? addr : NULL, NULL, proto);
	return sll_proto(w, hatype, proto);
}

static enum walk_next fddi_step(struct walk *w)
{
	struct cur h = w->c;
	const uint8_t *dst, *src;
	uint8_t fc;

	fc = cur_u8(&h);
	dst = cur_take(&h, 6);
	src = cur_take(&h, 6);
	if (!walk_took(w, &h) || !walk_enter(w, LAYER_FDDI))
		return WALK_STOP;
	walk_link(w, src, dst, 0);
	/* ANSI X3.139: LLC frames have frame control 0?01???? */
	return (fc & 0x30) == 0x10 ? WALK_LLC : WALK_STOP;
}

/* IEEE 802.5: access and frame control, addresses, source route when the
 * source address has its first bit set. */
static enum walk_next token_ring_step(struct walk *w)
{
	struct cur h = w->c;
	const uint8_t *dst, *src;
	uint8_t fc, first;

	cur_u8(&h);
	fc = cur_u8(&h);
	dst = cur_take(&h, 6);
	first = cur_peek(&h, 0);
	src = cur_take(&h, 6);
	if (first & 0x80) {
		uint8_t n = cur_peek(&h, 0) & 0x1f;

		cur_take(&h, n < 2 ? 2 : n);
	}
	if (!walk_took(w, &h))
		return WALK_STOP;
	walk_link(w, src, dst, 0);
	return (fc & 0xc0) == 0x40 ? WALK_LLC : WALK_STOP;
}

/* linux/netfilter/nfnetlink_log.h: a family and attributes in host byte order,
 * which is little-endian wherever it has been seen. */
static enum walk_next nflog_step(struct walk *w)
{
	struct cur h = w->c;
	uint8_t family;

	family = cur_u8(&h);
	cur_take(&h, 3);
	while (cur_ok(&h) && h.left) {
		uint16_t size = cur_le16(&h), type = cur_le16(&h) & 0x7fff;

		if (!cur_ok(&h))
			break;
		if (size < 4)
			return walk_bad(w);
		if (type == NFLOG_PAYLOAD) {
			if (!walk_took(w, &h) || !walk_enter(w, LAYER_NFLOG))
				return WALK_STOP;
			if (w->wire > size - 4u)
				walk_limit(w, size - 4u);
			w->split = true; /* the copy range cuts without a trace */
			return by_family(family);
		}
		cur_take(&h, ((size + 3u) & ~3u) - 4);
	}
	if (!cur_ok(&h) || w->wire > w->c.left)
		walk_short(w);
	return WALK_STOP;
}

/* A length, then more; the packet's own link type inside. */
static enum walk_next pktap_step(struct walk *w)
{
	struct cur h = w->c;
	uint32_t size, dlt;

	size = cur_le32(&h);
	cur_le32(&h); /* record type */
	dlt = cur_le32(&h);
	if (cur_ok(&h) && (size < 12 || dlt == LINKTYPE_PKTAP))
		return walk_bad(w);
	cur_take(&h, size - 12);
	if (!walk_took(w, &h) || !walk_enter(w, LAYER_PKTAP))
		return WALK_STOP;
	w->id = dlt > 0xffff ? 0xffff : dlt;
	return WALK_LINK;
}

/* Skips 'n' bytes that say nothing about flows. */
static enum walk_next skip(struct walk *w, uint32_t n, enum walk_next next)
{
	struct cur h = w->c;

	cur_take(&h, n);
	return walk_took(w, &h) ? next : WALK_STOP;
}

/* An EtherType behind 'n' bytes of addresses that are not MACs. */
static enum walk_next skip_to_type(struct walk *w, uint32_t n, uint32_t pad, enum layer layer)
{
	struct cur h = w->c;

	cur_take(&h, n);
	w->id = cur_be16(&h);
	cur_take(&h, pad);
	if (!walk_took(w, &h))
		return WALK_STOP;
	if (layer && !walk_enter(w, layer))
		return WALK_STOP;
	return WALK_TYPE;
}

/* OpenBSD if_pflog.h: length, family, ...; the packet at the next multiple of 4. */
static enum walk_next pflog_step(struct walk *w)
{
	struct cur h = w->c;
	uint8_t size = cur_u8(&h), family = cur_u8(&h);

	if (cur_ok(&h) && size < 2)
		return walk_bad(w);
	cur_take(&h, ((size + 3u) & ~3u) - 2);
	return walk_took(w, &h) ? by_family(family) : WALK_STOP;
}

enum walk_next link_step(struct walk *w)
{
	switch (w->id) {
	case LINKTYPE_NULL:
		return null_step(w, false);
	case LINKTYPE_LOOP:
		return null_step(w, true);
	case LINKTYPE_ETHERNET:
		return WALK_ETHER;
	case LINKTYPE_ETHERNET_MPACKET:
		return skip(w, 8, WALK_ETHER); /* preamble and SMD */
	case LINKTYPE_NETANALYZER:
		return skip(w, 4, WALK_ETHER);
	case LINKTYPE_NETANALYZER_TRANSPARENT:
		return skip(w, 12, WALK_ETHER); /* the same with preamble and SFD */
	case LINKTYPE_TOKEN_RING:
		return token_ring_step(w);
	case LINKTYPE_SLIP:
		return skip(w, SLIP_HDR_SIZE, WALK_IP);
	case LINKTYPE_PPP:
	case LINKTYPE_PPP_HDLC:
		return WALK_PPP;
	case LINKTYPE_PPP_WITH_DIR:
		return skip(w, 1, WALK_PPP);
	case LINKTYPE_PPP_ETHER:
		return pppoe_step(w);
	case LINKTYPE_FDDI:
		return fddi_step(w);
	case LINKTYPE_ATM_RFC1483:
		return WALK_LLC;
	case LINKTYPE_ATM_CLIP: /* RFC 2225: LLC/SNAP; bare IP from some drivers */
		return cur_peek(&w->c, 0) == 0xaa ? WALK_LLC : WALK_IP;
	case DLT_RAW_BSD:
	case DLT_RAW_OPENBSD:
	case LINKTYPE_RAW:
	case LINKTYPE_IPV4:
	case LINKTYPE_IPV6:
		return WALK_IP;
	case LINKTYPE_C_HDLC:
		return WALK_HDLC;
	case LINKTYPE_C_HDLC_WITH_DIR:
		return skip(w, 1, WALK_HDLC);
	case LINKTYPE_WLAN:
		return WALK_WLAN;
	case LINKTYPE_RADIOTAP:
	case LINKTYPE_PRISM:
	case LINKTYPE_AVS:
		return radiotap_step(w);
	case LINKTYPE_PPI:
		return ppi_step(w);
	case LINKTYPE_FRELAY:
		return WALK_FRELAY;
	case LINKTYPE_FRELAY_WITH_DIR:
		return skip(w, 1, WALK_FRELAY);
	case LINKTYPE_ENC:
		return skip(w, 12, WALK_IP);
	case LINKTYPE_LINUX_SLL:
		return sll_step(w);
	case LINKTYPE_LINUX_SLL2:
		return sll2_step(w);
	case LINKTYPE_PFLOG:
		return pflog_step(w);
	case LINKTYPE_IP_OVER_FC:
		return skip(w, FC_ADDRS_SIZE, WALK_LLC);
	case LINKTYPE_APPLE_IP_1394:
		return skip_to_type(w, APPLE_IP_ADDRS_SIZE, 0, LAYER_NONE);
	case LINKTYPE_MPLS:
		return WALK_MPLS;
	case LINKTYPE_IPNET:
		return skip(w, IPNET_HDR_SIZE, WALK_IP);
	case LINKTYPE_NFLOG:
		return nflog_step(w);
	case LINKTYPE_IPOIB: /* RFC 4391 6: type, reserved */
		return skip_to_type(w, IPOIB_ADDRS_SIZE, 2, LAYER_IPOIB);
	case LINKTYPE_PKTAP:
		return pktap_step(w);
	default:
		return WALK_STOP;
	}
}
