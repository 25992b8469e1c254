/* IPv6 and its extension headers, RFC 8200. */
#include "net/ethertype.h"
#include "net/ip.h"
#include "net/walk.h"

#define IP6_OPT_PAD1  0x00
#define IP6_OPT_JUMBO 0xc2 /* RFC 2675 2 */

/* The jumbo option of a hop-by-hop header right behind the fixed one; 0: none.
 * 'c' is a copy. */
static uint32_t jumbo_len(struct cur c)
{
	uint32_t size;

	cur_u8(&c);
	size = 8u * cur_u8(&c) + 6;
	if (c.left > size)
		c.left = size;
	while (cur_ok(&c) && c.left) {
		uint8_t type = cur_u8(&c), len;

		if (type == IP6_OPT_PAD1)
			continue;
		len = cur_u8(&c);
		if (type == IP6_OPT_JUMBO && len == 4)
			return cur_be32(&c);
		cur_take(&c, len);
	}
	return 0;
}

/* Payload length of the packet whose fixed header says 0 (w is behind it): a
 * jumbogram says it in an option; BIG TCP says nothing since Linux 6.9, there
 * the frame's end is the packet's.  A small frame means what it says, one that is
 * larger than those is wrong. */
static uint32_t resolve_len(struct walk *w, uint8_t next)
{
	uint32_t jumbo = next == PROTO_HOPOPTS ? jumbo_len(w->c) : 0;

	if (jumbo > 0xffff && (jumbo <= w->wire || w->split)) /* RFC 2675 3 */
		return jumbo;
	if (jumbo || w->wire > IP_GSO_MAX - IP6_HDR_SIZE)
		w->d->flags |= DEC_MALFORMED;
	return w->wire > 0xffff && w->wire <= IP_GSO_MAX - IP6_HDR_SIZE ? w->wire : 0;
}

enum walk_next ip6_step(struct walk *w)
{
	struct cur h = w->c;
	const uint8_t *src, *dst;
	uint32_t first, len;
	uint8_t next, hops;
	struct dec *d;

	first = cur_be32(&h);
	len = cur_be16(&h);
	next = cur_u8(&h);
	hops = cur_u8(&h);
	src = cur_take(&h, 16);
	dst = cur_take(&h, 16);
	if (cur_ok(&h) && first >> 28 != 6)
		return walk_bad(w);
	if (!walk_took(w, &h) || !walk_enter(w, LAYER_IP6))
		return WALK_STOP;

	d = w->d;
	d->kind = DEC_IP6;
	d->link_proto = TYPE_IP6;
	memcpy(d->src, src, 16);
	memcpy(d->dst, dst, 16);
	d->proto = next;
	d->tos = first >> 20;
	d->ttl = hops;

	if (len == 0)
		len = resolve_len(w, next);
	d->ip_len = len + IP6_HDR_SIZE;
	walk_ip_limit(w, len);
	walk_payload(w);
	w->split = false;
	w->id = next;
	return WALK_IP_PROTO;
}

/* RFC 8200 4.5.  Offset 0 and no more fragments is a whole datagram, RFC 6946. */
static enum walk_next fragment_step(struct walk *w, uint16_t off_more, uint32_t id)
{
	if (!(off_more & 0xfff9))
		return WALK_IP_PROTO;
	w->split = true;
	w->d->flags |= DEC_FRAG;
	w->d->frag_id = id;
	if (off_more & 0xfff8)
		return WALK_STOP;
	w->d->flags |= DEC_FRAG_FIRST;
	return WALK_IP_PROTO;
}

/* Also AH behind IPv4. */
enum walk_next ip6_ext_step(struct walk *w)
{
	struct cur h = w->c;
	uint32_t proto = w->id, frag_id = 0;
	uint16_t frag = 0;
	uint8_t next, len;

	next = cur_u8(&h);
	len = cur_u8(&h);
	if (proto == PROTO_FRAGMENT) {
		frag = cur_be16(&h);
		frag_id = cur_be32(&h);
	} else if (proto == PROTO_AH) {
		cur_take(&h, 4u * len + 6); /* RFC 4302 2.2: words, less 2 */
	} else {
		cur_take(&h, 8u * len + 6);
	}
	if (!walk_took(w, &h))
		return WALK_STOP;
	if (proto == PROTO_AH && !walk_enter(w, LAYER_AH))
		return WALK_STOP;
	w->d->proto = next;
	w->id = next;
	walk_payload(w);
	if (proto == PROTO_FRAGMENT)
		return fragment_step(w, frag, frag_id);
	return WALK_IP_PROTO;
}
