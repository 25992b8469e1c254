/* The catalogue of a folder: SQLite itself reads it, and what it says is compared with the files
 * and with what the reader of journals finds; and whatever lies in its place, answers stay. */
#include "store/catalogue.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "rnd.h"
#include "run_make.h"
#include "store/store_read.h"
#include "store_make.h"

#define SEC INT64_C(1000000000)

static char dir[64];

static const char *new_store(char spec[128])
{
	static int n;

	snprintf(spec, 128, "local:%s/%d", dir, ++n);
	return spec + strlen("local:");
}

/* 'n' packets of as many flows, one each second from 'from' on. */
static void write_udp(const char *path, int64_t from, int n)
{
	uint8_t f[FRAME_SIZE];
	FILE *to = cap_open(path);
	int i;

	for (i = 0; i < n; i++) {
		frame_make(f, 1, (uint16_t)(1000 + i), 2, 53);
		cap_add(to, from + i * SEC, f);
	}
	fclose(to);
}

/* One run of 10 packets from 'from' on. */
static void add_run(const char *spec, const char *capture, int64_t from)
{
	char path[160];
	struct make o = {.spec = spec,
			 .path = path,
			 .capture = capture,
			 .raw_limit = UINT64_MAX,
			 .start = from};
	struct maker m;

	snprintf(path, sizeof(path), "%s/udp.pcap", dir);
	write_udp(path, from, 10);
	make_store(&m, &o, NULL);
}

static sqlite3 *open_sqlite(const char *store)
{
	char path[300];
	sqlite3 *db;

	snprintf(path, sizeof(path), "%s/" CATALOGUE_NAME, store);
	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	return db;
}

