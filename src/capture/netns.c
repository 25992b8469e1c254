#include "capture/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "priv/priv.h"

/* One socket to be opened, maybe by a thread of its own. */
struct order {
	const char *path; /* of the namespace; NULL: stay */
	int family, type;
	int fd; /* or -errno */
	bool entered;
};

static void *serve(void *arg)
{
	struct order *o = arg;
	CLEANUP(closep) int ns = -1;

	if (o->path) {
		ns = open(o->path, O_RDONLY | O_CLOEXEC);
		if (ns < 0 || setns(ns, CLONE_NEWNET) < 0) {
			o->fd = -errno;
			return NULL;
		}
	}
	o->entered = true;
	o->fd = socket(o->family, o->type | SOCK_CLOEXEC, 0);
	if (o->fd < 0)
		o->fd = -errno;
	return NULL;
}

/* A thread enters the namespace and ends there: the caller's never leaves its own. */
static int direct(const char *netns, int family, int type, int *ret_fd, struct err *err)
{
	struct order o = {.family = family, .type = type, .fd = -EINVAL};
	char path[256];
	pthread_t t;
	int r;

	if (netns && *netns) {
		if (strchr(netns, '/') || *netns == '.' ||
		    snprintf(path, sizeof(path), "/run/netns/%s", netns) >= (int)sizeof(path))
			return err_set(err, -EINVAL, "'%s' is not a name of a network namespace",
				       netns);
		o.path = path;
		r = pthread_create(&t, NULL, serve, &o);
		if (r)
			return err_set(err, -r, "cannot start a thread: %s", strerror(r));
		pthread_join(t, NULL);
	} else {
		serve(&o);
	}
	if (o.fd < 0 && !o.entered)
		return err_set(err, o.fd, "cannot enter the network namespace '%s': %s", netns,
			       strerror(-o.fd));
	if (o.fd == -EPERM)
		return err_set(err, o.fd, "opening a packet socket needs CAP_NET_RAW");
	if (o.fd < 0)
		return err_set(err, o.fd, "cannot open a socket: %s", strerror(-o.fd));
	*ret_fd = o.fd;
	return 0;
}

int netns_packet_socket(struct priv *priv, const char *netns, int *ret_fd, struct err *err)
{
	if (priv)
		return priv_packet_socket(priv, netns && *netns ? netns : NULL, ret_fd, err);
	return direct(netns, AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, ret_fd, err);
}

int netns_route_socket(struct priv *priv, const char *netns, int *ret_fd, struct err *err)
{
	if (priv)
		return priv_route_socket(priv, netns && *netns ? netns : NULL, ret_fd, err);
	return direct(netns, AF_NETLINK, SOCK_RAW, ret_fd, err);
}
