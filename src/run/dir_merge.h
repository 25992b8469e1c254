/* What one query for rows of a folder has going: rows are listed (dir_list.c), and given in the
 * order of their starts, or as they come (dir_give.c). */
#pragma once

#include "run/dir_block.h"
#include "run/dir_impl.h"
#include "run/row_keys.h"

#define DIR_SLOTS    512                 /* groups in memory at once, of about 64 KiB */
#define DIR_IN_GROUP (UINT32_C(1) << 31) /* of a key's unit: a group, not a block */

struct flow_derive;

/* A version that a later one may have replaced. */
struct dir_open_row {
	uint64_t version;
	struct row_key key;
};

struct dir_slot {
	struct store_rows rows;
	uint32_t run, group;
	uint64_t used; /* by which batch; 0: empty */
};

/* A block of which some of the next rows are. */
struct dir_part {
	struct dir_block *block; /* NULL: not open */
	uint32_t run, number, n;
};

struct dir_merge {
	struct run_dir *d;
	const struct store_run *runs;
	size_t n_runs;
	const struct ql_scan *req;
	int64_t from, to;
	struct dir_wish wish;
	bool any_order;
	/* Serials have their run's number.  A key's unit is a block or a group of it, its row one
	 * of the block's; of a group: where in its record's payload. */
	struct row_keys keys;
	struct dir_open_row *open; /* of the run that is looked at; owned */
	size_t n_open, size_open;
	bool *open_listed;      /* of each run; owned */
	struct dir_slot *slots; /* owned */
	struct dir_blocks blocks;
	struct batch *times;               /* one row: start and last; owned */
	struct row_key next[BATCH_ROWS];   /* of blocks, in order, to be given together */
	uint8_t part_of[BATCH_ROWS];       /* each of those */
	size_t n_next, max_next;           /* more and more: the first rows come soon */
	struct dir_part parts[DIR_BLOCKS]; /* of those */
	size_t n_parts;
	struct batch *out;          /* owned */
	bool out_stored;            /* it is of rows that lack what is derived */
	struct flow_derive *derive; /* owned */
	uint64_t number;            /* of the batch that is being filled, from 1 */
	ql_batch_fn fn;
	void *arg;
};

/* All return 0, -errno, or what the query's function gave that was not 0. */

/* Lists a run's rows: all that no block has in their last version, and, where the order does not
 * matter, gives those of the blocks; else these are left to dir_list_block(). */
int dir_list_run(struct dir_merge *m, uint32_t run, struct err *err);

/* Lists what a block has in its last version.  Where it turns out to be damaged, older versions
 * that others have instead follow, which may be before what was given. */
int dir_list_block(struct dir_merge *m, uint32_t run, size_t block);

/* Whether the time that is asked for meets it. */
static inline bool dir_meets(const struct dir_merge *m, const struct store_block *b)
{
	return b->start <= m->to && b->last >= m->from;
}

static inline uint32_t dir_run_of(const struct row_key *k)
{
	return (uint32_t)(k->serial >> DIR_SERIAL_BITS);
}

/* Gives listed rows as far as row_keys_until() allows; the last ones only with dir_give_rest(). */
int dir_give_keys(struct dir_merge *m);
int dir_give_rest(struct dir_merge *m);

/* Gives chosen rows of a block as they stand. */
int dir_give_rows(struct dir_merge *m, struct dir_block *k, const uint64_t *rows, struct err *err);
