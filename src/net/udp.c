/* UDP (RFC 768) and UDP-Lite (RFC 3828). */
#include "net/ip.h"
#include "net/walk.h"

#define UDP_HDR_SIZE 8

/* The length counts from the header on.  0 is right for jumbograms (RFC 2675 4)
 * only; bytes behind the length are no payload (RFC 9868 calls them options). */
static void check_len(struct walk *w, uint32_t size)
{
	struct dec *d = w->d;

	if (size == 0 && d->ip_len > 0xffff)
		return;
	if (size < UDP_HDR_SIZE || (size - UDP_HDR_SIZE > w->wire && !w->split)) {
		d->flags |= DEC_MALFORMED;
		return;
	}
	if (size - UDP_HDR_SIZE < w->wire)
		walk_limit(w, size - UDP_HDR_SIZE);
}

enum walk_next udp_step(struct walk *w)
{
	struct cur h = w->c;
	struct dec *d = w->d;
	bool lite = d->proto == PROTO_UDPLITE;
	uint16_t sport, dport, size;

	sport = cur_be16(&h);
	dport = cur_be16(&h);
	if (cur_ok(&h)) {
		d->sport = sport;
		d->dport = dport;
		d->flags |= DEC_PORTS;
	}
	size = cur_be16(&h);
	cur_be16(&h); /* checksum */
	if (!walk_took(w, &h) || !walk_enter(w, lite ? LAYER_UDPLITE : LAYER_UDP))
		return WALK_STOP;
	d->flags |= DEC_L4;
	if (!lite)
		check_len(w, size);
	walk_payload(w);
	w->id = lite ? 0 : udp_tunnel_port(sport, dport);
	return w->id ? WALK_UDP_PORT : WALK_STOP;
}
