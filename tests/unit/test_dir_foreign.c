/* What lies in a folder of captures and is none of its runs: names that the store does not give,
 * files that a journal does not tell of, journals of elsewhere, and what is no file at all.  What
 * a run has is given once; what is expected is what -r gives for the same packets. */
#include "run/dir.h"

#include <sys/resource.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "file_spoil.h"
#include "run/past.h"
#include "store/check.h"

/* A finished run of some segments.  Returns its path. */
static const char *make(char spec[128], bool kill)
{
	const struct make o = {.spec = spec,
			       .capture = "c",
			       .path = TOUR,
			       .raw_limit = UINT64_MAX,
			       .segment_size = 20000,
			       .kill = kill};
	const char *path = new_store(spec);
	struct maker m;

	make_store(&m, &o, NULL);
	return path;
}

static void expect(const char *store)
{
	const struct compare c = {.path = TOUR, .store = store, .flows = 4};

	compare(&c);
}

/* Packets that are there, whether they are in a flow or not, and whether something was said. */
static uint64_t past(const char *store, const char *note, bool *ret_incomplete)
{
	struct run_dir *d = open_dir(store);
	struct packets p = {0};
	struct past_stats stats;
	struct err err = {0};

	assert_int_equal(past_dir(d, "", take_packet, &p, &stats, &err), 0);
	if (note && !has_note(d, note)) {
		print_notes(run_dir_stats(d));
		fail_msg("nobody said '%s'", note);
	}
	if (ret_incomplete)
		*ret_incomplete = run_dir_stats(d)->incomplete;
	run_dir_free(d);
	free(p.v);
	return p.n;
}

/* The same file under another name of the run: 'end' in the place of "000001.pcapng". */
static void copy(const char *store, const char *from, const char *end)
{
	struct file f;

	file_find(&f, store, from);
	strcpy(f.path + strlen(f.path) - strlen(from), end);
	file_write(&f, f.n);
	free(f.p);
}

/* A number has one name: six digits, more only where they are needed. */
static void test_numbers(void **state)
{
	static const char *const odd[] = {"-1",       "-01",      "-0000001", "-+00001",
					  "- 00001",  "-00000x1", "-000000",  "-4294967297",
					  "-000001x", "_000001"};
	char spec[128], end[64];
	const char *store = make(spec, false);
	uint64_t n = past(store, NULL, NULL);
	bool incomplete;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		snprintf(end, sizeof(end), "%s.pcapng", odd[i]);
		copy(store, "-000001.pcapng", end);
		snprintf(end, sizeof(end), "%s.fseg", odd[i]);
		copy(store, "-000001.fseg", end);
		snprintf(end, sizeof(end), "%s.rows", odd[i]);
		copy(store, "-000001.fseg", end);
	}
	assert_int_equal(past(store, NULL, &incomplete), n);
	assert_false(incomplete);
	expect(store);
}

/* A run that ended has what its journal tells and no more. */
static void test_untold(void **state)
{
	char spec[128];
	const char *store = make(spec, false);
	uint64_t n = past(store, NULL, NULL);
	bool incomplete;

	(void)state;
	copy(store, "-000001.pcapng", "-000999.pcapng");
	assert_int_equal(past(store, "segment 999 is none that the journal tells of", &incomplete),
			 n);
	assert_true(incomplete);
	expect(store);
}

static void copy_all(const char *from, const char *to)
{
	char pattern[256];
	size_t i;
	glob_t g;

	assert_int_equal(mkdir(to, 0700), 0);
	snprintf(pattern, sizeof(pattern), "%s/*", from);
	assert_int_equal(glob(pattern, 0, NULL, &g), 0);
	for (i = 0; i < g.gl_pathc; i++) {
		struct file f = {.n = 0};
		struct stat st;
		FILE *in = fopen(g.gl_pathv[i], "rb");

		assert_int_equal(stat(g.gl_pathv[i], &st), 0);
		f.p = malloc((size_t)st.st_size + 1);
		f.n = fread(f.p, 1, (size_t)st.st_size, in);
		fclose(in);
		snprintf(f.path, sizeof(f.path), "%s%s", to, strrchr(g.gl_pathv[i], '/'));
		file_write(&f, f.n);
		free(f.p);
	}
	globfree(&g);
}

