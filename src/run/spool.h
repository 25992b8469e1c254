/* Input that can be read only once, made readable again. */
#pragma once

#include <stdbool.h>

#include "base/err.h"

struct stop;

/* Copies a pipe ("-": standard input) to a file without a name in $TMPDIR or
 * /tmp.  Returns its descriptor, which /proc/self/fd/N opens again; -EXDEV:
 * nothing to do, 'path' is a regular file; else -errno with 'err' set.  '*ret_cut'
 * tells whether 'stop' (NULL: nobody does) ended it: the copy has what came before. */
int spool(const char *path, const struct stop *stop, bool *ret_cut, struct err *err);
