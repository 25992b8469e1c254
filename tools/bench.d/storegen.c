#include "storegen.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CLIENTS     60000
#define SERVERS     20000
#define NS          1e9
#define LIFE_MIN    0.02 /* s; lives of flows are spread evenly over their logarithms */
#define LIFE_MAX    30.0
#define DATA_MIN    8 /* packets of a TCP flow with data: handshake, request, answer, FINs */
#define PACKETS_MAX 400000
#define LOSS        200 /* one of so many segments is sent twice */
#define MSS         1460
#define HELLO_SIZE  160

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_PSH 0x08
#define TCP_ACK 0x10

enum kind { KIND_TCP, KIND_SYN, KIND_DNS, KIND_UDP, KIND_ECHO };

struct gflow {
	double gap; /* mean time between packets, ns */
	uint64_t hash;
	uint32_t client, server;
	uint32_t n, nth; /* packets: all, given */
	uint32_t seq[2], last[2];
	uint16_t cport, sport;
	uint8_t kind;
	bool ip6, picked;
};

struct due {
	int64_t ts;
	uint32_t flow; /* index */
};

struct gen {
	uint64_t state;        /* of random numbers */
	double alpha, between; /* of sizes; ns between two flows */
	int64_t arrival;
	uint64_t flows;
	struct gflow *v;
	uint32_t *unused;
	struct due *heap;
	uint32_t n_heap, n_v, size, n_unused;

	uint64_t pick_from;
	bool picking, has_pick;
	struct gen_pick pick;
};

