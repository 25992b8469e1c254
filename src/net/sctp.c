/* SCTP (RFC 9260 3.1) and DCCP (RFC 4340 5.1): ports, and where data begins. */
#include "net/walk.h"

/* The ports that both headers begin with.  False: not there. */
static bool take_ports(struct walk *w, struct cur *h)
{
	struct dec *d = w->d;
	uint16_t sport = cur_be16(h), dport = cur_be16(h);

	if (!cur_ok(h))
		return false;
	d->sport = sport;
	d->dport = dport;
	d->flags |= DEC_PORTS;
	return true;
}

enum walk_next sctp_step(struct walk *w)
{
	struct cur h = w->c;

	take_ports(w, &h);
	cur_take(&h, 8); /* verification tag, checksum */
	if (!walk_took(w, &h) || !walk_enter(w, LAYER_SCTP))
		return WALK_STOP;
	w->d->flags |= DEC_L4;
	walk_payload(w);
	return WALK_STOP;
}

enum walk_next dccp_step(struct walk *w)
{
	struct cur h = w->c;
	uint8_t words;

	take_ports(w, &h);
	words = cur_u8(&h); /* data offset, from the start of the header */
	if (cur_ok(&h) && words < 3)
		return walk_bad(w);
	cur_take(&h, 4u * words - 5);
	if (!walk_took(w, &h) || !walk_enter(w, LAYER_DCCP))
		return WALK_STOP;
	w->d->flags |= DEC_L4;
	walk_payload(w);
	return WALK_STOP;
}
