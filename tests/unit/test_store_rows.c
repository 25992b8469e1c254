/* Rows of flows that go on: what readers find beside the writer, where it lies in files, and
 * what is left when the writer is killed between any two of its writes. */
#include "run/dir.h"

#include <glob.h>
#include <pthread.h>

#include "base/bytes.h"
#include "rows_model.h"
#include "store/store_read.h"

static const struct store_conf conf = {.raw_limit = UINT64_MAX, .flow.update = 1};

static size_t files(const char *path, const char *end)
{
	char pattern[256];
	glob_t g;
	size_t n;

	snprintf(pattern, sizeof(pattern), "%s/*/*/*%s", path, end);
	n = glob(pattern, 0, NULL, &g) == 0 ? g.gl_pathc : 0;
	if (n)
		globfree(&g);
	return n;
}

/* A second reader sees what the beat acknowledged, exactly; between two beats no less. */
static void test_beside_the_writer(void **state)
{
	char spec[128];
	const char *path = new_store(spec);
	struct model *m = model_open(spec, &conf);
	int i;

	(void)state;
	model_check(m, path, true);
	for (i = 0; i < 240; i++) {
		if (model_rnd(5))
			model_new(m, model_rnd(40), 30);
		model_more(m, model_rnd(60), 10);
		/* mostly a quarter second, now and then minutes */
		model_tick(m, model_rnd(12) ? SEC / 4 : (int64_t)model_rnd(200) * SEC);
		model_check(m, path, m->beat == m->now);
	}
	assert_true(files(path, ".fseg") > 0 && files(path, ".rows") > 0);
	model_finish(m);
	model_check(m, path, true);
	assert_int_equal(files(path, ".rows"), 0);
	assert_int_equal(files(path, ".refs"), 0);
	model_close(m);
}

/* Blocks and tails that a reader finds, by hand. */
struct layout {
	size_t blocks, tails; /* blocks in segments; in tails */
	uint64_t rows, tail_rows;
	uint32_t last; /* rows of the last block in a segment */
};

static struct layout layout_of(struct store *s)
{
	struct layout l = {0};
	const struct store_run *run;
	struct store_read *r;
	struct err err = {0};
	size_t n, i;

	assert_int_equal(store_read_new(&r, s, NULL, NULL, &err), 0);
	run = store_read_runs(r, &n);
	assert_int_equal(n, 1);
	for (i = 0; i < run->n_blocks; i++) {
		const struct store_block *b = &run->blocks[i];

		assert_true(!l.tails || b->tail);
		l.blocks += !b->tail;
		l.tails += b->tail;
		l.rows += b->tail ? 0 : b->rows;
		l.tail_rows += b->tail ? b->rows : 0;
		l.last = b->tail ? l.last : b->rows;
	}
	store_read_free(r);
	return l;
}

/* Five minutes after the first beat with rows they become a block. */
static void test_five_minutes(void **state)
{
	char spec[128];
	const char *path = new_store(spec);
	struct model *m = model_open(spec, &conf);
	struct layout l;

	(void)state;
	model_new(m, 5, 0);
	model_tick(m, SEC); /* the five minutes begin */
	l = layout_of(m->store);
	assert_true(l.blocks == 0 && l.tails == 1 && l.tail_rows == 5);
	model_tick(m, 100 * SEC); /* nothing new */
	l = layout_of(m->store);
	assert_true(l.blocks == 0 && l.tails == 1 && l.tail_rows == 5);
	model_new(m, 3, 100);
	model_tick(m, 199 * SEC + SEC / 2);
	l = layout_of(m->store);
	assert_true(l.blocks == 0 && l.tails == 2 && l.tail_rows == 8);
	model_tick(m, SEC / 2); /* too soon for a beat */
	model_tick(m, SEC / 2); /* 300.5 s */
	l = layout_of(m->store);
	assert_true(l.blocks == 1 && l.tails == 0 && l.rows == 8);
	model_check(m, path, true);
	/* the next ones begin with their own first beat */
	model_tick(m, 1000 * SEC);
	model_new(m, 2, 0);
	model_tick(m, SEC);
	model_tick(m, 299 * SEC);
	l = layout_of(m->store);
	assert_true(l.blocks == 1 && l.tails == 1 && l.tail_rows == 2);
	model_tick(m, SEC);
	l = layout_of(m->store);
	assert_true(l.blocks == 2 && l.tails == 0 && l.last == 2);
	/* a clock that was set back makes one at once */
	model_new(m, 4, 0);
	model_tick(m, SEC);
	model_flush(m);
	m->now -= 5000 * SEC;
	m->beat = m->now;
	model_tick(m, SEC);
	l = layout_of(m->store);
	assert_true(l.blocks == 3 && l.tails == 0 && l.last == 4);
	model_check(m, path, true);
	model_finish(m);
	model_close(m);
}