/* splitmix64, public domain algorithm of S. Vigna */
static uint64_t mix(uint64_t z)
{
	z += 0x9e3779b97f4a7c15ull;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

static uint64_t rnd(struct gen *g, uint64_t below)
{
	return mix(g->state++) % below;
}

/* In (0, 1]. */
static double unit(struct gen *g)
{
	return ((double)(mix(g->state++) >> 11) + 1) * 0x1p-53;
}

/* 0 to n - 1, each with a share of about 1/(i + 1). */
static uint32_t popular(struct gen *g, uint32_t n)
{
	uint32_t i = (uint32_t)exp(unit(g) * log(n + 1.0)) - 1;

	return i < n ? i : n - 1;
}

struct gen *gen_new(double flows_per_s, double mean, uint64_t seed)
{
	struct gen *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	g->state = mix(seed) << 20;
	g->alpha = mean / (mean - DATA_MIN);
	g->between = NS / flows_per_s;
	g->arrival = GEN_START;
	return g;
}

void gen_free(struct gen *g)
{
	if (!g)
		return;
	free(g->v);
	free(g->unused);
	free(g->heap);
	free(g);
}

uint64_t gen_flows(const struct gen *g)
{
	return g->flows;
}

void gen_pick_from(struct gen *g, uint64_t from)
{
	g->pick_from = from;
	g->picking = true;
}

bool gen_picked(const struct gen *g, struct gen_pick *ret)
{
	if (g->has_pick)
		*ret = g->pick;
	return g->has_pick;
}

static void sift_up(struct gen *g, uint32_t i)
{
	struct due d = g->heap[i];

	for (; i && d.ts < g->heap[(i - 1) / 2].ts; i = (i - 1) / 2)
		g->heap[i] = g->heap[(i - 1) / 2];
	g->heap[i] = d;
}

static void sift_down(struct gen *g)
{
	struct due d = g->heap[0];
	uint32_t i = 0, k;

	for (; (k = 2 * i + 1) < g->n_heap; i = k) {
		k += k + 1 < g->n_heap && g->heap[k + 1].ts < g->heap[k].ts;
		if (g->heap[k].ts >= d.ts)
			break;
		g->heap[i] = g->heap[k];
	}
	g->heap[i] = d;
}

/* Memory for one more flow. */
static bool more(struct gen *g)
{
	uint32_t size = g->size ? 2 * g->size : 4096;
	void *v, *unused, *heap;

	if (g->n_unused || g->n_v < g->size)
		return true;
	v = realloc(g->v, size * sizeof(*g->v));
	g->v = v ? v : g->v;
	unused = realloc(g->unused, size * sizeof(*g->unused));
	g->unused = unused ? unused : g->unused;
	heap = realloc(g->heap, size * sizeof(*g->heap));
	g->heap = heap ? heap : g->heap;
	if (!v || !unused || !heap)
		return false;
	g->size = size;
	return true;
}

static uint32_t sized(struct gen *g)
{
	double n = DATA_MIN * pow(unit(g), -1 / g->alpha);

	return n < PACKETS_MAX ? (uint32_t)n : PACKETS_MAX;
}

static const uint16_t PORTS[8] = {443, 443, 443, 80, 22, 25, 8080, 5432};

static uint32_t client_ip(const struct gflow *f)
{
	return 0x0a000000u + f->client;
}

static uint32_t server_ip(const struct gflow *f)
{
	return 0xac100000u + (uint32_t)(mix(f->server) & 0xfffff);
}

static void consider(struct gen *g, struct gflow *f)
{
	if (!g->picking || g->has_pick || g->flows < g->pick_from || f->kind != KIND_TCP ||
	    f->ip6 || f->n < GEN_PICK_MIN || f->n > GEN_PICK_MAX)
		return;
	f->picked = g->has_pick = true;
	g->pick = (struct gen_pick){
		.addr = {client_ip(f), server_ip(f)},
		.port = {f->cport, f->sport},
		.packets = f->n,
		.first = g->arrival,
	};
}

static bool begin(struct gen *g)
{
	double life = LIFE_MIN * pow(LIFE_MAX / LIFE_MIN, unit(g));
	uint64_t draw = rnd(g, 100);
	struct gflow *f;
	uint32_t i;

	if (!more(g))
		return false;
	i = g->n_unused ? g->unused[--g->n_unused] : g->n_v++;
	f = &g->v[i];
	*f = (struct gflow){
		.hash = mix(g->flows ^ 0x5eed),
		.client = popular(g, CLIENTS),
		.server = popular(g, SERVERS),
		.seq = {(uint32_t)mix(g->state++), (uint32_t)mix(g->state++)},
		.cport = (uint16_t)(1024 + rnd(g, 64000)),
		.ip6 = rnd(g, 10) == 0,
		.kind = draw < 60   ? KIND_TCP
			: draw < 70 ? KIND_SYN
			: draw < 90 ? KIND_DNS
			: draw < 97 ? KIND_UDP
				    : KIND_ECHO,
	};
	f->sport = f->kind == KIND_DNS   ? 53
		   : f->kind == KIND_UDP ? (uint16_t)(1024 + mix(f->server) % 64000)
					 : PORTS[mix(f->server) % 8];
	f->n = f->kind == KIND_SYN    ? 1 + (uint32_t)rnd(g, 3)
	       : f->kind == KIND_DNS  ? 2
	       : f->kind == KIND_ECHO ? 2 * (1 + (uint32_t)rnd(g, 10))
				      : sized(g);
	/* Large ones live longer: none has more than about 100 Mbit/s. */
	if (life < f->n * 1e-4)
		life = f->n * 1e-4;
	f->gap = life * NS / f->n;
	consider(g, f);
	g->heap[g->n_heap] = (struct due){g->arrival, i};
	sift_up(g, g->n_heap++);
	g->flows++;
	g->arrival += (int64_t)(-log(unit(g)) * g->between) + 1;
	return true;
}

static void put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffff);
}

static unsigned ip_checksum(const uint8_t *p)
{
	uint32_t s = 0;

	for (int i = 0; i < 20; i += 2)
		s += (uint32_t)p[i] << 8 | p[i + 1];
	s = (s & 0xffff) + (s >> 16);
	s = (s & 0xffff) + (s >> 16);
	return ~s & 0xffff;
}

