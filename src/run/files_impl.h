/* Inside of run_files, shared by its files. */
#pragma once

#include "base/batch.h"
#include "base/pkt.h"
#include "flow/flow_rows.h"
#include "flow/flow_table.h"
#include "ql/ql_src_ops.h"
#include "run/drops.h"
#include "run/ifmap.h"
#include "run/input.h"
#include "run/paths.h"

struct feed;
struct filter;

#define RUN_NOTES_MAX 128 /* more are only counted */

struct run_files {
	struct ql_src ql; /* first: the ql_src is the object */

	struct run_input in; /* paths and filter are not used after the start */
	struct paths paths;
	char *filter_text; /* owned; NULL: everything passes */

	struct ifmap ifmap;
	struct drops drops;
	bool has_now;
	int64_t first, now; /* smallest and largest time of all packets */
	bool stopped;       /* the input ends early, see struct run_input */
	uint64_t limit;     /* after so many packets */
	bool cut;           /* the last of paths is the copy of a pipe whose reading was stopped */
	bool order_known, ordered; /* whether packet times never go back; after one reading */
	int *spooled;              /* copies of pipes; owned */
	size_t n_spooled;

	struct run_stats stats;
	struct run_note notes[RUN_NOTES_MAX];
	int64_t progress_at; /* monotonic ns of the last call */
};

/* A query starts: what the last one found is forgotten. */
void run_files_begin(struct run_files *r);

/* Opens the stream of packets. */
int run_feed(struct run_files *r, struct feed **ret, struct err *err);

/* Asks at most every 100 ms whether to go on. */
bool run_go_on(struct run_files *r, const struct feed *f);

/* The reading was stopped: what it counted of packets is all there is from now on. */
void run_stopped(struct run_files *r, struct feed *f);

/* Adds a sentence to what makes the answer incomplete. */
void run_note(struct run_files *r, const char *path, const char *text);

/* After a reading: says where a filter (NULL: none) asked what packets do not tell.  -EDOM with
 * 'err' set: of all of them. */
int run_misfits(struct run_files *r, const struct filter *f, struct err *err);

/* One reading of all files. */
struct run_pass {
	struct run_files *files;
	struct feed *feed;
	struct filter *filter; /* NULL: everything passes */
	bool selective;        /* filter or time range may leave packets out */
	struct flow_table **tables;
	struct run_lane *lanes; /* of decoded levels to each table */
	size_t n_tables;
	uint64_t memory; /* for flows, bytes, of all tables */
	struct flow_rows *rows;
	struct batch *batch;
	struct run_serials *serials; /* of the packets of a batch */
	bool ordered;                /* packet times did not go back so far */
	bool stopped;                /* the taker has enough */
	bool asked_to_stop;          /* by the user */
	struct crew *crew;           /* while threads run */
	int crew_status;             /* -errno of a wait inside of feed_recv() */

	/* Takes rows; NULL: they are thrown away. */
	ql_batch_fn row_fn;
	void *row_arg;
	int64_t from, to; /* rows outside are thrown away */

	/* Takes each packet with the serials of its flows, outermost first; NULL: nobody. */
	int (*pkt_fn)(void *arg, const struct pkt *p, const uint64_t *serials, size_t n);
	void *pkt_arg;
};

/* Opens files and tables; 'want' are the columns of rows.  run_pass_done() is due
 * in any case. */
int run_pass_init(struct run_pass *p, struct run_files *r, const struct field_set *want,
		  struct err *err);
void run_pass_done(struct run_pass *p);

/* Reads everything, gives rows and packets. */
int run_pass_all(struct run_pass *p, struct err *err);
