/* Which flows have no packet that passes a filter, told by their rows alone.
 *
 * What the columns say of a flow is true of each of its packets, for the key of a flow is
 * made of it: addresses, ports, protocol, VLANs, in two directions.  The rest of a packet may
 * differ from one to the next: priority tags, PPPoE, LLC, IP options, extension headers,
 * fragments.  So a flow is a set of frames, each a shape with what is known put into its
 * places (filter/may.h), and it can be left out if the filter matches none of them.
 *
 * What the shapes are follows from net/: they are all ways by which the decoder comes to a
 * level without one around it.  Link types other than Ethernet and raw IP are not told
 * apart: of their flows all may match. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/batch.h"
#include "base/err.h"
#include "flow/flow.h"

struct filter;
struct fseg;
struct prune;

/* Where the packets of flows may come from. */
struct prune_iface {
	const char *name; /* as rows have it; NULL: not known */
	uint16_t linktype;
};

struct prune_conf {
	struct filter *filter;            /* borrowed; "" matches everything */
	const struct prune_iface *ifaces; /* all there are; names stay the caller's */
	size_t n_ifaces;
	enum flow_key_mode key_mode; /* that the flows were made with */
};

/* 0, -ENOMEM, or what filter_prepare() returns but -EINVAL. */
int prune_new(struct prune **ret, const struct prune_conf *c, struct err *err);
void prune_free(struct prune *p); /* NULL is fine */
static inline void prune_freep(struct prune **p)
{
	prune_free(*p);
}

/* Adds the columns that prune_maybe() needs; absent values must be those of the flow, not
 * of columns that were never written. */
void prune_want(struct field_set *to);

/* False: no packet of this flow passes.  The row is the last version of a flow that no
 * other one is around (a tunnel's inner flows have packets that are not what their rows
 * say). */
bool prune_maybe(struct prune *p, const struct batch *b, size_t row);

/* Of the open block's rows, of columns as flow_store_schema() has them: clears the bits (one per
 * row) of those that have no packet which passes, told by their addresses alone, at a small part
 * of what prune_maybe() takes.  '*ret_n' is how many bits were cleared; 0, or as
 * fseg_column(). */
int prune_block(const struct prune *p, struct fseg *f, uint64_t *rows, uint32_t *ret_n,
		struct err *err);
