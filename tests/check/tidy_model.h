/* What clang-tidy is told about functions of other files: included in front of
 * every file it looks at but err.c.  Without this it believes that err_set(err,
 * -EINVAL, ...) may return 0 and follows paths that do not exist. */
#pragma once

#include "base/err.h"

#define err_set(e, code, ...)  ((void)(e), (code))
#define err_wrap(e, code, ...) ((void)(e), (code))
