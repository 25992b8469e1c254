/* Inside of the reader, shared by its files. */
#pragma once

#include "store/local.h"
#include "store/store_read.h"

#define READ_FILES 64 /* that stay open, unless a process may have few */

/* A flow as two passes number it. */
struct read_pair {
	uint64_t row, made; /* serial of the stored row, and of the index that was made */
};

struct read_run {
	struct store_run *pub; /* in the reader's array */
	char *folder;          /* "<capture>/<shard>", as in the file system; owned, as all below */
	char *capture;
	struct store_iface *ifaces; /* with their texts */
	struct store_gap *gaps;
	struct iface_stats *stats;
	struct clock_state *clocks;
	char *clock_source;
	struct store_group *groups;
	struct store_block *blocks;
	uint32_t last_block;       /* number of the last that the journal tells */
	uint64_t n_beat;           /* number of the beat that counts */
	uint64_t tail, tail_bytes; /* that it tells of */
	bool damaged;              /* the journal is */
	bool locked;               /* somebody wrote it when it was looked at first */
	size_t n_listed;           /* of the segments; others came later */
	uint64_t *odd;             /* numbers of segments that are no files, ascending; owned */
	size_t n_odd;
	uint32_t gone;     /* number of the last removed segment that the journal tells */
	uint64_t missed;   /* packets of other segments that it tells and that are not there */
	struct read_tail { /* only of a run that is 'locked' */
		uint32_t number;
		int fd; /* stays open: the file goes when its block is made; owned */
	} * tails;
	size_t n_tails;
	struct jrn_schema *schemas;
	size_t n_schemas;
	struct buf rows;                      /* records of rows that were made of packets */
	struct read_pair *pairs, *pairs_back; /* by 'row', by 'made' */
	size_t n_pairs;
	bool tried; /* to rebuild it */
};

struct store_read {
	struct local *s;
	store_note_fn note;
	void *note_arg;
	struct read_run *runs;
	struct store_run *pub; /* the same, in the same order */
	size_t n;
	size_t unusable;               /* journals */
	struct catalogue_index *known; /* NULL: all journals are read; owned */
	int64_t from, to;              /* what lies outside is not asked for */

	/* Files that rows were read of last: each can only be in one place. */
	struct read_file {
		size_t run;      /* + 1; 0: none */
		uint32_t number; /* 0: the journal */
		char kind;       /* of the file, by the end of its name; 0: the journal */
		int fd;          /* owned */
	} * files;               /* owned */
	size_t n_files;
};

/* Opens a file of a run: number 0 is the journal, whatever 'end'.  Descriptor or -errno; -EBADMSG:
 * what has its name is no file. */
int read_open(struct store_read *r, size_t run, uint32_t number, const char *end);

/* Bytes that a segment has now, or -errno. */
int64_t read_size(struct store_read *r, size_t run, uint32_t number);

/* 'run' SIZE_MAX: of none. */
void read_note(const struct store_read *r, size_t run, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* One more element of an array whose memory doubles with its number.  NULL: out of
 * memory. */
void *read_append(void **v, size_t *n, size_t size);

/* read_jrn.c: fills in a run from its journal.  It may be written meanwhile: what is in the
 * tail that read_blocks() finds is not less than what the journal says.  -EXDEV: it is another
 * run's, or lies in another's folder; -ENODATA, -EBADMSG: it is none; -EPROTO: of a later
 * version; others. */
int read_journal(struct store_read *r, size_t run, int fd);

/* read_block.c: what was removed becomes gaps, also where the journal does not tell of it; 0 or
 * -ENOMEM. */
int read_gone(struct store_read *r, size_t run);

/* More that was removed. */
void read_gone_add(struct store_gone *g, uint64_t n, int64_t from, int64_t to);

/* read_block.c: adds the tail's blocks, and those that a damaged journal does not tell; and
 * looks which are gone.  'names' are those of the run's folder. */
struct read_names;
int read_blocks(struct store_read *r, size_t run, const struct read_names *names);

/* A file of a run as read_open(), not the caller's to close.  -errno. */
int read_file_of(struct store_read *r, size_t run, uint32_t number, const char *end);

/* 'n' bytes at 'at'; 0, -EBADMSG: they are not there, or -errno. */
int read_exactly(int fd, void *to, size_t n, uint64_t at);

/* Names in a folder, sorted. */
struct read_names {
	char **v;
	size_t n;
};

/* The number in the name of a file of run 'id' that ends with 'end'; 0: it is none. */
uint32_t read_number_of(const char *name, uint64_t id, const char *end);
