/* What a store keeps and counts on a disk that fails at places that are known. */
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/crc32c.h"
#include "fmt/fseg.h"
#include "store/store_read.h"
#include "store_files.h"
#include "store_give.h"

/* Files that cannot grow beyond a size stand for a disk that is full. */
static void test_disk_full(void **state)
{
	const struct store_conf conf = {.raw_limit = UINT64_MAX, .segment_size = 1 << 20};
	struct rlimit old, less = {200000, RLIM_INFINITY};
	struct store_stream_stats stats;
	const struct store_run *run;
	struct store_read *r;
	struct store_seg *g;
	struct store_stream *st;
	struct err err = {0};
	struct store *s;
	char spec[128];
	uint64_t i, n = 0;
	struct pkt p;
	size_t runs;

	(void)state;
	new_store(spec);
	getrlimit(RLIMIT_FSIZE, &old);
	signal(SIGXFSZ, SIG_IGN);
	st = open_stream(&s, spec, &conf);
	less.rlim_max = old.rlim_max;
	setrlimit(RLIMIT_FSIZE, &less);
	for (i = 0; i < 1000; i++) {
		assert_int_equal(give(st, 8, i + 1, 9, i + 1, 1000), 0);
		if (i % 50 == 49)
			assert_int_equal(store_tick(st, 100 * SEC + (int64_t)i * SEC, &err), 0);
	}
	store_stream_stats(st, &stats);
	/* 50 packets a tick, of 1032 bytes: three ticks fit into 200,000 */
	assert_int_equal(stats.total.kept, 150);
	assert_int_equal(stats.total.dropped_disk, 850);
	assert_int_equal(stats.failed, -EFBIG);
	assert_non_null(strstr(stats.text, "no packets are kept until that is mended"));
	assert_int_equal(store_finish(st, 2000 * SEC, NULL, 0, &err), 0);
	setrlimit(RLIMIT_FSIZE, &old);
	store_stream_free(st);

	/* What is in the file is whole, and what is not is said. */
	assert_int_equal(store_read_new(&r, s, NULL, NULL, &err), 0);
	run = store_read_runs(r, &runs);
	assert_int_equal(runs, 1);
	assert_int_equal(run->kept, 150);
	assert_int_equal(run->dropped, 850);
	for (i = n = 0; i < run->n_gaps; i++) {
		assert_int_equal(run->gaps[i].why, STORE_WHY_DISK);
		n += run->gaps[i].count;
	}
	assert_int_equal(n, 850);
	assert_int_equal(run->n_segments, 1);
	assert_int_equal(store_seg_open(&g, r, 0, 0, &err), 0);
	for (n = 0; store_seg_next(g, &p) > 0; n++)
		assert_int_equal(p.caplen, 1000);
	assert_int_equal(n, 150);
	assert_int_equal(store_seg_tail(g), 0);
	store_seg_free(g);
	store_read_free(r);
	store_close(s);
}

/* So many packets at this second, of the flow of that second and one in it. */
static void give_second(struct store_stream *st, int64_t sec, uint64_t n)
{
	struct err err = {0};
	uint64_t i;

	for (i = 0; i < n; i++)
		assert_int_equal(give(st, (uint64_t)sec * 8, i + 1, 1, i + 1, 1000), 0);
	give_row(st, (uint64_t)sec * 8, n);
	assert_int_equal(store_tick(st, sec * SEC, &err), 0);
}

/* A packet of the second interface, without a flow. */
static void give_late(struct store_stream *st)
{
	const uint8_t data[60] = {0};
	const struct store_flows none = {.keep = UINT32_MAX};
	const struct pkt p = {
		.ts = 110 * SEC, .data = data, .caplen = 60, .len = 60, .iface = 1, .linktype = 1};
	struct err err = {0};

	assert_int_equal(store_packets(st, &p, 1, &none, &err), 0);
}

static int failed(const struct store_stream *st)
{
	struct store_stream_stats s;

	store_stream_stats(st, &s);
	return s.failed;
}

