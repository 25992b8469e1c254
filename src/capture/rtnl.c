#include "capture/rtnl.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "capture/links.h"

/* The kernel makes no larger parts of a dump. */
#define PART_SIZE 65536

/* Younger than the headers of Debian 12. */
#define ATTR_GRO_MAX_SIZE 58

int rtnl_listen(int fd, uint32_t groups, struct err *err)
{
	struct sockaddr_nl sa = {.nl_family = AF_NETLINK, .nl_groups = groups};
	int size = 4 << 20; /* a burst of some thousand interfaces */

	if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		return err_set(err, -errno, "cannot listen to interface events: %s",
			       strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)); /* as much as may be */
	return 0;
}

/* One part.  >0: its size, 0: nothing there yet, -errno. */
static ssize_t part(int fd, void *buf, size_t size)
{
	struct sockaddr_nl from;
	struct iovec iov = {.iov_base = buf, .iov_len = size};
	struct msghdr m = {
		.msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	do {
		n = recvmsg(fd, &m, MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	if (m.msg_flags & MSG_TRUNC)
		return -EMSGSIZE;
	/* From another process: nobody else has a say here. */
	return from.nl_pid ? -EPROTO : n;
}

/* Gives the messages of a part.  1: the last one of an answer, 0, or what 'fn' or the kernel
 * said. */
static int each(const uint8_t *p, size_t n, uint32_t seq, rtnl_fn fn, void *arg)
{
	while (n >= sizeof(struct nlmsghdr)) {
		const struct nlmsghdr *h = (const struct nlmsghdr *)p;
		size_t len = h->nlmsg_len, step = NLMSG_ALIGN(len);
		int r;

		if (len < sizeof(*h) || len > n)
			return -EBADMSG;
		if (h->nlmsg_seq == seq && h->nlmsg_type == NLMSG_DONE)
			return 1;
		if (h->nlmsg_seq == seq && h->nlmsg_type == NLMSG_ERROR) {
			const struct nlmsgerr *e = NLMSG_DATA(h);

			return len < NLMSG_LENGTH(sizeof(*e)) ? -EBADMSG : e->error ? e->error : 1;
		}
		if (h->nlmsg_seq == seq || !seq) {
			r = fn(arg, h);
			if (r)
				return r;
		}
		p += step < n ? step : n;
		n -= step < n ? step : n;
	}
	return 0;
}

static int ask(int fd, const void *req, size_t size, struct err *err)
{
	struct sockaddr_nl sa = {.nl_family = AF_NETLINK};

	if (sendto(fd, req, size, 0, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		return err_set(err, -errno, "cannot ask for interfaces: %s", strerror(errno));
	return 0;
}

static int answer(int fd, uint32_t seq, rtnl_fn fn, void *arg, struct err *err)
{
	uint8_t buf[PART_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));

	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		ssize_t n;
		int r;

		r = poll(&p, 1, RTNL_WAIT_MS);
		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return err_set(err, r ? -errno : -ETIMEDOUT,
				       "the kernel does not answer about interfaces");
		n = part(fd, buf, sizeof(buf));
		r = n < 0 ? (int)n : each(buf, (size_t)n, seq, fn, arg);
		if (r == 1)
			return 0;
		if (r < 0)
			return err_set(err, r, "asking for interfaces: %s", strerror(-r));
	}
}

int rtnl_dump(int fd, uint16_t type, uint8_t family, rtnl_fn fn, void *arg, struct err *err)
{
	struct {
		struct nlmsghdr h;
		struct ifinfomsg i; /* of RTM_GETADDR only the family, its first byte, counts */
	} req = {
		.h = {.nlmsg_len = sizeof(req),
		      .nlmsg_type = type,
		      .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
		      .nlmsg_seq = 1},
		.i = {.ifi_family = family},
	};
	int r = ask(fd, &req, sizeof(req), err);

	return r < 0 ? r : answer(fd, 1, fn, arg, err);
}

int rtnl_events(int fd, rtnl_fn fn, void *arg)
{
	uint8_t buf[PART_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));

	for (;;) {
		ssize_t n = part(fd, buf, sizeof(buf));
		int r;

		if (n <= 0)
			return (int)n;
		r = each(buf, (size_t)n, 0, fn, arg);
		if (r)
			return r;
	}
}

/* Takes the answer, and has then all it wants. */
static int take_one(void *arg, const struct nlmsghdr *h)
{
	return rtnl_link_parse(h, arg) == 0 ? 1 : 0;
}

int rtnl_link_get(int fd, int ifindex, struct link *ret, struct err *err)
{
	struct {
		struct nlmsghdr h;
		struct ifinfomsg i;
	} req = {
		.h = {.nlmsg_len = sizeof(req),
		      .nlmsg_type = RTM_GETLINK,
		      .nlmsg_flags = NLM_F_REQUEST,
		      .nlmsg_seq = 2},
		.i = {.ifi_index = ifindex},
	};
	int r = ask(fd, &req, sizeof(req), err);

	return r < 0 ? r : answer(fd, 2, take_one, ret, err);
}

const struct rtattr *rtnl_attr_next(const uint8_t **at, size_t *left)
{
	const struct rtattr *a = (const struct rtattr *)*at;
	size_t step;

	if (*left < sizeof(*a) || a->rta_len < sizeof(*a) || a->rta_len > *left)
		return NULL;
	step = RTA_ALIGN(a->rta_len);
	step = step < *left ? step : *left;
	*at += step;
	*left -= step;
	return a;
}

static uint32_t u32(const void *p, size_t size)
{
	uint32_t v = 0;

	memcpy(&v, p, size < sizeof(v) ? size : sizeof(v));
	return v;
}

static void text(char *to, size_t room, const void *p, size_t size)
{
	size_t n = strnlen(p, size);

	n = n < room - 1 ? n : room - 1;
	memcpy(to, p, n);
	to[n] = '\0';
}

/* IFLA_LINKINFO, IFLA_XDP: attributes inside one. */
static void inside(const void *p, size_t size, int outer, struct link *l)
{
	const uint8_t *at = p;
	const struct rtattr *a;

	while ((a = rtnl_attr_next(&at, &size))) {
		size_t n;
		const void *d = rtnl_attr_data(a, &n);

		if (outer == IFLA_LINKINFO && a->rta_type == IFLA_INFO_KIND)
			text(l->kind, sizeof(l->kind), d, n);
		if (outer == IFLA_XDP && a->rta_type == IFLA_XDP_ATTACHED)
			l->xdp = *(const uint8_t *)d != XDP_ATTACHED_NONE && n;
	}
}

static void stats(const void *p, size_t size, struct link_stats *s)
{
	struct rtnl_link_stats64 k = {0};

	memcpy(&k, p, size < sizeof(k) ? size : sizeof(k));
	*s = (struct link_stats){
		.rx_packets = k.rx_packets,
		.tx_packets = k.tx_packets,
		.rx_bytes = k.rx_bytes,
		.tx_bytes = k.tx_bytes,
		.rx_errors = k.rx_errors,
		.tx_errors = k.tx_errors,
		.rx_dropped = k.rx_dropped,
		.tx_dropped = k.tx_dropped,
		.rx_missed = k.rx_missed_errors,
		.rx_fifo = k.rx_fifo_errors,
		.rx_nohandler = k.rx_nohandler,
	};
}

static void attr(const struct rtattr *a, struct link *l)
{
	size_t n;
	const void *d = rtnl_attr_data(a, &n);

	switch (a->rta_type & NLA_TYPE_MASK) {
	case IFLA_IFNAME:
		text(l->name, sizeof(l->name), d, n);
		break;
	case IFLA_ADDRESS:
		l->hwaddr_len = (uint8_t)(n < sizeof(l->hwaddr) ? n : sizeof(l->hwaddr));
		memcpy(l->hwaddr, d, l->hwaddr_len);
		break;
	case IFLA_MTU:
		l->mtu = u32(d, n);
		break;
	case IFLA_GSO_MAX_SIZE:
		l->gso_max_size = u32(d, n);
		break;
	case ATTR_GRO_MAX_SIZE:
		l->gro_max_size = u32(d, n);
		break;
	case IFLA_OPERSTATE:
		l->operstate = (uint8_t)u32(d, n < 1 ? n : 1);
		break;
	case IFLA_PROMISCUITY:
		l->promisc = u32(d, n);
		break;
	case IFLA_MASTER:
		l->master = (int)u32(d, n);
		break;
	case IFLA_LINK:
		l->peer = (int)u32(d, n);
		break;
	case IFLA_LINK_NETNSID:
		l->peer_nsid = (int)u32(d, n);
		break;
	case IFLA_STATS64:
		stats(d, n, &l->stats);
		break;
	case IFLA_LINKINFO:
	case IFLA_XDP:
		inside(d, n, a->rta_type & NLA_TYPE_MASK, l);
		break;
	}
}

int rtnl_link_parse(const struct nlmsghdr *h, struct link *ret)
{
	const struct ifinfomsg *i = NLMSG_DATA(h);
	const struct rtattr *a;
	const uint8_t *at;
	size_t left;

	if (h->nlmsg_type != RTM_NEWLINK && h->nlmsg_type != RTM_DELLINK)
		return -EBADMSG;
	if (h->nlmsg_len < NLMSG_LENGTH(sizeof(*i)))
		return -EBADMSG;
	*ret = (struct link){
		.index = i->ifi_index,
		.hatype = i->ifi_type,
		.up = i->ifi_flags & IFF_UP,
		.running = i->ifi_flags & IFF_RUNNING,
		.loopback = i->ifi_flags & IFF_LOOPBACK,
		.peer_nsid = -1,
	};
	at = (const uint8_t *)h + NLMSG_SPACE(sizeof(*i));
	left = h->nlmsg_len > NLMSG_SPACE(sizeof(*i)) ? h->nlmsg_len - NLMSG_SPACE(sizeof(*i)) : 0;
	while ((a = rtnl_attr_next(&at, &left)))
		attr(a, ret);
	if (ret->peer == ret->index) /* of a device without one: itself */
		ret->peer = 0;
	ret->linktype = link_linktype(ret->hatype, &ret->cooked);
	return ret->name[0] && ret->index > 0 ? 0 : -EBADMSG;
}
