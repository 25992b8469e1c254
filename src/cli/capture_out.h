/* The file of 'trawl capture -w'. */
#pragma once

#include <stdbool.h>

#include "base/err.h"

struct priv;

/* Opens it, before priv_drop(); '-' is standard output.  A descriptor, or -errno with 'err'
 * set.  A plain file is made by the opener, in its folder, which must be there; what is no
 * file (a pipe, a device) is opened by us. */
int capture_out_open(struct priv *priv, const char *path, struct err *err);

/* Whether that is a terminal, which packets would only garble. */
bool capture_out_is_terminal(const char *path);
