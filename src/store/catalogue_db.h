/* Inside of the catalogue: its rows, and the database in memory. */
#pragma once

#include <pthread.h>
#include <sqlite3.h>

#include "store/catalogue.h"
#include "store/retain.h"
#include "store/store.h"

#define CATALOGUE_FORMAT 1
#define CATALOGUE_MAX    (64u << 20) /* bytes of one; a larger one is neither made nor read */
#define CATALOGUE_NONE   INT64_MIN   /* a number that is not known: NULL */

/* Tables, in the order of 'catalogue_schema'. */
enum catalogue_table {
	CATALOGUE_ABOUT,
	CATALOGUE_RUNS,
	CATALOGUE_FILES,
	CATALOGUE_REMOVED,
	CATALOGUE_TABLES
};

/* How they are made: a database with anything else in it is none of ours. */
extern const char *const catalogue_schema[CATALOGUE_TABLES];

enum catalogue_state { CATALOGUE_UNKNOWN, CATALOGUE_RUNNING, CATALOGUE_FINISHED };

struct catalogue_key {
	char capture[STORE_NAME_MAX + 1];
	unsigned shard;
	uint64_t run;
};

/* From a run's name, "eth0/0/0123456789abcdef"; false: no name that a stream makes. */
bool catalogue_key_of(const char *name, struct catalogue_key *ret);

/* Numbers are CATALOGUE_NONE where they are not known. */
struct catalogue_run {
	struct catalogue_key key;
	enum catalogue_state state;
	int64_t pid, start, end, first, last;
	int64_t packets, rows; /* since its start */
	int64_t bytes;         /* of files with packets, those that are there */
	int64_t journal;       /* bytes */
};

struct catalogue_file {
	struct catalogue_key key;
	enum retain_kind kind;
	uint32_t number;
	int64_t bytes, beside; /* of the file, and of what is beside a segment */
	int64_t first, last;
	int64_t n; /* packets or rows */
};

/* What was removed of one kind of a run's files, for one reason. */
struct catalogue_gone {
	struct catalogue_key key;
	enum retain_kind kind;
	enum retain_why why;
	int64_t number; /* the largest */
	int64_t files, bytes;
	int64_t at; /* when the last one was */
};

/* A row's values, before its check. */
#define CATALOGUE_VALUES 16
struct catalogue_value {
	const char *text; /* NULL: a number */
	size_t len;
	int64_t i;
};

struct catalogue_row {
	struct catalogue_value v[CATALOGUE_VALUES];
	size_t n;
	char run[24]; /* a text of 'v' */
};

/* CRC-32C of the table's name with its NUL, then each value: 'i' and 8 bytes, 't', 4 bytes of its
 * length and the text, 'n': NULL.  Little-endian. */
uint32_t catalogue_check(enum catalogue_table t, const struct catalogue_row *row);

void catalogue_row_of_about(const char *program, int64_t now, struct catalogue_row *ret);
void catalogue_row_of_run(const struct catalogue_run *u, struct catalogue_row *ret);
void catalogue_row_of_file(const struct catalogue_file *f, struct catalogue_row *ret);
void catalogue_row_of_gone(const struct catalogue_gone *g, struct catalogue_row *ret);

/* The other way, of the current row of a statement that selects all of a table.  False: its check
 * is wrong, or it makes no sense. */
int64_t catalogue_get_about(sqlite3_stmt *s); /* the format; CATALOGUE_NONE */
bool catalogue_get_run(sqlite3_stmt *s, struct catalogue_run *ret);
bool catalogue_get_file(sqlite3_stmt *s, struct catalogue_file *ret);
bool catalogue_get_gone(sqlite3_stmt *s, struct catalogue_gone *ret);

/* catalogue_read.c: who wants the good rows of which table; each NULL: nobody.  Returns 0, or
 * -ENOMEM, which ends it. */
