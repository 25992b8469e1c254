/* Starting the opener, and talking to it. */
#include "priv/priv.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "priv/conn.h"
#include "priv/start.h"

static int call_send(int sock, const struct order_wire *w, const int *fds, size_t n_fds)
{
	union {
		struct cmsghdr align;
		char b[CMSG_SPACE(ORDER_FDS_MAX * sizeof(int))];
	} control = {0};
	struct iovec iov = {(void *)w, sizeof(*w)};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t r;

	if (n_fds > 0) {
		struct cmsghdr *c;

		m.msg_control = control.b;
		m.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(c), fds, n_fds * sizeof(int));
	}
	do
		r = sendmsg(sock, &m, MSG_NOSIGNAL);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : 0;
}

/* The number of bytes, one more where they do not fit, or -errno; descriptors are the
 * caller's either way. */
static ssize_t call_recv(int sock, struct answer_wire *a, int fds[ORDER_FDS_MAX], size_t *n_fds)
{
	union {
		struct cmsghdr align;
		char b[CMSG_SPACE(ORDER_FDS_MAX * sizeof(int))];
	} control;
	struct iovec iov = {a, sizeof(*a)};
	struct msghdr m = {.msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = control.b,
			   .msg_controllen = sizeof(control.b)};
	struct cmsghdr *c;
	ssize_t r;

	*n_fds = 0;
	do
		r = recvmsg(sock, &m, MSG_CMSG_CLOEXEC);
	while (r < 0 && errno == EINTR);
	if (r <= 0)
		return r < 0 ? -errno : -EPIPE;
	c = CMSG_FIRSTHDR(&m);
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
		*n_fds = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(fds, CMSG_DATA(c), *n_fds * sizeof(int));
	}
	if (m.msg_flags & MSG_CTRUNC)
		return -EBADMSG;
	/* Of another version, perhaps: its start says so. */
	return m.msg_flags & MSG_TRUNC ? r + 1 : r;
}

static int call_locked(struct priv *p, const struct order_wire *w, const int *fds, size_t n_fds,
		       struct priv_got *ret, struct err *err)
{
	struct answer_wire a;
	int got[ORDER_FDS_MAX];
	size_t n_got;
	ssize_t n;
	int r;

	r = call_send(p->sock, w, fds, n_fds);
	if (r < 0)
		return err_set(err, -EPIPE, "trawl-opener has ended: %s", strerror(-r));
	n = call_recv(p->sock, &a, got, &n_got);
	if (n == -EPIPE || n == -ECONNRESET)
		r = err_set(err, -EPIPE, "trawl-opener has ended");
	else if (n < 0)
		r = err_set(err, (int)n, "cannot hear trawl-opener: %s", strerror((int)-n));
	else
		r = answer_decode(&a, (size_t)n, n_got, w->kind, &a, err);
	if (r == 0 && a.code < 0)
		r = err_set(err, a.code, "%s", a.text);
	if (r < 0) {
		for (size_t i = 0; i < n_got; i++)
			close(got[i]);
		return r;
	}
	memcpy(ret->value, a.value, sizeof(ret->value));
	memcpy(ret->text, a.text, sizeof(ret->text));
	memcpy(ret->fds, got, n_got * sizeof(int));
	return 0;
}

int priv_call(struct priv *p, const struct order_wire *w, const int *fds, size_t n_fds,
	      struct priv_got *ret, struct err *err)
{
	int r;

	pthread_mutex_lock(&p->lock);
	r = call_locked(p, w, fds, n_fds, ret, err);
	pthread_mutex_unlock(&p->lock);
	return r;
}

/* Tells the opener whose files it will make.  Where this root cannot become
 * another user (a user namespace without one, a container without
 * CAP_SETUID), it stays who it is. */
static int hello(struct priv *p, struct err *err)
{
	struct priv_got got = {0};
	struct order_wire w;
	int r;

	for (int attempt = 0;; attempt++) {
		const uint32_t arg[3] = {p->user.uid, p->user.gid};

		r = order_encode(&w, ORDER_HELLO, arg, NULL, NULL, err);
		if (r == 0)
			r = priv_call(p, &w, NULL, 0, &got, err);
		if ((r != -EINVAL && r != -EPERM) || attempt > 0 || getuid() != 0)
			break;
		priv_user_self(&p->user);
	}
	if (r < 0)
		return err_wrap(err, r, "'%s'", p->path);
	p->caps = got.value[0] | (uint64_t)got.value[1] << 32;
	return 0;
}

