/* What is done with descriptors in many places. */
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "tmp_dir.h"

static char dir[64];

struct reader {
	int fd;
	size_t n;
	unsigned wrong;
};

static void *read_all(void *arg)
{
	struct reader *r = arg;
	uint8_t p[1000];
	ssize_t n, i;

	while ((n = read(r->fd, p, sizeof(p))) > 0)
		for (i = 0; i < n; i++)
			r->wrong += p[i] != (uint8_t)(r->n++ * 7);
	return NULL;
}

/* More than a pipe takes at once. */
static void test_write_all(void **state)
{
	static uint8_t p[1000000];
	struct reader r = {0};
	pthread_t t;
	int fds[2];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(p); i++)
		p[i] = (uint8_t)(i * 7);
	assert_int_equal(pipe(fds), 0);
	r.fd = fds[0];
	assert_int_equal(pthread_create(&t, NULL, read_all, &r), 0);
	assert_int_equal(fd_write_all(fds[1], p, 0), 0);
	assert_int_equal(fd_write_all(fds[1], p, sizeof(p)), 0);
	close(fds[1]);
	pthread_join(t, NULL);
	close(fds[0]);
	assert_int_equal(r.n, sizeof(p));
	assert_int_equal(r.wrong, 0);
}

static void test_write_fails(void **state)
{
	int fds[2];

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(pipe(fds), 0);
	close(fds[0]);
	assert_int_equal(fd_write_all(fds[1], "x", 1), -EPIPE);
	close(fds[1]);
	assert_int_equal(fd_write_all(-1, "x", 1), -EBADF);
}

static void test_opendir(void **state)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent *e;
	unsigned n = 0;
	DIR *d;

	(void)state;
	assert_int_equal(mkdirat(fd, "a", 0700), 0);
	assert_int_equal(mkdirat(fd, "a/b", 0700), 0);
	assert_int_equal(symlinkat("a", fd, "link"), 0);
	d = fd_opendir(fd, "a");
	assert_non_null(d);
	while ((e = readdir(d)))
		n += strcmp(e->d_name, "b") == 0;
	assert_int_equal(n, 1);
	closedirp(&d);
	assert_null(fd_opendir(fd, "link"));
	assert_int_equal(errno, ENOTDIR); /* open(2): O_DIRECTORY comes first */
	assert_null(fd_opendir(fd, "c"));
	assert_int_equal(errno, ENOENT);
	assert_null(fd_opendir(AT_FDCWD, dir)); /* no folder of ours */
	assert_int_equal(errno, EBADF);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_write_all),
		cmocka_unit_test(test_write_fails),
		cmocka_unit_test(test_opendir),
	};

	if (!dir_make(dir))
		return 1;
	return dir_remove(dir, cmocka_run_group_tests(tests, NULL, NULL));
}
