/* Who reads a pipe, and which sockets he has: links in /proc/PID/fd, see proc(5).
 * What they say is compared, never parsed but for the number in "socket:[123]". */
#include "priv/opener.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

#define LINK_SIZE  256        /* with NUL; longer ones are the names of files */
#define WANTED_MAX 16         /* pipes one behind the other */
#define LOOKS_MAX  (1u << 18) /* descriptors looked at for one request */
#define PART_SIZE  32768

struct search {
	const struct opener *o;
	char wanted[WANTED_MAX][LINK_SIZE];
	size_t n_wanted;
	uint32_t found[PRIV_SOCKETS_MAX];
	size_t n_found;
	unsigned looks;
};

/* What one process has. */
struct holder {
	uint32_t sockets[PRIV_SOCKETS_MAX];
	size_t n;
	bool reads;          /* something that is wanted */
	char out[LINK_SIZE]; /* its standard output, where that is a pipe */
};

typedef void entry_fn(struct search *s, int dir, const char *name, void *arg);

/* Gives the entries of a folder whose names are numbers. */
static void each_number(struct search *s, int dir, entry_fn *fn, void *arg)
{
	union {
		struct dirent64 align;
		char b[PART_SIZE];
	} part;
	ssize_t n;

	while ((n = getdents64(dir, part.b, sizeof(part.b))) > 0) {
		for (ssize_t at = 0; at < n;) {
			const struct dirent64 *e = (const struct dirent64 *)(part.b + at);

			if (e->d_name[0] >= '0' && e->d_name[0] <= '9')
				fn(s, dir, e->d_name, arg);
			at += e->d_reclen;
		}
	}
}

static bool is_wanted(const struct search *s, const char *link)
{
	for (size_t i = 0; i < s->n_wanted; i++)
		if (strcmp(s->wanted[i], link) == 0)
			return true;
	return false;
}

static void look_at_fd(struct search *s, int dir, const char *name, void *arg)
{
	struct holder *h = arg;
	char link[LINK_SIZE];
	struct stat st;
	unsigned inode;
	ssize_t n;

	if (s->looks++ >= LOOKS_MAX)
		return;
	n = readlinkat(dir, name, link, sizeof(link));
	if (n <= 0 || (size_t)n == sizeof(link))
		return;
	link[n] = '\0';
	if (sscanf(link, "socket:[%u]", &inode) == 1 && h->n < PRIV_SOCKETS_MAX)
		h->sockets[h->n++] = inode;
	/* The mode of the link says for what it is open. */
	if (is_wanted(s, link) && fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		h->reads |= st.st_mode & S_IRUSR;
	if (strcmp(name, "1") == 0 && strncmp(link, "pipe:", 5) == 0)
		memcpy(h->out, link, (size_t)n + 1);
}

static void add_socket(struct search *s, uint32_t inode)
{
	for (size_t i = 0; i < s->n_found; i++)
		if (s->found[i] == inode)
			return;
	if (s->n_found < PRIV_SOCKETS_MAX)
		s->found[s->n_found++] = inode;
}

static void look_at_process(struct search *s, int proc, const char *name, void *arg)
{
	struct holder h = {0};
	CLEANUP(closep) int fds = -1;
	char path[64];
	pid_t pid = atoi(name);

	(void)arg;
	/* Our client and we have the other end. */
	if (pid == s->o->client || pid == getpid() ||
	    (size_t)snprintf(path, sizeof(path), "%s/fd", name) >= sizeof(path))
		return;
	fds = opener_openat(proc, path, O_RDONLY | O_DIRECTORY, 0);
	if (fds < 0)
		return;
	each_number(s, fds, look_at_fd, &h);
	if (!h.reads)
		return;
	for (size_t i = 0; i < h.n; i++)
		add_socket(s, h.sockets[i]);
	if (h.out[0] && !is_wanted(s, h.out) && s->n_wanted < WANTED_MAX)
		memcpy(s->wanted[s->n_wanted++], h.out, sizeof(h.out));
}

/* What the links of others must say to be of the same thing. */
static int want(struct search *s, int fd, uint32_t peer, struct err *err)
{
	char self[64];
	ssize_t n;

	if (peer) {
		snprintf(s->wanted[0], LINK_SIZE, "socket:[%u]", peer);
	} else {
		snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
		n = readlinkat(AT_FDCWD, self, s->wanted[0], LINK_SIZE);
		if (n <= 0 || n == LINK_SIZE)
			return err_set(err, n < 0 ? -errno : -ENAMETOOLONG,
				       "cannot see what a descriptor is");
		s->wanted[0][n] = '\0';
	}
	s->n_wanted = 1;
	return 0;
}

static int search(struct search *s, struct err *err)
{
	size_t before = 0;

	/* Once more for each pipe that was found on the way. */
	while (s->n_wanted > before) {
		CLEANUP(closep) int proc = -1;

		before = s->n_wanted;
		proc = opener_openat(AT_FDCWD, "/proc", O_RDONLY | O_DIRECTORY, 0);
		if (proc < 0)
			return err_set(err, proc, "cannot read /proc: %s", strerror(-proc));
		each_number(s, proc, look_at_process, NULL);
	}
	return 0;
}

int opener_readers(struct opener *o, const struct order_wire *w, const int *fds,
		   struct outcome *ret, struct err *err)
{
	CLEANUP(freep) struct search *s = calloc(1, sizeof(*s));
	size_t len = 0;
	struct stat st;
	int r;

	if (!s)
		return err_set(err, -ENOMEM, "out of memory");
	if (fstat(fds[0], &st) < 0 || !(w->arg[0] ? S_ISSOCK(st.st_mode) : S_ISFIFO(st.st_mode)))
		return err_set(err, -EINVAL, "neither a pipe nor a socket");
	s->o = o;
	r = want(s, fds[0], w->arg[0], err);
	if (r == 0) {
		CLEANUP(opener_lower) struct opener *raised = opener_raise(o, PRIV_READERS);

		(void)raised;
		r = search(s, err);
	}
	for (size_t i = 0; r == 0 && i < s->n_found; i++)
		len += (size_t)snprintf(ret->text + len, sizeof(ret->text) - len, "%u ",
					s->found[i]);
	return r;
}
_Static_assert(PRIV_SOCKETS_MAX * sizeof("4294967295") < ORDER_TEXT_SIZE, "all must fit");
