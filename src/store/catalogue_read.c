/* Reading a catalogue, which anybody may have written: as little of SQLite as there is. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "store/catalogue_db.h"
#include "store/read.h"

#define STEPS_EACH 1000   /* of SQLite's machine between two looks at how many there were */
#define STEPS_MAX  100000 /* times that: a large catalogue takes about a tenth */
#define SIZE_MIN   512    /* bytes of the smallest database */

static void sqlitep(sqlite3 **db)
{
	sqlite3_close(*db);
}

static void stmtp(sqlite3_stmt **s)
{
	sqlite3_finalize(*s);
}

/* 0, -ENOMEM, or what tells that it is no good. */
static int code_of(int r)
{
	return r == SQLITE_NOMEM || r == SQLITE_IOERR_NOMEM ? -ENOMEM : -EBADMSG;
}

static int count_steps(void *arg)
{
	unsigned *n = arg;

	return ++*n > STEPS_MAX;
}

/* Nothing but reading columns of tables. */
static int authorize(void *arg, int action, const char *a, const char *b, const char *c,
		     const char *d)
{
	(void)arg, (void)a, (void)b, (void)c, (void)d;
	return action == SQLITE_SELECT || action == SQLITE_READ ? SQLITE_OK : SQLITE_DENY;
}

/* A connection that sees the bytes, and runs nothing of what they may define. */
static int open_bytes(sqlite3 **ret, uint8_t *p, size_t n, unsigned *steps)
{
	static const struct {
		int id, value;
	} limits[] = {
		{SQLITE_LIMIT_LENGTH, 1 << 20},    {SQLITE_LIMIT_SQL_LENGTH, 4096},
		{SQLITE_LIMIT_COLUMN, 32},         {SQLITE_LIMIT_EXPR_DEPTH, 8},
		{SQLITE_LIMIT_COMPOUND_SELECT, 1}, {SQLITE_LIMIT_FUNCTION_ARG, 4},
		{SQLITE_LIMIT_ATTACHED, 0},        {SQLITE_LIMIT_TRIGGER_DEPTH, 1},
		{SQLITE_LIMIT_WORKER_THREADS, 0},
	};
	static const struct {
		int id, value;
	} modes[] = {
		{SQLITE_DBCONFIG_DEFENSIVE, 1},       {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
		{SQLITE_DBCONFIG_ENABLE_TRIGGER, 0},  {SQLITE_DBCONFIG_ENABLE_VIEW, 0},
		{SQLITE_DBCONFIG_WRITABLE_SCHEMA, 0}, {SQLITE_DBCONFIG_DQS_DDL, 0},
		{SQLITE_DBCONFIG_DQS_DML, 0},         {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
	};
	CLEANUP(sqlitep) sqlite3 *db = NULL;
	size_t i;
	int r;

	r = sqlite3_open_v2(":memory:", &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	for (i = 0; r == SQLITE_OK && i < sizeof(limits) / sizeof(limits[0]); i++)
		sqlite3_limit(db, limits[i].id, limits[i].value);
	for (i = 0; r == SQLITE_OK && i < sizeof(modes) / sizeof(modes[0]); i++)
		r = sqlite3_db_config(db, modes[i].id, modes[i].value, NULL);
	if (r == SQLITE_OK)
		r = sqlite3_exec(db, "PRAGMA temp_store=2; PRAGMA cell_size_check=1", NULL, NULL,
				 NULL);
	if (r == SQLITE_OK)
		r = sqlite3_deserialize(db, "main", p, (sqlite3_int64)n, (sqlite3_int64)n,
					SQLITE_DESERIALIZE_READONLY);
	if (r != SQLITE_OK)
		return code_of(r);
	sqlite3_progress_handler(db, STEPS_EACH, count_steps, steps);
	sqlite3_set_authorizer(db, authorize, NULL);
	*ret = TAKE_PTR(db);
	return 0;
}

static int select_all(sqlite3 *db, const char *sql, sqlite3_stmt **ret)
{
	int r = sqlite3_prepare_v2(db, sql, -1, ret, NULL);

	return r == SQLITE_OK ? 0 : code_of(r);
}

/* 1: there is a row; 0: no more. */
static int step(sqlite3_stmt *s)
{
	int r = sqlite3_step(s);

	return r == SQLITE_ROW ? 1 : r == SQLITE_DONE ? 0 : code_of(r);
}

/* Our tables, as we make them, and nothing else: no views, triggers, virtual tables. */
static int check_schema(sqlite3 *db)
{
	CLEANUP(stmtp) sqlite3_stmt *s = NULL;
	unsigned found = 0, t;
	const char *sql;
	int r = select_all(db, "SELECT sql FROM sqlite_schema", &s);

	while (r == 0 && (r = step(s)) > 0) {
		sql = (const char *)sqlite3_column_text(s, 0);
		for (t = 0; sql && t < CATALOGUE_TABLES; t++)
			if (strcmp(sql, catalogue_schema[t]) == 0)
				break;
		if (!sql || t == CATALOGUE_TABLES || found & 1u << t)
			return -EBADMSG;
		found |= 1u << t;
		r = 0;
	}
	return r < 0 ? r : found == (1u << CATALOGUE_TABLES) - 1 ? 0 : -EBADMSG;
}

static int check_about(sqlite3 *db)
{
	CLEANUP(stmtp) sqlite3_stmt *s = NULL;
	int r = select_all(db, "SELECT * FROM about", &s);

	if (r == 0)
		r = step(s);
	return r < 0 ? r : r > 0 && catalogue_get_about(s) == CATALOGUE_FORMAT ? 0 : -EBADMSG;
}

/* Who wants only what is good goes on. */
static int wrong(const struct catalogue_visit *v, const char *table)
{
	if (v->wrong)
		v->wrong(v->arg, table);
	return 0;
}

static int visit_runs(sqlite3 *db, const struct catalogue_visit *v)
{
	CLEANUP(stmtp) sqlite3_stmt *s = NULL;
	struct catalogue_run u;
	int r = select_all(db, "SELECT * FROM runs", &s);

	while (r == 0 && (r = step(s)) > 0)
		r = catalogue_get_run(s, &u) ? v->run(v->arg, &u) : wrong(v, "runs");
	return r;
}

static int visit_files(sqlite3 *db, const struct catalogue_visit *v)
{
	CLEANUP(stmtp) sqlite3_stmt *s = NULL;
	struct catalogue_file f;
	int r = select_all(db, "SELECT * FROM files", &s);

	while (r == 0 && (r = step(s)) > 0)
		r = catalogue_get_file(s, &f) ? v->file(v->arg, &f) : wrong(v, "files");
	return r;
}

static int visit_gone(sqlite3 *db, const struct catalogue_visit *v)
{
	CLEANUP(stmtp) sqlite3_stmt *s = NULL;
	struct catalogue_gone g;
	int r = select_all(db, "SELECT * FROM removed", &s);

	while (r == 0 && (r = step(s)) > 0)
		r = catalogue_get_gone(s, &g) ? v->gone(v->arg, &g) : wrong(v, "removed");
	return r;
}

static int visit(uint8_t *p, size_t n, const struct catalogue_visit *v)
{
	CLEANUP(sqlitep) sqlite3 *db = NULL;
	unsigned steps = 0;
	int r = open_bytes(&db, p, n, &steps);

	if (r == 0)
		r = check_schema(db);
	if (r == 0)
		r = check_about(db);
	if (r == 0 && v->run)
		r = visit_runs(db, v);
	if (r == 0 && v->file)
		r = visit_files(db, v);
	if (r == 0 && v->gone)
		r = visit_gone(db, v);
	return r == -ENOMEM ? r : r < 0 ? wrong(v, NULL) : 0;
}

int catalogue_read(int fd, const struct catalogue_visit *v)
{
	CLEANUP(freep) uint8_t *p = NULL;
	struct stat st;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size < SIZE_MIN ||
	    st.st_size > CATALOGUE_MAX)
		return wrong(v, NULL);
	p = malloc((size_t)st.st_size);
	if (!p)
		return -ENOMEM;
	if (read_exactly(fd, p, (size_t)st.st_size, 0) < 0)
		return wrong(v, NULL);
	return visit(p, (size_t)st.st_size, v);
}

struct catalogue_index {
	struct catalogue_ended *v; /* by run, folder */
	size_t n;
};

static int compare(uint64_t run, const char *folder, const struct catalogue_ended *to)
{
	return run != to->run ? (run < to->run ? -1 : 1) : strcmp(folder, to->folder);
}

static int by_run(const void *a, const void *b)
{
	const struct catalogue_ended *x = a;

	return compare(x->run, x->folder, b);
}

/* One that says when it was, and is no younger than itself. */
static bool is_usable(const struct catalogue_run *u)
{
	return u->state == CATALOGUE_FINISHED && u->start != CATALOGUE_NONE &&
	       u->first != CATALOGUE_NONE && u->last != CATALOGUE_NONE && u->first <= u->start &&
	       u->start <= u->end && u->end <= u->last && u->journal > 0;
}

static int add(void *arg, const struct catalogue_run *u)
{
	struct catalogue_index *x = arg;
	char folder[LOCAL_NAME_SIZE];
	struct catalogue_ended *to;
	size_t n;

	if (!is_usable(u) || x->n == STORE_RUNS_MAX)
		return 0;
	to = read_append((void **)&x->v, &x->n, sizeof(*to));
	if (!to)
		return -ENOMEM;
	local_escape(u->key.capture, folder);
	n = strlen(folder);
	snprintf(folder + n, sizeof(folder) - n, "/%u", u->key.shard);
	*to = (struct catalogue_ended){
		.capture = strdup(u->key.capture),
		.folder = strdup(folder),
		.shard = u->key.shard,
		.run = u->key.run,
		.pid = u->pid > 0 ? (uint64_t)u->pid : 0,
		.start = u->start,
		.end = u->end,
		.first = u->first,
		.last = u->last,
		.packets = u->packets > 0 ? (uint64_t)u->packets : 0,
		.journal = (uint64_t)u->journal,
	};
	return to->capture && to->folder ? 0 : -ENOMEM;
}

void catalogue_index_free(struct catalogue_index *x)
{
	size_t i;

	if (!x)
		return;
	for (i = 0; i < x->n; i++) {
		free(x->v[i].capture);
		free(x->v[i].folder);
	}
	free(x->v);
	free(x);
}

int catalogue_index_new(struct catalogue_index **ret, int dir_fd)
{
	CLEANUP(catalogue_index_freep) struct catalogue_index *x = NULL;
	CLEANUP(closep) int fd = -1;
	int r;

	*ret = NULL;
	/* Never waits: what lies there may be a pipe. */
	fd = openat(dir_fd, CATALOGUE_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return 0;
	x = calloc(1, sizeof(*x));
	if (!x)
		return -ENOMEM;
	r = catalogue_read(fd, &(struct catalogue_visit){.arg = x, .run = add});
	if (r < 0)
		return r;
	if (x->n)
		qsort(x->v, x->n, sizeof(*x->v), by_run);
	*ret = TAKE_PTR(x);
	return 0;
}

const struct catalogue_ended *catalogue_index_find(const struct catalogue_index *x,
						   const char *folder, uint64_t run)
{
	size_t from = 0, to = x ? x->n : 0;

	while (from < to) {
		const size_t mid = from + (to - from) / 2;
		const int c = compare(run, folder, &x->v[mid]);

		if (c == 0)
			return &x->v[mid];
		if (c < 0)
			to = mid;
		else
			from = mid + 1;
	}
	return NULL;
}
