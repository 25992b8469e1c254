/* Input that can be read only once, made readable again. */
#pragma once

#include "base/err.h"

/* Copies a pipe ("-": standard input) to a file without a name in $TMPDIR or
 * /tmp.  Returns its descriptor, which /proc/self/fd/N opens again; -EXDEV:
 * nothing to do, 'path' is a regular file; else -errno with 'err' set. */
int spool(const char *path, struct err *err);
