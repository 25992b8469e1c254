/* IP protocol numbers that the decoder knows (IANA), and header sizes. */
#pragma once

#define IP4_HDR_SIZE 20
#define IP6_HDR_SIZE 40

/* A packet without a length of its own is one that a network card would have cut to
 * pieces (TSO, BIG TCP): Linux makes none above GSO_MAX_SIZE, 8 * 65535 bytes
 * (linux/netdevice.h since 5.19), others stay within 64 KiB.  A frame that claims more
 * is no witness of the packet's length. */
#define IP_GSO_MAX 524280u

/* clang-format off */
enum ip_proto {
	PROTO_HOPOPTS = 0,
	PROTO_ICMP = 1,
	PROTO_IPIP = 4,
	PROTO_TCP = 6,
	PROTO_UDP = 17,
	PROTO_DCCP = 33,
	PROTO_IP6 = 41,
	PROTO_ROUTING = 43,
	PROTO_FRAGMENT = 44,
	PROTO_GRE = 47,
	PROTO_ESP = 50,
	PROTO_AH = 51,
	PROTO_ICMP6 = 58,
	PROTO_NONE = 59,
	PROTO_DSTOPTS = 60,
	PROTO_ETHERIP = 97,
	PROTO_PIM = 103,
	PROTO_SCTP = 132,
	PROTO_MOBILITY = 135,
	PROTO_UDPLITE = 136,
	PROTO_MPLS = 137,
	PROTO_HIP = 139,
	PROTO_SHIM6 = 140,
	PROTO_ETHERNET = 143,
};
/* clang-format on */
