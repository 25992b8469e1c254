/* Granted folders: the only ones in which anything is touched. */
#include "priv/opener.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "priv/caps.h"

#define GRANT_MODE 0700

static int open_how(int dir, const char *name, struct open_how how)
{
	long r = syscall(SYS_openat2, dir, name, &how, sizeof(how));

	return r < 0 ? -errno : (int)r;
}

int opener_openat(int dir, const char *name, int flags, mode_t mode)
{
	struct open_how how = {
		.flags = (uint64_t)(flags | O_CLOEXEC | O_NOFOLLOW),
		.mode = mode,
		.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};

	/* A path of our own, from the root, is beneath nothing. */
	if (dir != AT_FDCWD)
		how.resolve |= RESOLVE_BENEATH;
	return open_how(dir, name, how);
}

struct opener_dir *opener_dir(struct opener *o, uint32_t number, struct err *err)
{
	if (number >= PRIV_DIRS_MAX || o->dirs[number].fd < 0) {
		err_set(err, -EBADF, "folder %u was not granted", number);
		return NULL;
	}
	return &o->dirs[number];
}

/* Owns 'fd' on success.  The number, or -errno. */
static int dir_add(struct opener *o, int fd, bool override, struct err *err)
{
	for (int i = 0; i < PRIV_DIRS_MAX; i++) {
		if (o->dirs[i].fd >= 0)
			continue;
		o->dirs[i] = (struct opener_dir){fd, override};
		return i;
	}
	return err_set(err, -EMFILE, "more than %d folders at a time", PRIV_DIRS_MAX);
}

/* Whether files can be made there: by the user himself, with nothing raised; or else
 * with CAP_DAC_OVERRIDE, where 'may_override'.  0 or -errno. */
static int may_write(struct opener *o, int fd, unsigned feature, bool may_override,
		     bool *ret_override)
{
	*ret_override = false;
	if (faccessat(fd, ".", W_OK | X_OK, AT_EACCESS) == 0)
		return 0;
	if (errno != EACCES || !may_override)
		return -errno;
	{
		CLEANUP(opener_lower) struct opener *raised = opener_raise(o, feature);

		(void)raised;
		*ret_override = true;
		return faccessat(fd, ".", W_OK | X_OK, AT_EACCESS) < 0 ? -errno : 0;
	}
}

/* The folder at a path that the user gave: links in it are his. */
static int path_open(const char *path, bool make)
{
	struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC};
	int fd = open_how(AT_FDCWD, path, how);

	if (fd != -ENOENT || !make)
		return fd;
	if (mkdirat(AT_FDCWD, path, GRANT_MODE) < 0)
		return -errno;
	return open_how(AT_FDCWD, path, how);
}

int opener_grant(struct opener *o, const struct order_wire *w, const int *fds, struct outcome *ret,
		 struct err *err)
{
	const bool rooted = o->caps & CAPS_BIT(CAP_DAC_OVERRIDE);
	CLEANUP(closep) int fd = -1;
	bool override;
	int r;

	(void)fds;
	/* First as the user: on some network file systems root is nobody. */
	if (w->arg[0] > 1)
		return err_set(err, -EINVAL, "a grant with flag %u", w->arg[0]);
	fd = path_open(w->text, w->arg[0]);
	if (fd == -EACCES && rooted) {
		CLEANUP(opener_lower) struct opener *raised = opener_raise(o, PRIV_GRANT);

		(void)raised;
		fd = path_open(w->text, w->arg[0]);
	}
	if (fd == -ENOENT && !w->arg[0])
		return err_set(err, fd, "there is no folder '%.255s'", w->text);
	if (fd == -ENOENT)
		return err_set(err, fd,
			       "cannot create folder '%.255s': what it would be in does "
			       "not exist",
			       w->text);
	if (fd == -ENOTDIR)
		return err_set(err, fd, "'%.255s' is not a folder", w->text);
	if (fd < 0)
		return err_set(err, fd, "cannot open folder '%.255s': %s", w->text, strerror(-fd));

