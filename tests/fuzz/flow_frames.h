/* Frames for fuzz_flow.c: eight bytes say what a packet is.  Few addresses and ports, so that
 * packets meet in flows; all headers there are and some that are wrong.  Built from the payload
 * outwards. */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"

#define FRAME_MAX 512 /* bytes; the largest made here has some 300 */

struct frame {
	uint8_t b[FRAME_MAX];
	size_t at; /* the frame so far is b[at] to the end */
	uint16_t linktype;
};

/* The eight bytes. */
struct frame_op {
	uint8_t what;  /* & 15: enum frame_what; & 0x70: enum frame_around; 0x80: an IPv6 header */
	uint8_t who;   /* & 3, & 12: addresses; & 0x30: VLANs; & 0x40: interface; 0x80: MACs */
	uint8_t ports; /* & 3, & 12: ports; & 0x70: payload; 0x80: cut */
	uint8_t flags; /* TCP flags, ICMP type, fragment offset */
	uint8_t seq;   /* TCP: sequence number, & 0x80: far away; else identification */
	uint8_t ack;
	uint8_t time;
	uint8_t repeat;
};

enum frame_what {
	FRAME_TCP,
	FRAME_TCP_MORE, /* likely, so twice */
	FRAME_UDP,
	FRAME_ICMP,
	FRAME_FRAG_FIRST,
	FRAME_FRAG_LATER,
	FRAME_SCTP,
	FRAME_OTHER_IP,
	FRAME_ARP,
	FRAME_ETHERTYPE,
	FRAME_OPAQUE,
	FRAME_RAW_IP,
	FRAME_BURST, /* UDP with ports that differ: see fuzz_flow.c */
	FRAME_JUNK,  /* bytes that are no header */
	FRAME_MALFORMED,
	FRAME_EMPTY,
};

enum frame_around {
	FRAME_PLAIN,
	FRAME_PLAIN_TOO,
	FRAME_VXLAN,
	FRAME_GRE,
	FRAME_IPIP,
	FRAME_MPLS,
	FRAME_GTP,
	FRAME_VXLAN_GRE,
};

static inline uint8_t *frame_push(struct frame *f, size_t n)
{
	f->at -= n;
	memset(f->b + f->at, 0, n);
	return f->b + f->at;
}

static inline size_t frame_len(const struct frame *f)
{
	return FRAME_MAX - f->at;
}

static inline void frame_payload(struct frame *f, unsigned kind)
{
	static const struct {
		const char *p;
		uint8_t len;
	} texts[] = {
		{"", 0},
		{"x", 1},
		{"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n", 34},
		{"\0\1\1\0\0\1\0\0\0\0\0\0\1a\7example\0\0\1\0\1", 27},
		{"HTTP/1.1 200 OK\r\n\r\n", 19},
		{"SSH-2.0-x\r\n", 11},
		{"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", 64},
		{"\26\3\1\0\4\1\0\0\0", 9},
	};

	memcpy(frame_push(f, texts[kind & 7].len), texts[kind & 7].p, texts[kind & 7].len);
}

static inline uint16_t frame_port(unsigned i)
{
	static const uint16_t ports[] = {80, 1024, 53, 40000};

	return ports[i & 3];
}

/* RFC 791 3.1.  'frag' is the field of flags and offset. */
static inline void frame_ip4(struct frame *f, uint8_t proto, unsigned src, unsigned dst,
			     uint16_t id, uint16_t frag)
{
	size_t len = frame_len(f) + 20;
	uint8_t *p = frame_push(f, 20);

	p[0] = 0x45;
	be16_store(p + 2, (uint16_t)len);
	be16_store(p + 4, id);
	be16_store(p + 6, frag);
	p[8] = 64;
	p[9] = proto;
	be32_store(p + 12, 0x0a000001 + src);
	be32_store(p + 16, 0x0a000001 + dst);
}

/* RFC 8200 3, 4.5: with a fragment header unless 'frag' is 0. */
static inline void frame_ip6(struct frame *f, uint8_t proto, unsigned src, unsigned dst,
			     uint16_t id, uint16_t frag)
{
	size_t len;
	uint8_t *p;

	if (frag) {
		p = frame_push(f, 8);
		p[0] = proto;
		be16_store(p + 2, (uint16_t)((frag & 0x1fff) << 3 | frag >> 13));
		be32_store(p + 4, id);
		proto = IPPROTO_FRAGMENT;
	}
	len = frame_len(f);
	p = frame_push(f, 40);
	p[0] = 0x60;
	be16_store(p + 4, (uint16_t)len);
	p[6] = proto;
	p[7] = 64;
	p[8] = p[24] = 0xfd;
	p[23] = (uint8_t)src;
	p[39] = (uint8_t)dst;
}

