#include "capture/links.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/sockios.h>
#include <net/if_arp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "capture/netns.h"
#include "capture/ring.h"
#include "capture/rtnl.h"

/* Younger than the C library's <net/if_arp.h>. */
#define HA_RAWIP  519
#define HA_IP6GRE 823

uint16_t link_linktype(uint16_t hatype, bool *ret_cooked)
{
	*ret_cooked = false;
	switch (hatype) {
	case ARPHRD_ETHER:
	case ARPHRD_LOOPBACK:
		return RING_ETHERNET;
	case ARPHRD_NONE: /* tun, WireGuard */
	case ARPHRD_TUNNEL:
	case ARPHRD_TUNNEL6:
	case ARPHRD_SIT:
	case HA_RAWIP: /* modems */
		return RING_RAW;
	case ARPHRD_CAN:
		return RING_CAN;
	case ARPHRD_IEEE80211:
		return 105;
	case ARPHRD_IEEE80211_PRISM:
		return 119;
	case ARPHRD_IEEE80211_RADIOTAP:
		return 127;
	case ARPHRD_IEEE802154:
		return 230; /* without FCS */
	}
	/* PPP, GRE, InfiniBand and all others: their drivers show link headers on some packets
	 * and not on others, or such as have no number. */
	*ret_cooked = true;
	return RING_SLL2;
}

const char *link_state_name(const struct link *l)
{
	static const char *const names[] = {
		[IF_OPER_UNKNOWN] = "unknown", [IF_OPER_NOTPRESENT] = "not-present",
		[IF_OPER_DOWN] = "no-carrier", [IF_OPER_LOWERLAYERDOWN] = "lower-layer-down",
		[IF_OPER_TESTING] = "testing", [IF_OPER_DORMANT] = "dormant",
		[IF_OPER_UP] = "up",
	};

	if (!l->up)
		return "down";
	/* Drivers that know no state leave it so: loopback, tun. */
	if (l->operstate == IF_OPER_UNKNOWN && l->running)
		return "up";
	return l->operstate < sizeof(names) / sizeof(names[0]) ? names[l->operstate] : "unknown";
}

static int add_link(void *arg, const struct nlmsghdr *h)
{
	struct links *ls = arg;
	struct link l, *v;

	if (rtnl_link_parse(h, &l) < 0)
		return 0;
	if (ls->n >= LINKS_MAX)
		return -E2BIG;
	if (!(ls->n & (ls->n - 1))) { /* a power of two: full */
		v = reallocarray(ls->v, ls->n ? ls->n * 2 : 1, sizeof(*v));
		if (!v)
			return -ENOMEM;
		ls->v = v;
	}
	ls->v[ls->n++] = l;
	return 0;
}

static int by_index(const void *a, const void *b)
{
	const struct link *x = a, *y = b;

	return (x->index > y->index) - (x->index < y->index);
}

static struct link *find(struct links *ls, int index)
{
	struct link key = {.index = index};

	return index > 0 && ls->n ? bsearch(&key, ls->v, ls->n, sizeof(key), by_index) : NULL;
}

/* RTM_NEWADDR, rtnetlink(7): IFA_LOCAL is the own address where there is a peer's. */
static int add_addr(void *arg, const struct nlmsghdr *h)
{
	const struct ifaddrmsg *m = NLMSG_DATA(h);
	struct link_addr a = {0}, *v;
	const struct rtattr *t;
	const uint8_t *at;
	bool local = false;
	struct link *l;
	size_t left, n;

	if (h->nlmsg_type != RTM_NEWADDR || h->nlmsg_len < NLMSG_SPACE(sizeof(*m)))
		return 0;
	l = find(arg, (int)m->ifa_index);
	if (!l || (m->ifa_family != AF_INET && m->ifa_family != AF_INET6))
		return 0;
	at = (const uint8_t *)h + NLMSG_SPACE(sizeof(*m));
	left = h->nlmsg_len - NLMSG_SPACE(sizeof(*m));
	while ((t = rtnl_attr_next(&at, &left))) {
		const void *d = rtnl_attr_data(t, &n);

		if ((t->rta_type == IFA_LOCAL || (t->rta_type == IFA_ADDRESS && !local)) &&
		    n == (m->ifa_family == AF_INET ? 4 : 16)) {
			a.addr.family = m->ifa_family == AF_INET ? ADDR_IP4 : ADDR_IP6;
			memcpy(a.addr.b, d, n);
			local |= t->rta_type == IFA_LOCAL;
		}
	}
	if (a.addr.family == ADDR_NONE)
		return 0;
	a.prefix = m->ifa_prefixlen;
	if (l->n_addrs == LINK_ADDRS_MAX) {
		l->addrs_cut = true;
		return 0;
	}
	v = reallocarray(l->addrs, l->n_addrs + 1, sizeof(*v));
	if (!v)
		return -ENOMEM;
	l->addrs = v;
	v[l->n_addrs++] = a;
	return 0;
}

