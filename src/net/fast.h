/* The two ways through the decoder, which give the same struct dec: one check
 * for the whole of the commonest header stacks, and a walk header by header
 * for everything. */
#pragma once

#include <stdbool.h>

#include "net/dec.h"

/* Ethernet with at most one 802.1Q tag, IPv4 without options or fragments or
 * IPv6 without extension headers, TCP or UDP, no tunnel, all headers captured
 * and consistent.  False: it is something else, '*ret' may be overwritten. */
bool fast_frame(const uint8_t *data, uint32_t caplen, uint32_t len, struct dec *ret);

/* As dec_frame(), never by the fast path. */
size_t dec_frame_slow(uint16_t linktype, const uint8_t *data, uint32_t caplen, uint32_t len,
		      struct dec *ret);
