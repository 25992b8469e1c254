/* What is below a store's directory when it is opened. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/vec.h"
#include "store/file_number.h"
#include "store/retain_impl.h"

_Static_assert(FILE_NUMBER_MAX < RETAIN_LAST, "a journal comes behind all else");

#define DEPTH_MAX 32                  /* of folders */
#define RUN_DEPTH 2                   /* DIR/<capture>/<shard>/ */
#define TIME_MAX  INT64_C(4000000000) /* seconds */

#define NOT_YET (-1)
#define NO_RUNS (-2) /* no folder for runs */

/* One file of a run as it was found. */
struct found {
	uint64_t run, bytes;
	int64_t time;
	uint32_t folder, number;
	uint8_t kind, part;
	bool locked; /* a journal: somebody writes the run */
};

struct list {
	struct retain *r;
	struct found *v; /* owned */
	size_t n, size;
	char path[RETAIN_FOLDER_SIZE]; /* of a folder of runs, or above, below the directory */
};

static void list_done(struct list *l)
{
	free(l->v);
}

static const struct ending {
	const char *text;
	uint8_t kind, part;
} endings[] = {
	{LOCAL_SEGMENT, RETAIN_SEGMENT, RETAIN_MAIN},
	{LOCAL_INDEX, RETAIN_SEGMENT, RETAIN_INDEX},
	{LOCAL_REFS, RETAIN_SEGMENT, RETAIN_REFS},
	{LOCAL_INDEX LOCAL_TMP, RETAIN_SEGMENT, RETAIN_TMP},
	{LOCAL_ROWS, RETAIN_FSEG, RETAIN_MAIN},
	{LOCAL_TAIL, RETAIN_ROWS, RETAIN_MAIN},
};

static const char *ending_of(enum retain_kind kind, enum retain_part part)
{
	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++)
		if (endings[i].kind == kind && endings[i].part == part)
			return endings[i].text;
	return LOCAL_JOURNAL;
}

void retain_run_name(const struct retain *r, uint32_t run, char ret[RETAIN_NAME_SIZE])
{
	const struct retain_run *x = &r->runs[run];

	snprintf(ret, RETAIN_NAME_SIZE, "%s/%016" PRIx64, r->folders[x->folder], x->id);
}

void retain_name(const struct retain *r, uint32_t file, enum retain_part part,
		 char ret[RETAIN_NAME_SIZE])
{
	const struct retain_file *f = &r->files[file];
	const char *end = ending_of(f->kind, part);
	size_t n;

	retain_run_name(r, f->run, ret);
	n = strlen(ret);
	if (f->kind == RETAIN_JOURNAL)
		snprintf(ret + n, RETAIN_NAME_SIZE - n, "%s", end);
	else
		snprintf(ret + n, RETAIN_NAME_SIZE - n, "-%06" PRIu32 "%s", f->number, end);
}

/* Whether a name is one that retain_name() makes. */
static bool parse(const char *name, struct found *ret)
{
	const char *end = local_run_of(name, &ret->run);
	size_t i;

	if (!end)
		return false;
	if (strcmp(end, LOCAL_JOURNAL) == 0) {
		ret->kind = RETAIN_JOURNAL;
		ret->part = RETAIN_MAIN;
		ret->number = RETAIN_LAST;
		return true;
	}
	if (*end++ != '-')
		return false;
	ret->number = file_number(end, &end);
	if (!ret->number)
		return false;
	for (i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		if (strcmp(end, endings[i].text) != 0)
			continue;
		ret->kind = endings[i].kind;
		ret->part = endings[i].part;
		return true;
	}
	return false;
}

/* Where that cannot be looked into, somebody may well write. */
static bool is_written(int dir, const char *name)
{
	CLEANUP(closep) int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	return fd < 0 ? errno != ENOENT : local_is_locked(fd);
}

/* A file system may hold times of any year. */
static int64_t time_of(const struct timespec *t)
{
	int64_t s = t->tv_sec;

	s = s < -TIME_MAX ? -TIME_MAX : s > TIME_MAX ? TIME_MAX : s;
	return s * 1000000000 + t->tv_nsec;
}

/* 'folder' is the number of the folder, which is found here, or NO_RUNS. */
static int add(struct list *l, int dir, const char *name, const struct stat *st, int64_t *folder)
{
	struct found f = {
		.bytes = (uint64_t)st->st_size,
		.time = time_of(&st->st_mtim),
	};

	if (*folder == NO_RUNS || !parse(name, &f)) {
		l->r->other += f.bytes;
		l->r->used += f.bytes;
		return 0;
	}
	if (*folder < 0)
		*folder = retain_folder_new(l->r, l->path, strlen(l->path));
	if (*folder < 0)
		return -ENOMEM;
	if (vec_reserve(&l->v, &l->size, l->n + 1, sizeof(*l->v)) < 0)
		return -ENOMEM;
	f.folder = (uint32_t)*folder;
	f.locked = f.kind == RETAIN_JOURNAL && is_written(dir, name);
	l->v[l->n++] = f;
	return 0;
}

/* A folder that nobody may list holds nothing that could be removed: "lost+found". */
static int open_folder(struct list *l, int dir, const char *name, bool must, DIR **ret)
{
	DIR *d = fd_opendir(dir, name);
	int r;

	if (!d) {
		r = -errno;
		if (must || (r != -EACCES && r != -EPERM && r != -ENOENT))
			return r;
		l->r->unreadable += r != -ENOENT;
		return 0;
	}
	*ret = d;
	return 0;
}

static bool is_shard(const char *name)
{
	return name[strspn(name, "0123456789")] == '\0';
}

