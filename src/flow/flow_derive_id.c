/* Derived columns: identity, application. */
#include "flow/flow_derive_impl.h"

#include <string.h>

#include "base/bytes.h"
#include "flow/flow_id.h"
#include "flow/flow_key.h"
#include "net/app.h"

/* Ports of A and B as the key has them. */
static void key_ports(const struct batch *b, size_t k, uint16_t ret[2])
{
	ret[0] = ret[1] = 0;
	if (flow_has(b, FLOW_key_ports, k)) {
		uint64_t v = b->cols[FLOW_key_ports]->v.u64[k];

		ret[0] = (uint16_t)(v >> 16);
		ret[1] = (uint16_t)v;
	} else if (flow_has(b, FLOW_transport_b, k)) {
		ret[1] = (uint16_t)b->cols[FLOW_transport_b]->v.u64[k];
		/* DEC_ONE_PORT: the destination's stands for both */
		ret[0] = flow_has(b, FLOW_transport_a, k)
				 ? (uint16_t)b->cols[FLOW_transport_a]->v.u64[k]
				 : ret[1];
	} else if (flow_has(b, FLOW_icmp_id, k)) {
		ret[0] = ret[1] = (uint16_t)b->cols[FLOW_icmp_id]->v.u64[k];
	}
}

static uint32_t key_tunnel(const struct batch *b, size_t k, uint8_t proto)
{
	if (flow_has(b, FLOW_network_id, k))
		return (uint32_t)b->cols[FLOW_network_id]->v.u64[k];
	if (!flow_has(b, FLOW_icmp_type, k))
		return 0;
	return flow_key_icmp(proto, (uint8_t)b->cols[FLOW_icmp_type]->v.u64[k],
			     (uint8_t)flow_num(b, FLOW_icmp_code, k));
}

struct end {
	uint8_t addr[16], mac[6];
	uint16_t port;
};

static void end_init(struct end *e, const struct batch *b, size_t k, bool is_b, uint16_t port)
{
	const struct col *net = b->cols[is_b ? FLOW_network_b : FLOW_network_a];
	const struct col *mac = b->cols[is_b ? FLOW_link_b : FLOW_link_a];

	*e = (struct end){.port = port};
	if (col_has(mac, k))
		memcpy(e->mac, mac->v.addr[k].b, 6);
	if (col_has(net, k))
		memcpy(e->addr, net->v.addr[k].b, 16);
	else if (flow_num(b, FLOW_key_kind, k) == DEC_LINK) /* its addresses are the link's */
		memcpy(e->addr, e->mac, 6);
}

static void put_ends(const struct batch *b, size_t k, uint8_t *id)
{
	uint16_t port[2];
	struct end e[2];
	int lo;

	key_ports(b, k, port);
	end_init(&e[0], b, k, false, port[0]);
	end_init(&e[1], b, k, true, port[1]);
	lo = memcmp(e[0].addr, e[1].addr, 16);
	lo = lo ? lo > 0 : port[0] > port[1];
	be16_store(id + FLOW_ID_PORTS, e[lo].port);
	be16_store(id + FLOW_ID_PORTS + 2, e[!lo].port);
	memcpy(id + FLOW_ID_ADDRS, e[lo].addr, 16);
	memcpy(id + FLOW_ID_ADDRS + 16, e[!lo].addr, 16);
	memcpy(id + FLOW_ID_MACS, e[lo].mac, 6);
	memcpy(id + FLOW_ID_MACS + 6, e[!lo].mac, 6);
}

/* What all names are made of. */
static void identity(const struct batch *b, size_t k, struct flow_identity *ret)
{
	uint8_t proto = (uint8_t)flow_num(b, FLOW_ip_protocol, k);

	*ret = (struct flow_identity){0};
	ret->b[FLOW_ID_KIND] = (uint8_t)flow_num(b, FLOW_key_kind, k);
	ret->b[FLOW_ID_PROTO] = proto;
	be16_store(ret->b + FLOW_ID_LINK, (uint16_t)flow_num(b, FLOW_key_link, k));
	be32_store(ret->b + FLOW_ID_TUNNEL, key_tunnel(b, k, proto));
	put_ends(b, k, ret->b);
}

static void put_vlans(const struct batch *b, size_t k, struct flow_identity *ret)
{
	be16_store(ret->b + FLOW_ID_VLANS, (uint16_t)flow_num(b, FLOW_vlan, k));
	be16_store(ret->b + FLOW_ID_VLANS + 2, (uint16_t)flow_num(b, FLOW_vlan_inner, k));
}

static void uuids(struct batch *b)
{
	struct col *to = b->cols[FLOW_uuid];
	const struct col *parent = b->cols[FLOW_parent_uuid];
	struct flow_identity f;
	size_t k;

	for (k = 0; k < b->n; k++) {
		bool moved = flow_has(b, FLOW_first_seen, k);

		identity(b, k, &f);
		put_vlans(b, k, &f);
		be32_store(f.b + FLOW_ID_IFACE, (uint32_t)flow_num(b, FLOW_key_iface, k));
		if (col_has(parent, k))
			memcpy(f.b + FLOW_ID_PARENT, parent->v.id[k], 16);
		be64_store(f.b + FLOW_ID_FIRST,
			   (uint64_t)flow_time(b, moved ? FLOW_first_seen : FLOW_start, k));
		f.with_macs = flow_num(b, FLOW_key_macs, k);
		f.twin = (uint32_t)flow_num(b, FLOW_twin, k);
		flow_identity_uuid(&f, to->v.id[k]);
		col_mark(to, k);
	}
}

