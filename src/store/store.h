/* Where captures are kept: packets, the index from flows to them, rows of flows,
 * and what was lost.
 *
 * A store holds streams.  A stream belongs to one capture and shard and has one
 * writer, which uses it from one thread; streams of one store may be written by
 * several threads at once.  What a stream is given between store_stream_new()
 * and store_finish() is a run: it is numbered by itself (interfaces, serials of
 * flows) and never changed later.  Readers (store_read.h) need no lock and may be
 * other processes.
 *
 *	local:DIR   DIR/<capture>/<shard>/, see docs/formats.md
 *	mem:        in memory, for tests (store_mem.h)
 *
 * What survives: when the process is killed, all but the last second.  When the machine
 * loses power, every segment that was sealed, once its index has its name, and after
 * store_finish() all; of a segment that is being written, or was sealed a moment ago,
 * whatever the system had written back by then, which readers cut to whole packets.
 * Syncing is done beside the streams, which it does not hold up unless sixteen segments
 * wait for it.
 *
 * Nothing is kept of what is passed in.  Calls may block on the disk. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/iface_stats.h"
#include "base/pkt.h"
#include "flow/flow_table.h"

struct batch;
struct clock_state;
struct store;
struct store_stream;

#define STORE_SNAPLEN_DEFAULT 262144u              /* libpcap's "no limit" */
#define STORE_SEGMENT_SIZE    (UINT64_C(64) << 20) /* bytes after which a segment is full */
#define STORE_SEGMENT_MAX                                                                          \
	(UINT64_C(256) << 20) /* one flow's places still fit a record of the index */
#define STORE_NAME_MAX   128  /* bytes of a capture's name */
#define STORE_IFACES_MAX 65536

/* Makes and removes files; names are paths below the store's directory, at most two
 * folders deep, which mkdir() made before.  Each returns 0 (or a descriptor) or -errno.
 * Called from the streams' threads and one of the store's own, at any time; mkdir() and the
 * first create() of a stream only from store_stream_new(). */
struct store_files {
	void *arg;

	/* A new file for reading and writing, close-on-exec; -EEXIST where there is one. */
	int (*create)(void *arg, const char *name);
	int (*rename)(void *arg, const char *from, const char *to); /* replaces 'to' */
	int (*unlink)(void *arg, const char *name);

	/* The store's directory itself, for reading and locks: a descriptor that is the
	 * caller's.  NULL: it is opened by its path. */
	int (*dir)(void *arg);
	int (*mkdir)(void *arg, const char *name); /* 0 also where it exists */

	/* Waits until what was written to a file that create() gave is on the disk, as
	 * fdatasync(2).  NULL: that is called. */
	int (*sync)(void *arg, int fd);
};

/* Borrowed during store_open(), but 'files', which must outlive the store. */
struct store_conf {
	const struct store_files *files; /* NULL: made by the process itself */
	const char *app, *os, *hardware; /* for the header of each segment; NULL: not said */
	uint32_t snaplen;                /* of every interface; 0: STORE_SNAPLEN_DEFAULT */
	uint64_t raw_limit;              /* packets kept of each flow; UINT64_MAX: all, 0: none */
	uint64_t segment_size;           /* 0: STORE_SEGMENT_SIZE; at most STORE_SEGMENT_MAX */

	/* What is above goes, the oldest first (retain.h): bytes of all files below the directory,
	 * never more, even for a moment; ages of packets and rows, ns; free bytes, or hundredths,
	 * of the file system.  0: no limit.  Where nothing may go, packets and rows are not kept.
	 */
	uint64_t quota;
	int64_t keep_packets, keep_flows;
	uint64_t min_free;
	unsigned min_free_percent;
	unsigned writers; /* streams that write at once; 0: 1 */

	struct flow_opts
		flow;   /* how the capture makes flows: readers of a killed run do likewise */
	bool read_only; /* nothing is created, store_stream_new() fails */
};

/* 0 or -errno with 'err' set; '*ret' untouched.  A missing DIR is made (mode 0700)
 * unless 'read_only' or 'files' are given.  Unless 'read_only': -EBUSY, another process writes
 * here, which is named; -EDQUOT, -EINVAL: the quota is too small. */
int store_open(struct store **ret, const char *spec, const struct store_conf *conf,
	       struct err *err);

/* Files that limits want gone and that cannot be removed.  Each minute it is tried again. */
struct store_unremoved {
	uint64_t files; /* now; 0: none */
	char text[512]; /* the same in words, with the name of one and why */
};

/* Any thread. */
void store_unremoved(struct store *s, struct store_unremoved *ret);

/* After all of its streams and readers. */
void store_close(struct store *s); /* NULL is fine */
static inline void store_closep(struct store **s)
{
	store_close(*s);
}

/* Texts may be NULL: not known. */
struct store_iface {
	const char *name, *descr, *filter, *hardware, *os;
	uint16_t linktype;
	uint8_t fcs_len; /* bytes of FCS at the end of each frame; 0: not said */
	uint64_t speed;  /* bit/s; 0: not said */
};

