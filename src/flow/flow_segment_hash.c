/* Hashes of Community IDs for segments, of many rows at once: SHA-1 has one step after the other,
 * so that a processor is idle for most of one message, but eight go side by side. */
#include "flow/flow_segment.h"

#include <netinet/in.h>
#include <string.h>

#include "base/bytes.h"
#include "flow/flow_schema.h"
#include "net/community.h"
#include "net/dec.h"

#define LANES 8

_Static_assert(BATCH_ROWS % 64 == 0, "batches begin at words of a map");

typedef uint32_t lanes __attribute__((vector_size(4 * LANES)));

/* Sixteen big-endian words of each message: all zeros between place 'end' and the last one. */
struct messages {
	uint32_t w[16][LANES];
	uint8_t end[LANES];
};

/* ---- SHA-1, FIPS 180-4 6.1.2, of messages of one block ---- */

#define ROTL(x, n) ((x) << (n) | (x) >> (32 - (n)))
#define H0         0x67452301u

/* Only the first word of the result is wanted. */
#define STEP(f, k)                                                                                 \
	do {                                                                                       \
		lanes t_ = ROTL(a, 5) + (f) + e + w[i % 16] + (k);                                 \
                                                                                                   \
		e = d;                                                                             \
		d = c;                                                                             \
		c = ROTL(b, 30);                                                                   \
		b = a;                                                                             \
		a = t_;                                                                            \
	} while (0)
#define NEXT                                                                                       \
	do {                                                                                       \
		lanes x_ = w[(i + 13) % 16] ^ w[(i + 8) % 16] ^ w[(i + 2) % 16] ^ w[i % 16];       \
                                                                                                   \
		w[i % 16] = ROTL(x_, 1);                                                           \
	} while (0)

static inline __attribute__((always_inline)) void sha1_first(const struct messages *m,
							     uint32_t ret[LANES])
{
	lanes a = {0}, b = a, c = a, d = a, e = a, w[16];
	int i;

	memcpy(w, m->w, sizeof(w));
	a += H0;
	b += 0xefcdab89u;
	c += 0x98badcfeu;
	d += 0x10325476u;
	e += 0xc3d2e1f0u;
#pragma GCC unroll 16
	for (i = 0; i < 16; i++)
		STEP(d ^ (b & (c ^ d)), 0x5a827999u);
#pragma GCC unroll 4
	for (; i < 20; i++) {
		NEXT;
		STEP(d ^ (b & (c ^ d)), 0x5a827999u);
	}
#pragma GCC unroll 20
	for (; i < 40; i++) {
		NEXT;
		STEP(b ^ c ^ d, 0x6ed9eba1u);
	}
#pragma GCC unroll 20
	for (; i < 60; i++) {
		NEXT;
		STEP((b & c) | (d & (b | c)), 0x8f1bbcdcu);
	}
#pragma GCC unroll 20
	for (; i < 80; i++) {
		NEXT;
		STEP(b ^ c ^ d, 0xca62c1d6u);
	}
	a += H0;
	memcpy(ret, &a, sizeof(a));
}

static void sha1_any(const struct messages *m, uint32_t ret[LANES])
{
	sha1_first(m, ret);
}

typedef void sha1_fn(const struct messages *m, uint32_t ret[LANES]);

#ifdef __x86_64__
static __attribute__((target("avx2"))) void sha1_avx2(const struct messages *m, uint32_t ret[LANES])
{
	sha1_first(m, ret);
}

/* Rotations are one instruction there. */
static __attribute__((target("avx512f,avx512vl"))) void sha1_avx512(const struct messages *m,
								    uint32_t ret[LANES])
{
	sha1_first(m, ret);
}

static sha1_fn *sha1_best(void)
{
	if (__builtin_cpu_supports("avx512vl"))
		return sha1_avx512;
	return __builtin_cpu_supports("avx2") ? sha1_avx2 : sha1_any;
}
#else
#define sha1_best() sha1_any
#endif

