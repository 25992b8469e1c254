#include "store/check.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "flow/flow_schema.h"
#include "store/check_impl.h"

#define NAME_SIZE (4 * 256)
#define TEXT_SIZE 512
#define ASK_BYTES (1u << 20) /* between two questions whether to stop */

static void tell(struct check *c, enum store_found kind, const char *file, int64_t at,
		 const char *text)
{
	const struct store_finding f = {kind, c->remedy, file, at, text};

	c->sum->damage += kind == STORE_DAMAGE;
	c->sum->remarks += kind == STORE_REMARK;
	c->sum->unseen += kind == STORE_UNSEEN;
	c->remedy = STORE_NO_REMEDY;
	c->conf->found(c->conf->arg, &f);
}

void check_found(struct check *c, enum store_found kind, const char *file, int64_t at,
		 const char *fmt, ...)
{
	char text[TEXT_SIZE];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	tell(c, kind, file, at, text);
}

static void name_of(const struct check_run *u, uint32_t number, const char *end,
		    char ret[NAME_SIZE])
{
	char part[32] = "";

	if (number)
		snprintf(part, sizeof(part), "-%06" PRIu32, number);
	snprintf(ret, NAME_SIZE, "%.*s/%016" PRIx64 "%s%s", (int)u->folder_len, u->folder, u->id,
		 part, end);
}

void check_say(struct check_run *u, enum store_found kind, uint32_t number, const char *end,
	       int64_t at, const char *fmt, ...)
{
	char text[TEXT_SIZE], name[NAME_SIZE];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	name_of(u, number, end, name);
	tell(u->c, kind, name, at, text);
}

int check_count(struct check *c, uint64_t bytes)
{
	c->sum->bytes += bytes;
	if (!c->conf->stop || c->sum->bytes - c->asked < ASK_BYTES)
		return 0;
	c->asked = c->sum->bytes;
	return c->conf->stop(c->conf->arg, c->sum->bytes, c->files.bytes) ? -ECANCELED : 0;
}

/* What lies where a file should; NULL: a file. */
static const char *kind_of(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return NULL;
	case S_IFLNK:
		return "is a symbolic link, which is not followed";
	case S_IFDIR:
		return "is a folder, not a file";
	case S_IFIFO:
		return "is a pipe, not a file";
	case S_IFSOCK:
		return "is a socket, not a file";
	default:
		return "is a device, not a file";
	}
}

int check_open_name(struct check *c, const char *name, uint64_t *ret_size)
{
	struct stat st = {.st_mode = S_IFREG};
	const char *kind = NULL;
	/* Never waits: what lies there may be a pipe. */
	int fd = openat(c->s->dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	int r = fd < 0 || fstat(fd, &st) < 0 ? -errno : 0;

	if (r == 0 || (r != -ENOENT && fstatat(c->s->dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0))
		kind = kind_of(st.st_mode);
	if (r == 0 && !kind) {
		c->sum->files++;
		*ret_size = (uint64_t)st.st_size;
		return fd;
	}
	if (fd >= 0)
		close(fd);
	if (r != -ENOENT)
		check_found(c, STORE_UNSEEN, name, -1, "%s", kind ? kind : strerror(-r));
	return r < 0 ? r : -EINVAL;
}

int check_open(struct check_run *u, uint32_t number, const char *end, uint64_t *ret_size)
{
	char name[NAME_SIZE];

	name_of(u, number, end, name);
	return check_open_name(u->c, name, ret_size);
}

bool check_is_there(const struct check_run *u, uint32_t number, const char *end)
{
	char name[NAME_SIZE];

	name_of(u, number, end, name);
	return faccessat(u->c->s->dir_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

bool check_has(const struct check_run *u, enum store_file_kind kind, uint32_t number)
{
	size_t i;

	for (i = 0; i < u->n_files; i++)
		if (u->files[i].kind == kind && u->files[i].number == number)
			return true;
	return false;
}

static void run_done(struct check_run *u)
{
	free(u->linktypes);
	free(u->segments);
	free(u->blocks);
	free(u->rows);
}

/* An index that was not finished: of a writer that was killed at it. */
static int halves(struct check_run *u)
{
	size_t i;
	int r = 0;

	for (i = 0; i < u->n_files && !u->running && r == 0; i++) {
		if (u->files[i].kind != STORE_FILE_HALF)
			continue;
		u->c->sum->files++;
		r = check_count(u->c, u->files[i].bytes);
		check_remedy(u->c, STORE_REMOVE_FILE);
		check_found(u->c, STORE_REMARK, u->files[i].path, -1,
			    "of no use: a writer was killed at it");
	}
	return r;
}

/* The files of one run. */
static int check_run(struct check *c, const struct store_file *files, size_t n)
{
	CLEANUP(run_done)
	struct check_run u = {
		.c = c,
		.folder = files->path,
		.folder_len = files->folder,
		.id = files->run,
		.files = files,
		.n_files = n,
	};
	const struct store_checked before = *c->sum;
	int r = check_journal(&u);

	c->sum->runs++;
	if (r == 0 && u.has_journal)
		r = check_rows(&u);
	if (r == 0 && u.has_journal)
		r = check_segments(&u);
	if (r == 0)
		r = halves(&u);
	if (r == 0 && u.has_journal)
		check_journal_end(&u);
	if (r == 0)
		check_catalogue_run(&u);
	if (!u.has_head) { /* nobody can use them */
		c->sum->packets = before.packets;
		c->sum->rows = before.rows;
		c->sum->blocks = before.blocks;
	}
	return r;
}

static bool is_same_run(const struct store_file *a, const struct store_file *b)
{
	return a->run == b->run && a->folder == b->folder &&
	       memcmp(a->path, b->path, a->folder) == 0;
}

static int check_all(struct check *c)
{
	const struct store_file *v = c->files.v;
	size_t i, n;
	int r = check_catalogue(c);

	for (i = 0; i < c->files.n_unread; i++)
		check_found(c, STORE_UNSEEN, c->files.unread[i].path, -1, "%s",
			    strerror(-c->files.unread[i].code));
	for (i = 0; i < c->files.n && r == 0; i += n) {
		n = 1;
		if (v[i].kind == STORE_FILE_OTHER)
			continue;
		while (i + n < c->files.n && v[i + n].kind != STORE_FILE_OTHER &&
		       is_same_run(&v[i], &v[i + n]))
			n++;
		r = check_run(c, &v[i], n);
	}
	if (r == 0)
		check_catalogue_end(c);
	return r;
}

static void check_done(struct check *c)
{
	inventory_done(&c->files);
	check_catalogue_free(c->catalogue);
	fseg_free(c->fseg);
	buf_done(&c->buf);
}

int store_check(struct store *s, const struct store_check_conf *conf, struct store_checked *ret,
		struct err *err)
{
	CLEANUP(check_done)
	struct check c = {.s = (struct local *)s, .conf = conf, .sum = ret};
	int r = inventory_new(&c.files, s, err);

	*ret = (struct store_checked){0};
	if (r < 0)
		return r;
	r = fseg_new(&c.fseg, flow_store_schema());
	if (r == 0)
		r = check_all(&c);
	return r < 0 ? err_set(err, r, "%s",
			       r == -ECANCELED ? "stopped before the end" : strerror(-r))
		     : 0;
}
