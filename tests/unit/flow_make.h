/* Decoded packets made by hand, for tests of the flow module. */
#pragma once

#include <netinet/in.h>
#include <string.h>

#include "base/pkt.h"
#include "net/dec.h"

#define MS  INT64_C(1000000)
#define SEC INT64_C(1000000000)

/* 10.0.0.A to 10.0.0.B. */
static inline struct dec make_ip4(uint8_t proto, uint8_t a, uint8_t b)
{
	struct dec d = {.kind = DEC_IP4, .proto = proto, .ttl = 64, .ip_len = 20};

	memcpy(d.src, (uint8_t[]){10, 0, 0, a}, 4);
	memcpy(d.dst, (uint8_t[]){10, 0, 0, b}, 4);
	d.npath = 2;
	d.path[0] = LAYER_ETHERNET;
	d.path[1] = LAYER_IP4;
	d.mac_src[5] = a;
	d.mac_dst[5] = b;
	return d;
}

static inline struct dec make_udp(uint8_t a, uint16_t sport, uint8_t b, uint16_t dport)
{
	struct dec d = make_ip4(IPPROTO_UDP, a, b);

	d.flags = DEC_L4 | DEC_PORTS;
	d.sport = sport;
	d.dport = dport;
	d.path[d.npath++] = LAYER_UDP;
	return d;
}

static inline struct dec make_tcp(uint8_t a, uint16_t sport, uint8_t b, uint16_t dport,
				  uint8_t flags, uint32_t seq, uint32_t ack, uint32_t len)
{
	struct dec d = make_ip4(IPPROTO_TCP, a, b);

	d.flags = DEC_L4 | DEC_PORTS | DEC_TCP_OPTS;
	d.sport = sport;
	d.dport = dport;
	d.tcp_flags = flags;
	d.seq = seq;
	d.ack = ack;
	d.window = 1000;
	d.payload_len = len;
	d.ip_len = 40 + len;
	d.path[d.npath++] = LAYER_TCP;
	return d;
}

static inline struct pkt make_pkt(int64_t ts, uint32_t len, uint64_t number)
{
	return (struct pkt){.ts = ts, .clock = ts, .len = len, .caplen = len, .number = number};
}
