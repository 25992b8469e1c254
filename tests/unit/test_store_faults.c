/* A disk that takes no more for a while, or only some files, or says too late what it could not
 * write: rows wait and are there later, each once, and packets that were not kept are counted. */
#include "run/dir.h"

#include <glob.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>

#include "base/bytes.h"
#include "rows_model.h"
#include "store/store_read.h"
#include "store_files.h"

#define STEPS 120

/* Makes files as the store itself would, but not those whose names end so. */
struct faulty {
	const char *path, *end; /* NULL: all can be made */
	int code;
	pthread_mutex_t lock; /* of 'sync_fails' */
	int sync_fails;       /* so many times from now on */
};

static int faulty_create(void *arg, const char *name)
{
	struct faulty *f = arg;
	size_t n = strlen(name), k = f->end ? strlen(f->end) : 0;

	if (f->end && n > k && strcmp(name + n - k, f->end) == 0)
		return f->code;
	return files_create(f->path, name);
}

static int faulty_rename(void *arg, const char *from, const char *to)
{
	return files_rename(((struct faulty *)arg)->path, from, to);
}

static int faulty_unlink(void *arg, const char *name)
{
	return files_unlink(((struct faulty *)arg)->path, name);
}

static int faulty_mkdir(void *arg, const char *name)
{
	return files_mkdir(((struct faulty *)arg)->path, name);
}

static int faulty_sync(void *arg, int fd)
{
	struct faulty *f = arg;
	bool fails;

	(void)fd;
	pthread_mutex_lock(&f->lock);
	fails = f->sync_fails > 0;
	f->sync_fails -= fails;
	pthread_mutex_unlock(&f->lock);
	return fails ? -EIO : 0;
}

/* No file becomes larger than that; 0: as large as before. */
static void limit_files(uint64_t bytes)
{
	static struct rlimit old;
	struct rlimit less;

	if (!old.rlim_cur)
		getrlimit(RLIMIT_FSIZE, &old);
	less = (struct rlimit){bytes ? bytes : old.rlim_cur, old.rlim_max};
	setrlimit(RLIMIT_FSIZE, &less);
}

static struct store_stream_stats stats_of(const struct model *m)
{
	struct store_stream_stats s;

	store_stream_stats(m->st, &s);
	return s;
}

/* As model_tick(), but that nothing is sure while the disk fails.  When a second has gone by since
 * the last one it is time for a beat in any case. */
static void tick(struct model *m, int64_t ns)
{
	struct err err = {0};

	model_flush(m);
	m->now += ns;
	assert_int_equal(store_tick(m->st, m->now, &err), 0);
	if (ns >= SEC && !stats_of(m).failed)
		model_ack(m);
}

/* Gaps tell of each packet that is not there, segments have all others. */
static void check_counts(const struct model *m, const struct store_stream_stats *s)
{
	const struct store_run *run;
	struct store_read *r;
	struct err err = {0};
	uint64_t lost = 0, n = 0, before = 0;
	struct pkt p;
	size_t i;

	assert_int_equal(s->total.kept + s->total.dropped_disk, m->packets);
	assert_int_equal(store_read_new(&r, m->store, NULL, NULL, &err), 0);
	run = store_read_runs(r, &i);
	assert_int_equal(run->kept, s->total.kept);
	assert_int_equal(run->rows_dropped, 0);
	for (i = 0; i < run->n_gaps; i++) {
		assert_int_equal(run->gaps[i].why, STORE_WHY_DISK);
		lost += run->gaps[i].count;
	}
	assert_int_equal(lost, s->total.dropped_disk);
	for (i = 0; i < run->n_segments; i++) {
		struct store_seg *g;

		assert_int_equal(store_seg_open(&g, r, 0, i, &err), 0);
		for (; store_seg_next(g, &p) > 0; n++) {
			assert_true(!n || le64_load(p.data) > before);
			before = le64_load(p.data);
		}
		assert_int_equal(store_seg_tail(g), 0);
		store_seg_free(g);
	}
	assert_int_equal(n, s->total.kept);
	store_read_free(r);
}

static void step(struct model *m, int i)
{
	size_t n;

	model_new(m, model_rnd(6), 30);
	model_more(m, model_rnd(12), 10);
	model_flush(m);
	for (n = model_rnd(20); n && m->n; n--)
		model_packet(m, model_rnd((uint32_t)m->n));
	tick(m, i % 9 == 8 ? 301 * SEC : model_rnd(3) ? SEC : SEC / 4);
}

enum kind { CREATE, SIZE };

