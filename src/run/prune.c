#include "run/prune.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "filter/filter.h"
#include "flow/flow_schema.h"
#include "net/dec.h"
#include "net/link.h"
#include "run/prune_hosts.h"
#include "run/prune_ports.h"
#include "run/prune_shape.h"

#define CLASSES_MAX     256 /* kinds of flows told apart; others may all match */
#define CLASS_SLOTS     512
#define LINKS_MAX       64   /* link types; with more all may match */
#define TUNNEL_PORT_MIN 1024 /* net/tunnels.c: both ports are from here on */

_Static_assert((CLASS_SLOTS & (CLASS_SLOTS - 1)) == 0 && CLASS_SLOTS >= 2 * CLASSES_MAX, "");

/* The filter for one link type. */
struct link {
	uint16_t type;
	bool all;        /* its frames are not told apart */
	struct may *may; /* owned; NULL: such frames never match */
	struct prune_ports ports;
};

/* All flows that may have the same shapes: of these, the ones that may match if nothing is
 * put into their places. */
struct flow_class {
	uint64_t key;
	size_t link;
	bool alone; /* 'known' is used: nothing but the kinds of ports differs */
	/* By the kinds of A's and B's port, and the directions that have packets. */
	uint8_t known[PRUNE_PORT_KINDS][PRUNE_PORT_KINDS][4]; /* enum known */
	size_t n;                                             /* SIZE_MAX: all may match */
	struct shape v[];
};

enum known { KNOWN_NOT, KNOWN_NEVER, KNOWN_MAYBE };

/* What differs between flows of a class. */
struct ends {
	struct addr addr[2], mac[2];
	uint16_t port[2], vlan[2];
};

struct iface {
	const char *name; /* borrowed; NULL: not known */
	size_t link;
};

struct prune {
	enum flow_key_mode mode;
	bool all; /* nothing is told apart */
	size_t n_links;
	struct link links[LINKS_MAX];
	struct iface *ifaces; /* owned */
	size_t n_ifaces;
	struct prune_hosts hosts;
	struct flow_class *classes[CLASS_SLOTS]; /* by key; owned */
	size_t n_classes;
	struct flow_class *last;
};

void prune_free(struct prune *p)
{
	size_t i;

	if (!p)
		return;
	for (i = 0; i < p->n_links; i++) {
		may_free(p->links[i].may);
		prune_ports_done(&p->links[i].ports);
	}
	for (i = 0; i < CLASS_SLOTS; i++)
		free(p->classes[i]);
	free(p->ifaces);
	free(p);
}

/* The number of a link type; LINKS_MAX: there are too many. */
static size_t link_of(struct prune *p, uint16_t type)
{
	size_t i;

	for (i = 0; i < p->n_links && p->links[i].type != type; i++)
		;
	if (i == p->n_links && i < LINKS_MAX)
		p->links[p->n_links++] = (struct link){.type = type};
	return i;
}

/* Of some link types the program is not the same for all frames (BSD loopback): these are
 * none of those with known shapes. */
static int init_link(struct link *l, struct filter *f, struct err *err)
{
	const struct shape_flow some = {.linktype = l->type, .kind = DEC_IP4};
	CLEANUP(freep) struct shape *v = calloc(SHAPES_MAX, sizeof(*v));
	const struct cbpf_insn *code;
	size_t n;
	int r;

	if (!v)
		return err_set(err, -ENOMEM, "out of memory");
	l->all = shapes_of(v, &some) == SIZE_MAX;
	if (l->all)
		return 0;
	r = filter_prepare(f, l->type, err);
	if (r == -EINVAL)
		return 0;
	if (r < 0)
		return r;
	code = filter_code(f, l->type, &n);
	l->all = !code; /* "" */
	if (!code)
		return 0;
	if (prune_ports_init(&l->ports, code, n) < 0)
		return err_set(err, -ENOMEM, "out of memory");
	return may_new(&l->may, code, n, err);
}

/* Unless there are frames of which all may match. */
static int init_hosts(struct prune *p, const char *text)
{
	struct prune_link v[LINKS_MAX];
	size_t i, n = 0;

	for (i = 0; i < p->n_links; i++) {
		if (p->links[i].all)
			return 0;
		if (p->links[i].may)
			v[n++] = (struct prune_link){p->links[i].type, p->links[i].may};
	}
	return p->all ? 0 : prune_hosts_init(&p->hosts, text, v, n);
}

