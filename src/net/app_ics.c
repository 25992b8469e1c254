#include "net/app_rec.h"

/* Modbus Messaging on TCP/IP V1.0b 3.1: transaction, protocol 0, length, unit,
 * then function code.  A segment may carry several. */
static bool modbus(const struct pay *y)
{
	uint16_t len = pay_be16(y, 4);
	uint8_t function = pay_u8(y, 7) & 0x7f;

	if (y->len < 8 || pay_be16(y, 2) || len < 2 || len > 254 || 6u + len > y->len ||
	    !function || function > 0x2b + 64 || (!pay_port(y, 502) && 6u + len != y->len))
		return false;
	return pay_port(y, 502) || function <= 24 || function == 0x2b;
}

/* RFC 1006 6 (TPKT) around X.224 13 (COTP): S7, remote desktop, or other. */
static enum app tpkt(const struct pay *y)
{
	uint8_t li = pay_u8(y, 4), type = pay_u8(y, 5);
	uint16_t len = pay_be16(y, 2);

	if (y->len < 7 || y->p[0] != 3 || pay_u8(y, 1) || len < 7 || len > y->len || li < 2 ||
	    li > len - 5)
		return APP_NONE;
	switch (type) {
	case 0xf0: /* data: last unit, number 0 */
		if (li != 2 || pay_u8(y, 6) & 0x7f)
			return APP_NONE;
		if ((pay_u8(y, 7) == 0x32 && len >= 17) || pay_u8(y, 7) == 0x72)
			return APP_S7COMM; /* its protocol ids, classic and plus */
		if (pay_port(y, 3389))
			return APP_RDP;
		return len == y->len ? APP_COTP : APP_NONE;
	case 0xe0: /* connection request */
	case 0xd0: /* connection confirm */
		if (len != y->len || (type == 0xe0 && pay_be16(y, 6)) || pay_u8(y, 10) & 0x0f)
			return APP_NONE;
		/* MS-RDPBCGR 2.2.1.1: cookie or negotiation request of 8 bytes */
		if (PAY_IS(y, 11, "Cookie: mstshash=") || PAY_IS(y, 11, "\1\0\x08\0") ||
		    ((pay_u8(y, 11) == 2 || pay_u8(y, 11) == 3) && PAY_IS(y, 13, "\x08\0")) ||
		    pay_port(y, 3389))
			return APP_RDP;
		return APP_COTP;
	default:
		return APP_NONE;
	}
}

/* The CRC of IEEE 1815 9.2.5.2 over 'n' bytes. */
static uint16_t dnp3_crc(const uint8_t *p, unsigned n)
{
	uint16_t crc = 0;
	unsigned bit;

	while (n--) {
		crc ^= *p++;
		for (bit = 0; bit < 8; bit++)
			crc = crc & 1 ? crc >> 1 ^ 0xa6bc : crc >> 1;
	}
	return (uint16_t)~crc;
}

/* IEEE 1815 9.2.4.1: start octets, length, and a header with a checksum. */
static bool dnp3(const struct pay *y)
{
	return y->len >= 10 && pay_be16(y, 0) == 0x0564 && pay_u8(y, 2) >= 5 &&
	       dnp3_crc(y->p, 8) == pay_le16(y, 8);
}

/* IEC 60870-5-104 5.1: start, length, four control octets. */
static bool iec104(const struct pay *y)
{
	uint8_t len = pay_u8(y, 1), control = pay_u8(y, 2);

	if (y->len < 6 || y->p[0] != 0x68 || len < 4 || len > 253 || len + 2u > y->len)
		return false;
	if ((control & 3) == 3) /* U: one function */
		return len == 4 && pay_be24(y, 3) == 0 && control != 3 &&
		       (pay_port(y, 2404) || y->len == 6);
	if (control & 1) /* S: receive number only */
		return len == 4 && control == 1 && pay_u8(y, 3) == 0 && pay_port(y, 2404);
	return len >= 10 && pay_port(y, 2404) && !(pay_u8(y, 4) & 1);
}

/* ODVA CIP volume 2, 2-3: command, length, session, status, ..., options 0.
 * Requests that list something consist of zeros: only the port tells them. */
static bool enip(const struct pay *y)
{
	uint16_t command = pay_le16(y, 0), len = pay_le16(y, 2);
	bool port = pay_port(y, 44818);

	if (y->len < 24 || len > y->len - 24 || (len != y->len - 24 && !port) ||
	    pay_le32(y, 8) > 0x69 || pay_le32(y, 20))
		return false;
	switch (command) {
	case 0x0000: /* NOP */
	case 0x0004: /* list services */
	case 0x0063: /* list identity */
	case 0x0064: /* list interfaces */
		return port;
	case 0x0065: /* register session: version 1, no options */
		return len == 4 && pay_le32(y, 24) == 1;
	case 0x0066: /* unregister session */
	case 0x006f: /* send request/reply data */
	case 0x0070: /* send unit data */
		return pay_le32(y, 4) != 0;
	default:
		return false;
	}
}