/* Trouble comes and goes; '*lost' are packets of all tries. */
static void one_run(enum kind kind, const char *end, uint64_t *lost)
{
	char spec[128];
	struct faulty f = {.path = new_store(spec), .lock = PTHREAD_MUTEX_INITIALIZER};
	const struct store_files files = {
		.arg = &f,
		.create = faulty_create,
		.rename = faulty_rename,
		.unlink = faulty_unlink,
		.mkdir = faulty_mkdir,
		.sync = faulty_sync,
	};
	const struct store_conf conf = {
		.files = &files, .raw_limit = UINT64_MAX, .segment_size = 8000, .flow.update = 1};
	struct store_stream_stats s;
	struct model *m;
	int i, until = 0;

	assert_int_equal(mkdir(f.path, 0700), 0);
	m = model_open(spec, &conf);
	tick(m, SEC); /* it begins well */
	for (i = 0; i < STEPS; i++) {
		if (i == until) {
			f.end = NULL;
			limit_files(0);
			until = -1;
		}
		if (until < 0 && i < STEPS - 20 && !model_rnd(8)) {
			until = i + 1 + (int)model_rnd(12);
			f.end = kind == CREATE ? end : NULL;
			f.code = model_rnd(2) ? -ENOSPC : -EIO;
			limit_files(kind == SIZE ? 600 + model_rnd(3000) : 0);
		}
		step(m, i);
		if (i % 5 == 0) {
			limit_files(0); /* not for what the reader needs */
			model_check(m, f.path, false);
			until = until > i ? i + 1 : until;
		}
	}
	limit_files(0);
	f.end = NULL;
	assert_int_equal(stats_of(m).failed, 0);
	model_finish(m);
	s = stats_of(m);
	assert_int_equal(s.rows_dropped, 0);
	assert_int_equal(s.rows, m->rows);
	*lost += s.total.dropped_disk;
	model_check(m, f.path, true);
	check_counts(m, &s);
	model_close(m);
}

static void test_no_file(void **state)
{
	static const char *const ends[] = {".fseg", ".rows", ".refs", ".pcapng", ".tmp"};
	uint64_t lost;
	size_t i, k;

	(void)state;
	for (i = 0; i < 5; i++) {
		for (lost = k = 0; k < 4; k++)
			one_run(CREATE, ends[i], &lost);
		/* without references or an index packets are kept all the same */
		assert_int_equal(lost > 0, i != 2 && i != 4);
	}
}

static void test_full(void **state)
{
	uint64_t lost = 0;
	int i;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	for (i = 0; i < 15; i++)
		one_run(SIZE, NULL, &lost);
	assert_true(lost > 100);
}

/* What the disk says too late: the run is none that was finished, and what was written is
 * there. */
static void test_sync(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < 10; i++) {
		char spec[128];
		struct faulty f = {.path = new_store(spec), .lock = PTHREAD_MUTEX_INITIALIZER};
		const struct store_files files = {
			.arg = &f,
			.create = faulty_create,
			.rename = faulty_rename,
			.unlink = faulty_unlink,
			.mkdir = faulty_mkdir,
			.sync = faulty_sync,
		};
		const struct store_conf conf = {.files = &files,
						.raw_limit = UINT64_MAX,
						.segment_size = 8000,
						.flow.update = 1};
		struct err err = {0};
		struct model *m;
		int k;

		assert_int_equal(mkdir(f.path, 0700), 0);
		m = model_open(spec, &conf);
		for (k = 0; k < 40; k++) {
			if (k == 2 * i) {
				pthread_mutex_lock(&f.lock);
				f.sync_fails = 1 + i % 3;
				pthread_mutex_unlock(&f.lock);
			}
			step(m, k);
		}
		model_end_all(m);
		assert_int_equal(store_finish(m->st, m->now, NULL, 0, &err), -EIO);
		model_check(m, f.path, false);
		assert_int_equal(stats_of(m).rows_dropped, 0);
		model_close(m);
	}
}

/* References that could not be written come with the next ones: packets with many flows and few
 * bytes, so that theirs is the file that is too large. */
static void test_refs(void **state)
{
	const struct store_conf conf = {.raw_limit = UINT64_MAX, .flow.update = 1};
	struct flow_ref refs[DEC_LEVELS_MAX];
	const struct store_flows flows = {.refs = refs, .n = DEC_LEVELS_MAX, .keep = UINT32_MAX};
	const struct pidx *index = NULL;
	struct pkt p = {.data = (const uint8_t *)"", .caplen = 1, .len = 1, .linktype = 1};
	struct err err = {0};
	struct store_read *r;
	struct store_seg *g;
	struct model *m;
	char spec[128];
	int i, k;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	new_store(spec);
	m = model_open(spec, &conf);
	limit_files(5000);
	for (i = 0; i < 101; i++) {
		for (k = 0; k < DEC_LEVELS_MAX; k++)
			refs[k] = (struct flow_ref){
				(UINT64_C(1) << 40) * (unsigned)(k % 2) + (unsigned)i, 1};
		p.ts = m->now + i;
		if (i == 100)
			limit_files(0);
		assert_int_equal(store_packets(m->st, &p, 1, &flows, &err), 0);
		if (i % 10 == 0)
			model_tick(m, SEC);
	}
	assert_int_equal(stats_of(m).failed, 0);
	assert_int_equal(stats_of(m).total.kept, 101);
	assert_int_equal(store_read_new(&r, m->store, NULL, NULL, &err), 0);
	assert_int_equal(store_seg_open(&g, r, 0, 0, &err), 0);
	assert_int_equal(store_seg_index(g, NULL, 0, &index), 0);
	assert_int_equal(index->info.packets, 101);
	assert_int_equal(index->info.refs, 101 * DEC_LEVELS_MAX);
	store_seg_free(g);
	store_read_free(r);
	model_close(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_file),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_sync),
		cmocka_unit_test(test_refs),
	};

	return RUN_ALL(tests);
}