	r = may_write(o, fd, PRIV_GRANT, rooted, &override);
	if (r < 0)
		return err_set(err, r, "cannot write in folder '%.255s': %s", w->text,
			       strerror(-r));
	r = dir_add(o, fd, override, err);
	if (r < 0)
		return r;
	fd = -1;
	ret->value[0] = (uint32_t)r;
	return 0;
}

/* An existing folder, or one just made. */
static int dir_open(int dir, const char *name)
{
	return opener_openat(dir, name, O_PATH | O_DIRECTORY, 0);
}

static int dir_make(int dir, const char *name, mode_t mode)
{
	if (mkdirat(dir, name, mode) < 0 && errno != EEXIST)
		return -errno;
	return dir_open(dir, name);
}

/* As dir_make(), where only CAP_DAC_OVERRIDE lets us in: of others' folders those
 * of root are entered as well, but only as long as nothing is parsed. */
static int dir_make_raised(struct opener *o, int dir, const char *name, mode_t mode)
{
	CLEANUP(opener_lower) struct opener *raised = opener_raise(o, PRIV_FILES);
	CLEANUP(closep) int fd = -1;
	struct stat st;

	(void)raised;
	fd = dir_make(dir, name, mode);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_uid != o->uid && (st.st_uid != 0 || o->gate.sealed))
		return -EACCES;
	return TAKE_FD(fd);
}

int opener_mkdir(struct opener *o, const struct order_wire *w, const int *fds, struct outcome *ret,
		 struct err *err)
{
	struct opener_dir *d = opener_dir(o, w->arg[0], err);
	CLEANUP(closep) int fd = -1;
	bool override;
	int r;

	(void)fds;
	if (!d)
		return -EBADF;
	if (w->arg[1] & ~0777u)
		return err_set(err, -EINVAL, "a folder with mode %o", w->arg[1]);
	fd = dir_make(d->fd, w->text, w->arg[1]);
	if (fd == -EACCES && d->override)
		fd = dir_make_raised(o, d->fd, w->text, w->arg[1]);
	if (fd < 0)
		return err_set(err, fd, "cannot make folder '%s': %s", w->text, strerror(-fd));
	r = may_write(o, fd, PRIV_FILES, d->override, &override);
	if (r < 0)
		return err_set(err, r, "cannot write in folder '%s': %s", w->text, strerror(-r));
	r = dir_add(o, fd, override, err);
	if (r < 0)
		return r;
	fd = -1;
	ret->value[0] = (uint32_t)r;
	return 0;
}

int opener_dir_fd(struct opener *o, const struct order_wire *w, const int *fds, struct outcome *ret,
		  struct err *err)
{
	struct opener_dir *d = opener_dir(o, w->arg[0], err);
	int fd;

	(void)fds;
	if (!d)
		return -EBADF;
	fd = opener_openat(d->fd, ".", O_RDONLY | O_DIRECTORY, 0);
	if (fd == -EACCES && d->override) {
		CLEANUP(opener_lower) struct opener *raised = opener_raise(o, PRIV_FILES);

		(void)raised;
		fd = opener_openat(d->fd, ".", O_RDONLY | O_DIRECTORY, 0);
	}
	if (fd < 0)
		return err_set(err, fd, "cannot read a folder: %s", strerror(-fd));
	ret->fds[ret->n_fds++] = fd;
	return 0;
}

int opener_dir_close(struct opener *o, const struct order_wire *w, const int *fds,
		     struct outcome *ret, struct err *err)
{
	struct opener_dir *d = opener_dir(o, w->arg[0], err);

	(void)fds;
	(void)ret;
	if (!d)
		return -EBADF;
	close(d->fd);
	d->fd = -1;
	/* It may have been the last that needed CAP_DAC_OVERRIDE. */
	return opener_limit(o, err);
}
