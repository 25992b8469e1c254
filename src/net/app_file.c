#include "net/app_rec.h"

/* RFC 1002 4.3.1: type and length; session requests hold two encoded names. */
static enum app netbios_session(const struct pay *y)
{
	uint32_t len = pay_be24(y, 1);

	if (y->len == 4)
		return pay_port(y, 139) && pay_be32(y, 0) == 0x85000000 ? APP_NETBIOS_SSN
									: APP_NONE;
	if (y->p[0] == 0x81)
		return len == 68 && y->len == 72 && pay_u8(y, 4) == 32 && pay_u8(y, 38) == 32
			       ? APP_NETBIOS_SSN
			       : APP_NONE;
	if (y->p[0] != 0 || len < 4 || y->len < 8)
		return APP_NONE;
	/* MS-CIFS 2.2.3.1, MS-SMB2 2.2.1 (plain), 2.2.41 (sealed), 2.2.42 (compressed) */
	return PAY_IS(y, 5, "SMB") && pay_u8(y, 4) >= 0xfc ? APP_SMB : APP_NONE;
}

/* RFC 1002 4.4.1 */
static bool netbios_datagram(const struct pay *y)
{
	return pay_port(y, 138) && y->len >= 14 && y->p[0] >= 0x10 && y->p[0] <= 0x16 &&
	       pay_u8(y, 1) <= 0x0f;
}

/* RFC 5531 9: a call names version 2 and a program, a reply its state. */
static enum app rpc_message(const struct pay *y, uint32_t at)
{
	uint32_t type = pay_be32(y, at + 4), program, flavor, len;

	if (type == 0) {
		program = pay_be32(y, at + 12);
		/* credentials: flavor, length at most 400 */
		if (!pay_has(y, at, 32) || pay_be32(y, at + 8) != 2 || pay_be32(y, at + 16) > 10 ||
		    pay_be32(y, at + 20) > 255 || pay_be32(y, at + 28) > 400)
			return APP_NONE;
		if (program == 100003 || program == 100227) /* NFS and its access lists */
			return APP_NFS;
		return program >= 100000 && program < 0x60000000 ? APP_SUNRPC : APP_NONE;
	}
	flavor = pay_be32(y, at + 12);
	len = pay_be32(y, at + 16);
	if (type != 1 || (pay_be32(y, at) < 1u << 16 && !pay_port(y, 111) && !pay_port(y, 2049)) ||
	    !pay_has(y, at, 24) || pay_be32(y, at + 8) || flavor > 6 || len > 400 || len % 4 ||
	    pay_be32(y, at + 20 + len) > 5)
		return APP_NONE;
	return pay_port(y, 2049) ? APP_NFS : APP_SUNRPC;
}

/* DCE 1.1 RPC (C706) 12.6.3.1: version 5, type, data representation, length.
 * Connectionless, version 4: 12.5.1. */
static bool dcerpc(const struct pay *y)
{
	bool little = pay_u8(y, 4) & 0x10;
	uint16_t len = little ? pay_le16(y, 8) : pay_be16(y, 8);

	return y->len >= 16 && y->p[0] == 5 && pay_u8(y, 1) <= 1 && pay_u8(y, 2) <= 19 &&
	       (pay_u8(y, 4) & 0xee) == 0 && pay_u8(y, 6) == 0 && pay_u8(y, 7) == 0 && len >= 16 &&
	       (len == y->len || pay_port(y, 135));
}

/* BEP 15: the first message of a tracker's client; BEP 29 (uTP) has too little
 * structure.  Peers' handshakes are text. */
static bool tracker(const struct pay *y)
{
	return y->len >= 16 && pay_be32(y, 0) == 0x417 && pay_be32(y, 4) == 0x27101980 &&
	       pay_be32(y, 8) <= 3;
}

/* Gnutella 0.6, 2.2.1: a GUID, type, TTL, hops, length of the rest.  Type 0x44
 * is the DHT of later servents. */
static bool gnutella(const struct pay *y)
{
	uint8_t type = pay_u8(y, 16), ttl = pay_u8(y, 17), hops = pay_u8(y, 18);

	if (y->len < 23 || pay_le32(y, 19) != y->len - 23 || ttl > 7 || hops > 7 ||
	    (!ttl && type != 0x44) || !pay_dense(y, 0, 16))
		return false;
	return type <= 2 || type == 0x10 || type == 0x30 || type == 0x31 || type == 0x32 ||
	       type == 0x40 || type == 0x44 || type == 0x80 || type == 0x81;
}

/* en.bitcoin.it/wiki/Protocol_documentation: magic of the main network, a
 * command padded with zeros. */
static bool bitcoin(const struct pay *y)
{
	return y->len >= 24 && pay_be32(y, 0) == 0xf9beb4d9 && pay_u8(y, 4) >= 'a' &&
	       pay_u8(y, 4) <= 'z' && pay_u8(y, 15) == 0;
}

