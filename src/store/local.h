/* Inside of the store in a directory, shared by its files. */
#pragma once

#include <stdatomic.h>

#include "base/buf.h"
#include "fmt/fseg.h"
#include "fmt/jrn.h"
#include "fmt/pidx.h"
#include "store/catalogue.h"
#include "store/retain.h"
#include "store/store_ops.h"

struct local {
	struct store store;
	char *path;                /* owned */
	char *app, *os, *hardware; /* owned; NULL: not said */
	struct store_files files;
	int dir_fd;            /* -1: 'files' are not our own and it could not be opened */
	struct retain *retain; /* owned; NULL: 'read_only', or the directory cannot be listed */
	struct catalogue *catalogue; /* owned; NULL as 'retain' */
	struct local_sealer *sealer; /* owned; NULL: 'read_only' */
};

/* Names of the files of a run, below the store's directory. */
#define LOCAL_NAME_SIZE (3 * STORE_NAME_MAX + 64)
#define LOCAL_JOURNAL   ".jrn"
#define LOCAL_SEGMENT   ".pcapng"
#define LOCAL_INDEX     ".pidx"
#define LOCAL_REFS      ".refs" /* what will be the index of the segment being written */
#define LOCAL_ROWS      ".fseg"
#define LOCAL_TAIL      ".rows" /* of the block being gathered */
#define LOCAL_TMP       ".tmp"  /* behind the name of an index until it is whole and on the disk */

/* The file system's name of a capture: bytes that cannot stand there as %XX. */
void local_escape(const char *capture, char ret[LOCAL_NAME_SIZE]);

/* The run that a file's name, without its folder, begins with: LOCAL_RUN_DIGITS of lower-case
 * hexadecimal.  Returns what stands behind; NULL: it begins with none. */
#define LOCAL_RUN_DIGITS 16
const char *local_run_of(const char *name, uint64_t *ret);

/* Whether somebody writes the file: its journal is locked as long as a run's writer
 * lives. */
bool local_is_locked(int fd);

/* -EBUSY with 'err' naming the process that writes the stream in 'folder' now.  Where
 * that cannot be looked into nothing is known of it: 0. */
int local_check_busy(const struct local *s, const char *folder, struct err *err);

/* -EBUSY with 'err' naming a process that writes here. */
int local_busy(const struct local *s, struct err *err);

int local_stream_new(struct store *s, const char *capture, unsigned shard, int64_t now,
		     struct store_stream **ret, struct err *err);

/* A file that grows by whole records. */
struct local_file {
	int fd;           /* -1: not open */
	int64_t handle;   /* what retention knows it, or the one that it belongs to, by */
	uint64_t room;    /* bytes that are reserved for it */
	struct buf buf;   /* not yet written; owned */
	uint64_t written; /* bytes that the system took */
	bool torn;        /* more than that is in the file */
};

void local_file_done(struct local_file *f);

/* Writes what is buffered, of which nothing is left in the file if not all went in.  0, or
 * -errno with the buffer as before: -EDQUOT, -ENOSPC also where limits forbid it. */
int local_file_flush(struct local *s, struct local_file *f);

/* Tells retention of a file to come, of a run that it knows as 'kept'.  Its handle, 0: there is
 * no retention; or -ENOMEM. */
int64_t local_keep(struct local *s, int64_t kept, enum retain_kind kind, uint32_t number);

/* Creates 'name' for what is buffered.  'handle': as in struct local_file. */
int local_file_create(struct local *s, const char *name, int64_t handle, struct local_file *f);

/* Begins a run of a stream: makes its folder, a name for its files (without their ends) and
 * an empty journal, which is locked as long as it is open.  'jrn' is closed before.  What a
 * killed writer left half-made is removed.  -EBUSY: another process writes this stream.  -errno
 * with 'err' set. */
int local_run_new(struct local *s, const char *capture, unsigned shard, int64_t now,
		  char ret_name[LOCAL_NAME_SIZE], uint64_t *ret_run, struct local_file *jrn,
		  int64_t *ret_kept, struct err *err);

/* The segment that is being written, with what its index will say. */
struct local_segment {
	struct local_file file;
	struct local_file told_file; /* refs and spans of what is in the file; fd -1: none */
	uint32_t number;             /* of this one; 0: none yet */
	size_t head;                 /* bytes of the stream's head in it, with the buffered ones */
	uint64_t packets_end;        /* bytes up to the last packet, with the buffered ones */
	struct pidx_span *spans;     /* owned, as is 'refs' */
	struct pidx_ref *refs;
	size_t n_spans, size_spans, n_refs, size_refs;

	uint32_t crc; /* of the bytes from the last span's first one to the end of the file */

	size_t told_refs;      /* those of 'refs' in it */
	struct pidx_span part; /* of the packets that are buffered */

	/* The same as of the last flush: where to go back to when one fails. */
	size_t kept_head, kept_spans, kept_refs;
	uint64_t kept_end;
	struct pidx_span kept_span; /* the last one */
};

void local_segment_done(struct local_segment *g);

static inline bool local_segment_is_open(const struct local_segment *g)
{
	return g->file.fd >= 0;
}

/* Begins the next segment, still without anything in it. */
int local_segment_open(struct local_segment *g, struct local *s, const char *run, int64_t kept);

