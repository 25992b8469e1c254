#include "net/community.h"

#include <stdbool.h>
#include <string.h>

/* The hash of one block by itself: EVP takes four times as long, as it looks
 * things up and cleans up for each message. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

#include "base/bytes.h"

enum {
	PROTO_ICMP = 1,
	PROTO_TCP = 6,
	PROTO_UDP = 17,
	PROTO_ICMP6 = 58,
	PROTO_SCTP = 132,
};

#define SHA1_SIZE  20
#define SHA1_BLOCK 64
#define INPUT_MAX  (2 + 2 * 16 + 2 + 4)
_Static_assert(INPUT_MAX + 1 + 8 <= SHA1_BLOCK, "all messages are of one block");

/* FIPS 180-4 5.1.1, 6.1: 'len' <= INPUT_MAX bytes stand in 'block', zeros behind. */
static void sha1(uint8_t block[SHA1_BLOCK], size_t len, uint8_t ret[SHA1_SIZE])
{
	SHA_CTX ctx;

	block[len] = 0x80;
	block[SHA1_BLOCK - 2] = (uint8_t)(len * 8 >> 8);
	block[SHA1_BLOCK - 1] = (uint8_t)(len * 8);
	SHA1_Init(&ctx);
	SHA1_Transform(&ctx, block);
	be32_store(ret, ctx.h0);
	be32_store(ret + 4, ctx.h1);
	be32_store(ret + 8, ctx.h2);
	be32_store(ret + 12, ctx.h3);
	be32_store(ret + 16, ctx.h4);
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

/* The pairs are those of the specification's reference (ICMPHelper in
 * community-id.py), which has them from Zeek. */
int community_icmp_answer(uint8_t proto, uint16_t type)
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
	uint8_t input[SHA1_BLOCK] = {0}, sha[SHA1_SIZE], *p = input;
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
		int answer = community_icmp_answer(proto, sport);

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
	sha1(input, (size_t)(p - input), sha);
	ret[0] = '1';
	ret[1] = ':';
	base64_sha1(sha, ret + 2);
	ret[COMMUNITY_ID_SIZE - 1] = '\0';
}
