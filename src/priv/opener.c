/* The loop of trawl-opener, and what it becomes at the first request. */
#include "priv/opener.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "priv/caps.h"
#include "priv/sandbox.h"

static opener_do *const acts[ORDER_KINDS] = {
	[ORDER_HELLO] = opener_hello,     [ORDER_FORGO] = opener_forgo,
	[ORDER_SEAL] = opener_seal,       [ORDER_PACKET] = opener_packet,
	[ORDER_ROUTE] = opener_route,     [ORDER_NETNS] = opener_netns,
	[ORDER_BPF] = opener_bpf,         [ORDER_MARK] = opener_mark,
	[ORDER_GRANT] = opener_grant,     [ORDER_MKDIR] = opener_mkdir,
	[ORDER_DIR_FD] = opener_dir_fd,   [ORDER_DIR_CLOSE] = opener_dir_close,
	[ORDER_CREATE] = opener_create,   [ORDER_RENAME] = opener_rename,
	[ORDER_UNLINK] = opener_unlink,   [ORDER_RMDIR] = opener_rmdir,
	[ORDER_READERS] = opener_readers,
};

struct opener *opener_raise(struct opener *o, unsigned features)
{
	caps_raise(caps_for(features & o->gate.features, o->caps));
	return o;
}

void opener_lower(struct opener **o)
{
	(void)o;
	caps_lower();
}

/* Where all folders are the user's own, CAP_DAC_OVERRIDE helps no file. */
static unsigned features_used(const struct opener *o)
{
	bool override = false;

	if (!o->gate.sealed)
		return o->gate.features;
	for (size_t i = 0; i < PRIV_DIRS_MAX && !override; i++)
		override = o->dirs[i].fd >= 0 && o->dirs[i].override;
	return o->gate.features & ~(unsigned)(PRIV_GRANT | (override ? 0 : PRIV_FILES));
}

int opener_limit(struct opener *o, struct err *err)
{
	int r = caps_limit(caps_for(features_used(o), o->caps));

	if (r < 0)
		return err_set(err, r, "cannot drop capabilities: %s", strerror(-r));
	o->caps = caps_permitted();
	return 0;
}

/* Root becomes the user; everybody else is himself and cannot say otherwise. */
static int become(uid_t uid, gid_t gid, struct err *err)
{
	if (getuid() == uid && geteuid() == uid && getgid() == gid && getegid() == gid)
		return 0;
	if (getuid() != 0)
		return err_set(err, -EPERM, "only root may name another user");

	caps_raise(CAPS_BIT(CAP_SETUID) | CAPS_BIT(CAP_SETGID));
	/* Where a user namespace forbids it, its groups are none of this system's. */
	if (setgroups(0, NULL) < 0 && errno != EPERM)
		return err_set(err, -errno, "cannot leave groups: %s", strerror(errno));
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 || setresgid(gid, gid, gid) < 0 ||
	    setresuid(uid, uid, uid) < 0)
		return err_set(err, -errno, "cannot become user %u, group %u: %s", uid, gid,
			       strerror(errno));
	caps_lower();
	return 0;
}

int opener_hello(struct opener *o, const struct order_wire *w, const int *fds, struct outcome *ret,
		 struct err *err)
{
	int r;

	(void)fds;
	/* -EPERM: no CAP_SETPCAP.  What is not permitted it cannot get either way. */
	r = caps_unbind();
	if (r < 0 && r != -EPERM)
		return err_set(err, r, "cannot empty the bounding set: %s", strerror(-r));
	r = become(w->arg[0], w->arg[1], err);
	if (r < 0)
		return r;
	o->uid = w->arg[0];
	o->caps = caps_permitted();
	r = opener_limit(o, err);
	if (r < 0)
		return r;
	/* Changing the user has made it so already; not so for one who stays himself. */
	if (!PRIV_SANITIZED && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return err_set(err, -errno, "cannot forbid core files: %s", strerror(errno));
	r = sandbox_enter(SANDBOX_OPENER, err);
	if (r < 0)
		return r;
	o->gate.greeted = true;
	ret->value[0] = (uint32_t)o->caps;
	ret->value[1] = (uint32_t)(o->caps >> 32);
	return 0;
}

int opener_forgo(struct opener *o, const struct order_wire *w, const int *fds, struct outcome *ret,
		 struct err *err)
{
	(void)fds;
	(void)ret;
	o->gate.features &= ~w->arg[0];
	return opener_limit(o, err);
}

int opener_seal(struct opener *o, const struct order_wire *w, const int *fds, struct outcome *ret,
		struct err *err)
{
	(void)w;
	(void)fds;
	(void)ret;
	o->gate.sealed = true;
	/* Keeps no file system busy; nothing is relative to it any more. */
	if (chdir("/") < 0)
		return err_set(err, -errno, "cannot enter /: %s", strerror(errno));
	return opener_limit(o, err);
}

static void close_all(int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		close(fds[i]);
}

/* Takes the descriptors out of what was received; more than fit are gone already
 * and MSG_CTRUNC says so. */
static size_t fds_of(struct msghdr *m, int fds[ORDER_FDS_MAX])
{
	size_t n = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		size_t size = c->cmsg_len - CMSG_LEN(0);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i + sizeof(int) <= size && n < ORDER_FDS_MAX; i += sizeof(int))
			memcpy(&fds[n++], CMSG_DATA(c) + i, sizeof(int));
	}
	return n;
}

