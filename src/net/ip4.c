/* IPv4, RFC 791. */
#include "net/ethertype.h"
#include "net/ip.h"
#include "net/walk.h"

enum walk_next ip4_step(struct walk *w)
{
	struct cur h = w->c;
	struct dec *d;
	const uint8_t *src, *dst;
	uint32_t hlen, total;
	uint16_t id, frag;
	uint8_t first, tos, ttl, proto;

	first = cur_u8(&h);
	tos = cur_u8(&h);
	total = cur_be16(&h);
	id = cur_be16(&h);
	frag = cur_be16(&h);
	ttl = cur_u8(&h);
	proto = cur_u8(&h);
	cur_be16(&h); /* checksum */
	src = cur_take(&h, 4);
	dst = cur_take(&h, 4);
	hlen = 4u * (first & 0xf);
	if (total == 0 && w->wire <= IP_GSO_MAX) /* a super-frame: TSO, BIG TCP */
		total = w->wire;
	if (cur_ok(&h) && (hlen < IP4_HDR_SIZE || total < hlen))
		return walk_bad(w);
	if (!walk_took(w, &h) || !walk_enter(w, LAYER_IP4))
		return WALK_STOP;

	d = w->d;
	d->kind = DEC_IP4;
	d->link_proto = TYPE_IP4;
	memset(d->src, 0, sizeof(d->src));
	memset(d->dst, 0, sizeof(d->dst));
	memcpy(d->src, src, 4);
	memcpy(d->dst, dst, 4);
	d->proto = proto;
	d->ip_len = total;
	d->tos = tos;
	d->ttl = ttl;

	walk_ip_limit(w, total - IP4_HDR_SIZE);

	h = w->c;
	cur_take(&h, hlen - IP4_HDR_SIZE); /* options */
	if (!walk_took(w, &h))
		return WALK_STOP;
	walk_payload(w);
	w->split = frag & 0x3fff;
	if (w->split) {
		d->flags |= DEC_FRAG;
		d->frag_id = id;
		if (frag & 0x1fff)
			return WALK_STOP;
		d->flags |= DEC_FRAG_FIRST;
	}
	w->id = proto;
	return WALK_IP_PROTO;
}
