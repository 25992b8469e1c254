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
	case FLOW_link_a:
		FLOW_FILL(addr, has_mac(row), mac(row, 0));
		return true;
	case FLOW_link_b:
		FLOW_FILL(addr, has_mac(row), mac(row, 1));
		return true;
	case FLOW_vlan:
		FLOW_FILL(u64, row->hot->key.vlan[0], row->hot->key.vlan[0]);
		return true;
	case FLOW_vlan_inner:
		FLOW_FILL(u64, row->hot->key.vlan[1], row->hot->key.vlan[1]);
		return true;
	case FLOW_key_kind:
		FLOW_FILL(u64, true, row->hot->key.kind);
		return true;
	case FLOW_key_link:
		FLOW_FILL(u64, row->hot->key.link_proto, row->hot->key.link_proto);
		return true;
	case FLOW_key_iface:
		FLOW_FILL(u64, true, row->hot->key.iface);
		return true;
	case FLOW_key_macs:
		FLOW_FILL(u64, row->t->opts.key_mode == FLOW_KEY_L2, 1);
		return true;
	default:
		return false;
	}
}

static bool has_network(const struct flow_row *row)
{
	return flow_is_ip(row) || row->hot->key.kind == DEC_ARP;
}

static bool has_network_id(const struct flow_row *row)
{
	return row->hot->key.tun_id && !(row->hot->key.tun_id & FLOW_KEY_ICMP && row->icmp);
}

/* Ports of later fragments whose first one is missing show as 0. */
static bool has_port(const struct flow_row *row, int end)
{
	return flow_transport_name(row->hot->key.proto) &&
	       !(end == 0 && row->hot->flags & FLOW_ONE_PORT);
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

static uint64_t both_ports(const struct flow_row *row)
{
	return (uint64_t)flow_end_port(row, 0) << 16 | flow_end_port(row, 1);
}

/* Whether no other field tells the ports in the key: see the reader, flow_derive_id.c. */
static bool has_key_ports(const struct flow_row *row)
{
	uint64_t told = has_icmp_id(row) ? (uint64_t)row->icmp->id << 16 | row->icmp->id : 0;

	return !flow_transport_name(row->hot->key.proto) && both_ports(row) != told;
}

static bool fill_network(struct flow_rows *r, enum flow_field f, struct col *c, size_t n)
{
	switch (f) {
	case FLOW_network_a:
		FLOW_FILL(addr, has_network(row), flow_end_addr(row, 0));
		return true;
	case FLOW_network_b:
		FLOW_FILL(addr, has_network(row), flow_end_addr(row, 1));
		return true;
	case FLOW_network_id:
		FLOW_FILL(u64, has_network_id(row), row->hot->key.tun_id);
		return true;
	case FLOW_ip_protocol:
		FLOW_FILL(u64, flow_is_ip(row), row->hot->key.proto);
		return true;
	case FLOW_transport_a:
		FLOW_FILL(u64, has_port(row, 0), flow_end_port(row, 0));
		return true;
	case FLOW_transport_b:
		FLOW_FILL(u64, has_port(row, 1), flow_end_port(row, 1));
		return true;
	case FLOW_key_ports:
		FLOW_FILL(u64, has_key_ports(row), both_ports(row));
		return true;
	default:
		return false;
	}
}

bool flow_fill_key(struct flow_rows *r, enum flow_field f, struct col *c, size_t n)
{
	switch (f) {
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
