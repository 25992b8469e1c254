/* Inside of the reader, shared by its files. */
#pragma once

#include "store/local.h"
#include "store/store_read.h"

#define READ_JOURNALS 64 /* that stay open */

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

	/* Journals that rows were read of last: that of a run can only be in one place. */
	struct {
		size_t run; /* + 1; 0: none */
		int fd;     /* owned */
	} journals[READ_JOURNALS];
};

/* Opens a file of a run: number 0 is the journal, whatever 'end'.  Descriptor or
 * -errno. */
int read_open(const struct store_read *r, size_t run, uint32_t number, const char *end);

/* Bytes that a segment has now, or -errno. */
int64_t read_size(const struct store_read *r, size_t run, uint32_t number);

/* 'run' SIZE_MAX: of none. */
void read_note(const struct store_read *r, size_t run, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* One more element of an array whose memory doubles with its number.  NULL: out of
 * memory. */
void *read_append(void **v, size_t *n, size_t size);

/* read_jrn.c: fills in a run from its journal of 'size' bytes. */
int read_journal(struct store_read *r, size_t run, int fd, uint64_t size);