/* ---- what is hashed: net/community.c in words ---- */

struct cols {
	const struct col *kind, *proto, *addr[2], *port[2], *icmp_id, *key_ports, *type, *code;
};

static void cols_of(const struct batch *b, struct cols *ret)
{
	*ret = (struct cols){
		.kind = b->cols[FLOW_key_kind],
		.proto = b->cols[FLOW_ip_protocol],
		.addr = {b->cols[FLOW_network_a], b->cols[FLOW_network_b]},
		.port = {b->cols[FLOW_transport_a], b->cols[FLOW_transport_b]},
		.icmp_id = b->cols[FLOW_icmp_id],
		.key_ports = b->cols[FLOW_key_ports],
		.type = b->cols[FLOW_icmp_type],
		.code = b->cols[FLOW_icmp_code],
	};
}

static bool has(const struct col *c, size_t k)
{
	return c && col_has(c, k);
}

static uint64_t num(const struct col *c, size_t k)
{
	return has(c, k) ? c->v.u64[k] : 0;
}

/* As community_id in flow_derive_id.c: which rows have one. */
static bool has_community(const struct cols *c, size_t k)
{
	uint64_t kind = num(c->kind, k);

	return (kind == DEC_IP4 || kind == DEC_IP6) && has(c->addr[0], k) && has(c->addr[1], k) &&
	       c->addr[0]->v.addr[k].family == c->addr[1]->v.addr[k].family &&
	       (has(c->port[0], k) || !has(c->port[1], k));
}

struct ports {
	uint16_t port[2];
	bool hashed, one_way;
};

static void get_ports(const struct cols *c, size_t k, uint8_t proto, struct ports *ret)
{
	uint64_t both = num(c->key_ports, k);
	int answer;

	*ret = (struct ports){{(uint16_t)(both >> 16), (uint16_t)both}, false, false};
	if (has(c->key_ports, k))
		;
	else if (has(c->port[1], k))
		*ret = (struct ports){
			{(uint16_t)num(c->port[0], k), (uint16_t)num(c->port[1], k)}, false, false};
	else
		ret->port[0] = ret->port[1] = (uint16_t)num(c->icmp_id, k);
	if (has(c->type, k)) {
		ret->port[0] = (uint16_t)num(c->type, k);
		ret->port[1] = (uint16_t)num(c->code, k);
	}
	switch (proto) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_SCTP:
		ret->hashed = ret->port[0] || ret->port[1];
		break;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		answer = community_icmp_answer(proto, ret->port[0]);
		ret->hashed = true;
		ret->one_way = answer < 0;
		if (answer >= 0)
			ret->port[1] = (uint16_t)answer;
		break;
	default:
		break;
	}
}

/* Seed 0 (two bytes, so that addresses stand across words), lower address, higher one; the lower
 * half of the last word is free. */
static size_t put_addrs(const uint8_t *low, const uint8_t *high, size_t size, struct messages *m,
			size_t lane)
{
	uint32_t left = 0, v;
	size_t i, n = 0;

	for (i = 0; i < size; i += 4, left = v) {
		v = be32_load(low + i);
		m->w[n++][lane] = left << 16 | v >> 16;
	}
	for (i = 0; i < size; i += 4, left = v) {
		v = be32_load(high + i);
		m->w[n++][lane] = left << 16 | v >> 16;
	}
	m->w[n][lane] = left << 16;
	return n;
}