/* The only number, or -1: NULL. */
static int64_t ask(const char *store, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static int64_t ask(const char *store, const char *fmt, ...)
{
	sqlite3 *db = open_sqlite(store);
	sqlite3_stmt *s;
	char sql[600];
	va_list ap;
	int64_t n;

	va_start(ap, fmt);
	vsnprintf(sql, sizeof(sql), fmt, ap);
	va_end(ap);
	if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	n = sqlite3_column_type(s, 0) == SQLITE_NULL ? -1 : sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	sqlite3_close(db);
	return n;
}

/* RFC 3720 B.4, bit by bit. */
static uint32_t crc_add(uint32_t crc, const void *p, size_t n)
{
	const uint8_t *b = p;
	size_t i;
	int k;

	for (i = 0; i < n; i++)
		for (crc ^= b[i], k = 0; k < 8; k++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	return crc;
}

/* The check of a row as docs/formats.md has it. */
static uint32_t check_of(const char *table, sqlite3_stmt *s)
{
	uint32_t crc = crc_add(~0u, table, strlen(table) + 1);
	uint8_t head[9];
	int i;

	for (i = 0; i + 1 < sqlite3_column_count(s); i++) {
		if (sqlite3_column_type(s, i) == SQLITE_NULL) {
			crc = crc_add(crc, "n", 1);
		} else if (sqlite3_column_type(s, i) == SQLITE_INTEGER) {
			head[0] = 'i';
			le64_store(head + 1, (uint64_t)sqlite3_column_int64(s, i));
			crc = crc_add(crc, head, 9);
		} else {
			const unsigned char *text = sqlite3_column_text(s, i);

			head[0] = 't';
			le32_store(head + 1, (uint32_t)sqlite3_column_bytes(s, i));
			crc = crc_add(crc, head, 5);
			crc = crc_add(crc, text, (size_t)sqlite3_column_bytes(s, i));
		}
	}
	return ~crc;
}

/* Every row of every table. */
static void check_crcs(const char *store)
{
	static const char *const tables[] = {"about", "runs", "files", "removed"};
	sqlite3 *db = open_sqlite(store);
	size_t t;

	for (t = 0; t < 4; t++) {
		sqlite3_stmt *s;
		char sql[64];

		snprintf(sql, sizeof(sql), "SELECT * FROM %s", tables[t]);
		assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
		while (sqlite3_step(s) == SQLITE_ROW)
			assert_int_equal(sqlite3_column_int64(s, sqlite3_column_count(s) - 1),
					 check_of(tables[t], s));
		sqlite3_finalize(s);
	}
	sqlite3_close(db);
}

static int64_t size_at(const char *store, const char *capture, const struct store_run *u,
		       uint32_t number, const char *end)
{
	char path[300], part[16] = "";
	struct stat st;

	if (number)
		snprintf(part, sizeof(part), "-%06u", number);
	snprintf(path, sizeof(path), "%s/%s/%u/%016llx%s%s", store, capture, u->shard,
		 (unsigned long long)u->id, part, end);
	return stat(path, &st) == 0 ? st.st_size : -1;
}

static struct store_read *open_read(const char *spec, struct store **ret, int64_t from, int64_t to,
				    bool write)
{
	const struct store_conf conf = {.read_only = !write};
	struct err err = {0};
	struct store_read *r = NULL;

	if (store_open(ret, spec, &conf, &err) < 0 ||
	    store_read_new_within(&r, *ret, from, to, NULL, NULL, &err) < 0)
		fail_msg("%s", err.text);
	return r;
}

/* What the catalogue says of runs that ended is what files and journals say. */
static void check_model(const char *store, const char *spec, const char *folder)
{
	struct store *s;
	struct store_read *r = open_read(spec, &s, INT64_MIN, INT64_MAX, false);
	size_t n, i, k, files = 0;
	const struct store_run *v = store_read_runs(r, &n);

	check_crcs(store);
	assert_int_equal(ask(store, "SELECT count(*) FROM runs"), n);
	assert_int_equal(ask(store, "SELECT format FROM about"), 1);
	for (i = 0; i < n; i++) {
		const struct store_run *u = &v[i];
		uint64_t rows = 0;
		char where[128];
		int64_t bytes = 0;

		snprintf(where, sizeof(where), "WHERE capture='%s' AND shard=%u AND run='%016llx'",
			 u->capture, u->shard, (unsigned long long)u->id);
		assert_int_equal(ask(store, "SELECT state='finished' FROM runs %s", where), 1);
		assert_int_equal(ask(store, "SELECT start_ns FROM runs %s", where), u->start);
		assert_int_equal(ask(store, "SELECT end_ns FROM runs %s", where), u->end);
		assert_int_equal(ask(store, "SELECT packets FROM runs %s", where), u->kept);
		assert_int_equal(ask(store, "SELECT pid FROM runs %s", where), u->pid);
		assert_int_equal(ask(store, "SELECT journal_bytes FROM runs %s", where),
				 size_at(store, folder, u, 0, ".jrn"));
		for (k = 0; k < u->n_segments; k++, files++) {
			const struct store_segment *g = &u->segments[k];
			const int64_t own = size_at(store, folder, u, g->number, ".pcapng");
			const int64_t index = size_at(store, folder, u, g->number, ".pidx");

			bytes += own + index;
			assert_int_equal(
				ask(store,
				    "SELECT count(*) FROM files %s AND kind='packets' AND "
				    "number=%u "
				    "AND bytes=%lld AND bytes_index=%lld AND from_ns=%lld AND "
				    "to_ns=%lld AND packets=%llu AND rows IS NULL",
				    where, g->number, (long long)own, (long long)index,
				    (long long)g->min, (long long)g->max,
				    (unsigned long long)g->packets),
				1);
		}
		assert_int_equal(ask(store, "SELECT bytes_packets FROM runs %s", where), bytes);
		for (k = 0; k < u->n_blocks; k++) {
			rows += u->blocks[k].rows;
			files += !k || u->blocks[k].file != u->blocks[k - 1].file;
			assert_int_equal(
				ask(store,
				    "SELECT count(*) FROM files %s AND kind='rows' AND number=%u "
				    "AND bytes=%lld AND from_ns<=%lld AND to_ns>=%lld",
				    where, u->blocks[k].file,
				    (long long)size_at(store, folder, u, u->blocks[k].file,
						       ".fseg"),
				    (long long)u->blocks[k].start, (long long)u->blocks[k].last),
				1);
		}
		assert_int_equal(ask(store, "SELECT rows FROM runs %s", where), rows);
		assert_true(rows == 0 ||
			    (uint64_t)ask(store, "SELECT sum(rows) FROM files %s", where) == rows);
	}
	assert_int_equal(ask(store, "SELECT count(*) FROM files"), files);
	store_read_free(r);
	store_close(s);
}

/* All that it says but who, and when, as text. */
static char *dump(const char *store)
{
	static const char *const sql[] = {"SELECT * FROM runs", "SELECT * FROM files",
					  "SELECT * FROM removed"};
	sqlite3 *db = open_sqlite(store);
	struct buf b = BUF_INIT;
	char *text;
	size_t i;

	for (i = 0; i < 3; i++) {
		sqlite3_stmt *s;
		int k;

		assert_int_equal(sqlite3_prepare_v2(db, sql[i], -1, &s, NULL), SQLITE_OK);
		while (sqlite3_step(s) == SQLITE_ROW)
			for (k = 0; k < sqlite3_column_count(s); k++)
				buf_addf(&b, "%s%c", sqlite3_column_text(s, k),
					 k + 1 < sqlite3_column_count(s) ? '|' : '\n');
		sqlite3_finalize(s);
	}
	sqlite3_close(db);
	text = strdup(buf_str(&b));
	buf_done(&b);
	return text;
}

/* By the reader of journals: the same again. */
static void check_rebuild(const char *store, const char *spec)
{
	CLEANUP(freep) char *before = dump(store);
	CLEANUP(freep) char *after = NULL;
	struct err err = {0};
	char path[300];
	struct store *s;
	struct store_read *r;

	snprintf(path, sizeof(path), "%s/" CATALOGUE_NAME, store);
	assert_int_equal(unlink(path), 0);
	r = open_read(spec, &s, INT64_MIN, INT64_MAX, true);
	if (store_catalogue_rebuild(r, &err) < 0)
		fail_msg("%s", err.text);
	store_read_free(r);
	store_close(s);
	after = dump(store);
	assert_string_equal(before, after);

	r = open_read(spec, &s, INT64_MIN, INT64_MAX, false);
	assert_int_equal(store_catalogue_rebuild(r, &err), -EROFS);
	store_read_free(r);
	store_close(s);
}

static void test_model(void **state)
{
	char spec[128], path[160];
	const char *store = new_store(spec);
	struct make o = {.spec = spec,
			 .path = path,
			 .capture = "a b",
			 .raw_limit = UINT64_MAX,
			 .shards = 3,
			 .segment_size = 1000,
			 .update = SEC,
			 .tick = 7};
	struct maker m;

	(void)state;
	snprintf(path, sizeof(path), "%s/model.pcap", dir);
	write_udp(path, 1000 * SEC, 300);
	make_store(&m, &o, NULL);
	check_model(store, spec, "a%20b");
	/* A second process takes over what the first one said. */
	write_udp(path, 5000 * SEC, 40);
	o.shards = 1;
	make_store(&m, &o, NULL);
	check_model(store, spec, "a%20b");
	check_rebuild(store, spec);
	check_model(store, spec, "a%20b");
}

/* As people read it. */
static void test_cli(void **state)
{
	char spec[128], cmd[400];
	const char *store = new_store(spec);

	(void)state;
	if (system("sqlite3 -version >/dev/null 2>&1") != 0)
		skip();
	add_run(spec, "eth0", 100 * SEC);
	snprintf(cmd, sizeof(cmd),
		 "test \"$(sqlite3 %s/" CATALOGUE_NAME " 'PRAGMA integrity_check; SELECT capture, "
		 "shard, state, packets, start_ns FROM runs')\" = \"ok\neth0|0|finished|10|%lld\"",
		 store, (long long)(100 * SEC));
	assert_int_equal(system(cmd), 0);
}

/* A killed one is not known to have ended. */
static void test_killed(void **state)
{
	char spec[128], path[160];
	const char *store = new_store(spec);
	struct make o = {.spec = spec,
			 .path = path,
			 .capture = "c",
			 .raw_limit = UINT64_MAX,
			 .tick = 2,
			 .kill = true};
	struct maker m;

	(void)state;
	snprintf(path, sizeof(path), "%s/udp.pcap", dir);
	write_udp(path, 100 * SEC, 10);
	make_store(&m, &o, NULL);
	assert_int_equal(ask(store, "SELECT state='unknown' AND end_ns IS NULL FROM runs"), 1);
	add_run(spec, "c", 200 * SEC);
	check_crcs(store);
	assert_int_equal(ask(store, "SELECT count(*) FROM runs WHERE state='finished'"), 1);
	assert_int_equal(ask(store, "SELECT count(*) FROM runs WHERE state='unknown'"), 1);
	assert_int_equal(ask(store,
			     "SELECT count(*) FROM runs JOIN files USING(capture, shard, run) "
			     "WHERE state='unknown' AND kind='packets' AND bytes>0"),
			 1);
}

/* Files as a process makes them that is killed at the 'left'th thing it does with the
 * catalogue. */
struct doomed {
	const char *path;
	int left;
	bool after; /* it has been done then */
};

static void live(struct doomed *d, const char *name, bool after)
{
	if (strncmp(name, CATALOGUE_NAME, strlen(CATALOGUE_NAME)) != 0)
		return;
	if (after == d->after && d->left-- == 0)
		_exit(7);
}

static int doomed_create(void *arg, const char *name)
{
	struct doomed *d = arg;
	char path[300];
	int fd;

	live(d, name, false);
	snprintf(path, sizeof(path), "%s/%s", d->path, name);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	live(d, name, true);
	return fd < 0 ? -errno : fd;
}

static int doomed_rename(void *arg, const char *from, const char *to)
{
	struct doomed *d = arg;
	char a[300], b[300];
	int r;

	live(d, to, false);
	snprintf(a, sizeof(a), "%s/%s", d->path, from);
	snprintf(b, sizeof(b), "%s/%s", d->path, to);
	r = rename(a, b) < 0 ? -errno : 0;
	live(d, to, true);
	return r;
}

static int doomed_unlink(void *arg, const char *name)
{
	struct doomed *d = arg;
	char path[300];

	snprintf(path, sizeof(path), "%s/%s", d->path, name);
	return unlink(path) < 0 ? -errno : 0;
}

static int doomed_mkdir(void *arg, const char *name)
{
	struct doomed *d = arg;
	char path[300];

	snprintf(path, sizeof(path), "%s/%s", d->path, name);
	return mkdir(path, 0700) < 0 && errno != EEXIST ? -errno : 0;
}

static void doomed_capture(const char *spec, const char *store, int left, bool after)
{
	struct doomed d = {store, left, after};
	const struct store_files files = {.arg = &d,
					  .create = doomed_create,
					  .rename = doomed_rename,
					  .unlink = doomed_unlink,
					  .mkdir = doomed_mkdir};
	const struct store_conf conf = {.files = &files, .raw_limit = UINT64_MAX};
	struct store_stream *st;
	struct err err = {0};
	struct store *s;

	if (store_open(&s, spec, &conf, &err) < 0 ||
	    store_stream_new(s, "c", 0, (1000 + left) * SEC, &st, &err) < 0 ||
	    store_tick(st, (1001 + left) * SEC, &err) < 0 ||
	    store_finish(st, (1002 + left) * SEC, NULL, 0, &err) < 0)
		_exit(1);
	store_stream_free(st);
	store_close(s);
	_exit(0);
}

/* Killed before and after each step: the old one or the new one is there, and the next
 * writer goes on. */
static void test_kill(void **state)
{
	char spec[128], path[300];
	const char *store = new_store(spec);
	int i, status, killed = 0;

	(void)state;
	add_run(spec, "c", 100 * SEC);
	for (i = 0; i < 6; i++) {
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid == 0)
			doomed_capture(spec, store, i / 2, i % 2);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status) &&
			    (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 7));
		killed += WEXITSTATUS(status) == 7;
		check_crcs(store);
		assert_true(ask(store, "SELECT count(*) FROM runs WHERE state='finished'") > 0);
	}
	assert_int_equal(killed, 4); /* create() and rename() */
	add_run(spec, "c", 5000 * SEC);
	snprintf(path, sizeof(path), "%s/" CATALOGUE_TMP, store);
	assert_int_equal(access(path, F_OK), -1);
	check_crcs(store);
	assert_int_equal(ask(store, "SELECT count(*) FROM runs"), 8);
}

