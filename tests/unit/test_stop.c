/* Waiting for input that somebody ends.  No test waits for time to pass: where
 * something else must happen first, a thread or a pipe says so. */
#include "base/stop.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[64], fifo[96];

/* Raised before anybody waits: the moment that a signal between the question and
 * read() would have. */
static void raised_before(void **state)
{
	struct stop s;
	char c = 'x';
	int p[2];

	(void)state;
	assert_int_equal(stop_init(&s), 0);
	assert_int_equal(pipe(p), 0);
	assert_false(stop_raised(&s));
	stop_raise(&s);
	stop_raise(&s);
	assert_true(stop_raised(&s));
	assert_int_equal(stop_read(&s, p[0], &c, 1), -ECANCELED);
	assert_int_equal(write(p[1], "y", 1), 1);
	assert_int_equal(stop_read(&s, p[0], &c, 1), -ECANCELED); /* and stays so */
	assert_int_equal(stop_open(&s, fifo), -ECANCELED);
	assert_int_equal(c, 'x');
	assert_int_equal(stop_read(NULL, p[0], &c, 1), 1); /* of another's there is no end */
	assert_int_equal(c, 'y');
	close(p[0]);
	close(p[1]);
	stop_done(&s);
	stop_done(&s);
}

static void *raise_it(void *arg)
{
	stop_raise(arg);
	return NULL;
}

/* Raised while somebody waits, or is about to: both ends are the same. */
static void raised_while_waiting(void **state)
{
	pthread_t t;
	struct stop s;
	char c;
	int p[2], i;

	(void)state;
	assert_int_equal(pipe(p), 0);
	for (i = 0; i < 200; i++) {
		assert_int_equal(stop_init(&s), 0);
		assert_int_equal(pthread_create(&t, NULL, raise_it, &s), 0);
		assert_int_equal(stop_read(&s, p[0], &c, 1), -ECANCELED);
		pthread_join(t, NULL);
		stop_done(&s);
	}
	close(p[0]);
	close(p[1]);
}

static void *write_fifo(void *arg)
{
	int fd = open(fifo, O_WRONLY);

	if (fd >= 0 && write(fd, arg, strlen(arg)) < 0)
		abort();
	close(fd);
	return NULL;
}

static void a_pipe_waits_for_its_writer(void **state)
{
	char text[8] = {0}, hello[] = "hello", none[] = "";
	pthread_t t;
	struct stop s;
	int fd;

	(void)state;
	assert_int_equal(stop_init(&s), 0);
	fd = stop_open(&s, fifo);
	assert_true(fd >= 0);
	assert_int_equal(pthread_create(&t, NULL, write_fifo, hello), 0);
	assert_int_equal(stop_read(&s, fd, text, sizeof(text)), 5);
	assert_string_equal(text, "hello");
	assert_int_equal(stop_read(&s, fd, text, sizeof(text)), 0);
	pthread_join(t, NULL);
	close(fd);

	/* one that comes and goes without a word ends it, too */
	fd = stop_open(&s, fifo);
	assert_int_equal(pthread_create(&t, NULL, write_fifo, none), 0);
	assert_int_equal(stop_read(&s, fd, text, sizeof(text)), 0);
	pthread_join(t, NULL);
	close(fd);

	/* nobody comes at all */
	fd = stop_open(&s, fifo);
	assert_int_equal(pthread_create(&t, NULL, raise_it, &s), 0);
	assert_int_equal(stop_read(&s, fd, text, sizeof(text)), -ECANCELED);
	pthread_join(t, NULL);
	close(fd);
	stop_done(&s);
}

/* A descriptor that does not wait by itself: as left behind by another program. */
static void waits_where_the_descriptor_does_not(void **state)
{
	char c = 0, byte[] = "z";
	pthread_t t;
	int fd;

	(void)state;
	assert_int_equal(pthread_create(&t, NULL, write_fifo, byte), 0);
	fd = open(fifo, O_RDONLY);
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(stop_read(NULL, fd, &c, 1), 1);
	assert_int_equal(c, 'z');
	pthread_join(t, NULL);
	close(fd);
}

static void errors_are_told(void **state)
{
	char c;
	int fd;

	(void)state;
	assert_int_equal(stop_open(NULL, "/nonexistent"), -ENOENT);
	assert_int_equal(stop_read(NULL, 1000, &c, 1), -EBADF);
	fd = stop_open(NULL, "/");
	assert_true(fd >= 0);
	assert_int_equal(stop_read(NULL, fd, &c, 1), -EISDIR);
	close(fd);
	fd = stop_open(NULL, "/dev/null");
	assert_int_equal(stop_read(NULL, fd, &c, 1), 0);
	close(fd);
}

static int setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/trawl-test-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(fifo, sizeof(fifo), "%s/fifo", dir);
	return mkfifo(fifo, 0600);
}

static int teardown(void **state)
{
	(void)state;
	unlink(fifo);
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(raised_before),
		cmocka_unit_test(raised_while_waiting),
		cmocka_unit_test(a_pipe_waits_for_its_writer),
		cmocka_unit_test(waits_where_the_descriptor_does_not),
		cmocka_unit_test(errors_are_told),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
