/* Files as a source of rows: packets from captures through filter, decoder and
 * flow table, offered to queries as a ql_src.  The same pipeline runs for the
 * rows and, when packets are asked for, once more for those. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "flow/flow.h"

struct ql_src;
struct run_files;
struct stop;

/* Progress and stopping; called at least every 100 ms of work, from the thread
 * that runs the query.  'done' and 'total' are bytes of the files as stored
 * (total 0: unknown).  Return true to stop: as with 'stop' of struct run_input. */
typedef bool (*run_progress_fn)(void *arg, uint64_t done, uint64_t total);

struct run_input {
	const char *const *paths; /* files, globs, folders, "-": standard input */
	size_t n_paths;
	const char *filter; /* pcap-filter; NULL or "": everything */
	int64_t from, to;   /* packets outside are left out, ns; INT64_MIN/INT64_MAX: open */
	bool keep_input;  /* pipes are copied to a temporary file first, so that packets or NOW can
			     be asked for */
	unsigned threads; /* flow table shards worked on at once, 1 to RUN_THREADS_MAX */
	struct flow_opts flow;
	run_progress_fn progress; /* NULL: none */
	void *progress_arg;

	/* Ends the reading when it is raised, also where a pipe gives nothing; borrowed,
	 * NULL: nobody does.  What was read until then is the input: everything is worked
	 * out from it and only from it, and is incomplete. */
	const struct stop *stop;
};

#define RUN_THREADS_MAX 64
#define RUN_FLOWS_MIN   128 /* of flow.max_flows for each thread: what a batch may begin */

/* Where an answer is incomplete, in words, with file and offset. */
struct run_note {
	char text[320];
};

struct run_stats {
	uint64_t packets;    /* read from the files */
	uint64_t filtered;   /* of those, rejected by filter or time range */
	uint64_t bytes_read; /* from the files as stored */
	uint64_t flows;      /* rows made */
	uint64_t evicted;    /* flows ended early by --max-flows or --max-memory */
	int64_t first, last; /* smallest and largest time of all packets; 0 without packets */
	bool incomplete;     /* damage, eviction, stopped: exit status 3 */
	bool stopped;        /* the input was not read to its end; also a note */
	const struct run_note *notes;
	size_t n_notes;
	uint64_t notes_total; /* with those not kept */
};

/* Finds the files and checks filter and options; of what they hold reads nothing
 * but pipes, for 'keep_input'.  'in' is copied.  -errno with 'err' set; -ERANGE:
 * a limit that is none. */
int run_files_new(struct run_files **ret, const struct run_input *in, struct err *err);
void run_files_free(struct run_files *r);
static inline void run_files_freep(struct run_files **r)
{
	run_files_free(*r);
}

/* Sets another time range, for the queries that follow. */
void run_files_range(struct run_files *r, int64_t from, int64_t to);

/* Rows of flow_schema(), in the order of their first packets unless memory
 * forces them out earlier (then noted). */
struct ql_src *run_files_ql(struct run_files *r);

/* After a query, or the source's now() (which also knows the first packet): what it
 * read and what was wrong.  Valid until the next one. */
const struct run_stats *run_files_stats(struct run_files *r);

/* Link types of the packets given out by the last query, for writers: the
 * interface that a packet's 'iface' means.  Texts are NULL when unknown. */
struct run_iface {
	const char *name, *descr;
	uint16_t linktype;
	uint32_t snaplen;
	uint64_t ticks_per_sec;
};
const struct run_iface *run_files_ifaces(const struct run_files *r, size_t *ret_n);