/* Runs at 100, 200, 300 s, of 10 s each. */
static const char *three_runs(char spec[128])
{
	const char *store = new_store(spec);
	int i;

	for (i = 1; i <= 3; i++)
		add_run(spec, "c", i * 100 * SEC);
	return store;
}

/* Asks for the second of three runs.  Returns how many were passed over. */
static size_t look(const char *spec)
{
	struct store *s;
	struct store_read *r = open_read(spec, &s, 200 * SEC, 205 * SEC, false);
	size_t n, i, skipped = 0;
	const struct store_run *v = store_read_runs(r, &n);

	assert_int_equal(n, 3);
	for (i = 0; i < 3; i++) {
		assert_string_equal(v[i].capture, "c");
		assert_int_equal(v[i].shard, 0);
		assert_int_equal(v[i].state, STORE_FINISHED);
		assert_int_equal(v[i].start, (int64_t)(i + 1) * 100 * SEC);
		assert_int_equal(v[i].end, ((int64_t)(i + 1) * 100 + 9) * SEC);
		assert_int_equal(v[i].id, v[i].start);
		assert_int_equal(v[i].kept, 10);
		assert_int_equal(v[i].n_segments, v[i].skipped ? 0 : 1);
		assert_int_equal(v[i].n_blocks, v[i].skipped ? 0 : 1);
		skipped += v[i].skipped;
	}
	assert_false(v[1].skipped);
	store_read_free(r);
	store_close(s);
	return skipped;
}

