#include "net/community.h"

#include <stdbool.h>
#include <string.h>

#include "base/bytes.h"

enum {
	PROTO_ICMP = 1,
	PROTO_TCP = 6,
	PROTO_UDP = 17,
	PROTO_ICMP6 = 58,
	PROTO_SCTP = 132,
};

#define SHA1_BLOCK 64
#define SHA1_SIZE  20
/* The longest input, two IPv6 addresses with ports, is 40 bytes: with padding
 * and length it always fits one block. */
#define SHA1_INPUT_MAX (SHA1_BLOCK - 9)

static inline uint32_t rol(uint32_t v, int n)
{
	return v << n | v >> (32 - n);
}

#define SCHEDULE(w, i)                                                                             \
	((w)[(i)&15] = rol((w)[((i) + 13) & 15] ^ (w)[((i) + 8) & 15] ^ (w)[((i) + 2) & 15] ^      \
				   (w)[(i)&15],                                                    \
			   1))

#define ROUND(f, k, word)                                                                          \
	do {                                                                                       \
		uint32_t t_ = rol(a, 5) + (f) + e + (k) + (word);                                  \
		e = d;                                                                             \
		d = c;                                                                             \
		c = rol(b, 30);                                                                    \
		b = a;                                                                             \
		a = t_;                                                                            \
	} while (0)

/* SHA-1 of one block of at most SHA1_INPUT_MAX bytes (FIPS 180-4 6.1.2).  Here
 * and not from libcrypto because the hash is only a name, not a secret:
 * EVP_Digest() takes 290 ns for such an input (it looks up the algorithm each
 * time, under a lock), and the 95 ns of a kept context would force an object
 * on every caller.  Unrolled, this takes about as long as the latter. */
static void sha1_short(uint8_t block[SHA1_BLOCK], size_t len, uint8_t ret[SHA1_SIZE])
{
	uint32_t a = 0x67452301, b = 0xefcdab89, c = 0x98badcfe, d = 0x10325476, e = 0xc3d2e1f0;
	uint32_t w[16];
	int i;

	block[len] = 0x80;
	memset(block + len + 1, 0, SHA1_BLOCK - 1 - len);
	be64_store(block + SHA1_BLOCK - 8, len * 8);
	for (i = 0; i < 16; i++)
		w[i] = be32_load(block + 4 * i);

#pragma GCC unroll 16
	for (i = 0; i < 16; i++)
		ROUND(d ^ (b & (c ^ d)), 0x5a827999, w[i]);
#pragma GCC unroll 4
	for (; i < 20; i++)
		ROUND(d ^ (b & (c ^ d)), 0x5a827999, SCHEDULE(w, i));
#pragma GCC unroll 20
	for (; i < 40; i++)
		ROUND(b ^ c ^ d, 0x6ed9eba1, SCHEDULE(w, i));
#pragma GCC unroll 20
	for (; i < 60; i++)
		ROUND((b & c) | (d & (b | c)), 0x8f1bbcdc, SCHEDULE(w, i));
#pragma GCC unroll 20
	for (; i < 80; i++)
		ROUND(b ^ c ^ d, 0xca62c1d6, SCHEDULE(w, i));

	be32_store(ret, a + 0x67452301);
	be32_store(ret + 4, b + 0xefcdab89);
	be32_store(ret + 8, c + 0x98badcfe);
	be32_store(ret + 12, d + 0x10325476);
	be32_store(ret + 16, e + 0xc3d2e1f0);
}

/* RFC 4648 4.  20 bytes give 27 characters and one '='. */
static void base64_sha1(const uint8_t in[SHA1_SIZE], char ret[28])
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	int i;

	for (i = 0; i < SHA1_SIZE - 2; i += 3) {
		uint32_t v = (uint32_t)in[i] << 16 | (uint32_t)in[i + 1] << 8 | in[i + 2];

		*ret++ = digits[v >> 18];
		*ret++ = digits[v >> 12 & 63];
		*ret++ = digits[v >> 6 & 63];
		*ret++ = digits[v & 63];
	}
	*ret++ = digits[in[18] >> 2];
	*ret++ = digits[(in[18] & 3) << 4 | in[19] >> 4];
	*ret++ = digits[(in[19] & 15) << 2];
	*ret = '=';
}

/* The type of the message that answers 'type', -1 where none does: such flows
 * have one direction.  The pairs are those of the specification's reference
 * (ICMPHelper in community-id.py), which has them from Zeek. */
static int icmp_counterpart(uint8_t proto, uint16_t type)
{
	if (proto == PROTO_ICMP) {
		switch (type) {
		case 0: /* echo reply */
			return 8;
		case 8:
			return 0;
		case 9: /* router advertisement */
			return 10;
		case 10:
			return 9;
		case 13: /* timestamp */
		case 15: /* information */
		case 17: /* address mask */
			return type + 1;
		case 14:
		case 16:
		case 18:
			return type - 1;
		default:
			return -1;
		}
	}
	switch (type) {
	case 128: /* echo request */
	case 130: /* multicast listener query */
	case 133: /* router solicitation */
	case 135: /* neighbour solicitation */
	case 139: /* node information query */
	case 144: /* home agent address discovery */
		return type + 1;
	case 129:
	case 131:
	case 134:
	case 136:
	case 140:
	case 145:
		return type - 1;
	default:
		return -1;
	}
}

void community_id(const struct addr *src, const struct addr *dst, uint8_t proto, uint16_t sport,
		  uint16_t dport, char ret[COMMUNITY_ID_SIZE])
{
	uint8_t block[SHA1_BLOCK], sha[SHA1_SIZE], *p = block;
	bool ports = false, one_way = false;
	size_t size;
	int order;

	ret[0] = '\0';
	if (src->family != dst->family || (src->family != ADDR_IP4 && src->family != ADDR_IP6))
		return;
	size = src->family == ADDR_IP4 ? 4 : 16;

	switch (proto) {
	case PROTO_TCP:
	case PROTO_UDP:
	case PROTO_SCTP:
		ports = sport || dport;
		break;
	case PROTO_ICMP:
	case PROTO_ICMP6: {
		int answer = icmp_counterpart(proto, sport);

		ports = true;
		one_way = answer < 0;
		if (!one_way)
			dport = (uint16_t)answer;
		break;
	}
	default:
		break;
	}

	order = memcmp(src->b, dst->b, size);
	if (order == 0 && ports)
		order = (sport > dport) - (sport < dport);
	if (order > 0 && !one_way) {
		const struct addr *a = src;
		uint16_t port = sport;

		src = dst;
		dst = a;
		sport = dport;
		dport = port;
	}

	be16_store(p, 0); /* seed */
	p += 2;
	memcpy(p, src->b, size);
	p += size;
	memcpy(p, dst->b, size);
	p += size;
	*p++ = proto;
	*p++ = 0;
	if (ports) {
		be16_store(p, sport);
		be16_store(p + 2, dport);
		p += 4;
	}
	_Static_assert(2 + 2 * 16 + 2 + 4 <= SHA1_INPUT_MAX, "one block");
	sha1_short(block, (size_t)(p - block), sha);
	ret[0] = '1';
	ret[1] = ':';
	base64_sha1(sha, ret + 2);
	ret[COMMUNITY_ID_SIZE - 1] = '\0';
}
