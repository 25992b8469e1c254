/* Files in granted folders.
 *
 * Everything is tried as the user, without any capability: what he may do he may
 * do through us.  Only where that is EACCES and the folder is one that he cannot
 * write in (the command was given by root, who can) it is done again with
 * CAP_DAC_OVERRIDE, but never to what belongs to somebody else; before parsing has
 * begun, root's own files are not somebody else's. */
#include "priv/opener.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

#define FLAGS_ALLOWED                                                                              \
	(O_ACCMODE | O_CREAT | O_EXCL | O_TRUNC | O_APPEND | O_DIRECT | O_DSYNC | O_SYNC)

/* Whether what stands there may be touched with CAP_DAC_OVERRIDE.  A file of root's
 * with two names might be here only because somebody else gave it the second. */
static bool is_ours(const struct opener *o, const struct stat *st)
{
	return st->st_uid == o->uid || (st->st_uid == 0 && !o->gate.sealed && st->st_nlink == 1);
}

/* -ELOOP, -EISDIR or -EINVAL for what is no regular file, -ENOENT for nothing. */
static int look(int dir, const char *name, struct stat *st)
{
	if (fstatat(dir, name, st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (S_ISREG(st->st_mode))
		return 0;
	return S_ISLNK(st->st_mode) ? -ELOOP : S_ISDIR(st->st_mode) ? -EISDIR : -EINVAL;
}

/* O_NONBLOCK: should a pipe have taken its place, nobody waits for its reader. */
static int open_it(int dir, const char *name, int flags, mode_t mode)
{
	return opener_openat(dir, name, flags | O_NOCTTY | O_NONBLOCK, flags & O_CREAT ? mode : 0);
}

/* As the user. */
static int open_own(int dir, const char *name, int flags, mode_t mode)
{
	CLEANUP(closep) int fd = -1;
	struct stat st;
	int r;

	r = look(dir, name, &st);
	if (r < 0 && r != -ENOENT)
		return r;
	fd = open_it(dir, name, flags, mode);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	return S_ISREG(st.st_mode) ? TAKE_FD(fd) : -EINVAL;
}

/* With CAP_DAC_OVERRIDE: what is there is opened without changing it, looked at once
 * more, and only then cut; what is new is new for certain. */
static int open_raised(struct opener *o, int dir, const char *name, int flags, mode_t mode)
{
	CLEANUP(opener_lower) struct opener *raised = opener_raise(o, PRIV_FILES);
	CLEANUP(closep) int fd = -1;
	struct stat st;
	int r;

	(void)raised;
	r = look(dir, name, &st);
	if (r == -ENOENT && flags & O_CREAT)
		return open_it(dir, name, flags | O_EXCL, mode);
	if (r < 0)
		return r;
	if (flags & O_CREAT && flags & O_EXCL)
		return -EEXIST;
	if (!is_ours(o, &st))
		return -EACCES;
	fd = open_it(dir, name, flags & ~(O_CREAT | O_EXCL | O_TRUNC), 0);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || !is_ours(o, &st))
		return -EACCES;
	if (flags & O_TRUNC && ftruncate(fd, 0) < 0)
		return -errno;
	return TAKE_FD(fd);
}

int opener_create(struct opener *o, const struct order_wire *w, const int *fds, struct outcome *ret,
		  struct err *err)
{
	struct opener_dir *d = opener_dir(o, w->arg[0], err);
	int flags = (int)w->arg[1], fd;

	(void)fds;
	if (!d)
		return -EBADF;
	if (flags & ~FLAGS_ALLOWED || (flags & O_ACCMODE) == O_ACCMODE || w->arg[2] & ~0777u ||
	    (flags & O_TRUNC && (flags & O_ACCMODE) == O_RDONLY))
		return err_set(err, -EINVAL, "'%s' with flags %#x, mode %o", w->text, w->arg[1],
			       w->arg[2]);
	fd = open_own(d->fd, w->text, flags, w->arg[2]);
	if (fd == -EACCES && d->override)
		fd = open_raised(o, d->fd, w->text, flags, w->arg[2]);
	if (fd == -ELOOP)
		return err_set(err, fd, "'%s' is a symbolic link, which is not followed", w->text);
	if (fd == -EINVAL)
		return err_set(err, fd, "'%s' cannot be opened, or is not a regular file", w->text);
	if (fd < 0)
		return err_set(err, fd, "cannot open '%s': %s", w->text, strerror(-fd));
	ret->fds[ret->n_fds++] = fd;
	return 0;
}

static int rename_raised(struct opener *o, int dir, const char *from, const char *to)
{
	CLEANUP(opener_lower) struct opener *raised = opener_raise(o, PRIV_FILES);
	unsigned flags = 0;
	struct stat st;
	int r;

	(void)raised;
	r = look(dir, from, &st);
	if (r < 0)
		return r;
	if (!is_ours(o, &st))
		return -EACCES;
	r = look(dir, to, &st);
	if (r == -ENOENT)
		flags = RENAME_NOREPLACE;
	else if (r < 0)
		return r;
	else if (!is_ours(o, &st))
		return -EACCES;
	return renameat2(dir, from, dir, to, flags) < 0 ? -errno : 0;
}

int opener_rename(struct opener *o, const struct order_wire *w, const int *fds, struct outcome *ret,
		  struct err *err)
{
	struct opener_dir *d = opener_dir(o, w->arg[0], err);
	int r;

	(void)fds;
	(void)ret;
	if (!d)
		return -EBADF;
	r = renameat2(d->fd, w->text, d->fd, w->name, 0) < 0 ? -errno : 0;
	if (r == -EACCES && d->override)
		r = rename_raised(o, d->fd, w->text, w->name);
	if (r < 0)
		return err_set(err, r, "cannot rename '%s' to '%s': %s", w->text, w->name,
			       strerror(-r));
	return 0;
}

static int unlink_raised(struct opener *o, int dir, const char *name, int flags)
{
	CLEANUP(opener_lower) struct opener *raised = opener_raise(o, PRIV_FILES);
	struct stat st;

	(void)raised;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	/* Of folders, which have more names than one, only the user's. */
	if (!is_ours(o, &st))
		return -EACCES;
	return unlinkat(dir, name, flags) < 0 ? -errno : 0;
}

static int remove_it(struct opener *o, const struct order_wire *w, int flags, struct err *err)
{
	struct opener_dir *d = opener_dir(o, w->arg[0], err);
	int r;

	if (!d)
		return -EBADF;
	r = unlinkat(d->fd, w->text, flags) < 0 ? -errno : 0;
	if (r == -EACCES && d->override)
		r = unlink_raised(o, d->fd, w->text, flags);
	if (r < 0)
		return err_set(err, r, "cannot remove '%s': %s", w->text, strerror(-r));
	return 0;
}

int opener_unlink(struct opener *o, const struct order_wire *w, const int *fds, struct outcome *ret,
		  struct err *err)
{
	(void)fds;
	(void)ret;
	return remove_it(o, w, 0, err);
}

int opener_rmdir(struct opener *o, const struct order_wire *w, const int *fds, struct outcome *ret,
		 struct err *err)
{
	(void)fds;
	(void)ret;
	return remove_it(o, w, AT_REMOVEDIR, err);
}
