/* What a source of rows offers to queries: a pcap file, a live table, a store.
 * ql knows no source; run/ adapts them. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/batch.h"
#include "base/err.h"
#include "base/pkt.h"
#include "filter/hint.h"

struct ql_src;

/* Takes rows; the batch is the source's and valid during the call only.
 * Return 0 to go on, 1 for "enough", negative errno to fail. */
typedef int (*ql_batch_fn)(void *arg, const struct batch *b);

/* What a query needs of a scan: columns and times must be met, the rest may be ignored. */
struct ql_scan {
	struct field_set want; /* columns to fill */
	/* Those of them that may have codes for values (batch_code()) in batches that this very
	 * function takes: who stands between may look at the values. */
	struct field_set code;
	ql_batch_fn code_fn; /* NULL: none */
	bool no_serials;     /* it asks for none: batches may come without */
	int64_t from, to; /* rows whose [start, last] meets [from, to], ns; INT64_MIN/MAX: open */

	/* Rows that do not fulfil them may be left out, or given.  Borrowed for the scan. */
	const struct hint *hints;

	/* 0: not known.  Else so many rows, of those that fulfil 'hints', are enough: the query
	 * asks for no more than that they fulfil these.  Who lets no others pass may stop after so
	 * many. */
	uint64_t limit_hint;

	/* The answer is the same in whatever order rows come; else they come in the source's
	 * own, which is the same each time. */
	bool any_order;

	bool packets; /* packets of these rows will be asked for */

	/* Not NULL: only rows with these serials (sorted, unique) are wanted; others may be
	 * given.  Borrowed for the scan. */
	const uint64_t *serials;
	size_t n_serials;
};

/* Takes packets in time order, borrowed during the call.  'serial' is the row
 * that the packet was selected by (the outermost, where several were). */
typedef int (*ql_pkt_fn)(void *arg, const struct pkt *p, uint64_t serial);

struct ql_src_ops {
	/* Calls 'fn' for all rows.  0 or -errno with 'err' set. */
	int (*scan)(struct ql_src *s, const struct ql_scan *req, ql_batch_fn fn, void *arg,
		    struct err *err);

	/* Gives the packets of the rows whose serials are in 'serials' (sorted, unique), each
	 * packet once, those between 'from' and 'to' that pass 'filter' (pcap-filter text;
	 * NULL: all).  NULL slot: the source keeps no packets. */
	int (*packets)(struct ql_src *s, const uint64_t *serials, size_t n, int64_t from,
		       int64_t to, const char *filter, ql_pkt_fn fn, void *arg, struct err *err);

	/* The time that NOW and relative times mean, ns: a file's last packet. */
	int (*now)(struct ql_src *s, int64_t *ret_ts, struct err *err);
};

struct ql_src {
	const struct ql_src_ops *ops;
	const struct schema *schema;
	bool by_serial; /* few rows are found again by their serials in much less time than all are
			 * given: then Sort with a Limit asks for the rest of the first ones only
			 * when it knows them */
	bool by_start;  /* its own order is that of Start (rows without it first), then serial, and
			   no serial comes twice: then Sort, too, takes rows in any order */
};
