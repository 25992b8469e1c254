/* Inside of check.h, shared by its files. */
#pragma once

#include "store/check.h"
#include "store/inventory.h"
#include "store/read.h"
#include "store/resync.h"
#include "store/window.h"

#define CHECK_ROWS_MAX (16u << 20) /* of one run that are compared with each other */

/* A version of a flow, in the order in which they were written. */
struct check_row {
	uint64_t serial;
	uint32_t version;
	uint32_t order; /* and the flags below */
};

#define CHECK_ENDED (UINT32_C(1) << 31)
#define CHECK_LOOSE (UINT32_C(1) << 30) /* in a block or tail that answers do not use */
#define CHECK_TAIL  (UINT32_C(1) << 29) /* behind all that are in blocks */

struct check {
	const struct local *s;
	const struct store_check_conf *conf;
	struct store_checked *sum;
	struct inventory files;
	uint64_t asked;           /* bytes when it was last asked whether to stop */
	enum store_remedy remedy; /* of what is said next */

	struct fseg *fseg;
	struct buf buf;
	struct check_catalogue *catalogue; /* NULL: there is none that is good; owned */
	bool catalogue_absent;
};

/* One run. */
struct check_run {
	struct check *c;
	const char *folder; /* below the directory, 'folder_len' bytes */
	size_t folder_len;
	uint64_t id;
	const struct store_file *files; /* of this run, as they were listed */
	size_t n_files;

	bool running;     /* its journal is locked */
	bool has_journal; /* and it could be read */
	bool damaged;     /* the journal is: it does not tell of all */
	bool has_head, has_end, has_beat;
	struct jrn_head head; /* without its texts */
	struct jrn_end end;
	struct jrn_beat beat;
	unsigned bad_beats;
	uint64_t bad_beat;   /* where the last one of them is */
	uint16_t *linktypes; /* of interfaces; owned, as all below */
	size_t n_ifaces;
	struct jrn_segment *segments;
	size_t n_segments;
	struct jrn_block *blocks;
	size_t n_blocks;
	struct jrn_schema schema; /* of rows in the journal */
	bool has_schema, has_groups;
	uint64_t in_journal; /* rows */

	struct check_row *rows; /* by serial once they were sorted */
	size_t n_rows;
	bool rows_missing;  /* of some it is not known what they were */
	uint64_t told_rows; /* in blocks of the journal */
	uint64_t gone_rows; /* not there any more, with what came before them; files and blocks */
	uint64_t gone_files, gone_blocks;
	uint32_t gone_file, gone_segment; /* the largest number of them */
	uint64_t packets, gone_packets, gone_segments;
	uint64_t rowless;    /* packets of flows without a row */
	uint64_t in_rows;    /* packets that rows count, each once */
	uint32_t last_block; /* number of the last one that answers use */
	bool tail_lost;      /* rows that were acknowledged are gone */
	bool refused;        /* packets of rows were not kept, or it is not known how many */
};

/* Says something of a file of the store. */
void check_found(struct check *c, enum store_found kind, const char *file, int64_t at,
		 const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* What is said next has a remedy. */
static inline void check_remedy(struct check *c, enum store_remedy remedy)
{
	c->remedy = remedy;
}

/* The same of a file of the run: 'end' is that of its name. */
void check_say(struct check_run *u, enum store_found kind, uint32_t number, const char *end,
	       int64_t at, const char *fmt, ...) __attribute__((format(printf, 6, 7)));

/* Counts bytes that were looked at; 0 or -ECANCELED. */
int check_count(struct check *c, uint64_t bytes);

/* Opens a file for reading; its size.  Descriptor, or -errno: all but -ENOENT have been said. */
int check_open_name(struct check *c, const char *name, uint64_t *ret_size);

/* Opens a file of the run for reading; its size.  Descriptor, or -errno: all but -ENOENT have been
 * said. */
int check_open(struct check_run *u, uint32_t number, const char *end, uint64_t *ret_size);

/* Whether it is there now: whoever writes to the directory may remove the first files of any
 * run. */
bool check_is_there(const struct check_run *u, uint32_t number, const char *end);

/* Whether the listing had a file of a kind and number. */
bool check_has(const struct check_run *u, enum store_file_kind kind, uint32_t number);

/* check_rec.c: walks records behind the 8 bytes of a file's kind. */
struct check_recs {
	struct check_run *u;
	uint32_t number;
	const char *end; /* of the file's name */
	struct window w;
	uint64_t at;
	struct resync resync; /* check_rec() begins it */
};

/* The next good record: its bytes; 0: no more; -ENOMEM, -ECANCELED.  Damage on the way is
 * said; '*ret_at' is the record's place. */
int64_t check_rec(struct check_recs *r, struct rec *ret, uint64_t *ret_at);

/* check_jrn.c: reads the journal.  0, -ENOMEM, -ECANCELED. */
int check_journal(struct check_run *u);

/* After all of the run's files: what it says in the end. */
void check_journal_end(struct check_run *u);

/* check_rows.c */
int check_rows(struct check_run *u);
bool check_has_row(const struct check_run *u, uint64_t serial, size_t *near);
int check_add_row(struct check_run *u, uint64_t serial, uint64_t version, uint32_t flags);
void check_sort_rows(struct check_run *u); /* after the last one was added */

/* check_catalogue.c: reads the catalogue, before the runs.  0, -ENOMEM, -ECANCELED. */
int check_catalogue(struct check *c);

/* After all runs: what is in it and not there, or the other way round. */
void check_catalogue_end(struct check *c);
void check_catalogue_free(struct check_catalogue *k); /* NULL is fine */

/* A run that was looked at. */
void check_catalogue_run(const struct check_run *u);

/* Why the first files of a kind, up to 'number', are not there, as far as it says. */
const char *check_why_gone(const struct check_run *u, enum store_file_kind kind, uint32_t number);

/* check_seg.c: all segments of packets and their indexes. */
int check_segments(struct check_run *u);
