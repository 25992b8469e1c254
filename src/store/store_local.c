/* The store in a directory: opening it, and how its files are made. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "store/local.h"

#define DEPTH_MAX 4

static int own_create(void *arg, const char *name)
{
	const struct local *s = arg;
	int fd = openat(s->dir_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);

	return fd < 0 ? -errno : fd;
}

static int own_rename(void *arg, const char *from, const char *to)
{
	const struct local *s = arg;

	return renameat(s->dir_fd, from, s->dir_fd, to) < 0 ? -errno : 0;
}

static int own_unlink(void *arg, const char *name)
{
	const struct local *s = arg;

	return unlinkat(s->dir_fd, name, 0) < 0 ? -errno : 0;
}

static int own_mkdir(void *arg, const char *name)
{
	const struct local *s = arg;

	return mkdirat(s->dir_fd, name, 0700) < 0 && errno != EEXIST ? -errno : 0;
}

/* Bytes below a folder that is given away. */
static uint64_t usage_of(int fd, int depth)
{
	DIR *d = fdopendir(fd);
	const struct dirent *e;
	uint64_t n = 0;
	struct stat st;
	int sub;

	if (!d) {
		close(fd);
		return 0;
	}
	while ((e = readdir(d))) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
		    fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (S_ISREG(st.st_mode))
			n += (uint64_t)st.st_size;
		if (!S_ISDIR(st.st_mode) || depth == DEPTH_MAX)
			continue;
		sub = openat(dirfd(d), e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (sub >= 0)
			n += usage_of(sub, depth + 1);
	}
	closedir(d);
	return n;
}

static void local_free(struct store *store)
{
	struct local *s = (struct local *)store;

	local_sealer_free(s->sealer);
	if (s->dir_fd >= 0)
		close(s->dir_fd);
	free(s->path);
	free(s->app);
	free(s->os);
	free(s->hardware);
	free(s);
}

static void local_freep(struct local **s)
{
	if (*s)
		local_free(&(*s)->store);
}

static int open_dir(struct local *s, const struct store_conf *conf, struct err *err)
{
	bool own = !conf->files;
	char q[300];

	if (own && !conf->read_only && mkdir(s->path, 0700) < 0 && errno != EEXIST)
		return err_set(err, -errno, "cannot create '%s': %s",
			       err_quote(q, sizeof(q), s->path, (unsigned)strlen(s->path)),
			       strerror(errno));
	s->dir_fd = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dir_fd < 0 && own)
		return err_set(err, -errno, "cannot open '%s': %s",
			       err_quote(q, sizeof(q), s->path, (unsigned)strlen(s->path)),
			       strerror(errno));
	return 0;
}

static char *copy(const char *text, bool *bad)
{
	char *p = text ? strdup(text) : NULL;

	*bad |= text && !p;
	return p;
}

static int local_open(struct store **ret, const char *arg, const struct store_conf *conf,
		      struct err *err)
{
	CLEANUP(local_freep) struct local *s = calloc(1, sizeof(*s));
	bool bad = !s;
	int r, fd;

	if (s) {
		s->dir_fd = -1;
		s->store.ops = &store_local;
		s->store.conf = *conf;
		s->path = copy(arg, &bad);
		s->app = copy(conf->app, &bad);
		s->os = copy(conf->os, &bad);
		s->hardware = copy(conf->hardware, &bad);
	}
	if (bad)
		return err_set(err, -ENOMEM, "out of memory");
	s->files = conf->files ? *conf->files
			       : (struct store_files){
					 .arg = s,
					 .create = own_create,
					 .rename = own_rename,
					 .unlink = own_unlink,
					 .mkdir = own_mkdir,
				 };
	if (!conf->read_only && local_sealer_new(&s->sealer, s) < 0)
		return err_set(err, -ENOMEM, "out of memory");
	r = open_dir(s, conf, err);
	if (r < 0)
		return r;
	fd = conf->max_bytes && s->dir_fd >= 0 ? openat(s->dir_fd, ".", O_RDONLY | O_CLOEXEC) : -1;
	if (fd >= 0)
		s->bytes = usage_of(fd, 0);
	*ret = &TAKE_PTR(s)->store;
	return 0;
}

const struct store_ops store_local = {
	.scheme = "local",
	.open = local_open,
	.stream_new = local_stream_new,
	.free = local_free,
};
