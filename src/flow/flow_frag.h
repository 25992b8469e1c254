/* Which ports a fragment has: the first fragment of a datagram says it, later
 * ones are found by its identification (RFC 791 3.2, RFC 8200 4.5). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "net/dec.h"

#define FLOW_FRAGS        4096 /* datagrams remembered at once; the oldest of eight gives way */
#define FLOW_FRAG_TIMEOUT (INT64_C(60) * 1000000000) /* RFC 8200 4.5 */

struct flow_frags;

int flow_frags_new(struct flow_frags **ret, uint64_t seed);
void flow_frags_free(struct flow_frags *f);

/* Remembers a first fragment. */
void flow_frags_put(struct flow_frags *f, const struct dec *d, uint32_t iface, uint32_t parent,
		    int64_t clock);

/* Completes a later fragment with what its first one said (ports, ICMP, tunnel
 * id); false: the first one was not seen, 'd' is unchanged. */
bool flow_frags_get(struct flow_frags *f, struct dec *d, uint32_t iface, uint32_t parent,
		    int64_t clock);
