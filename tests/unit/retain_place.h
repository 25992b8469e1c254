/* A store's directory of sparse files for the tests of retain.h, and what becomes of it. */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "store/retain.h"
#include "store/store.h"

#define SEC  INT64_C(1000000000)
#define HOUR (3600 * SEC)
#define MIB  (UINT64_C(1) << 20)
#define RUN  "0000000000000001"
#define BASE INT64_C(1700000000) /* s; when things happen */

/* "c/0/000000000000000<run>-<n><end>" */
#define N(run, n, end) "c/0/000000000000000" run "-" n end

static char root[64]; /* of make_root() */

/* A directory of its own for each test, and what happens in it. */
struct place {
	char path[128];
	int fd;
	struct store_files files;
	char gone[4096];    /* names that were removed, each with a blank behind it */
	const char *refuse; /* names with this in them are not removed, */
	int code;           /* but fail with it */
	unsigned asked, told;
	struct retain_removed last;
	uint64_t free, total;
	bool held; /* removing frees nothing */
};

static inline int place_unlink(void *arg, const char *name)
{
	struct place *p = arg;
	struct stat st;
	size_t n = strlen(p->gone);

	p->asked++;
	if (p->refuse && strstr(name, p->refuse))
		return p->code;
	if (fstatat(p->fd, name, &st, 0) < 0 || unlinkat(p->fd, name, 0) < 0)
		return -errno;
	p->free += p->held ? 0 : (uint64_t)st.st_size;
	snprintf(p->gone + n, sizeof(p->gone) - n, "%s ", name);
	return 0;
}

static inline void place_removed(void *arg, const struct retain_removed *what)
{
	struct place *p = arg;

	p->told++;
	p->last = *what;
	p->last.run = NULL;
}

static inline int place_space(void *arg, uint64_t *ret_free, uint64_t *ret_total)
{
	struct place *p = arg;

	*ret_free = p->free;
	*ret_total = p->total;
	return 0;
}

static inline void make_place(struct place *p)
{
	static int n;

	memset(p, 0, sizeof(*p));
	snprintf(p->path, sizeof(p->path), "%s/%d", root, ++n);
	assert_int_equal(mkdir(p->path, 0700), 0);
	p->fd = open(p->path, O_RDONLY | O_DIRECTORY);
	assert_true(p->fd >= 0);
	assert_int_equal(mkdirat(p->fd, "c", 0700), 0);
	assert_int_equal(mkdirat(p->fd, "c/0", 0700), 0);
	assert_int_equal(mkdirat(p->fd, "c/1", 0700), 0);
	p->files = (struct store_files){.arg = p, .unlink = place_unlink};
}

static inline struct retain_conf conf_of(struct place *p)
{
	return (struct retain_conf){
		.dir_fd = p->fd,
		.path = p->path,
		.files = &p->files,
		.segment_size = 64 * MIB,
		.clock_ok = true,
		.arg = p,
		.removed = place_removed,
		.space = place_space,
	};
}

/* 'hour' after BASE. */
static inline void put(const struct place *p, const char *name, uint64_t size, int hour)
{
	struct timespec t[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = BASE + hour * 3600}};
	int fd = openat(p->fd, name, O_WRONLY | O_CREAT | O_EXCL, 0600);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	assert_int_equal(futimens(fd, t), 0);
	close(fd);
}

static inline struct retain_time at(int hour)
{
	return (struct retain_time){(BASE + hour * 3600) * SEC, 1000 * HOUR + hour * HOUR};
}

static inline struct retain *start(const struct retain_conf *c, struct retain_time now)
{
	struct retain *r = NULL;
	struct err err = {0};

	if (retain_new(&r, c, now, &err) < 0)
		fail_msg("%s", err.text);
	return r;
}

static inline struct retain_stats stats_of(struct retain *r)
{
	struct retain_stats s;

	retain_stats(r, &s);
	return s;
}

static inline void expect(struct place *p, const char *gone)
{
	assert_string_equal(p->gone, gone);
	p->gone[0] = '\0';
}

static inline void end(struct retain *r, struct place *p)
{
	retain_free(r);
	close(p->fd);
}

static inline int64_t add(struct retain *r, int64_t run, enum retain_kind kind, uint32_t number)
{
	int64_t h = retain_add(r, run, kind, number);

	assert_true(h > 0);
	return h;
}

/* A file that is whole at once. */
static inline void whole(struct retain *r, struct place *p, int64_t run, enum retain_kind kind,
			 uint32_t number, const char *name, uint64_t size)
{
	int64_t h = add(r, run, kind, number);

	assert_int_equal(retain_reserve(r, h, size), 0);
	put(p, name, size, 0);
	retain_close(r, h, size, 0);
}

static inline int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline int make_root(void **state)
{
	(void)state;
	snprintf(root, sizeof(root), "/tmp/trawl-retain-XXXXXX");
	return mkdtemp(root) ? 0 : -1;
}

static inline int remove_root(void **state)
{
	(void)state;
	return nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