/* Link and network header of a packet with 'size' bytes behind them.  Returns what is
 * behind them. */
static uint8_t *put_ip(uint8_t *p, const struct gflow *f, bool up, unsigned protocol, unsigned size)
{
	/* Hops to either side are the host's. */
	uint8_t ttl = up ? (uint8_t)(64 - mix(f->client) % 4) : (uint8_t)(64 - mix(f->server) % 24);
	uint8_t *ip = p + 14;

	memcpy(p,
	       up ? "\0\0\x5e\0\x53\x02\0\0\x5e\0\x53\x01" : "\0\0\x5e\0\x53\x01\0\0\x5e\0\x53\x02",
	       12);
	put16(p + 12, f->ip6 ? 0x86dd : 0x0800);
	memset(ip, 0, f->ip6 ? 40 : 20);
	if (f->ip6) {
		ip[0] = 0x60;
		put16(ip + 4, size);
		ip[6] = (uint8_t)protocol;
		ip[7] = ttl;
		memcpy(ip + (up ? 8 : 24), "\x20\x01\x0d\xb8\0\x01", 6);
		memcpy(ip + (up ? 24 : 8), "\x20\x01\x0d\xb8\0\x02", 6);
		put32(ip + (up ? 20 : 36), client_ip(f));
		put32(ip + (up ? 36 : 20), server_ip(f));
		return ip + 40;
	}
	ip[0] = 0x45;
	put16(ip + 2, 20 + size);
	put16(ip + 4, f->nth & 0xffff);
	put16(ip + 6, 0x4000);
	ip[8] = ttl;
	ip[9] = (uint8_t)protocol;
	put32(ip + (up ? 12 : 16), client_ip(f));
	put32(ip + (up ? 16 : 12), server_ip(f));
	put16(ip + 10, ip_checksum(ip));
	return ip + 20;
}

/* A TLS ClientHello (RFC 8446 4.1.2) of HELLO_SIZE bytes that asks for one of the server's
 * names (RFC 6066 3). */
static void put_hello(uint8_t *p, const struct gflow *f)
{
	char name[] = "host-00000.example";
	unsigned n = sizeof(name) - 1, i, at = 52, rest;
	uint32_t v = f->server;

	for (i = 9; i > 4; i--, v /= 10)
		name[i] = (char)('0' + v % 10);
	memset(p, 0, HELLO_SIZE);
	memcpy(p, "\x16\x03\x01", 3);
	put16(p + 3, HELLO_SIZE - 5);
	p[5] = 1;
	put16(p + 7, HELLO_SIZE - 9);
	put16(p + 9, 0x0303);
	/* 32 random bytes; no session; one suite; no compression */
	put16(p + 44, 2);
	put16(p + 46, 0x1301);
	p[48] = 1;
	put16(p + 50, HELLO_SIZE - at);
	put16(p + at, 0);
	put16(p + at + 2, n + 5);
	put16(p + at + 4, n + 3);
	put16(p + at + 7, n);
	memcpy(p + at + 9, name, n);
	at += 9 + n;
	rest = HELLO_SIZE - at - 4;
	put16(p + at, 21); /* padding, RFC 7685 */
	put16(p + at + 2, rest);
}

/* Payload bytes, direction and flags of the next segment. */
static unsigned plan_tcp(struct gen *g, const struct gflow *f, bool *up, unsigned *flags)
{
	static const uint8_t head[3] = {TCP_SYN, TCP_SYN | TCP_ACK, TCP_ACK};
	uint64_t draw = rnd(g, 10);

	if (f->kind == KIND_SYN || f->nth < 3) {
		*flags = f->kind == KIND_SYN ? TCP_SYN : head[f->nth];
		*up = f->kind == KIND_SYN || f->nth != 1;
		return 0;
	}
	if (f->nth + 3 >= f->n) {
		*up = (f->n - f->nth) % 2 != 0;
		*flags = f->nth + 1 == f->n ? TCP_ACK : TCP_FIN | TCP_ACK;
		if (f->hash % 16 == 0)
			*flags = f->nth + 1 == f->n ? TCP_RST : TCP_ACK;
		return 0;
	}
	*flags = TCP_ACK | TCP_PSH;
	*up = f->nth == 3 || draw >= 6;
	if (f->nth == 3)
		return f->sport == 443 ? HELLO_SIZE : 40 + (unsigned)rnd(g, 600);
	if (*up && draw < 9) {
		*flags = TCP_ACK;
		return 0;
	}
	return draw < 4 ? MSS - (f->ip6 ? 20 : 0) : 20 + (unsigned)rnd(g, 1400);
}