/* Eight hexadecimal digits: half bytes are spread over the bytes of a word. */
static uint64_t hex32(uint64_t v)
{
	uint64_t letter;

	v = (v & 0xffff) | (v & 0xffff0000) << 16;
	v = (v & UINT64_C(0x000000ff000000ff)) | (v & UINT64_C(0x0000ff000000ff00)) << 8;
	v = (v & UINT64_C(0x000f000f000f000f)) | (v & UINT64_C(0x00f000f000f000f0)) << 4;
	letter = (v + UINT64_C(0x0606060606060606)) >> 4 & UINT64_C(0x0101010101010101);
	return v + UINT64_C(0x3030303030303030) + letter * ('a' - '0' - 10);
}

struct val_str flow_hex64(char to[16], uint64_t v)
{
	be64_store((uint8_t *)to, hex32(v >> 32));
	be64_store((uint8_t *)to + 8, hex32((uint32_t)v));
	return (struct val_str){to, 16};
}

static struct val_str tracking(struct flow_derive *d, const struct batch *b, size_t k,
			       bool with_link)
{
	struct flow_identity f;

	identity(b, k, &f);
	if (with_link)
		put_vlans(b, k, &f);
	return flow_hex64(d->text[k].tracking[with_link], flow_identity_tracking(&f, with_link));
}

/* A flow of one port (see DEC_ONE_PORT) has none to hash: a tool that sees a packet of
 * it would hash both. */
static bool has_community(const struct batch *b, size_t k)
{
	uint64_t kind = flow_num(b, FLOW_key_kind, k);

	return (kind == DEC_IP4 || kind == DEC_IP6) && flow_has(b, FLOW_network_a, k) &&
	       flow_has(b, FLOW_network_b, k) &&
	       (flow_has(b, FLOW_transport_a, k) || !flow_has(b, FLOW_transport_b, k));
}

static struct val_str community(struct flow_derive *d, const struct batch *b, size_t k)
{
	char *text = d->text[k].community;
	uint16_t port[2];

	key_ports(b, k, port);
	if (flow_has(b, FLOW_icmp_type, k)) {
		port[0] = (uint16_t)flow_num(b, FLOW_icmp_type, k);
		port[1] = (uint16_t)flow_num(b, FLOW_icmp_code, k);
	}
	community_id(&b->cols[FLOW_network_a]->v.addr[k], &b->cols[FLOW_network_b]->v.addr[k],
		     (uint8_t)flow_num(b, FLOW_ip_protocol, k), port[0], port[1], text);
	return flow_text(text);
}

/* The last header of a path: its name is the end of the text. */
static struct val_str last_layer(const struct batch *b, size_t k)
{
	struct val_str s = {"", 0};
	const char *slash;

	if (!flow_has(b, FLOW_layers_path, k))
		return s;
	s = b->cols[FLOW_layers_path]->v.str[k];
	slash = memrchr(s.p, '/', s.len);
	if (slash) {
		s.len -= (uint32_t)(slash + 1 - s.p);
		s.p = slash + 1;
	}
	return s;
}

static unsigned port_app(const struct batch *b, size_t k)
{
	uint64_t to = flow_num(b, FLOW_transport_b, k);

	return app_from_port((uint8_t)flow_num(b, FLOW_ip_protocol, k),
			     (uint16_t)(flow_has(b, FLOW_transport_a, k)
						? b->cols[FLOW_transport_a]->v.u64[k]
						: to),
			     (uint16_t)to);
}

static struct val_str application(const struct batch *b, size_t k)
{
	unsigned app = (unsigned)flow_num(b, FLOW_app_told, k);

	if (!app)
		app = port_app(b, k);
	return app ? flow_text(app_name(app)) : last_layer(b, k);
}

const char *flow_app_source(unsigned told, unsigned by_port)
{
	return told ? "payload" : by_port ? "port" : "layer";
}

static const char *application_source(const struct batch *b, size_t k)
{
	return flow_app_source((unsigned)flow_num(b, FLOW_app_told, k), port_app(b, k));
}

bool flow_derive_id(struct flow_derive *d, struct batch *b, enum flow_field f)
{
	switch (f) {
	case FLOW_uuid:
		uuids(b);
		return true;
	case FLOW_tracking_id:
		FLOW_DERIVE(str, true, tracking(d, b, k, true));
		return true;
	case FLOW_l3_tracking_id:
		FLOW_DERIVE(str, true, tracking(d, b, k, false));
		return true;
	case FLOW_community_id:
		FLOW_DERIVE(str, has_community(b, k), community(d, b, k));
		return true;
	case FLOW_application:
		FLOW_DERIVE(str, true, application(b, k));
		return true;
	case FLOW_application_source:
		FLOW_DERIVE(str, true, flow_text(application_source(b, k)));
		return true;
	case FLOW_protocol:
		FLOW_DERIVE(str, flow_has(b, FLOW_layers_path, k), last_layer(b, k));
		return true;
	default:
		return false;
	}
}
