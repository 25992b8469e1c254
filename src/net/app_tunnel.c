#include "net/app_rec.h"

/* wireguard.com/protocol: a type, three zero bytes, fixed sizes; the rest is
 * keys and ciphertext. */
static bool wireguard(const struct pay *y)
{
	switch (pay_le32(y, 0)) {
	case 1:
		return y->len == 148 && pay_dense(y, 8, 32);
	case 2:
		return y->len == 92 && pay_dense(y, 12, 32);
	case 3:
		return y->len == 64 && pay_dense(y, 8, 24);
	case 4: /* index, counter, a packet padded to 16 bytes with its tag */
		return y->len >= 32 && y->len % 16 == 0 && pay_dense(y, y->len - 16, 16);
	default:
		return false;
	}
}

/* OpenVPN's control channel: opcode << 3 | key id, session, then (after an HMAC
 * and a packet id where tls-auth is used) an empty list of acknowledgements
 * and message 0.  'at' is where the opcode stands. */
static bool openvpn(const struct pay *y, uint32_t at)
{
	static const uint8_t hmacs[] = {0, 16 + 8, 20 + 8, 32 + 8, 64 + 8};
	uint8_t op = pay_u8(y, at);
	uint32_t left = y->len - at, i;

	/* P_CONTROL_HARD_RESET_CLIENT_V2, _SERVER_V2, _CLIENT_V3, all with key 0 */
	if (op != 7 << 3 && op != 8 << 3 && op != 10 << 3)
		return false;
	for (i = 0; i < sizeof(hmacs); i++) {
		uint32_t acks = at + 9 + hmacs[i], n = pay_u8(y, acks);

		/* the tls-auth packet id is 1 in the first packet */
		if (hmacs[i] && pay_be32(y, acks - 8) != 1)
			continue;
		if (n > 1 || (n == 1 && op != 8 << 3))
			continue;
		n = n ? 4 + 8 : 0; /* the server's acknowledges one, with its session */
		if (left == 9u + hmacs[i] + 1 + n + 4 && pay_be32(y, acks + 1 + n) == 0)
			return true;
	}
	return false;
}

/* RFC 7296 3.1, RFC 2408 3.1: both cookies, payload, version, exchange, and the
 * length of the whole. */
static bool isakmp(const struct pay *y, uint32_t at)
{
	uint8_t version = pay_u8(y, at + 17), exchange = pay_u8(y, at + 18);

	return pay_has(y, at, 28) && pay_be32(y, at + 24) == y->len - at &&
	       pay_u8(y, at + 16) <= 60 && (version == 0x10 || version == 0x20) &&
	       (exchange <= 6 || (exchange >= 32 && exchange <= 44)) &&
	       (pay_be32(y, at) || pay_be32(y, at + 4));
}

/* RFC 3948 2: on this port four zero bytes mean IKE, one 0xff is a keepalive,
 * all else is ESP. */
static enum app nat_traversal(const struct pay *y)
{
	if (pay_be32(y, 0) == 0 && y->len > 4)
		return isakmp(y, 4) ? APP_ISAKMP : APP_NONE;
	if (y->len == 1)
		return y->p[0] == 0xff ? APP_ESP_UDP : APP_NONE;
	/* SPI (RFC 4303 2.1: 1 to 255 are reserved), a sequence number that is
	 * not near its end, and at least the trailer */
	return y->len >= 20 && pay_be32(y, 0) > 255 && pay_be32(y, 4) && pay_be32(y, 4) < 1u << 28
		       ? APP_ESP_UDP
		       : APP_NONE;
}

/* RFC 2661 3.1; version 3: RFC 3931 4.1.2.1 */
static bool l2tp(const struct pay *y)
{
	uint16_t flags = pay_be16(y, 0);

	if (!pay_port(y, 1701))
		return false;
	if ((flags & 0xcb0f) == 0xc802 || (flags & 0xcb0f) == 0xc803) /* control: T, L and S set */
		return y->len >= 12 && pay_be16(y, 2) >= 12 && pay_be16(y, 2) <= y->len;
	if ((flags & 0x800f) != 2 || flags & 0x34f0)
		return false;
	return !(flags & 0x4000) || (pay_be16(y, 2) >= 8 && pay_be16(y, 2) <= y->len);
}

/* RFC 2637 2 */
static bool pptp(const struct pay *y)
{
	return y->len >= 12 && pay_be16(y, 0) <= y->len && pay_be16(y, 2) == 1 &&
	       pay_be32(y, 4) == 0x1a2b3c4d;
}

