/* 802.11 and the headers that capture drivers put before it. */
#include "net/link.h"
#include "net/walk.h"

#define RADIOTAP_FLAGS_DATAPAD 0x20
#define PRISM_HDR_SIZE         144
#define AVS_MAGIC_MASK         0xfffff000
#define AVS_MAGIC              0x80211000

#define WLAN_TO_DS        0x0001 /* IEEE 802.11 9.2.4.1, frame control as big-endian 16 bits */
#define WLAN_FROM_DS      0x0002
#define WLAN_PROTECTED    0x0040
#define WLAN_ORDER        0x0080
#define WLAN_SUBTYPE_NULL 0x40 /* of data: no data inside */
#define WLAN_SUBTYPE_QOS  0x80
#define WLAN_QOS_AMSDU    0x80

/* radiotap.org: version, pad, length, then present words as long as bit 31 is
 * set; the fields follow, each aligned to its size.  Of them only the second,
 * flags, matters here, behind the first, an 8-byte time. */
static enum walk_next radiotap_only(struct walk *w)
{
	struct cur h = w->c, fields;
	uint32_t present, word;
	uint16_t size;
	uint32_t off = 8;

	cur_be16(&h);
	size = cur_le16(&h);
	present = word = cur_le32(&h);
	if (!cur_ok(&h)) {
		walk_short(w);
		return WALK_STOP;
	}
	if (size < 8)
		return walk_bad(w);
	fields = h;
	while (word & 0x80000000 && cur_ok(&fields)) {
		word = cur_le32(&fields);
		off += 4;
	}
	if (present & 1) {
		cur_take(&fields, (8 - off % 8) % 8 + 8);
		off = (off + 7) / 8 * 8 + 8;
	}
	if (present & 2 && off < size)
		w->wlan_pad = cur_u8(&fields) & RADIOTAP_FLAGS_DATAPAD;
	cur_take(&h, size - 8);
	return walk_took(w, &h) && walk_enter(w, LAYER_RADIOTAP) ? WALK_WLAN : WALK_STOP;
}

/* Prism: 144 bytes, unless AVS's magic says that it is that header under the
 * same link type; AVS carries its length. */
enum walk_next radiotap_step(struct walk *w)
{
	struct cur h = w->c;
	uint32_t magic, size;

	if (w->id == LINKTYPE_RADIOTAP)
		return radiotap_only(w);
	magic = cur_be32(&h);
	size = cur_be32(&h);
	if ((magic & AVS_MAGIC_MASK) != AVS_MAGIC)
		size = PRISM_HDR_SIZE;
	if (cur_ok(&h) && size < 8)
		return walk_bad(w);
	cur_take(&h, size - 8);
	return walk_took(w, &h) ? WALK_WLAN : WALK_STOP;
}

/* CACE PPI 3.1: version, flags, length, link type, fields.  Field 2 (802.11
 * common) has flags at its bytes 8 and 9; bit 0: FCS present. */
enum walk_next ppi_step(struct walk *w)
{
	struct cur h = w->c;
	uint32_t dlt;
	uint16_t size;

	cur_be16(&h);
	size = cur_le16(&h);
	dlt = cur_le32(&h);
	if (cur_ok(&h) && (size < 8 || dlt == LINKTYPE_PPI || dlt > 0xffff))
		return walk_bad(w);
	cur_take(&h, size - 8);
	if (!walk_took(w, &h) || !walk_enter(w, LAYER_PPI))
		return WALK_STOP;
	w->id = dlt;
	return WALK_LINK;
}

/* IEEE 802.11 9.3.2.2: an A-MSDU's subframes have Ethernet-like headers; the
 * first one stands for the frame. */
static enum walk_next amsdu_step(struct walk *w)
{
	struct cur h = w->c;
	const uint8_t *dst = cur_take(&h, 6), *src = cur_take(&h, 6);
	uint16_t size = cur_be16(&h);

	if (!walk_took(w, &h))
		return WALK_STOP;
	walk_link(w, src, dst, 0);
	if (size < w->wire)
		walk_limit(w, size);
	return WALK_LLC;
}

/* IEEE 802.11 9.3.1: RTS, block acks and power save polls have two addresses,
 * other control frames one or none. */
static enum walk_next control_step(struct walk *w, uint16_t fc)
{
	struct cur h = w->c;
	const uint8_t *dst, *src = NULL;
	unsigned subtype = fc >> 12;

	cur_take(&h, 4);
	dst = cur_take(&h, 6);
	if (subtype == 8 || subtype == 9 || subtype == 10 || subtype == 11)
		src = cur_take(&h, 6);
	if (walk_took(w, &h) && walk_enter(w, LAYER_DOT11))
		walk_link(w, src, dst, 0);
	return WALK_STOP;
}

enum walk_next wlan_step(struct walk *w)
{
	struct cur h = w->c;
	const uint8_t *a1, *a2, *a3, *a4 = NULL, *src, *dst;
	uint16_t fc, seq;
	uint8_t qos = 0;
	uint32_t used;

	fc = cur_be16(&h);
	if ((fc & 0x0c00) == 0x0400)
		return control_step(w, fc);
	cur_be16(&h); /* duration */
	a1 = cur_take(&h, 6);
	a2 = cur_take(&h, 6);
	a3 = cur_take(&h, 6);
	seq = cur_le16(&h);
	if ((fc & 0x0c00) == 0x0800) {
		if ((fc & (WLAN_TO_DS | WLAN_FROM_DS)) == (WLAN_TO_DS | WLAN_FROM_DS))
			a4 = cur_take(&h, 6);
		if (fc >> 8 & WLAN_SUBTYPE_QOS) {
			qos = cur_u8(&h);
			cur_u8(&h);
			if (fc & WLAN_ORDER)
				cur_be32(&h); /* HT control */
		}
	}
	used = w->c.left - h.left;
	if (w->wlan_pad && used % 4)
		cur_take(&h, 4 - used % 4);
	if (!walk_took(w, &h) || !walk_enter(w, LAYER_DOT11))
		return WALK_STOP;
	dst = fc & WLAN_TO_DS ? a3 : a1;
	src = fc & WLAN_FROM_DS ? (a4 ? a4 : a3) : a2;
	walk_link(w, src, dst, 0);
	if ((fc & 0x0c00) != 0x0800 || fc >> 8 & WLAN_SUBTYPE_NULL || fc & WLAN_PROTECTED ||
	    seq & 0xf) /* only the first fragment has the header */
		return WALK_STOP;
	return qos & WLAN_QOS_AMSDU ? amsdu_step(w) : WALK_LLC;
}
