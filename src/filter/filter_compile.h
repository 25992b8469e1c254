/* Text to classic BPF by libpcap, with errors that name the place.  For
 * src/filter only. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "filter/cbpf.h"
#include "filter/filter.h"
#include "filter/filter_lex.h"
#include "filter/filter_pcap.h"

/* The words of an expression, cut once. */
struct filter_text {
	const char *text;  /* borrowed */
	struct ftok *toks; /* owned */
	size_t n;
	filter_column_fn column; /* NULL: columns are those of 'text' */
	const void *arg;         /* borrowed */
};

/* -E2BIG or -ENOMEM with 'err' set. */
int filter_text_init(struct filter_text *ret, const char *text, struct err *err);
void filter_text_done(struct filter_text *t);

/* Where word 'i' (t->n: the end) stands, as messages say it. */
unsigned filter_text_column(const struct filter_text *t, size_t i);

/* Where word 'i' ends, bytes. */
static inline size_t filter_text_end(const struct filter_text *t, size_t i)
{
	return (size_t)t->toks[i].off + t->toks[i].len;
}

/* Up to so many words are compiled as a whole, with exactly tcpdump's code.
 * libpcap's optimiser takes time with the cube of the expression, the rest of it
 * with the square (1.10.3: 100 hosts 50 ms and 25 ms, 500 hosts 5.8 s and 0.6 s). */
#define FILTER_WORDS_WHOLE 128

/* Compiles a longer expression, known to be right and free of host names, in
 * parts.  '*ret' is owned by the caller.  -E2BIG with 'err' set. */
int filter_split(struct cbpf_insn **ret, size_t *ret_n, const struct filter_text *t,
		 const struct filter_link *link, struct err *err);

/* Compiles for frames of one kind.  -EINVAL with 'err' set and '*ret_word' (may be
 * NULL) saying at which word libpcap gave up, t->n: not at any.  -ENOMSG when
 * all is well but for the expression being false of every packet. */
int filter_compile(struct cbpf **ret, const struct filter_text *t, const struct filter_link *link,
		   size_t *ret_word, struct err *err);
