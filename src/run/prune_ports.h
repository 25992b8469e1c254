/* Which ports a filter's program does not tell apart.  For prune.c only.
 *
 * A program that only loads a port as it stands and compares it with constants goes the same
 * way for all ports for which these comparisons have the same results.  If none of a flow's
 * frames matches, none matches with other ports of that kind in the same places: so what was
 * found out for one pair of kinds is true of all flows that differ in nothing else that the
 * program looks at. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "filter/cbpf.h"
#include "run/prune_shape.h"

#define PRUNE_PORT_KINDS 16 /* more are not told apart: then each flow is looked at */

struct prune_ports {
	struct cbpf_insn *code; /* owned; NULL: what it does is not followed */
	size_t n;
	uint8_t *kind; /* of each port, from 1; 0: not known yet; owned */
	size_t n_kinds;
	uint64_t seen[PRUNE_PORT_KINDS]; /* results of the comparisons, a bit each */
};

/* 0 or -ENOMEM. */
int prune_ports_init(struct prune_ports *p, const struct cbpf_insn *code, size_t n);
void prune_ports_done(struct prune_ports *p);

/* Whether the program looks at ports of frames of this shape, if at all, only as they stand,
 * and at nothing else that differs from flow to flow. */
bool prune_ports_alone(const struct prune_ports *p, const struct shape *s);

/* The kind of a port, from 1; 0: there are too many. */
unsigned prune_ports_kind(struct prune_ports *p, uint16_t port);
