/* What is done with descriptors in many places. */
#pragma once

#include <dirent.h>
#include <stddef.h>

/* Writes all of it where write() goes on.  0 or -errno: then part of it may be written.  For who
 * may not read see outlet.h. */
int fd_write_all(int fd, const void *p, size_t n);

/* Opens a folder below 'dir', which is not behind a link, to list it; NULL with errno set: it can
 * not be, or 'dir' is negative.  closedir() ends it. */
DIR *fd_opendir(int dir, const char *name);
