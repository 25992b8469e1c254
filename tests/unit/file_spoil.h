/* Files of a store that lose their end or get other bytes. */
#pragma once

#include <glob.h>

#include "dir_check.h"

/* A file with its content, to be spoiled and restored. */
struct file {
	char path[256];
	uint8_t *p;
	size_t n;
};

/* The first one below a store whose name ends so. */
static inline void file_find(struct file *f, const char *store, const char *end)
{
	char pattern[256];
	struct stat st;
	glob_t g;
	FILE *in;

	snprintf(pattern, sizeof(pattern), "%s/*/*/*%s", store, end);
	assert_int_equal(glob(pattern, 0, NULL, &g), 0);
	snprintf(f->path, sizeof(f->path), "%s", g.gl_pathv[0]);
	globfree(&g);
	assert_int_equal(stat(f->path, &st), 0);
	f->n = (size_t)st.st_size;
	f->p = malloc(f->n + 1);
	in = fopen(f->path, "rb");
	assert_int_equal(fread(f->p, 1, f->n, in), f->n);
	fclose(in);
}

/* Its first 'n' bytes are all there is. */
static inline void file_write(const struct file *f, size_t n)
{
	/* not cut to nothing first: some file systems then wait for the disk */
	int fd = open(f->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_int_equal(pwrite(fd, f->p, n, 0), n);
	assert_int_equal(ftruncate(fd, (off_t)n), 0);
	close(fd);
}
