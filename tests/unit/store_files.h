/* The files of a store in a folder, as the store makes them itself: what a test's own
 * struct store_files does where it neither fails nor watches. */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES_PATH 300

static inline const char *files_path(char ret[FILES_PATH], const char *folder, const char *name)
{
	snprintf(ret, FILES_PATH, "%s/%s", folder, name);
	return ret;
}

static inline int files_create(const char *folder, const char *name)
{
	char path[FILES_PATH];
	int fd = open(files_path(path, folder, name), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	return fd < 0 ? -errno : fd;
}

static inline int files_rename(const char *folder, const char *from, const char *to)
{
	char a[FILES_PATH], b[FILES_PATH];

	return rename(files_path(a, folder, from), files_path(b, folder, to)) < 0 ? -errno : 0;
}

static inline int files_unlink(const char *folder, const char *name)
{
	char path[FILES_PATH];

	return unlink(files_path(path, folder, name)) < 0 ? -errno : 0;
}

static inline int files_mkdir(const char *folder, const char *name)
{
	char path[FILES_PATH];

	return mkdir(files_path(path, folder, name), 0700) < 0 && errno != EEXIST ? -errno : 0;
}
