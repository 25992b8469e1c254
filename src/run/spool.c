#include "run/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/stop.h"

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

/* 0 at the end, -ECANCELED when stopped before. */
static int copy(int from, int to, const struct stop *stop)
{
	CLEANUP(freep) char *chunk = malloc(CHUNK);

	if (!chunk)
		return -ENOMEM;
	for (;;) {
		ssize_t n = stop_read(stop, from, chunk, CHUNK);
		int r;

		if (n <= 0)
			return (int)n;
		r = fd_write_all(to, chunk, (size_t)n);
		if (r < 0)
			return r;
	}
}

/* A descriptor, -EXDEV or -errno with 'err' set, -ECANCELED. */
static int open_input(const char *path, const struct stop *stop, struct err *err)
{
	struct stat st;
	int fd;

	if (strcmp(path, "-") == 0) {
		if (isatty(STDIN_FILENO))
			return err_set(err, -EINVAL, "standard input is a terminal, not a capture");
		fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
		fd = fd < 0 ? -errno : fd;
	} else if (stat(path, &st) == 0 && S_ISREG(st.st_mode)) {
		return -EXDEV;
	} else {
		fd = stop_open(stop, path);
	}
	if (fd < 0 && fd != -ECANCELED)
		err_set(err, fd, "cannot open '%s': %s", path, strerror(-fd));
	return fd;
}

int spool(const char *path, const struct stop *stop, bool *ret_cut, struct err *err)
{
	const char *dir = getenv("TMPDIR");
	CLEANUP(closep) int from = open_input(path, stop, err);
	CLEANUP(closep) int to = -1;
	int r;

	if (from < 0 && from != -ECANCELED)
		return from;
	if (!dir || !*dir)
		dir = "/tmp";
	to = open_unnamed(dir);
	if (to < 0)
		return err_set(err, to, "cannot make a temporary file in '%s': %s", dir,
			       strerror(-to));
	r = from < 0 ? from : copy(from, to, stop);
	if (r < 0 && r != -ECANCELED)
		return err_set(err, r, "cannot copy the input to a temporary file in '%s': %s", dir,
			       strerror(-r));
	*ret_cut = r == -ECANCELED;
	return TAKE_FD(to);
}
