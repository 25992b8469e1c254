/* From what a user names to a list of capture files. */
#pragma once

#include <stddef.h>

#include "base/err.h"

#define PATHS_MAX 100000 /* files of one run */

struct paths {
	char **v; /* owned, n of them */
	size_t n;
	size_t size;
};

void paths_done(struct paths *p);

/* Adds what 'name' means: "-", a file, everything in a folder (by name, folders
 * inside it too), or what a pattern with * ? [ matches.  -ENOENT and others with
 * 'err' naming it. */
int paths_add(struct paths *p, const char *name, struct err *err);
