#include "store/inventory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "store/file_number.h"
#include "store/read.h"

#define PATH_SIZE (4 * 256)

static const struct {
	const char *end, *what;
} kinds[STORE_FILE_KINDS] = {
	[STORE_FILE_JOURNAL] = {LOCAL_JOURNAL, "journals"},
	[STORE_FILE_SEGMENT] = {LOCAL_SEGMENT, "packets"},
	[STORE_FILE_INDEX] = {LOCAL_INDEX, "indexes"},
	[STORE_FILE_REFS] = {LOCAL_REFS, "indexes being written"},
	[STORE_FILE_ROWS] = {LOCAL_ROWS, "flows"},
	[STORE_FILE_TAIL] = {LOCAL_TAIL, "flows of the last minutes"},
	[STORE_FILE_HALF] = {LOCAL_INDEX LOCAL_TMP, "half indexes"},
	[STORE_FILE_OTHER] = {"", "other files"},
};

const char *store_file_end(enum store_file_kind kind)
{
	return kinds[kind].end;
}

const char *store_file_what(enum store_file_kind kind)
{
	return kinds[kind].what;
}

/* Sets kind, run and number by a file's name without its folder. */
static void classify(struct store_file *f, const char *name)
{
	uint32_t number = 0;
	enum store_file_kind k;
	const char *rest;
	uint64_t run;

	f->kind = STORE_FILE_OTHER;
	rest = local_run_of(name, &run);
	if (!rest)
		return;
	if (*rest == '-') {
		number = file_number(rest + 1, &rest);
		if (!number)
			return;
	}
	for (k = 0; k < STORE_FILE_OTHER; k++)
		if (strcmp(rest, kinds[k].end) == 0 && (k == STORE_FILE_JOURNAL) == !number)
			f->kind = k;
	if (f->kind == STORE_FILE_OTHER)
		return;
	f->run = run;
	f->number = number;
}

static int add_unread(struct inventory *v, const char *path, int code)
{
	struct store_unread *u = read_append((void **)&v->unread, &v->n_unread, sizeof(*u));

	if (!u)
		return -ENOMEM;
	*u = (struct store_unread){strdup(path), code};
	return u->path ? 0 : -ENOMEM;
}

static int add_file(struct inventory *v, const char *path, size_t folder, uint64_t bytes)
{
	struct store_file *f = read_append((void **)&v->v, &v->n, sizeof(*f));

	if (!f)
		return -ENOMEM;
	*f = (struct store_file){
		.path = strdup(path), .kind = STORE_FILE_OTHER, .folder = folder, .bytes = bytes};
	if (!f->path)
		return -ENOMEM;
	if (folder)
		classify(f, f->path + folder + 1);
	v->bytes += bytes;
	return 0;
}

static int list(struct inventory *v, int dir, const char *folder, unsigned depth);

/* A file, or what is in a folder: streams are two deep, "capture/shard". */
static int add(struct inventory *v, int dir, const char *folder, const char *name, unsigned depth)
{
	char path[PATH_SIZE];
	struct stat st;
	int n = snprintf(path, sizeof(path), "%s%s%s", folder, *folder ? "/" : "", name);

	if (n >= (int)sizeof(path))
		return 0; /* deeper than a store has anything */
	if (fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : add_unread(v, path, -errno);
	if (S_ISDIR(st.st_mode))
		return depth < 3 ? list(v, dir, path, depth + 1) : 0;
	if (!S_ISREG(st.st_mode))
		return 0;
	return add_file(v, path,
			depth == 2 && strspn(strchr(folder, '/') + 1, "0123456789") ==
						strlen(strchr(folder, '/') + 1)
				? strlen(folder)
				: 0,
			(uint64_t)st.st_size);
}

static int list(struct inventory *v, int dir, const char *folder, unsigned depth)
{
	CLEANUP(closedirp) DIR *d = fd_opendir(dir, *folder ? folder : ".");
	const struct dirent *e;
	int r = 0;

	if (!d) {
		r = -errno;
		return !*folder || r == -ENOMEM ? r : add_unread(v, folder, r);
	}
	while (r == 0 && (e = readdir(d)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			r = add(v, dir, folder, e->d_name, depth);
	return r;
}

static int by_run(const void *a, const void *b)
{
	const struct store_file *x = a, *y = b;
	const size_t n = x->folder < y->folder ? x->folder : y->folder;
	int c = memcmp(x->path, y->path, n);

	if (c || x->folder != y->folder)
		return c ? c : x->folder < y->folder ? -1 : 1;
	if (!n)
		return strcmp(x->path, y->path);
	if (x->run != y->run)
		return x->run < y->run ? -1 : 1;
	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return (x->number > y->number) - (x->number < y->number);
}

int inventory_new(struct inventory *ret, struct store *s, struct err *err)
{
	struct inventory v = {0};
	const struct local *l = (const struct local *)s;
	int r;

	if (s->ops != &store_local)
		return err_set(err, -ENOTSUP, "this store cannot be looked through");
	r = list(&v, l->dir_fd, "", 0);
	if (r < 0) {
		inventory_done(&v);
		return err_set(err, r, "cannot look through '%s': %s", l->path, strerror(-r));
	}
	if (v.n)
		qsort(v.v, v.n, sizeof(*v.v), by_run);
	*ret = v;
	return 0;
}

void inventory_done(struct inventory *v)
{
	size_t i;

	for (i = 0; i < v->n; i++)
		free(v->v[i].path);
	for (i = 0; i < v->n_unread; i++)
		free(v->unread[i].path);
	free(v->v);
	free(v->unread);
	*v = (struct inventory){0};
}
