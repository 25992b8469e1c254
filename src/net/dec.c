#include "net/dec.h"

#include "net/fast.h"
#include "net/link.h"
#include "net/walk.h"

static const char *const layer_names[] = {
	[LAYER_NONE] = "",
#define LAYER(id, sym, name) [id] = name,
#include "net/layers.def"
#undef LAYER
};

const char *layer_name(uint8_t layer)
{
	if (layer >= sizeof(layer_names) / sizeof(layer_names[0]) || !layer_names[layer])
		return "";
	return layer_names[layer];
}

void walk_short(struct walk *w)
{
	bool cut = w->split || w->wire > w->c.left;

	w->d->flags |= cut ? DEC_TRUNCATED : DEC_MALFORMED;
}

enum walk_next walk_bad(struct walk *w)
{
	w->d->flags |= DEC_MALFORMED;
	return WALK_STOP;
}

void walk_limit(struct walk *w, uint32_t n)
{
	w->wire = n;
	if (w->c.left > n)
		w->c.left = n;
}

void walk_ip_limit(struct walk *w, uint32_t n)
{
	if (n > w->wire && !w->split)
		w->d->flags |= DEC_MALFORMED;
	else
		walk_limit(w, n);
}

static void name_layer(struct dec *d, enum layer layer)
{
	if (d->npath < DEC_PATH_MAX)
		d->path[d->npath++] = layer;
}

/* Inside a level that has no addresses (PPP before MPLS, say) no further one
 * is opened: a flow needs an identity. */
static bool open_level(struct walk *w)
{
	w->inner = false;
	if (w->n > 1 && w->d->kind == DEC_OPAQUE)
		return true;
	if (w->n == DEC_LEVELS_MAX) {
		w->d->flags |= DEC_DEEP;
		return false;
	}
	w->d->flags |= DEC_HAS_INNER;
	w->d = &w->ret[w->n++];
	walk_clear(w->d);
	w->d->flags = DEC_INNER;
	w->nvlan = 0;
	return true;
}

bool walk_enter(struct walk *w, enum layer layer)
{
	if (w->inner && !open_level(w))
		return false;
	name_layer(w->d, layer);
	return true;
}

void walk_tunnel(struct walk *w, enum layer layer)
{
	name_layer(w->d, layer);
	w->inner = true;
}

void walk_payload(struct walk *w)
{
	struct dec *d = w->d;

	d->payload_len = w->wire;
	d->payload_cap = w->c.left;
	d->payload = w->c.left ? w->c.p : NULL;
}

void walk_link(struct walk *w, const uint8_t *src, const uint8_t *dst, uint16_t link_proto)
{
	static const uint8_t none[6];
	struct dec *d = w->d;

	d->kind = DEC_LINK;
	d->link_proto = link_proto;
	memcpy(d->mac_src, src ? src : none, sizeof(d->mac_src));
	memcpy(d->mac_dst, dst ? dst : none, sizeof(d->mac_dst));
	memset(d->src, 0, sizeof(d->src));
	memset(d->dst, 0, sizeof(d->dst));
	memcpy(d->src, d->mac_src, sizeof(d->mac_src));
	memcpy(d->dst, d->mac_dst, sizeof(d->mac_dst));
}

static enum walk_next step(struct walk *w, enum walk_next next)
{
	switch (next) {
	case WALK_STOP:
		break;
	case WALK_LINK:
		return link_step(w);
	case WALK_ETHER:
		return eth_step(w);
	case WALK_TYPE:
		return eth_type_step(w);
	case WALK_LLC:
		return llc_step(w);
	case WALK_HDLC:
		return hdlc_step(w);
	case WALK_FRELAY:
		return frelay_step(w);
	case WALK_NLPID:
		return nlpid_step(w);
	case WALK_PPP:
		return ppp_step(w);
	case WALK_WLAN:
		return wlan_step(w);
	case WALK_MPLS:
		return mpls_step(w);
	case WALK_IP:
		return ip_step(w);
	case WALK_IP6:
		return ip6_step(w);
	case WALK_IP_PROTO:
		return ip_proto_step(w);
	case WALK_GRE:
		return gre_step(w);
	case WALK_UDP_PORT:
		return udp_port_step(w);
	}
	return WALK_STOP;
}

size_t dec_frame_slow(uint16_t linktype, const uint8_t *data, uint32_t caplen, uint32_t len,
		      struct dec *ret)
{
	struct walk w = {
		.c = cur_at(data, caplen),
		.wire = len > caplen ? len : caplen,
		.id = linktype,
		.linktype = linktype,
		.d = ret,
		.ret = ret,
		.n = 1,
	};
	enum walk_next next = WALK_LINK;

	walk_clear(ret);
	ret->link_proto = linktype;
	while (next != WALK_STOP)
		next = step(&w, next);

	/* A tunnel that holds nothing with addresses is no level. */
	if (w.n > 1 && w.d->kind == DEC_OPAQUE) {
		w.n--;
		ret[w.n - 1].flags &= ~DEC_HAS_INNER;
		ret[w.n - 1].flags |= w.d->flags & (DEC_TRUNCATED | DEC_MALFORMED | DEC_DEEP);
	}
	return w.n;
}

size_t dec_frame(uint16_t linktype, const uint8_t *data, uint32_t caplen, uint32_t len,
		 struct dec *ret)
{
	if (linktype == LINKTYPE_ETHERNET && fast_frame(data, caplen, len, ret))
		return 1;
	return dec_frame_slow(linktype, data, caplen, len, ret);
}
