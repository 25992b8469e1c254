/* What a store in a directory takes on the disk, and which of it goes when that is too much.
 *
 * retain_new() lists everything below the directory once: afterwards a sandboxed process
 * cannot look any more.  It is then told of each file that this process makes, before a byte
 * of it is written, and removes the oldest ones so that these limits hold:
 *
 *	quota         bytes of all regular files below the directory, also of files that are not
 *	              the store's.  Never above, even for a moment: what is to be written is
 *	              reserved first, and what has to go for it is gone when it is granted.
 *	keep_packets  age of packets, keep_flows: of flows.  Looked at by retain_work().
 *	min_free      bytes, or a part of the file system, that stay free.  What others
 *	              write is only seen by retain_work(); what this process has reserved and not
 *	              yet written counts as taken.
 *
 * What goes.  Packets (a segment with its index and references, together) before flows, while
 * packets are more than a quarter of the quota (of what is there, if there is none); else
 * whatever is oldest.  Of one run always the lowest number first, so that what is left of it
 * lacks nothing in the middle; a file is taken to be no older than those before it in its run.
 * A journal goes as a flow file does, after everything else of its run.  Never: a file that is
 * still written, in runs of other processes (their journal is locked while retain_new()
 * looks) the journal, the last segment, the last flow segment and the tails; files that are
 * not a store's; folders.
 *
 * Age.  That of a file is taken from its time of modification when the directory is listed,
 * and from then on, as for the files of this process, from a clock that cannot be set.
 *   - Setting the clock forward makes nothing older.
 *   - Setting it back makes files of before retain_new() younger by that much (it was wrong
 *     then, as at a boot without a battery), but never younger than this process is.
 *   - A time of modification later than the clock of retain_new() is taken as that: the file
 *     goes one 'keep' later, not never.
 *   - When the clock was not known to be right at retain_new() ('clock_ok'), nothing goes for
 *     its age in the first minute, in which it may yet be set.
 * All files that were listed are older than those of this process, whatever their times say.
 *
 * Thread-safe; retain_new() and retain_free() alone.  Only retain_new(), retain_work() and a
 * retain_reserve() that finds no room wait for the disk; nobody waits for what
 * retain_work() removes but such a retain_reserve(). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct retain;
struct store_files;

#define RETAIN_QUOTA_MIN   (UINT64_C(16) << 20)
#define RETAIN_SEGMENT_MIN (UINT64_C(1) << 20)
#define RETAIN_NAME_SIZE   576 /* of a name below the directory: two folders and a file of ours */

enum retain_kind {
	RETAIN_SEGMENT = 1, /* R-NNNNNN.pcapng, .refs, .pidx and .pidx.tmp */
	RETAIN_FSEG,        /* R-NNNNNN.fseg */
	RETAIN_ROWS,        /* R-NNNNNN.rows */
	RETAIN_JOURNAL,     /* R.jrn; its number is 0 */
};

enum retain_why {
	RETAIN_WHY_QUOTA = 1,
	RETAIN_WHY_AGE,
	RETAIN_WHY_FREE,
};

/* Times in ns: CLOCK_REALTIME, and one that nobody sets: CLOCK_BOOTTIME, which also runs
 * while the machine sleeps. */
struct retain_time {
	int64_t wall, mono;
};

struct retain_time retain_time_now(void);

/* What was removed just now. */
struct retain_removed {
	const char *run; /* its files' common name below the directory: "eth0/0/0123456789abcdef" */
	enum retain_kind kind;
	uint32_t number; /* the run has none of this kind up to this one now */
	enum retain_why why;
	uint64_t bytes;
};

/* Limits that are 0 do not limit.  Borrowed during retain_new(), but 'files', 'dir_fd' and
 * 'arg', which must outlive it. */
struct retain_conf {
	int dir_fd;                      /* of the directory, for reading */
	const char *path;                /* of it, for sentences */
	const struct store_files *files; /* only unlink() is called */
	uint64_t quota;
	int64_t keep_packets, keep_flows; /* ns */
	uint64_t min_free;                /* bytes */
	unsigned min_free_percent;        /* of the file system; the larger of both counts */
	uint64_t segment_size;            /* wanted, see retain_segment_size() */
	uint64_t catalogue; /* bytes of it: they count, but no quota is too small for what the store
			     * itself made */
	unsigned writers;   /* streams that write at once; 0: one */
	bool clock_ok;      /* the clock is synchronised (base/clock.h), see "Age" above */
	void *arg;          /* of the functions below */

	/* Each removal, also during retain_new(), and when somebody else was there before; from
	 * whichever thread made it, with no lock held.  Must not call into this struct retain.
	 * NULL: not told. */
	void (*removed)(void *arg, const struct retain_removed *what);

