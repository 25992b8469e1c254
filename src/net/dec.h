/* Decoding: from a frame to what the flow table needs to know of it.
 *
 * A frame gives one struct dec per flow it belongs to: level 0 is the flow
 * without a parent (exactly one for every frame, whatever its content), each
 * tunnel header found opens one more level inside, if anything with addresses
 * is found there.  PPP, PPPoE, VLAN, LLC and SNAP headers are part of the level
 * they precede; GRE, IP in IP, VXLAN, Geneve, GTP-U, L2TP, MPLS, ERSPAN, Teredo
 * and their like end the path of the level around, which keeps its identity.
 * Packets quoted by ICMP errors are payload.  Only bytes that are there are
 * read; what is cut or wrong ends the decoding at the last good header and is
 * marked.  No state, no allocation; any thread.
 *
 * Tunnels in UDP are known by their registered ports, of either side, unless
 * the other port is a system port (below 1024). */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define DEC_LEVELS_MAX 8  /* deeper tunnels stay payload of the last level, marked DEC_DEEP */
#define DEC_PATH_MAX   12 /* headers named per level; the rest is cut */

enum layer {
	LAYER_NONE = 0,
#define LAYER(id, sym, name) LAYER_##sym = id,
#include "net/layers.def"
#undef LAYER
};

/* "IPv4" for LAYER_IP4; "" for unknown numbers. */
const char *layer_name(uint8_t layer);

/* What the addresses of a level are. */
enum dec_kind {
	DEC_OPAQUE, /* link type or content not decodable: no addresses at all */
	DEC_LINK,   /* MAC addresses, no network header understood */
	DEC_ARP,    /* IPv4 sender and target protocol addresses */
	DEC_IP4,
	DEC_IP6,
};

/* clang-format off */
enum dec_flags {
	DEC_FRAG = 1 << 0,       /* part of a fragmented datagram */
	DEC_FRAG_FIRST = 1 << 1, /* with DEC_FRAG: offset 0, ports are real */
	DEC_TRUNCATED = 1 << 2,  /* the snapshot, or the end of a first fragment, cut a header that
				    would have been read */
	DEC_MALFORMED = 1 << 3,  /* a header contradicts itself or its surroundings */
	DEC_ONE_PORT = 1 << 4,   /* source port is entropy (VXLAN, Geneve): no part of the flow key */
	DEC_HAS_INNER = 1 << 5,  /* the next struct dec is the level inside this one */
	DEC_INNER = 1 << 6,      /* the previous struct dec is the level around this one */
	DEC_DEEP = 1 << 7,       /* DEC_LEVELS_MAX reached, more tunnels inside */
	DEC_L4 = 1 << 8,         /* the transport header (TCP: at least its fixed 20 bytes) was read */
	DEC_PORTS = 1 << 9,      /* sport and dport are real */
	DEC_TCP_OPTS = 1 << 10,  /* TCP options were all there (maybe none) and read; without it, those
				    before the cut or the error were */
};
/* clang-format on */

/* RFC 9293 3.1, the byte at offset 13 */
enum dec_tcp_flags {
	TCP_FIN = 0x01,
	TCP_SYN = 0x02,
	TCP_RST = 0x04,
	TCP_PSH = 0x08,
	TCP_ACK = 0x10,
	TCP_URG = 0x20,
	TCP_ECE = 0x40,
	TCP_CWR = 0x80,
};

/* One level of one frame.  Integers are in host byte order. */
struct dec {
	/* Who: what the flow key is made of, in the direction of the frame. */
	uint8_t src[16]; /* IPv4, ARP: 4 bytes; MAC: 6 bytes; the rest is 0 */
	uint8_t dst[16];
	uint16_t sport, dport; /* 0 without ports; not set for ICMP */
	uint32_t tun_id;       /* VNI (VXLAN, Geneve), GRE key; 0: none */
	uint16_t vlan[2];      /* 12-bit VLAN ids, outer first; 0: no tag; priority tags (id 0) do
				  not count, tags behind the second are only in the path */
	uint8_t kind;          /* enum dec_kind */
	uint8_t proto;         /* IP protocol behind the IP header and its extensions, also of later
				  fragments; 0 unless DEC_IP4/DEC_IP6 */
	uint16_t link_proto;   /* EtherType, behind tags and SNAP; below 0x600: LLC DSAP;
				  DEC_OPAQUE: the LINKTYPE_ value */
	uint32_t flags;        /* enum dec_flags */
	uint32_t pkt;          /* index of the packet in its batch: set by the caller */

	/* How much. */
	uint32_t ip_len; /* IP total length, bytes (IPv6: with its 40; jumbo and BIG TCP resolved);
			    0 without IP */
	uint32_t payload_len;   /* bytes behind the transport header (without one that is known:
				   behind   the IP headers) as the IP header counts them, without what
				   exceeds the frame (DEC_MALFORMED); UDP: as its length counts,
				   if that is possible; a fragment's own bytes; 0 without IP */
	uint32_t payload_cap;   /* of those, bytes at 'payload' */
	const uint8_t *payload; /* into the frame; NULL when payload_cap is 0 */

	/* TCP: valid with DEC_L4 and proto 6. */
	uint32_t seq, ack;
	uint16_t window;    /* as sent, unscaled */
	uint8_t tcp_flags;  /* enum dec_tcp_flags */
	uint8_t tcp_wscale; /* window scale + 1; 0: option absent */
	uint16_t tcp_mss;   /* 0: option absent */
	uint8_t tcp_sack;   /* SACK blocks in this segment, 0 to 4 */

	/* ICMP (v4 and v6): valid with DEC_L4 and proto 1 or 58. */
	uint8_t icmp_type, icmp_code;
	uint16_t icmp_id, icmp_seq; /* of echo, time stamp, information and mask messages, else 0;
				       0 also where DEC_TRUNCATED cut them off */

	uint8_t ttl;      /* TTL or hop limit */
	uint8_t tos;      /* DSCP << 2 | ECN */
	uint32_t frag_id; /* with DEC_FRAG: identification */

	uint8_t mac_src[6], mac_dst[6]; /* of the link header of this level; zero without */
	uint8_t npath;
	uint8_t path[DEC_PATH_MAX]; /* enum layer, outermost first */
};

/* Decodes one frame of 'len' bytes on the wire of which 'caplen' are at 'data'.
 * 'linktype' is a LINKTYPE_ value.  Fills 1 to DEC_LEVELS_MAX levels at 'ret'
 * (which has room for DEC_LEVELS_MAX) and returns their number.  Every field of
 * a filled level is set, but 'pkt'. */
size_t dec_frame(uint16_t linktype, const uint8_t *data, uint32_t caplen, uint32_t len,
		 struct dec *ret);