static inline void frame_ip(struct frame *f, bool v6, uint8_t proto, unsigned src, unsigned dst,
			    uint16_t id, uint16_t frag)
{
	(v6 ? frame_ip6 : frame_ip4)(f, proto, src, dst, id, frag);
}

static inline void frame_udp(struct frame *f, uint16_t sport, uint16_t dport)
{
	size_t len = frame_len(f) + 8;
	uint8_t *p = frame_push(f, 8);

	be16_store(p, sport);
	be16_store(p + 2, dport);
	be16_store(p + 4, (uint16_t)len);
}

/* Sequence numbers on both sides of 0, and far away from it. */
static inline uint32_t frame_seq(uint8_t v)
{
	return (v & 0x80 ? 0x60000000u : 0xffffff00u) + (v & 0x7fu) * 16;
}

static inline void frame_tcp(struct frame *f, const struct frame_op *o, uint16_t sport,
			     uint16_t dport)
{
	uint8_t *p = frame_push(f, 20);

	be16_store(p, sport);
	be16_store(p + 2, dport);
	be32_store(p + 4, frame_seq(o->seq));
	be32_store(p + 8, frame_seq(o->ack));
	p[12] = 0x50;
	p[13] = o->flags;
	be16_store(p + 14, 1000);
}

static inline void frame_ether(struct frame *f, const struct frame_op *o, uint16_t type)
{
	unsigned tags = o->who >> 4 & 3, i;
	uint8_t *p;

	for (i = 0; i < tags; i++) {
		p = frame_push(f, 4);
		be16_store(p, (uint16_t)(i + (o->who & 3)));
		be16_store(p + 2, type);
		type = i + 1 < tags ? 0x8100 : 0x88a8;
	}
	p = frame_push(f, 14);
	p[0] = p[6] = 2;
	p[5] = (uint8_t)(o->who & 0x80 ? 9 : (o->who >> 2 & 3) + 1);
	p[11] = (uint8_t)(o->who & o->ack & 0x80 ? 8 : (o->who & 3) + 1);
	be16_store(p + 12, type);
}

static inline void frame_transport(struct frame *f, const struct frame_op *o, uint16_t sport,
				   uint16_t dport, bool v6)
{
	unsigned src = o->who & 3, dst = o->who >> 2 & 3;
	uint8_t *p;

	switch (o->what & 15) {
	case FRAME_TCP:
	case FRAME_TCP_MORE:
		frame_tcp(f, o, sport, dport);
		frame_ip(f, v6, IPPROTO_TCP, src, dst, 0, 0);
		break;
	case FRAME_ICMP:
		p = frame_push(f, 8);
		p[0] = o->flags & 3 ? (uint8_t)(v6 ? 128 + (o->flags & 1) : o->flags & 8)
				    : o->flags;
		be16_store(p + 4, o->seq & 1);
		be16_store(p + 6, o->ack & 3);
		frame_ip(f, v6, v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP, src, dst, 0, 0);
		break;
	case FRAME_FRAG_FIRST: /* more fragments; of UDP or TCP */
		if (o->flags & 1)
			frame_tcp(f, o, sport, dport);
		else
			frame_udp(f, sport, dport);
		frame_ip(f, v6, o->flags & 1 ? IPPROTO_TCP : IPPROTO_UDP, src, dst, o->seq & 3,
			 0x2000);
		break;
	case FRAME_FRAG_LATER:
		frame_ip(f, v6, o->flags & 1 ? IPPROTO_TCP : IPPROTO_UDP, src, dst, o->seq & 3,
			 (uint16_t)(1 + (o->flags >> 1)));
		break;
	case FRAME_SCTP:
		p = frame_push(f, 12);
		be16_store(p, sport);
		be16_store(p + 2, dport);
		frame_ip(f, v6, IPPROTO_SCTP, src, dst, 0, 0);
		break;
	case FRAME_OTHER_IP:
		frame_ip(f, v6, o->flags, src, dst, 0, 0);
		break;
	case FRAME_MALFORMED:
		frame_udp(f, sport, dport);
		frame_ip(f, v6, IPPROTO_UDP, src, dst, 0, 0);
		f->b[f->at + (o->seq & 7)] ^= o->ack;
		break;
	default:
		frame_udp(f, sport, dport);
		frame_ip(f, v6, IPPROTO_UDP, src, dst, 0, 0);
	}
}

