/* Inside of run_dir, shared by its files. */
#pragma once

#include "ql/ql_src_ops.h"
#include "run/dir.h"
#include "run/ifmap.h"
#include "store/store.h"
#include "store/store_read.h"

struct filter;
struct past_stats;

#define DIR_NOTES_MAX   128 /* more are only counted */
#define DIR_REMARKS_MAX 16

/* A row's serial as queries see it: the number of its run above, its own below. */
#define DIR_SERIAL_BITS 48
#define DIR_SERIAL_MASK ((UINT64_C(1) << DIR_SERIAL_BITS) - 1)
#define DIR_LEVEL_MASK  7 /* its low bits: 0 for a flow that no other is around */
_Static_assert(STORE_RUNS_MAX <= 1 << (64 - DIR_SERIAL_BITS), "a run's number must fit");

/* A flow of which not all packets are kept. */
struct dir_missing {
	uint64_t serial;
	uint64_t n;
};

struct run_dir {
	struct ql_src ql; /* first: the ql_src is the object */
	struct run_dir_input in;
	char *path; /* owned */
	struct store *store;
	struct store_read *read;
	int64_t first, last; /* 'read' may know of captures of other times only that they are */
	struct ifmap ifmap;
	uint32_t **ifaces; /* [run][its interface]: number in 'ifmap'; owned */

	/* Of the last query. */
	int64_t from, to;            /* asked for */
	bool packets;                /* it wanted those */
	struct dir_missing *missing; /* by serial; owned */
	size_t n_missing;
	uint64_t n_missed; /* packets of the flows asked for that were not kept */

	struct run_stats stats;
	struct run_note notes[DIR_NOTES_MAX];
	size_t n_found; /* notes of opening the folder: they stand for every query */
	uint64_t n_found_total;
	bool covered; /* notes and remarks of the query are complete */
	struct run_note remarks[DIR_REMARKS_MAX];
	size_t n_remarks;
	int64_t progress_at;
};

/* Adds a sentence to what makes the answer incomplete. */
void dir_note(struct run_dir *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Adds one that is no fault of it. */
void dir_remark(struct run_dir *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A capture's name in quotes, fit for a terminal.  Returns 'to'. */
#define DIR_NAME_SIZE 96
const char *dir_name(const struct store_run *u, char to[DIR_NAME_SIZE]);

/* Fills 'err' for failures that say nothing but their number. */
void dir_fail(int code, struct err *err);

/* Asks at most every 100 ms whether to go on; false: no. */
bool dir_go_on(struct run_dir *d);

/* Makes sure a run has rows.  0 or -errno with 'err' set. */
int dir_rebuild(struct run_dir *d, size_t run, struct err *err);

/* A query begins: what the last one found is forgotten. */
void dir_begin(struct run_dir *d, int64_t from, int64_t to);

/* Times, both ends included. */
struct dir_times {
	int64_t from, to;
};

/* Packets of one run. */
struct dir_choice {
	size_t run;
	bool all;                /* those of all flows, and of none */
	const uint64_t *serials; /* else of these, as the run's rows have them; sorted */
	size_t n;
	uint64_t above; /* and of all flows with larger serials than this; 0: of no others */
	const struct dir_times *times; /* all packets of 'serials' are in these, which ascend */
	size_t n_times;                /* 0: that is not known */
};

/* What is asked of packets, and who takes them. */
struct dir_packets {
	const struct dir_choice *choices; /* at most one of a run */
	size_t n;
	int64_t from, to;
	struct filter *filter; /* NULL: all */
	bool decides; /* all packets that pass are wanted: where no index tells those chosen, the
			 filter does; serials given are 0 */
	struct past_stats *stats; /* counts segments, spans, packets; NULL: nobody asks */
	ql_pkt_fn fn;
	void *arg;
};

/* Gives them in the order of time, each once.  0 or -errno with 'err' set. */
int dir_give_packets(struct run_dir *d, const struct dir_packets *a, struct err *err);

/* As run_misfits(). */
int dir_misfits(struct run_dir *d, const struct filter *f, struct err *err);

/* dir_rows.c, dir_packets.c: as the slots of ql_src_ops. */
int dir_scan(struct ql_src *s, const struct ql_scan *req, ql_batch_fn fn, void *arg,
	     struct err *err);
int dir_packets(struct ql_src *s, const uint64_t *serials, size_t n, int64_t from, int64_t to,
		const char *filter, ql_pkt_fn fn, void *arg, struct err *err);

/* dir_coverage.c: fills notes and remarks. */
void dir_cover(struct run_dir *d);
