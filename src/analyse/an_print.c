#include "analyse/an_print.h"

#include <netinet/in.h>
#include <string.h>
#include <time.h>

#include "base/addr.h"
#include "base/utf8.h"
#include "net/app.h"

#define NS          1000000000
#define IFACE_WIDTH 5

static void add_time(struct buf *b, int64_t ts, bool utc)
{
	time_t sec = (time_t)(ts / NS - (ts % NS < 0));
	unsigned us = (unsigned)((ts - (int64_t)sec * NS) / 1000);
	struct tm tm;

	if (utc ? !gmtime_r(&sec, &tm) : !localtime_r(&sec, &tm))
		memset(&tm, 0, sizeof(tm));
	buf_addf(b, "%02d:%02d:%02d.%06u ", tm.tm_hour, tm.tm_min, tm.tm_sec, us);
}

static void add_addr(struct buf *b, const struct dec *d, const uint8_t addr[16])
{
	struct addr a = {0};

	switch (d->kind) {
	case DEC_IP6:
		a.family = ADDR_IP6;
		memcpy(a.b, addr, 16);
		break;
	case DEC_LINK:
		a.family = ADDR_MAC;
		memcpy(a.b, addr, 6);
		break;
	default:
		a.family = ADDR_IP4;
		memcpy(a.b, addr, 4);
		break;
	}
	buf_addaddr(b, &a);
}

static void add_ends(struct buf *b, const struct dec *d)
{
	bool ports = d->flags & DEC_PORTS && d->proto != IPPROTO_ICMP && d->proto != IPPROTO_ICMPV6;

	add_addr(b, d, d->src);
	if (ports)
		buf_addf(b, ".%u", d->sport);
	buf_addstr(b, " > ");
	add_addr(b, d, d->dst);
	if (ports)
		buf_addf(b, ".%u", d->dport);
	buf_addstr(b, ": ");
}

/* tcpdump's letters and their order; an acknowledgement is a dot. */
static void add_flags(struct buf *b, uint8_t flags)
{
	static const struct {
		uint8_t flag;
		char letter;
	} letters[] = {
		{TCP_FIN, 'F'}, {TCP_SYN, 'S'}, {TCP_RST, 'R'}, {TCP_PSH, 'P'},
		{TCP_ACK, '.'}, {TCP_URG, 'U'}, {TCP_ECE, 'E'}, {TCP_CWR, 'W'},
	};
	size_t i;

	buf_addstr(b, "Flags [");
	for (i = 0; i < sizeof(letters) / sizeof(letters[0]); i++)
		if (flags & letters[i].flag)
			buf_addch(b, letters[i].letter);
	buf_addstr(b, flags ? "]" : "none]");
}

static void add_tcp(struct buf *b, const struct dec *d)
{
	add_flags(b, d->tcp_flags);
	if (d->payload_len || d->tcp_flags & (TCP_SYN | TCP_FIN | TCP_RST)) {
		buf_addf(b, ", seq %u", d->seq);
		if (d->payload_len)
			buf_addf(b, ":%u", d->seq + d->payload_len);
	}
	if (d->tcp_flags & TCP_ACK)
		buf_addf(b, ", ack %u", d->ack);
	buf_addf(b, ", win %u", d->window);
	if (d->tcp_mss)
		buf_addf(b, ", mss %u", d->tcp_mss);
	if (d->tcp_wscale)
		buf_addf(b, ", wscale %u", d->tcp_wscale - 1u);
	buf_addf(b, ", length %u", d->payload_len);
}

static const char *icmp_name(const struct dec *d)
{
	bool v4 = d->proto == IPPROTO_ICMP;

	switch (d->icmp_type) {
	case 0:
		return v4 ? "echo reply" : NULL;
	case 1:
		return v4 ? NULL : "unreachable";
	case 2:
		return v4 ? NULL : "packet too big";
	case 3:
		return v4 ? "unreachable" : "time exceeded";
	case 5:
		return v4 ? "redirect" : NULL;
	case 8:
		return v4 ? "echo request" : NULL;
	case 11:
		return v4 ? "time exceeded" : NULL;
	case 128:
		return v4 ? NULL : "echo request";
	case 129:
		return v4 ? NULL : "echo reply";
	case 133:
		return v4 ? NULL : "router solicitation";
	case 134:
		return v4 ? NULL : "router advertisement";
	case 135:
		return v4 ? NULL : "neighbor solicitation";
	case 136:
		return v4 ? NULL : "neighbor advertisement";
	default:
		return NULL;
	}
}

static bool is_echo(const struct dec *d)
{
	return d->proto == IPPROTO_ICMP ? d->icmp_type == 0 || d->icmp_type == 8
					: d->icmp_type == 128 || d->icmp_type == 129;
}

