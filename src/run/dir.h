/* A folder of captures (--dir) as a source of rows: what a store has kept, merged over
 * all captures and shards in it, offered to queries as a ql_src, together with what is
 * not there.
 *
 * Runs that were killed, or are being written, have no rows yet: theirs are worked out
 * from their packets. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "run/input.h"

struct ql_src;
struct run_dir;

struct run_dir_input {
	const char *path;
	int64_t from, to;    /* rows and packets of other times are left out, ns; INT64_MIN/MAX:
			      * none, else captures of other times may not even be looked at */
	uint64_t max_memory; /* for flows that are worked out again */
	run_progress_fn progress; /* NULL: none; as in struct run_input, true ends with
				     -ECANCELED */
	void *progress_arg;
};

/* Opens the folder and reads what its captures say of themselves.  -errno with 'err'
 * set: it is not there or not readable. */
int run_dir_new(struct run_dir **ret, const struct run_dir_input *in, struct err *err);
void run_dir_free(struct run_dir *d); /* NULL is fine */
static inline void run_dir_freep(struct run_dir **d)
{
	run_dir_free(*d);
}

/* Sets another time range, for the queries that follow; within that of run_dir_new(). */
void run_dir_range(struct run_dir *d, int64_t from, int64_t to);

/* Start of the first capture and end of the last; false: there is none. */
bool run_dir_span(const struct run_dir *d, int64_t *ret_first, int64_t *ret_last);

/* Rows of flow_schema() in the order of their starts; NOW is the present. */
struct ql_src *run_dir_ql(struct run_dir *d);

/* After a query: what makes its answer incomplete, as notes, and what it read. */
const struct run_stats *run_dir_stats(struct run_dir *d);

/* Sentences on what was held at all in the time asked for; no fault of the answer. */
const struct run_note *run_dir_remarks(struct run_dir *d, size_t *ret_n);

/* The same and the notes as a JSON object, docs/formats.md.  'cut': not all of the answer was
 * taken, so that it is not complete. */
void run_dir_coverage(struct run_dir *d, bool cut, struct buf *to);

/* As run_files_ifaces(). */
const struct run_iface *run_dir_ifaces(const struct run_dir *d, size_t *ret_n);