/* 3GPP TS 29.060 6, 29.281 5.1 (version 1), 29.274 5.1 (version 2), 32.295 6
 * (GTP').  Length counts what follows the first 8 (version 2: 4) bytes. */
static bool gtp(const struct pay *y)
{
	uint16_t len = pay_be16(y, 2);
	bool user = pay_port(y, 2152), control = pay_port(y, 2123);

	if ((!user && !control && !pay_port(y, 3386)) || y->len < 8)
		return false;
	switch (y->p[0] >> 5) {
	case 0:
		return (y->p[0] & 0x0e) == 0x0e && len <= y->len - 6;
	case 1:
		return (y->p[0] & 0x18) == 0x10 && pay_u8(y, 1) && len <= y->len - 8;
	case 2:
		return control && pay_u8(y, 1) && len >= 4 && len <= y->len - 4 &&
		       (y->p[0] & 3) == 0;
	default:
		return false;
	}
}

/* 3GPP TS 29.244 7.2.2 */
static bool pfcp(const struct pay *y)
{
	return pay_port(y, 8805) && y->len >= 8 && (y->p[0] & 0xf8) == 0x20 && pay_u8(y, 1) &&
	       pay_be16(y, 2) >= 4 && pay_be16(y, 2) <= y->len - 4;
}

/* RFC 7348 5.  Linux used port 8472 before 4789 was registered. */
static bool vxlan(const struct pay *y)
{
	return (pay_port(y, 4789) || pay_port(y, 8472)) && y->len >= 8 + 14 && (y->p[0] & 0x08) &&
	       pay_u8(y, 7) == 0 && (y->p[0] & 0xb3) == 0;
}

/* RFC 8926 3.4 */
static bool geneve(const struct pay *y)
{
	uint16_t type = pay_be16(y, 2);

	return pay_port(y, 6081) && pay_has(y, 0, 8u + 4u * (y->p[0] & 0x3f)) &&
	       y->p[0] >> 6 == 0 && (pay_u8(y, 1) & 0x3f) == 0 && pay_u8(y, 7) == 0 &&
	       (type == 0x6558 || type == 0x0800 || type == 0x86dd || type == 0x8847 || type == 0);
}

/* RFC 4380 5.1.1: an IPv6 packet, behind its authentication and origin. */
static bool teredo(const struct pay *y)
{
	struct cur c = pay_cur(y, 0);
	uint32_t head;

	if (!pay_port(y, 3544))
		return false;
	if (y->len >= 13 && be16_load(c.p) == 1) {
		uint32_t auth = 13u + c.p[2] + c.p[3];

		cur_take(&c, auth);
	}
	if (c.left >= 8 && cur_peek(&c, 0) == 0 && cur_peek(&c, 1) == 0)
		cur_take(&c, 8);
	head = cur_be32(&c);
	return cur_ok(&c) && c.left >= 36 && head >> 28 == 6 && cur_be16(&c) <= c.left - 34;
}

/* RFC 5415 4.1 and 4.3: the preamble says plain (0) or DTLS (1); the header's
 * length is in words. */
static bool capwap(const struct pay *y)
{
	if ((!pay_port(y, 5246) && !pay_port(y, 5247)) || y->len < 8)
		return false;
	if (y->p[0] == 1)
		return pay_be24(y, 1) == 0 && pay_u8(y, 4) >= 20 && pay_u8(y, 4) <= 25 &&
		       pay_u8(y, 5) == 0xfe;
	return y->p[0] == 0 && pay_u8(y, 1) >> 3 >= 2 && 4u * (pay_u8(y, 1) >> 3) <= y->len;
}

enum app tunnel_udp(const struct pay *y)
{
	if (wireguard(y))
		return APP_WIREGUARD;
	if (openvpn(y, 0))
		return APP_OPENVPN;
	if (pay_port(y, 4500))
		return nat_traversal(y);
	if (isakmp(y, 0))
		return APP_ISAKMP;
	if (vxlan(y))
		return APP_VXLAN;
	if (geneve(y))
		return APP_GENEVE;
	if (gtp(y))
		return APP_GTP;
	if (pfcp(y))
		return APP_PFCP;
	if (l2tp(y))
		return APP_L2TP;
	if (teredo(y))
		return APP_TEREDO;
	return capwap(y) ? APP_CAPWAP : APP_NONE;
}

enum app tunnel_tcp(const struct pay *y)
{
	if (y->p[0] != 0)
		return APP_NONE;
	if (y->len > 2 && pay_be16(y, 0) == y->len - 2 && openvpn(y, 2))
		return APP_OPENVPN;
	return pptp(y) ? APP_PPTP : APP_NONE;
}
