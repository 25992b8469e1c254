/* Frames and filters put together at random, of few values, so that they meet; for tests of
 * what a filter leaves out. */
#pragma once

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "net/ethertype.h"
#include "net/link.h"

#define TEXTS_MAX 2000
#define TEXT_MAX  1024

struct texts {
	char *v[TEXTS_MAX];
	size_t n;
};

static uint64_t rnd_state = 88172645463325252;

static inline uint32_t rnd(uint32_t below)
{
	rnd_state ^= rnd_state << 13; /* Marsaglia's xorshift64 */
	rnd_state ^= rnd_state >> 7;
	rnd_state ^= rnd_state << 17;
	return (uint32_t)(rnd_state >> 32) % below;
}

static const uint8_t macs[][6] = {
	{0, 0, 0x5e, 0, 0x53, 1},
	{0, 0, 0x5e, 0, 0x53, 2},
	{0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
	{0},
};
static const uint16_t ports[] = {80, 53, 443, 0, 4789, 40000, 2152, 123};
static const uint8_t protos[] = {6, 17, 17, 6, 1, 58, 132, 47, 51, 44, 0, 4, 41, 33, 136, 89, 60};
static const uint16_t vlans[] = {0, 5, 6, 0xe005, 0x2000};
static const uint16_t types[] = {
	TYPE_IP4,   TYPE_IP4,
	TYPE_IP4,   TYPE_IP6,
	TYPE_IP6,   TYPE_ARP,
	TYPE_RARP,  TYPE_VLAN,
	TYPE_VLAN,  TYPE_QINQ,
	TYPE_VLAN,  TYPE_QINQ_9100,
	TYPE_MPLS,  TYPE_PPPOE,
	TYPE_PPPOE, TYPE_VNTAG,
	TYPE_HSR,   TYPE_ETAG,
	TYPE_CMD,   TYPE_PPP,
	TYPE_LLC,   60,
	60,         1500,
	TYPE_LLDP,  TYPE_PPPOE_DISCOVERY,
	TYPE_PBB,   TYPE_BRIDGED,
	TYPE_NSH,   0x1234,
};
#define PICK(v) ((v)[rnd(sizeof(v) / sizeof((v)[0]))])

struct out {
	uint8_t b[512];
	size_t n;
};

static inline void put(struct out *o, uint64_t v, unsigned size)
{
	while (size--)
		o->b[o->n++] = (uint8_t)(v >> 8 * size);
}

static inline void put_ip4_addr(struct out *o)
{
	static const uint32_t v[] = {0xc0000201, 0xc6336402, 0xcb007103, 0x0a000001};

	put(o, PICK(v), 4);
}

static inline void put_ip6_addr(struct out *o)
{
	static const uint64_t v[] = {1, 2, 0xff020001};

	put(o, UINT64_C(0x20010db800000000), 8);
	put(o, PICK(v), 8);
}

static inline void put_noise(struct out *o, size_t n)
{
	while (n--)
		put(o, rnd(3) ? 0 : rnd(256), 1);
}

static inline void put_transport(struct out *o)
{
	size_t at = o->n;

	put(o, PICK(ports), 2);
	put(o, PICK(ports), 2);
	put_noise(o, 20);
	if (rnd(2))
		o->b[at + 12] = 0x50;
	if (rnd(2))
		be16_store(o->b + at + 4, 20); /* UDP's length */
	if (!rnd(4))
		o->b[at + 8] = 8; /* VXLAN's flag */
}

static inline void put_exts(struct out *o, size_t next_at)
{
	static const uint8_t v[] = {0, 43, 44, 51, 60, 135, 139, 140};
	unsigned n = rnd(3);

	while (n--) {
		o->b[next_at] = PICK(v);
		next_at = o->n;
		put(o, PICK(protos), 1);
		put(o, rnd(2), 1);
		put(o, o->b[next_at] == 44 || rnd(3) ? 0 : rnd(65536), 2);
		put_noise(o, o->b[next_at + 1] ? 12 : 4);
	}
}

static inline void put_ip(struct out *o, unsigned version)
{
	size_t at = o->n;
	unsigned words = rnd(3) ? 5 : 5 + rnd(4);

	if (version == 4) {
		put(o, 0x40 | (rnd(30) ? words : rnd(16)), 1);
		put(o, 0, 1);
		put(o, rnd(5) ? 44 : rnd(64), 2);
		put(o, rnd(3), 2);
		put(o, rnd(4) ? 0 : rnd(2) ? 0x2000 : rnd(65536), 2);
		put(o, 64, 1);
		put(o, PICK(protos), 1);
		put(o, 0, 2);
		put_ip4_addr(o);
		put_ip4_addr(o);
		put_noise(o, 4 * words - 20);
		if (!rnd(6))
			put_exts(o, at + 9);
	} else {
		put(o, rnd(20) ? 6 << 28 : rnd(65536) << 16, 4);
		put(o, rnd(5) ? 24 : rnd(64), 2);
		put(o, PICK(protos), 1);
		put(o, 64, 1);
		put_ip6_addr(o);
		put_ip6_addr(o);
		if (!rnd(3))
			put_exts(o, at + 6);
	}
	put_transport(o);
}

static inline void put_arp(struct out *o)
{
	unsigned hlen = rnd(3) ? 6 : rnd(12);

	put(o, 1, 2);
	put(o, rnd(8) ? TYPE_IP4 : TYPE_IP6, 2);
	put(o, hlen, 1);
	put(o, rnd(8) ? 4 : 16, 1);
	put(o, 1 + rnd(4), 2);
	put_noise(o, hlen);
	put_ip4_addr(o);
	put_noise(o, hlen);
	put_ip4_addr(o);
	put_noise(o, 30);
}

static inline void put_ppp(struct out *o)
{
	static const uint16_t v[] = {0x0021, 0x0057, 0x0800, 0x0281, 0xc021, 0x0031};
	uint16_t proto = PICK(v);

	if (!rnd(4))
		put(o, 0xff03, 2);
	if (!rnd(4))
		put(o, 0x21, 1), proto = 0x21;
	else
		put(o, proto, 2);
	put_ip(o, proto == 0x57 ? 6 : 4);
}

/* What a type at the end of 'o' announces. */
static inline void put_behind(struct out *o, uint16_t type, unsigned depth)
{
	uint16_t next = depth > 4 ? TYPE_IP4 : PICK(types);

	switch (type) {
	case TYPE_IP4:
		put_ip(o, rnd(12) ? 4 : 6);
		return;
	case TYPE_IP6:
		put_ip(o, 6);
		return;
	case TYPE_ARP:
	case TYPE_RARP:
		put_arp(o);
		return;
	case TYPE_PPPOE:
	case TYPE_PPPOE_DISCOVERY:
		put(o, 0x1100, 2);
		put(o, 1, 2);
		put(o, rnd(4) ? 60 : rnd(64), 2);
		put_ppp(o);
		return;
	case TYPE_PPP:
		put_ppp(o);
		return;
	case TYPE_MPLS:
		put(o, 0x00010140, 4);
		put_ip(o, rnd(2) ? 4 : 6);
		return;
	case TYPE_VLAN:
	case TYPE_QINQ:
	case TYPE_QINQ_9100:
		put(o, PICK(vlans), 2);
		break;
	case TYPE_VNTAG:
	case TYPE_HSR:
		put_noise(o, 4);
		break;
	case TYPE_ETAG:
		put_noise(o, 6);
		break;
	case TYPE_CMD:
		put(o, 0x0101, 2);
		put_noise(o, 4);
		break;
	case TYPE_LLC:
	case 60:
	case 1500:
		if (!rnd(3)) {
			put(o, rnd(2) ? 0x424203 : 0x060603, 3);
			put_ip(o, 4);
			return;
		}
		put(o, 0xaaaa03, 3);
		put(o, 0, 3);
		break;
	default:
		put_noise(o, 40);
		return;
	}
	put(o, next, 2);
	put_behind(o, next, depth + 1);
}

static inline void put_frame(struct out *o, uint16_t linktype)
{
	uint16_t type = PICK(types);

	switch (linktype) {
	case LINKTYPE_ETHERNET:
		memcpy(o->b + o->n, PICK(macs), 6);
		memcpy(o->b + o->n + 6, PICK(macs), 6);
		o->n += 12;
		break;
	case LINKTYPE_LINUX_SLL:
		put(o, rnd(5), 2);
		put(o, rnd(4) ? 1 : 801, 2);
		put(o, 6, 2);
		memcpy(o->b + o->n, PICK(macs), 6);
		o->n += 8;
		break;
	default:
		put_ip(o, rnd(2) ? 4 : 6);
		return;
	}
	put(o, type, 2);
	put_behind(o, type, 0);
}

static inline void make_primitive(char *to, size_t size)
{
	static const char *const dirs[] = {"", "", "src ", "dst "};
	static const char *const hosts[] = {"192.0.2.1", "198.51.100.2", "203.0.113.3",
					    "10.0.0.1",  "2001:db8::1",  "2001:db8::2",
					    "192.0.2.9", "2001:db8::9"};
	static const char *const nets[] = {"192.0.2.0/24", "10.0.0.0/8", "2001:db8::/64",
					   "172.16.0.0/12"};
	static const char *const others[] = {"ip",
					     "ip6",
					     "arp",
					     "rarp",
					     "tcp",
					     "udp",
					     "icmp",
					     "icmp6",
					     "sctp",
					     "vlan",
					     "mpls",
					     "pppoes",
					     "llc",
					     "ip proto 47",
					     "ip6 proto 17",
					     "proto 51",
					     "ah",
					     "ether[12:2] < 1500",
					     "ip[6:2] & 0x1fff != 0",
					     "ether broadcast",
					     "stp",
					     "ether proto 0x88cc",
					     "tcp[13] & 2 != 0",
					     "udp[4:2] = 20",
					     "ip[8] > 63",
					     "ip6[6] = 44",
					     "icmp[0] = 8",
					     "ip6 proto 17 and ip6[6] = 44",
					     "ip6 proto 6 and ip6[6] = 44",
					     "ether proto 0x8926",
					     "ether proto 0x892f",
					     "ether[12:2] = 1500",
					     "ether[14] & 0xe0 != 0",
					     "vlan and ether[14] & 0xe0 != 0",
					     "ip[2:2] - ((ip[0] & 0xf) << 2) > 10",
					     "less 60",
					     "ip multicast",
					     "isis",
					     "ipx"};

	switch (rnd(9)) {
	case 0:
	case 1:
		snprintf(to, size, "%shost %s", PICK(dirs), PICK(hosts));
		break;
	case 2:
		snprintf(to, size, "%snet %s", PICK(dirs), PICK(nets));
		break;
	case 3:
	case 4:
		snprintf(to, size, "%s%sport %u",
			 rnd(2)   ? "tcp "
			 : rnd(2) ? "udp "
				  : "",
			 PICK(dirs), PICK(ports));
		break;
	case 5:
		snprintf(to, size, "%sportrange %u-%u", PICK(dirs), rnd(100), 100 + rnd(5000));
		break;
	case 6:
		snprintf(to, size, "ether %shost 00:00:5e:00:53:0%u",
			 rnd(2)   ? ""
			 : rnd(2) ? "src "
				  : "dst ",
			 1 + rnd(3));
		break;
	case 7:
		snprintf(to, size, "vlan %u", PICK(vlans) & 0xfffu);
		break;
	default:
		snprintf(to, size, "%s", PICK(others));
		break;
	}
}

static inline void make_text(char *to, size_t size)
{
	char a[128], b[128], c[128];

	make_primitive(a, sizeof(a));
	make_primitive(b, sizeof(b));
	make_primitive(c, sizeof(c));
	switch (rnd(6)) {
	case 0:
		snprintf(to, size, "%s", a);
		break;
	case 1:
		snprintf(to, size, "%s and %s", a, b);
		break;
	case 2:
		snprintf(to, size, "(%s or %s) and %s", a, b, c);
		break;
	case 3:
		snprintf(to, size, "%s and not (%s)", a, b);
		break;
	case 4:
		snprintf(to, size, "not %s and not %s", a, b);
		break;
	default:
		snprintf(to, size, "%s and (%s or %s)", a, b, c);
		break;
	}
}

/* Expressions: of the list that the filter's own tests run. */
static inline void read_texts(struct texts *t)
{
	FILE *f = fopen(SOURCE_ROOT "/tests/filter/expressions.txt", "r");
	char line[TEXT_MAX];

	if (!f)
		abort();
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		if (!*line || *line == '#' || *line == '!')
			continue;
		if (t->n == TEXTS_MAX)
			abort();
		t->v[t->n++] = strdup(*line == '~' ? line + 2 : line);
	}
	fclose(f);
}

static inline void texts_done(struct texts *t)
{
	while (t->n)
		free(t->v[--t->n]);
}