static uint32_t put_tcp(struct gen *g, struct gflow *f, uint8_t *to)
{
	unsigned flags, size;
	bool up;
	uint8_t *p;
	int who;

	size = plan_tcp(g, f, &up, &flags);
	who = up ? 0 : 1;
	/* The last one got lost behind us. */
	if (size && f->nth > 4 && f->last[who] && rnd(g, LOSS) == 0) {
		size = f->last[who];
		f->seq[who] -= size;
	}
	p = put_ip(to, f, up, 6, 20 + size);
	put16(p, up ? f->cport : f->sport);
	put16(p + 2, up ? f->sport : f->cport);
	put32(p + 4, f->seq[who]);
	put32(p + 8, flags & TCP_ACK ? f->seq[1 - who] : 0);
	p[12] = 5 << 4;
	p[13] = (uint8_t)flags;
	put16(p + 14, 200 + (unsigned)rnd(g, 300));
	put32(p + 16, 0);
	if (f->nth == 3 && f->sport == 443 && size == HELLO_SIZE)
		put_hello(p + 20, f);
	else
		memset(p + 20, 0, size);
	f->last[who] = size;
	f->seq[who] += size + (flags & (TCP_SYN | TCP_FIN) ? 1 : 0);
	if (f->kind == KIND_SYN)
		f->seq[0] -= 1;
	return (uint32_t)(p + 20 + size - to);
}

static uint32_t put_other(struct gen *g, struct gflow *f, uint8_t *to)
{
	bool up = f->kind == KIND_UDP ? rnd(g, 3) == 0 || !f->nth : f->nth % 2 == 0;
	unsigned size =
		f->kind == KIND_ECHO ? 56 : 40 + (unsigned)rnd(g, f->kind == KIND_DNS ? 120 : 1300);
	uint8_t *p;

	p = put_ip(to, f, up, f->kind != KIND_ECHO ? 17 : f->ip6 ? 58 : 1, 8 + size);
	memset(p, 0, 8 + size);
	if (f->kind == KIND_ECHO) {
		p[0] = f->ip6 ? (up ? 128 : 129) : (up ? 8 : 0);
		put16(p + 4, f->cport);
		put16(p + 6, f->nth / 2);
	} else {
		put16(p, up ? f->cport : f->sport);
		put16(p + 2, up ? f->sport : f->cport);
		put16(p + 4, 8 + size);
	}
	return (uint32_t)(p + 8 + size - to);
}

uint32_t gen_next(struct gen *g, uint8_t *to, int64_t *ret_ts)
{
	struct gflow *f;
	uint32_t len;

	while (!g->n_heap || g->arrival <= g->heap[0].ts)
		if (!begin(g))
			return 0;
	f = &g->v[g->heap[0].flow];
	*ret_ts = g->heap[0].ts;
	len = f->kind == KIND_TCP || f->kind == KIND_SYN ? put_tcp(g, f, to) : put_other(g, f, to);
	g->pick.given += f->picked;
	if (++f->nth < f->n) {
		g->heap[0].ts += (int64_t)(-log(unit(g)) * f->gap) + 1;
	} else {
		g->unused[g->n_unused++] = g->heap[0].flow;
		g->heap[0] = g->heap[--g->n_heap];
	}
	sift_down(g);
	return len;
}