/* A run that was copied to where another one would be is not there twice. */
static void test_elsewhere(void **state)
{
	char spec[128], from[192], to[192], name[256];
	const char *store = make(spec, false);
	uint64_t n = past(store, NULL, NULL);
	struct file f;
	bool incomplete;

	(void)state;
	snprintf(from, sizeof(from), "%s/c/0", store);
	snprintf(to, sizeof(to), "%s/c/1", store);
	copy_all(from, to);
	assert_int_equal(past(store, "journal of another run, or lies in another's", &incomplete),
			 n);
	assert_true(incomplete);
	expect(store);
	snprintf(to, sizeof(to), "%s/e", store);
	assert_int_equal(mkdir(to, 0700), 0);
	snprintf(to, sizeof(to), "%s/e/0", store);
	copy_all(from, to);
	expect(store);
	/* nor under another run's name in its own folder */
	file_find(&f, store, ".jrn");
	snprintf(name, sizeof(name), "%s/c/0/00000000000000aa.jrn", store);
	strcpy(f.path, name);
	file_write(&f, f.n);
	free(f.p);
	expect(store);
}

enum odd { FIFO, FOLDER, LINK };

static void put_odd(const char *path, enum odd what)
{
	if (what == FIFO)
		assert_int_equal(mkfifo(path, 0600), 0);
	else if (what == FOLDER)
		assert_int_equal(mkdir(path, 0700), 0);
	else
		assert_int_equal(symlink("/dev/null", path), 0);
}

/* What is there, but no file, was not removed. */
static void test_no_file(void **state)
{
	static const char *const ends[] = {"-000001.pcapng", "-000002.pcapng", "-000001.fseg"};
	char spec[128];
	const char *store = make(spec, false);
	struct run_dir *d;
	struct rows r = {0};
	size_t i;
	int what;

	(void)state;
	for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		struct file f;

		file_find(&f, store, ends[i]);
		for (what = FIFO; what <= LINK; what++) {
			assert_int_equal(unlink(f.path), 0);
			put_odd(f.path, (enum odd)what);
			d = open_dir(store);
			scan(run_dir_ql(d), INT64_MIN, INT64_MAX, &r);
			assert_true(has_note(d, "cannot be read"));
			assert_false(has_note(d, "missing between"));
			assert_true(run_dir_stats(d)->incomplete);
			run_dir_free(d);
			past(store, i < 2 ? "cannot be read" : NULL, NULL);
			assert_int_equal(remove(f.path), 0);
			file_write(&f, f.n);
		}
		free(f.p);
	}
	expect(store);
	free(r.v);
}

/* In an index's place it is a lost index, which loses nothing. */
static void test_no_index(void **state)
{
	char spec[128];
	const char *store = make(spec, false);
	uint64_t n = past(store, NULL, NULL);
	struct file f;
	int what;

	(void)state;
	file_find(&f, store, "-000001.pidx");
	for (what = FIFO; what <= LINK; what++) {
		assert_int_equal(unlink(f.path), 0);
		put_odd(f.path, (enum odd)what);
		assert_int_equal(past(store, NULL, NULL), n);
		expect(store);
		assert_int_equal(remove(f.path), 0);
		file_write(&f, f.n);
	}
	free(f.p);
}

/* A file system that stopped may leave zeros behind what was written last. */
static void test_zeros(void **state)
{
	char spec[128];
	const char *store = make(spec, false);
	uint64_t n = past(store, NULL, NULL);
	bool incomplete;
	struct file f;

	(void)state;
	file_find(&f, store, ".jrn");
	f.p = realloc(f.p, f.n + 4096);
	memset(f.p + f.n, 0, 4096);
	file_write(&f, f.n + 4096);
	assert_int_equal(past(store, NULL, &incomplete), n);
	assert_false(incomplete);
	/* anything else there is damage */
	f.p[f.n + 4000] = 1;
	file_write(&f, f.n + 4096);
	assert_int_equal(past(store, "the journal is damaged at", &incomplete), n);
	assert_true(incomplete);
	free(f.p);
}

#define RUNS  40
#define FILES 16

