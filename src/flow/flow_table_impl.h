/* The table's inside, for the files of this module that read flows. */
#pragma once

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/bytes.h"
#include "flow/flow_frag.h"
#include "flow/flow_rec.h"
#include "flow/flow_table.h"
#include "flow/flow_version.h"
#include "flow/flow_wheel.h"

#define FLOW_PATHS 4096 /* different header sequences; further ones show as "" */

struct flow_path {
	uint8_t n;
	uint8_t layer[DEC_PATH_MAX];
};

/* What flow_table_add() works out for a batch before it touches flows. */
struct flow_scratch {
	struct flow_full_key key[FLOW_BATCH];
	uint32_t tag[FLOW_BATCH];
	uint32_t at[FLOW_BATCH];   /* flow; POOL_NONE: not found */
	bool swap[FLOW_BATCH];     /* the packet's source is the 'hi' end */
	uint32_t ends[FLOW_BATCH]; /* flows that may see their end */
	size_t n_ends;
};

#define FLOW_SECRET_SIZE 192 /* XXH3's own default; at least 136 */

struct flow_table {
	struct flow_opts opts;
	uint32_t max_flows;
	uint8_t secret[FLOW_SECRET_SIZE]; /* random: nobody can prepare keys that collide */

	struct pool hot, cold; /* the same numbers; 'hot' keeps the book */
	struct pool rest, tcp, icmp, loss, more;
	struct pool parent;  /* uuids, of 16 bytes */
	struct pool version; /* numbered as 'hot'; if there are versions */
	/* Records of 'hot', 'cold', 'rest' and 'tcp' by number: pool_at() would multiply
	 * by a size that it has to look up. */
	struct flow_hot *hots;
	struct flow_cold *colds;
	struct flow_key_rest *rests;
	struct flow_tcp *tcps;

	uint64_t *slots;   /* tag << 32 | number + 1; 0: empty; NULL once finished */
	uint32_t mask;     /* slots - 1 */
	uint32_t n;        /* slots in use */
	uint64_t removals; /* changes whenever a flow leaves the index */

	struct flow_wheel idle, closed;

	uint32_t *dead; /* flows waiting for their reader, from 'dead_at' */
	size_t n_dead, dead_at, dead_size;

	struct flow_path *paths;
	uint16_t n_paths;

	struct flow_frags *frags;       /* NULL until the first fragment */
	struct flow_versions *versions; /* NULL: ended flows only */

	uint64_t flows, evicted;
	uint64_t unfollowed; /* times that a flow got no 'more' or 'loss' record, or no place to
				wait for its next version */

	struct flow_scratch scratch;
};

static inline struct flow_hot *flow_hot(const struct flow_table *t, uint32_t i)
{
	return &t->hots[i];
}

static inline struct flow_cold *flow_cold(const struct flow_table *t, uint32_t i)
{
	return &t->colds[i];
}

/* The other bytes of its addresses; zero where four are all. */
static inline struct flow_key_rest flow_rest(const struct flow_table *t, uint32_t i)
{
	uint32_t r = flow_hot(t, i)->rest;

	return r == POOL_NONE ? (struct flow_key_rest){0} : t->rests[r];
}

/* Uuid of the flow around; NULL: there is none. */
static inline const uint8_t *flow_parent(const struct flow_table *t, uint32_t i)
{
	uint32_t p = flow_cold(t, i)->parent;

	return p == POOL_NONE ? NULL : pool_at(&t->parent, p);
}

static inline struct flow_more *flow_more(const struct flow_table *t, uint32_t i)
{
	uint32_t m = flow_cold(t, i)->more;

	return m == POOL_NONE ? NULL : pool_at(&t->more, m);
}

/* Time of the packet that made the flow, which need not be its smallest. */
static inline int64_t flow_first_time(const struct flow_table *t, uint32_t i)
{
	const struct flow_more *m = flow_more(t, i);

	return m && m->has_first ? m->first : flow_cold(t, i)->start;
}