/* The rows of seconds 101 to 110 and 114 are there, each once. */
static void check_rows(struct store_read *r, const struct store_run *run)
{
	CLEANUP(buf_done) struct buf b = BUF_INIT;
	CLEANUP(fseg_freep) struct fseg *f = NULL;
	unsigned there[115] = {0};
	const uint64_t *serials;
	size_t i, k, n = 0;

	assert_int_equal(fseg_new(&f, flow_store_schema()), 0);
	for (i = 0; i < run->n_blocks; i++) {
		buf_clear(&b);
		assert_int_equal(buf_reserve(&b, run->blocks[i].size), 0);
		b.len = run->blocks[i].size;
		assert_int_equal(store_read_block(r, 0, i, 0, b.len, b.p), 0);
		assert_int_equal(fseg_open(f, (uint8_t *)b.p, b.len, NULL), 0);
		assert_int_equal(fseg_serials(f, &serials, NULL), 0);
		assert_int_equal(fseg_opened(f)->rows, run->blocks[i].rows);
		for (k = 0; k < run->blocks[i].rows; k++, n++) {
			assert_true(serials[k] % 8 == 0 && serials[k] / 8 <= 114);
			there[serials[k] / 8]++;
		}
	}
	assert_int_equal(n, 11);
	for (i = 101; i <= 110; i++)
		assert_int_equal(there[i], 1);
	assert_int_equal(there[114], 1);
}

/* The only segment's index has the checksums of what is in the segment. */
static void check_sums(const char *spec)
{
	static const char *const ends[] = {"pcapng", "pidx"};
	static uint8_t p[2][1 << 20];
	size_t size[2], i;
	char cmd[256];
	struct pidx x;
	FILE *in;

	for (i = 0; i < 2; i++) {
		snprintf(cmd, sizeof(cmd), "cat %s/c/0/*.%s", spec + strlen("local:"), ends[i]);
		in = popen(cmd, "r");
		assert_non_null(in);
		size[i] = fread(p[i], 1, sizeof(p[i]), in);
		assert_int_equal(pclose(in), 0);
	}
	assert_int_equal(pidx_open(&x, p[1], size[1]), 0);
	assert_int_equal(x.n_spans, 1);
	for (i = 0; i < x.n_spans; i++) {
		const struct pidx_span *s = &x.spans[i];

		assert_true(s->to <= size[0]);
		assert_int_equal(s->has_crc, 1);
		assert_int_equal(s->crc, crc32c(0, p[0] + s->from, s->to - s->from));
	}
	pidx_done(&x);
}

/* A disk that is full for a while: no packet between is kept, all are counted, and what
 * comes behind is, in a segment that knows an interface that joined meanwhile. */
static void test_disk_full_for_a_while(void **state)
{
	const struct store_conf conf = {.raw_limit = UINT64_MAX};
	const struct store_iface late = {.name = "late0", .linktype = 1};
	struct rlimit old, less;
	struct store_stream_stats stats;
	const struct store_run *run;
	struct store_stream *st;
	struct store_read *r;
	struct store_seg *g;
	struct err err = {0};
	struct store *s;
	uint64_t n = 0, of_late = 0;
	char spec[128], cmd[256];
	struct pkt p;
	size_t runs, i;
	int64_t sec;

	(void)state;
	new_store(spec);
	getrlimit(RLIMIT_FSIZE, &old);
	signal(SIGXFSZ, SIG_IGN);
	st = open_stream(&s, spec, &conf);
	give_second(st, 101, 50);
	assert_int_equal(failed(st), 0);
	less = (struct rlimit){1000, old.rlim_max};
	setrlimit(RLIMIT_FSIZE, &less); /* neither the journal nor the segment may grow */
	assert_int_equal(store_iface(st, &late, &err), 1);
	give_late(st);
	for (sec = 102; sec < 110; sec++)
		give_second(st, sec, 10);
	assert_int_equal(failed(st), -EFBIG);
	give_second(st, 110, 10);
	setrlimit(RLIMIT_FSIZE, &old);
	/* The journal first, then packets, and then it is sure. */
	assert_int_equal(store_tick(st, 112 * SEC, &err), 0);
	for (i = 0; i < 5; i++)
		give_late(st);
	assert_int_equal(store_tick(st, 113 * SEC, &err), 0);
	assert_int_equal(failed(st), 0);
	give_second(st, 114, 20);
	assert_int_equal(store_finish(st, 115 * SEC, NULL, 0, &err), 0);
	store_stream_stats(st, &stats);
	assert_int_equal(stats.total.dropped_disk, 91);
	assert_int_equal(stats.total.kept, 75);
	assert_int_equal(stats.rows_dropped, 0);
	store_stream_free(st);

	assert_int_equal(store_read_new(&r, s, NULL, NULL, &err), 0);
	run = store_read_runs(r, &runs);
	assert_int_equal(run->state, STORE_FINISHED);
	assert_int_equal(run->kept, 75);
	assert_int_equal(run->dropped, 91);
	for (i = 0; i < run->n_gaps; i++) {
		assert_int_equal(run->gaps[i].why, STORE_WHY_DISK);
		n += run->gaps[i].count;
	}
	assert_int_equal(n, 91);
	check_rows(r, run);
	assert_int_equal(run->n_segments, 1);
	assert_int_equal(store_seg_open(&g, r, 0, 0, &err), 0);
	for (n = 0; store_seg_next(g, &p) > 0; n++)
		of_late += p.iface == 1;
	assert_int_equal(n, 75);
	assert_int_equal(of_late, 5);
	assert_int_equal(store_seg_tail(g), 0);
	store_seg_free(g);
	store_read_free(r);
	store_close(s);
	check_sums(spec); /* of several writes, with what was taken back, and 'late0' between */
	/* Another reader thinks so too: 'late0' is described before its packets. */
	snprintf(cmd, sizeof(cmd),
		 "test $(tcpdump -qnr %s/c/0/*.pcapng 2>/dev/null | wc -l) -eq 75",
		 spec + strlen("local:"));
	assert_int_equal(system(cmd), 0);
}

