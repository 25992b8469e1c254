#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int fd_write_all(int fd, const void *p, size_t n)
{
	const char *from = p;

	while (n) {
		ssize_t k = write(fd, from, n);

		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return -errno;
		from += k;
		n -= (size_t)k;
	}
	return 0;
}

DIR *fd_opendir(int dir, const char *name)
{
	int fd, code;
	DIR *d;

	if (dir < 0) {
		errno = EBADF;
		return NULL;
	}
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	d = fd < 0 ? NULL : fdopendir(fd);
	if (!d && fd >= 0) {
		code = errno;
		close(fd);
		errno = code;
	}
	return d;
}
