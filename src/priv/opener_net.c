/* Sockets, in our network namespace or in a named one. */
#include "priv/opener.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/netlink.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "priv/start.h"

/* ip-netns(8) puts them there. */
#define NETNS_DIR "/run/netns"

/* A descriptor of the namespace, nothing else: not of what only has its name. */
static int netns_open(const char *name, struct err *err)
{
	CLEANUP(closep) int dir = -1;
	CLEANUP(closep) int fd = -1;
	struct statfs fs;
	int r;

	r = opener_openat(AT_FDCWD, NETNS_DIR, O_PATH | O_DIRECTORY, 0);
	if (r >= 0) {
		dir = r;
		r = opener_openat(dir, name, O_RDONLY, 0);
	}
	if (r == -ENOENT)
		return err_set(err, r, "there is no network namespace '%s'", name);
	if (r < 0)
		return err_set(err, r, "cannot open network namespace '%s': %s", name,
			       strerror(-r));
	fd = r;
	if (fstatfs(fd, &fs) < 0 || fs.f_type != NSFS_MAGIC ||
	    ioctl(fd, NS_GET_NSTYPE) != CLONE_NEWNET)
		return err_set(err, -EINVAL, NETNS_DIR "/%s is not a network namespace", name);
	return TAKE_FD(fd);
}

/* Makes a socket where 'name' says. */
static int socket_in(struct opener *o, const char *name, unsigned feature, int family, int type,
		     struct err *err)
{
	CLEANUP(closep) int ns = -1;
	int fd, r = 0;

	if (!name[0]) {
		CLEANUP(opener_lower) struct opener *raised = opener_raise(o, feature);

		(void)raised;
		fd = socket(family, type, 0);
		return fd < 0 ? err_set(err, -errno, "cannot open a socket: %s", strerror(errno))
			      : fd;
	}

	if (o->own_netns < 0)
		return err_set(err, -ENOENT, "cannot leave a network namespace without /proc");
	ns = netns_open(name, err);
	if (ns < 0)
		return ns;
	{
		CLEANUP(opener_lower) struct opener *raised = opener_raise(o, feature | PRIV_NETNS);

		(void)raised;
		if (setns(ns, CLONE_NEWNET) < 0)
			return err_set(err, -errno, "cannot enter network namespace '%s': %s", name,
				       strerror(errno));
		fd = socket(family, type, 0);
		if (fd < 0)
			r = err_set(err, -errno,
				    "cannot open a socket in network namespace '%s': %s", name,
				    strerror(errno));
		/* Lost in another namespace, every later answer would be a wrong one. */
		if (setns(o->own_netns, CLONE_NEWNET) < 0)
			_exit(1);
	}
	return fd < 0 ? r : fd;
}

static int give(int fd, struct outcome *ret)
{
	if (fd < 0)
		return fd;
	ret->fds[ret->n_fds++] = fd;
	return 0;
}

int opener_packet(struct opener *o, const struct order_wire *w, const int *fds, struct outcome *ret,
		  struct err *err)
{
	(void)fds;
	return give(socket_in(o, w->text, PRIV_PACKET, AF_PACKET,
			      SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, err),
		    ret);
}

int opener_route(struct opener *o, const struct order_wire *w, const int *fds, struct outcome *ret,
		 struct err *err)
{
	(void)fds;
	/* NETLINK_ROUTE is protocol 0.  Requests that change anything need
	 * CAP_NET_ADMIN of whoever sends them as well, which the peer has not. */
	return give(socket_in(o, w->text, PRIV_ROUTE, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, err),
		    ret);
}

int opener_netns(struct opener *o, const struct order_wire *w, const int *fds, struct outcome *ret,
		 struct err *err)
{
	int fd;

	(void)o;
	(void)w;
	(void)fds;
	fd = opener_openat(AT_FDCWD, NETNS_DIR, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return err_set(err, fd, "cannot read " NETNS_DIR ": %s", strerror(-fd));
	return give(fd, ret);
}

int opener_mark(struct opener *o, const struct order_wire *w, const int *fds, struct outcome *ret,
		struct err *err)
{
	CLEANUP(opener_lower) struct opener *raised = opener_raise(o, PRIV_MARK);

	(void)raised;
	(void)ret;
	if (setsockopt(fds[0], SOL_SOCKET, SO_MARK, &w->arg[0], sizeof(w->arg[0])) < 0)
		return err_set(err, -errno, "cannot mark a socket: %s", strerror(errno));
	return 0;
}
