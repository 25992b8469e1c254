/* What must hold for every answer of dec_frame(), whatever the frame: for the
 * unit tests and the fuzz target.  Returns NULL, or what is broken. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "net/dec.h"

static inline const char *dec_check_level(const struct dec *d, const uint8_t *data, uint32_t caplen)
{
	bool ip = d->kind == DEC_IP4 || d->kind == DEC_IP6;

	if (d->kind > DEC_IP6)
		return "unknown kind";
	if (d->payload_cap > d->payload_len)
		return "more payload captured than there is";
	if (!d->payload != !d->payload_cap)
		return "payload without bytes, or bytes without payload";
	if (d->payload && (d->payload < data || d->payload_cap > caplen ||
			   (uint32_t)(d->payload - data) > caplen - d->payload_cap))
		return "payload outside the frame";
	if (!ip && (d->proto || d->ip_len || d->payload_len || d->sport || d->dport || d->ttl))
		return "IP fields without IP";
	if (!ip && d->flags & (DEC_FRAG | DEC_L4 | DEC_PORTS))
		return "IP flags without IP";
	if (ip && d->payload_len >= d->ip_len)
		return "payload not less than the packet";
	if (d->flags & DEC_FRAG_FIRST && !(d->flags & DEC_FRAG))
		return "first of no fragments";
	if (d->flags & DEC_FRAG && !(d->flags & DEC_FRAG_FIRST) &&
	    d->flags & (DEC_L4 | DEC_PORTS | DEC_HAS_INNER))
		return "a later fragment was read on";
	if (!(d->flags & DEC_PORTS) && (d->sport || d->dport))
		return "ports that are not real";
	if (!(d->flags & DEC_L4) &&
	    (d->seq || d->ack || d->tcp_flags || d->icmp_type || d->tcp_mss))
		return "transport fields without transport";
	if (d->flags & DEC_TCP_OPTS && !(d->flags & DEC_L4 && d->proto == 6))
		return "options of no TCP";
	if (d->tcp_wscale > 15 || d->tcp_sack > 4)
		return "impossible TCP option";
	if (d->npath > DEC_PATH_MAX)
		return "path too long";
	if (d->vlan[0] > 4095 || d->vlan[1] > 4095 || (d->vlan[1] && !d->vlan[0]))
		return "impossible VLAN";
	return NULL;
}

static inline const char *dec_check(const struct dec *d, size_t n, const uint8_t *data,
				    uint32_t caplen)
{
	const char *broken;

	if (n < 1 || n > DEC_LEVELS_MAX)
		return "number of levels";
	for (size_t i = 0; i < n; i++) {
		broken = dec_check_level(&d[i], data, caplen);
		if (broken)
			return broken;
		if (!(d[i].flags & DEC_HAS_INNER) != (i + 1 == n))
			return "HAS_INNER contradicts the number of levels";
		if (!(d[i].flags & DEC_INNER) != (i == 0))
			return "INNER contradicts the number of levels";
		if (i > 0 && d[i].kind == DEC_OPAQUE)
			return "an inner level without addresses";
		if (i + 1 < n && d[i].flags & DEC_DEEP)
			return "DEEP with a level inside";
	}
	return NULL;
}
