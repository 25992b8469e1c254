/* Inside of retain.h: files known, and their order. */
#pragma once

#include <pthread.h>

#include "store/local.h"
#include "store/retain.h"

/* What is removed in one order: the segments of all runs, and the rest. */
enum retain_class { RETAIN_PACKETS, RETAIN_FLOWS, RETAIN_CLASSES };

enum retain_flag {
	RETAIN_OPEN = 1 << 0,   /* still written: stays, and so does what is behind it */
	RETAIN_LISTED = 1 << 1, /* there before this process */
	RETAIN_TRIED = 1 << 2,  /* could not be removed */
};

/* The files of a segment, in the order in which they go: what is left when the process ends
 * between two of them is no segment without an index. */
enum retain_part { RETAIN_MAIN, RETAIN_INDEX, RETAIN_REFS, RETAIN_TMP, RETAIN_PARTS };

#define RETAIN_LAST UINT32_MAX /* a journal's number: it comes behind all else */

/* A file, or a segment with what lies beside it.  Tens of thousands are ordinary. */
struct retain_file {
	uint64_t bytes, side;
	int64_t time; /* modified, ns; our own: of 'up' */
	uint32_t run, number;
	uint32_t prev, next; /* of its run and class by number; 0: none */
	uint8_t kind, flags;
	uint8_t parts; /* bits of enum retain_part that are there */
};

struct retain_queue {
	uint32_t first, last; /* files; 0: none */
	uint32_t at;          /* place in the heap, from 1; 0: not there */
	bool stuck;           /* its first file could not be removed lately */
};

struct retain_run {
	uint64_t id;
	uint32_t folder;
	struct retain_queue q[RETAIN_CLASSES];
};

/* Runs whose first file may go, the oldest at [0]. */
struct retain_heap {
	uint32_t *v; /* owned; room for all runs */
	uint32_t n;
};

struct retain {
	struct retain_conf conf;
	uint64_t segment;

	pthread_mutex_t lock; /* of all that follows */
	pthread_cond_t idle;  /* no longer 'busy' */
	bool busy;            /* a file is being removed, without the lock */

	char **folders; /* owned, as are the arrays below */
	uint32_t n_folders, size_folders;
	struct retain_run *runs; /* [0] is not used */
	uint32_t n_runs, size_runs;
	struct retain_file *files; /* [0] is not used */
	uint32_t n_files, size_files;
	uint32_t unused; /* first of those removed, by 'next' */
	struct retain_heap heap[RETAIN_CLASSES];

	uint64_t used, other;
	uint64_t closed; /* bytes of files that are not open */
	struct retain_count count[RETAIN_CLASSES], removed[RETAIN_CLASSES];
	uint64_t vanished, unreadable;
	unsigned running;

	struct retain_time begun, now;
	int64_t up; /* the clock of 'begun' if it had not been set since */

	uint32_t n_tried; /* files with RETAIN_TRIED */
	bool off;         /* the file system removes nothing */
	int64_t retry_at; /* 'up' from which what failed is tried again; 0: nothing failed */
	int failed;       /* as in struct retain_stats, with its name */
	char failed_name[RETAIN_NAME_SIZE];

	uint64_t min;         /* bytes that are to stay free, as measured */
	int64_t room;         /* bytes above min_free, without what was reserved since measured */
	uint64_t free_before; /* as measured */
	uint64_t granted;     /* since then */
	uint64_t pending;     /* bytes removed that are not free yet */
	int64_t pending_until;
	bool crowded;
};

static inline enum retain_class retain_class_of(enum retain_kind kind)
{
	return kind == RETAIN_SEGMENT ? RETAIN_PACKETS : RETAIN_FLOWS;
}

/* retain_order.c */

/* Number of a new folder, run or file, > 0 (a folder: >= 0); or -ENOMEM.  'path' is copied. */
int64_t retain_folder_new(struct retain *r, const char *path, size_t len);
int64_t retain_run_new(struct retain *r, uint32_t folder, uint64_t id);
int64_t retain_file_new(struct retain *r, const struct retain_file *f);

/* Forgets a file. */
void retain_file_drop(struct retain *r, uint32_t file);

/* After a file was closed, or its queue got stuck or loose. */
void retain_file_changed(struct retain *r, uint32_t file);

/* Tries all queues again that are stuck. */
void retain_unstick(struct retain *r);

/* The first file to go of a class; 0: none may. */
static inline uint32_t retain_oldest(const struct retain *r, enum retain_class c)
{
	return r->heap[c].n ? r->runs[r->heap[c].v[0]].q[c].first : 0;
}

/* Whether 'a' goes before 'b'. */
bool retain_is_older(const struct retain *r, uint32_t a, uint32_t b);

/* retain_list.c */

/* Adds all that is below the directory. */
int retain_list(struct retain *r, struct err *err);

/* Names below the directory: of all files of a run, and of part of a file. */
#define RETAIN_FOLDER_SIZE (2 * 256)
_Static_assert(RETAIN_NAME_SIZE == RETAIN_FOLDER_SIZE + 64, "a folder and a file of ours");
void retain_run_name(const struct retain *r, uint32_t run, char ret[RETAIN_NAME_SIZE]);
void retain_name(const struct retain *r, uint32_t file, enum retain_part part,
		 char ret[RETAIN_NAME_SIZE]);

/* retain_remove.c */

/* Removes until 'bytes' more may be written, and counts them.  With the lock, which it lets go
 * meanwhile.  0, -EDQUOT, -ENOSPC. */
int retain_grant(struct retain *r, uint64_t bytes);

/* Removes what is above the quota. */
void retain_shrink(struct retain *r);

void retain_measure(struct retain *r); /* what the file system has free */
