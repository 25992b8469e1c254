#include "base/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *put_dec(char *p, uint8_t v)
{
	if (v >= 100)
		*p++ = (char)('0' + v / 100);
	if (v >= 10)
		*p++ = (char)('0' + v / 10 % 10);
	*p++ = (char)('0' + v % 10);
	return p;
}

static size_t ip4_text(const uint8_t b[4], char *ret)
{
	char *p = ret;
	int i;

	for (i = 0; i < 4; i++) {
		if (i)
			*p++ = '.';
		p = put_dec(p, b[i]);
	}
	*p = '\0';
	return (size_t)(p - ret);
}

static const char hex[] = "0123456789abcdef";

/* RFC 5952: lower case, no leading zeros, the longest run of two or more zero
 * groups (the first of equal ones) becomes "::".  ::ffff:0:0/96 with a dotted
 * tail as in section 5. */
static size_t ip6_text(const uint8_t b[16], char *ret)
{
	static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
	int best = -1, best_len = 1, i, j;
	char *p = ret;

	if (memcmp(b, mapped, 12) == 0) {
		memcpy(ret, "::ffff:", 7);
		return 7 + ip4_text(b + 12, ret + 7);
	}
	for (i = 0; i < 8; i = j + 1) {
		for (j = i; j < 8 && !b[2 * j] && !b[2 * j + 1]; j++)
			;
		if (j - i > best_len) {
			best = i;
			best_len = j - i;
		}
	}
	for (i = 0; i < 8; i++) {
		unsigned v = (unsigned)b[2 * i] << 8 | b[2 * i + 1];

		if (i == best) {
			*p++ = ':';
			if (best + best_len == 8)
				*p++ = ':';
			i += best_len - 1;
			continue;
		}
		if (i)
			*p++ = ':';
		if (v >= 0x1000)
			*p++ = hex[v >> 12];
		if (v >= 0x100)
			*p++ = hex[v >> 8 & 15];
		if (v >= 0x10)
			*p++ = hex[v >> 4 & 15];
		*p++ = hex[v & 15];
	}
	*p = '\0';
	return (size_t)(p - ret);
}

static size_t mac_text(const uint8_t b[6], char *ret)
{
	char *p = ret;
	int i;

	for (i = 0; i < 6; i++) {
		if (i)
			*p++ = ':';
		*p++ = hex[b[i] >> 4];
		*p++ = hex[b[i] & 15];
	}
	*p = '\0';
	return (size_t)(p - ret);
}

size_t addr_text(const struct addr *a, char ret[ADDR_TEXT_SIZE])
{
	switch (a->family) {
	case ADDR_IP4:
		return ip4_text(a->b, ret);
	case ADDR_IP6:
		return ip6_text(a->b, ret);
	case ADDR_MAC:
		return mac_text(a->b, ret);
	default:
		ret[0] = '\0';
		return 0;
	}
}

void buf_addaddr(struct buf *b, const struct addr *a)
{
	if (buf_reserve(b, ADDR_TEXT_SIZE) < 0)
		return;
	b->len += addr_text(a, b->p + b->len);
}

static int mac_parse(const char *text, struct addr *ret)
{
	struct addr a = {.family = ADDR_MAC};
	char sep = 0;
	int i;

	for (i = 0; i < 6; i++) {
		int digits = 0, v = 0;

		for (; digits < 2; digits++, text++) {
			const char *h =
				strchr(hex, *text >= 'A' && *text <= 'F' ? *text | 0x20 : *text);

			if (!*text || !h)
				break;
			v = v * 16 + (int)(h - hex);
		}
		if (i == 0)
			sep = *text;
		if (!digits || (sep != ':' && sep != '-') || *text != (i < 5 ? sep : '\0'))
			return -EINVAL;
		a.b[i] = (uint8_t)v;
		text++;
	}
	*ret = a;
	return 0;
}

int addr_parse(const char *text, struct addr *ret)
{
	struct addr a = {0};

	if (inet_pton(AF_INET, text, a.b) == 1) {
		a.family = ADDR_IP4;
	} else if (inet_pton(AF_INET6, text, a.b) == 1) {
		a.family = ADDR_IP6;
	} else {
		return mac_parse(text, ret);
	}
	*ret = a;
	return 0;
}

static unsigned family_bits(uint8_t family)
{
	return family == ADDR_IP4 ? 32 : family == ADDR_IP6 ? 128 : family == ADDR_MAC ? 48 : 0;
}

int addr_parse_prefix(const char *text, struct addr *ret, unsigned *ret_bits)
{
	const char *slash = strchr(text, '/');
	char front[ADDR_TEXT_SIZE];
	unsigned bits, i;
	struct addr a;

	if (slash && (size_t)(slash - text) >= sizeof(front))
		return -EINVAL;
	if (!slash && strlen(text) >= sizeof(front))
		return -EINVAL;
	snprintf(front, sizeof(front), "%.*s", slash ? (int)(slash - text) : (int)sizeof(front),
		 text);
	if (addr_parse(front, &a) < 0)
		return -EINVAL;

	bits = family_bits(a.family);
	if (slash) {
		unsigned long v;
		char *end;

		if (slash[1] < '0' || slash[1] > '9')
			return -EINVAL;
		v = strtoul(slash + 1, &end, 10);
		if (*end || v > bits)
			return -EINVAL;
		bits = (unsigned)v;
	}
	for (i = bits; i < 128; i++)
		a.b[i / 8] &= (uint8_t) ~(0x80 >> i % 8);
	*ret = a;
	*ret_bits = bits;
	return 0;
}

int addr_cmp(const struct addr *a, const struct addr *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->b, b->b, sizeof(a->b));
}

bool addr_in(const struct addr *a, const struct addr *net, unsigned bits)
{
	if (a->family != net->family || bits > family_bits(a->family))
		return false;
	if (memcmp(a->b, net->b, bits / 8) != 0)
		return false;
	return bits % 8 == 0 || (a->b[bits / 8] ^ net->b[bits / 8]) >> (8 - bits % 8) == 0;
}
