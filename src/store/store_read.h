/* What a store has: runs, their rows, their packets.
 *
 * A reader sees what was complete in the files when store_read_new() looked; a
 * store may be written, and files may be removed, meanwhile.  Everything read is
 * checked; what is damaged is left out and said.  One thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "fmt/jrn.h"
#include "fmt/pidx.h"
#include "store/store.h"

struct clock_state;
struct store_read;
struct store_seg;

#define STORE_RUNS_MAX 65536 /* of one store; more are left out and said */

/* Says what is damaged or missing, and where. */
typedef void (*store_note_fn)(void *arg, const char *text);

enum store_state {
	STORE_FINISHED, /* ended by store_finish() */
	STORE_RUNNING,  /* somebody writes it now */
	STORE_KILLED,   /* it was never ended: what came in its last second may be missing */
};

struct store_gap {
	uint32_t iface; /* STORE_IFACE_ALL */
	int64_t from, to;
	enum store_why why;
	uint64_t count; /* packets; 0: not known */
};

/* Rows that were written together. */
struct store_group {
	uint64_t at;         /* where their record is */
	uint32_t size, rows; /* bytes of the record */
	int64_t start, last; /* smallest start, largest last */
	uint32_t schema;     /* number of the run's schema that they have */
};

/* Rows in columns (fmt/fseg.h). */
struct store_block {
	uint32_t file; /* number of its flow segment, or tail */
	bool tail;
	uint64_t at;         /* in it */
	uint32_t size, rows; /* bytes, with the head */
	int64_t start, last; /* smallest start, largest last */
};

/* The oldest of a run that was removed to make room, or by somebody. */
struct store_gone {
	uint64_t n;       /* rows or packets; 0: nothing was */
	int64_t from, to; /* times of them */
};

struct store_segment {
	uint32_t number;
	uint64_t packets; /* with 'known' */
	uint64_t bytes;   /* of the file */
	bool known;       /* its times are */
	bool told;        /* by the journal */
	int64_t min, max;
	bool distrusted;    /* its index is no good */
	bool translated;    /* the index has serials of its own: store_read_translate() */
	struct buf rebuilt; /* an index that was made by reading; empty: the file's */
};

struct store_run {
	const char *capture;
	unsigned shard;
	uint64_t id;
	enum store_state state;
	uint64_t pid;       /* of its writer */
	int64_t start, end; /* what it held: the end of one that was not finished is the last time
			       known */
	uint64_t raw_limit;
	uint32_t snaplen;
	struct flow_opts flow; /* max_flows, max_memory 0 */

	const struct store_iface *ifaces;
	size_t n_ifaces;
	const struct store_gap *gaps;
	size_t n_gaps;
	const struct iface_stats *stats;
	size_t n_stats;
	const struct clock_state *clocks; /* in the order of their times; none: not recorded */
	size_t n_clocks;
	const char *clock_source;            /* NULL: not known */
	uint64_t kept, raw_limited, dropped; /* packets */
	uint64_t rows_dropped;

	const struct store_group *groups; /* of runs as they were kept before there were blocks,
					     or that were rebuilt */
	size_t n_groups;
	const struct store_block *blocks; /* in the order in which they were written */
	size_t n_blocks;
	bool damaged;      /* rows are missing, or the journal was damaged: blocks were looked for
			      in the files */
	bool has_versions; /* rows are of running flows too: a run that was not finished lacks
			      only those of flows above 'serial' */
	uint64_t serial;
	struct store_gone rows_gone, packets_gone;
	struct store_segment *segments; /* by number */
	size_t n_segments;
	bool skipped; /* of other times than asked for: the catalogue has told what stands above of
			 capture, shard, id, state, pid, start, end and kept, and no more is known
		       */
	bool rebuilt; /* rows and indexes were made of the packets by store_read_rebuild() */
};

