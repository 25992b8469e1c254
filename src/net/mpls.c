/* MPLS label stacks, RFC 3032, and what follows without saying so. */
#include "net/walk.h"

#define LABEL_IP4_NULL 0 /* RFC 3032 2.1 */
#define LABEL_IP6_NULL 2

/* Behind the bottom of the stack nothing names the payload.  IP is told by its
 * first nibble (RFC 4928 3), as routers do; 0 is a pseudo-wire's control word
 * (RFC 4385 3), 1 an associated channel; anything else an Ethernet pseudo-wire
 * without control word (RFC 4448), if it looks like Ethernet. */
static enum walk_next behind_labels(struct walk *w)
{
	struct cur h = w->c;
	uint8_t nibble = cur_peek(&h, 0) >> 4;

	if (!h.left)
		return WALK_STOP;
	if (nibble == 4 || nibble == 6)
		return WALK_IP;
	if (nibble == 1)
		return WALK_STOP;
	if (nibble == 0) {
		cur_be32(&h);
		if (!walk_took(w, &h))
			return WALK_STOP;
	}
	return WALK_ETHER;
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
