#include "net/app_rec.h"

#define STUN_COOKIE      0x2112a442 /* RFC 8489 5 */
#define RTP_HDR          12
#define RTP_EXT_ONE_BYTE 0xbede /* RFC 8285 4.2 */

/* RFC 8489 5; without the cookie RFC 3489 11.1, whose attributes must then
 * fill the message. */
static bool stun(const struct pay *y, uint32_t at)
{
	uint16_t type = pay_be16(y, at), len = pay_be16(y, at + 2);
	struct cur c;

	if (!pay_has(y, at, 20) || type >> 14 || len > y->len - at - 20)
		return false;
	if (pay_be32(y, at + 4) == STUN_COOKIE) /* some pad their attributes wrongly */
		return len % 4 == 0 || len == y->len - at - 20;
	if (len % 4 || (type & 0xfeef) > 2 || !(type & 0xff) || len != y->len - at - 20)
		return false;
	c = pay_cur(y, at + 20);
	while (cur_ok(&c) && c.left) {
		uint16_t attr = cur_be16(&c), n = cur_be16(&c);

		if (!attr || (attr > 0x40 && attr < 0x8000) || n % 4)
			return false;
		cur_take(&c, n);
	}
	return cur_ok(&c) && (len || pay_port(y, 3478));
}

/* Whether 'n' bytes are what the codec of a static payload type (RFC 3551 6)
 * sends in one packet. */
static bool codec_fits(uint8_t type, struct cur c)
{
	uint32_t n = c.left;

	switch (type) {
	case 0: /* PCMU */
	case 8: /* PCMA */
	case 9: /* G722: 64 kbit/s, 10 to 60 ms */
		return n >= 80 && n <= 480 && n % 80 == 0;
	case 3: /* GSM: frames of 33 bytes */
		return n == 33 || n == 66;
	case 4: /* G723: frames of 24 or 20 bytes */
		return n == 24 || n == 20 || n == 48;
	case 18: /* G729: frames of 10 bytes, one of 2 for silence */
		return n == 10 || n == 20 || n == 30 || n == 40 || n == 22;
	case 33: /* MP2T: transport stream packets */
		while (c.left >= 188 && c.p[0] == 0x47)
			cur_take(&c, 188);
		return n && !c.left;
	default:
		return false;
	}
}

/* RFC 3550 5.1.  One packet of a dynamic payload type has no structure that
 * could tell it from noise, unless it carries the header extension that WebRTC
 * uses: such a flow has no name but by its port. */
static bool rtp(const struct pay *y)
{
	uint8_t type = pay_u8(y, 1) & 0x7f;
	uint16_t words;
	struct cur c;

	if (y->len < RTP_HDR + 1 || (y->p[0] & 0xc0) != 0x80)
		return false;
	if (y->p[0] == 0x90 && type >= 96 && pay_be16(y, RTP_HDR) == RTP_EXT_ONE_BYTE) {
		words = pay_be16(y, RTP_HDR + 2);
		return words && words <= 64 && pay_has(y, RTP_HDR + 4, 4u * words);
	}
	if (y->p[0] != 0x80 || y->sport < 1024 || y->dport < 1024 || (y->sport & 1 && y->dport & 1))
		return false;
	c = pay_cur(y, RTP_HDR);
	return codec_fits(type, c);
}

/* RFC 3550 6.4: reports come first and say how long they are; RFC 4585 6.1 and
 * RFC 5506: feedback may come alone. */
static bool rtcp(const struct pay *y)
{
	uint8_t count = y->p[0] & 0x1f, type = pay_u8(y, 1);
	uint32_t words = pay_be16(y, 2);

	if ((y->p[0] & 0xe0) != 0x80 || y->len < 8 || !pay_has(y, 0, 4 * (words + 1)))
		return false;
	switch (type) {
	case 200: /* SR */
		return words == 6 + 6u * count;
	case 201: /* RR */
		return words == 1 + 6u * count;
	case 205: /* RTPFB */
	case 206: /* PSFB */
		return count && words >= 2 && 4 * (words + 1) == y->len;
	default:
		return false;
	}
}

/* Adobe RTMP 1.0 5.2.2 to 5.2.4: version 3, a time stamp, four bytes of 0 and
 * noise: more than one segment holds. */
static bool rtmp(const struct pay *y)
{
	return y->len >= 512 && y->len <= 1 + 2 * 1536 && y->p[0] == 3 && pay_be32(y, 5) == 0;
}

enum app media_udp(const struct pay *y)
{
	if ((y->p[0] & 0xc0) == 0x80)
		return rtcp(y) ? APP_RTCP : rtp(y) ? APP_RTP : APP_NONE;
	return stun(y, 0) ? APP_STUN : APP_NONE;
}

enum app media_tcp(const struct pay *y)
{
	if (y->p[0] == 3 && rtmp(y))
		return APP_RTMP;
	/* RFC 8489 6.2.2; with a length in front RFC 4571 2 (ICE) */
	if (y->p[0] <= 1 && y->len >= 20)
		return stun(y, 0) || (pay_be16(y, 0) == y->len - 2 &&
				      pay_be32(y, 6) == STUN_COOKIE && stun(y, 2))
			       ? APP_STUN
			       : APP_NONE;
	return APP_NONE;
}