/* Looks through the store.  'note' is called now and later. */
int store_read_new(struct store_read **ret, struct store *s, store_note_fn note, void *arg,
		   struct err *err);

/* The same for who asks for nothing outside of these times, ns: runs that ended, and lie outside
 * with all that they hold, may be 'skipped'. */
int store_read_new_within(struct store_read **ret, struct store *s, int64_t from, int64_t to,
			  store_note_fn note, void *arg, struct err *err);
void store_read_free(struct store_read *r); /* NULL is fine */
static inline void store_read_freep(struct store_read **r)
{
	store_read_free(*r);
}

/* In the order of their starts; valid as long as the reader, but rows, segments and
 * what follows from them change by store_read_rebuild(). */
const struct store_run *store_read_runs(const struct store_read *r, size_t *ret_n);

/* Journals that are there and cannot be used, so that their runs are not among these: 'note'
 * has told of each. */
size_t store_read_unusable(const struct store_read *r);

/* Rows of one group, as they were read. */
struct store_rows {
	struct buf buf;
	struct jrn_rows rows;
	const struct jrn_schema *schema;
};

/* Reads a group; 'ret->buf' is used again and the caller's to free.  -EBADMSG: damaged;
 * -ENOMEM, -EIO ... */
int store_read_rows(struct store_read *r, size_t run, size_t group, struct store_rows *ret);

/* Reads 'n' bytes of a block from 'at' on.  -ENOENT: its file is gone; -EBADMSG: shorter than it
 * was; others. */
int store_read_block(struct store_read *r, size_t run, size_t block, size_t at, size_t n,
		     void *ret);

/* Makes rows and indexes of a run that was not finished and has no versions, or the indexes
 * that another one lacks, of its packets: these go through a flow table once more, as those of a
 * file do, with at most 'max_memory' bytes of flows.  'stop' is asked every few
 * thousand packets; true: it ends with -ECANCELED.  Does nothing a second time. */
int store_read_rebuild(struct store_read *r, size_t run, uint64_t max_memory,
		       bool (*stop)(void *arg), void *arg, struct err *err);

/* A segment's index turned out to be no good: the next rebuilding makes another. */
void store_read_distrust(struct store_read *r, size_t run, size_t segment);

/* From serials of rows to those of translated indexes: fills 'ret' (room for n), sorted,
 * returns how many are known. */
size_t store_read_translate(const struct store_read *r, size_t run, const uint64_t *serials,
			    size_t n, uint64_t *ret);
uint64_t store_read_translate_back(const struct store_read *r, size_t run, uint64_t serial);

/* Opens a segment.  -ENOENT: it is gone. */
int store_seg_open(struct store_seg **ret, struct store_read *r, size_t run, size_t segment,
		   struct err *err);
void store_seg_free(struct store_seg *g);
static inline void store_seg_freep(struct store_seg **g)
{
	store_seg_free(*g);
}

/* Reads its index, but not if the sorted 'serials' (NULL: never mind) are certainly not
 * in it: then '*ret' is NULL.  Valid as long as the segment is open.  0; -ENOENT: it has none;
 * -EBADMSG, -ENODATA, -EPROTO: it is no good; others. */
int store_seg_index(struct store_seg *g, const uint64_t *serials, size_t n,
		    const struct pidx **ret);

/* The packet whose block begins at 'at': borrowed until the next call.  0, or
 * -EBADMSG: there is none. */
int store_seg_packet(struct store_seg *g, uint64_t at, struct pkt *ret);

/* The next packet in the file, its place in ret->off.  1; 0: no more. */
int store_seg_next(struct store_seg *g, struct pkt *ret);

/* Goes on behind 'at', the end of a packet's block. */
void store_seg_seek(struct store_seg *g, uint64_t at);

/* Bytes at the end that are no whole block; places where blocks were damaged. */
uint64_t store_seg_tail(const struct store_seg *g);
uint64_t store_seg_damaged(const struct store_seg *g);
