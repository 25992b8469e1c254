/* Text to classic BPF by libpcap, with errors that name the place.  For
 * src/filter only. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "filter/cbpf.h"

struct ftok;

/* What the frames are. */
struct filter_link {
	uint16_t type; /* LINKTYPE_ value */
	bool swapped;  /* a header in the order of the host that wrote it (BSD loopback) is in
			  the other order than here */
};

/* "Ethernet", "Raw IP", ...; NULL when libpcap knows none. */
const char *filter_link_name(const struct filter_link *link);

/* The words of an expression, cut once. */
struct filter_text {
	const char *text;  /* borrowed */
	struct ftok *toks; /* owned */
	size_t n;
};

/* -E2BIG or -ENOMEM with 'err' set. */
int filter_text_init(struct filter_text *ret, const char *text, struct err *err);
void filter_text_done(struct filter_text *t);

/* Compiles for frames of one kind.  -EINVAL with 'err' set and '*ret_word' (may be
 * NULL) saying at which word libpcap gave up, t->n: not at any.  -ENOMSG when
 * all is well but for the expression being false of every packet. */
int filter_compile(struct cbpf **ret, const struct filter_text *t, const struct filter_link *link,
		   size_t *ret_word, struct err *err);
