/* Which addresses an expression names. */
#pragma once

#include <stddef.h>

#include "base/addr.h"

/* A network, or with all bits of an address a host. */
struct filter_host {
	struct addr addr;
	unsigned bits;
};

/* Fills 'ret' with the addresses and networks of IP that stand in the expression, each
 * once, wherever they stand and whatever they stand for there; names and addresses cut short are
 * left out.  Returns how many, 'max' at most: there may be more then. */
size_t filter_hosts(const char *text, struct filter_host *ret, size_t max);
