/* Derived columns: link, network, transport, ICMP. */
#include "flow/flow_derive_impl.h"

#include <netinet/in.h>

#include "net/dec.h"

static const char *transport_of(const struct batch *b, size_t k)
{
	return flow_transport_name((uint8_t)flow_num(b, FLOW_ip_protocol, k));
}

static const char *network_of(const struct batch *b, size_t k)
{
	switch (flow_num(b, FLOW_key_kind, k)) {
	case DEC_IP4:
		return "IPV4";
	case DEC_IP6:
		return "IPV6";
	case DEC_ARP:
		return "ARP";
	default:
		return NULL;
	}
}

/* Skydive's names (flow/icmp.go, by its documentation); UNKNOWN for others. */
static const char *icmp_name(const struct batch *b, size_t k)
{
	static const char *const v4[] = {
		[0] = "ECHO",
		[3] = "DESTINATION_UNREACHABLE",
		[4] = "SOURCE_QUENCH",
		[5] = "REDIRECT",
		[8] = "ECHO",
		[9] = "ROUTER",
		[10] = "ROUTER",
		[11] = "TIME_EXCEEDED",
		[12] = "PARAMETER_PROBLEM",
		[13] = "TIMESTAMP",
		[14] = "TIMESTAMP",
		[15] = "INFO",
		[16] = "INFO",
		[17] = "ADDRESS_MASK",
		[18] = "ADDRESS_MASK",
	};
	static const char *const v6[] = {
		[1] = "DESTINATION_UNREACHABLE",
		[2] = "PACKET_TOO_BIG",
		[3] = "TIME_EXCEEDED",
		[4] = "PARAMETER_PROBLEM",
		[128] = "ECHO",
		[129] = "ECHO",
		[133] = "ROUTER",
		[134] = "ROUTER",
		[135] = "NEIGHBOR",
		[136] = "NEIGHBOR",
		[137] = "REDIRECT",
	};
	bool is4 = flow_num(b, FLOW_ip_protocol, k) == IPPROTO_ICMP;
	const char *const *names = is4 ? v4 : v6;
	size_t n = is4 ? sizeof(v4) / sizeof(v4[0]) : sizeof(v6) / sizeof(v6[0]);
	uint64_t type = flow_num(b, FLOW_icmp_type, k);

	return type < n && names[type] ? names[type] : "UNKNOWN";
}

bool flow_derive_key(struct batch *b, enum flow_field f)
{
	switch (f) {
	case FLOW_link_protocol:
		FLOW_DERIVE(str, flow_has(b, FLOW_link_a, k), flow_text("ETHERNET"));
		return true;
	case FLOW_link_id:
		FLOW_DERIVE(u64, flow_has(b, FLOW_vlan, k),
			    flow_num(b, FLOW_vlan, k) | flow_num(b, FLOW_vlan_inner, k) << 12);
		return true;
	case FLOW_ethertype:
		FLOW_DERIVE(u64, flow_num(b, FLOW_key_kind, k) == DEC_LINK,
			    flow_num(b, FLOW_key_link, k));
		return true;
	case FLOW_network_protocol:
		FLOW_DERIVE(str, network_of(b, k), flow_text(network_of(b, k)));
		return true;
	case FLOW_transport_protocol:
		FLOW_DERIVE(str, transport_of(b, k), flow_text(transport_of(b, k)));
		return true;
	case FLOW_icmp_type_name:
		FLOW_DERIVE(str, flow_has(b, FLOW_icmp_type, k), flow_text(icmp_name(b, k)));
		return true;
	default:
		return false;
	}
}