/* Where the opener may be, best first. */
static int find(char ret[ORDER_PATH_SIZE])
{
	static const char *const beside[] = {OPENER_NAME, "../libexec/" OPENER_NAME};
	char self[ORDER_PATH_SIZE];
	ssize_t n;
	char *slash;

	n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (n > 0) {
		self[n] = '\0';
		slash = strrchr(self, '/');
		for (size_t i = 0; slash && i < sizeof(beside) / sizeof(beside[0]); i++) {
			int len = snprintf(ret, ORDER_PATH_SIZE, "%.*s/%s", (int)(slash - self),
					   self, beside[i]);

			if (len < ORDER_PATH_SIZE && access(ret, F_OK) == 0)
				return 0;
		}
	}
	snprintf(ret, ORDER_PATH_SIZE, "%s", PRIV_OPENER_PATH);
	return access(ret, F_OK) < 0 ? -errno : 0;
}

/* In a process group of its own, so that a terminal's signals pass it by from the
 * first moment; without our environment. */
static int spawn_with(struct priv *p, posix_spawn_file_actions_t *files, posix_spawnattr_t *attr,
		      int sock)
{
	char *argv[] = {(char *)OPENER_NAME, NULL};
	char *env[] = {NULL};
	sigset_t none, all;
	int r;

	sigemptyset(&none);
	sigfillset(&all);
	r = posix_spawn_file_actions_adddup2(files, sock, OPENER_FD);
	if (r == 0)
		r = posix_spawnattr_setflags(attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
							   POSIX_SPAWN_SETSIGDEF);
	if (r == 0)
		r = posix_spawnattr_setsigmask(attr, &none);
	if (r == 0)
		r = posix_spawnattr_setsigdefault(attr, &all);
	if (r == 0)
		r = posix_spawnattr_setpgroup(attr, 0);
	if (r == 0)
		r = posix_spawn(&p->pid, p->path, files, attr, argv, env);
	if (r != 0)
		p->pid = 0;
	return -r;
}

static int spawn(struct priv *p, int sock)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	int r;

	r = -posix_spawn_file_actions_init(&files);
	if (r < 0)
		return r;
	r = -posix_spawnattr_init(&attr);
	if (r == 0) {
		r = spawn_with(p, &files, &attr, sock);
		posix_spawnattr_destroy(&attr);
	}
	posix_spawn_file_actions_destroy(&files);
	return r;
}

static int start(struct priv *p, struct err *err)
{
	CLEANUP(closep) int theirs = -1;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_set(err, -errno, "cannot open a socket pair: %s", strerror(errno));
	p->sock = pair[0];
	theirs = pair[1];
	p->why = spawn(p, theirs);
	if (p->why < 0) {
		/* Not an error yet: priv_missing() says what follows from it. */
		close(p->sock);
		p->sock = -1;
		return 0;
	}
	closep(&theirs); /* so that its end is seen */
	theirs = -1;
	return hello(p, err);
}

int priv_new_at(struct priv **ret, const char *path, struct err *err)
{
	CLEANUP(priv_freep) struct priv *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return err_set(err, -ENOMEM, "out of memory");
	p->sock = -1;
	r = -pthread_mutex_init(&p->lock, NULL);
	if (r < 0) {
		free(TAKE_PTR(p));
		return err_set(err, r, "cannot make a lock: %s", strerror(-r));
	}
	r = priv_user_find(&p->user, err);
	if (r < 0)
		return r;
	if (path)
		snprintf(p->path, sizeof(p->path), "%s", path);
	else
		p->why = find(p->path);
	if (p->why == 0) {
		r = start(p, err);
		if (r < 0)
			return r;
	}
	*ret = TAKE_PTR(p);
	return 0;
}

int priv_new(struct priv **ret, struct err *err)
{
	return priv_new_at(ret, NULL, err);
}

void priv_free(struct priv *p)
{
	if (!p)
		return;
	closep(&p->sock);
	if (p->pid > 0)
		while (waitpid(p->pid, NULL, 0) < 0 && errno == EINTR)
			;
	pthread_mutex_destroy(&p->lock);
	free(p);
}

const struct priv_user *priv_user(const struct priv *p)
{
	return &p->user;
}
