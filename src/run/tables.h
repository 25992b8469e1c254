/* The flow tables of a run, one a thread, in the address space that there is. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct flow_opts;
struct flow_table;

/* Makes 'n' tables that share 'o->max_flows' and 'o->max_memory'.  They reserve
 * address space for all that memory: where that is not to be had (ulimit -v), half of
 * it is asked for, and half of that, so that some is left for the work besides.
 * '*ret_memory' is what they got, bytes.  -errno with 'err' set and 'v' all NULL. */
int tables_new(struct flow_table **v, size_t n, const struct flow_opts *o, uint64_t *ret_memory,
	       struct err *err);
void tables_free(struct flow_table **v, size_t n);
