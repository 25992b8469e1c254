/* Makes a trace for tools/bench: the same arguments give the same bytes.
 *
 *	mkpcap FILE PACKETS FLOWS uniform|zipf SEED
 *
 * Ethernet frames of 64 to 512 bytes (all of them captured, nanosecond stamps)
 * in TRACE_SECONDS.  Flows start at any time and live 2 to 30 s, so that they
 * overlap as they do on a link: the order of packets is that of their times.
 * Seven of ten flows are TCP with handshake, sequence numbers and FINs, the
 * others UDP; one of ten is IPv6.  uniform: PACKETS / FLOWS packets each; zipf:
 * the n-th largest flow has a share of 1/n (at least FLOW_PACKETS_MIN packets). */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRACE_START      1790000000u /* s */
#define TRACE_SECONDS    60
#define NS               1000000000ull
#define FRAME_MIN        64
#define FRAME_MAX        512
#define FLOW_PACKETS_MIN 8 /* what a TCP connection with data needs */

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_PSH 0x08
#define TCP_ACK 0x10

struct event {
	uint64_t ts; /* ns since TRACE_START */
	uint32_t flow;
	uint32_t nth; /* of its flow's packets */
};

struct flow {
	uint32_t n;      /* packets */
	uint32_t seq[2]; /* next of client and server */
	bool tcp, ip6;
};

static uint64_t rnd_state;