/* Makes files as the store itself would, until told to fail. */
struct faulty {
	const char *dir;
	int creates, renames; /* that still succeed */
};

static int faulty_create(void *arg, const char *name)
{
	struct faulty *f = arg;

	return f->creates-- ? files_create(f->dir, name) : -ENOSPC;
}

static int faulty_rename(void *arg, const char *from, const char *to)
{
	struct faulty *f = arg;

	return f->renames-- ? files_rename(f->dir, from, to) : -EIO;
}

static int faulty_unlink(void *arg, const char *name)
{
	return files_unlink(((struct faulty *)arg)->dir, name);
}

static int faulty_mkdir(void *arg, const char *name)
{
	return files_mkdir(((struct faulty *)arg)->dir, name);
}

static struct store_files faulty_files(struct faulty *f)
{
	return (struct store_files){
		.arg = f,
		.create = faulty_create,
		.rename = faulty_rename,
		.unlink = faulty_unlink,
		.mkdir = faulty_mkdir,
	};
}

/* Every file in turn cannot be made: what was taken before stays, packets after it are
 * counted, and nothing half-made is left. */
static void test_no_more_files(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < 12; i++) {
		char spec[128];
		struct faulty f = {new_store(spec), i, 1000};
		const struct store_files files = faulty_files(&f);
		const struct store_conf conf = {
			.files = &files, .raw_limit = UINT64_MAX, .segment_size = 5000};
		struct store_stream *st = NULL;
		struct store_stream_stats stats;
		struct err err = {0};
		struct store_read *r;
		struct store *s;
		char cmd[256];
		uint64_t k, n = 0;
		struct pkt p;
		size_t runs, g;
		int code;

		assert_int_equal(mkdir(f.dir, 0700), 0);
		assert_int_equal(store_open(&s, spec, &conf, &err), 0);
		code = store_stream_new(s, "c", 0, 100 * SEC, &st, &err);
		assert_int_equal(code, i ? 0 : -ENOSPC);
		if (code < 0) {
			store_close(s);
			continue;
		}
		assert_int_equal(store_iface(st, &eth, &err), 0);
		for (k = 0; k < 20; k++)
			assert_int_equal(give(st, 8, k + 1, 9, k + 1, 1000), 0);
		assert_int_equal(store_finish(st, 200 * SEC, NULL, 0, &err), 0);
		store_stream_stats(st, &stats);
		assert_int_equal(stats.total.kept + stats.total.dropped_disk, 20);
		store_stream_free(st);
		assert_int_equal(store_read_new(&r, s, NULL, NULL, &err), 0);
		for (g = 0; g < store_read_runs(r, &runs)->n_segments; g++) {
			struct store_seg *seg;

			assert_int_equal(store_seg_open(&seg, r, 0, g, &err), 0);
			while (store_seg_next(seg, &p) > 0)
				n++;
			store_seg_free(seg);
		}
		assert_int_equal(n, stats.total.kept);
		store_read_free(r);
		store_close(s);
		snprintf(cmd, sizeof(cmd), "find %s -name '*.tmp' | grep -q .", f.dir);
		assert_int_not_equal(system(cmd), 0);
	}
}

static void touch(const char *path, const char *name)
{
	char file[300];
	int fd;

	snprintf(file, sizeof(file), "%s/c/0/%s", path, name);
	fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "trawl-px", 8), 8);
	close(fd);
}

