#include "flow/flow_derive.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "flow/flow_derive_impl.h"

#define NEEDS_MAX 24

/* The first field is derived, so that its number stands for the end of a list. */
_Static_assert(FLOW_uuid == 0, "");

struct rule {
	bool base;
	uint16_t needs[NEEDS_MAX + 1]; /* base fields that a derived one follows from */
};

#define FROM(...)                                                                                  \
	{                                                                                          \
		.needs = { __VA_ARGS__ }                                                           \
	}
#define BASE                                                                                       \
	{                                                                                          \
		.base = true                                                                       \
	}

/* What tells the ports in the key. */
#define PORTS FLOW_transport_a, FLOW_transport_b, FLOW_icmp_id, FLOW_key_ports

/* What tells the tunnel id in the key: ICMP has its message there. */
#define TUNNEL FLOW_network_id, FLOW_icmp_type, FLOW_icmp_code

#define NETWORK_KEY                                                                                \
	FLOW_key_kind, FLOW_key_link, FLOW_ip_protocol, FLOW_network_a, FLOW_network_b,            \
		FLOW_link_a, FLOW_link_b, PORTS, TUNNEL

#define APPLICATION                                                                                \
	FLOW_app_told, FLOW_ip_protocol, FLOW_transport_a, FLOW_transport_b, FLOW_layers_path

/* clang-format off */
static const struct rule rules[FLOW_N_FIELDS] = {
	[FLOW_uuid] = FROM(NETWORK_KEY, FLOW_vlan, FLOW_vlan_inner, FLOW_parent_uuid, FLOW_key_iface,
			   FLOW_key_macs, FLOW_start, FLOW_first_seen, FLOW_twin),
	[FLOW_parent_uuid] = BASE,
	[FLOW_tracking_id] = FROM(NETWORK_KEY, FLOW_vlan, FLOW_vlan_inner),
	[FLOW_l3_tracking_id] = FROM(NETWORK_KEY),
	[FLOW_community_id] = FROM(FLOW_key_kind, FLOW_ip_protocol, FLOW_network_a, FLOW_network_b,
				   PORTS, FLOW_icmp_type, FLOW_icmp_code),
	[FLOW_layers_path] = BASE,
	[FLOW_application] = FROM(APPLICATION),
	[FLOW_application_source] = FROM(APPLICATION),
	[FLOW_server_name] = BASE,
	[FLOW_quic_version] = BASE,
	[FLOW_protocol] = FROM(FLOW_layers_path),
	[FLOW_interface] = BASE,
	[FLOW_node_tid] = BASE,
	[FLOW_capture_id] = BASE,

	[FLOW_start] = BASE,
	[FLOW_last] = BASE,
	[FLOW_duration_ns] = FROM(FLOW_start, FLOW_last),
	[FLOW_finish] = FROM(FLOW_finish_code),

	[FLOW_link_protocol] = FROM(FLOW_link_a),
	[FLOW_link_a] = BASE,
	[FLOW_link_b] = BASE,
	[FLOW_link_id] = FROM(FLOW_vlan, FLOW_vlan_inner),
	[FLOW_vlan] = BASE,
	[FLOW_vlan_inner] = BASE,
	[FLOW_ethertype] = FROM(FLOW_key_kind, FLOW_key_link),
	[FLOW_network_protocol] = FROM(FLOW_key_kind),
	[FLOW_network_a] = BASE,
	[FLOW_network_b] = BASE,
	[FLOW_network_id] = BASE,
	[FLOW_ip_protocol] = BASE,
	[FLOW_transport_protocol] = FROM(FLOW_ip_protocol),
	[FLOW_transport_a] = BASE,
	[FLOW_transport_b] = BASE,
	[FLOW_icmp_type_name] = FROM(FLOW_ip_protocol, FLOW_icmp_type),
	[FLOW_icmp_type] = BASE,
	[FLOW_icmp_code] = BASE,
	[FLOW_icmp_id] = BASE,

	[FLOW_ab_packets] = BASE,
	[FLOW_ab_bytes] = BASE,
	[FLOW_ba_packets] = BASE,
	[FLOW_ba_bytes] = BASE,
	[FLOW_ab_ip_bytes] = BASE,
	[FLOW_ba_ip_bytes] = BASE,
	[FLOW_ab_wire_packets] = BASE,
	[FLOW_ba_wire_packets] = BASE,
	[FLOW_ab_wire_bytes] = BASE,
	[FLOW_ba_wire_bytes] = BASE,
	[FLOW_rtt_ns] = FROM(FLOW_icmp_rtt_ns, FLOW_tcp_answer, FLOW_ab_syn_start, FLOW_ba_syn_start),
	[FLOW_rtt_server_ns] = FROM(FLOW_tcp_answer, FLOW_ab_syn_start, FLOW_ba_syn_start),
	[FLOW_rtt_client_ns] = BASE,
	[FLOW_metric_start] = FROM(FLOW_start),
	[FLOW_metric_last] = FROM(FLOW_last),
	[FLOW_last_update_ab_packets] = BASE,
	[FLOW_last_update_ab_bytes] = BASE,
	[FLOW_last_update_ba_packets] = BASE,
	[FLOW_last_update_ba_bytes] = BASE,
	[FLOW_last_update_start] = BASE,
	[FLOW_last_update_last] = FROM(FLOW_last),

	[FLOW_ab_tcp_flags] = FROM(FLOW_ab_tcp_bits),
	[FLOW_ba_tcp_flags] = FROM(FLOW_ba_tcp_bits),
	[FLOW_ab_syn_start] = BASE,
	[FLOW_ba_syn_start] = BASE,
	[FLOW_ab_syn_ttl] = FROM(FLOW_ab_tcp_bits, FLOW_ab_ttl),
	[FLOW_ba_syn_ttl] = FROM(FLOW_ba_tcp_bits, FLOW_ba_ttl),
	[FLOW_ab_fin_start] = BASE,
	[FLOW_ba_fin_start] = BASE,
	[FLOW_ab_rst_start] = BASE,
	[FLOW_ba_rst_start] = BASE,
	[FLOW_ab_ooo_packets] = BASE,
	[FLOW_ba_ooo_packets] = BASE,
	[FLOW_ab_ooo_bytes] = BASE,
	[FLOW_ba_ooo_bytes] = BASE,
	[FLOW_ab_missed_segments] = BASE,
	[FLOW_ba_missed_segments] = BASE,
	[FLOW_ab_missed_bytes] = BASE,
	[FLOW_ba_missed_bytes] = BASE,
	[FLOW_ab_retrans_packets] = BASE,
	[FLOW_ba_retrans_packets] = BASE,
	[FLOW_ab_retrans_bytes] = BASE,
	[FLOW_ba_retrans_bytes] = BASE,
	[FLOW_ab_tcp_packets] = FROM(FLOW_ab_tcp_bits, FLOW_ab_packets),
	[FLOW_ba_tcp_packets] = FROM(FLOW_ba_tcp_bits, FLOW_ba_packets),
	[FLOW_ab_tcp_bytes] = BASE,
	[FLOW_ba_tcp_bytes] = BASE,
	[FLOW_ab_saw_start] = FROM(FLOW_ab_tcp_bits),
	[FLOW_ba_saw_start] = FROM(FLOW_ba_tcp_bits),
	[FLOW_ab_saw_end] = FROM(FLOW_ab_tcp_bits),
	[FLOW_ba_saw_end] = FROM(FLOW_ba_tcp_bits),
	[FLOW_ab_win_min] = BASE,
	[FLOW_ab_win_max] = BASE,
	[FLOW_ba_win_min] = BASE,
	[FLOW_ba_win_max] = BASE,

	[FLOW_fragments] = BASE,
	[FLOW_fragment_errors] = BASE,
	[FLOW_ab_ttl] = BASE,
	[FLOW_ba_ttl] = BASE,
	[FLOW_ab_dscp] = BASE,
	[FLOW_ba_dscp] = BASE,
	[FLOW_ab_ecn] = BASE,
	[FLOW_ba_ecn] = BASE,

	[FLOW_ab_first_payload] = BASE,
	[FLOW_ba_first_payload] = BASE,
	[FLOW_truncated] = BASE,
	[FLOW_malformed] = BASE,
	[FLOW_drops_during] = BASE,
	[FLOW_raw_packets] = FROM(FLOW_ab_packets, FLOW_ba_packets, FLOW_raw_missing),
};
/* clang-format on */

