#include "flow/flow_segment.h"

#include "flow/flow_derive.h"

/* clang-format off */
#define NEAR(field_, ref_) {FLOW_##field_, {FLOW_##ref_}, {1}}
#define NEAR2(field_, ref_, ref2_, factor_) \
	{FLOW_##field_, {FLOW_##ref_, FLOW_##ref2_}, {1, factor_}}
/* clang-format on */

#define ETH_HEADER 14
#define IP_TCP     40 /* headers without options, of IPv4 and TCP */

static const size_t addresses[] = {FLOW_network_a, FLOW_network_b};

static const struct fseg_hash hashes[] = {{FLOW_community_id, 0, true, flow_segment_hashes}};

/* Closeness is what is usual; what is not only takes more room. */
static const struct fseg_near near[] = {
	NEAR(last, start),
	NEAR(ab_syn_start, start),
	NEAR(ba_syn_start, start),
	NEAR(ab_fin_start, last),
	NEAR(ba_fin_start, last),
	NEAR(ab_rst_start, last),
	NEAR(ba_rst_start, last),
	NEAR2(ab_ip_bytes, ab_bytes, ab_packets, -ETH_HEADER),
	NEAR2(ba_ip_bytes, ba_bytes, ba_packets, -ETH_HEADER),
	NEAR2(ab_tcp_bytes, ab_ip_bytes, ab_packets, -IP_TCP),
	NEAR2(ba_tcp_bytes, ba_ip_bytes, ba_packets, -IP_TCP),
	NEAR(ab_wire_packets, ab_packets),
	NEAR(ba_wire_packets, ba_packets),
	NEAR(ab_wire_bytes, ab_bytes),
	NEAR(ba_wire_bytes, ba_bytes),
	NEAR(ab_win_max, ab_win_min),
	NEAR(ba_win_max, ba_win_min),
	/* the same in first versions */
	NEAR(last_update_ab_packets, ab_packets),
	NEAR(last_update_ba_packets, ba_packets),
	NEAR(last_update_ab_bytes, ab_bytes),
	NEAR(last_update_ba_bytes, ba_bytes),
	NEAR(last_update_start, start),
};

void flow_segment_opts(struct fseg_opts *ret)
{
	*ret = (struct fseg_opts){
		.schema = flow_store_schema(),
		.start = FLOW_start,
		.last = FLOW_last,
		.bloom = addresses,
		.n_bloom = sizeof(addresses) / sizeof(addresses[0]),
		.hashes = hashes,
		.n_hashes = sizeof(hashes) / sizeof(hashes[0]),
		.near = near,
		.n_near = sizeof(near) / sizeof(near[0]),
	};
	flow_derive_base(&ret->fields);
}
