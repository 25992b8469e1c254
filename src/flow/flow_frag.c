#include "flow/flow_frag.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define WAYS 8

/* All bytes significant; all zero (DEC_OPAQUE has no fragments): an empty place. */
struct frag_key {
	uint8_t src[16], dst[16];
	uint32_t id, iface, parent;
	uint16_t vlan[2];
	uint8_t kind, proto;
	uint8_t zero[6];
};

struct frag {
	struct frag_key key;
	int64_t clock;
	uint32_t tun_id;
	uint32_t flags;
	uint16_t sport, dport, icmp_id;
	uint8_t icmp_type, icmp_code;
};

struct flow_frags {
	uint64_t seed;
	struct frag set[FLOW_FRAGS / WAYS][WAYS];
};

int flow_frags_new(struct flow_frags **ret, uint64_t seed)
{
	struct flow_frags *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	f->seed = seed;
	*ret = f;
	return 0;
}

void flow_frags_free(struct flow_frags *f)
{
	free(f);
}

static void key_init(struct frag_key *k, const struct dec *d, uint32_t iface, uint32_t parent)
{
	memset(k, 0, sizeof(*k));
	memcpy(k->src, d->src, 16);
	memcpy(k->dst, d->dst, 16);
	k->id = d->frag_id;
	k->iface = iface;
	k->parent = parent;
	k->vlan[0] = d->vlan[0];
	k->vlan[1] = d->vlan[1];
	k->kind = d->kind;
	k->proto = d->proto;
}

static struct frag *set_of(struct flow_frags *f, const struct frag_key *k)
{
	return f->set[XXH3_64bits_withSeed(k, sizeof(*k), f->seed) % (FLOW_FRAGS / WAYS)];
}

void flow_frags_put(struct flow_frags *f, const struct dec *d, uint32_t iface, uint32_t parent,
		    int64_t clock)
{
	struct frag_key k;
	struct frag *set, *to;
	int i;

	key_init(&k, d, iface, parent);
	to = set = set_of(f, &k);
	for (i = 0; i < WAYS; i++) {
		if (memcmp(&set[i].key, &k, sizeof(k)) == 0) {
			to = &set[i];
			break;
		}
		if (to->key.kind && (!set[i].key.kind || set[i].clock < to->clock))
			to = &set[i];
	}
	*to = (struct frag){
		.key = k,
		.clock = clock,
		.tun_id = d->tun_id,
		.flags = d->flags & (DEC_ONE_PORT | DEC_L4 | DEC_PORTS),
		.sport = d->sport,
		.dport = d->dport,
		.icmp_id = d->icmp_id,
		.icmp_type = d->icmp_type,
		.icmp_code = d->icmp_code,
	};
}

bool flow_frags_get(struct flow_frags *f, struct dec *d, uint32_t iface, uint32_t parent,
		    int64_t clock)
{
	struct frag_key k;
	struct frag *set;
	int i;

	key_init(&k, d, iface, parent);
	set = set_of(f, &k);
	for (i = 0; i < WAYS; i++) {
		const struct frag *e = &set[i];

		if (memcmp(&e->key, &k, sizeof(k)) != 0)
			continue;
		if ((uint64_t)clock - (uint64_t)e->clock > FLOW_FRAG_TIMEOUT)
			return false;
		d->sport = e->sport;
		d->dport = e->dport;
		d->tun_id = e->tun_id;
		d->icmp_id = e->icmp_id;
		d->icmp_type = e->icmp_type;
		d->icmp_code = e->icmp_code;
		d->flags |= e->flags & DEC_ONE_PORT;
		if (e->flags & (DEC_L4 | DEC_PORTS))
			d->flags |= DEC_PORTS;
		return true;
	}
	return false;
}