int prune_new(struct prune **ret, const struct prune_conf *c, struct err *err)
{
	CLEANUP(prune_freep) struct prune *p = calloc(1, sizeof(*p));
	size_t i;
	int r = 0;

	if (p)
		p->ifaces = calloc(c->n_ifaces + 1, sizeof(*p->ifaces));
	if (!p || !p->ifaces)
		return err_set(err, -ENOMEM, "out of memory");
	p->mode = c->key_mode;
	for (i = 0; i < c->n_ifaces; i++) {
		struct iface *to = &p->ifaces[p->n_ifaces++];

		to->name = c->ifaces[i].name;
		to->link = link_of(p, c->ifaces[i].linktype);
		p->all |= to->link == LINKS_MAX;
	}
	for (i = 0; i < p->n_links && r == 0; i++)
		r = init_link(&p->links[i], c->filter, err);
	if (r == 0 && init_hosts(p, filter_text(c->filter)) < 0)
		r = err_set(err, -ENOMEM, "out of memory");
	if (r < 0)
		return r;
	*ret = TAKE_PTR(p);
	return 0;
}

int prune_block(const struct prune *p, struct fseg *f, uint64_t *rows, uint32_t *ret_n,
		struct err *err)
{
	return prune_hosts_block(&p->hosts, f, rows, ret_n, err);
}

void prune_want(struct field_set *to)
{
	static const enum flow_field fields[] = {
		FLOW_link_a,      FLOW_link_b,      FLOW_vlan,        FLOW_vlan_inner,
		FLOW_ethertype,   FLOW_network_a,   FLOW_network_b,   FLOW_network_protocol,
		FLOW_ip_protocol, FLOW_transport_a, FLOW_transport_b, FLOW_ab_packets,
		FLOW_ba_packets,  FLOW_interface,
	};
	size_t i;

	for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		field_set_add(to, fields[i]);
}

/* Rows. */

static bool has(const struct batch *b, enum flow_field f, size_t row)
{
	return col_has(b->cols[f], row);
}

static uint64_t number(const struct batch *b, enum flow_field f, size_t row)
{
	return has(b, f, row) ? b->cols[f]->v.u64[row] : 0;
}

/* DEC_OPAQUE: nothing is known, also where columns have no value that they should have. */
static enum dec_kind kind_of(const struct batch *b, size_t row, const struct ends *e)
{
	const struct val_str *s;

	if (!has(b, FLOW_network_a, row))
		return has(b, FLOW_ethertype, row) && has(b, FLOW_link_b, row) ? DEC_LINK
									       : DEC_OPAQUE;
	if (!has(b, FLOW_network_b, row) || !has(b, FLOW_network_protocol, row))
		return DEC_OPAQUE;
	s = &b->cols[FLOW_network_protocol]->v.str[row];
	if (s->len == 3 && memcmp(s->p, "ARP", 3) == 0)
		return DEC_ARP;
	if (!has(b, FLOW_ip_protocol, row))
		return DEC_OPAQUE;
	return e->addr[0].family == ADDR_IP6 ? DEC_IP6 : DEC_IP4;
}

/* Ports are 0 also of packets of which they were not read.  That of the sender is no part
 * of a tunnel in UDP: absent, or the same as the other one if the first packet was none. */
static void take_ports(struct shape_flow *f, struct ends *e, const struct batch *b, size_t row)
{
	uint16_t a = (uint16_t)number(b, FLOW_transport_a, row);
	uint16_t dst = (uint16_t)number(b, FLOW_transport_b, row);

	e->port[0] = a;
	e->port[1] = dst;
	if (!has(b, FLOW_transport_b, row) || (!a && !dst))
		return;
	f->port[1] = true;
	f->port[0] = has(b, FLOW_transport_a, row) &&
		     !(f->proto == IPPROTO_UDP && a == dst && a >= TUNNEL_PORT_MIN);
}