static bool ethtool(int fd, const struct link *l, void *cmd)
{
	struct ifreq r = {.ifr_data = cmd};

	memcpy(r.ifr_name, l->name, sizeof(r.ifr_name));
	return ioctl(fd, SIOCETHTOOL, &r) == 0;
}

static bool is_on(int fd, const struct link *l, uint32_t cmd)
{
	struct ethtool_value v = {.cmd = cmd};

	return ethtool(fd, l, &v) && v.data;
}

static void ask_speed(int fd, struct link *l)
{
	/* ETHTOOL_GLINKSETTINGS is asked twice: the first answer says how long the masks
	 * behind it are, as a negative number; <linux/ethtool.h>. */
	uint8_t buf[sizeof(struct ethtool_link_settings) + 3 * 127 * sizeof(uint32_t)]
		__attribute__((aligned(8))) = {0};
	struct ethtool_link_settings *s = (struct ethtool_link_settings *)buf;

	s->cmd = ETHTOOL_GLINKSETTINGS;
	if (!ethtool(fd, l, s) || s->link_mode_masks_nwords >= 0)
		return;
	s->link_mode_masks_nwords = (int8_t)-s->link_mode_masks_nwords;
	s->cmd = ETHTOOL_GLINKSETTINGS;
	if (ethtool(fd, l, s) && s->speed != (uint32_t)SPEED_UNKNOWN)
		l->speed = s->speed;
}

static void ask_ethtool(int fd, struct link *l)
{
	static const struct {
		uint32_t cmd, flag;
	} offloads[] = {
		{ETHTOOL_GGRO, LINK_GRO},        {ETHTOOL_GGSO, LINK_GSO},
		{ETHTOOL_GTSO, LINK_TSO},        {ETHTOOL_GRXCSUM, LINK_RX_CSUM},
		{ETHTOOL_GTXCSUM, LINK_TX_CSUM},
	};
	struct ethtool_drvinfo info = {.cmd = ETHTOOL_GDRVINFO};
	struct ethtool_value flags = {.cmd = ETHTOOL_GFLAGS};

	if (ethtool(fd, l, &info)) {
		memcpy(l->driver, info.driver, sizeof(l->driver));
		memcpy(l->bus, info.bus_info, sizeof(l->bus));
		l->driver[sizeof(l->driver) - 1] = l->bus[sizeof(l->bus) - 1] = '\0';
	}
	l->offloads_known = ethtool(fd, l, &flags);
	l->offloads |= flags.data & ETH_FLAG_LRO ? LINK_LRO : 0;
	l->offloads |= flags.data & ETH_FLAG_RXVLAN ? LINK_RX_VLAN : 0;
	l->offloads |= flags.data & ETH_FLAG_TXVLAN ? LINK_TX_VLAN : 0;
	for (size_t i = 0; i < sizeof(offloads) / sizeof(offloads[0]); i++)
		l->offloads |= is_on(fd, l, offloads[i].cmd) ? offloads[i].flag : 0;
	ask_speed(fd, l);
}

static void finish(struct links *ls, int fd)
{
	for (size_t i = 0; i < ls->n; i++) {
		struct link *l = &ls->v[i];
		const struct link *m = find(ls, l->master);
		const struct link *p = l->peer_nsid < 0 ? find(ls, l->peer) : NULL;

		if (m)
			memcpy(l->master_name, m->name, sizeof(l->master_name));
		if (p)
			memcpy(l->peer_name, p->name, sizeof(l->peer_name));
		ask_ethtool(fd, l);
	}
}

int links_list(struct links *ret, struct priv *priv, const char *netns, struct err *err)
{
	CLEANUP(links_done) struct links ls = LINKS_INIT;
	CLEANUP(closep) int fd = -1;
	int r;

	r = netns_route_socket(priv, netns, &fd, err);
	if (r < 0)
		return r;
	r = rtnl_dump(fd, RTM_GETLINK, AF_UNSPEC, add_link, &ls, err);
	if (r < 0)
		return r;
	if (ls.n)
		qsort(ls.v, ls.n, sizeof(*ls.v), by_index);
	r = rtnl_dump(fd, RTM_GETADDR, AF_UNSPEC, add_addr, &ls, err);
	if (r < 0)
		return r;
	finish(&ls, fd);

	*ret = ls;
	ls = (struct links)LINKS_INIT;
	return 0;
}

void links_done(struct links *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i].addrs);
	free(l->v);
	*l = (struct links)LINKS_INIT;
}

int links_may_capture(struct priv *priv, const char *netns, struct err *err)
{
	CLEANUP(closep) int fd = -1;

	return netns_packet_socket(priv, netns, &fd, err);
}
