/* pcapng: blocks and options, bytes <-> structs.
 *
 * Source: draft-ietf-opsawg-pcapng ("the draft").  A reader finds the byte
 * order in a Section Header Block and passes it to the others.  Nothing here
 * keeps state or does I/O; any thread.  Texts point into the block that was
 * read and are not NUL-terminated. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/iface_stats.h"
#include "base/bytes.h"
#include "base/pkt.h"

enum pcapng_type {                                /* the draft, 4 and 10.1 */
		   PCAPNG_SHB = 0x0a0d0d0a,       /* section header; the same in both byte orders */
		   PCAPNG_IDB = 1,                /* interface description */
		   PCAPNG_PB = 2,                 /* packet, obsolete */
		   PCAPNG_SPB = 3,                /* simple packet */
		   PCAPNG_NRB = 4,                /* name resolution */
		   PCAPNG_ISB = 5,                /* interface statistics */
		   PCAPNG_EPB = 6,                /* enhanced packet */
		   PCAPNG_SJE = 9,                /* systemd journal export */
		   PCAPNG_DSB = 10,               /* decryption secrets */
		   PCAPNG_CB_COPY = 0x00000bad,   /* custom, may be copied */
		   PCAPNG_CB_NOCOPY = 0x40000bad, /* custom, must not be copied */
};

#define PCAPNG_BLOCK_MIN 12u /* type, length, length */
#define PCAPNG_SHB_MIN   28u
#define PCAPNG_EPB_DATA  28u /* from the block's start to the frame */
#define PCAPNG_PB_DATA   28u
#define PCAPNG_SPB_DATA  12u
#define PCAPNG_EPB_MIN   32u
#define PCAPNG_BOM       0x1a2b3c4du
#define PCAPNG_PAD4(n)   (((n) + 3u) & ~3u)

struct pcapng_text {
	const char *p; /* NULL: not given */
	uint16_t len;
};

/* Names that every block may carry; a reader of options fills what it finds. */
struct pcapng_shb {
	bool big;
	uint16_t major, minor;
	struct pcapng_text hardware, os, app;
};

struct pcapng_idb {
	uint16_t linktype;
	uint32_t snaplen;  /* 0: no limit */
	uint8_t tsresol;   /* as written: 6 = 10^-6, 0x80 | n = 2^-n */
	bool has_tsresol;  /* false: tsresol is the default 6 */
	int64_t ts_offset; /* s, to be added to all times */
	uint8_t fcs_len;   /* bytes; 0: not said */
	bool has_ts_offset, has_fcs_len, has_speed;
	uint64_t speed;      /* bit/s */
	uint8_t filter_kind; /* 0: 'filter' is text; 1: BPF code; else bytes of another kind */
	uint16_t bpf_insns;  /* instructions of BPF code; 0: none */
	struct pcapng_text name, descr, filter, os, hardware;
};

struct pcapng_isb {
	uint32_t iface;
	uint64_t ts; /* in the interface's units */
	bool has_start, has_end, has_recv, has_ifdrop, has_accept, has_osdrop, has_deliv;
	uint64_t start, end; /* isb_starttime, isb_endtime, in the interface's units */
	uint64_t recv, ifdrop, accept, osdrop, deliv;
};

/* The fixed part of EPB and PB. */
struct pcapng_epb {
	uint32_t iface;
	uint64_t ts;
	uint32_t caplen, len;
};

/* What the options of a packet block say. */
struct pcapng_epb_opts {
	uint8_t dir;        /* enum pkt_dir */
	uint64_t dropcount; /* packets lost since the packet before */
	uint32_t comments;  /* number of them */
};

/* From ticks of an interface to ns. */
struct pcapng_clock {
	uint64_t limit;    /* more ticks than this do not fit */
	uint64_t mul, div; /* ns = ticks * mul / div >> shift; one of mul, div is 1 */
	uint8_t shift;
	bool exact;     /* only mul matters: the fast path */
	int64_t offset; /* ns, added */
};

