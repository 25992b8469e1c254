/* What the commands 'trawl store ...' share. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "cli/cmds.h"

struct store;

/* The one operand; an exit status, said on stderr. */
int cli_store_dir(const struct cli *c, const struct opt_list *operands, const char **ret);

/* Opens the store in 'dir' for reading, or for writing, which one process at a time does.  0;
 * -errno with 'err' set, also where there is nothing of a store. */
int cli_store_open(struct store **ret, const char *dir, bool write, struct err *err);

/* A line of progress, where there is somebody who looks, and work takes over a second. */
struct cli_store_progress {
	struct cli *cli;
	int64_t began, shown; /* monotonic ns */
};

void cli_store_begin(struct cli_store_progress *p, struct cli *c);

/* Draws it; whether to stop.  'total' 0: not known. */
bool cli_store_progress(struct cli_store_progress *p, uint64_t done, uint64_t total);
