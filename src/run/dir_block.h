/* Blocks of stored rows, as many open as one merge needs. */
#pragma once

#include "fmt/fseg.h"
#include "run/dir_impl.h"

#define DIR_BLOCKS 32 /* open at once */

struct hint;

struct dir_block {
	struct fseg *f;
	uint8_t *p; /* as much of it as was needed; owned */
	size_t room;
	struct dir_blocks *of;
	size_t run, block;
	uint64_t used; /* when; 0: empty */
	uint32_t left; /* rows of it that are still to be given; UINT32_MAX: not known */
};

struct dir_blocks {
	struct run_dir *d;
	struct dir_block v[DIR_BLOCKS]; /* owned */
	struct batch *ids;              /* room for what Community IDs are made of; owned */
	uint64_t clock;
	bool alone; /* one is open at a time: all that follow take its memory */
};

void dir_blocks_done(struct dir_blocks *b);

/* Opens a block, unless it is; the one that was not used for longest makes room.  0; -EBADMSG: it
 * cannot be read, which has been noted; -ENOMEM. */
int dir_block_get(struct dir_blocks *b, size_t run, size_t block, struct dir_block **ret);

/* It turned out to be damaged. */
void dir_block_bad(struct dir_blocks *b, struct dir_block *k, const struct err *err);

/* Which rows of versions. */
enum dir_which {
	DIR_ENDED = 1, /* last versions: nothing replaces them */
	DIR_OPEN = 2,  /* versions that others may have replaced */
};

/* Whether a block may have rows that fulfil all hints: false is certain. */
bool dir_block_may(struct dir_block *k, const struct hint *hints, enum dir_which which);

/* What is asked of rows. */
struct dir_wish {
	int64_t from, to;
	const struct hint *hints;
	const uint64_t *serials; /* NULL: any; sorted, with the numbers of runs */
	size_t n_serials;
};

/* Sets the bits of those rows that the wish does not exclude.  Returns how many, or -errno. */
int64_t dir_block_select(struct dir_block *k, enum dir_which which, const struct dir_wish *wish,
			 uint64_t rows[FSEG_ROWS / 64], struct err *err);
