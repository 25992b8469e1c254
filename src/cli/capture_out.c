#include "cli/capture_out.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "priv/priv.h"

#define FILE_MODE 0600
#define SHOWN     128 /* bytes of a path in messages: the reason must have room */

static const char *quote(char q[SHOWN], const char *path)
{
	return err_quote(q, SHOWN, path, (unsigned)strlen(path));
}

/* Who is refused, and by whose file or folder: as root one expects neither. */
static int refused(const struct priv *priv, const char *path, const char *folder, struct err *err)
{
	const struct priv_user *u = priv_user(priv);
	bool there;
	const struct passwd *owner;
	struct stat st;
	char q[SHOWN], who[64];

	there = stat(path, &st) == 0;
	if (!there && stat(folder, &st) < 0)
		return err_set(err, -EACCES, "cannot create '%s': %s", quote(q, path),
			       strerror(EACCES));
	owner = getpwuid(st.st_uid);
	if (owner)
		snprintf(who, sizeof(who), "%s", owner->pw_name);
	else
		snprintf(who, sizeof(who), "#%u", st.st_uid);
	return err_set(err, -EACCES,
		       "cannot write '%s' as user %s, who this capture runs as: %s belongs to %s "
		       "(mode %04o)",
		       quote(q, path), u->name, there ? "the file" : "its folder", who,
		       (unsigned)st.st_mode & 07777);
}

static int create(struct priv *priv, const char *path, struct err *err)
{
	const char *slash = strrchr(path, '/');
	CLEANUP(freep) char *folder = NULL;
	char q[SHOWN];
	int dir, fd = -1, r;

	folder = slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");
	if (!folder)
		return err_set(err, -ENOMEM, "out of memory");
	r = priv_dir_grant(priv, folder, false, &dir, err);
	if (r == 0)
		r = priv_create(priv, dir, slash ? slash + 1 : path, O_WRONLY | O_CREAT | O_TRUNC,
				FILE_MODE, &fd, err);
	if (r == -EACCES)
		return refused(priv, path, folder, err);
	if (r == -ENOENT)
		return err_set(err, r, "cannot create a file in '%s': there is no such folder",
			       quote(q, folder));
	return r < 0 ? err_wrap(err, r, "cannot create '%s'", quote(q, path)) : fd;
}

int capture_out_open(struct priv *priv, const char *path, struct err *err)
{
	struct stat st = {0};
	char q[SHOWN];
	int fd;

	if (!*path)
		return err_set(err, -ENOENT, "a file without a name");
	if (strcmp(path, "-") == 0)
		return STDOUT_FILENO;
	if (path[strlen(path) - 1] != '/' && (stat(path, &st) < 0 || S_ISREG(st.st_mode)))
		return create(priv, path, err);
	if (path[strlen(path) - 1] == '/' || S_ISDIR(st.st_mode))
		return err_set(err, -EISDIR, "'%s' is a folder; --dir keeps packets in one",
			       quote(q, path));
	fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	return fd < 0 ? err_set(err, -errno, "cannot open '%s': %s", quote(q, path),
				strerror(errno))
		      : fd;
}

bool capture_out_is_terminal(const char *path)
{
	CLEANUP(closep) int fd = -1;
	struct stat st;

	if (strcmp(path, "-") == 0)
		return isatty(STDOUT_FILENO);
	if (stat(path, &st) == 0 && S_ISCHR(st.st_mode))
		fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	return fd >= 0 && isatty(fd);
}