/* RFC 7143 11.12: the login request carries its text. */
static bool iscsi(const struct pay *y)
{
	if (y->len < 48 || (y->p[0] & 0x3f) > 0x3f)
		return false;
	return ((y->p[0] == 0x43 || y->p[0] == 0x03) && PAY_FINDS(y, 256, "InitiatorName=")) ||
	       (y->p[0] == 0x23 && pay_port(y, 3260) && pay_be24(y, 5) <= y->len);
}

/* RFC 1928 3: version, methods; SOCKS4: a request ends with a user and NUL. */
static bool socks(const struct pay *y)
{
	if (!pay_port(y, 1080))
		return false;
	if (y->p[0] == 5)
		return y->len >= 2 && (y->len == 2 || y->len == 2u + pay_u8(y, 1) ||
				       (y->len >= 10 && pay_u8(y, 2) == 0));
	return y->p[0] == 4 && y->len >= 9 && (pay_u8(y, 1) == 1 || pay_u8(y, 1) == 2) &&
	       pay_u8(y, y->len - 1) == 0;
}

/* RFC 854, RFC 855: a row of commands.  A single one could be chance unless
 * the port says the same. */
static bool telnet(const struct pay *y)
{
	uint32_t at = 0, n = 0;

	while (pay_has(y, at, 3) && pay_u8(y, at) == 0xff) {
		uint8_t command = pay_u8(y, at + 1), option = pay_u8(y, at + 2);

		if (command == 250) { /* SB ... IAC SE */
			const uint8_t *end = memmem(y->p + at, y->len - at, "\xff\xf0", 2);

			if (!end)
				break;
			at = (uint32_t)(end - y->p) + 2;
		} else if (command >= 251 && command <= 254 && (option <= 49 || option == 255)) {
			at += 3;
		} else {
			break;
		}
		n++;
	}
	return n >= 3 || (n && at == y->len && (n == 2 || pay_port(y, 23)));
}

/* The X protocol, 8: byte order, version 11.0, lengths of the authorisation. */
static bool x11(const struct pay *y)
{
	if (y->len < 12 || (y->p[0] != 'l' && y->p[0] != 'B') || pay_u8(y, 1))
		return false;
	return y->p[0] == 'l' ? pay_le16(y, 2) == 11 && pay_le16(y, 4) == 0 && pay_le16(y, 6) <= 64
			      : pay_be16(y, 2) == 11 && pay_be16(y, 4) == 0 && pay_be16(y, 6) <= 64;
}

/* Apple Filing Protocol over TCP, DSI header: flags, command, length, reserved. */
static bool afp(const struct pay *y)
{
	return y->len >= 16 && y->p[0] <= 1 && pay_u8(y, 1) >= 1 && pay_u8(y, 1) <= 8 &&
	       pay_be32(y, 12) == 0 && pay_port(y, 548) && pay_be32(y, 8) <= 1 << 24;
}

/* Rx, the transport of AFS: epoch, connection, call, sequence, serial, type,
 * flags, status, security, spare, service. */
static bool rx(const struct pay *y)
{
	uint8_t type = pay_u8(y, 20);

	return ((y->sport >= 7000 && y->sport <= 7009) || (y->dport >= 7000 && y->dport <= 7009)) &&
	       y->len >= 28 && type >= 1 && type <= 13 && pay_u8(y, 23) <= 3;
}

enum app file_tcp(const struct pay *y)
{
	enum app app;

	switch (y->p[0]) {
	case 0x00:
	case 0x81:
	case 0x85:
		app = netbios_session(y);
		if (app)
			return app;
		break;
	case 0x04:
	case 0x05:
		if (dcerpc(y))
			return APP_DCERPC;
		if (socks(y))
			return APP_SOCKS;
		break;
	case 0x80: /* RFC 5531 11: last fragment and its length */
		app = rpc_message(y, 4);
		if (app && pay_be24(y, 1) >= 24)
			return app;
		break;
	case 0xff:
		return telnet(y) ? APP_TELNET : APP_NONE;
	case 'l':
	case 'B':
		if (x11(y))
			return APP_X11;
		break;
	case 0xf9:
		if (bitcoin(y))
			return APP_BITCOIN;
		break;
	default:
		break;
	}
	if (afp(y))
		return APP_AFP;
	if (iscsi(y))
		return APP_ISCSI;
	return gnutella(y) ? APP_GNUTELLA : APP_NONE;
}

enum app file_udp(const struct pay *y)
{
	enum app app = rpc_message(y, 0);

	if (app)
		return app;
	if (tracker(y))
		return APP_BITTORRENT;
	if (netbios_datagram(y))
		return APP_NETBIOS_DGM;
	if (rx(y))
		return APP_AFS;
	return gnutella(y) ? APP_GNUTELLA : APP_NONE;
}
