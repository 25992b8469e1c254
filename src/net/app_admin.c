#include "net/app_rec.h"

#include <strings.h>

/* Reads a BER tag and definite length (X.690 8.1) of the tag 'want'.  The
 * length may reach behind the payload when that was cut; returns it, -1 if
 * something else is there. */
static int64_t ber(struct cur *c, uint8_t want)
{
	uint8_t tag = cur_u8(c), n = cur_u8(c), i;
	int64_t len = n;

	if (!cur_ok(c) || tag != want || n > 0x84 || n == 0x80)
		return -1;
	if (n > 0x80)
		for (len = 0, i = 0x80; i < n; i++)
			len = len << 8 | cur_u8(c);
	return cur_ok(c) ? len : -1;
}

/* An INTEGER of one to four bytes that is not negative; -1 otherwise. */
static int64_t ber_uint(struct cur *c, uint8_t tag)
{
	int64_t len = ber(c, tag), v = 0;

	if (len < 1 || len > 5)
		return -1;
	while (len--)
		v = v << 8 | cur_u8(c);
	return cur_ok(c) && v <= UINT32_MAX ? v : -1;
}

/* RFC 1157 4, RFC 3416 3 (communities); RFC 3412 6 (version 3) */
static bool snmp(struct cur c)
{
	int64_t len = ber(&c, 0x30), version;

	if (len < 11 || len < c.left)
		return false;
	version = ber_uint(&c, 0x02);
	if (version == 3) {
		if (ber(&c, 0x30) < 12 || ber_uint(&c, 0x02) < 0 || ber_uint(&c, 0x02) < 484)
			return false;
		return ber(&c, 0x04) == 1;
	}
	if (version != 0 && version != 1)
		return false;
	len = ber(&c, 0x04);
	if (len < 0 || !cur_take(&c, (uint32_t)(len > UINT16_MAX ? UINT32_MAX : len)))
		return false;
	return cur_peek(&c, 0) >= 0xa0 && cur_peek(&c, 0) <= 0xa8; /* the PDU's type */
}

/* RFC 4511 4.1.1: SEQUENCE { messageID, [APPLICATION n] operation } */
static bool ldap(struct cur c)
{
	int64_t len = ber(&c, 0x30), op_len;
	uint8_t op;

	if (len < 5 || len > 1 << 24 || ber_uint(&c, 0x02) < 0)
		return false;
	op = cur_peek(&c, 0);
	switch (op) {
	case 0x42: /* unbindRequest, the shortest message */
		return len <= 8 && cur_peek(&c, 1) == 0;
	case 0x60: /* bindRequest */
	case 0x61: /* bindResponse */
	case 0x63: /* searchRequest */
	case 0x64: /* searchResEntry */
	case 0x65: /* searchResDone */
	case 0x66: /* modifyRequest */
	case 0x67:
	case 0x68: /* addRequest */
	case 0x69:
	case 0x6b: /* delResponse */
	case 0x6c: /* modDNRequest */
	case 0x6d:
	case 0x6e: /* compareRequest */
	case 0x6f:
	case 0x73: /* searchResRef */
	case 0x77: /* extendedReq */
	case 0x78: /* extendedResp */
		break;
	default:
		return false;
	}
	op_len = ber(&c, op);
	if (op_len < 0 || op_len > len)
		return false;
	switch (op) {
	case 0x60: /* version 2 or 3 */
		len = ber_uint(&c, 0x02);
		return len == 2 || len == 3;
	case 0x61:
	case 0x65:
	case 0x67:
	case 0x69:
	case 0x6b:
	case 0x6d:
	case 0x6f:
	case 0x78: /* LDAPResult begins with resultCode */
		return ber_uint(&c, 0x0a) >= 0;
	case 0x77:
		return ber(&c, 0x80) > 0; /* requestName */
	case 0x73:
	case 0x63:
	case 0x64:
	default:
		return ber(&c, 0x04) >= 0; /* a name */
	}
}

