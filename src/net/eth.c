/* Ethernet and what its EtherType or 802.2 header announces. */
#include "net/ethertype.h"
#include "net/link.h"
#include "net/walk.h"

#define SNAP_OUI_BRIDGED     0x0080c2 /* RFC 2684 5.2, RFC 2427 4.2 */
#define SNAP_OUI_ENCAP       0x000000 /* RFC 1042: an EtherType follows */
#define SNAP_OUI_ENCAP_8021H 0x0000f8 /* the same through an 802.1H bridge */

enum walk_next eth_step(struct walk *w)
{
	struct cur h = w->c;
	const uint8_t *dst, *src;
	uint16_t type;

	dst = cur_take(&h, 6);
	src = cur_take(&h, 6);
	type = cur_be16(&h);
	if (!walk_took(w, &h) || !walk_enter(w, LAYER_ETHERNET))
		return WALK_STOP;
	walk_link(w, src, dst, type);
	w->id = type;
	return WALK_TYPE;
}

bool eth_plausible(const struct cur *c)
{
	struct cur h = *c;
	uint16_t type;
	uint8_t dsap, ssap;

	cur_take(&h, 12);
	type = cur_be16(&h);
	dsap = cur_u8(&h);
	ssap = cur_u8(&h);
	if (!cur_ok(&h))
		return false;
	switch (type) {
	case TYPE_IP4:
	case TYPE_IP6:
	case TYPE_ARP:
	case TYPE_RARP:
	case TYPE_VLAN:
	case TYPE_QINQ:
	case TYPE_QINQ_9100:
	case TYPE_QINQ_9200:
	case TYPE_MPLS:
	case TYPE_MPLS_UP:
	case TYPE_PPPOE:
	case TYPE_PPPOE_DISCOVERY:
	case TYPE_PBB:
	case TYPE_SLOW:
	case TYPE_EAPOL:
	case TYPE_LLDP:
	case TYPE_MACSEC:
	case TYPE_PTP:
	case TYPE_CFM:
	case TYPE_LOOPBACK:
		return true;
	default: /* STP, SNAP, ISO and IPX use the same value for both */
		return type <= LENGTH_MAX && type >= 3 && dsap == ssap &&
		       (dsap == 0x42 || dsap == 0xaa || dsap == 0xfe || dsap == 0xe0);
	}
}

enum walk_next eth_guess(struct walk *w)
{
	if (eth_plausible(&w->c))
		return WALK_ETHER;
	if (w->c.left < ETH_GUESS_SIZE && (w->wire > w->c.left || w->split))
		walk_short(w);
	return WALK_STOP;
}

/* IEEE 802.1Q 9.6 and its relatives.  A tag with id 0 carries a priority only:
 * such a frame belongs to no VLAN, as one without tag. */
static enum walk_next vlan_step(struct walk *w)
{
	struct cur h = w->c;
	uint16_t id = cur_be16(&h) & 0xfff;

	w->id = cur_be16(&h);
	if (!walk_took(w, &h) || !walk_enter(w, LAYER_DOT1Q))
		return WALK_STOP;
	w->d->link_proto = w->id;
	if (id && w->nvlan < 2)
		w->d->vlan[w->nvlan++] = id;
	return WALK_TYPE;
}

/* Tags that only carry meta data: 'n' bytes, then the next EtherType. */
static enum walk_next tag_step(struct walk *w, uint32_t n)
{
	struct cur h = w->c;

	cur_take(&h, n);
	w->id = cur_be16(&h);
	if (!walk_took(w, &h))
		return WALK_STOP;
	w->d->link_proto = w->id;
	return WALK_TYPE;
}

/* Cisco MetaData: version, length of the options in units of 4 bytes. */
static enum walk_next cmd_step(struct walk *w)
{
	struct cur h = w->c;
	uint8_t version = cur_u8(&h), words = cur_u8(&h);

	if (cur_ok(&h) && version != 1)
		return WALK_STOP;
	cur_take(&h, 4u * words);
	w->id = cur_be16(&h);
	return walk_took(w, &h) ? WALK_TYPE : WALK_STOP;
}

/* IEEE 802.1ah: the I-TAG's 4 bytes, then the customer's frame. */
static enum walk_next pbb_step(struct walk *w)
{
	struct cur h = w->c;

	cur_be32(&h);
	if (!walk_took(w, &h))
		return WALK_STOP;
	walk_tunnel(w, LAYER_PBB);
	return WALK_ETHER;
}

/* RFC 826.  Only IPv4 addresses make a flow; other families keep the link's. */
enum walk_next arp_step(struct walk *w)
{
	struct cur h = w->c;
	const uint8_t *spa, *tpa;
	uint16_t ptype;
	uint8_t hlen, plen;