/* Adds what the segment lacks of 'head': what it starts with, and interfaces that came later. */
void local_segment_head(struct local_segment *g, const struct buf *head);

/* Adds a packet of an interface that is in the head.  0 or -ENOMEM: then it is not there. */
int local_segment_add(struct local_segment *g, const struct pkt *p, const struct flow_ref *refs,
		      uint32_t n);

/* Writes what is buffered.  After -errno nothing of it is in the file: it is tried again
 * or taken back by local_segment_revert(). */
int local_segment_flush(struct local_segment *g, struct local *s);
void local_segment_revert(struct local_segment *g);

struct local_sealed;

/* Ends the segment with what is in its file and writes the index beside it; both are given to
 * the sealer, who puts the index in its place when they are on the disk.  'ret' becomes what
 * the index says of it, 'ret_bytes' its size; -errno: there is no index. */
int local_segment_seal(struct local_segment *g, struct local *s, struct local_sealed *by,
		       const char *run_name, uint64_t run, struct pidx_info *ret,
		       uint64_t *ret_bytes);

/* Segments that wait to be durable; when there are more, those who seal wait. */
#define LOCAL_SEALS_MAX 16

/* What became of the segments that one stream gave; zero at first. */
struct local_sealed {
	unsigned waiting;
	int failed; /* of the first that did */
	bool looked;
};

/* local_sealer.c: its thread begins with the first segment. */
int local_sealer_new(struct local_sealer **ret, struct local *s); /* 0 or -ENOMEM */
void local_sealer_free(struct local_sealer *x); /* after all is done; NULL is fine */

/* What is to be on the disk. */
enum local_seal_kind {
	LOCAL_SEAL_PACKETS, /* 'fd', then 'other', its index, gets its name in place of the refs */
	LOCAL_SEAL_ROWS,    /* 'fd' */
	LOCAL_SEAL_TAIL,    /* 'fd' and 'other', where its rows are now: then the tail goes */
};

struct local_seal {
	enum local_seal_kind kind;
	struct local_sealed *by;    /* stays until local_sealer_wait() */
	int fd, other;              /* owned; -1: none */
	int64_t handle;             /* of retention, which is told of the end */
	uint64_t bytes;             /* of the file itself, or the tail */
	uint64_t refs, index;       /* of what lies beside it */
	char name[LOCAL_NAME_SIZE]; /* without its end */
};

/* Takes a job over; begins the thread. */
void local_sealer_give(struct local_sealer *x, const struct local_seal *job);

/* Begins the thread, which sees to limits even while nothing is sealed. */
void local_sealer_start(struct local_sealer *x);

/* Until the job at work is done; false: there is none. */
bool local_sealer_pause(struct local_sealer *x);

/* Once -errno when a segment could not be made durable; else 0.  Does not wait. */
int local_sealer_look(struct local_sealer *x, struct local_sealed *by);

/* Until all that was given is done.  0 or the first -errno. */
int local_sealer_wait(struct local_sealer *x, struct local_sealed *by);

#define LOCAL_PENDING 64 /* blocks that wait for the disk */
#define LOCAL_TAILS   16 /* tails that wait for theirs */

/* Rows that a run is given.  Blocks are numbered from 1; each goes to the end of a
 * segment, and is there for readers when the journal says so. */
struct local_rows {
	struct fseg_writer *block; /* rows since the last block; NULL: none yet; owned */
	bool timed;                /* 'since' is set */
	int64_t since;             /* clock when the block had rows */
	uint32_t number;           /* of the block that is gathered */
	struct local_file tail;    /* its rows so far */
	struct local_file file;    /* the segment, with blocks in its buffer */
	uint32_t first;            /* number of its first block; 0: it has none */
	uint32_t written;          /* number of the last block in a file */
	struct jrn_block pending[LOCAL_PENDING]; /* of the blocks in the buffer */
	size_t n_pending;
	struct {
		uint32_t number;
		uint64_t bytes;
		int64_t handle;
	} tails[LOCAL_TAILS]; /* that are there */
	size_t n_tails;
	uint64_t bytes; /* of full segments */
};

void local_rows_init(struct local_rows *w);
void local_rows_done(struct local_rows *w);

/* Takes rows of 'b' from row 'at' on: how many, 0: too many wait for the disk; -ENOMEM. */
int64_t local_rows_add(struct local_rows *w, const struct batch *b, size_t at);

/* Ends the block.  0 or -ENOMEM. */
int local_rows_cut(struct local_rows *w);

/* Once a second: puts what is new into the tail's buffer, or makes the block that is due. */
int local_rows_beat(struct local_rows *w, int64_t now);

/* Writes blocks and tail; what is to be said of blocks is added to 'jrn'.  After -errno what
 * is buffered is tried again. */
int local_rows_flush(struct local_rows *w, struct local *s, const char *run, int64_t kept,
		     struct buf *jrn);

/* When the journal was written: removes tails that are not needed any more, and closes a
 * full segment, or the 'last' one. */
void local_rows_commit(struct local_rows *w, struct local *s, struct local_sealed *by,
		       const char *run, int jrn_fd, bool last);

uint64_t local_rows_held(const struct local_rows *w);  /* bytes that wait for the disk */
uint64_t local_rows_bytes(const struct local_rows *w); /* of its files */

/* How many bytes 'p' will take. */
uint64_t local_segment_cost(const struct pkt *p);