static void put(const char *store, const void *p, size_t n)
{
	char path[300];
	FILE *f;

	snprintf(path, sizeof(path), "%s/" CATALOGUE_NAME, store);
	f = fopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(p, 1, n, f), n);
	fclose(f);
}

static uint8_t *get(const char *store, size_t *ret_n)
{
	char path[300];
	uint8_t *p;
	FILE *f;

	snprintf(path, sizeof(path), "%s/" CATALOGUE_NAME, store);
	f = fopen(path, "rb");
	assert_non_null(f);
	p = malloc(1 << 20);
	*ret_n = fread(p, 1, 1 << 20, f);
	fclose(f);
	return p;
}

static void test_skip(void **state)
{
	char spec[128], path[300];
	const char *store = three_runs(spec);
	struct store_read *r;
	struct err err = {0};
	struct store *s;
	FILE *f;

	(void)state;
	assert_int_equal(look(spec), 2);
	/* What was not read cannot be told anew. */
	r = open_read(spec, &s, 200 * SEC, 205 * SEC, true);
	assert_int_equal(store_catalogue_rebuild(r, &err), -EINVAL);
	store_read_free(r);
	store_close(s);
	/* A journal that is not as it was is read. */
	snprintf(path, sizeof(path), "%s/c/0/%016llx.jrn", store, (unsigned long long)(100 * SEC));
	f = fopen(path, "ab");
	fputc(0, f);
	fclose(f);
	assert_int_equal(look(spec), 1);
}

