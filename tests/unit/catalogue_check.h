/* Folders of small captures, and their catalogue as SQLite reads it. */
#pragma once

#include <sqlite3.h>

#include "base/cleanup.h"
#include "dir_check.h"
#include "store/catalogue.h"
#include "store/store_read.h"

/* 'n' packets of as many flows, one each second from 'from' on. */
static inline void write_udp(const char *path, int64_t from, int n)
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
static inline void add_run(const char *spec, const char *capture, int64_t from)
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

static inline sqlite3 *open_sqlite(const char *store)
{
	char path[300];
	sqlite3 *db;

	snprintf(path, sizeof(path), "%s/" CATALOGUE_NAME, store);
	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	return db;
}

/* The only number, or -1: NULL. */
static inline int64_t ask(const char *store, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static inline int64_t ask(const char *store, const char *fmt, ...)
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

static inline struct store_read *open_read(const char *spec, struct store **ret, int64_t from,
					   int64_t to, bool write)
{
	const struct store_conf conf = {.read_only = !write};
	struct err err = {0};
	struct store_read *r = NULL;

	if (store_open(ret, spec, &conf, &err) < 0 ||
	    store_read_new_within(&r, *ret, from, to, NULL, NULL, &err) < 0)
		fail_msg("%s", err.text);
	return r;
}

/* Of thousands of runs each is waited for until it is on the disk. */
static inline int in_memory(int (*tests)(void))
{
	snprintf(dir, sizeof(dir), "/dev/shm/trawl-test-XXXXXX");
	if (!mkdtemp(dir) && !dir_make(dir))
		return 1;
	return dir_remove(dir, tests());
}
