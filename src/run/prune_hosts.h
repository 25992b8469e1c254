/* Addresses of which a flow must have one for a packet to pass.  For prune.c only.
 *
 * The text of the filter only tells which addresses are worth a try.  What is said of them
 * is then proven on the filter's program, as prune_maybe() does for a single flow: of all shapes
 * that frames of IP may have (whatever their protocol and tags) none may match while neither
 * end has such an address.  So how the language binds and which words mean what is libpcap's
 * affair alone. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "filter/filter_hosts.h"
#include "filter/may.h"

struct err;
struct fseg;

#define PRUNE_HOSTS_MAX 32 /* that a filter names; of more, none is used */
#define PRUNE_SETS_MAX  8  /* bits of a mark */

/* One address of each of these must be in a flow of a family. */
struct prune_sets {
	size_t n;
	uint32_t v[PRUNE_SETS_MAX]; /* a bit for each of the hosts */
};

struct prune_hosts {
	size_t n;
	struct filter_host v[PRUNE_HOSTS_MAX];
	struct prune_sets ip4, ip6; /* of flows over these */
};

/* The filter on one link type. */
struct prune_link {
	uint16_t type;
	struct may *may;
};

/* Finds the sets.  'links' are all on which frames may pass.  0 or -ENOMEM. */
int prune_hosts_init(struct prune_hosts *h, const char *text, const struct prune_link *links,
		     size_t n);

/* prune_block.c: as prune_block(). */
int prune_hosts_block(const struct prune_hosts *h, struct fseg *f, uint64_t *rows, uint32_t *ret_n,
		      struct err *err);
