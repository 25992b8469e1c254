#include "net/app_rec.h"

#define DNS_HDR      12
#define DNS_NAME_MAX 255 /* RFC 1035 2.3.4 */

/* RFC 1035 4.1.2 and later: the classes in use. */
static bool class_ok(uint16_t class, bool mdns)
{
	if (mdns)
		class &= 0x7fff; /* RFC 6762 5.4, 10.2: unicast wanted, cache flush */
	return class == 1 || class == 3 || class == 4 || class == 254 || class == 255;
}

/* A name without compression: nothing stands before the first one that it
 * could point to. */
static bool first_name(struct cur *c)
{
	unsigned total = 0;

	for (;;) {
		uint8_t n = cur_u8(c);

		if (!cur_ok(c))
			return false;
		if (n == 0)
			return true;
		total += 1u + n;
		if (n > 63 || total >= DNS_NAME_MAX)
			return false;
		cur_take(c, n);
	}
}

/* RFC 1035 4.1: header and first question, or first record of an answer that
 * repeats no question. */
static bool dns_message(struct cur c, bool mdns)
{
	uint16_t flags, qd, an, ns, ar, type, class;
	unsigned opcode, rcode;

	cur_be16(&c); /* id */
	flags = cur_be16(&c);
	qd = cur_be16(&c);
	an = cur_be16(&c);
	ns = cur_be16(&c);
	ar = cur_be16(&c);
	opcode = flags >> 11 & 15;
	rcode = flags & 15;
	if (!cur_ok(&c) || flags & 0x0040 || opcode == 3 || opcode > 5 || rcode > 11 ||
	    qd > (mdns ? 255 : 1) || an > 255 || ns > 255 || ar > 255)
		return false;
	if (!(flags & 0x8000) && rcode)
		return false;
	if (!qd && !an) /* a refusal that consists of the header (RFC 2136 3.1, RFC 8906) */
		return flags & 0x8000 && rcode && !ns && ar <= 1 && (!c.left || ar);
	if (!first_name(&c))
		return false;
	type = cur_be16(&c);
	class = cur_be16(&c);
	if (!cur_ok(&c) || !type || !class_ok(class, mdns))
		return false;
	if (!qd) {
		cur_be32(&c); /* TTL */
		cur_take(&c, cur_be16(&c));
	}
	return cur_ok(&c);
}

/* RFC 1002 4.2: the header of DNS, and names of 32 letters A to P. */
static bool netbios_name(const struct pay *y)
{
	uint16_t flags = pay_be16(y, 2), type;
	unsigned opcode = flags >> 11 & 15;
	uint32_t i;

	if (!pay_has(y, DNS_HDR, 1 + 32 + 1 + 4) || pay_u8(y, DNS_HDR) != 32 ||
	    (opcode != 0 && (opcode < 5 || opcode > 9)) || flags & 0x0060 ||
	    pay_be16(y, 4) + pay_be16(y, 6) == 0 || pay_be16(y, 4) > 1 || pay_be16(y, 6) > 255)
		return false;
	for (i = 0; i < 32; i++)
		if ((uint8_t)(pay_u8(y, DNS_HDR + 1 + i) - 'A') > 15)
			return false;
	if (pay_u8(y, DNS_HDR + 33) != 0) /* a scope follows */
		return true;
	type = pay_be16(y, DNS_HDR + 34);
	return (type == 0x20 || type == 0x21) && pay_be16(y, DNS_HDR + 36) == 1;
}

enum app dns_udp(const struct pay *y)
{
	bool mdns = pay_port(y, 5353);

	if (y->len < DNS_HDR)
		return APP_NONE;
	if (netbios_name(y))
		return APP_NETBIOS_NS;
	if (!dns_message(pay_cur(y, 0), mdns))
		return APP_NONE;
	return mdns                ? APP_MDNS
	       : pay_port(y, 5355) ? APP_LLMNR
	       : pay_port(y, 137)  ? APP_NETBIOS_NS
				   : APP_DNS;
}

/* RFC 1035 4.2.2: a length in front.  Several messages may share a segment and
 * one may be cut by it. */
enum app dns_tcp(const struct pay *y)
{
	uint16_t len = pay_be16(y, 0);
	struct cur c;

	if (len < DNS_HDR || y->len < 2 + DNS_HDR)
		return APP_NONE;
	c = pay_cur(y, 2);
	if (c.left > len)
		c.left = len;
	if (!dns_message(c, false))
		return APP_NONE;
	return pay_port(y, 5355) ? APP_LLMNR : APP_DNS;
}
