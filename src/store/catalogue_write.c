/* The catalogue's database while it is made: in one piece of memory, as the file will be. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "store/catalogue_db.h"

enum stmt {
	PUT_ABOUT,
	PUT_RUN,
	PUT_FILE,
	PUT_GONE,
	FIND_RUN,
	FIND_FILE,
	FIND_GONE,
	SUM_FILES,
	DROP_FILES,
	DROP_RUN,
	DROP_ALL_FILES,
	COUNT_RUNS,
	COUNT_FILES,
	COUNT_GONE,
	TRIM_GONE,
	STMTS
};

#define OF_RUN "capture=?1 AND shard=?2 AND run=?3"

static const char *const texts[STMTS] = {
	[PUT_ABOUT] = "INSERT OR REPLACE INTO about VALUES(?,?,?,?)",
	[PUT_RUN] = "INSERT OR REPLACE INTO runs VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
	[PUT_FILE] = "INSERT OR REPLACE INTO files VALUES(?,?,?,?,?,?,?,?,?,?,?,?)",
	[PUT_GONE] = "INSERT OR REPLACE INTO removed VALUES(?,?,?,?,?,?,?,?,?,?)",
	[FIND_RUN] = "SELECT * FROM runs WHERE " OF_RUN,
	[FIND_FILE] = "SELECT * FROM files WHERE " OF_RUN " AND kind=?4 AND number=?5",
	[FIND_GONE] = "SELECT * FROM removed WHERE " OF_RUN " AND kind=?4 AND why=?5",
	[SUM_FILES] =
		"SELECT sum(ifnull(bytes, 0) + ifnull(bytes_index, 0)) FROM files WHERE " OF_RUN
		" AND kind=?4 AND number<=?5",
	[DROP_FILES] = "DELETE FROM files WHERE " OF_RUN " AND kind=?4 AND number<=?5",
	[DROP_RUN] = "DELETE FROM runs WHERE " OF_RUN,
	[DROP_ALL_FILES] = "DELETE FROM files WHERE " OF_RUN,
	[COUNT_RUNS] = "SELECT count(*) FROM runs",
	[COUNT_FILES] = "SELECT count(*) FROM files",
	[COUNT_GONE] = "SELECT count(*) FROM removed",
	[TRIM_GONE] = "DELETE FROM removed WHERE (capture, shard, run, kind, why) IN (SELECT "
		      "capture, shard, run, kind, why FROM removed ORDER BY at_ns LIMIT ?1)",
};

struct catalogue_db {
	sqlite3 *db;
	sqlite3_stmt *stmts[STMTS];
};

static int code_of(int r)
{
	switch (r) {
	case SQLITE_OK:
	case SQLITE_DONE:
		return 0;
	case SQLITE_NOMEM:
	case SQLITE_IOERR_NOMEM:
		return -ENOMEM;
	case SQLITE_FULL:
	case SQLITE_TOOBIG:
		return -EFBIG;
	default:
		return -EIO;
	}
}

void catalogue_db_free(struct catalogue_db *d)
{
	size_t i;

	if (!d)
		return;
	for (i = 0; i < STMTS; i++)
		sqlite3_finalize(d->stmts[i]);
	sqlite3_close(d->db);
	free(d);
}

static int exec(struct catalogue_db *d, const char *sql)
{
	return code_of(sqlite3_exec(d->db, sql, NULL, NULL, NULL));
}

int catalogue_db_new(struct catalogue_db **ret)
{
	CLEANUP(catalogue_db_freep) struct catalogue_db *d = calloc(1, sizeof(*d));
	char *pages;
	int r, i;

	if (!d)
		return -ENOMEM;
	/* Of a name without a slash: its own, and never a file. */
	r = code_of(sqlite3_open_v2(
		"catalogue", &d->db,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, "memdb"));
	/* Statements are taken back, and small. */
	if (r == 0)
		r = exec(d, "PRAGMA temp_store=2; PRAGMA journal_mode=MEMORY; "
			    "PRAGMA synchronous=0; PRAGMA auto_vacuum=1; PRAGMA page_size=4096");
	pages = sqlite3_mprintf("PRAGMA max_page_count=%d", (int)(CATALOGUE_MAX / 4096));
	if (r == 0)
		r = pages ? exec(d, pages) : -ENOMEM;
	sqlite3_free(pages);
	for (i = 0; i < CATALOGUE_TABLES && r == 0; i++)
		r = exec(d, catalogue_schema[i]);
	for (i = 0; i < STMTS && r == 0; i++)
		r = code_of(sqlite3_prepare_v3(d->db, texts[i], -1, SQLITE_PREPARE_PERSISTENT,
					       &d->stmts[i], NULL));
	if (r < 0)
		return r;
	*ret = TAKE_PTR(d);
	return 0;
}

int catalogue_db_begin(struct catalogue_db *d)
{
	return exec(d, "BEGIN");
}

int catalogue_db_commit(struct catalogue_db *d)
{
	return exec(d, "COMMIT");
}

static int bind(sqlite3_stmt *s, int at, const struct catalogue_value *v)
{
	if (v->text)
		return sqlite3_bind_text(s, at, v->text, (int)v->len, SQLITE_STATIC);
	return v->i == CATALOGUE_NONE ? sqlite3_bind_null(s, at) : sqlite3_bind_int64(s, at, v->i);
}

