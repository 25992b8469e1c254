/* A folder for the files of one test program. */
#pragma once

#include <stdio.h>
#include <stdlib.h>

static inline const char *dir_make(char path[64])
{
	snprintf(path, 64, "/tmp/trawl-test-XXXXXX");
	return mkdtemp(path);
}

/* With all that is in it.  'r' of the tests, unless that fails. */
static inline int dir_remove(const char *path, int r)
{
	char cmd[128];

	snprintf(cmd, sizeof(cmd), "rm -rf %s", path);
	return system(cmd) != 0 ? 1 : r;
}
