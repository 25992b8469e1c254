/* Writing to somebody who may not read: a pipe, a socket.
 *
 * While nobody wants to stop it waits as write() does, for ever.  Once 'stop' is
 * raised, or its time is over, whoever does not read is waited for a short time
 * only: as long as something is taken each OUTLET_STALL_MS, and OUTLET_END_MS in
 * all; a second wish to stop ends that at once. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct stop;

#define OUTLET_STALL_MS 2000
#define OUTLET_END_MS   10000

struct outlet {
	int fd; /* borrowed */
	const struct stop *stop;
	int64_t until;  /* when its time is over, CLOCK_BOOTTIME in ns; 0: never */
	int64_t ending; /* since when it is waited for shortly, likewise; 0: not yet */
	int kind;
};

/* 'stop' NULL: nobody ever will. */
void outlet_init(struct outlet *o, int fd, const struct stop *stop);

/* Writes all of it; 'ret' becomes the bytes that were taken.  0 or -errno; -ECANCELED:
 * they are not read and it ends. */
int outlet_write(struct outlet *o, const void *p, size_t size, size_t *ret);
