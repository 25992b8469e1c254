/* TCP, RFC 9293 3.1. */
#include "net/walk.h"

#define TCP_HDR_SIZE   20
#define TCP_WSCALE_MAX 14 /* RFC 7323 2.3: larger means this */

enum tcp_option {
	TCP_OPT_END = 0,
	TCP_OPT_NOP = 1,
	TCP_OPT_MSS = 2,
	TCP_OPT_WSCALE = 3,
	TCP_OPT_SACK = 5,
};

/* Takes the values of one option of 'len' bytes in all; 'c' is behind its
 * length byte.  Options of other lengths than theirs are skipped. */
static void read_option(struct cur c, uint8_t kind, uint8_t len, struct dec *d)
{
	uint8_t shift;

	if (kind == TCP_OPT_MSS && len == 4) {
		d->tcp_mss = cur_be16(&c);
	} else if (kind == TCP_OPT_WSCALE && len == 3) {
		shift = cur_u8(&c);
		d->tcp_wscale = (shift > TCP_WSCALE_MAX ? TCP_WSCALE_MAX : shift) + 1;
	} else if (kind == TCP_OPT_SACK && len >= 10) { /* RFC 2018 3 */
		d->tcp_sack = (len - 2) / 8;
	}
}

bool tcp_options(const uint8_t *p, uint32_t n, struct dec *d)
{
	struct cur c = cur_at(p, n);

	while (c.left) {
		uint8_t kind = cur_u8(&c), len;

		if (kind == TCP_OPT_END)
			break;
		if (kind == TCP_OPT_NOP)
			continue;
		len = cur_u8(&c);
		if (!cur_ok(&c) || len < 2 || len - 2u > c.left) {
			return false;
		}
		read_option(c, kind, len, d);
		cur_take(&c, len - 2u);
	}
	return true;
}

enum walk_next tcp_step(struct walk *w)
{
	struct cur h = w->c;
	struct dec *d = w->d;
	uint16_t sport, dport, win;
	uint32_t seq, ack, hlen;
	uint8_t off, tcp_flags;
	const uint8_t *opts;

	sport = cur_be16(&h);
	dport = cur_be16(&h);
	if (cur_ok(&h)) {
		d->sport = sport;
		d->dport = dport;
		d->flags |= DEC_PORTS;
	}
	seq = cur_be32(&h);
	ack = cur_be32(&h);
	off = cur_u8(&h);
	tcp_flags = cur_u8(&h);
	win = cur_be16(&h);
	cur_be32(&h); /* checksum, urgent pointer */
	if (!walk_took(w, &h) || !walk_enter(w, LAYER_TCP))
		return WALK_STOP;
	d->flags |= DEC_L4;
	d->seq = seq;
	d->ack = ack;
	d->tcp_flags = tcp_flags;
	d->window = win;

	hlen = 4u * (off >> 4);
	walk_payload(w);
	if (hlen < TCP_HDR_SIZE)
		return walk_bad(w);
	hlen -= TCP_HDR_SIZE;
	h = w->c;
	opts = cur_take(&h, hlen);
	if (!walk_took(w, &h)) { /* options are cut, and all data behind them */
		tcp_options(w->c.p, w->c.left, d);
		d->payload_len = w->wire > hlen ? w->wire - hlen : 0;
		d->payload_cap = 0;
		d->payload = NULL;
		return WALK_STOP;
	}
	d->flags |= tcp_options(opts, hlen, d) ? DEC_TCP_OPTS : DEC_MALFORMED;
	walk_payload(w);
	return WALK_STOP;
}
