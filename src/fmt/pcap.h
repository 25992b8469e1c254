/* Classic pcap: file header and record headers, bytes <-> structs.
 *
 * Source: draft-ietf-opsawg-pcap; tcpdump.org/manpages/pcap-savefile.5.  Reads
 * both byte orders, micro- and nanoseconds, and the "modified" format of old
 * Linux systems (24-byte record headers).  No state, no I/O; any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/pkt.h"

#define PCAP_MAGIC_US       0xa1b2c3d4u
#define PCAP_MAGIC_NS       0xa1b23c4du
#define PCAP_MAGIC_MODIFIED 0xa1b2cd34u
#define PCAP_HDR_SIZE       24
#define PCAP_REC_SIZE       16
#define PCAP_REC_MAX        24 /* of the modified format */

/* What libpcap and Wireshark write and accept as the largest packet. */
#define PCAP_SNAPLEN_MAX 262144u

struct pcap_hdr {
	bool big;      /* big-endian file */
	bool nano;     /* sub-seconds are ns, else us */
	bool modified; /* 24-byte record headers */
	uint16_t major, minor;
	uint32_t snaplen;  /* as written; 0 and absurd values occur */
	uint32_t network;  /* the whole field */
	uint16_t linktype; /* LINKTYPE_ value; UINT16_MAX where the field holds a larger one */
	uint8_t fcs_len;   /* bytes of FCS at each frame's end; 0: not said */
};

/* One record header, in host byte order. */
struct pcap_rec {
	uint32_t sec, sub; /* sub: us or ns, may be out of range */
	uint32_t caplen, len;
};

/* Reads the file header.  -ENODATA: shorter than PCAP_HDR_SIZE; -EBADMSG: not
 * pcap; -EPROTO: a version that nobody has defined. */
int pcap_hdr_read(const uint8_t *p, size_t size, struct pcap_hdr *ret);

/* Bytes of a record header in this file. */
static inline uint32_t pcap_rec_size(const struct pcap_hdr *h)
{
	return h->modified ? PCAP_REC_MAX : PCAP_REC_SIZE;
}

/* Reads a record header; PCAP_REC_SIZE bytes must be at 'p'. */
static inline struct pcap_rec pcap_rec_read(const uint8_t *p, bool big)
{
	struct pcap_rec r;

	r.sec = big ? be32_load(p) : le32_load(p);
	r.sub = big ? be32_load(p + 4) : le32_load(p + 4);
	r.caplen = big ? be32_load(p + 8) : le32_load(p + 8);
	r.len = big ? be32_load(p + 12) : le32_load(p + 12);
	return r;
}

/* Puts right what old writers exchanged: before version 2.3, and by DG/UX
 * (version 543), the two lengths stand in the other order; 2.3 has both. */
void pcap_rec_fix(const struct pcap_hdr *h, struct pcap_rec *r);
bool pcap_rec_needs_fix(const struct pcap_hdr *h);

/* The time in ns.  A sub-second out of range becomes the last one of its
 * second and '*ret_bad' true (else it is not touched). */
int64_t pcap_rec_ts(const struct pcap_hdr *h, const struct pcap_rec *r, bool *ret_bad);

/* Writing: little-endian, version 2.4. */
void pcap_hdr_write(struct buf *b, bool nano, uint16_t linktype, uint32_t snaplen);

/* One record.  Times outside 1970 to 2106 become the nearest that the format
 * can hold: 0 then, else 1. */
int pcap_rec_write(struct buf *b, bool nano, const struct pkt *p);
