/* Columns: link, network, transport, ICMP. */
#include "flow/flow_rows_impl.h"

#include <netinet/in.h>
#include <string.h>

struct addr flow_end_addr(const struct flow_row *row, int end)
{
	const struct flow_key *k = &row->hot->key;
	bool hi = end != !!(row->hot->flags & FLOW_A_IS_HI);
	struct addr a = {0};

	if (k->kind == DEC_IP6) {
		const struct flow_key_rest rest = flow_rest(row->t, row->i);

		a.family = ADDR_IP6;
		memcpy(a.b, hi ? k->hi : k->lo, 4);
		memcpy(a.b + 4, hi ? rest.hi : rest.lo, 12);
	} else if (k->kind == DEC_IP4 || k->kind == DEC_ARP) {
		a.family = ADDR_IP4;
		memcpy(a.b, hi ? k->hi : k->lo, 4);
	}
	return a;
}

uint16_t flow_end_port(const struct flow_row *row, int end)
{
	const struct flow_key *k = &row->hot->key;

	return end != !!(row->hot->flags & FLOW_A_IS_HI) ? k->hi_port : k->lo_port;
}

static bool has_mac(const struct flow_row *row)
{
	static const uint8_t none[6];

	return memcmp(row->cold->mac[0], none, 6) != 0 || memcmp(row->cold->mac[1], none, 6) != 0;
}

static struct addr mac(const struct flow_row *row, int end)
{
	struct addr a = {.family = ADDR_MAC};

	memcpy(a.b, row->cold->mac[end], 6);
	return a;
}

static bool fill_link(struct flow_rows *r, enum flow_field f, struct col *c, size_t n)
{
	switch (f) {
	case FLOW_link_protocol:
		FLOW_FILL(str, has_mac(row), flow_str("ETHERNET"));
		return true;
	case FLOW_link_a:
		FLOW_FILL(addr, has_mac(row), mac(row, 0));
		return true;
	case FLOW_link_b:
		FLOW_FILL(addr, has_mac(row), mac(row, 1));
		return true;
	case FLOW_link_id:
		FLOW_FILL(u64, row->hot->key.vlan[0],
			  row->hot->key.vlan[0] | (uint64_t)row->hot->key.vlan[1] << 12);
		return true;
	case FLOW_vlan:
		FLOW_FILL(u64, row->hot->key.vlan[0], row->hot->key.vlan[0]);
		return true;
	case FLOW_vlan_inner:
		FLOW_FILL(u64, row->hot->key.vlan[1], row->hot->key.vlan[1]);
		return true;
	case FLOW_ethertype:
		FLOW_FILL(u64, row->hot->key.kind == DEC_LINK, row->hot->key.link_proto);
		return true;
	default:
		return false;
	}
}

static const char *transport_name(const struct flow_row *row)
{
	switch (row->hot->key.proto) {
	case IPPROTO_TCP:
		return "TCP";
	case IPPROTO_UDP:
		return "UDP";
	case IPPROTO_SCTP:
		return "SCTP";
	case IPPROTO_UDPLITE:
		return "UDPLITE";
	case IPPROTO_DCCP:
		return "DCCP";
	default:
		return NULL;
	}
}

static const char *network_name(const struct flow_row *row)
{
	switch (row->hot->key.kind) {
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

static bool has_network_id(const struct flow_row *row)
{
	return row->hot->key.tun_id && !(row->hot->key.tun_id & FLOW_KEY_ICMP && row->icmp);
}

/* Ports of later fragments whose first one is missing show as 0. */
static bool has_port(const struct flow_row *row, int end)
{
	return transport_name(row) && !(end == 0 && row->hot->flags & FLOW_ONE_PORT);
}

static bool fill_network(struct flow_rows *r, enum flow_field f, struct col *c, size_t n)
{
	switch (f) {
	case FLOW_network_protocol:
		FLOW_FILL(str, network_name(row), flow_str(network_name(row)));
		return true;
	case FLOW_network_a:
		FLOW_FILL(addr, network_name(row), flow_end_addr(row, 0));
		return true;
	case FLOW_network_b:
		FLOW_FILL(addr, network_name(row), flow_end_addr(row, 1));
		return true;
	case FLOW_network_id:
		FLOW_FILL(u64, has_network_id(row), row->hot->key.tun_id);
		return true;
	case FLOW_ip_protocol:
		FLOW_FILL(u64, flow_is_ip(row), row->hot->key.proto);
		return true;
	case FLOW_transport_protocol:
		FLOW_FILL(str, transport_name(row), flow_str(transport_name(row)));
		return true;
	case FLOW_transport_a:
		FLOW_FILL(u64, has_port(row, 0), flow_end_port(row, 0));
		return true;
	case FLOW_transport_b:
		FLOW_FILL(u64, has_port(row, 1), flow_end_port(row, 1));
		return true;
	default:
		return false;
	}
}

/* Skydive's names (flow/icmp.go, by its documentation); UNKNOWN for others. */
static const char *icmp_name(const struct flow_row *row)
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
	bool is4 = row->hot->key.proto == IPPROTO_ICMP;
	const char *const *names = is4 ? v4 : v6;
	size_t n = is4 ? sizeof(v4) / sizeof(v4[0]) : sizeof(v6) / sizeof(v6[0]);

	return row->icmp->type < n && names[row->icmp->type] ? names[row->icmp->type] : "UNKNOWN";
}

static bool has_icmp_id(const struct flow_row *row)
{
	uint8_t type = row->icmp ? row->icmp->type : 0;

	if (!row->icmp)
		return false;
	if (row->hot->key.proto == IPPROTO_ICMPV6)
		return type == 128 || type == 129;
	return type == 0 || type == 8 || (type >= 13 && type <= 18);
}

bool flow_fill_key(struct flow_rows *r, enum flow_field f, struct col *c, size_t n)
{
	switch (f) {
	case FLOW_icmp_type_name:
		FLOW_FILL(str, row->icmp, flow_str(icmp_name(row)));
		return true;
	case FLOW_icmp_type:
		FLOW_FILL(u64, row->icmp, row->icmp->type);
		return true;
	case FLOW_icmp_code:
		FLOW_FILL(u64, row->icmp, row->icmp->code);
		return true;
	case FLOW_icmp_id:
		FLOW_FILL(u64, has_icmp_id(row), row->icmp->id);
		return true;
	default:
		return fill_link(r, f, c, n) || fill_network(r, f, c, n);
	}
}
