/* The requests: each puts its arguments into a message and takes its answer. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "priv/conn.h"

/* One request without descriptors of ours. */
static int ask(struct priv *p, unsigned features, uint32_t kind, const uint32_t arg[3],
	       const char *text, const char *name, struct priv_got *ret, struct err *err)
{
	struct order_wire w;
	int r;

	r = order_encode(&w, kind, arg, text, name, err);
	if (r < 0)
		return r;
	r = priv_missing(p, features, err);
	if (r < 0)
		return r;
	return priv_call(p, &w, NULL, 0, ret, err);
}

static int ask_fd(struct priv *p, unsigned features, uint32_t kind, const uint32_t arg[3],
		  const char *text, int *ret_fd, struct err *err)
{
	struct priv_got got;
	int r = ask(p, features, kind, arg, text, NULL, &got, err);

	if (r == 0)
		*ret_fd = got.fds[0];
	return r;
}

static const uint32_t no_arg[3];

/* To the opener "" is our own namespace; to callers it is a mistake. */
static int netns_check(const char *netns, struct err *err)
{
	if (netns && !netns[0])
		return err_set(err, -EINVAL, "a network namespace without a name");
	return 0;
}

int priv_forgo(struct priv *p, unsigned features, struct err *err)
{
	const uint32_t arg[3] = {features};
	struct priv_got got;

	if (p->sock < 0)
		return 0;
	return ask(p, 0, ORDER_FORGO, arg, NULL, NULL, &got, err);
}

int priv_packet_socket(struct priv *p, const char *netns, int *ret_fd, struct err *err)
{
	int r = netns_check(netns, err);

	if (r < 0)
		return r;
	return ask_fd(p, PRIV_PACKET | (netns ? PRIV_NETNS : 0), ORDER_PACKET, no_arg, netns,
		      ret_fd, err);
}