	cur_be16(&h); /* hardware type */
	ptype = cur_be16(&h);
	hlen = cur_u8(&h);
	plen = cur_u8(&h);
	cur_be16(&h); /* operation */
	cur_take(&h, hlen);
	spa = cur_take(&h, plen);
	cur_take(&h, hlen);
	tpa = cur_take(&h, plen);
	if (!walk_took(w, &h) || !walk_enter(w, LAYER_ARP))
		return WALK_STOP;
	if (ptype != TYPE_IP4 || plen != 4)
		return WALK_STOP;
	w->d->kind = DEC_ARP;
	memset(w->d->src, 0, sizeof(w->d->src));
	memset(w->d->dst, 0, sizeof(w->d->dst));
	memcpy(w->d->src, spa, 4);
	memcpy(w->d->dst, tpa, 4);
	return WALK_STOP;
}

/* RFC 8300 2: version, length in words, next protocol; contexts are skipped. */
static enum walk_next nsh_step(struct walk *w)
{
	struct cur h = w->c;
	uint32_t words = cur_be16(&h) & 0x3f;
	uint8_t next;

	cur_u8(&h); /* meta data type */
	next = cur_u8(&h);
	if (cur_ok(&h) && words < 2)
		return walk_bad(w);
	cur_take(&h, 4 * words - 4);
	if (!walk_took(w, &h))
		return WALK_STOP;
	walk_tunnel(w, LAYER_NSH);
	switch (next) {
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

/* RFC 6325 3: version, options length in words, hop count; nicknames. */
static enum walk_next trill_step(struct walk *w)
{
	struct cur h = w->c;
	uint16_t first = cur_be16(&h);

	cur_be32(&h);
	if (cur_ok(&h) && first >> 14 != 0)
		return WALK_STOP;
	cur_take(&h, 4u * (first >> 6 & 0x1f));
	if (!walk_took(w, &h))
		return WALK_STOP;
	walk_tunnel(w, LAYER_TRILL);
	return WALK_ETHER;
}

enum walk_next eth_type_step(struct walk *w)
{
	switch (w->id) {
	case TYPE_IP4:
		return WALK_IP;
	case TYPE_IP6:
		return WALK_IP6;
	case TYPE_ARP:
	case TYPE_RARP:
		return arp_step(w);
	case TYPE_VLAN:
	case TYPE_QINQ:
	case TYPE_QINQ_9100:
	case TYPE_QINQ_9200:
		return vlan_step(w);
	case TYPE_MPLS:
	case TYPE_MPLS_UP:
		return WALK_MPLS;
	case TYPE_PPPOE:
	case TYPE_PPPOE_DISCOVERY:
		return pppoe_step(w);
	case TYPE_PPP:
		return WALK_PPP;
	case TYPE_PBB:
		return pbb_step(w);
	case TYPE_BRIDGED:
		w->inner = true;
		return WALK_ETHER;
	case TYPE_LLC:
		return WALK_LLC;
	case TYPE_NSH:
		return nsh_step(w);
	case TYPE_TRILL:
		return trill_step(w);
	case TYPE_CMD:
		return cmd_step(w);
	case TYPE_VNTAG:
	case TYPE_HSR:
		return tag_step(w, 4);
	case TYPE_ETAG:
		return tag_step(w, 6);
	default:
		break;
	}
	if (w->id > LENGTH_MAX)
		return WALK_STOP;
	/* IEEE 802.3 3.2.6: a length; what follows it is padding */
	if (w->wire > w->id)
		walk_limit(w, w->id);
	return WALK_LLC;
}

enum walk_next snap_step(struct walk *w)
{
	struct cur h = w->c;
	uint32_t oui = (uint32_t)cur_u8(&h) << 16 | cur_be16(&h);
	uint16_t pid = cur_be16(&h);

	if (!walk_took(w, &h) || !walk_enter(w, LAYER_SNAP))
		return WALK_STOP;
	switch (oui) {
	case SNAP_OUI_ENCAP:
	case SNAP_OUI_ENCAP_8021H:
		if (pid <= LENGTH_MAX)
			return WALK_STOP;
		w->d->link_proto = pid;
		w->id = pid;
		return WALK_TYPE;
	case SNAP_OUI_BRIDGED:
		if (pid != 1 && pid != 7) /* Ethernet with and without FCS */
			return WALK_STOP;
		if (w->linktype == LINKTYPE_ATM_RFC1483) {
			h = w->c;
			cur_be16(&h); /* pad, only on ATM */
			if (!walk_took(w, &h))
				return WALK_STOP;
		}
		w->inner = w->d->kind != DEC_OPAQUE;
		return WALK_ETHER;
	default:
		return WALK_STOP;
	}
}

enum walk_next llc_step(struct walk *w)
{
	struct cur h = w->c;
	uint8_t dsap, ssap, control;

	dsap = cur_u8(&h);
	ssap = cur_u8(&h);
	control = cur_u8(&h);
	if ((control & 3) != 3)
		cur_u8(&h); /* ISO 8802-2 5.2: I and S frames have 16 bits */
	if (!walk_took(w, &h) || !walk_enter(w, LAYER_LLC))
		return WALK_STOP;
	w->d->link_proto = dsap;
	if ((control & 0xef) != 3) /* not unnumbered information */
		return WALK_STOP;
	if (dsap == 0xaa && ssap == 0xaa)
		return snap_step(w);
	if (dsap == 0x06)
		return WALK_IP;
	return WALK_STOP;
}
