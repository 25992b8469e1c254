/* What a flow remembers of TCP: handshake, end, windows, and which payload
 * bytes were seen once, again, late or never.  Exact as long as one direction
 * has at most FLOW_HOLES holes at once, none more than 1 GiB back; older ones
 * then count as missed. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "flow/flow_rec.h"

void flow_tcp_init(struct flow_tcp *t);

/* Whether a segment in direction 'dir' opens another connection on the same
 * ports: a SYN with an initial sequence number of its own. */
bool flow_tcp_is_new(const struct flow_tcp *t, bool closed, int dir, const struct dec *d);

/* Takes a segment.  Returns true once the connection has seen its end: a RST,
 * or a FIN from both sides.  'losses' gives records when they are needed; when
 * it has none left, loss is not followed. */
bool flow_tcp_add(struct flow_tcp *t, struct pool *losses, int dir, const struct dec *d,
		  int64_t ts);

/* Distinct payload bytes seen in a direction. */
uint64_t flow_tcp_bytes(const struct flow_tcp *t, const struct pool *losses, int dir);

/* Bytes in holes that the other side acknowledged, and the number of such
 * holes. */
uint64_t flow_tcp_missed(const struct flow_tcp *t, const struct pool *losses, int dir,
			 uint32_t *ret_holes);

/* SYN to SYN+ACK, ns; false: not seen.  '*ret_server' is the direction of the
 * SYN+ACK. */
bool flow_tcp_rtt(const struct flow_tcp *t, int64_t *ret_ns, int *ret_server);
