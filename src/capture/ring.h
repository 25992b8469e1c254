/* The blocks of a TPACKET_V3 ring, and from their records to packets.
 *
 * A ring knows nothing of sockets: it walks memory that somebody else maps.  Blocks
 * go round: the kernel fills one, it is walked here, packets in it are borrowed for
 * a while, and then it is given back; in this order, each block in its turn.  The
 * kernel is trusted with what it writes, but no record is read beyond its block. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/pkt.h"

struct filter;

/* Bytes that the kernel leaves before each frame, PACKET_RESERVE: room for headers that are put
 * there, whatever the frame's own length is; with struct virtio_net_hdr a multiple of 16. */
#define RING_RESERVE 22

/* Of the link types that need care; tcpdump.org/linktypes.html */
enum {
	RING_ETHERNET = 1,
	RING_RAW = 101,
	RING_CAN = 227,
	RING_SLL2 = 276,
};

/* How frames are to look. */
struct ring_look {
	struct filter *filter; /* for frames that the kernel did not decide; NULL: none */
	bool undecided;        /* that is all of them */
	bool cooked;           /* put a LINKTYPE_LINUX_SLL2 header before the network header */
	bool raw;              /* begin with the network header */
	bool vnet;             /* each has a struct virtio_net_hdr before it */
	bool no_in, no_out;    /* leave out frames of that direction */
	uint16_t linktype;
	uint16_t hatype;  /* ARPHRD_, for cooked headers */
	uint32_t snaplen; /* 0: none */
	uint32_t iface;   /* index of the packets */
	uint32_t ifindex; /* for cooked headers */
};

/* Of all records walked so far: walked = given + filtered + other + broken. */
struct ring_count {
	uint64_t walked;
	uint64_t given;
	uint64_t filtered;
	uint64_t other;  /* of the direction left out */
	uint64_t cut;    /* given, but shorter than 'snaplen' asks for */
	uint64_t broken; /* not within their block, or behind one that is not: never read */
};

struct ring {
	uint8_t *map; /* n_blocks * block_size bytes, borrowed */
	uint32_t block_size, n_blocks;
	uint32_t at;       /* block that is walked, or will be next */
	uint32_t tail;     /* oldest one that is not the kernel's */
	uint32_t used;     /* blocks from 'tail' to 'at' */
	uint8_t *rec;      /* next record in block 'at' */
	uint32_t left;     /* records from there on; 0: the block is not begun */
	uint64_t *windows; /* in which each used block was finished; owned */
	struct ring_look look;
	struct ring_count count;
};

/* 0 or -ENOMEM. */
int ring_init(struct ring *r, uint8_t *map, uint32_t block_size, uint32_t n_blocks,
	      const struct ring_look *look);
void ring_done(struct ring *r);

/* Begins the next block if none is begun and the kernel has one ready.  Whether there is a
 * record to walk. */
bool ring_ready(struct ring *r);

/* Time of the next record, ns; only when ring_ready(). */
int64_t ring_head(const struct ring *r);

/* Fills up to 'max' packets (all but 'clock' and 'number'), none later than 'until'
 * but the first.  Stops at the end of a block, which is then finished within 'window';
 * 0 does not say that nothing is left: see ring_ready(). */
size_t ring_take(struct ring *r, struct pkt *pkts, size_t max, int64_t until, uint64_t window);

/* Gives blocks back that were finished within windows up to 'window'. */
void ring_release(struct ring *r, uint64_t window);

/* Blocks that are not the kernel's, those not walked yet included. */
uint32_t ring_fill(const struct ring *r);