/* Then protocol, 0, ports; the 1 bit behind it and its length (FIPS 180-4 5.1.1). */
static void put_message(const struct cols *c, size_t k, struct messages *m, size_t lane)
{
	const struct addr *a = &c->addr[0]->v.addr[k], *b = &c->addr[1]->v.addr[k];
	uint8_t proto = (uint8_t)num(c->proto, k);
	bool ip4 = a->family == ADDR_IP4, swap;
	struct ports p;
	int order;
	size_t n, i;

	get_ports(c, k, proto, &p);
	order = memcmp(a->b, b->b, sizeof(a->b)); /* behind IPv4 are zeros */
	if (order == 0 && p.hashed)
		order = (p.port[0] > p.port[1]) - (p.port[0] < p.port[1]);
	swap = order > 0 && !p.one_way;
	n = ip4 ? put_addrs(swap ? b->b : a->b, swap ? a->b : b->b, 4, m, lane)
		: put_addrs(swap ? b->b : a->b, swap ? a->b : b->b, 16, m, lane);
	m->w[n++][lane] |= (uint32_t)proto << 8;
	if (p.hashed)
		m->w[n++][lane] = (uint32_t)p.port[swap] << 16 | p.port[!swap];
	m->w[n][lane] = 0x80000000u;
	for (i = n + 1; i <= m->end[lane]; i++)
		m->w[i][lane] = 0;
	m->end[lane] = (uint8_t)n;
	m->w[15][lane] = (uint32_t)(32 * n);
}

void flow_segment_hashes(const struct batch *b, size_t at, size_t n, uint64_t *present,
			 uint32_t *ret)
{
	sha1_fn *sha1 = sha1_best();
	uint32_t hash[LANES];
	struct messages m = {0};
	size_t row[LANES], lane = 0, i, k;
	struct cols c;

	cols_of(b, &c);
	for (i = 0; i < n; i++) {
		if (has_community(&c, at + i)) {
			present[i / 64] |= UINT64_C(1) << i % 64;
			put_message(&c, at + i, &m, lane);
			row[lane++] = i;
		}
		if (lane < LANES && i + 1 < n)
			continue;
		sha1(&m, hash);
		for (k = 0; k < lane; k++)
			ret[row[k]] = hash[k];
		lane = 0;
	}
}

/* ---- of the text ---- */

/* RFC 4648 4; -1: no such digit */
static int digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool flow_segment_hash(const char *text, size_t len, uint32_t *ret)
{
	uint64_t v = 0;
	size_t i;

	if (len != COMMUNITY_ID_SIZE - 1 || memcmp(text, "1:", 2) != 0)
		return false;
	for (i = 2; i < 8; i++) {
		int d = digit(text[i]);

		if (d < 0)
			return false;
		v = v << 6 | (uint64_t)d;
	}
	*ret = (uint32_t)(v >> 4); /* 32 of the 36 bits */
	return true;
}

/* ---- of blocks ---- */

static bool any(const uint64_t *rows, size_t n)
{
	uint64_t bits = 0;
	size_t i;

	for (i = 0; i < (n + 63) / 64; i++)
		bits |= rows[i];
	return bits;
}

int64_t flow_segment_select(struct fseg *f, struct batch *b, uint32_t hash, uint64_t *rows,
			    struct err *err)
{
	size_t n = fseg_opened(f)->rows, at = 0, first, i;
	uint32_t hashes[BATCH_ROWS];
	int64_t left = 0;
	int r;

	while (at < n) {
		uint64_t present[BATCH_ROWS / 64] = {0}, *part = rows + at / 64;

		first = at;
		if (!any(part, n - at < BATCH_ROWS ? n - at : BATCH_ROWS)) {
			at += BATCH_ROWS;
			continue;
		}
		r = fseg_batch(f, b, NULL, &at, err);
		if (r <= 0)
			return r < 0 ? r : left;
		flow_segment_hashes(b, 0, b->n, present, hashes);
		for (i = 0; i < b->n; i++)
			if (present[i / 64] >> i % 64 & 1 && hashes[i] != hash)
				present[i / 64] &= ~(UINT64_C(1) << i % 64);
		for (i = 0; i < (at - first + 63) / 64; i++) {
			part[i] &= present[i];
			left += __builtin_popcountll(part[i]);
		}
	}
	return left;
}
