/* pcap-filter expressions over frames, compiled by libpcap once per link type
 * and run in user space on the frame as it was on the wire (VLAN tags in
 * place).  One object per thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct filter;
struct cbpf_insn;

/* Limits of an expression. */
#define FILTER_TEXT_MAX  65536 /* bytes */
#define FILTER_WORDS_MAX 32768 /* words, numbers, operators, parentheses */

/* Checks 'expr' ("" lets everything pass).  Never resolves names of hosts or
 * networks; those of ports and protocols come from /etc/services and
 * /etc/protocols.  -EINVAL with "syntax error at 'prot' (column 5)" in 'err';
 * columns count characters from 1.  If the offending word is an existing file,
 * says so.  An expression is fine if it makes sense for some link type. */
int filter_new(struct filter **ret, const char *expr, struct err *err);
void filter_free(struct filter *f); /* NULL is fine */

/* The column at which byte 'off' of an expression stands for the person who wrote it: as
 * part of something longer, perhaps with escapes. */
typedef unsigned (*filter_column_fn)(const void *arg, size_t off);

/* Checks as filter_new() does; columns are 'column' of 'arg' (NULL: those of 'expr'). */
int filter_check(const char *expr, filter_column_fn column, const void *arg, struct err *err);
static inline void filter_freep(struct filter **f)
{
	filter_free(*f);
}

/* Makes the program for frames of a link type (LINKTYPE_ value) ready; filter_match()
 * does it by itself when first needed.  -EINVAL with a sentence when the
 * expression makes no sense there ("'ether host' on raw IP"): such frames never match. */
int filter_prepare(struct filter *f, uint16_t linktype, struct err *err);

/* Whether a frame passes. */
bool filter_match(struct filter *f, uint16_t linktype, const uint8_t *data, uint32_t caplen,
		  uint32_t len);

/* Frames of this link type are to be asked of, as if filter_match() had seen one. */
void filter_meet(struct filter *f, uint16_t linktype);

/* Whether there were frames of which the expression asks what their link type does not tell
 * ("inbound" on Ethernet), so that none of them passed whatever else it says.  'ret' becomes why
 * filter_prepare() refused the first such link type, '*ret_all' whether there were only such. */
bool filter_misfits(const struct filter *f, bool *ret_all, struct err *ret);

/* The program for a link type, owned by 'f'; NULL where such frames never match.
 * Of "" it is NULL too: there is nothing to run. */
const struct cbpf_insn *filter_code(struct filter *f, uint16_t linktype, size_t *ret_n);

/* The expression as given; owned by 'f'. */
const char *filter_text(const struct filter *f);