struct catalogue_visit {
	void *arg;
	int (*run)(void *arg, const struct catalogue_run *u);
	int (*file)(void *arg, const struct catalogue_file *f);
	int (*gone)(void *arg, const struct catalogue_gone *g);
	/* A row of 'table' whose check is wrong; NULL: the rest, or all, is no catalogue. */
	void (*wrong)(void *arg, const char *table);
};

/* Reads a catalogue of 'fd', whatever is in there.  0, also for a bad one, of which rows may have
 * been visited; or -ENOMEM. */
int catalogue_read(int fd, const struct catalogue_visit *v);

/* catalogue_write.c: a database being made. */
struct catalogue_db;

int catalogue_db_new(struct catalogue_db **ret); /* an empty one; 0 or -errno */
void catalogue_db_free(struct catalogue_db *d);  /* NULL is fine */
static inline void catalogue_db_freep(struct catalogue_db **d)
{
	catalogue_db_free(*d);
}

/* Around changes. */
int catalogue_db_begin(struct catalogue_db *d);
int catalogue_db_commit(struct catalogue_db *d);

/* Adds a row or replaces the one of the same key.  0 or -errno. */
int catalogue_db_put_run(struct catalogue_db *d, const struct catalogue_run *u);
int catalogue_db_put_file(struct catalogue_db *d, const struct catalogue_file *f);
int catalogue_db_put_gone(struct catalogue_db *d, const struct catalogue_gone *g);

/* Looks for the row of the key that '*io' has.  1; 0: there is none, '*io' is as before;
 * -errno. */
int catalogue_db_find_run(struct catalogue_db *d, struct catalogue_run *io);
int catalogue_db_find_file(struct catalogue_db *d, struct catalogue_file *io);
int catalogue_db_find_gone(struct catalogue_db *d, struct catalogue_gone *io);

/* Drops the files of a kind up to a number; 'ret_bytes' are those of them. */
int catalogue_db_drop_files(struct catalogue_db *d, const struct catalogue_file *upto,
			    int64_t *ret_bytes);
int catalogue_db_drop_run(struct catalogue_db *d, const struct catalogue_key *k); /* and files */

/* How many rows a table has, or -errno. */
int64_t catalogue_db_count(struct catalogue_db *d, enum catalogue_table t);

/* Of the table 'removed' the latest stay, at most 'max'. */
int catalogue_db_trim(struct catalogue_db *d, int max);

/* The database as a file would have it, valid until it changes.  'program' and 'now': who says so,
 * and when. */
int catalogue_db_bytes(struct catalogue_db *d, const char *program, int64_t now, const void **ret,
		       size_t *ret_n);

struct catalogue_event;

struct catalogue {
	struct local *s;
	int old_fd;     /* the one that was there; -1: none, or it was read */
	uint64_t bytes; /* of the one in place, as retention counts it */
	uint64_t left;  /* the same of what could not be removed half-made */

	pthread_mutex_t lock; /* of the events, and 'off' */
	struct catalogue_event *first, *last;
	size_t n;
	bool off; /* one was lost: there is no catalogue any more */

	/* Of the thread that writes it. */
	struct catalogue_db *db; /* NULL: nothing has happened yet; owned */
	bool changed;            /* it is not as the one in place */
	int64_t due;             /* when it may be written again, of a clock that nobody sets */
};

/* Bytes and counts as the tables have them. */
static inline int64_t catalogue_number(uint64_t n)
{
	return n < UINT64_C(1) << 50 ? (int64_t)n : INT64_C(1) << 50;
}

/* catalogue_old.c */

void catalogue_close_old(struct catalogue *c);

/* Makes the database, of all that was there before this process.  0 or -errno. */
int catalogue_take_over(struct catalogue *c);

/* Adds what the old catalogue knows of removed files, and forgets the rest of it. */
int catalogue_take_gone(struct catalogue *c, struct catalogue_db *to);

/* catalogue.c: puts a database in the catalogue's place.  0; -EDQUOT, -ENOSPC: there is no room;
 * -errno. */
int catalogue_place(struct catalogue *c, struct catalogue_db *d);
