/* A packet on its way through the pipeline, from a capture source to filter,
 * decoder, flow table and sinks. */
#pragma once

#include <stdint.h>

enum pkt_dir {
	PKT_DIR_UNKNOWN, /* the source does not say */
	PKT_DIR_IN,
	PKT_DIR_OUT,
};

enum pkt_flags {
	PKT_NO_TIME = 1 << 0,   /* the source gave no time; 'ts' repeats the last known one */
	PKT_BAD_TIME = 1 << 1,  /* the stamp was out of its range; 'ts' is the nearest valid one */
	PKT_DROPS = 1 << 2,     /* the source says packets were lost just before this one */
	PKT_CSUM_TODO = 1 << 3, /* taken before its checksum was computed, which is left to the
				   device that sends it: wrong here, right on the wire */
};

/* Borrowed: 'data' is valid until the source's next release. */
struct pkt {
	int64_t ts;          /* ns since the epoch, UTC */
	int64_t clock;       /* largest 'ts' so far, this one included, as if nobody had set the
				clock: never goes back, and what time-outs go by */
	const uint8_t *data; /* the frame, starting with its link header */
	uint32_t caplen;     /* bytes at 'data', <= len unless the source is damaged */
	uint32_t len;        /* bytes on the wire, without FCS */
	uint32_t drops;    /* packets lost just before this one, as the source says; 0: not said */
	uint32_t iface;    /* index into the source's interface table */
	uint16_t linktype; /* LINKTYPE_ value, tcpdump.org/linktypes.html */
	uint8_t dir;       /* enum pkt_dir */
	uint8_t flags;     /* enum pkt_flags */
	uint16_t gso_size; /* of a super-frame, that is many packets on the wire: bytes of payload
			      in each; 0: a frame like others */
	uint16_t gso_hdr;  /* its bytes of headers, link to transport, which each repeats */
	uint64_t number;   /* 1 for the first packet of the source */
	uint64_t off;      /* where its record starts in the (unpacked) file, bytes */
};

/* How many packets that is on the wire, and their bytes with all their headers. */
static inline uint32_t pkt_wire_packets(const struct pkt *p)
{
	if (!p->gso_size || p->len <= p->gso_hdr)
		return 1;
	return (p->len - p->gso_hdr + p->gso_size - 1) / p->gso_size;
}

static inline uint64_t pkt_wire_bytes(const struct pkt *p)
{
	return p->len + (uint64_t)(pkt_wire_packets(p) - 1) * p->gso_hdr;
}
