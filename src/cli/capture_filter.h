/* What a filter can say live only, or live not at all. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

struct priv;

/* Whether 'ip broadcast' is in it, which needs a netmask. */
bool capture_filter_wants_mask(const char *text);

/* Puts in its place what it means with the netmask of the interfaces ('ifaces' as of
 * struct live_conf), of which those with IPv4 must have the same: so it stands in the file,
 * too.  Changes nothing where it is not wanted.  0 or -errno with 'err' set. */
int capture_filter_mask(struct buf *filter, struct priv *priv, const char *const *ifaces, size_t n,
			struct err *err);

/* Adds to an error about 'text' which option does what was tried by it.  -EINVAL. */
int capture_filter_hint(const char *text, struct err *err);