/* Cut, with bits changed, of random bytes, too large: the same runs, and a writer goes on. */
static void test_damage(void **state)
{
	char spec[128], path[300];
	const char *store = three_runs(spec);
	CLEANUP(freep) uint8_t *p = NULL, *q = NULL;
	size_t n, i;

	(void)state;
	p = get(store, &n);
	q = malloc(n);
	for (i = 0; i < n; i += i < 200 ? 1 : 509) {
		put(store, p, i);
		look(spec);
	}
	for (i = 0; i < 1500; i++) {
		size_t at = rnd((uint32_t)(i % 3 ? n : 8192)), k;

		memcpy(q, p, n);
		q[at] ^= (uint8_t)(1u << rnd(8));
		for (k = 0; i % 5 == 4 && k < 50; k++)
			q[rnd((uint32_t)n)] = (uint8_t)rnd(256);
		put(store, q, n);
		look(spec);
	}
	for (i = 0; i < n; i++)
		q[i] = (uint8_t)rnd(256);
	put(store, q, n);
	assert_int_equal(look(spec), 0);
	memcpy(q, p, 100);
	put(store, q, n);
	assert_int_equal(look(spec), 0);
	snprintf(path, sizeof(path), "%s/" CATALOGUE_NAME, store);
	put(store, p, n);
	assert_int_equal(truncate(path, INT64_C(1) << 40), 0);
	assert_int_equal(look(spec), 0);

	put(store, q, n);
	add_run(spec, "d", 400 * SEC);
	assert_int_equal(ask(store, "SELECT count(*) FROM runs WHERE state='unknown'"), 3);
	assert_int_equal(ask(store, "SELECT count(*) FROM runs WHERE state='finished'"), 1);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0); /* nor can it be made */
	add_run(spec, "d", 500 * SEC);
}

