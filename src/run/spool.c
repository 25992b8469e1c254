#include "run/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"

#define CHUNK (1 << 20)

/* Older file systems have no O_TMPFILE. */
static int open_unnamed(const char *dir)
{
	char name[4096];
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd >= 0)
		return fd;
	if ((size_t)snprintf(name, sizeof(name), "%s/trawl-XXXXXX", dir) >= sizeof(name))
		return -ENAMETOOLONG;
	fd = mkostemp(name, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	unlink(name);
	return fd;
}

static int write_all(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t k = write(fd, p, n);

		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return -errno;
		p += k;
		n -= (size_t)k;
	}
	return 0;
}

static int copy(int from, int to)
{
	CLEANUP(freep) char *chunk = malloc(CHUNK);

	if (!chunk)
		return -ENOMEM;
	for (;;) {
		ssize_t n = read(from, chunk, CHUNK);
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : 0;
		r = write_all(to, chunk, (size_t)n);
		if (r < 0)
			return r;
	}
}

int spool(const char *path, struct err *err)
{
	const char *dir = getenv("TMPDIR");
	CLEANUP(closep) int from = -1;
	CLEANUP(closep) int to = -1;
	struct stat st;
	int r;

	if (strcmp(path, "-") == 0)
		from = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	else if (stat(path, &st) == 0 && S_ISREG(st.st_mode))
		return -EXDEV;
	else
		from = open(path, O_RDONLY | O_CLOEXEC);
	if (from < 0)
		return err_set(err, -errno, "cannot open '%s': %s", path, strerror(errno));

	if (!dir || !*dir)
		dir = "/tmp";
	to = open_unnamed(dir);
	if (to < 0)
		return err_set(err, to, "cannot make a temporary file in '%s': %s", dir,
			       strerror(-to));
	r = copy(from, to);
	if (r < 0)
		return err_set(err, r, "cannot copy the input to a temporary file in '%s': %s", dir,
			       strerror(-r));
	return TAKE_FD(to);
}
