/* Where packets come from: files, later interfaces and others.
 *
 * A source belongs to one thread.  Packets are borrowed: they stay valid until
 * src_release() or the next src_recv(). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/pkt.h"

struct src;

/* One interface of a capture, as its file or the system describes it.  Texts
 * are NULL when unknown; all are owned by the source. */
struct src_iface {
	const char *name, *descr, *filter, *hardware, *os, *comment;
	uint16_t linktype;       /* LINKTYPE_ value */
	uint32_t snaplen;        /* 0: no limit known */
	uint64_t ticks_per_sec;  /* resolution of its time stamps: 1000000, 1000000000, ... */
	int64_t ts_offset;       /* if_tsoffset, seconds; already added to the packets' times */
	uint32_t section;        /* pcapng section, 0 first */
	uint64_t packets;        /* given out so far */
	bool has_drops;          /* statistics were found: */
	uint64_t recv, drops;    /* ifrecv, and ifdrop + osdrop, of the last statistics block */
};

/* Something wrong with the input, with its place.  The source goes on where it
 * can; what could not be read is described here. */
struct src_note {
	uint64_t off; /* in the unpacked file, bytes */
	char text[160];
};
#define SRC_NOTES_MAX 64 /* more are only counted */

/* Opens "file:PATH" or a plain path; "-" is standard input.  Recognises pcap,
 * pcapng and gzip, zstd, lz4 around them by content.  -errno with 'err' set;
 * '*ret' untouched. */
int src_open(struct src **ret, const char *spec, struct err *err);
void src_free(struct src *s);
static inline void src_freep(struct src **s)
{
	src_free(*s);
}

/* Gives up to 'max' packets.  0: end.  Damage is a note, not an error; negative
 * errno only when reading itself failed (also a note then). */
int src_recv(struct src *s, struct pkt *pkts, size_t max);

/* Interfaces known so far; the array may move at the next src_recv(). */
const struct src_iface *src_ifaces(const struct src *s, size_t *ret_n);

/* Notes so far, 'ret_total' counts also those not kept. */
const struct src_note *src_notes(const struct src *s, size_t *ret_n, uint64_t *ret_total);