/* The first 'n' values of a row. */
static sqlite3_stmt *bound(struct catalogue_db *d, enum stmt which, const struct catalogue_row *row,
			   size_t n)
{
	sqlite3_stmt *s = d->stmts[which];
	size_t i;

	for (i = 0; i < n; i++)
		if (bind(s, (int)i + 1, &row->v[i]) != SQLITE_OK)
			return NULL;
	return s;
}

/* Runs a statement that gives nothing. */
static int run(sqlite3_stmt *s)
{
	int r;

	if (!s)
		return -ENOMEM;
	r = code_of(sqlite3_step(s));
	sqlite3_reset(s);
	sqlite3_clear_bindings(s);
	return r;
}

static int put(struct catalogue_db *d, enum stmt which, enum catalogue_table t,
	       struct catalogue_row *row)
{
	row->v[row->n] = (struct catalogue_value){.i = catalogue_check(t, row)};
	return run(bound(d, which, row, row->n + 1));
}

int catalogue_db_put_run(struct catalogue_db *d, const struct catalogue_run *u)
{
	struct catalogue_row row;

	catalogue_row_of_run(u, &row);
	return put(d, PUT_RUN, CATALOGUE_RUNS, &row);
}

int catalogue_db_put_file(struct catalogue_db *d, const struct catalogue_file *f)
{
	struct catalogue_row row;

	catalogue_row_of_file(f, &row);
	return put(d, PUT_FILE, CATALOGUE_FILES, &row);
}

int catalogue_db_put_gone(struct catalogue_db *d, const struct catalogue_gone *g)
{
	struct catalogue_row row;

	catalogue_row_of_gone(g, &row);
	return put(d, PUT_GONE, CATALOGUE_REMOVED, &row);
}

/* 1: the statement has a row. */
static int look(sqlite3_stmt *s)
{
	int r = s ? sqlite3_step(s) : SQLITE_NOMEM;

	return r == SQLITE_ROW ? 1 : code_of(r);
}

static void looked(sqlite3_stmt *s)
{
	sqlite3_reset(s);
	sqlite3_clear_bindings(s);
}

int catalogue_db_find_run(struct catalogue_db *d, struct catalogue_run *io)
{
	struct catalogue_row row;
	sqlite3_stmt *s;
	int r;

	catalogue_row_of_run(io, &row);
	s = bound(d, FIND_RUN, &row, 3);
	r = look(s);
	if (r > 0 && !catalogue_get_run(s, io))
		r = -EIO;
	looked(s);
	return r;
}

int catalogue_db_find_file(struct catalogue_db *d, struct catalogue_file *io)
{
	struct catalogue_row row;
	sqlite3_stmt *s;
	int r;

	catalogue_row_of_file(io, &row);
	s = bound(d, FIND_FILE, &row, 5);
	r = look(s);
	if (r > 0 && !catalogue_get_file(s, io))
		r = -EIO;
	looked(s);
	return r;
}

int catalogue_db_find_gone(struct catalogue_db *d, struct catalogue_gone *io)
{
	struct catalogue_row row;
	sqlite3_stmt *s;
	int r;

	catalogue_row_of_gone(io, &row);
	s = bound(d, FIND_GONE, &row, 5);
	r = look(s);
	if (r > 0 && !catalogue_get_gone(s, io))
		r = -EIO;
	looked(s);
	return r;
}

int catalogue_db_drop_files(struct catalogue_db *d, const struct catalogue_file *upto,
			    int64_t *ret_bytes)
{
	struct catalogue_row row;
	sqlite3_stmt *s;
	int r;

	catalogue_row_of_file(upto, &row);
	s = bound(d, SUM_FILES, &row, 5);
	r = look(s);
	*ret_bytes = r > 0 ? sqlite3_column_int64(s, 0) : 0;
	looked(s);
	return r < 0 ? r : run(bound(d, DROP_FILES, &row, 5));
}

int catalogue_db_drop_run(struct catalogue_db *d, const struct catalogue_key *k)
{
	struct catalogue_run u = {.key = *k};
	struct catalogue_row row;
	int r;

	catalogue_row_of_run(&u, &row);
	r = run(bound(d, DROP_RUN, &row, 3));
	return r < 0 ? r : run(bound(d, DROP_ALL_FILES, &row, 3));
}

int64_t catalogue_db_count(struct catalogue_db *d, enum catalogue_table t)
{
	sqlite3_stmt *s = d->stmts[t == CATALOGUE_RUNS    ? COUNT_RUNS
				   : t == CATALOGUE_FILES ? COUNT_FILES
							  : COUNT_GONE];
	int64_t n = look(s);

	n = n > 0 ? sqlite3_column_int64(s, 0) : n;
	looked(s);
	return n;
}

int catalogue_db_trim(struct catalogue_db *d, int max)
{
	const int64_t n = catalogue_db_count(d, CATALOGUE_REMOVED);
	sqlite3_stmt *s = d->stmts[TRIM_GONE];

	if (n <= max)
		return n < 0 ? (int)n : 0;
	return run(sqlite3_bind_int64(s, 1, n - max) == SQLITE_OK ? s : NULL);
}

int catalogue_db_bytes(struct catalogue_db *d, const char *program, int64_t now, const void **ret,
		       size_t *ret_n)
{
	struct catalogue_row row;
	sqlite3_int64 n = 0;
	int r;

	catalogue_row_of_about(program, now, &row);
	r = put(d, PUT_ABOUT, CATALOGUE_ABOUT, &row);
	if (r < 0)
		return r;
	*ret = sqlite3_serialize(d->db, "main", &n, SQLITE_SERIALIZE_NOCOPY);
	*ret_n = (size_t)n;
	return *ret && n > 0 ? 0 : -EIO;
}