/* 65,536 rows are a block, and 16 blocks a file, which is called as the first one. */
static void test_full_blocks(void **state)
{
	static const char *const names[] = {"-000001.fseg", "-000017.fseg", "-000033.fseg"};
	char spec[128];
	const char *path = new_store(spec);
	struct model *m = model_open(spec, &conf);
	struct layout l;
	size_t i;

	(void)state;
	/* each version of 16,384 flows is a quarter */
	model_new(m, 16384, 0);
	for (i = 0; i < 16384 * 3 - 1; i++)
		model_give(m, i % 16384, false);
	model_tick(m, SEC / 2);
	assert_int_equal(layout_of(m->store).blocks, 0);
	model_give(m, 16383, false);
	model_give(m, 0, false);
	model_give(m, 1, false);
	model_tick(m, SEC / 2);
	l = layout_of(m->store);
	assert_true(l.blocks == 1 && l.rows == 65536);
	/* what is more than a quarter of a block in one second is one at the next beat */
	assert_true(l.tails == 1 && l.tail_rows == 2);
	for (i = 0; i < 16385; i++)
		model_give(m, i % 16384, false);
	model_tick(m, SEC);
	l = layout_of(m->store);
	assert_true(l.blocks == 2 && l.rows == 65536 + 2 + 16385 && l.tails == 0);
	model_check(m, path, true);
	for (i = 2; i < 40; i++) {
		assert_int_equal(layout_of(m->store).blocks, i);
		model_more(m, 20, 0);
		model_tick(m, SEC);
		model_tick(m, 300 * SEC);
	}
	assert_int_equal(layout_of(m->store).blocks, 40);
	assert_int_equal(files(path, ".fseg"), 3);
	for (i = 0; i < 3; i++)
		assert_int_equal(files(path, names[i]), 1);
	model_check(m, path, true);
	model_finish(m);
	model_check(m, path, true);
	model_close(m);
}

#define RACE_FLOWS  60
#define RACE_BLOCKS 150

struct race {
	struct model *m;
	const char *path;
	pthread_mutex_t lock; /* of what follows */
	uint32_t acked[RACE_FLOWS];
	bool over;
};

static void *write_blocks(void *arg)
{
	struct race *r = arg;
	int i;
	size_t k;

	for (i = 0; i < 2 * RACE_BLOCKS; i++) {
		model_more(r->m, 20, 0);
		/* a tail, then the block that takes its place */
		model_tick(r->m, i % 2 ? 301 * SEC : SEC);
		pthread_mutex_lock(&r->lock);
		for (k = 0; k < RACE_FLOWS; k++)
			r->acked[k] = r->m->v[k].acked;
		r->over = i == 2 * RACE_BLOCKS - 1;
		pthread_mutex_unlock(&r->lock);
	}
	return NULL;
}

/* Whenever a reader comes, it finds what was acknowledged before, be it in a tail that goes or in
 * the block that comes. */
static void test_race(void **state)
{
	struct model *seen = calloc(1, sizeof(*seen));
	struct race r = {.lock = PTHREAD_MUTEX_INITIALIZER};
	char spec[128];
	pthread_t thread;
	bool over = false;
	size_t i;

	(void)state;
	r.path = new_store(spec);
	r.m = model_open(spec, &conf);
	model_new(r.m, RACE_FLOWS, 0);
	model_tick(r.m, SEC);
	memcpy(seen, r.m, sizeof(*seen));
	for (i = 0; i < RACE_FLOWS; i++)
		r.acked[i] = 1;
	assert_int_equal(pthread_create(&thread, NULL, write_blocks, &r), 0);
	while (!over) {
		pthread_mutex_lock(&r.lock);
		for (i = 0; i < RACE_FLOWS; i++) {
			seen->v[i].acked = r.acked[i];
			seen->v[i].given = UINT32_MAX; /* there may be any by now */
		}
		over = r.over;
		pthread_mutex_unlock(&r.lock);
		model_check(seen, r.path, false);
	}
	assert_int_equal(pthread_join(thread, NULL), 0);
	model_close(r.m);
	free(seen);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_beside_the_writer),
		cmocka_unit_test(test_five_minutes),
		cmocka_unit_test(test_full_blocks),
		cmocka_unit_test(test_race),
	};

	return RUN_ALL(tests);
}
