/* pcap-filter expressions over frames, compiled by libpcap once per link type
 * and run in user space on the frame as it was on the wire (VLAN tags in
 * place).  One object per thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct filter;

/* Checks 'expr' ("" lets everything pass).  Never resolves names of hosts.
 * -EINVAL with "syntax error at 'prot' (column 5)" in 'err'; columns count
 * characters from 1.  If the offending word is an existing file, says so. */
int filter_new(struct filter **ret, const char *expr, struct err *err);
void filter_free(struct filter *f);
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

/* The expression as given; owned by 'f'. */
const char *filter_text(const struct filter *f);