bool flow_is_base(enum flow_field f)
{
	return f >= FLOW_N_FIELDS || rules[f].base;
}

void flow_derive_base(struct field_set *ret)
{
	size_t f;

	*ret = (struct field_set){0};
	for (f = 0; f < FLOW_N_ALL; f++)
		if (flow_is_base((enum flow_field)f))
			field_set_add(ret, f);
}

void flow_derive_needs(const struct field_set *want, struct field_set *ret)
{
	const uint16_t *need;
	size_t f;

	*ret = (struct field_set){0};
	for (f = 0; f < FLOW_N_ALL; f++) {
		if (!field_set_has(want, f))
			continue;
		if (flow_is_base((enum flow_field)f))
			field_set_add(ret, f);
		for (need = f < FLOW_N_FIELDS ? rules[f].needs : NULL; need && *need; need++)
			field_set_add(ret, *need);
	}
}

int flow_derive_new(struct flow_derive **ret)
{
	struct flow_derive *d = malloc(sizeof(*d));

	if (!d)
		return -ENOMEM;
	flow_derive_init_flags(d);
	*ret = d;
	return 0;
}

void flow_derive_free(struct flow_derive *d)
{
	free(d);
}

void flow_derive(struct flow_derive *d, struct batch *b, const struct field_set *want)
{
	const uint16_t *need;
	size_t f;

	for (f = 0; f < FLOW_N_FIELDS; f++) {
		if (!field_set_has(want, f) || rules[f].base)
			continue;
		for (need = rules[f].needs; *need; need++)
			assert(b->cols[*need]);
		if (!flow_derive_id(d, b, (enum flow_field)f) &&
		    !flow_derive_key(b, (enum flow_field)f))
			flow_derive_metric(d, b, (enum flow_field)f);
	}
}