static int list_folder(struct list *l, int dir, const char *name, int depth)
{
	int64_t folder = depth == RUN_DEPTH && is_shard(name) ? NOT_YET : NO_RUNS;
	CLEANUP(closedirp) DIR *d = NULL;
	size_t len = strlen(l->path);
	const struct dirent *e;
	struct stat st;
	int r;

	if (depth > DEPTH_MAX) {
		l->r->unreadable++;
		return 0;
	}
	r = open_folder(l, dir, name, depth == 0, &d);
	while (r == 0 && d && (e = readdir(d))) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
		    fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue; /* it went meanwhile */
		if (S_ISREG(st.st_mode))
			r = add(l, dirfd(d), e->d_name, &st, &folder);
		if (!S_ISDIR(st.st_mode))
			continue;
		if (depth < RUN_DEPTH)
			snprintf(l->path + len, sizeof(l->path) - len, "%s%s", len ? "/" : "",
				 e->d_name);
		r = list_folder(l, dirfd(d), e->d_name, depth + 1);
		l->path[len] = '\0';
	}
	return r;
}

static int compare_run(const struct found *a, const struct found *b)
{
	if (a->folder != b->folder)
		return a->folder < b->folder ? -1 : 1;
	return a->run == b->run ? 0 : a->run < b->run ? -1 : 1;
}

/* Parts of a segment side by side. */
static int compare(const void *x, const void *y)
{
	const struct found *a = x, *b = y;
	int r = compare_run(a, b);

	if (r)
		return r;
	if (a->number != b->number)
		return a->number < b->number ? -1 : 1;
	return a->kind != b->kind ? a->kind - b->kind : a->part - b->part;
}

/* Makes one file of the parts of it.  Returns how many these were, or -ENOMEM. */
static ssize_t put_file(struct retain *r, uint32_t run, const struct found *v, size_t n)
{
	struct retain_file f = {
		.run = run,
		.number = v->number,
		.kind = v->kind,
		.flags = RETAIN_LISTED,
		.time = v->time, /* of the segment, rather than of what is beside it */
	};
	size_t i;

	for (i = 0; i < n && compare_run(&v[i], v) == 0 && v[i].number == v->number &&
		    v[i].kind == v->kind;
	     i++) {
		f.parts |= (uint8_t)(1u << v[i].part);
		*(v[i].part == RETAIN_MAIN ? &f.bytes : &f.side) += v[i].bytes;
	}
	return retain_file_new(r, &f) < 0 ? -ENOMEM : (ssize_t)i;
}

static void hold(struct retain *r, uint32_t n)
{
	struct retain_file *f = &r->files[n];

	if (f->flags & RETAIN_OPEN)
		return;
	f->flags |= RETAIN_OPEN;
	r->closed -= f->bytes + f->side;
	retain_file_changed(r, n);
}

/* Somebody writes the run: what that may be stays. */
static void hold_run(struct retain *r, uint32_t run)
{
	bool has_fseg = false;
	uint32_t n;

	r->running++;
	n = r->runs[run].q[RETAIN_PACKETS].last;
	if (n)
		hold(r, n);
	for (n = r->runs[run].q[RETAIN_FLOWS].last; n; n = r->files[n].prev) {
		if (r->files[n].kind != RETAIN_FSEG || !has_fseg)
			hold(r, n);
		has_fseg |= r->files[n].kind == RETAIN_FSEG;
	}
}

static int put_runs(struct list *l)
{
	size_t at = 0;

	while (at < l->n) {
		const struct found *first = &l->v[at];
		int64_t run = retain_run_new(l->r, first->folder, first->run);
		bool locked = false;

		if (run < 0)
			return -ENOMEM;
		while (at < l->n && compare_run(&l->v[at], first) == 0) {
			ssize_t n = put_file(l->r, (uint32_t)run, &l->v[at], l->n - at);

			if (n < 0)
				return -ENOMEM;
			locked |= l->v[at].locked;
			at += (size_t)n;
		}
		if (locked)
			hold_run(l->r, (uint32_t)run);
	}
	return 0;
}

int retain_list(struct retain *r, struct err *err)
{
	CLEANUP(list_done) struct list l = {.r = r};
	int code = list_folder(&l, r->conf.dir_fd, ".", 0);
	char q[300];

	if (code == 0) {
		if (l.n)
			qsort(l.v, l.n, sizeof(*l.v), compare);
		code = put_runs(&l);
	}
	if (code == -ENOMEM)
		return err_set(err, code, "out of memory");
	if (code < 0)
		return err_set(
			err, code, "cannot list '%s': %s",
			err_quote(q, sizeof(q), r->conf.path, (unsigned)strlen(r->conf.path)),
			strerror(-code));
	return 0;
}

static void tell_queue(const struct retain *r, uint32_t n, const char *run,
		       void (*fn)(void *arg, const struct retain_known *what), void *arg)
{
	for (; n; n = r->files[n].next) {
		const struct retain_file *f = &r->files[n];
		const struct retain_known k = {
			.run = run,
			.kind = f->kind,
			.number = f->kind == RETAIN_JOURNAL ? 0 : f->number,
			.bytes = f->bytes,
			.side = f->side,
			.open = f->flags & RETAIN_OPEN,
		};

		if (f->flags & RETAIN_LISTED)
			fn(arg, &k);
	}
}

void retain_each(struct retain *r, void (*fn)(void *arg, const struct retain_known *what),
		 void *arg)
{
	char run[RETAIN_NAME_SIZE];
	uint32_t i;

	pthread_mutex_lock(&r->lock);
	for (i = 1; i < r->n_runs; i++) {
		retain_run_name(r, i, run);
		tell_queue(r, r->runs[i].q[RETAIN_PACKETS].first, run, fn, arg);
		tell_queue(r, r->runs[i].q[RETAIN_FLOWS].first, run, fn, arg);
	}
	pthread_mutex_unlock(&r->lock);
}
