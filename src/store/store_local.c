/* The store in a directory: opening it, and how its files are made. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "store/local.h"

#define FILE_MODE 0600 /* as a capture's, src/run/priv_files.c */
#define MODE_MASK 0666

/* Whom a new file is for: those whom the journal beside it is for, or, where it lies beside none,
 * whose the directory is. */
static int own_model(const struct local *s, const char *name, struct stat *ret)
{
	const char *slash = strrchr(name, '/');
	char journal[LOCAL_NAME_SIZE + 64];
	uint64_t run;

	if (!slash || !local_run_of(slash + 1, &run)) {
		if (fstat(s->dir_fd, ret) < 0)
			return -errno;
		ret->st_mode = FILE_MODE;
		return 0;
	}
	snprintf(journal, sizeof(journal), "%.*s/%016" PRIx64 LOCAL_JOURNAL, (int)(slash - name),
		 name, run);
	if (fstatat(s->dir_fd, journal, ret, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return S_ISREG(ret->st_mode) ? 0 : -EINVAL;
}

/* What root makes in another's store is that one's, as far as the system lets it be. */
static void own_give(const struct local *s, const char *name, int fd)
{
	struct stat model, now;

	if (own_model(s, name, &model) < 0 || fstat(fd, &now) < 0)
		return;
	if ((now.st_uid != model.st_uid || now.st_gid != model.st_gid) &&
	    fchown(fd, model.st_uid, model.st_gid) < 0)
		return;
	if ((now.st_mode & MODE_MASK) != (model.st_mode & MODE_MASK))
		fchmod(fd, model.st_mode & MODE_MASK);
}

static int own_create(void *arg, const char *name)
{
	const struct local *s = arg;
	int fd = openat(s->dir_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
			FILE_MODE);

	if (fd < 0)
		return -errno;
	own_give(s, name, fd);
	return fd;
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

static void local_unremoved(struct store *store, struct store_unremoved *ret)
{
	const struct local *s = (struct local *)store;
	struct retain_stats now;
	char q[300];

	if (!s->retain)
		return;
	retain_stats(s->retain, &now);
	ret->files = now.unremoved;
	if (!ret->files)
		return;
	err_quote(q, sizeof(q), now.failed_name, (unsigned)strlen(now.failed_name));
	if (ret->files == 1)
		snprintf(ret->text, sizeof(ret->text),
			 "cannot remove '%s', which is to go: %s; it is tried again every minute",
			 q, strerror(-now.failed));
	else
		snprintf(ret->text, sizeof(ret->text),
			 "cannot remove %" PRIu64 " files that are to go, '%s' among them: %s; "
			 "they are tried again every minute",
			 ret->files, q, strerror(-now.failed));
}

static void local_free(struct store *store)
{
	struct local *s = (struct local *)store;

	local_sealer_free(s->sealer);
	catalogue_free(s->catalogue);
	retain_free(s->retain);
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
	s->dir_fd = conf->files && conf->files->dir
			    ? conf->files->dir(conf->files->arg)
			    : open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
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

/* One process at a time writes, since it alone may remove: it has the directory's lock. */
static int lock(struct local *s, struct err *err)
{
	if (flock(s->dir_fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK)
		return 0; /* or a file system without locks */
	return local_busy(s, err);
}

/* What only a writer needs. */
static int own(struct local *s, struct err *err)
{
	const struct store_conf *c = &s->store.conf;
	struct retain_conf conf = {
		.dir_fd = s->dir_fd,
		.path = s->path,
		.files = &s->files,
		.quota = c->quota,
		.keep_packets = c->keep_packets,
		.keep_flows = c->keep_flows,
		.min_free = c->min_free,
		.min_free_percent = c->min_free_percent,
		.segment_size = c->segment_size,
		.writers = c->writers,
		.removed = catalogue_removed,
	};
	struct clock_state clock;
	int r;

	clock_state_read(&clock);
	conf.clock_ok = clock.sync == CLOCK_SYNCED;
	if (s->dir_fd < 0)
		return 0; /* others make the files, and it cannot be looked into */
	r = lock(s, err);
	if (r == 0 && catalogue_new(&s->catalogue, s) < 0)
		r = err_set(err, -ENOMEM, "out of memory");
	conf.arg = s->catalogue;
	conf.catalogue = catalogue_bytes(s->catalogue);
	if (r == 0)
		r = retain_new(&s->retain, &conf, retain_time_now(), err);
	if (r == 0)
		s->store.conf.segment_size = retain_segment(s->retain);
	return r;
}

static int local_open(struct store **ret, const char *arg, const struct store_conf *conf,
		      struct err *err)
{
	CLEANUP(local_freep) struct local *s = calloc(1, sizeof(*s));
	bool bad = !s;
	int r;

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
	if (!conf->read_only)
		r = own(s, err);
	if (r < 0)
		return r;
	*ret = &TAKE_PTR(s)->store;
	return 0;
}

const struct store_ops store_local = {
	.scheme = "local",
	.open = local_open,
	.stream_new = local_stream_new,
	.unremoved = local_unremoved,
	.free = local_free,
};