int priv_route_socket(struct priv *p, const char *netns, int *ret_fd, struct err *err)
{
	int fd, r;

	r = netns_check(netns, err);
	if (r < 0)
		return r;
	if (netns || p->sock >= 0)
		return ask_fd(p, PRIV_ROUTE | (netns ? PRIV_NETNS : 0), ORDER_ROUTE, no_arg, netns,
			      ret_fd, err);
	/* Without an opener: anybody may. */
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_set(err, -errno, "cannot open a socket: %s", strerror(errno));
	*ret_fd = fd;
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Appends what 'dir' has, sorted.  The number, or -errno. */
static int netns_read(DIR *dir, struct buf *ret)
{
	char *names[PRIV_NETNS_MAX];
	size_t n = 0;
	int r = 0;

	while (n < PRIV_NETNS_MAX && r == 0) {
		struct dirent *d;

		errno = 0;
		d = readdir(dir);
		r = -errno;
		if (!d)
			break;
		if (d->d_name[0] == '.')
			continue;
		names[n] = strdup(d->d_name);
		if (names[n])
			n++;
		else
			r = -ENOMEM;
	}
	qsort(names, n, sizeof(names[0]), by_name);
	for (size_t i = 0; i < n; i++) {
		if (r == 0)
			buf_add(ret, names[i], strlen(names[i]) + 1);
		free(names[i]);
	}
	if (r == 0)
		r = buf_err(ret);
	return r < 0 ? r : (int)n;
}

int priv_netns_list(struct priv *p, struct buf *ret, struct err *err)
{
	int fd = -1, r;
	DIR *dir;

	r = ask_fd(p, PRIV_NETNS, ORDER_NETNS, no_arg, NULL, &fd, err);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	dir = fdopendir(fd);
	if (!dir) {
		r = err_set(err, -errno, "cannot read /run/netns: %s", strerror(errno));
		close(fd);
		return r;
	}
	r = netns_read(dir, ret);
	closedir(dir);
	return r < 0 ? err_set(err, r, "cannot read /run/netns: %s", strerror(-r)) : r;
}

/* The program in a file that has no name; requests are small. */
static int program_file(const struct bpf_insn *insns, size_t n, struct err *err)
{
	CLEANUP(closep) int fd = memfd_create("trawl-filter", MFD_CLOEXEC);
	int r;

	if (fd < 0)
		return err_set(err, -errno, "cannot make a file in memory: %s", strerror(errno));
	r = fd_write_all(fd, insns, n * sizeof(*insns));
	if (r < 0)
		return err_set(err, r, "cannot write a file in memory: %s", strerror(-r));
	return TAKE_FD(fd);
}

int priv_bpf_filter(struct priv *p, const struct bpf_insn *insns, size_t n, int *ret_prog_fd,
		    int *ret_map_fd, struct err *err)
{
	const uint32_t arg[3] = {(uint32_t)n};
	CLEANUP(closep) int file = -1;
	struct priv_got got;
	struct order_wire w;
	int r;

	if (n == 0 || n > PRIV_BPF_INSNS_MAX)
		return err_set(err, -E2BIG, "a program of %zu instructions", n);
	r = priv_missing(p, PRIV_BPF, err);
	if (r < 0)
		return r;
	file = program_file(insns, n, err);
	if (file < 0)
		return file;
	r = order_encode(&w, ORDER_BPF, arg, NULL, NULL, err);
	if (r < 0)
		return r;
	r = priv_call(p, &w, &file, 1, &got, err);
	if (r < 0)
		return r;
	*ret_prog_fd = got.fds[0];
	*ret_map_fd = got.fds[1];
	return 0;
}

int priv_mark(struct priv *p, int fd, uint32_t mark, struct err *err)
{
	const uint32_t arg[3] = {mark};
	struct priv_got got;
	struct order_wire w;
	int r;

	r = order_encode(&w, ORDER_MARK, arg, NULL, NULL, err);
	if (r < 0)
		return r;
	r = priv_missing(p, PRIV_MARK, err);
	if (r < 0)
		return r;
	return priv_call(p, &w, &fd, 1, &got, err);
}

int priv_readers(struct priv *p, int fd, uint32_t peer, uint32_t *ret, size_t max, struct err *err)
{
	const uint32_t arg[3] = {peer};
	struct priv_got got;
	struct order_wire w;
	char *at = got.text, *end;
	size_t n = 0;
	int r;

	r = order_encode(&w, ORDER_READERS, arg, NULL, NULL, err);
	if (r == 0)
		r = priv_missing(p, PRIV_READERS, err);
	if (r == 0)
		r = priv_call(p, &w, &fd, 1, &got, err);
	if (r < 0)
		return r;
	for (; n < max; n++, at = end) {
		ret[n] = (uint32_t)strtoul(at, &end, 10);
		if (end == at)
			break;
	}
	return (int)n;
}

/* Requests that give a folder's number. */
static int ask_dir(struct priv *p, unsigned feature, uint32_t kind, const uint32_t arg[3],
		   const char *text, int *ret_dir, struct err *err)
{
	struct priv_got got;
	int r = ask(p, feature, kind, arg, text, NULL, &got, err);

	if (r == 0)
		*ret_dir = (int)got.value[0];
	return r;
}

int priv_dir_grant(struct priv *p, const char *path, bool make, int *ret_dir, struct err *err)
{
	const uint32_t arg[3] = {make};

	return ask_dir(p, PRIV_GRANT, ORDER_GRANT, arg, path, ret_dir, err);
}

int priv_mkdir(struct priv *p, int dir, const char *name, mode_t mode, int *ret_dir,
	       struct err *err)
{
	const uint32_t arg[3] = {(uint32_t)dir, mode};

	return ask_dir(p, PRIV_FILES, ORDER_MKDIR, arg, name, ret_dir, err);
}

int priv_dir_fd(struct priv *p, int dir, int *ret_fd, struct err *err)
{
	const uint32_t arg[3] = {(uint32_t)dir};

	return ask_fd(p, PRIV_FILES, ORDER_DIR_FD, arg, NULL, ret_fd, err);
}

int priv_dir_close(struct priv *p, int dir, struct err *err)
{
	const uint32_t arg[3] = {(uint32_t)dir};
	struct priv_got got;

	return ask(p, PRIV_FILES, ORDER_DIR_CLOSE, arg, NULL, NULL, &got, err);
}

int priv_create(struct priv *p, int dir, const char *name, int flags, mode_t mode, int *ret_fd,
		struct err *err)
{
	/* Those that it gets anyway. */
	const uint32_t arg[3] = {(uint32_t)dir, (uint32_t)(flags & ~(O_CLOEXEC | O_NOFOLLOW)),
				 mode};

	return ask_fd(p, PRIV_FILES, ORDER_CREATE, arg, name, ret_fd, err);
}

int priv_rename(struct priv *p, int dir, const char *from, const char *to, struct err *err)
{
	const uint32_t arg[3] = {(uint32_t)dir};
	struct priv_got got;

	return ask(p, PRIV_FILES, ORDER_RENAME, arg, from, to, &got, err);
}

int priv_unlink(struct priv *p, int dir, const char *name, struct err *err)
{
	const uint32_t arg[3] = {(uint32_t)dir};
	struct priv_got got;

	return ask(p, PRIV_FILES, ORDER_UNLINK, arg, name, NULL, &got, err);
}

int priv_rmdir(struct priv *p, int dir, const char *name, struct err *err)
{
	const uint32_t arg[3] = {(uint32_t)dir};
	struct priv_got got;

	return ask(p, PRIV_FILES, ORDER_RMDIR, arg, name, NULL, &got, err);
}
