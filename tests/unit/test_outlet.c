/* Writing to somebody who may not read.  Nothing here measures time: what gives up
 * does it after a time of its own, what waits for ever does not return. */
#include "base/outlet.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/stop.h"

#define PAGE 4096
#define ALL  (1 << 20)

static char data[ALL], got[ALL];

static int setup(void **state)
{
	size_t i;

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	for (i = 0; i < ALL; i++)
		data[i] = (char)(i * 7 + i / 251);
	return 0;
}

/* A pipe that holds one page. */
static void make_pipe(int p[2])
{
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	assert_int_equal(fcntl(p[1], F_SETPIPE_SZ, PAGE), PAGE);
}

static void close_both(const int p[2])
{
	close(p[0]);
	close(p[1]);
}

/* Nobody reads: what the pipe holds is taken. */
static void test_stands_still(void **state)
{
	/* raised so often before; or its time is over */
	static const struct {
		int raised;
		int64_t until;
	} rows[] = {{1, 0}, {2, 0}, {0, 1}};
	size_t i, n;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct outlet o;
		struct stop s;
		int p[2], k;

		assert_int_equal(stop_init(&s), 0);
		make_pipe(p);
		for (k = 0; k < rows[i].raised; k++)
			stop_raise(&s);
		outlet_init(&o, p[1], &s);
		o.until = rows[i].until;
		assert_int_equal(outlet_write(&o, data, ALL, &n), -ECANCELED);
		assert_int_equal(n, PAGE);
		assert_int_equal(read(p[0], got, ALL), PAGE);
		assert_memory_equal(got, data, PAGE);
		/* What has room is still written. */
		assert_int_equal(outlet_write(&o, data, 10, &n), 0);
		assert_int_equal(n, 10);
		close_both(p);
		stop_done(&s);
	}
}

struct raiser {
	struct stop *stop;
	int fd; /* of the pipe's other end */
};

/* Raises when the pipe is full: the writer waits, or is about to. */
static void *raise_when_full(void *arg)
{
	const struct raiser *r = arg;
	char c;

	while (recv(r->fd, &c, 1, MSG_PEEK) != 1)
		;
	stop_raise(r->stop);
	return NULL;
}

static void test_stopped_while_waiting(void **state)
{
	struct raiser r;
	pthread_t t;
	struct outlet o;
	struct stop s;
	size_t n;
	int p[2];

	(void)state;
	assert_int_equal(stop_init(&s), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, p), 0);
	r = (struct raiser){&s, p[0]};
	outlet_init(&o, p[1], &s);
	assert_int_equal(pthread_create(&t, NULL, raise_when_full, &r), 0);
	assert_int_equal(outlet_write(&o, data, ALL, &n), -ECANCELED);
	pthread_join(t, NULL);
	assert_in_range(n, 1, ALL - 1);
	assert_int_equal(recv(p[0], got, n, MSG_WAITALL), n);
	assert_memory_equal(got, data, n);
	close_both(p);
	stop_done(&s);
}

static void *read_all(void *arg)
{
	int fd = *(int *)arg;
	size_t at = 0;
	ssize_t n;

	while (at < ALL && (n = read(fd, got + at, PAGE / 2)) > 0)
		at += (size_t)n;
	return NULL;
}

/* A reader that reads gets all: also when it ends, through pipes, sockets, and descriptors
 * that somebody made not to wait. */
static void test_reads(void **state)
{
	size_t n;
	int i;

	(void)state;
	for (i = 0; i < 8; i++) {
		struct outlet o;
		struct stop s;
		pthread_t t;
		int p[2];

		assert_int_equal(stop_init(&s), 0);
		if (i & 1)
			assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, p), 0);
		else
			make_pipe(p);
		if (i & 2)
			stop_raise(&s);
		if (i & 4)
			assert_int_equal(fcntl(p[1], F_SETFL, O_NONBLOCK), 0);
		memset(got, 0, ALL);
		outlet_init(&o, p[1], i & 2 ? &s : NULL);
		assert_int_equal(pthread_create(&t, NULL, read_all, &p[0]), 0);
		assert_int_equal(outlet_write(&o, data, ALL, &n), 0);
		pthread_join(t, NULL);
		assert_int_equal(n, ALL);
		assert_memory_equal(got, data, ALL);
		close_both(p);
		stop_done(&s);
	}
}

static void test_fails(void **state)
{
	struct outlet o;
	size_t n;
	int p[2], fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

	(void)state;
	assert_true(fd >= 0);
	outlet_init(&o, fd, NULL);
	assert_int_equal(outlet_write(&o, data, ALL, &n), -ENOSPC);
	assert_int_equal(n, 0);
	close(fd);
	make_pipe(p);
	close(p[0]);
	outlet_init(&o, p[1], NULL);
	assert_int_equal(outlet_write(&o, data, ALL, &n), -EPIPE);
	assert_int_equal(n, 0);
	close(p[1]);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, p), 0);
	close(p[0]);
	outlet_init(&o, p[1], NULL);
	assert_int_equal(outlet_write(&o, data, ALL, &n), -EPIPE);
	close(p[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stands_still),
		cmocka_unit_test(test_stopped_while_waiting),
		cmocka_unit_test(test_reads),
		cmocka_unit_test(test_fails),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
