/* Names: fields, their aliases, tshark's names for them, and protocol words. */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/addr.h"
#include "base/near.h"
#include "filter/filter_lex.h"
#include "filter/where_int.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* tshark's names of what flows have too. */
struct foreign {
	const char *name;
	const char *fields[SCHEMA_NAMES_MAX]; /* any of them */
	uint8_t family;
	const char *guard[2], *guard_text; /* the first guard that the schema has */
};

/* clang-format off */
#define TCP  {"transport_protocol", "protocol"}, "TCP"
#define UDP  {"transport_protocol", "protocol"}, "UDP"
#define SCTP {"transport_protocol", "protocol"}, "SCTP"
#define IP4  {"network_protocol"}, "IPV4"
#define IP6  {"network_protocol"}, "IPV6"
#define ARP  {"network_protocol"}, "ARP"

static const struct foreign foreign[] = {
	{"eth.addr", {"link_a", "link_b"}},
	{"eth.src", {"link_a"}},
	{"eth.dst", {"link_b"}},
	{"eth.type", {"ethertype"}},
	{"vlan.id", {"vlan", "vlan_inner"}},
	{"ip.addr", {"network_a", "network_b"}, ADDR_IP4, IP4},
	{"ip.src", {"network_a"}, ADDR_IP4, IP4},
	{"ip.dst", {"network_b"}, ADDR_IP4, IP4},
	{"ip.proto", {"ip_protocol"}, 0, IP4},
	{"ip.ttl", {"ab_ttl", "ba_ttl"}, 0, IP4},
	{"ip.dsfield.dscp", {"ab_dscp", "ba_dscp"}, 0, IP4},
	{"ip.dsfield.ecn", {"ab_ecn", "ba_ecn"}, 0, IP4},
	{"ipv6.addr", {"network_a", "network_b"}, ADDR_IP6, IP6},
	{"ipv6.src", {"network_a"}, ADDR_IP6, IP6},
	{"ipv6.dst", {"network_b"}, ADDR_IP6, IP6},
	{"arp.src.proto_ipv4", {"network_a"}, ADDR_IP4, ARP},
	{"arp.dst.proto_ipv4", {"network_b"}, ADDR_IP4, ARP},
	{"ipv6.hlim", {"ab_ttl", "ba_ttl"}, 0, IP6},
	{"ipv6.tclass.dscp", {"ab_dscp", "ba_dscp"}, 0, IP6},
	{"ipv6.tclass.ecn", {"ab_ecn", "ba_ecn"}, 0, IP6},
	{"tcp.port", {"transport_a", "transport_b"}, 0, TCP},
	{"tcp.srcport", {"transport_a"}, 0, TCP},
	{"tcp.dstport", {"transport_b"}, 0, TCP},
	{"udp.port", {"transport_a", "transport_b"}, 0, UDP},
	{"udp.srcport", {"transport_a"}, 0, UDP},
	{"udp.dstport", {"transport_b"}, 0, UDP},
	{"sctp.port", {"transport_a", "transport_b"}, 0, SCTP},
	{"sctp.srcport", {"transport_a"}, 0, SCTP},
	{"sctp.dstport", {"transport_b"}, 0, SCTP},
	{"icmp.type", {"icmp_type"}, 0, IP4},
	{"icmp.code", {"icmp_code"}, 0, IP4},
	{"icmp.ident", {"icmp_id"}, 0, IP4},
	{"icmpv6.type", {"icmp_type"}, 0, IP6},
	{"icmpv6.code", {"icmp_code"}, 0, IP6},
	{"icmpv6.echo.identifier", {"icmp_id"}, 0, IP6},
	{"communityid", {"community_id"}},
	{"frame.interface_name", {"interface"}},
	{"quic.version", {"quic_version"}},
	{"http.host", {"server_name"}, 0, {"application"}, "HTTP"},
	{"tls.handshake.extensions_server_name", {"server_name"}, 0, {"application"}, "TLS"},
};

/* tshark's protocols whose names differ from ours in more than case. */
static const struct {
	const char *word, *name;
} synonyms[] = {
	{"eth", "Ethernet"}, {"vlan", "Dot1Q"}, {"ieee8021ad", "Dot1Q"}, {"sll", "LinuxSLL"},
	{"null", "Loopback"}, {"wlan", "Dot11"}, {"chdlc", "CiscoHDLC"}, {"fr", "FrameRelay"},
	{"pppoes", "PPPoE"}, {"pppoed", "PPPoE"}, {"ip", "IPv4"}, {"icmp", "ICMPv4"},
	{"gtp", "GTPv1U"}, {"dhcp", "DHCPv4"}, {"bootp", "DHCPv4"}, {"ssl", "TLS"},
	{"pop", "POP3"}, {"nbns", "NETBIOS-NS"}, {"nbdgm", "NETBIOS-DGM"}, {"nbss", "NETBIOS-SSN"},
	{"smb2", "SMB"}, {"pgsql", "POSTGRESQL"}, {"mongo", "MONGODB"}, {"rpc", "SUNRPC"},
	{"mbtcp", "MODBUS"}, {"cflow", "NETFLOW"}, {"tpkt", "RDP"}, {"memcache", "MEMCACHED"},
	{"wg", "WIREGUARD"}, {"udpencap", "ESP-UDP"},
};
/* clang-format on */

