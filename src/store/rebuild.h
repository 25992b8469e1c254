/* Makes again what a store lacks and its files still tell, and removes what is of no use.
 *
 * What is there and good is not touched; a second time there is nothing to do.  The store is
 * opened for writing, so that nobody else writes meanwhile; readers may read.  One thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "store/store.h"

enum store_rebuilt {
	STORE_MADE,    /* a file that was missing, or no good */
	STORE_REMOVED, /* a file of no use */
	STORE_FAILED,  /* to do that: 'code' says why */
};

struct store_rebuild_conf {
	uint64_t max_memory; /* for flows of one run, bytes */
	void (*done)(void *arg, enum store_rebuilt what, const char *file, int code);
	void (*note)(void *arg, const char *text); /* what is damaged beside that; store_read.h */
	/* As in struct store_check_conf. */
	bool (*stop)(void *arg, uint64_t bytes, uint64_t total);
	void *arg; /* of all */
};

struct store_rebuild_sum {
	uint64_t made, removed, failed;
	uint64_t damage; /* found, and not to be mended */
	uint64_t unseen; /* what could not be looked at, and was left as it is */
};

/* 0, -ECANCELED, or -errno with 'err' set; 'ret' is what was done until then. */
int store_rebuild(struct store *s, const struct store_rebuild_conf *conf,
		  struct store_rebuild_sum *ret, struct err *err);
