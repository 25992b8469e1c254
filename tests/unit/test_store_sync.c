/* When the files of a store are on the disk: what it asks for, in which order, and that
 * nobody waits for it but the end. */
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "store_files.h"
#include "tmp_dir.h"

#define SEC INT64_C(1000000000)

static char dir[64];

/* What is asked of the disk, in its order: 's' and 'x', a segment or an index is synced, 'r',
 * an index is put in its place. */
struct asked {
	char path[96]; /* of the store */
	char log[64];
	size_t n;
	int fails;  /* place in 'log' of what fails; -1: nothing does */
	sem_t *may; /* each sync waits for it; NULL: none does */
};

static int asked_create(void *arg, const char *name)
{
	return files_create(((struct asked *)arg)->path, name);
}

static int asked_unlink(void *arg, const char *name)
{
	return files_unlink(((struct asked *)arg)->path, name);
}

static int asked_mkdir(void *arg, const char *name)
{
	return files_mkdir(((struct asked *)arg)->path, name);
}

static int asked_sync(void *arg, int fd)
{
	struct asked *a = arg;
	uint32_t magic = 0;

	if (a->may)
		while (sem_wait(a->may) < 0)
			;
	assert_int_equal(pread(fd, &magic, sizeof(magic), 0), sizeof(magic));
	a->log[a->n] = magic == 0x0a0d0d0a ? 's' : 'x';
	return (int)a->n++ == a->fails ? -EIO : 0;
}

static int asked_rename(void *arg, const char *from, const char *to)
{
	struct asked *a = arg;

	a->log[a->n++] = 'r';
	return files_rename(a->path, from, to);
}

/* Three segments of four packets each. */
static struct store_stream *make_asked(struct asked *a, struct store **ret)
{
	static const struct store_iface eth = {.name = "eth0", .linktype = 1};
	static const uint8_t data[1000];
	static int stores;
	const struct store_files files = {.arg = a,
					  .create = asked_create,
					  .rename = asked_rename,
					  .unlink = asked_unlink,
					  .mkdir = asked_mkdir,
					  .sync = asked_sync};
	const struct store_conf conf = {
		.files = &files, .raw_limit = UINT64_MAX, .segment_size = 5000};
	struct store_stream *st = NULL;
	struct err err = {0};
	char spec[128];
	int k;

	snprintf(a->path, sizeof(a->path), "%s/%d", dir, ++stores);
	snprintf(spec, sizeof(spec), "local:%s", a->path);
	assert_int_equal(mkdir(a->path, 0700), 0);
	assert_int_equal(store_open(ret, spec, &conf, &err), 0);
	assert_int_equal(store_stream_new(*ret, "c", 0, 100 * SEC, &st, &err), 0);
	assert_int_equal(store_iface(st, &eth, &err), 0);
	for (k = 1; k <= 12; k++) {
		const struct flow_ref ref = {8, (uint64_t)k};
		const struct store_flows f = {.refs = &ref, .n = 1, .keep = UINT32_MAX};
		const struct pkt p = {.ts = 100 * SEC + k,
				      .data = data,
				      .caplen = sizeof(data),
				      .len = sizeof(data),
				      .linktype = 1};

		assert_int_equal(store_packets(st, &p, 1, &f, &err), 0);
	}
	return st;
}

/* An index has its name when it and its segment are on the disk, at the end all have. */
static void test_sync(void **state)
{
	struct asked a = {.fails = -1};
	struct store_stream *st;
	struct err err = {0};
	struct store *s;

	(void)state;
	st = make_asked(&a, &s);
	assert_int_equal(store_finish(st, 200 * SEC, NULL, 0, &err), 0);
	assert_string_equal(a.log, "sxrsxrsxr");
	store_stream_free(st);
	store_close(s);
}

/* What was not synced has no index in its place, and is said. */
static void test_sync_fails(void **state)
{
	static const struct {
		int fails;
		const char *log;
		int finish, indexes;
	} rows[] = {
		{0, "sxsxrsxr", -EIO, 2}, /* a segment */
		{4, "sxrsxsxr", 0, 2},    /* an index: it can be made again */
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct asked a = {.fails = rows[i].fails};
		struct store_stream *st;
		struct err err = {0};
		char cmd[300];
		struct store *s;

		st = make_asked(&a, &s);
		assert_int_equal(store_finish(st, 200 * SEC, NULL, 0, &err), rows[i].finish);
		assert_string_equal(a.log, rows[i].log);
		store_stream_free(st);
		store_close(s);
		snprintf(cmd, sizeof(cmd),
			 "test $(find %s -name '*.pidx' | wc -l) -eq %d -a "
			 "$(find %s -name '*.tmp' | wc -l) -eq 0",
			 a.path, rows[i].indexes, a.path);
		assert_int_equal(system(cmd), 0);
	}
}

/* A disk that takes its time for that does not hold packets up. */
static void test_sync_is_slow(void **state)
{
	sem_t may;
	struct asked a = {.fails = -1, .may = &may};
	struct store_stream *st;
	struct err err = {0};
	struct store *s;
	int i;

	(void)state;
	sem_init(&may, 0, 0);
	st = make_asked(&a, &s); /* two are sealed, none is synced */
	assert_int_equal(store_tick(st, 150 * SEC, &err), 0);
	assert_int_equal(store_counts(st, 0).kept, 12);
	for (i = 0; i < 6; i++)
		sem_post(&may);
	assert_int_equal(store_finish(st, 200 * SEC, NULL, 0, &err), 0);
	assert_string_equal(a.log, "sxrsxrsxr");
	store_stream_free(st);
	store_close(s);
	sem_destroy(&may);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sync),
		cmocka_unit_test(test_sync_fails),
		cmocka_unit_test(test_sync_is_slow),
	};

	if (!dir_make(dir))
		return 1;
	return dir_remove(dir, cmocka_run_group_tests(tests, NULL, NULL));
}
