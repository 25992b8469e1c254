#include "base/stop.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

int stop_init(struct stop *s)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	if (fd < 0)
		return -errno;
	atomic_init(&s->raised, 0);
	s->fd = fd;
	return 0;
}

void stop_done(struct stop *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

void stop_raise(struct stop *s)
{
	const uint64_t one = 1;
	int saved = errno;
	ssize_t n;

	atomic_fetch_add_explicit(&s->raised, 1, memory_order_relaxed);
	if (s->fd >= 0) {
		n = write(s->fd, &one, sizeof(one));
		(void)n; /* it fails only where the count is full: raised long ago */
	}
	errno = saved;
}

int stop_open(const struct stop *s, const char *path)
{
	int flags = O_RDONLY | O_CLOEXEC, fd;
	struct stat st;

	if (stat(path, &st) == 0 && S_ISFIFO(st.st_mode))
		flags |= O_NONBLOCK;
	do {
		if (stop_raised(s))
			return -ECANCELED;
		fd = open(path, flags);
	} while (fd < 0 && errno == EINTR);
	return fd < 0 ? -errno : fd;
}

ssize_t stop_read(const struct stop *s, int fd, void *p, size_t size)
{
	for (;;) {
		struct pollfd fds[] = {
			{.fd = fd, .events = POLLIN},
			{.fd = s ? s->fd : -1, .events = POLLIN},
		};
		ssize_t n;

		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return -errno;
		if (stop_raised(s))
			return -ECANCELED;
		/* A named pipe without a writer would read as ended: poll(2) tells
		 * one that is still to come from one that has gone. */
		if (!fds[0].revents)
			continue;
		n = read(fd, p, size);
		if (n >= 0)
			return n;
		if (errno != EINTR && errno != EAGAIN)
			return -errno;
	}
}
