/* Network and link addresses: the value, its text, and prefixes. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum addr_family {
	ADDR_NONE = 0, /* no address: prints as nothing */
	ADDR_IP4 = 4,  /* 'b' holds 4 bytes, the rest is 0 */
	ADDR_IP6 = 6,  /* 'b' holds 16 bytes */
	ADDR_MAC = 1,  /* 'b' holds 6 bytes, the rest is 0 */
};

/* In network order, comparable with memcmp within a family. */
struct addr {
	uint8_t family; /* enum addr_family */
	uint8_t b[16];
};

#define ADDR_TEXT_SIZE 46 /* with NUL, as INET6_ADDRSTRLEN */

/* Writes the text (RFC 5952 for IPv6, lower-case colons for MACs) with a NUL,
 * returns its length; "" for ADDR_NONE. */
size_t addr_text(const struct addr *a, char ret[ADDR_TEXT_SIZE]);
void buf_addaddr(struct buf *b, const struct addr *a);

/* Reads "192.0.2.1", "2001:db8::1" or "00:00:5e:00:53:01" (also with '-').
 * 0 or -EINVAL, '*ret' untouched on failure. */
int addr_parse(const char *text, struct addr *ret);

/* Reads "192.0.2.0/24"; without "/n" the whole address.  Bits behind the
 * prefix are cleared.  0 or -EINVAL. */
int addr_parse_prefix(const char *text, struct addr *ret, unsigned *ret_bits);

/* Orders by family, then bytes: <0, 0, >0. */
int addr_cmp(const struct addr *a, const struct addr *b);

/* Whether the first 'bits' bits are those of 'net'; false for another family
 * and for more bits than it has. */
bool addr_in(const struct addr *a, const struct addr *net, unsigned bits);