/* Whatever is around the packet, up to its link header. */
static inline void frame_wrap(struct frame *f, const struct frame_op *o, bool v6)
{
	uint16_t type = v6 ? 0x86dd : 0x0800;
	uint8_t *p;

	switch (o->what >> 4 & 7) {
	case FRAME_VXLAN_GRE:
	case FRAME_GRE: /* RFC 2784, with a key as in RFC 2890 */
		p = frame_push(f, 8);
		p[0] = 0x20;
		be16_store(p + 2, type);
		p[7] = o->ack & 1;
		frame_ip4(f, IPPROTO_GRE, 5, 6, 0, 0);
		type = 0x0800;
		if ((o->what >> 4 & 7) == FRAME_GRE)
			break;
		/* fallthrough */
	case FRAME_VXLAN: /* RFC 7348 5 */
		frame_ether(f, o, type);
		p = frame_push(f, 8);
		p[0] = 8;
		p[6] = o->ack & 1;
		frame_udp(f, (uint16_t)(50000 + (o->seq & 3)), 4789);
		frame_ip4(f, IPPROTO_UDP, 7, 8, 0, 0);
		type = 0x0800;
		break;
	case FRAME_IPIP: /* RFC 2003, RFC 2473 */
		frame_ip4(f, v6 ? IPPROTO_IPV6 : IPPROTO_IPIP, o->ack & 1 ? 5 : 6,
			  o->ack & 1 ? 6 : 5, 0, 0);
		type = 0x0800;
		break;
	case FRAME_MPLS: /* RFC 3032: one label, bottom of the stack */
		p = frame_push(f, 4);
		p[2] = 1;
		type = 0x8847;
		break;
	case FRAME_GTP: /* TS 29.281 5.1: version 1, G-PDU */
		p = frame_push(f, 8);
		p[0] = 0x30;
		p[1] = 255;
		be16_store(p + 2, (uint16_t)(frame_len(f) - 8));
		frame_udp(f, 2152, 2152);
		frame_ip4(f, IPPROTO_UDP, 7, 8, 0, 0);
		type = 0x0800;
		break;
	default:
		break;
	}
	frame_ether(f, o, type);
}

/* 'burst' is added to the source port of a FRAME_BURST. */
static inline void frame_make(struct frame *f, const struct frame_op *o, unsigned burst)
{
	uint16_t sport = frame_port(o->ports), dport = frame_port(o->ports >> 2);
	bool v6 = o->what & 0x80;
	uint8_t *p;

	f->at = FRAME_MAX;
	f->linktype = 1;
	if ((o->what & 15) == FRAME_EMPTY)
		return;
	frame_payload(f, o->ports >> 4);
	switch (o->what & 15) {
	case FRAME_ARP: /* RFC 826 */
		p = frame_push(f, 28);
		memcpy(p, "\0\1\10\0\6\4\0\1", 8);
		be32_store(p + 14, 0x0a000001u + (o->who & 3));
		be32_store(p + 24, 0x0a000001u + (o->who >> 2 & 3));
		frame_ether(f, o, 0x0806);
		return;
	case FRAME_ETHERTYPE:
		frame_ether(f, o, 0x9000);
		return;
	case FRAME_JUNK:
		frame_ether(f, o, (uint16_t)(o->seq << 8 | o->ack));
		return;
	case FRAME_OPAQUE:
		f->linktype = 227; /* CAN */
		return;
	case FRAME_RAW_IP:
		f->linktype = 101;
		frame_udp(f, sport, dport);
		frame_ip(f, v6, IPPROTO_UDP, o->who & 3, o->who >> 2 & 3, 0, 0);
		return;
	case FRAME_BURST:
		sport = (uint16_t)(sport + burst);
		break;
	default:
		break;
	}
	frame_transport(f, o, sport, dport, v6);
	frame_wrap(f, o, v6);
}