/* Why something is not there. */
enum store_why {
	STORE_WHY_RING = 1,  /* the kernel's ring was full */
	STORE_WHY_QUEUE = 2, /* a queue of the program was full */
	STORE_WHY_DISK = 3,  /* it could not be written */
	STORE_WHY_LIMIT = 4, /* the store was full: 'quota' */
	STORE_WHY_AWAY = 5,  /* the interface was down, gone or not readable */
	STORE_WHY_NIC = 6,   /* the interface or the kernel lost it before the capture */

	/* Told by readers only: the oldest of a run that are not there any more. */
	STORE_WHY_REMOVED = 7,      /* packets */
	STORE_WHY_REMOVED_ROWS = 8, /* rows */
};

#define STORE_IFACE_ALL UINT32_MAX

/* Begins a run.  'capture' is 1 to STORE_NAME_MAX bytes, of which those that cannot
 * stand in a file name are written as %XX.  -EBUSY: another process writes this
 * stream; it is named.  -errno with 'err' set. */
int store_stream_new(struct store *s, const char *capture, unsigned shard, int64_t now,
		     struct store_stream **ret, struct err *err);

/* Describes one more interface.  Returns its number, which packets carry in
 * 'iface': 0, 1, ...; or -errno with 'err' set. */
int store_iface(struct store_stream *st, const struct store_iface *i, struct err *err);

/* The flows of one packet and what to keep of it. */
struct store_flows {
	const struct flow_ref *refs; /* outermost first */
	uint32_t n;                  /* at most DEC_LEVELS_MAX */
	uint32_t keep;               /* bytes of the frame; UINT32_MAX: all that 'snaplen' allows */
};

/* Takes 'n' packets, also those that are not to be kept: they count.  A packet is
 * kept, once, if any of its flows has had fewer than 'raw_limit', and is then
 * listed under all of them.  What the disk or 'quota' does not let in is
 * counted and becomes a gap: no error.  0, -ENOMEM, or -EINVAL: no such interface or another
 * link type; then all from that one on count as not written. */
int store_packets(struct store_stream *st, const struct pkt *pkts, size_t n,
		  const struct store_flows *flows, struct err *err);

/* Takes rows of flow_store_schema() with its base fields (flow_derive.h): versions of
 * flows; b->serial is that of the packets.  'raw_missing' is replaced by what was not kept so far.
 * With 'flow.update' set all flows that the stream was given packets of must have had a row
 * when store_tick() is called.  Rows that the disk does not take wait for it, as long as
 * memory is set aside for them; others are counted.  0 or -ENOMEM. */
int store_rows(struct store_stream *st, const struct batch *b, struct err *err);

/* What the clock is worth that packets have their times from, and that it was set: at the
 * start, before the first interface, then when that changes, now and then, and at the end.
 * 'max_error' is the largest since the call before.  'source' is what counts time; NULL:
 * not known. */
int store_clock(struct store_stream *st, const struct clock_state *state, const char *source,
		struct err *err);

/* Something was lost between two times (ns, both included) on an interface, or
 * STORE_IFACE_ALL: 'count' packets, 0: not known how many. */
int store_gap(struct store_stream *st, uint32_t iface, int64_t from, int64_t to, enum store_why why,
	      uint64_t count, struct err *err);

/* To be called at least every 250 ms, with the capture's clock: nothing that was
 * given waits for longer than a second to be in the files.  A disk that failed is tried
 * again here, once a second: packets are kept again, and rows written, when it takes them. */
int store_tick(struct store_stream *st, int64_t now, struct err *err);

/* What became of the packets of one interface. */
struct store_counts {
	uint64_t kept, kept_bytes; /* packets, and their bytes as far as they are kept */
	uint64_t raw_limited;      /* not kept: 'raw_limit' */
	uint64_t dropped_limit;    /* not kept: 'quota', and nothing could go */
	uint64_t dropped_disk;     /* could not be written; may be found after they were 'kept' */
};

/* Zero for an interface that is not there. */
struct store_counts store_counts(const struct store_stream *st, uint32_t iface);

struct store_stream_stats {
	struct store_counts total;
	uint64_t rows;
	uint64_t rows_dropped; /* not kept: a store that was full, or a disk that failed for long */
	uint64_t bytes;        /* of all files of the run */
	int failed;     /* why packets are not kept now: -errno, -EDQUOT: 'quota'; 0: they are */
	char text[256]; /* the same in words */
};
void store_stream_stats(const struct store_stream *st, struct store_stream_stats *ret);

/* Ends the run at 'now': seals the last segment and its index, and waits until all of the
 * run is on the disk.  'stats' are the interfaces' last numbers.  The stream is still to be
 * freed.  -errno with 'err' set: not all is written, the run then looks like one that was
 * killed. */
int store_finish(struct store_stream *st, int64_t now, const struct iface_stats *stats, size_t n,
		 struct err *err);

/* Without store_finish(): the run looks like one that was killed. */
void store_stream_free(struct store_stream *st); /* NULL is fine */
static inline void store_stream_freep(struct store_stream **st)
{
	store_stream_free(*st);
}