static bool is_there(const char *path, const char *name)
{
	char file[300];

	snprintf(file, sizeof(file), "%s/c/0/%s", path, name);
	return access(file, F_OK) == 0;
}

static void no_note(void *arg, const char *text)
{
	(void)arg;
	fail_msg("%s", text);
}

/* What a writer that was killed left of an index does not trouble readers, and goes with the
 * next writer; what only looks like it stays. */
static void test_half_an_index(void **state)
{
	static const char *const others[] = {
		"notes.pidx.tmp",
		"0123456789abcdef-000001.pidx",
		"0123456789abcdef-000001.pidx.tmp.old",
		"0123456789ABCDEF-000001.pidx.tmp",
		"0123456789abcdef-.pidx.tmp",
		"0123456789abcde-000001.pidx.tmp",
	};
	const struct store_conf conf = {.raw_limit = UINT64_MAX};
	char spec[128];
	const char *path = new_store(spec);
	struct store_stream *st;
	struct store_read *r;
	struct err err = {0};
	struct store *s;
	size_t n, i;

	(void)state;
	st = open_stream(&s, spec, &conf);
	assert_int_equal(give(st, 8, 1, 9, 1, 100), 0);
	store_stream_free(st); /* as killed */
	store_close(s);
	touch(path, "000000174876e800-000001.pidx.tmp"); /* run 100 s */
	touch(path, "0123456789abcdef-000012.pidx.tmp");

	assert_int_equal(store_open(&s, spec, &(struct store_conf){.read_only = true}, &err), 0);
	assert_int_equal(store_read_new(&r, s, no_note, NULL, &err), 0);
	assert_int_equal(store_read_runs(r, &n)->n_segments, 1);
	assert_int_equal(n, 1);
	assert_int_equal(store_read_rebuild(r, 0, 1 << 24, NULL, NULL, &err), 0);
	store_read_free(r);
	store_close(s);
	assert_true(is_there(path, "000000174876e800-000001.pidx.tmp")); /* readers only read */

	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		touch(path, others[i]);
	st = open_stream(&s, spec, &conf);
	assert_false(is_there(path, "000000174876e800-000001.pidx.tmp"));
	assert_false(is_there(path, "0123456789abcdef-000012.pidx.tmp"));
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_true(is_there(path, others[i]));
	store_stream_free(st);
	store_close(s);
}

/* An index that cannot be put in its place is none: its segment is there, and what was said of
 * it while it was written stays and tells the same. */
static void test_no_rename(void **state)
{
	char spec[128], cmd[256];
	struct faulty f = {new_store(spec), 1000, 0};
	const struct store_files files = faulty_files(&f);
	const struct store_conf conf = {.files = &files, .raw_limit = UINT64_MAX};
	const struct pidx *index = NULL;
	struct store_stream *st;
	struct store_read *r;
	struct store_seg *g;
	struct err err = {0};
	struct store *s;

	(void)state;
	assert_int_equal(mkdir(f.dir, 0700), 0);
	st = open_stream(&s, spec, &conf);
	assert_int_equal(give(st, 8, 1, 9, 1, 1000), 0);
	assert_int_equal(store_tick(st, 101 * SEC, &err), 0);
	assert_int_equal(give(st, 8, 2, 17, 1, 1000), 0);
	assert_int_equal(store_finish(st, 200 * SEC, NULL, 0, &err), 0);
	store_stream_free(st);
	snprintf(cmd, sizeof(cmd), "cd %s/c/0 && test \"$(echo *)\" = '%s.jrn'", f.dir,
		 "000000174876e800-000001.pcapng 000000174876e800-000001.refs 000000174876e800");
	assert_int_equal(system(cmd), 0);
	assert_int_equal(store_read_new(&r, s, no_note, NULL, &err), 0);
	assert_int_equal(store_seg_open(&g, r, 0, 0, &err), 0);
	assert_int_equal(store_seg_index(g, NULL, 0, &index), 0);
	assert_int_equal(index->info.packets, 2);
	assert_int_equal(index->info.refs, 4);
	assert_int_equal(index->info.flows, 3);
	store_seg_free(g);
	store_read_free(r);
	store_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_disk_full),     cmocka_unit_test(test_disk_full_for_a_while),
		cmocka_unit_test(test_no_more_files), cmocka_unit_test(test_no_rename),
		cmocka_unit_test(test_half_an_index),
	};

	if (!dir_make(dir))
		return 1;
	return dir_remove(dir, cmocka_run_group_tests(tests, NULL, NULL));
}
