/* All files below a store's directory, by what their names say they are. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "store/store.h"

/* In the order of their names' ends in docs/formats.md. */
enum store_file_kind {
	STORE_FILE_JOURNAL, /* R.jrn */
	STORE_FILE_SEGMENT, /* R-NNNNNN.pcapng */
	STORE_FILE_INDEX,   /* R-NNNNNN.pidx */
	STORE_FILE_REFS,    /* R-NNNNNN.refs */
	STORE_FILE_ROWS,    /* R-NNNNNN.fseg */
	STORE_FILE_TAIL,    /* R-NNNNNN.rows */
	STORE_FILE_HALF,    /* R-NNNNNN.pidx.tmp */
	STORE_FILE_OTHER,   /* none of a run */
	STORE_FILE_KINDS
};

struct store_file {
	char *path;    /* below the directory: "eth0/0/0123456789abcdef.jrn"; owned */
	size_t folder; /* bytes of it that are the stream's folder; 0: it lies in none */
	enum store_file_kind kind;
	uint64_t run;    /* unless STORE_FILE_OTHER */
	uint32_t number; /* 0: a journal */
	uint64_t bytes;
};

/* What could not be looked into. */
struct store_unread {
	char *path; /* owned */
	int code;   /* -errno */
};

struct inventory {
	struct store_file *v; /* by folder, run, kind, number: files of a run stand together */
	size_t n;
	struct store_unread *unread;
	size_t n_unread;
	uint64_t bytes; /* of all files */
};

/* What is there now: a moment later it may be other.  0; -errno with 'err' set: not even the
 * directory itself can be listed, -ENOTSUP: it is none. */
int inventory_new(struct inventory *ret, struct store *s, struct err *err);
void inventory_done(struct inventory *v);

/* The end of the names of a kind, with the dot; "" of others. */
const char *store_file_end(enum store_file_kind kind);

/* What files of a kind are, in the plural: "packets". */
const char *store_file_what(enum store_file_kind kind);
