/* A quota that several threads write against, and one removes for. */
#include "store/retain.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>

#include "retain_place.h"

#define THREADS 3
#define ROUNDS  3000
#define PIECE   100000
#define QUOTA   (48 * MIB)

struct crowd {
	struct retain *r;
	_Atomic uint64_t real; /* bytes that are there now */
	_Atomic uint64_t size[THREADS][ROUNDS + 2];
	_Atomic unsigned removed[THREADS], refused;
	_Atomic bool over;
};

struct writer {
	struct crowd *c;
	unsigned n;
	pthread_t thread;
};

static int crowd_unlink(void *arg, const char *name)
{
	struct crowd *c = arg;
	unsigned thread, number;

	if (sscanf(name, "c/0/%16x-%6u", &thread, &number) != 2 || !strstr(name, ".pcapng"))
		return -ENOENT;
	/* One after the other. */
	assert_int_equal(number, atomic_fetch_add(&c->removed[thread], 1) + 1);
	atomic_fetch_sub(&c->real, atomic_exchange(&c->size[thread][number], 0));
	return 0;
}

static void *write_some(void *arg)
{
	struct writer *w = arg;
	struct crowd *c = w->c;
	char name[32];
	int64_t run, h;

	snprintf(name, sizeof(name), "c/0/%016x", w->n);
	run = retain_run(c->r, name);
	for (unsigned i = 1; i <= ROUNDS; i++) {
		unsigned pieces = 1 + (i * 7 + w->n) % 20;
		uint64_t size = 0;

		h = retain_add(c->r, run, RETAIN_SEGMENT, i);
		while (pieces-- && retain_reserve(c->r, h, PIECE) == 0) {
			if (atomic_fetch_add(&c->real, PIECE) + PIECE > QUOTA)
				abort();
			size += PIECE;
		}
		c->refused += !size;
		c->size[w->n][i] = size;
		retain_close(c->r, h, size, 0);
	}
	return NULL;
}

static void *work_some(void *arg)
{
	struct crowd *c = arg;
	struct retain_time t = {BASE * SEC, 5 * HOUR};

	while (!atomic_load(&c->over)) {
		t.wall += SEC;
		t.mono += SEC;
		retain_work(c->r, t);
	}
	return NULL;
}

static void test_threads(void **state)
{
	static struct crowd c;
	struct writer w[THREADS];
	struct store_files files = {.arg = &c, .unlink = crowd_unlink};
	struct retain_conf conf = {
		.path = root,
		.files = &files,
		.quota = QUOTA,
		.segment_size = 2 * MIB,
		.writers = THREADS,
		.keep_packets = HOUR,
		.clock_ok = true,
	};
	struct retain_stats s;
	struct err err = {0};
	pthread_t worker;
	char path[80];
	unsigned i;

	(void)state;
	snprintf(path, sizeof(path), "%s/t", root);
	assert_int_equal(mkdir(path, 0700), 0);
	conf.dir_fd = open(path, O_RDONLY | O_DIRECTORY);
	assert_int_equal(retain_new(&c.r, &conf, (struct retain_time){BASE * SEC, 5 * HOUR}, &err),
			 0);
	assert_int_equal(pthread_create(&worker, NULL, work_some, &c), 0);
	for (i = 0; i < THREADS; i++) {
		w[i] = (struct writer){.c = &c, .n = i};
		assert_int_equal(pthread_create(&w[i].thread, NULL, write_some, &w[i]), 0);
	}
	for (i = 0; i < THREADS; i++)
		pthread_join(w[i].thread, NULL);
	c.over = true;
	pthread_join(worker, NULL);
	retain_stats(c.r, &s);
	assert_int_equal(s.used, c.real);
	assert_int_equal(s.packets.bytes, c.real);
	assert_int_equal(s.packets.files + s.removed_packets.files, THREADS * ROUNDS);
	assert_int_equal(s.removed_packets.files, c.removed[0] + c.removed[1] + c.removed[2]);
	assert_int_equal(c.refused, 0); /* there is always one that may go */
	retain_free(c.r);
	close(conf.dir_fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, make_root, remove_root);
}