/* Databases of others: each is a change of a good one.  None is believed. */
static void test_hostile(void **state)
{
	static const char *const changes[] = {
		"CREATE TABLE more(x)",
		"CREATE VIEW v AS SELECT 1",
		"CREATE INDEX i ON runs(pid)",
		"CREATE TRIGGER t AFTER INSERT ON about BEGIN DELETE FROM runs; END",
		"DROP TABLE removed",
		"DROP TABLE about",
		"UPDATE about SET format=2",
		"ALTER TABLE runs ADD COLUMN x DEFAULT 'x'",
		"ALTER TABLE runs RENAME TO other; CREATE VIEW runs AS WITH RECURSIVE n(i) AS "
		"(SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT i FROM n",
		"DROP TABLE runs; CREATE VIRTUAL TABLE runs USING fts5(capture, shard, run)",
		"UPDATE runs SET first_ns=1000000000000, last_ns=2000000000000, "
		"start_ns=1000000000000, end_ns=2000000000000",
		"UPDATE runs SET capture=x'ff00ff'",
		"UPDATE runs SET check_crc=check_crc+4294967296",
		"UPDATE runs SET check_crc=CAST(check_crc AS TEXT)||'x'",
		"UPDATE runs SET run=upper(run)||'0'",
		"UPDATE runs SET journal_bytes=journal_bytes+0.5",
		"PRAGMA writable_schema=1; UPDATE sqlite_schema SET sql=sql||' '",
		"PRAGMA writable_schema=1; UPDATE sqlite_schema SET rootpage=1",
	};
	char spec[128], path[300];
	const char *store = three_runs(spec);
	CLEANUP(freep) uint8_t *p = NULL;
	size_t n, i;

	(void)state;
	p = get(store, &n);
	snprintf(path, sizeof(path), "%s/" CATALOGUE_NAME, store);
	for (i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		sqlite3 *db;

		put(store, p, n);
		assert_int_equal(look(spec), 2);
		assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
		sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 0, NULL);
		if (sqlite3_exec(db, changes[i], NULL, NULL, NULL) != SQLITE_OK &&
		    !strstr(changes[i], "VIRTUAL"))
			fail_msg("%s: %s", changes[i], sqlite3_errmsg(db));
		sqlite3_close(db);
		if (look(spec) != 0)
			fail_msg("believed: %s", changes[i]);
	}
}