/* OPC UA part 6, 7.1.2: message type, chunk type, size (little-endian). */
static bool opcua(const struct pay *y)
{
	static const char types[][4] = {"HEL", "ACK", "ERR", "RHE", "OPN", "CLO", "MSG"};
	size_t i;

	if (y->len < 8 || (pay_u8(y, 3) != 'F' && pay_u8(y, 3) != 'C' && pay_u8(y, 3) != 'A') ||
	    pay_le32(y, 4) < 8 || pay_le32(y, 4) > 1 << 24)
		return false;
	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (memcmp(y->p, types[i], 3) == 0)
			return true;
	return false;
}

/* ASHRAE 135 annex J.2: type, function, length of the whole. */
static bool bacnet(const struct pay *y)
{
	return y->len >= 6 && y->p[0] == 0x81 && pay_u8(y, 1) <= 0x0c && pay_be16(y, 2) == y->len &&
	       (pay_u8(y, 1) < 9 || pay_u8(y, pay_u8(y, 1) == 4 ? 10 : 4) == 1);
}

/* ISO 13400-2 9.2: version and its inverse, type, length. */
static bool doip(const struct pay *y)
{
	return y->len >= 8 && (y->p[0] ^ pay_u8(y, 1)) == 0xff &&
	       (y->p[0] <= 4 || y->p[0] == 0xff) && y->p[0] &&
	       (pay_be16(y, 2) <= 8 || pay_be16(y, 2) >> 12 == 4 || pay_be16(y, 2) >> 12 == 8) &&
	       pay_be32(y, 4) <= y->len - 8;
}

/* AUTOSAR PRS_SOMEIP 4.1.2: length counts from the request id; protocol
 * version 1, type, return code. */
static bool someip(const struct pay *y)
{
	uint32_t len = pay_be32(y, 4);
	uint8_t type = pay_u8(y, 14) & ~0x20;

	return y->len >= 16 && len >= 8 && len <= y->len - 8 && pay_u8(y, 12) == 1 &&
	       pay_u8(y, 15) <= 0x0a && (type <= 2 || type == 0x80 || type == 0x81) &&
	       (len == y->len - 8 || pay_be32(y, 0) == 0xffff8100);
}

/* RFC 7252 3: version 1, token, code, options in ascending order up to the end
 * or the marker. */
static bool coap(const struct pay *y)
{
	uint8_t tkl = y->p[0] & 15, code = pay_u8(y, 1);
	struct cur c;

	if (!pay_port(y, 5683) || y->len < 4 || y->p[0] >> 6 != 1 || tkl > 8)
		return false;
	if (code == 0)
		return tkl == 0 && y->len == 4;
	if (code >> 5 != 0 && code >> 5 != 2 && code >> 5 != 4 && code >> 5 != 5 && code >> 5 != 7)
		return false;
	c = pay_cur(y, 4);
	cur_take(&c, tkl);
	while (cur_ok(&c) && c.left) {
		uint8_t b = cur_u8(&c), delta = b >> 4;
		uint32_t len = b & 15;

		if (b == 0xff)
			return c.left > 0;
		if (delta == 15 || len == 15)
			return false;
		cur_take(&c, delta == 13 ? 1 : delta == 14 ? 2 : 0);
		len = len == 13 ? 13u + cur_u8(&c) : len == 14 ? 269u + cur_be16(&c) : len;
		cur_take(&c, len);
	}
	return cur_ok(&c);
}

/* OMG DDSI-RTPS 9.4.4: magic, version 1 or 2, first submessage. */
static bool rtps(const struct pay *y)
{
	return y->len >= 20 && PAY_IS(y, 0, "RTPS") && pay_u8(y, 4) >= 1 && pay_u8(y, 4) <= 2;
}

enum app ics_tcp(const struct pay *y)
{
	if (modbus(y))
		return APP_MODBUS;
	switch (y->p[0]) {
	case 0x03:
		return tpkt(y);
	case 0x05:
		return dnp3(y) ? APP_DNP3 : APP_NONE;
	case 0x68:
		return iec104(y) ? APP_IEC104 : APP_NONE;
	case 0x01:
	case 0x02:
	case 0xfd:
	case 0xfe:
		if (doip(y))
			return APP_DOIP;
		break;
	case 'H':
	case 'A':
	case 'E':
	case 'R':
	case 'O':
	case 'C':
	case 'M':
		if (opcua(y))
			return APP_OPCUA;
		break;
	default:
		break;
	}
	if (enip(y))
		return APP_ENIP;
	return someip(y) ? APP_SOMEIP : APP_NONE;
}

enum app ics_udp(const struct pay *y)
{
	if (y->p[0] == 0x81 && bacnet(y))
		return APP_BACNET;
	if (rtps(y))
		return APP_RTPS;
	if (pay_be16(y, 0) == 0x0564 && dnp3(y))
		return APP_DNP3;
	if (coap(y))
		return APP_COAP;
	if (doip(y))
		return APP_DOIP;
	if (enip(y))
		return APP_ENIP;
	return someip(y) ? APP_SOMEIP : APP_NONE;
}
