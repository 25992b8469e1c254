#include "base/outlet.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/stop.h"

#define MS       INT64_C(1000000)
#define SLICE_MS 50 /* a second wish to stop wakes nobody: it is looked for */

enum { OUTLET_FILE, OUTLET_PIPE, OUTLET_NOWAIT, OUTLET_SOCKET };

void outlet_init(struct outlet *o, int fd, const struct stop *stop)
{
	struct stat st = {0};

	*o = (struct outlet){.fd = fd, .stop = stop, .kind = OUTLET_FILE};
	if (fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode))
		o->kind = OUTLET_SOCKET;
	else if (st.st_mode && !S_ISREG(st.st_mode))
		o->kind = OUTLET_NOWAIT; /* until it turns out that it cannot */
}

static int64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (int64_t)ts.tv_sec * 1000 * MS + ts.tv_nsec;
}

static bool is_ending(struct outlet *o)
{
	if (!o->ending && (stop_raised(o->stop) || (o->until && now() >= o->until)))
		o->ending = now();
	return o->ending;
}

/* Until poll() is to return, ms. */
static int patience(const struct outlet *o)
{
	int64_t left = (o->until - now()) / MS + 1;

	if (o->ending)
		return SLICE_MS;
	if (!o->until)
		return -1;
	return left < 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

/* Waits until something can be written.  0 or -errno. */
static int wait_room(struct outlet *o)
{
	int64_t since = 0;

	for (;;) {
		bool ending = is_ending(o);
		struct pollfd fds[] = {
			{.fd = o->fd, .events = POLLOUT},
			{.fd = o->stop && !ending ? o->stop->fd : -1, .events = POLLIN},
		};

		if (ending && now() - o->ending >= OUTLET_END_MS * MS)
			return -ECANCELED;
		if (poll(fds, 2, patience(o)) < 0 && errno != EINTR)
			return -errno;
		if (fds[0].revents)
			return 0;
		if (!ending)
			continue;
		since = since ? since : now();
		if (stop_hurried(o->stop) || now() - since >= OUTLET_STALL_MS * MS)
			return -ECANCELED;
	}
}

/* As much as does not block; O_NONBLOCK would be that of all who share the pipe.  Before
 * Linux 6.5, and elsewhere, pipes know no RWF_NOWAIT: then one that poll() calls writable
 * has room for PIPE_BUF bytes, which costs ten times as many calls. */
static ssize_t put(struct outlet *o, const void *p, size_t size)
{
	const struct iovec v = {(void *)p, size};
	ssize_t n;

	if (o->kind == OUTLET_SOCKET)
		return send(o->fd, p, size, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (o->kind != OUTLET_NOWAIT)
		return write(o->fd, p, o->kind == OUTLET_PIPE && size > PIPE_BUF ? PIPE_BUF : size);
	n = pwritev2(o->fd, &v, 1, -1, RWF_NOWAIT);
	if (n >= 0 || errno == EAGAIN || errno == EINTR || errno == EPIPE || errno == EIO ||
	    errno == ENOSPC)
		return n;
	o->kind = OUTLET_PIPE;
	errno = EINTR; /* again */
	return -1;
}

int outlet_write(struct outlet *o, const void *p, size_t size, size_t *ret)
{
	const char *from = p;
	size_t at = 0;
	ssize_t n;
	int r = 0;

	while (at < size && r == 0) {
		if (o->kind == OUTLET_PIPE)
			r = wait_room(o);
		if (r < 0)
			break;
		n = put(o, from + at, size - at);
		if (n >= 0)
			at += (size_t)n;
		else if (errno == EAGAIN && o->kind != OUTLET_FILE)
			r = wait_room(o);
		else if (errno != EINTR)
			r = -errno;
	}
	*ret = at;
	return r;
}