/* One option; the list ends at opt_endofopt or the end of the block. */
struct pcapng_opt {
	uint16_t code;
	uint16_t len;
	const uint8_t *p;
};

struct pcapng_opts {
	const uint8_t *p, *end;
	bool big;
};

static inline uint16_t pcapng_u16(const uint8_t *p, bool big)
{
	return big ? be16_load(p) : le16_load(p);
}

static inline uint32_t pcapng_u32(const uint8_t *p, bool big)
{
	return big ? be32_load(p) : le32_load(p);
}

static inline uint64_t pcapng_u64(const uint8_t *p, bool big)
{
	return big ? be64_load(p) : le64_load(p);
}

/* Next option: 1, 0 at the end, -EBADMSG where a length leaves the block. */
int pcapng_opt_next(struct pcapng_opts *o, struct pcapng_opt *ret);

/* Finds the byte order at the start of an SHB.  -ENODATA with less than 12
 * bytes, -EBADMSG: no SHB. */
int pcapng_order_read(const uint8_t *p, size_t size, bool *ret_big);

/* The following take a whole block: 'size' bytes at 'p' is its total length,
 * which the caller has checked to be there.  -EBADMSG: too short for its kind;
 * 1: read, but its options are damaged and what follows the damage is missing. */
int pcapng_shb_read(const uint8_t *p, size_t size, struct pcapng_shb *ret);
int pcapng_idb_read(const uint8_t *p, size_t size, bool big, struct pcapng_idb *ret);
int pcapng_isb_read(const uint8_t *p, size_t size, bool big, struct pcapng_isb *ret);

/* Where the options of a block of 'type' start and end; -EBADMSG: none of that
 * kind, or the block is too short. */
int pcapng_opts_of(const uint8_t *p, size_t size, bool big, struct pcapng_opts *ret);

/* Options of EPB and PB (their codes are the same).  Return as above. */
int pcapng_epb_opts_read(struct pcapng_opts *o, struct pcapng_epb_opts *ret);

/* Number of name records in an NRB. */
uint32_t pcapng_nrb_count(const uint8_t *p, size_t size, bool big, uint32_t *ret_ip4,
			  uint32_t *ret_ip6);

/* Ticks per second of an if_tsresol; 0: more than 64 bits hold. */
uint64_t pcapng_ticks(uint8_t tsresol);
struct pcapng_clock pcapng_clock(uint8_t tsresol, int64_t ts_offset);

/* Slow path of pcapng_ts(): any resolution, any value. */
int64_t pcapng_ts_any(const struct pcapng_clock *c, uint64_t ticks, bool *ret_bad);

/* The time in ns.  What int64 cannot hold (before 1677, after 2262) becomes
 * the nearest it can and '*ret_bad' true (else it is not touched). */
static inline int64_t pcapng_ts(const struct pcapng_clock *c, uint64_t ticks, bool *ret_bad)
{
	int64_t ts;

	if (c->exact && ticks <= c->limit &&
	    !__builtin_add_overflow((int64_t)(ticks * c->mul), c->offset, &ts))
		return ts;
	return pcapng_ts_any(c, ticks, ret_bad);
}

/* Writing, little-endian.  Texts longer than an option holds are cut. */
void pcapng_shb_write(struct buf *b, const struct pcapng_shb *s, struct pcapng_text comment);
void pcapng_idb_write(struct buf *b, const struct pcapng_idb *i, struct pcapng_text comment);
/* 'p->iface' is the interface's number in the section; times are in ns since
 * the epoch as if_tsresol 9 without offset means them (negative ones become 0). */
void pcapng_epb_write(struct buf *b, const struct pkt *p, uint32_t iface);
void pcapng_isb_write(struct buf *b, const struct pcapng_isb *s);

/* The block for an interface whose units are ns. */
struct pcapng_isb pcapng_isb_of(const struct iface_stats *s);

/* The text of a C string; NULL gives "not given". */
struct pcapng_text pcapng_text(const char *s);