/* splitmix64, public domain algorithm of S. Vigna */
static uint64_t mix(uint64_t z)
{
	z += 0x9e3779b97f4a7c15ull;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

static uint64_t rnd(uint64_t below)
{
	return mix(rnd_state++) % below;
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

static uint32_t sum16(const uint8_t *p, size_t n)
{
	uint32_t s = 0;

	for (size_t i = 0; i + 1 < n; i += 2)
		s += (uint32_t)p[i] << 8 | p[i + 1];
	return s;
}

static unsigned fold(uint32_t s)
{
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return ~s & 0xffff;
}

static int by_time(const void *a, const void *b)
{
	const struct event *x = a, *y = b;

	if (x->ts != y->ts)
		return x->ts < y->ts ? -1 : 1;
	if (x->flow != y->flow)
		return x->flow < y->flow ? -1 : 1;
	return x->nth < y->nth ? -1 : x->nth > y->nth;
}

/* The addresses of flow 'i': clients have 16 flows each, of 4096 servers. */
static void put_addrs(uint8_t *src, uint8_t *dst, bool ip6, uint32_t i, bool to_server)
{
	uint8_t *client = to_server ? src : dst;
	uint8_t *server = to_server ? dst : src;
	size_t at = ip6 ? 12 : 0;

	if (ip6) {
		memcpy(client, "\x20\x01\x0d\xb8\0\x01\0\0\0\0\0\0", 12);
		memcpy(server, "\x20\x01\x0d\xb8\0\x02\0\0\0\0\0\0", 12);
	}
	put32(client + at, 0x0a000000u + i / 16);
	put32(server + at, 0xac100000u + (uint32_t)(mix(i) % 4096));
}

static const uint16_t PORTS[8] = {443, 443, 443, 80, 22, 53, 8080, 5432};

/* Builds one frame of 'len' bytes; the payload is zero. */
static void build(uint8_t *p, unsigned len, struct flow *f, uint32_t i, uint32_t nth)
{
	static const uint8_t flags_head[3] = {TCP_SYN, TCP_SYN | TCP_ACK, TCP_ACK};
	bool to_server = nth < 3 ? nth != 1 : nth + 3 >= f->n ? (f->n - nth) % 2 != 0 : rnd(3) == 0;
	unsigned ip_size = f->ip6 ? 40 : 20;
	unsigned l4_size = f->tcp ? 20 : 8;
	uint8_t *ip = p + 14;
	uint8_t *l4 = ip + ip_size;
	unsigned l4_len = len - 14 - ip_size;
	unsigned payload = l4_len - l4_size;
	unsigned who = to_server ? 0 : 1;
	uint16_t cport = (uint16_t)(1024 + mix(i / 16) % 60000 + i % 16);
	uint16_t sport = PORTS[mix(i + 1) % 8];
	uint32_t sum;

	memset(p, 0, len);
	memcpy(p,
	       to_server ? "\0\0\x5e\0\x53\x02\0\0\x5e\0\x53\x01"
			 : "\0\0\x5e\0\x53\x01\0\0\x5e\0\x53\x02",
	       12);
	put16(p + 12, f->ip6 ? 0x86dd : 0x0800);
	if (f->ip6) {
		ip[0] = 0x60;
		put16(ip + 4, l4_len);
		ip[6] = f->tcp ? 6 : 17;
		ip[7] = 64;
		put_addrs(ip + 8, ip + 24, true, i, to_server);
		sum = sum16(ip + 8, 32);
	} else {
		ip[0] = 0x45;
		put16(ip + 2, len - 14);
		put16(ip + 4, nth + 1);
		put16(ip + 6, 0x4000);
		ip[8] = 64;
		ip[9] = f->tcp ? 6 : 17;
		put_addrs(ip + 12, ip + 16, false, i, to_server);
		put16(ip + 10, fold(sum16(ip, 20)));
		sum = sum16(ip + 12, 8);
	}
	sum += l4_len + (f->tcp ? 6 : 17);

	put16(l4, to_server ? cport : sport);
	put16(l4 + 2, to_server ? sport : cport);
	if (f->tcp) {
		unsigned flags = nth < 3 ? flags_head[nth] : TCP_ACK | TCP_PSH;

		/* The last three: FIN, FIN, ACK, without data. */
		if (nth + 3 >= f->n)
			flags = nth + 1 == f->n ? TCP_ACK : TCP_FIN | TCP_ACK;
		if (flags & (TCP_SYN | TCP_FIN) || nth == 2 || nth + 1 == f->n) {
			/* Padding behind the IP packet: real stacks send these empty. */
			if (!f->ip6) {
				put16(ip + 2, 40);
				put16(ip + 10, 0);
				put16(ip + 10, fold(sum16(ip, 20)));
			} else {
				put16(ip + 4, 20);
			}
			sum -= payload;
			payload = 0;
		}
		put32(l4 + 4, f->seq[who]);
		put32(l4 + 8, flags & TCP_ACK ? f->seq[1 - who] : 0);
		l4[12] = 5 << 4;
		l4[13] = (uint8_t)flags;
		put16(l4 + 14, 502);
		f->seq[who] += payload + (flags & (TCP_SYN | TCP_FIN) ? 1 : 0);
		put16(l4 + 16, fold(sum + sum16(l4, 20)));
	} else {
		put16(l4 + 4, l4_len);
		put16(l4 + 6, fold(sum + sum16(l4, 8)));
	}
}

static unsigned frame_len(const struct flow *f, uint32_t nth)
{
	unsigned least = f->ip6 ? 78 : FRAME_MIN;
	bool empty = f->tcp && (nth < 3 || nth + 3 >= f->n);

	return empty ? least : least + (unsigned)rnd(FRAME_MAX - least + 1);
}

/* How many packets the flow of rank 'i' (0 first) has. */
static uint32_t share(bool zipf, uint32_t i, uint64_t packets, uint32_t flows, double harmonic)
{
	uint64_t rest = packets - (uint64_t)flows * FLOW_PACKETS_MIN;

	if (!zipf)
		return (uint32_t)(packets / flows);
	return FLOW_PACKETS_MIN + (uint32_t)((double)rest / harmonic / (i + 1));
}

/* Times of all packets, in order; '*packets' becomes their number. */
static struct event *plan(struct flow *flow, uint32_t flows, uint64_t *packets, bool zipf)
{
	struct event *ev;
	uint64_t total = 0, at = 0;
	double harmonic = 0;

	for (uint32_t k = 1; k <= flows; k++)
		harmonic += 1.0 / k;
	for (uint32_t i = 0; i < flows; i++) {
		flow[i].n = share(zipf, i, *packets, flows, harmonic);
		flow[i].tcp = rnd(10) < 7;
		flow[i].ip6 = rnd(10) == 0;
		flow[i].seq[0] = (uint32_t)rnd(1u << 31);
		flow[i].seq[1] = (uint32_t)rnd(1u << 31);
		total += flow[i].n;
	}
	ev = malloc(total * sizeof(*ev));
	if (!ev)
		return NULL;
	for (uint32_t i = 0; i < flows; i++) {
		uint64_t life = 2 * NS + rnd(28 * NS);
		uint64_t start = rnd(TRACE_SECONDS * NS - life);

		for (uint32_t n = 0; n < flow[i].n; n++) {
			uint64_t slot = life / flow[i].n;

			ev[at++] = (struct event){start + n * slot + rnd(slot), i, n};
		}
	}
	qsort(ev, total, sizeof(*ev), by_time);
	*packets = total;
	return ev;
}

static void put_le32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

int main(int argc, char **argv)
{
	/* Little-endian, nanoseconds, version 2.4, snaplen 262144, Ethernet. */
	static const uint8_t head[24] = {0x4d, 0x3c, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0,
					 0,    0,    0,    0,    0, 0, 4, 0, 1, 0, 0, 0};
	uint8_t rec[16 + FRAME_MAX];
	struct flow *flow;
	struct event *ev;
	uint64_t packets;
	uint32_t flows;
	FILE *f;

	if (argc != 6) {
		fprintf(stderr, "usage: mkpcap FILE PACKETS FLOWS uniform|zipf SEED\n");
		return 2;
	}
	packets = strtoull(argv[2], NULL, 10);
	flows = (uint32_t)strtoul(argv[3], NULL, 10);
	rnd_state = mix(strtoull(argv[5], NULL, 10));
	if (!flows || packets / flows < FLOW_PACKETS_MIN) {
		fprintf(stderr, "mkpcap: at least %d packets a flow\n", FLOW_PACKETS_MIN);
		return 2;
	}
	flow = calloc(flows, sizeof(*flow));
	ev = flow ? plan(flow, flows, &packets, strcmp(argv[4], "zipf") == 0) : NULL;
	f = fopen(argv[1], "wb");
	if (!ev || !f) {
		fprintf(stderr, "mkpcap: %s\n", strerror(errno));
		return 1;
	}
	fwrite(head, 1, sizeof(head), f);
	for (uint64_t k = 0; k < packets; k++) {
		struct flow *fl = &flow[ev[k].flow];
		unsigned len = frame_len(fl, ev[k].nth);

		put_le32(rec, TRACE_START + (uint32_t)(ev[k].ts / NS));
		put_le32(rec + 4, (uint32_t)(ev[k].ts % NS));
		put_le32(rec + 8, len);
		put_le32(rec + 12, len);
		build(rec + 16, len, fl, ev[k].flow, ev[k].nth);
		fwrite(rec, 1, 16 + len, f);
	}
	if (ferror(f) || fclose(f) != 0) {
		fprintf(stderr, "mkpcap: cannot write '%s'\n", argv[1]);
		return 1;
	}
	printf("%llu\n", (unsigned long long)packets);
	return 0;
}