/* Bytes of the files of a folder whose names end so. */
static int64_t bytes_of(const char *folder, const char *end, int64_t *ret_n)
{
	DIR *d = opendir(folder);
	const struct dirent *e;
	int64_t sum = 0;

	*ret_n = 0;
	assert_non_null(d);
	while ((e = readdir(d))) {
		size_t n = strlen(e->d_name), m = strlen(end);
		struct stat st;

		if (n < m || strcmp(e->d_name + n - m, end) != 0)
			continue;
		assert_int_equal(fstatat(dirfd(d), e->d_name, &st, 0), 0);
		sum += st.st_size;
		++*ret_n;
	}
	closedir(d);
	return sum;
}

/* More than the quota: what went is no longer there, and counted. */
static void test_removal(void **state)
{
	static const uint8_t data[60000];
	const struct store_iface eth = {.name = "eth0", .linktype = 1};
	const struct store_conf conf = {.raw_limit = UINT64_MAX, .quota = 16 << 20};
	char spec[128], folder[300];
	const char *store = new_store(spec);
	int64_t n, index, bytes, written = 0;
	struct store_stream *st;
	struct err err = {0};
	struct store *s;
	int run, k;

	(void)state;
	for (run = 1; run <= 2; run++) {
		assert_int_equal(store_open(&s, spec, &conf, &err), 0);
		assert_int_equal(store_stream_new(s, "c", 0, run * 1000 * SEC, &st, &err), 0);
		assert_int_equal(store_iface(st, &eth, &err), 0);
		for (k = 1; k <= 400; k++) {
			const struct flow_ref ref = {8, (uint64_t)k};
			const struct store_flows f = {.refs = &ref, .n = 1, .keep = UINT32_MAX};
			const struct pkt p = {.ts = run * 1000 * SEC + k,
					      .data = data,
					      .caplen = sizeof(data),
					      .len = sizeof(data),
					      .linktype = 1};

			assert_int_equal(store_packets(st, &p, 1, &f, &err), 0);
			assert_int_equal(store_tick(st, run * 1000 * SEC + k * SEC, &err), 0);
		}
		assert_int_equal(store_finish(st, run * 1500 * SEC, NULL, 0, &err), 0);
		written += (int64_t)store_counts(st, 0).kept;
		store_stream_free(st);
		store_close(s);
	}
	assert_int_equal(written, 800);
	check_crcs(store);
	snprintf(folder, sizeof(folder), "%s/c/0", store);
	bytes = bytes_of(folder, ".pcapng", &n);
	assert_int_equal(ask(store, "SELECT count(*) FROM files WHERE kind='packets'"), n);
	assert_int_equal(ask(store, "SELECT sum(bytes) FROM files WHERE kind='packets'"), bytes);
	index = bytes_of(folder, ".pidx", &n);
	assert_int_equal(ask(store, "SELECT sum(bytes_packets) FROM runs"), bytes + index);
	bytes_of(folder, ".jrn", &n);
	assert_int_equal(ask(store, "SELECT count(*) FROM runs"), n);
	assert_true(ask(store, "SELECT sum(files) FROM removed WHERE kind='packets' AND "
			       "why='quota'") > 3);
	assert_true(ask(store, "SELECT max(up_to_number) FROM removed WHERE kind='packets'") > 3);
	/* 48 MB were written; both together are about that. */
	assert_true(bytes + ask(store, "SELECT sum(bytes) FROM removed WHERE kind='packets'") >=
		    800 * (int64_t)sizeof(data));
	/* Who removed nothing himself knows it from before. */
	bytes = ask(store, "SELECT sum(bytes) FROM removed");
	add_run(spec, "d", 9000 * SEC);
	assert_int_equal(ask(store, "SELECT sum(bytes) FROM removed"), bytes);
}

