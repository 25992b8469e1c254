#include "net/app_rec.h"

/* RFC 4271 4.1: sixteen times 0xff, length, type. */
static bool bgp(const struct pay *y)
{
	uint32_t i;

	if (y->len < 19 || pay_be16(y, 16) < 19 || pay_be16(y, 16) > 4096 || !pay_u8(y, 18) ||
	    pay_u8(y, 18) > 5)
		return false;
	for (i = 0; i < 16; i++)
		if (pay_u8(y, i) != 0xff)
			return false;
	return true;
}

/* RFC 2453 4, RFC 1058 3.1 */
static bool rip(const struct pay *y)
{
	uint16_t family = pay_be16(y, 4);

	return pay_port(y, 520) && y->len >= 24 && (y->len - 4) % 20 == 0 && y->p[0] >= 1 &&
	       y->p[0] <= 5 && (pay_u8(y, 1) == 1 || pay_u8(y, 1) == 2) && pay_be16(y, 2) == 0 &&
	       (family == 0 || family == 2 || family == 0xffff);
}

/* RFC 2080 2.1 */
static bool ripng(const struct pay *y)
{
	return pay_port(y, 521) && y->len >= 24 && (y->len - 4) % 20 == 0 && y->p[0] >= 1 &&
	       y->p[0] <= 2 && pay_u8(y, 1) == 1 && pay_be16(y, 2) == 0 && pay_u8(y, 22) <= 128;
}

/* RFC 2281 5.1; version 2 (Cisco) is a list of type, length, value that begins
 * with the group state of 40 bytes. */
static bool hsrp(const struct pay *y)
{
	if (!pay_port(y, 1985) && !pay_port(y, 2029))
		return false;
	if (y->len >= 42 && y->p[0] == 1 && pay_u8(y, 1) == 40 && pay_u8(y, 2) == 2)
		return pay_u8(y, 3) <= 3;
	return y->len >= 20 && y->p[0] == 0 && pay_u8(y, 1) <= 3 && pay_u8(y, 2) <= 16;
}

/* RFC 5880 4.1 */
static bool bfd(const struct pay *y)
{
	return (pay_port(y, 3784) || pay_port(y, 4784) || pay_port(y, 6784)) && y->len >= 24 &&
	       y->p[0] >> 5 == 1 && pay_u8(y, 3) >= 24 && pay_u8(y, 3) <= y->len && pay_u8(y, 2) &&
	       pay_be32(y, 4);
}

/* RFC 5036 3.1 and 3.5: version 1, length without the first four bytes, and a
 * message inside that fits. */
static bool ldp(const struct pay *y)
{
	uint16_t len = pay_be16(y, 2), type = pay_be16(y, 10) & 0x7fff;

	return y->len >= 18 && pay_be16(y, 0) == 1 && len >= 14 && len <= y->len - 4 &&
	       pay_be16(y, 8) == 0 && type >= 1 && type <= 0x0404 && pay_be16(y, 12) >= 4 &&
	       pay_be16(y, 12) <= len - 10;
}

/* RFC 7854 4.1 */
static bool bmp(const struct pay *y)
{
	uint32_t len = pay_be32(y, 1);

	return y->len >= 6 && y->p[0] == 3 && pay_u8(y, 5) <= 6 && len >= 6 && len <= 8192 &&
	       (len == y->len || pay_port(y, 1790));
}

/* RFC 3618 12: type, length */
static bool msdp(const struct pay *y)
{
	return pay_port(y, 639) && y->p[0] >= 1 && y->p[0] <= 7 && pay_be16(y, 1) >= 3 &&
	       pay_be16(y, 1) <= 9192;
}

/* RFC 6810 5: version, type, length */
static bool rpki(const struct pay *y)
{
	return pay_port(y, 323) && y->len >= 8 && y->p[0] <= 2 && pay_u8(y, 1) <= 11 &&
	       pay_be32(y, 4) >= 8 && pay_be32(y, 4) <= 65535;
}

/* IEEE 1588 13.3: the version and the length of the message. */
static bool ptp(const struct pay *y)
{
	uint8_t type = y->p[0] & 15;

	return (pay_port(y, 319) || pay_port(y, 320)) && y->len >= 34 && (pay_u8(y, 1) & 15) == 2 &&
	       (type <= 3 || (type >= 8 && type <= 13)) && pay_be16(y, 2) >= 34 &&
	       pay_be16(y, 2) <= y->len;
}

enum app route_udp(const struct pay *y)
{
	if (rip(y))
		return APP_RIP;
	if (ripng(y))
		return APP_RIPNG;
	if (hsrp(y))
		return APP_HSRP;
	if (bfd(y))
		return APP_BFD;
	if (ptp(y))
		return APP_PTP;
	return ldp(y) ? APP_LDP : APP_NONE;
}

enum app route_tcp(const struct pay *y)
{
	if (y->p[0] == 0xff)
		return bgp(y) ? APP_BGP : APP_NONE;
	if (y->p[0] > 11)
		return APP_NONE;
	if (ldp(y))
		return APP_LDP;
	if (msdp(y))
		return APP_MSDP;
	if (rpki(y))
		return APP_RPKI;
	return bmp(y) ? APP_BMP : APP_NONE;
}
