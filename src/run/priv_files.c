#include "run/priv_files.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "priv/priv.h"

#define FILE_MODE 0600
#define DIR_MODE  0700

/* A folder below the store's, known by its path from there. */
struct dir {
	char *path; /* owned */
	int number;
};

struct priv_files {
	struct store_files ops;
	struct priv *priv;
	int root;
	pthread_mutex_t lock; /* of what follows */
	struct dir *dirs;     /* owned */
	size_t n_dirs;
};

/* That the opener has ended is no pipe's end: nobody asked for it, as one does who closes a
 * pipe that we write to. */
static int told(int r)
{
	return r == -EPIPE ? -ESRCH : r;
}

static int known(const struct priv_files *f, const char *path, size_t len)
{
	size_t i;

	if (!len)
		return f->root;
	for (i = 0; i < f->n_dirs; i++)
		if (strncmp(f->dirs[i].path, path, len) == 0 && !f->dirs[i].path[len])
			return f->dirs[i].number;
	return -ENOENT;
}

static int remember(struct priv_files *f, const char *path, size_t len, int number)
{
	struct dir *v = reallocarray(f->dirs, f->n_dirs + 1, sizeof(*v));

	if (!v)
		return -ENOMEM;
	f->dirs = v;
	v[f->n_dirs].path = strndup(path, len);
	if (!v[f->n_dirs].path)
		return -ENOMEM;
	v[f->n_dirs++].number = number;
	return number;
}

/* The number of the folder at the first 'len' bytes of 'path', which is made if it
 * is missing: by the time that a file is made in it, it is there. */
static int dir_at(struct priv_files *f, const char *path, size_t len)
{
	const char *slash = memrchr(path, '/', len);
	size_t up = slash ? (size_t)(slash - path) : 0;
	char name[256];
	int number = known(f, path, len), parent, r;

	if (number != -ENOENT)
		return number;
	parent = dir_at(f, path, up);
	if (parent < 0)
		return parent;
	if (slash)
		up++;
	if (len - up >= sizeof(name))
		return -ENAMETOOLONG;
	memcpy(name, path + up, len - up);
	name[len - up] = '\0';
	r = told(priv_mkdir(f->priv, parent, name, DIR_MODE, &number, NULL));
	return r < 0 ? r : remember(f, path, len, number);
}

/* The folder of a file, and its name there. */
static int split(struct priv_files *f, const char *path, const char **ret_name)
{
	const char *slash = strrchr(path, '/');
	int number;

	pthread_mutex_lock(&f->lock);
	number = dir_at(f, path, slash ? (size_t)(slash - path) : 0);
	pthread_mutex_unlock(&f->lock);
	*ret_name = slash ? slash + 1 : path;
	return number;
}

static int file_create(void *arg, const char *path)
{
	struct priv_files *f = arg;
	const char *name;
	int dir = split(f, path, &name), fd, r;

	if (dir < 0)
		return dir;
	r = told(priv_create(f->priv, dir, name, O_RDWR | O_CREAT | O_EXCL, FILE_MODE, &fd, NULL));
	return r < 0 ? r : fd;
}

static int file_rename(void *arg, const char *from, const char *to)
{
	struct priv_files *f = arg;
	const char *a, *b;
	int x = split(f, from, &a), y = split(f, to, &b);

	if (x < 0 || y < 0)
		return x < 0 ? x : y;
	return x == y ? told(priv_rename(f->priv, x, a, b, NULL)) : -EXDEV;
}

static int file_unlink(void *arg, const char *path)
{
	struct priv_files *f = arg;
	const char *name;
	int dir = split(f, path, &name);

	return dir < 0 ? dir : told(priv_unlink(f->priv, dir, name, NULL));
}

static int file_mkdir(void *arg, const char *path)
{
	struct priv_files *f = arg;
	int number;

	pthread_mutex_lock(&f->lock);
	number = dir_at(f, path, strlen(path));
	pthread_mutex_unlock(&f->lock);
	return number < 0 ? number : 0;
}

static int file_dir(void *arg)
{
	struct priv_files *f = arg;
	int fd, r = told(priv_dir_fd(f->priv, f->root, &fd, NULL));

	return r < 0 ? r : fd;
}

int priv_files_new(struct priv_files **ret, struct priv *priv, int dir)
{
	struct priv_files *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	f->ops = (struct store_files){
		.arg = f,
		.create = file_create,
		.rename = file_rename,
		.unlink = file_unlink,
		.mkdir = file_mkdir,
		.dir = file_dir,
	};
	f->priv = priv;
	f->root = dir;
	pthread_mutex_init(&f->lock, NULL);
	*ret = f;
	return 0;
}

void priv_files_free(struct priv_files *f)
{
	size_t i;

	if (!f)
		return;
	for (i = 0; i < f->n_dirs; i++)
		free(f->dirs[i].path);
	free(f->dirs);
	pthread_mutex_destroy(&f->lock);
	free(f);
}

const struct store_files *priv_files_ops(const struct priv_files *f)
{
	return &f->ops;
}
