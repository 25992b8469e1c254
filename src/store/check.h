/* Looks at every byte of a store that has a checksum or is told of somewhere else.
 *
 * Nothing is written.  Each file is read once, from its beginning to its end; memory is that
 * of one block of rows, one index and 16 bytes for each row of one run.  A store that is
 * written meanwhile is read beside its writer: what is not yet complete is no damage.  One
 * thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "store/store.h"

enum store_found {
	STORE_DAMAGE, /* what was there is not, or is not what it was; or files contradict */
	STORE_REMARK, /* no damage: what a killed writer left, what is of no use */
	STORE_UNSEEN, /* could not be looked at: no permission, a later version */
};

/* What store_rebuild() can do about it. */
enum store_remedy {
	STORE_NO_REMEDY,
	STORE_MAKE_INDEX,  /* of the segment with the file's number */
	STORE_REMOVE_FILE, /* it is of no use */
	STORE_MAKE_CATALOGUE,
};

struct store_finding {
	enum store_found kind;
	enum store_remedy remedy;
	const char *file; /* below the directory; for a moment, as 'text' */
	int64_t at;       /* byte in it; -1: of all of it */
	const char *text; /* one sentence without its end */
};

struct store_check_conf {
	void (*found)(void *arg, const struct store_finding *f);
	/* Asked now and then with the bytes that were looked at, of how many; true ends with
	 * -ECANCELED.  NULL: not asked. */
	bool (*stop)(void *arg, uint64_t bytes, uint64_t total);
	void *arg; /* of both */
};

struct store_checked {
	uint64_t runs, running, killed;
	uint64_t files, bytes;
	uint64_t packets;
	uint64_t rows, blocks;            /* that answers are made of */
	uint64_t damage, remarks, unseen; /* findings */
};

/* 0, -ECANCELED ('ret' is what was done until then), or -errno with 'err' set. */
int store_check(struct store *s, const struct store_check_conf *conf, struct store_checked *ret,
		struct err *err);
