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
struct stop;

/* One interface of a capture, as its file or the system describes it.  Texts
 * are NULL when unknown; all are owned by the source. */
struct src_iface {
	const char *name, *descr, *filter, *hardware, *os, *comment;
	uint16_t linktype;      /* LINKTYPE_ value; UINT16_MAX: of a number that none has */
	uint32_t snaplen;       /* 0: no limit known */
	uint64_t ticks_per_sec; /* resolution of its time stamps: 1000000, 1000000000, ...;
				   0: finer than 64 bits hold */
	int64_t ts_offset;      /* if_tsoffset, seconds; already added to the packets' times */
	uint64_t speed;         /* bit/s; 0: not said */
	uint32_t section;       /* pcapng section, 0 first */
	uint64_t packets;       /* given out so far */
	uint64_t dropcount;     /* sum of what the packets say was lost before them */
	uint32_t stats;         /* statistics blocks found; the following are of the last one */
	bool has_drops, has_recv, has_accept, has_deliv;
	uint64_t recv, drops;   /* ifrecv, and ifdrop + osdrop */
	uint64_t accept, deliv; /* filteraccept, usrdeliv */
	uint8_t tsresol;        /* as if_tsresol writes it: 6 = us, 9 = ns, 0x80 | n = 2^-n s */
	bool has_tsresol, has_ts_offset, has_fcs_len; /* the file says so itself, in an option */
	uint8_t fcs_len; /* bytes of FCS at the end of each frame, counted in 'len'; 0: not said */
	uint16_t bpf_insns; /* of a filter given as BPF code instead of text; 0: none */
};

/* A part of a pcapng file with its own byte order and interfaces; other
 * formats are one section without texts. */
struct src_section {
	const char *hardware, *os, *app; /* NULL: not said; owned by the source */
	const char **comments;           /* of the header; owned by the source */
	size_t n_comments;
	uint64_t off; /* of its header, in the unpacked file */
	uint16_t major, minor;
	bool big; /* big-endian */
};

enum src_format {
	SRC_MEM,
	SRC_PCAP,
	SRC_PCAP_NS,
	SRC_PCAP_MODIFIED,
	SRC_PCAPNG,
	SRC_SNOOP,
	SRC_ERF,
	SRC_LIVE, /* capture/live.h */
};

/* What is known of the whole source. */
struct src_meta {
	enum src_format format;
	const char *packed; /* "gzip", "zstd", "lz4"; NULL: plain */
	uint64_t size;      /* bytes of the file as it lies there; 0: not known (a pipe) */
	uint64_t read;      /* of those, read so far */
	uint64_t unpacked;  /* bytes of capture format seen so far */
	uint32_t snaplen;   /* of a file header; 0: it has none */
	uint64_t ip4_names, ip6_names; /* name records found so far */
	uint64_t secrets;              /* decryption secrets blocks */
	uint64_t comments;             /* packets with a comment */
	uint64_t journal;              /* systemd journal entries */
	uint64_t custom;               /* custom blocks */
	uint64_t others;               /* blocks of types that nobody here knows */
	bool cut;                      /* the data ended inside a packet or block */
	bool damaged;                  /* bytes had to be skipped, or packets were not usable */
};

/* Something wrong with the input, with its place.  The source goes on where it
 * can; what could not be read is described here. */
struct src_note {
	uint64_t off; /* in the unpacked file, bytes; of the first, where 'n' > 1 */
	uint64_t n;   /* how often */
	char text[160];
};
#define SRC_NOTES_MAX 64 /* more are only counted */

/* Opens "file:PATH" or a plain path; "-" is standard input.  Recognises pcap,
 * pcapng, snoop and ERF and gzip, zstd, lz4 around them by content.  'stop' ends
 * the source's waiting, here and later; borrowed, NULL: nobody does.  -errno with
 * 'err' set, -ECANCELED: stopped; '*ret' untouched. */
int src_open(struct src **ret, const char *spec, const struct stop *stop, struct err *err);

/* A source that gives copies of 'pkts' (each with its linktype, iface, ts, len
 * and bytes; clock, number and off are filled), for tests.  0 or -ENOMEM. */
int src_mem_new(struct src **ret, const struct src_iface *ifaces, size_t n_ifaces,
		const struct pkt *pkts, size_t n);

void src_free(struct src *s);
static inline void src_freep(struct src **s)
{
	src_free(*s);
}

/* Gives up to 'max' packets.  0: end.  Damage is a note, not an error; negative
 * errno only when reading itself failed (also a note then), or -ECANCELED once all
 * is given that was read before it was stopped. */
int src_recv(struct src *s, struct pkt *pkts, size_t max);

/* Asks that packets stay valid longer, for threads that look at them later: those
 * that were given while src_window() was W until 'reuse' is called with W, from
 * inside of src_recv(), which waits for its return: 'n' windows later, 1 to
 * SRC_KEEP_MAX.  To be called before the first src_recv(). */
#define SRC_KEEP_MAX 8
typedef void (*src_reuse_fn)(void *arg, uint64_t window);
void src_keep(struct src *s, unsigned n, src_reuse_fn reuse, void *arg);

/* The window that the last batch lies in; grows. */
uint64_t src_window(const struct src *s);

/* Gives the last batch back before the next src_recv() does. */
void src_release(struct src *s);

/* Interfaces known so far; the array may move at the next src_recv(). */
const struct src_iface *src_ifaces(const struct src *s, size_t *ret_n);

/* Sections known so far, likewise. */
const struct src_section *src_sections(const struct src *s, size_t *ret_n);

/* Notes so far, 'ret_total' counts also those not kept. */
const struct src_note *src_notes(const struct src *s, size_t *ret_n, uint64_t *ret_total);

/* Progress and what is known of the whole. */
struct src_meta src_meta(const struct src *s);