static inline uint64_t flow_packets(const struct flow_table *t, uint32_t i, int dir)
{
	const struct flow_more *m = flow_more(t, i);

	return (m ? (uint64_t)m->packets_hi[dir] << 32 : 0) + flow_hot(t, i)->packets[dir];
}

/* 32 bits of the keyed hash: place and first comparison in the index. */
static inline uint32_t flow_index_tag(const struct flow_table *t, const struct flow_full_key *k)
{
	if (flow_key_is_long(&k->key))
		return (uint32_t)XXH3_64bits_withSecret(k, sizeof(*k), t->secret,
							sizeof(t->secret));
	return (uint32_t)XXH3_64bits_withSecret(&k->key, sizeof(k->key), t->secret,
						sizeof(t->secret));
}

/* flow_index.c: from keys to flows. */
uint32_t flow_index_tag_of(const struct flow_table *t, uint32_t i); /* flow's */
/* What a short key does not say: addresses' other bytes, MAC addresses. */
bool flow_index_match_more(const struct flow_table *t, uint32_t i, const struct flow_full_key *k,
			   bool swap, const struct dec *d);
uint32_t flow_index_find(const struct flow_table *t, const struct flow_full_key *k, uint32_t tag,
			 bool swap, const struct dec *d);
int flow_index_reserve(struct flow_table *t, uint32_t more); /* room for more; -ENOMEM */
void flow_index_add(struct flow_table *t, uint32_t tag, uint32_t i);
void flow_index_remove(struct flow_table *t, uint32_t tag, uint32_t i);

/* memcmp() == 0 without a call. */
static inline bool flow_key_is_same(const struct flow_key *a, const struct flow_key *b)
{
	const uint8_t *p = (const uint8_t *)a, *q = (const uint8_t *)b;

	return !((le64_load(p) ^ le64_load(q)) | (le64_load(p + 8) ^ le64_load(q + 8)) |
		 (le64_load(p + 16) ^ le64_load(q + 16)) | (le64_load(p + 24) ^ le64_load(q + 24)));
}

/* Whether flow 'i' is the one that the key of a packet means. */
static inline bool flow_index_match(const struct flow_table *t, uint32_t i,
				    const struct flow_full_key *k, bool swap, const struct dec *d)
{
	const struct flow_hot *h = flow_hot(t, i);

	if (!flow_key_is_same(&h->key, &k->key))
		return false;
	if (h->rest == POOL_NONE && t->opts.key_mode == FLOW_KEY_L3)
		return true;
	return flow_index_match_more(t, i, k, swap, d);
}

/* Time without a packet after which a flow ends, ns. */
static inline uint64_t flow_timeout(const struct flow_table *t, bool closed)
{
	return (uint64_t)(closed ? t->opts.hold : t->opts.idle);
}

/* Ends a flow: it waits for its reader.  'otherwise' is how, unless TCP flags say
 * better.  flow_table_make_room() made the room that this takes. */
void flow_table_end(struct flow_table *t, uint32_t i, uint8_t otherwise);

/* Makes room for 'n' new flows at time 'clock'.  -EAGAIN: some must be read first;
 * -ENOMEM. */
int flow_table_make_room(struct flow_table *t, uint32_t n, int64_t clock);

/* flow_update.c: one packet into its flow. */
void flow_first(struct flow_table *t, uint32_t i, const struct dec *d, const struct pkt *p);
void flow_update(struct flow_table *t, uint32_t i, int dir, const struct dec *d,
		 const struct pkt *p);

/* A flow's rare fields, made on demand; NULL when there is no room. */
struct flow_more *flow_more_get(struct flow_table *t, uint32_t i);

/* Gives a dead flow's records back. */
void flow_table_release(struct flow_table *t, uint32_t i);

/* Puts the flows that wait for their reader in the order of their serials. */
void flow_table_sort_dead(struct flow_table *t);

/* flow_id.c: see docs/flows.md. */
void flow_uuid(const struct flow_table *t, uint32_t i, uint8_t ret[16]);