static const char *const layers[] = {
#define LAYER(id, symbol, name) name,
#include "net/layers.def"
#undef LAYER
};

static const char *const apps[] = {
#define APP(id, symbol, name) name,
#include "net/app.def"
#undef APP
};

static bool same(const char *known, const char *word, size_t len)
{
	return strlen(known) == len && strncasecmp(known, word, len) == 0;
}

static int find_one(const struct schema *s, const char *name, uint16_t *ret)
{
	uint16_t f[SCHEMA_NAMES_MAX];

	if (!name || schema_find(s, name, strlen(name), f) != 1)
		return 0;
	*ret = f[0];
	return 1;
}

/* The type is that of the first field; others of another type do not count. */
static void set_type(const struct schema *s, struct operand *o)
{
	o->type = s->fields[o->fields[0]].type;
	o->unit = s->fields[o->fields[0]].unit;
	while (s->fields[o->fields[o->n - 1]].type != o->type)
		o->n--;
}

/* True if the schema has what tshark's name stands for. */
static bool find_foreign(const struct schema *s, const char *name, size_t len, struct operand *ret)
{
	struct operand o = {.n = 0};
	size_t i, j;

	for (i = 0; i < COUNT(foreign) && !same(foreign[i].name, name, len); i++)
		;
	if (i == COUNT(foreign))
		return false;
	for (j = 0; j < SCHEMA_NAMES_MAX; j++)
		o.n += (uint8_t)find_one(s, foreign[i].fields[j], &o.fields[o.n]);
	if (!o.n)
		return false;
	set_type(s, &o);
	o.family = foreign[i].family;
	if (o.family && o.type != VAL_ADDR)
		return false;
	o.guard_text = foreign[i].guard_text;
	if (o.guard_text) {
		o.guarded = (find_one(s, foreign[i].guard[0], &o.guard) ||
			     find_one(s, foreign[i].guard[1], &o.guard)) &&
			    s->fields[o.guard].type == VAL_STR;
		if (!o.guarded && !o.family) /* an address tells its family by itself */
			return false;
	}
	*ret = o;
	return true;
}

static bool find_operand(const struct schema *s, const char *name, size_t len, struct operand *ret)
{
	struct operand o = {.n = 0};

	o.n = (uint8_t)schema_find(s, name, len, o.fields);
	if (o.n) {
		set_type(s, &o);
		*ret = o;
		return true;
	}
	return find_foreign(s, name, len, ret);
}

bool where_is_field(const struct schema *s, const char *name, size_t len)
{
	struct operand o;

	return find_operand(s, name, len, &o);
}

static const char *listed(const char *const *list, size_t n, const char *word, size_t len)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (same(list[i], word, len))
			return list[i];
	return NULL;
}

/* "tcp": a header of the path; "dns": the application.  The layers are also
 * tried as 'protocol', for a schema without a path. */
static bool find_protocol(const struct schema *s, const char *word, size_t len, struct wnode *ret)
{
	struct wnode n = {.op = WNODE_PART};
	const char *name;
	size_t i;

	for (i = 0; i < COUNT(synonyms); i++) {
		if (same(synonyms[i].word, word, len)) {
			word = synonyms[i].name;
			len = strlen(word);
			break;
		}
	}
	name = listed(layers, COUNT(layers), word, len);
	if (!name || !find_one(s, "layers_path", &n.left.fields[0])) {
		n.op = WNODE_SAME;
		if (name) {
			if (!find_one(s, "protocol", &n.left.fields[0]))
				return false;
		} else {
			name = listed(apps, COUNT(apps), word, len);
			if (!name || !find_one(s, "application", &n.left.fields[0]))
				return false;
		}
	}
	n.left.n = 1;
	set_type(s, &n.left);
	if (n.left.type != VAL_STR)
		return false;
	n.text = (struct val_str){name, (uint32_t)strlen(name)};
	*ret = n;
	return true;
}

/* The nearest of all names that would have been understood. */
static const char *near_name(const struct schema *s, const char *name, size_t len)
{
	struct operand o;
	struct near n;
	size_t i;

	near_init(&n, name, len);
	for (i = 0; i < s->n; i++) {
		near_offer(&n, s->fields[i].name);
		near_offer(&n, s->fields[i].json);
	}
	for (i = 0; i < s->n_aliases; i++)
		near_offer(&n, s->aliases[i].name);
	for (i = 0; i < COUNT(foreign); i++)
		if (find_foreign(s, foreign[i].name, strlen(foreign[i].name), &o))
			near_offer(&n, foreign[i].name);
	return n.best;
}

int where_name(const struct schema *s, const char *text, const struct wtok *t, struct operand *ret,
	       struct wnode *ret_test, struct err *err)
{
	const char *name = text + t->off, *near;
	unsigned column = text_column(text, t->off);
	char q[80];

	if (find_operand(s, name, t->len, ret))
		return 0;
	if (ret_test && find_protocol(s, name, t->len, ret_test))
		return 1;
	err_quote(q, sizeof(q), name, t->len);
	near = near_name(s, name, t->len);
	if (near)
		return err_set(err, -EINVAL, "no field '%s' (column %u); did you mean '%s'?", q,
			       column, near);
	return err_set(err, -EINVAL, "no field '%s' (column %u)", q, column);
}
