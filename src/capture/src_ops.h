/* The contract between src.c and the backends, and what they share.  Included
 * by src*.c only. */
#pragma once

#include "base/buf.h"
#include "capture/src.h"

struct src_ops {
	const char *scheme; /* "file" in "file:..."; unique in src_all[] */

	/* 'arg' is the text after the colon, 'stop' as of src_open().  On failure:
	 * -errno, 'err' set, '*ret' untouched, nothing left open.  NULL: made by a
	 * call of its own. */
	int (*open)(struct src **ret, const char *arg, const struct stop *stop, struct err *err);

	/* As src_recv(), 'max' > 0.  Called from one thread only; blocks where
	 * the source does (a pipe) until 'stop' is raised.  Fills all of each packet but 'clock'
	 * and the counting that src_give() does. */
	int (*recv)(struct src *s, struct pkt *pkts, size_t max);

	/* Gives the last batch back.  NULL: nothing to give back. */
	void (*release)(struct src *s);

	void (*free)(struct src *s); /* never called with NULL; src_done() is its last act */
};

extern const struct src_ops src_file;
extern const struct src_ops src_mem;

/* Limits on what input can make grow. */
#define SRC_IFACES_MAX   65536
#define SRC_SECTIONS_MAX 65536
#define SRC_TEXTS_MAX    (16u << 20) /* bytes of all texts together */

struct src_text; /* one block of owned texts */

struct src {
	const struct src_ops *ops;
	struct src_meta meta;
	struct src_iface *ifaces; /* owned */
	size_t n_ifaces, size_ifaces;
	struct src_section *sections; /* owned */
	size_t n_sections, size_sections;
	struct src_text *texts;           /* owned list */
	size_t texts_size;                /* bytes in it */
	struct src_note *notes;           /* owned, SRC_NOTES_MAX entries; NULL: none yet */
	const char *kinds[SRC_NOTES_MAX]; /* see src_note_add() */
	size_t n_notes;
	uint64_t notes_total;
	int64_t clock;   /* largest time so far; INT64_MIN: none yet */
	int64_t last_ts; /* of the packet before; 0: none yet */
	uint64_t number; /* of the packet before */
	unsigned keep;   /* see src_keep() */
	src_reuse_fn reuse;
	void *reuse_arg;
	uint64_t window; /* see src_window() */
};

void src_init(struct src *s, const struct src_ops *ops);
void src_done(struct src *s);

/* Adds a note.  With a 'kind' (a constant: compared by address) a second note
 * of the same kind only raises the count of the first. */
void src_note_add(struct src *s, uint64_t off, const char *kind, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* 'size' zeroed bytes that live as long as the source; NULL: out of memory or
 * over SRC_TEXTS_MAX. */
void *src_alloc(struct src *s, size_t size);

/* Copies 'len' bytes, with control characters kept; NULL when 'p' is NULL, out
 * of memory or over SRC_TEXTS_MAX. */
const char *src_text_add(struct src *s, const char *p, size_t len);

/* Appends; -ENOMEM, or -ENOSPC over the limit. */
int src_iface_add(struct src *s, const struct src_iface *i);
int src_section_add(struct src *s, const struct src_section *i);
