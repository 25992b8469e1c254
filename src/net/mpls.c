/* MPLS label stacks, RFC 3032, and what follows without saying so. */
#include "net/walk.h"

#define LABEL_IP4_NULL 0 /* RFC 3032 2.1 */
#define LABEL_IP6_NULL 2

#define CHANNEL_IP4 0x0021
#define CHANNEL_IP6 0x0057

/* RFC 5586 2.1 and 4: the channel type is a PPP number where IP follows. */
static enum walk_next channel_step(struct walk *w)
{
	struct cur h = w->c;
	uint16_t type;

	cur_be16(&h);
	type = cur_be16(&h);
	if (!walk_took(w, &h))
		return WALK_STOP;
	return type == CHANNEL_IP4 || type == CHANNEL_IP6 ? WALK_IP : WALK_STOP;
}

/* A pseudo-wire may carry a MAC address that begins as IP does; then the length
 * field is most likely absurd. */
static bool ip_plausible(const struct walk *w, uint8_t version)
{
	struct cur h = w->c;

	cur_take(&h, version == 4 ? 2 : 4);
	return cur_be16(&h) <= w->wire;
}

/* Behind the bottom of the stack nothing names the payload.  IP is told by its
 * first nibble (RFC 4928 3), as routers do; 0 is a pseudo-wire's control word
 * (RFC 4385 3), 1 an associated channel.  Ethernet pseudo-wires come with and
 * without control word (RFC 4448 4.6): what looks like Ethernet is it. */
static enum walk_next behind_labels(struct walk *w)
{
	struct cur h = w->c;
	uint8_t nibble = cur_peek(&h, 0) >> 4;
	bool plain = eth_plausible(&h);

	if ((nibble == 4 || nibble == 6) && (!plain || ip_plausible(w, nibble)))
		return WALK_IP;
	if (nibble == 1 && !plain)
		return channel_step(w);
	if (nibble == 0) {
		cur_be32(&h);
		if (eth_plausible(&h))
			return walk_took(w, &h) ? WALK_ETHER : WALK_STOP;
		if (h.left < ETH_GUESS_SIZE && w->wire > w->c.left) {
			walk_short(w);
			return WALK_STOP;
		}
	}
	return eth_guess(w);
}

enum walk_next mpls_step(struct walk *w)
{
	uint32_t entry;

	do {
		struct cur h = w->c;

		entry = cur_be32(&h);
		if (!walk_took(w, &h))
			return WALK_STOP;
		walk_tunnel(w, LAYER_MPLS);
	} while (!(entry & 0x100)); /* bottom of stack */
	switch (entry >> 12) {
	case LABEL_IP4_NULL:
	case LABEL_IP6_NULL:
		return WALK_IP;
	default:
		return behind_labels(w);
	}
}
