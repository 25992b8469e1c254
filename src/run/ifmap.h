/* Interfaces of several files as one list: the same name and link type in two
 * files (or sections of a file) is the same interface. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "run/input.h"

struct src_iface;

#define IFMAP_MAX 65536 /* interfaces of one run; further ones share the last */

/* Finds numbers by what they stand for. */
struct ifmap_index {
	struct ifmap_slot *v; /* owned; NULL: none yet */
	size_t n, size;
	uint64_t seed; /* nobody can prepare names that collide */
};

struct ifmap {
	struct ifmap_entry *v; /* owned */
	size_t n, size;
	struct run_iface *pub; /* the same, as callers see it; owned */
	struct ifmap_index index;
};

/* The interfaces of one file, as far as they were added: those of a section that look
 * the same are told apart by their order. */
struct ifmap_file {
	struct ifmap_index index;
};

void ifmap_done(struct ifmap *m);
void ifmap_file_done(struct ifmap_file *f);

/* Finds or adds interface 'i' of a file's list; those before it came before.  Texts
 * are copied.  Returns its number, or -ENOMEM. */
int64_t ifmap_add(struct ifmap *m, struct ifmap_file *f, const struct src_iface *ifaces, size_t i);
