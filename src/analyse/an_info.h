/* What the packets of a capture say about it: how many, how large, when, in
 * what order, with which holes.  Everything 'trawl info' and capinfos show that
 * is not written in the file's headers.
 *
 * Takes packets in the order of the capture; keeps nothing of them.  Memory
 * does not grow with packets, only with link types.  One thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/pkt.h"

struct an_info_linktype {
	uint16_t linktype;
	uint64_t packets, bytes;
};

/* Where the time jumps between two packets that follow each other. */
struct an_info_jump {
	int64_t ns;      /* how far, positive; 0: there is none */
	int64_t from;    /* time of the packet before it, ns */
	uint64_t number; /* of the packet after it */
	uint64_t off;    /* of the same */
};

struct an_info {
	uint64_t packets;
	uint64_t bytes;            /* on the wire */
	uint64_t cap_bytes;        /* of those, in the file */
	uint32_t len_min, len_max; /* on the wire; 0 without packets */
	uint64_t empty;            /* packets of 0 bytes on the wire */

	/* Times: of packets that have one. */
	uint64_t timed;
	uint64_t bad_times;               /* of those, out of range and set to the nearest valid */
	int64_t first, last;              /* smallest and largest, ns; 0 without */
	uint32_t first_iface, last_iface; /* of those packets */
	struct an_info_jump gap;          /* the largest silence */
	struct an_info_jump back;         /* the largest jump backwards */
	uint64_t backwards;               /* packets with a smaller time than the one before */

	/* Truncated by a snapshot length: caplen < len. */
	uint64_t cut;
	uint32_t cut_min, cut_max; /* smallest and largest caplen of those */
	/* More bytes than were on the wire: caplen > len. */
	uint64_t over;
	uint64_t over_first; /* number of the first; 0: none */

	uint64_t lost; /* packets that the file says were lost before others */

	struct an_info_linktype *linktypes; /* by number; owned */
	size_t n_linktypes;
	int64_t previous; /* time of the timed packet before */
};

void an_info_init(struct an_info *a);
void an_info_done(struct an_info *a);

/* 0 or -ENOMEM. */
int an_info_add(struct an_info *a, const struct pkt *pkts, size_t n);

/* From the first to the last time, ns. */
int64_t an_info_duration(const struct an_info *a);

/* Per second of duration; 0 where there is none. */
double an_info_rate(const struct an_info *a, uint64_t n);