#define MANY 2000

/* Of many runs those of another time are not read. */
static void test_many(void **state)
{
	const struct store_conf conf = {.raw_limit = UINT64_MAX};
	char spec[128];
	const char *store = new_store(spec);
	const struct store_run *v;
	struct store_stream *st;
	struct store_read *r;
	struct err err = {0};
	struct store *s;
	size_t i, n, read = 0;

	(void)state;
	assert_int_equal(store_open(&s, spec, &conf, &err), 0);
	for (i = 0; i < MANY; i++) {
		const int64_t now = (int64_t)(1 + i) * 60 * SEC;

		assert_int_equal(store_stream_new(s, "c", i % 50, now, &st, &err), 0);
		assert_int_equal(store_tick(st, now + 30 * SEC, &err), 0);
		assert_int_equal(store_finish(st, now + 59 * SEC, NULL, 0, &err), 0);
		store_stream_free(st);
	}
	store_close(s);
	assert_int_equal(ask(store, "SELECT count(*) FROM runs WHERE state='finished'"), MANY);
	r = open_read(spec, &s, MANY * 60 * SEC, INT64_MAX, false);
	v = store_read_runs(r, &n);
	assert_int_equal(n, MANY);
	for (i = 0; i < n; i++) {
		assert_int_equal(v[i].start, (int64_t)(1 + i) * 60 * SEC);
		read += !v[i].skipped;
	}
	assert_int_equal(read, 1);
	store_read_free(r);
	store_close(s);
	/* No range, no catalogue. */
	r = open_read(spec, &s, INT64_MIN, INT64_MAX, false);
	v = store_read_runs(r, &n);
	for (i = 0, read = 0; i < n; i++)
		read += !v[i].skipped;
	assert_int_equal(read, MANY);
	store_read_free(r);
	store_close(s);
}

/* A capture of its name, and one that cannot be told from its folder. */
static void test_names(void **state)
{
	static const char *const names[] = {CATALOGUE_NAME, CATALOGUE_TMP, ".x",
					    "%41",          "a/b",         "\xff\xfe'\""};
	char spec[128];
	const char *store = new_store(spec);
	size_t i, n;
	struct store *s;
	struct store_read *r;

	(void)state;
	for (i = 0; i < 6; i++)
		add_run(spec, names[i], (int64_t)(i + 1) * 100 * SEC);
	check_crcs(store);
	assert_int_equal(ask(store, "SELECT count(*) FROM runs WHERE state='finished'"), 6);
	r = open_read(spec, &s, 5000 * SEC, INT64_MAX, false);
	for (i = 0; i < 6; i++) {
		assert_string_equal(store_read_runs(r, &n)[i].capture, names[i]);
		assert_true(store_read_runs(r, &n)[i].skipped);
	}
	assert_int_equal(n, 6);
	store_read_free(r);
	store_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_model),   cmocka_unit_test(test_cli),
		cmocka_unit_test(test_killed),  cmocka_unit_test(test_kill),
		cmocka_unit_test(test_skip),    cmocka_unit_test(test_damage),
		cmocka_unit_test(test_hostile), cmocka_unit_test(test_removal),
		cmocka_unit_test(test_many),    cmocka_unit_test(test_names),
	};
	char cmd[128];
	int r;

	/* Of thousands of runs each is waited for until it is on the disk. */
	snprintf(dir, sizeof(dir), "/dev/shm/trawl-test-XXXXXX");
	if (!mkdtemp(dir) && !dir_make(dir))
		return 1;
	r = cmocka_run_group_tests(tests, NULL, NULL);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	return system(cmd) != 0 ? 1 : r;
}
