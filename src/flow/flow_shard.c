#include "flow/flow_table.h"

#include "base/bytes.h"

/* A sum does not care which end is which.  Not keyed: shards only share out
 * work, and answers do not depend on them. */
unsigned flow_shard(const struct dec *outer, unsigned n)
{
	uint64_t h;

	if (n <= 1)
		return 0;
	h = (be64_load(outer->src) + be64_load(outer->dst)) * UINT64_C(0x9e3779b97f4a7c15) +
	    (be64_load(outer->src + 8) + be64_load(outer->dst + 8)) * UINT64_C(0xd6e8feb86659fd93);
	h ^= h >> 32;
	h *= UINT64_C(0xd6e8feb86659fd93);
	return (unsigned)((h >> 32) * n >> 32);
}
