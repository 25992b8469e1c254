/* ICMP (RFC 792) and ICMPv6 (RFC 4443).  A quoted packet stays payload: it is
 * no packet of its flow. */
#include "net/ip.h"
#include "net/walk.h"

/* Messages with an identifier and a sequence number. */
static bool has_id(uint8_t proto, uint8_t type)
{
	if (proto == PROTO_ICMP6)
		return type == 128 || type == 129; /* echo */
	switch (type) {
	case 0:  /* echo reply */
	case 8:  /* echo */
	case 13: /* time stamp, and its reply */
	case 14:
	case 15: /* information, and its reply */
	case 16:
	case 17: /* address mask (RFC 950), and its reply */
	case 18:
		return true;
	default:
		return false;
	}
}

/* Type, code and checksum decide; the second word may be cut. */
enum walk_next icmp_step(struct walk *w)
{
	struct cur h = w->c;
	struct dec *d = w->d;
	bool v6 = d->proto == PROTO_ICMP6;
	uint8_t type, code;
	uint16_t id, seq;

	type = cur_u8(&h);
	code = cur_u8(&h);
	cur_be16(&h); /* checksum */
	if (!walk_took(w, &h) || !walk_enter(w, v6 ? LAYER_ICMP6 : LAYER_ICMP4))
		return WALK_STOP;
	d->flags |= DEC_L4;
	d->icmp_type = type;
	d->icmp_code = code;
	walk_payload(w);

	h = w->c;
	id = cur_be16(&h);
	seq = cur_be16(&h);
	if (!walk_took(w, &h))
		return WALK_STOP;
	if (has_id(d->proto, type)) {
		d->icmp_id = id;
		d->icmp_seq = seq;
	}
	walk_payload(w);
	return WALK_STOP;
}
