/* Interfaces of several files as one list: the same name and link type in two
 * files (or sections of a file) is the same interface. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "run/input.h"

struct src_iface;

#define IFMAP_MAX 65536 /* interfaces of one run; further ones share the last */

struct ifmap {
	struct ifmap_entry *v; /* owned */
	size_t n, size;
	struct run_iface *pub; /* the same, as callers see it; owned */
};

void ifmap_done(struct ifmap *m);

/* Finds or adds interface 'i' of a source's list; texts are copied.  Returns
 * its number, or -ENOMEM. */
int64_t ifmap_add(struct ifmap *m, const struct src_iface *ifaces, size_t i);