static void take_row(struct shape_flow *f, struct ends *e, const struct prune *p,
		     const struct batch *b, size_t row)
{
	if (has(b, FLOW_network_a, row)) {
		e->addr[0] = b->cols[FLOW_network_a]->v.addr[row];
		e->addr[1] = b->cols[FLOW_network_b]->v.addr[row];
	}
	f->kind = (uint8_t)kind_of(b, row, e);
	f->proto = (uint8_t)number(b, FLOW_ip_protocol, row);
	e->vlan[0] = (uint16_t)number(b, FLOW_vlan, row);
	e->vlan[1] = (uint16_t)number(b, FLOW_vlan_inner, row);
	f->n_vlan = (uint8_t)(!!e->vlan[0] + (e->vlan[0] && e->vlan[1]));
	f->link_proto = f->kind == DEC_LINK ? (uint16_t)number(b, FLOW_ethertype, row) : 0;
	f->macs = has(b, FLOW_link_a, row) && has(b, FLOW_link_b, row) &&
		  (f->kind == DEC_LINK || p->mode == FLOW_KEY_L2);
	if (f->macs) {
		e->mac[0] = b->cols[FLOW_link_a]->v.addr[row];
		e->mac[1] = b->cols[FLOW_link_b]->v.addr[row];
	}
	take_ports(f, e, b, row);
}

/* Frames. */

static void put(struct may_frame *f, size_t at, const void *from, size_t size)
{
	memcpy(f->val + at, from, size);
	memset(f->known + at, UINT8_MAX, size);
}

/* Puts into its places what the sender 'from' sends. */
static void put_ends(struct shape *s, const struct ends *e, unsigned from)
{
	struct may_frame *f = &s->frame;
	unsigned i;

	if (s->use & SHAPE_ADDR) {
		put(f, s->src_at, e->addr[from].b, s->addr_size);
		put(f, s->dst_at, e->addr[!from].b, s->addr_size);
	}
	if (s->use & SHAPE_MAC) {
		put(f, 0, e->mac[!from].b, 6);
		put(f, 6, e->mac[from].b, 6);
	}
	for (i = 0; s->use & SHAPE_PORT && i < 2; i++) {
		/* A tunnel's port is the one sent to in both directions. */
		unsigned end = s->port[0] ? i ^ from : i;

		if (s->port[i] && s->behind) {
			be16_store(f->behind_val + 2 * i, e->port[end]);
			be16_store(f->behind_known + 2 * i, UINT16_MAX);
		} else if (s->port[i]) {
			be16_store(f->val + s->port_at + 2 * i, e->port[end]);
			be16_store(f->known + s->port_at + 2 * i, UINT16_MAX);
		}
	}
}

static void put_tags(struct shape *s, const struct ends *e)
{
	unsigned i;

	for (i = 0; i < 2; i++) {
		if (!s->tag_at[i])
			continue;
		be16_store(s->frame.val + s->tag_at[i], e->vlan[i]);
		be16_store(s->frame.known + s->tag_at[i], 0xfff);
	}
}

static uint64_t key_of(const struct shape_flow *f, size_t link)
{
	return (uint64_t)f->link_proto << 32 | (uint64_t)link << 24 | (uint64_t)f->proto << 16 |
	       (uint64_t)f->kind << 8 | (uint64_t)f->n_vlan << 4 | (uint64_t)f->macs << 3 |
	       (uint64_t)f->port[0] << 2 | (uint64_t)f->port[1] << 1;
}

/* NULL: no memory. */
static struct flow_class *class_new(uint64_t key, const struct shape_flow *f, size_t link,
				    struct may *may, const struct prune_ports *ports)
{
	CLEANUP(freep) struct shape *v = calloc(SHAPES_MAX, sizeof(*v));
	struct flow_class *c = NULL;
	size_t n, i;

	if (!v)
		return NULL;
	n = may ? shapes_of(v, f) : 0;
	if (n != SIZE_MAX)
		n = shapes_reduce(v, n, may);
	c = calloc(1, sizeof(*c) + (n == SIZE_MAX ? 0 : n) * sizeof(*v));
	if (!c)
		return NULL;
	c->key = key;
	c->link = link;
	c->n = n;
	if (n == SIZE_MAX)
		return c;
	memcpy(c->v, v, n * sizeof(*v));
	c->alone = true;
	for (i = 0; i < n; i++)
		c->alone &= prune_ports_alone(ports, &v[i]);
	return c;
}