static void add_icmp(struct buf *b, const struct dec *d)
{
	const char *name = icmp_name(d);

	buf_addstr(b, d->proto == IPPROTO_ICMP ? "ICMP " : "ICMP6 ");
	if (name)
		buf_addstr(b, name);
	else
		buf_addf(b, "type %u", d->icmp_type);
	if (d->icmp_code)
		buf_addf(b, ", code %u", d->icmp_code);
	if (is_echo(d))
		buf_addf(b, ", id %u, seq %u", d->icmp_id, d->icmp_seq);
	buf_addf(b, ", length %u", d->payload_len);
}

/* What the payload says of itself, where it is a known application's. */
static void add_app(struct buf *b, const struct dec *d)
{
	struct app_info info;
	enum app app;

	if (!d->payload_cap || !(d->flags & DEC_L4))
		return;
	app = app_from_payload(d->proto, d->sport, d->dport, d->payload, d->payload_cap, &info);
	if (app == APP_NONE)
		return;
	buf_addf(b, ", %s", app_name(app));
	if (info.name)
		buf_addf(b, " %.*s", info.name_len, (const char *)info.name);
}

/* The header that ends the path of this level: a tunnel's, or the last one known. */
static void add_last(struct buf *b, const struct dec *d)
{
	uint8_t last = d->npath ? d->path[d->npath - 1] : LAYER_NONE;

	if (last != LAYER_IP4 && last != LAYER_IP6)
		buf_addstr(b, layer_name(last));
	else if (d->flags & DEC_HAS_INNER)
		buf_addstr(b, "IPIP");
	else if (d->proto == IPPROTO_TCP)
		buf_addstr(b, "TCP");
	else if (d->proto == IPPROTO_UDP)
		buf_addstr(b, "UDP");
	else
		buf_addf(b, "protocol %u", d->proto);
}

static void add_transport(struct buf *b, const struct dec *d)
{
	bool late = d->flags & DEC_FRAG && !(d->flags & DEC_FRAG_FIRST);

	if (d->flags & DEC_HAS_INNER) {
		add_last(b, d);
		if (d->tun_id)
			buf_addf(b, " id %u", d->tun_id);
	} else if (late || !(d->flags & DEC_L4)) {
		if (late)
			buf_addstr(b, "fragment");
		else
			add_last(b, d);
		buf_addf(b, ", length %u", d->payload_len);
	} else if (d->proto == IPPROTO_TCP) {
		add_tcp(b, d);
		add_app(b, d);
	} else if (d->proto == IPPROTO_ICMP || d->proto == IPPROTO_ICMPV6) {
		add_icmp(b, d);
	} else {
		add_last(b, d);
		buf_addf(b, ", length %u", d->payload_len);
		add_app(b, d);
	}
	if (d->flags & DEC_FRAG)
		buf_addf(b, ", frag id %u", d->frag_id);
}

static void add_level(struct buf *b, const struct dec *d, const struct pkt *p)
{
	if (d->vlan[0])
		buf_addf(b, "vlan %u, ", d->vlan[0]);
	if (d->vlan[1])
		buf_addf(b, "vlan %u, ", d->vlan[1]);
	switch (d->kind) {
	case DEC_IP4:
	case DEC_IP6:
		buf_addstr(b, d->kind == DEC_IP4 ? "IP " : "IP6 ");
		add_ends(b, d);
		add_transport(b, d);
		break;
	case DEC_ARP:
		buf_addstr(b, "ARP ");
		add_ends(b, d);
		buf_addf(b, "length %u", p->len);
		break;
	case DEC_LINK:
		add_ends(b, d);
		buf_addf(b, "ethertype 0x%04x, length %u", d->link_proto, p->len);
		break;
	default:
		buf_addf(b, "link type %u, length %u", p->linktype, p->len);
		break;
	}
	if (d->flags & DEC_TRUNCATED)
		buf_addstr(b, " [cut]");
	if (d->flags & DEC_MALFORMED)
		buf_addstr(b, " [bad]");
}

/* Most bytes may stand in the name of an interface, escape sequences too. */
static void add_iface(struct buf *b, const char *name)
{
	size_t n = utf8_show(b, name, strlen(name));

	for (; n < IFACE_WIDTH; n++)
		buf_addch(b, ' ');
}

void an_print(const struct an_print_conf *conf, const struct pkt *p, const struct dec *d, size_t n,
	      const char *iface, struct buf *b)
{
	static const char *const dirs[] = {
		[PKT_DIR_UNKNOWN] = "?  ",
		[PKT_DIR_IN] = "In ",
		[PKT_DIR_OUT] = "Out",
	};
	size_t i;

	add_time(b, p->ts, conf->utc);
	if (conf->ifaces) {
		add_iface(b, iface ? iface : "?");
		buf_addf(b, " %s ", p->dir <= PKT_DIR_OUT ? dirs[p->dir] : "?  ");
	}
	for (i = 0; i < n; i++) {
		if (i)
			buf_addstr(b, " | ");
		add_level(b, &d[i], p);
	}
	buf_addch(b, '\n');
}