static int send_answer(int sock, const struct answer_wire *a, const struct outcome *out)
{
	union {
		struct cmsghdr align;
		char b[CMSG_SPACE(ORDER_FDS_MAX * sizeof(int))];
	} control = {0};
	struct iovec iov = {(void *)a, sizeof(*a)};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t r;

	if (out->n_fds > 0) {
		struct cmsghdr *c;

		m.msg_control = control.b;
		m.msg_controllen = CMSG_SPACE(out->n_fds * sizeof(int));
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(out->n_fds * sizeof(int));
		memcpy(CMSG_DATA(c), out->fds, out->n_fds * sizeof(int));
	}
	do
		r = sendmsg(sock, &m, MSG_NOSIGNAL);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : 0;
}

/* One request.  1: go on; 0: the peer is gone; -errno. */
static int serve_one(struct opener *o)
{
	union {
		struct cmsghdr align;
		char b[CMSG_SPACE(ORDER_FDS_MAX * sizeof(int))];
	} control;
	/* One byte more than a request, so that a longer one is seen. */
	union {
		struct order_wire w;
		char b[sizeof(struct order_wire) + 1];
	} in;
	struct iovec iov = {&in, sizeof(in.b)};
	struct msghdr m = {.msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = control.b,
			   .msg_controllen = sizeof(control.b)};
	struct answer_wire a = {.magic = ORDER_MAGIC};
	struct outcome out = {0};
	struct order_wire w;
	struct err err = {0};
	int fds[ORDER_FDS_MAX];
	size_t n_fds;
	ssize_t n;
	int r;

	n = recvmsg(o->sock, &m, MSG_CMSG_CLOEXEC);
	if (n < 0)
		return errno == EINTR ? 1 : -errno;
	n_fds = fds_of(&m, fds);
	if (n == 0) {
		close_all(fds, n_fds);
		return 0;
	}

	if (m.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
		r = err_set(&err, -EBADMSG, "a request that is too long");
	else
		r = gate_pass(&o->gate, &in, (size_t)n, n_fds, &w, &err);
	if (r == 0) {
		a.kind = w.kind;
		r = acts[w.kind](o, &w, fds, &out, &err);
	}
	close_all(fds, n_fds);

	a.code = r;
	if (r < 0) {
		snprintf(a.text, sizeof(a.text), "%s", err.text);
	} else {
		memcpy(a.value, out.value, sizeof(a.value));
		memcpy(a.text, out.text, sizeof(a.text));
	}
	r = send_answer(o->sock, &a, &out);
	close_all(out.fds, out.n_fds);
	return r < 0 ? r : 1;
}

int opener_serve(int sock)
{
	CLEANUP(freep) struct opener *o = calloc(1, sizeof(*o));
	int r;

	if (!o)
		return -ENOMEM;
	o->sock = sock;
	o->client = getppid();
	o->own_netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	o->gate.features = PRIV_ALL;
	for (size_t i = 0; i < PRIV_DIRS_MAX; i++)
		o->dirs[i].fd = -1;

	do
		r = serve_one(o);
	while (r > 0);

	for (size_t i = 0; i < PRIV_DIRS_MAX; i++)
		closep(&o->dirs[i].fd);
	closep(&o->own_netns);
	return r == -EPIPE || r == -ECONNRESET ? 0 : r;
}
