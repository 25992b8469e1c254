/* Where packets go: files, later streams, tunnels and others.
 *
 * A sink belongs to one thread.  First its interfaces are described, then
 * packets of them are sent; more interfaces may follow at any time.  Nothing
 * is kept of what is passed in. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/iface_stats.h"
#include "base/pkt.h"

struct sink;
struct stop;

enum sink_format {
	SINK_BY_NAME, /* classic pcap for names that end in .pcap, .cap or .dmp, else pcapng */
	SINK_PCAPNG,
	SINK_PCAP,
};

/* What libpcap and Wireshark take for "no limit". */
#define SINK_SNAPLEN_DEFAULT 262144u

struct sink_conf {
	enum sink_format format;
	bool has_linktype; /* pcap: the link type of a file without packets is known, */
	uint16_t linktype; /* else that of the first interface, else Ethernet */
	uint32_t snaplen;  /* of every interface; 0: SINK_SNAPLEN_DEFAULT */
	const char *app;   /* pcapng: who writes, "trawl 0.1.0"; NULL: not said */
	const char *os, *hardware, *comment; /* pcapng, likewise */
	/* For what does not wait, a running capture: a file that takes no more, a full disk,
	 * is no error.  What it does not take is lost and counted, sink_trouble() says why,
	 * and it is tried again with each sink_flush(). */
	bool live;
	const struct stop *stop; /* what a pipe's reader does not take once it is raised is
				    lost, see base/outlet.h; borrowed; NULL: nobody stops */
};

/* Texts may be NULL: not known. */
struct sink_iface {
	const char *name, *descr, *filter, *hardware, *os, *comment;
	uint16_t linktype;
	uint8_t fcs_len;        /* bytes of FCS at the end of each frame; 0: not said */
	uint64_t speed;         /* bit/s; 0: not said */
	uint64_t ticks_per_sec; /* of its time stamps; above 1000000 (or 0: finer than 64 bits
				   hold) pcap gets nanoseconds */
};

/* Opens "file:PATH" or a plain path; "-" is standard output.  An existing file
 * is replaced.  -errno with 'err' set; '*ret' untouched. */
int sink_open(struct sink **ret, const char *spec, const struct sink_conf *conf, struct err *err);

/* The same into an open file, pipe or socket: 'fd' is taken over, also on failure.
 * 'name' decides SINK_BY_NAME and stands in messages. */
int sink_file_new(struct sink **ret, int fd, const char *name, const struct sink_conf *conf,
		  struct err *err);

/* A sink that keeps copies, for tests. */
int sink_mem_new(struct sink **ret);
const struct pkt *sink_mem_pkts(const struct sink *s, size_t *ret_n);
const struct sink_iface *sink_mem_ifaces(const struct sink *s, size_t *ret_n); /* no texts */

/* Describes one more interface.  Returns its number, which packets carry in
 * 'iface', or -errno with 'err' set. */
int sink_iface(struct sink *s, const struct sink_iface *i, struct err *err);

/* The same from a time on, CLOCK_BOOTTIME in ns, as if 'stop' were raised then. */
void sink_until(struct sink *s, int64_t when);

/* Writes 'n' packets (buffered).  0 or -errno with 'err' set; -EPIPE when the
 * reader has gone, -ECANCELED when it does not read and it was stopped; -EINVAL when the format
 * holds one link type and this is another.  After a failure to write every later call fails
 * likewise.  Each packet is counted in any case. */
int sink_send(struct sink *s, const struct pkt *pkts, size_t n, struct err *err);

/* What became of the packets of one interface. */
struct sink_counts {
	uint64_t kept, kept_bytes; /* packets, and their bytes as far as they are kept */
	uint64_t lost; /* not in the output, or not whole; may be found after they were 'kept',
			  by any call until sink_finish() */
};

/* Zero for an interface that is not there. */
struct sink_counts sink_counts(const struct sink *s, uint32_t iface);

/* Why packets are lost now, as -errno, and in words, which are the sink's; 0: they are not. */
int sink_trouble(const struct sink *s, const char **ret_text);

/* Counters of an interface; formats that cannot hold them ignore them. */
int sink_stats(struct sink *s, const struct iface_stats *st, struct err *err);

/* Hands everything written so far to the system, the file header too.  A file that it
 * fails for ends with a whole record; what is there of others counts where it is whole. */
int sink_flush(struct sink *s, struct err *err);

/* Finishes the output: a file without packets is a valid one.  To be called
 * before sink_free() unless the output is given up.  0 or -errno with 'err' set:
 * something is not there, packets that were counted as lost not included. */
int sink_finish(struct sink *s, struct err *err);

/* Packets whose time the format could not hold and that carry the nearest one:
 * outside its years, or with nanoseconds in a file of microseconds. */
uint64_t sink_inexact(const struct sink *s);

void sink_free(struct sink *s); /* NULL is fine */
static inline void sink_freep(struct sink **s)
{
	sink_free(*s);
}
