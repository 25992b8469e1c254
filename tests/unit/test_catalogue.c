/* The catalogue of a folder: SQLite itself reads it, and what it says is compared with the files
 * and with what the reader of journals finds. */
#include "store/catalogue.h"

#include <sys/wait.h>

#include "catalogue_check.h"
#include "store_files.h"

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
	int fd;

	live(d, name, false);
	fd = files_create(d->path, name);
	live(d, name, true);
	return fd;
}

static int doomed_rename(void *arg, const char *from, const char *to)
{
	struct doomed *d = arg;
	int r;

	live(d, to, false);
	r = files_rename(d->path, from, to);
	live(d, to, true);
	return r;
}

static int doomed_unlink(void *arg, const char *name)
{
	return files_unlink(((struct doomed *)arg)->path, name);
}

static int doomed_mkdir(void *arg, const char *name)
{
	return files_mkdir(((struct doomed *)arg)->path, name);
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

static int tests(void)
{
	const struct CMUnitTest all[] = {
		cmocka_unit_test(test_model),   cmocka_unit_test(test_cli),
		cmocka_unit_test(test_killed),  cmocka_unit_test(test_kill),
		cmocka_unit_test(test_removal), cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(all, NULL, NULL);
}

int main(void)
{
	return in_memory(tests);
}
