/* The records of a flow, inside this module only.  Hot ones are touched by
 * every packet, two cache lines with all that most packets change; cold ones by
 * the first packet, rare ones and the reader; what few flows have is in records
 * of its own.  256 bytes for a TCP flow, 192 for others, 24 more for addresses
 * longer than IPv4's, 16 for the name of the flow around, and 8 to 18 of the index;
 * with versions 40 and some 4 to 8 for the place where it waits for the next. */
#pragma once

#include <stddef.h>

#include "flow/flow.h"
#include "flow/flow_key.h"
#include "flow/pool.h"

enum flow_flags {
	FLOW_A_IS_HI = 1 << 0, /* A is the 'hi' end of the key */
	FLOW_CLOSED = 1 << 1,  /* TCP: RST, or FIN from both sides: waits 'hold' */
	FLOW_IS_TRUNCATED = 1 << 2,
	FLOW_IS_MALFORMED = 1 << 3,
	FLOW_AB_CE = 1 << 4, /* CE seen from A; FLOW_AB_CE << 1: from B */
	FLOW_BA_CE = 1 << 5,
	FLOW_IS_TCP = 1 << 6,  /* 'ext' is a struct flow_tcp */
	FLOW_IS_ICMP = 1 << 7, /* 'ext' is a struct flow_icmp */
	FLOW_ONE_PORT = 1 << 8,
	FLOW_PORTS = 1 << 9,    /* the transport has ports, though they may be unknown */
	FLOW_DEAD = 1 << 10,    /* left the table, waits for its reader */
	FLOW_AB_SEEN = 1 << 11, /* packets from A; FLOW_AB_SEEN << 1: from B */
	FLOW_BA_SEEN = 1 << 12,
};

/* From one time to a later one, ns; times can be further apart than 63 bits. */
static inline uint64_t flow_span(int64_t from, int64_t to)
{
	return (uint64_t)to - (uint64_t)from;
}

/* Whose SYN+ACK ends the round trip: flow_stored.def tcp_answer. */
enum flow_answer {
	FLOW_ANSWER_A = 1,
	FLOW_ANSWER_B = 2,
	FLOW_ANSWER_AGAIN = 4, /* with one of them: the SYN was sent more than once */
};

enum flow_wants {
	FLOW_TRIES = 0x0f,   /* looks for the application that are left */
	FLOW_FIRST_A = 0x10, /* A's first payload; << 1: B's */
	FLOW_FIRST_B = 0x20,
};

enum flow_tcp_dir_flags {
	FLOW_TCP_SEEN = 1 << 0,        /* 'next' and 'base' are set */
	FLOW_TCP_SYN = 1 << 1,         /* 'base' is the initial sequence number */
	FLOW_TCP_SYN_AGAIN = 1 << 2,   /* the SYN was sent more than once */
	FLOW_TCP_FIN_COUNTED = 1 << 3, /* 'next' is behind the FIN */
	FLOW_TCP_WSCALE = 1 << 4,      /* the SYN had the option */
	FLOW_TCP_SYNACK = 1 << 5,      /* the SYN answered the other side's */
	FLOW_TCP_WAIT = 1 << 6,        /* sent SYN+ACK, and the peer's ACK is awaited */
};

/* One direction of a TCP connection: what every segment touches. */
struct flow_tcp_dir {
	uint32_t next; /* behind the largest sequence number seen, or acknowledged by the peer */
	uint16_t win_min, win_max; /* as announced; min > max: none yet */
	uint16_t wraps;            /* times 'next' went through 0 */
	uint8_t seen;              /* TCP flags, or-ed */
	uint8_t state;             /* enum flow_tcp_dir_flags */
};

struct flow_hot {
	struct flow_key key;
	uint32_t rest;  /* struct flow_key_rest of a long key; else POOL_NONE */
	uint32_t ext;   /* number in the pool that the flags name; POOL_NONE */
	uint32_t loss;  /* TCP: struct flow_loss; POOL_NONE */
	uint16_t flags; /* enum flow_flags */
	uint8_t wants;  /* enum flow_wants: what payloads are still looked at for */
	uint8_t finish; /* enum flow_finish, of dead flows */