	/* Bytes free for us, and of the whole file system; 0 or -errno.  NULL: fstatfs() of
	 * 'dir_fd'. */
	int (*space)(void *arg, uint64_t *ret_free, uint64_t *ret_total);
};

/* What cannot be removed is tried again after a minute; until then what is behind it in its run
 * stays, and all if it is the file system that refuses: see struct retain_stats.
 *
 * Lists the directory, and removes what is above the quota.  -EDQUOT with 'err' set: what may
 * not be removed leaves less than a store needs; -EINVAL: as retain_segment_size(). */
int retain_new(struct retain **ret, const struct retain_conf *conf, struct retain_time now,
	       struct err *err);
void retain_free(struct retain *r); /* NULL is fine */
static inline void retain_freep(struct retain **r)
{
	retain_free(*r);
}

/* How large segments may be, so that one of each of 'writers' (0: one) is an eighth of the
 * quota at most and there is always something to remove: 'wanted' or less.  -EINVAL with
 * 'err' set: the quota is below RETAIN_QUOTA_MIN, or too small for so many. */
int retain_segment_size(uint64_t quota, uint64_t wanted, unsigned writers, uint64_t *ret,
			struct err *err);

/* That of this store: of its quota without what may not be removed. */
uint64_t retain_segment(const struct retain *r);

/* A run of this process begins: 'name' as in struct retain_removed.  Returns its number for
 * retain_add(), > 0, or -ENOMEM, or -EINVAL: no such name of a run. */
int64_t retain_run(struct retain *r, const char *name);

/* A file of that run is about to be created; it is open, and has no bytes.  Of one kind in
 * ascending 'number'.  Returns its handle, > 0, or -ENOMEM. */
int64_t retain_add(struct retain *r, int64_t run, enum retain_kind kind, uint32_t number);

/* Before 'bytes' more are written to an open file (and those beside it).  To be asked for in
 * larger pieces: it takes a lock.  0; -EDQUOT: the quota is full and nothing may be removed
 * now, -ENOSPC: the same of min_free. */
int retain_reserve(struct retain *r, int64_t handle, uint64_t bytes);

/* Nothing is written to the file any more: it is 'bytes' long, and what lies beside it 'side'.
 * The rest of what was reserved is given back, the handle ends.  That of a journal ends
 * the run. */
void retain_close(struct retain *r, int64_t handle, uint64_t bytes, uint64_t side);

/* An open file was removed by its owner, or could not be made.  The handle ends. */
void retain_gone(struct retain *r, int64_t handle);

/* Before a file that is never removed (the catalogue) grows by 'bytes', and after it shrank by
 * -'bytes' or was removed; those that were there are listed.  As retain_reserve(). */
int retain_other(struct retain *r, int64_t bytes);

/* A file that was there before this process, as the list has it now. */
struct retain_known {
	const char *run; /* as in struct retain_removed */
	enum retain_kind kind;
	uint32_t number;      /* 0: a journal */
	uint64_t bytes, side; /* of what lies beside it */
	bool open;            /* another process may write it */
};

/* Tells of each of them, those of a run together and its journal last.  With the lock held: 'fn'
 * must not call into this struct retain, nor take long. */
void retain_each(struct retain *r, void (*fn)(void *arg, const struct retain_known *what),
		 void *arg);

/* To be called about once a second, from one thread: removes what is too old, what min_free
 * wants, and keeps some room below the quota (1/16 of it, two segments at most), so that
 * retain_reserve() need not.  True: there is more, it would like to be called again at once. */
bool retain_work(struct retain *r, struct retain_time now);

struct retain_count {
	uint64_t files, bytes; /* a segment and what lies beside it are one */
};

struct retain_stats {
	uint64_t quota, used;                 /* 'used' with what is reserved */
	struct retain_count packets, flows;   /* there, and part of 'used' */
	uint64_t other;                       /* bytes that are not the store's; part of 'used' */
	struct retain_count removed_packets;  /* by this process */
	struct retain_count removed_flows;    /* journals, too */
	int64_t oldest_packets, oldest_flows; /* time of the oldest that may go; INT64_MAX: none */
	uint64_t vanished;                    /* files that somebody else had removed */
	uint64_t unreadable;                  /* folders that could not be listed */
	unsigned running;                     /* runs of other processes: what they write since is
					       * not counted */
	uint32_t unremoved;                   /* files that were to go and could not be removed */
	int failed;                           /* -errno of the last of them; 0: there is none */
	char failed_name[RETAIN_NAME_SIZE];   /* which */
	bool crowded; /* min_free cannot hold, even without all that may go: nothing goes for it */
};
void retain_stats(struct retain *r, struct retain_stats *ret);