/* RFC 4120 5.4.1 (KDC-REQ), 5.4.2, 5.5.1, 5.9.1: pvno 5 and the type. */
static bool kerberos(struct cur c)
{
	uint8_t app = cur_peek(&c, 0), type = app & 0x1f, pvno;

	switch (type) {
	case 10: /* AS-REQ */
	case 12: /* TGS-REQ: tags begin with 1 */
		pvno = 0xa1;
		break;
	case 11: /* AS-REP */
	case 13: /* TGS-REP */
	case 14: /* AP-REQ */
	case 15: /* AP-REP */
	case 30: /* KRB-ERROR */
		pvno = 0xa0;
		break;
	default:
		return false;
	}
	if ((app & 0xe0) != 0x60 || ber(&c, app) < 10 || ber(&c, 0x30) < 10 || ber(&c, pvno) != 3 ||
	    ber_uint(&c, 0x02) != 5)
		return false;
	return ber(&c, pvno + 1) == 3 && ber_uint(&c, 0x02) == type;
}

/* RFC 2131 2, the magic cookie of RFC 2132 2. */
static bool dhcp4(const struct pay *y)
{
	return pay_be32(y, 236) == 0x63825363 && (y->p[0] == 1 || y->p[0] == 2) &&
	       pay_u8(y, 2) <= 16;
}

/* RFC 8415 8 and 9: a list of options that ends where the message does. */
static bool dhcp6(const struct pay *y)
{
	uint8_t type = y->p[0];
	struct cur c = pay_cur(y, type == 12 || type == 13 ? 34 : 4); /* relayed */

	if ((!pay_port(y, 546) && !pay_port(y, 547)) || !type || type > 36 || !cur_ok(&c) ||
	    !c.left)
		return false;
	while (cur_ok(&c) && c.left) {
		uint16_t code = cur_be16(&c);

		if (!code || code > 255)
			return false;
		cur_take(&c, cur_be16(&c));
	}
	return cur_ok(&c);
}

/* RFC 5905 7.3.  Away from its port: a server's times are of this age (its era
 * has the first bit set from 1968 to 2036), its root is near; a client's fields
 * are 0 but for the last time stamp. */
static bool ntp(const struct pay *y)
{
	uint8_t version = y->p[0] >> 3 & 7, mode = y->p[0] & 7, stratum = pay_u8(y, 1);
	uint8_t poll = pay_u8(y, 2), precision = pay_u8(y, 3);

	if (version < 1 || version > 4 || mode == 0)
		return false;
	if (mode >= 6) /* control and private: RFC 9327 2, no structure of its own */
		return pay_port(y, 123) && version >= 2 && y->len >= 8;
	if (y->len < 48 || y->len % 4 || stratum > 16)
		return false;
	if (pay_port(y, 123))
		return true;
	if (version < 3 || poll > 17 || y->len != 48)
		return false;
	if (mode == 3) {
		uint32_t i, zero = stratum;

		for (i = 4; i < 40; i += 4)
			zero |= pay_be32(y, i);
		return !zero && pay_be32(y, 40) && pay_be32(y, 44);
	}
	return precision >= 0xe0 && pay_be32(y, 4) < 16u << 16 && pay_be32(y, 8) < 16u << 16 &&
	       pay_be32(y, 32) >> 31 && pay_be32(y, 40) >> 31;
}

/* RFC 2865 3: the length of the whole, and attributes that fill it.  Padding may
 * follow. */
static bool radius(const struct pay *y)
{
	uint8_t code = y->p[0];
	uint16_t len = pay_be16(y, 2);
	struct cur c;

	if (len < 20 || len > y->len ||
	    (len != y->len && !pay_port(y, 1812) && !pay_port(y, 1813)) || code == 0 ||
	    (code > 5 && code < 11) || (code > 13 && code < 40) || code > 45)
		return false;
	c = pay_cur(y, 20);
	c.left = len - 20u;
	while (cur_ok(&c) && c.left) {
		uint8_t type = cur_u8(&c), n = cur_u8(&c);

		if (!type || n < 2)
			return false;
		cur_take(&c, n - 2u);
	}
	return cur_ok(&c);
}

/* RFC 1350 5: a request names a file and a mode. */
static bool tftp(const struct pay *y)
{
	uint16_t op = pay_be16(y, 0);
	const uint8_t *mode, *end;
	uint32_t i;

	if (op != 1 && op != 2)
		return false;
	for (i = 2; pay_u8(y, i) >= 0x20; i++)
		;
	if (i == 2 || i >= y->len || pay_u8(y, i) != 0)
		return false;
	mode = y->p + i + 1;
	end = memchr(mode, 0, y->len - i - 1);
	return end && ((end - mode == 5 && strncasecmp((const char *)mode, "octet", 5) == 0) ||
		       (end - mode == 8 && strncasecmp((const char *)mode, "netascii", 8) == 0) ||
		       (end - mode == 4 && strncasecmp((const char *)mode, "mail", 4) == 0));
}

