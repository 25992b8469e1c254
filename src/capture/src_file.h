/* What src_file.c shares with the walkers, one per format.  Internal. */
#pragma once

#include "capture/rd.h"
#include "capture/src_ops.h"
#include "fmt/pcap.h"
#include "fmt/pcapng.h"

/* The largest record that is taken for one, bytes.  libpcap and Wireshark
 * write up to 256 KiB; BIG TCP and jumbo frames of other tools reach a few MiB. */
#define SRC_RECORD_MAX (16u << 20)

/* Contiguous damage that is searched for the next record, bytes; then the
 * source ends.  Bounds the work on endless garbage. */
#define SRC_GARBAGE_MAX (UINT64_C(256) << 20)

struct walk_pcap {
	struct pcap_hdr hdr;
	uint32_t caplen_max; /* more is damage */
};

/* The interfaces of the section being read. */
struct walk_ng {
	bool big;
	uint32_t base;               /* index of its interface 0 */
	uint32_t n;                  /* interfaces of the section */
	struct pcapng_clock *clocks; /* owned, one per interface of the section */
	size_t clocks_size;
	uint64_t blocks; /* read so far */
};

struct walk_snoop {
	uint32_t drops; /* the running count of the packet before */
};

#define ERF_IFACES_MAX 32 /* 4 ports times the link types that fmt/erf knows */

struct walk_erf {
	uint8_t ports[ERF_IFACES_MAX]; /* of each interface */
};

struct src_file {
	struct src src;
	struct rd rd;
	/* Gives up to 'max' packets, 0 at the end. */
	int (*walk)(struct src_file *f, struct pkt *pkts, size_t max);
	bool ended; /* the walker has said all it has to say */
	union {
		struct walk_pcap pcap;
		struct walk_ng ng;
		struct walk_snoop snoop;
		struct walk_erf erf;
	} w;
};

/* A source that reads 'fd' and takes it over (also on failure; never closes
 * standard input), at most 'step' bytes at once: RD_STEP, less in tests.  'name'
 * is for messages, 'stop' as of src_open(). */
int src_file_new(struct src **ret, int fd, const char *name, size_t step, const struct stop *stop,
		 struct err *err);

/* Called with the window at the file's start.  0 or -errno with 'err' set. */
int walk_pcap_start(struct src_file *f, struct err *err);
int walk_ng_start(struct src_file *f, struct err *err);
void walk_ng_done(struct src_file *f);
int walk_snoop_start(struct src_file *f, struct err *err);
int walk_erf_start(struct src_file *f, struct err *err);

/* Ends the source: with a note where the data ended early, and one that it was
 * cut inside 'what' ("a packet") that began at 'off' (NULL: at a record's end). */
void src_file_end(struct src_file *f, uint64_t off, const char *what);

/* Notes that 'n' packets were lost before this one, as the file says. */
static inline void src_lost(struct src *s, struct pkt *p, uint32_t iface, uint64_t n)
{
	p->flags |= PKT_DROPS;
	p->drops = n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
	s->ifaces[iface].dropcount += n;
}

/* Fills what the common base knows of a packet: number, clock, flags of times;
 * counts it. */
static inline void src_give(struct src *s, struct pkt *p, uint32_t iface)
{
	s->clock = p->ts > s->clock ? p->ts : s->clock;
	s->last_ts = p->ts;
	p->clock = s->clock;
	p->number = ++s->number;
	p->iface = iface;
	s->ifaces[iface].packets++;
}