/* More runs than files that may be open. */
static void test_few_files(void **state)
{
	char spec[128];
	const char *store = new_store(spec);
	struct make o = {
		.spec = spec, .capture = "c", .path = TOUR, .raw_limit = UINT64_MAX, .max = 9};
	struct rlimit before, few;
	struct rows r = {0};
	struct run_dir *d;
	struct maker m;
	int i;

	(void)state;
	for (i = 0; i < RUNS; i++) {
		o.start = (i + 1) * SEC;
		o.kill = i % 2;
		make_store(&m, &o, NULL);
	}
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = (struct rlimit){FILES, before.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	d = open_dir(store);
	scan(run_dir_ql(d), INT64_MIN, INT64_MAX, &r);
	assert_false(has_note(d, "open files"));
	run_dir_free(d);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	d = open_dir(store);
	i = (int)r.n;
	scan(run_dir_ql(d), INT64_MIN, INT64_MAX, &r);
	assert_int_equal(r.n, 2 * i);
	assert_true(i >= RUNS);
	run_dir_free(d);
	free(r.v);
}

/* Heads of records as large as may be, wherever one looks for the next good one: 'type' and
 * 'size' as they stand in the file. */
static void fill_heads(uint8_t *p, size_t n, uint32_t type, uint32_t size)
{
	size_t i;

	for (i = 0; i + 8 <= n; i += 8) {
		le32_store(p + i, type);
		le32_store(p + i + 4, size);
	}
}

#define CRAFTED (15u << 20)

/* The file with 'end', with a record that is cut behind it, and such heads in that. */
static void craft(const char *store, const char *end, uint32_t type, uint32_t size)
{
	struct file f;

	file_find(&f, store, end);
	f.p = realloc(f.p, f.n + 12 + CRAFTED);
	memset(f.p + f.n, 0, 12 + CRAFTED);
	le32_store(f.p + f.n, type);
	le32_store(f.p + f.n + 4, 0xfffff0);
	fill_heads(f.p + f.n + 12, CRAFTED, type, size);
	file_write(&f, f.n + 12 + CRAFTED);
	free(f.p);
}

static void found(void *arg, const struct store_finding *f)
{
	(void)arg;
	assert_non_null(f->text);
}

static bool stop(void *arg, uint64_t bytes, uint64_t total)
{
	(void)bytes, (void)total;
	++*(unsigned *)arg;
	return false;
}

/* Looks through all of it.  How often it asked whether to stop. */
static unsigned look(const char *spec, uint64_t damage)
{
	const struct store_conf conf = {.read_only = true};
	unsigned asked = 0;
	const struct store_check_conf check = {.found = found, .stop = stop, .arg = &asked};
	struct store_checked sum;
	struct store *s;
	struct err err = {0};

	assert_int_equal(store_open(&s, spec, &conf, &err), 0);
	assert_int_equal(store_check(s, &check, &sum, &err), 0);
	assert_int_equal(sum.damage, damage);
	store_close(s);
	return asked;
}

/* Looking for what is good behind damage costs little, whatever there is: one that sums up
 * megabytes at each byte takes hours for this. */
static void test_heads(void **state)
{
	char spec[128];
	const char *store = make(spec, true);
	uint64_t n = past(store, NULL, NULL);

	(void)state;
	craft(store, ".jrn", 1, 0xbffff0); /* more than such a record has */
	assert_int_equal(past(store, NULL, NULL), n);
	store = make(spec, true);
	craft(store, ".jrn", 4, 0x1fff0);
	assert_int_equal(past(store, "what follows is lost", NULL), n);
	assert_true(look(spec, 1) > 50); /* for about each MiB that is summed up, 64 in all */
	store = make(spec, true);
	craft(store, ".refs", 1, 0xbffff0);
	assert_int_equal(past(store, NULL, NULL), n);
	/* a packet's block likewise */
	store = make(spec, true);
	craft(store, "-000001.pcapng", 6, 0xfffff0);
	assert_int_equal(past(store, NULL, NULL), n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),   cmocka_unit_test(test_untold),
		cmocka_unit_test(test_elsewhere), cmocka_unit_test(test_no_file),
		cmocka_unit_test(test_no_index),  cmocka_unit_test(test_zeros),
		cmocka_unit_test(test_few_files), cmocka_unit_test(test_heads),
	};

	return RUN_ALL(tests);
}
