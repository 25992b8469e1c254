/* Passing over runs of other times: only what the catalogue tells for sure, and whatever lies in
 * its place, answers stay. */
#include "store/catalogue.h"

#include "catalogue_check.h"
#include "rnd.h"

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

/* With the catalogue and without, in all windows: the same rows, remarks and coverage. */
static void test_answers(void **state)
{
	char spec[128], path[160];
	const char *store = new_store(spec);
	struct make killed = {.spec = spec,
			      .path = path,
			      .capture = "c",
			      .raw_limit = UINT64_MAX,
			      .start = 450 * SEC,
			      .tick = 2,
			      .update = SEC,
			      .kill = true};
	struct maker m;
	int64_t from, to;
	int i;

	(void)state;
	for (i = 1; i <= 4; i++)
		add_run(spec, i % 2 ? "c" : "d", i * 100 * SEC);
	snprintf(path, sizeof(path), "%s/udp.pcap", dir);
	write_udp(path, 450 * SEC, 10);
	make_store(&m, &killed, NULL);
	add_run(spec, "c", 600 * SEC);
	for (from = 95; from < 625; from += 15) {
		for (to = from; to < 640; to += 70) {
			const struct run_dir_input in = {.path = store,
							 .from = from * SEC,
							 .to = to * SEC,
							 .max_memory = 64 << 20};
			struct run_dir *all = open_dir(store), *some = NULL;
			struct buf x = BUF_INIT, y = BUF_INIT;
			struct rows a = {0}, b = {0};
			const struct run_note *u, *v;
			struct err err = {0};
			size_t n, k;

			if (run_dir_new(&some, &in, &err) < 0)
				fail_msg("%s", err.text);
			run_dir_range(all, from * SEC, to * SEC);
			scan(run_dir_ql(all), INT64_MIN, INT64_MAX, &a);
			scan(run_dir_ql(some), INT64_MIN, INT64_MAX, &b);
			assert_int_equal(a.n, b.n);
			for (k = 0; k < a.n; k++) {
				assert_memory_equal(a.v[k].uuid, b.v[k].uuid, 16);
				assert_true(a.v[k].hash == b.v[k].hash);
			}
			run_dir_coverage(all, false, &x);
			run_dir_coverage(some, false, &y);
			assert_string_equal(buf_str(&x), buf_str(&y));
			u = run_dir_remarks(all, &n);
			v = run_dir_remarks(some, &k);
			assert_int_equal(n, k);
			for (k = 0; k < n; k++)
				assert_string_equal(u[k].text, v[k].text);
			run_dir_free(all);
			run_dir_free(some);
			buf_done(&x);
			buf_done(&y);
			free(a.v);
			free(b.v);
		}
	}
}

static int tests(void)
{
	const struct CMUnitTest all[] = {
		cmocka_unit_test(test_skip),    cmocka_unit_test(test_damage),
		cmocka_unit_test(test_hostile), cmocka_unit_test(test_many),
		cmocka_unit_test(test_answers),
	};

	return cmocka_run_group_tests(all, NULL, NULL);
}

int main(void)
{
	return in_memory(tests);
}
