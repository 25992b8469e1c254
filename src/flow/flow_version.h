/* Versions of running flows: which flows are due for a row, and what their last one said.
 *
 * A flow is due for its first version at once, then 'update' after each look at it, whether
 * that found new packets or not.  New flows are listed as they come; those that were looked
 * at wait in groups, one for all flows that were looked at at one time.  So a packet costs
 * nothing here, a flow one look per 'update'. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the last version of a flow said; numbered as the flow. */
struct flow_version {
	uint64_t bytes[2];     /* as in struct flow_hot; all 0: there was none */
	int64_t last;          /* the flow's, then */
	uint32_t packets[2];   /* low bits; as many as come within FLOW_UPDATE_MAX are exact */
	uint8_t packets_hi[2]; /* bits from 32 on */
	uint16_t group;        /* where it waits: number of a group; FLOW_GROUP_NEW */
	uint32_t version : 31; /* number of the last version; 0: none */
	uint32_t listed : 1; /* the number, whatever flow has it now, is in the list of new ones */
};
_Static_assert(sizeof(struct flow_version) == 40, "see flow_rec.h");

#define FLOW_GROUP_NEW  0
#define FLOW_GROUPS_MAX 1100 /* more than can wait if those that are due are looked at */

/* Flows that were looked at at about the same time: at most 1/1024 'update' apart. */
struct flow_group {
	int64_t made;
	uint16_t seq; /* tells it from all others that there are, never FLOW_GROUP_NEW */
	uint32_t *v;  /* numbers of flows, some of which wait in others by now; owned */
	size_t n, at, size;
};

struct flow_versions {
	int64_t update;          /* ns */
	int64_t now;             /* never goes back */
	struct flow_version *of; /* by number of the flow; borrowed */

	uint32_t *fresh; /* numbers of flows that are new, from 'fresh_at'; owned */
	size_t n_fresh, fresh_at, fresh_size;

	struct flow_group groups[FLOW_GROUPS_MAX]; /* a ring */
	size_t first, n_groups;
	uint16_t seq;
	size_t waiting; /* entries of all groups */
};

/* What they take beside the flows' own: this, and many short lists. */
#define FLOW_VERSIONS_FIXED (sizeof(struct flow_versions) + 128 * FLOW_GROUPS_MAX)

struct flow_table;

/* 0 or -ENOMEM.  'of' must outlive it. */
int flow_versions_new(struct flow_versions **ret, int64_t update, struct flow_version *of);
void flow_versions_free(struct flow_versions *v); /* NULL is fine */

/* Room for 'more' new flows.  0 or -ENOMEM. */
int flow_versions_reserve(struct flow_versions *v, size_t more);

/* A flow with number 'i' begins; there is room. */
static inline void flow_versions_born(struct flow_versions *v, uint32_t i)
{
	struct flow_version *f = &v->of[i];

	if (!f->listed)
		v->fresh[v->n_fresh++] = i;
	*f = (struct flow_version){.group = FLOW_GROUP_NEW, .listed = 1};
}

/* The next flow of 't' that is due for a version at 'now', which then waits again;
 * POOL_NONE: no more. */
uint32_t flow_versions_next(struct flow_table *t, int64_t now);

/* Notes what a version says. */
void flow_versions_note(struct flow_table *t, uint32_t i);

/* Frames from A (0) or B (1) since the last version. */
uint64_t flow_version_packets(const struct flow_version *v, uint64_t packets, int dir);

uint64_t flow_versions_memory(const struct flow_versions *v);