/* NULL: there are too many, or no memory for one more. */
static struct flow_class *class_of(struct prune *p, struct shape_flow *f, size_t link)
{
	uint64_t key = key_of(f, link);
	size_t at = (key * UINT64_C(0x9e3779b97f4a7c15)) >> 32 & (CLASS_SLOTS - 1);
	struct flow_class *c;

	if (p->last && p->last->key == key)
		return p->last;
	for (; p->classes[at]; at = (at + 1) & (CLASS_SLOTS - 1))
		if (p->classes[at]->key == key)
			return p->last = p->classes[at];
	if (p->n_classes == CLASSES_MAX)
		return NULL;
	f->linktype = p->links[link].type;
	c = class_new(key, f, link, p->links[link].may, &p->links[link].ports);
	if (!c)
		return NULL;
	p->classes[at] = c;
	p->n_classes++;
	return p->last = c;
}

static bool look_at(struct flow_class *c, struct may *may, const struct ends *e,
		    const bool packets[2])
{
	unsigned from;
	size_t i;

	for (i = 0; i < c->n; i++) {
		struct shape *s = &c->v[i];

		if (s->use & SHAPE_TAG)
			put_tags(s, e);
		for (from = 0; from < 2; from++) {
			if (!packets[from])
				continue;
			put_ends(s, e, from);
			if (may_match(may, &s->frame))
				return true;
			if (!(s->use & ~SHAPE_TAG))
				break; /* what is sent back looks the same */
		}
	}
	return false;
}

static bool class_maybe(struct flow_class *c, struct link *l, const struct ends *e,
			const bool packets[2])
{
	unsigned a = 0, b = 0;
	uint8_t *known;

	if (c->n == SIZE_MAX)
		return true;
	if (c->alone && c->n) {
		a = prune_ports_kind(&l->ports, e->port[0]);
		b = prune_ports_kind(&l->ports, e->port[1]);
	}
	if (!a || !b)
		return look_at(c, l->may, e, packets);
	known = &c->known[a - 1][b - 1][packets[0] | packets[1] << 1];
	if (*known == KNOWN_NOT)
		*known = look_at(c, l->may, e, packets) ? KNOWN_MAYBE : KNOWN_NEVER;
	return *known == KNOWN_MAYBE;
}

static bool is_name(const char *name, const struct val_str *s)
{
	return strlen(name) == s->len && memcmp(name, s->p, s->len) == 0;
}

/* The link types of a row's packets, a bit each. */
static uint64_t links_of(struct prune *p, const struct batch *b, size_t row)
{
	uint64_t all = p->n_links == 64 ? UINT64_MAX : (UINT64_C(1) << p->n_links) - 1, some = 0;
	const struct val_str *name;
	size_t i;

	if (p->n_links <= 1 || !has(b, FLOW_interface, row))
		return all;
	name = &b->cols[FLOW_interface]->v.str[row];
	for (i = 0; i < p->n_ifaces; i++)
		if (!p->ifaces[i].name || is_name(p->ifaces[i].name, name))
			some |= UINT64_C(1) << p->ifaces[i].link;
	return some ? some : all;
}

static bool some_packets(const struct batch *b, enum flow_field f, size_t row)
{
	return !has(b, f, row) || b->cols[f]->v.u64[row];
}

bool prune_maybe(struct prune *p, const struct batch *b, size_t row)
{
	const bool packets[2] = {some_packets(b, FLOW_ab_packets, row),
				 some_packets(b, FLOW_ba_packets, row)};
	struct shape_flow f = {0};
	struct ends e = {0};
	struct flow_class *c;
	uint64_t links;
	size_t i;

	if (p->all)
		return true;
	links = links_of(p, b, row);
	take_row(&f, &e, p, b, row);
	for (i = 0; i < p->n_links; i++) {
		if (!(links >> i & 1))
			continue;
		if (p->links[i].all)
			return true;
		c = class_of(p, &f, i);
		if (!c || class_maybe(c, &p->links[i], &e, packets))
			return true;
	}
	return false;
}
