/* Packets of the past that pass a filter, from captures in files or in a folder: in the
 * order of time, each once, without anybody having asked for flows first.
 *
 * In a folder nothing is read that cannot be of interest: segments and their parts of
 * other times; flows whose rows say that none of their packets passes (run/prune.h), by the
 * index of each segment; then the filter itself is asked of what is left.  Where there are no
 * rows, of captures that are running or were killed, packets are found by time. */
#pragma once

#include <stdint.h>

#include "ql/ql_src_ops.h"

struct run_dir;
struct run_files;

/* What was read and what was not. */
struct past_stats {
	uint64_t runs;         /* of captures in the folder */
	uint64_t runs_outside; /* of other times, or without any flow that may match */
	uint64_t runs_by_time; /* read without rows */
	uint64_t flows, never; /* rows looked at; ruled out of these */

	uint64_t segments;             /* of the runs read */
	uint64_t outside;              /* of other times */
	uint64_t without;              /* that have no packet of the flows that may match */
	uint64_t gone;                 /* that were removed meanwhile, or are missing */
	uint64_t read;                 /* the others */
	uint64_t scanned;              /* of all: read as a whole, for want of an index */
	uint64_t spans, spans_outside; /* parts of segments, and those of other times */

	uint64_t tested;         /* packets of the right time that the filter was asked of */
	uint64_t packets, bytes; /* that passed; bytes on the wire */
};

/* Gives the packets that pass 'filter' ("": all) in the source's time range.  Serials are
 * 0, p->iface is as run_dir_ifaces() has it.  0 or -errno with 'err' set, -EDOM: the filter asks
 * what none of the packets tells ("inbound" on Ethernet); what is missing is in run_dir_stats() as
 * after a query. */
int past_dir(struct run_dir *d, const char *filter, ql_pkt_fn fn, void *arg, struct past_stats *ret,
	     struct err *err);

/* The same of files; the filter is the source's. */
int past_files(struct run_files *r, ql_pkt_fn fn, void *arg, struct past_stats *ret,
	       struct err *err);