	int64_t last_clock; /* clock of the table at the last packet: never goes back */
	int64_t last;       /* largest packet time */

	uint64_t bytes[2]; /* [0] A to B, [1] B to A; also below */
	uint64_t ip_bytes[2];
	uint32_t packets[2];        /* the upper half is in struct flow_more: flow_packets() */
	struct flow_tcp_dir dir[2]; /* TCP; [0] sent by A */
};
_Static_assert(sizeof(struct flow_hot) == 128, "two cache lines");
_Static_assert(offsetof(struct flow_hot, bytes) == 64, "one to find, one to count");

struct flow_cold {
	uint32_t prev, next;       /* in the list that flow_wheel.c keeps it in */
	int64_t start;             /* smallest packet time */
	uint64_t serial;           /* number of the first packet << 3 | its level */
	uint32_t more;             /* struct flow_more; POOL_NONE */
	uint32_t first_payload[2]; /* bytes; 0: none yet */
	uint16_t path;             /* number in the table of paths */
	uint16_t app;              /* enum app told by payload; 0: none */
	uint8_t mac[2][6];         /* A's, B's */
	uint8_t ttl[2];            /* of the first packet of each side */
	uint8_t tos[2];
	uint32_t twin;   /* flows before this one with the same key and time of the first packet */
	uint32_t parent; /* number of the uuid of the flow around; POOL_NONE: none */
};
_Static_assert(sizeof(struct flow_cold) == 64, "one cache line, see the sum above");

/* An answer that came later than that, 417 days, was none. */
#define FLOW_RTT_MAX ((INT64_C(1) << 55) - 1)

/* What is known of a connection beyond struct flow_hot's 'dir'. */
struct flow_tcp {
	uint32_t base[2];               /* ISN, or the first sequence number seen - 1 */
	int64_t syn[2], fin[2], rst[2]; /* times of the first ones; valid if 'seen' has the flag */
	int64_t rtt_client : 56;        /* ns, FLOW_RTT_MAX at most; -1: not known (yet) */
	uint64_t wscale : 8;            /* window scale, 0 to 14; A's << 0, B's << 4 */
};
_Static_assert(sizeof(struct flow_tcp) == 64, "one cache line, see the sum above");

#define FLOW_HOLES 6

/* What only flows with loss, reordering or retransmission have. */
struct flow_loss {
	struct {
		uint64_t retrans_bytes, ooo_bytes;
		uint64_t missed_bytes; /* of holes given up to make room for newer ones */
		uint32_t retrans_packets, ooo_packets;
		uint32_t missed; /* number of holes given up */
		uint32_t acked;  /* largest acknowledgement by the other side */
		uint8_t has_ack;
		uint8_t n;
		struct {
			uint32_t from, to;
		} hole[FLOW_HOLES]; /* in sequence order, apart */
	} dir[2];
};

#define FLOW_ECHOES 4

struct flow_icmp {
	int64_t rtt;               /* -1: none */
	int64_t sent[FLOW_ECHOES]; /* requests waiting for their reply */
	uint16_t seq[FLOW_ECHOES];
	uint8_t dir[FLOW_ECHOES]; /* direction of the request + 1; 0: empty */
	uint8_t at;               /* oldest entry, replaced next */
	uint8_t type, code;       /* of the first message */
	uint16_t id;
};

/* What few flows have. */
struct flow_more {
	int64_t first; /* time of the first packet seen where it is not 'start' */
	uint64_t fragments, fragment_errors;
	char *name;             /* server name, owned; NULL: none */
	uint32_t packets_hi[2]; /* see struct flow_hot */
	/* What super-frames were more on the wire than the one packet they came as. */
	uint64_t wire_packets[2], wire_bytes[2];
	uint32_t quic_version;
	uint8_t has_first;
	uint8_t name_len;
};
