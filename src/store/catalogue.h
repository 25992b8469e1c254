/* The store's catalogue: DIR/catalogue.sqlite, a database that says what the folder holds, for
 * people (`sqlite3 DIR/catalogue.sqlite`) and for readers that want to pass over runs of other
 * times.  docs/formats.md has its tables.
 *
 * The files are the truth.  The catalogue can be removed, cut or changed at any time: it is made
 * again, and nobody believes it more than its checksums and the sizes of the files allow.
 *
 * SQLite works in memory only.  The database takes the place of the one before by rename(),
 * whole, so there are no locks and no half one.
 *
 * Writing: streams and retention tell what happens from their threads, which costs them a short
 * lock.  The sealer's thread puts it into the database, and that in its place, every ten
 * seconds or less often, the larger it is.  Without memory, disk or quota for it there is none:
 * nothing else fails. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define CATALOGUE_NAME "catalogue.sqlite"
#define CATALOGUE_TMP  CATALOGUE_NAME ".tmp"

struct catalogue;
struct catalogue_index;
struct jrn_block;
struct jrn_segment;
struct local;
struct retain_removed;
struct store_read;

/* What a stream knows of its run when that ends; times that it held, also of gaps. */
struct catalogue_end {
	int64_t end, first, last;
	uint64_t packets, rows;
	uint64_t journal; /* bytes */
};

/* Opens the one that is there, without reading it: that may be done later only, when there are
 * no privileges any more.  Before retain_new(); removes what a killed writer left half-made.
 * 0 or -ENOMEM. */
int catalogue_new(struct catalogue **ret, struct local *s);

/* After the sealer's end. */
void catalogue_free(struct catalogue *c); /* NULL is fine, as for all below */

uint64_t catalogue_bytes(const struct catalogue *c); /* of the one that is there */

/* 'run' as in struct retain_removed.  Any thread. */
void catalogue_begin(struct catalogue *c, const char *run, int64_t start);
void catalogue_segment(struct catalogue *c, const char *run, const struct jrn_segment *s,
		       uint64_t index);
void catalogue_blocks(struct catalogue *c, const char *run, const struct jrn_block *v, size_t n,
		      uint64_t bytes); /* of one file, which has so many bytes now */
void catalogue_end(struct catalogue *c, const char *run, const struct catalogue_end *e);
void catalogue_lost(struct catalogue *c, const char *run); /* it did not come to its end */
void catalogue_removed(void *arg, const struct retain_removed *what); /* of struct retain_conf */

/* In the sealer's thread, about once a second.  'idle': nothing waits for that thread; 'last':
 * it will not be called again. */
void catalogue_work(struct catalogue *c, bool idle, bool last);

/* Makes the catalogue anew, of what the reader found; what was removed before is taken from the
 * one that is there, as far as that is good.  The store must not be 'read_only', and have no
 * streams.  1; 0: the one that is there says the same, and stays; or -errno with 'err' set. */
int store_catalogue_rebuild(struct store_read *r, struct err *err);

/* A run that ended, as far as readers need it. */
struct catalogue_ended {
	char *capture; /* owned by the index, as is 'folder' */
	char *folder;  /* "eth0/0" */
	unsigned shard;
	uint64_t run, pid;
	int64_t start, end;
	int64_t first, last; /* of all that it held or missed, not less than start and end */
	uint64_t packets;
	uint64_t journal; /* bytes that the journal has, else this is of another one */
};

/* Reads the runs that ended, from the folder's catalogue.  '*ret' NULL: there is none, or
 * none that is good.  0 or -ENOMEM. */
int catalogue_index_new(struct catalogue_index **ret, int dir_fd);
void catalogue_index_free(struct catalogue_index *x); /* NULL is fine */
static inline void catalogue_index_freep(struct catalogue_index **x)
{
	catalogue_index_free(*x);
}

/* NULL: not known. */
const struct catalogue_ended *catalogue_index_find(const struct catalogue_index *x,
						   const char *folder, uint64_t run);