/* RFC 6886 3.2 to 3.4 (version 0), RFC 6887 7.1 and 7.2 (PCP, version 2) */
static bool nat_pmp(const struct pay *y)
{
	uint8_t op = pay_u8(y, 1) & 0x7f;

	if (!pay_port(y, 5351) && !pay_port(y, 5350))
		return false;
	if (y->p[0] == 2)
		return y->len >= 24 && y->len % 4 == 0 && op <= 3;
	return y->p[0] == 0 && op <= 2 &&
	       (y->len == 2 || y->len == 12 || y->len == 8 || y->len == 16);
}

/* RFC 2165, RFC 2608 8: version, function, length of the whole, language. */
static bool slp(const struct pay *y)
{
	return y->len >= 16 && y->p[0] == 2 && pay_u8(y, 1) >= 1 && pay_u8(y, 1) <= 11 &&
	       pay_be24(y, 2) == y->len && pay_be16(y, 12) >= 2 && pay_be16(y, 12) <= 8;
}

/* RFC 8907 4.1 */
static bool tacacs(const struct pay *y)
{
	return y->len >= 12 && (y->p[0] == 0xc0 || y->p[0] == 0xc1) && pay_u8(y, 1) >= 1 &&
	       pay_u8(y, 1) <= 3 && pay_u8(y, 2) && (pay_u8(y, 3) & ~5) == 0 &&
	       pay_be32(y, 8) == y->len - 12;
}

/* RFC 6733 3, and the first AVP's code and length (4.1). */
static bool diameter(struct cur c, uint32_t size)
{
	uint32_t len = cur_be32(&c), command = cur_be32(&c), avp_len;

	if (len >> 24 != 1 || (len & 3) || (len &= 0xffffff) < 20 || command >> 24 & 0x0f)
		return false;
	command &= 0xffffff;
	if (command < 257 || (command > 329 && command < 8388000))
		return false;
	cur_take(&c, 12);
	if (len == 20)
		return size == 20 && cur_ok(&c);
	cur_be32(&c); /* code */
	avp_len = cur_be32(&c);
	return cur_ok(&c) && (avp_len >> 24 & 0x1f) == 0 && (avp_len & 0xffffff) >= 8 &&
	       (avp_len & 0xffffff) <= len - 20;
}

enum app admin_udp(const struct pay *y)
{
	if (ntp(y))
		return APP_NTP;
	if (dhcp4(y))
		return APP_DHCPV4;
	if (dhcp6(y))
		return APP_DHCPV6;
	if (y->p[0] == 0x30) {
		if (snmp(pay_cur(y, 0)))
			return APP_SNMP;
		if (ldap(pay_cur(y, 0)))
			return APP_LDAP;
	}
	if ((y->p[0] & 0xe0) == 0x60 && kerberos(pay_cur(y, 0)))
		return APP_KERBEROS;
	if (radius(y))
		return APP_RADIUS;
	if (slp(y))
		return APP_SLP;
	if (nat_pmp(y))
		return APP_NAT_PMP;
	return tftp(y) ? APP_TFTP : APP_NONE;
}

enum app admin_tcp(const struct pay *y)
{
	switch (y->p[0]) {
	case 0x30:
		return snmp(pay_cur(y, 0)) ? APP_SNMP : ldap(pay_cur(y, 0)) ? APP_LDAP : APP_NONE;
	case 0x00: /* RFC 4120 7.2.2: length in front */
		return pay_be32(y, 0) >= y->len - 4 && kerberos(pay_cur(y, 4)) ? APP_KERBEROS
									       : APP_NONE;
	case 0x01:
		return diameter(pay_cur(y, 0), y->len) ? APP_DIAMETER : APP_NONE;
	case 0x02:
		return slp(y) ? APP_SLP : APP_NONE;
	case 0xc0:
	case 0xc1:
		return tacacs(y) ? APP_TACACS : APP_NONE;
	default:
		return APP_NONE;
	}
}
