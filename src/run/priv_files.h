/* A store's files made by the opener, for a process that may make none. */
#pragma once

#include "base/err.h"
#include "store/store.h"

struct priv;
struct priv_files;

/* 'dir' is the number of the store's folder, from priv_dir_grant(); 'priv' must
 * outlive it.  0 or -ENOMEM. */
int priv_files_new(struct priv_files **ret, struct priv *priv, int dir);
void priv_files_free(struct priv_files *f); /* NULL is fine */

/* For struct store_conf; any thread. */
const struct store_files *priv_files_ops(const struct priv_files *f);
