#include "run/own_watch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "priv/priv.h"

#define PART_SIZE 32768 /* of a dump: the kernel makes none larger unasked */
#define WAIT_MS   1000  /* longest that it may take over one */

struct own_watch {
	struct priv *priv;
	int fd;        /* borrowed */
	uint32_t peer; /* inode of the other end of a local socket; 0: a pipe */
	int diag;      /* sock_diag socket, owned */
	uint32_t seq;
};

/* What sockets are looked for, and where they go. */
struct pick {
	uint32_t inodes[PRIV_SOCKETS_MAX];
	size_t n;
	uint8_t proto;
	struct own *own;
	bool added;
};

typedef void message_fn(const struct nlmsghdr *h, void *arg);

static int ask(struct own_watch *w, void *request, size_t size)
{
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	struct nlmsghdr *h = request;

	h->nlmsg_len = (uint32_t)size;
	h->nlmsg_type = SOCK_DIAG_BY_FAMILY;
	h->nlmsg_seq = ++w->seq;
	return sendto(w->diag, request, size, 0, (struct sockaddr *)&kernel, sizeof(kernel)) < 0
		       ? -errno
		       : 0;
}

/* The messages of a part.  1: there are more parts; 0 or -errno: it was the last. */
static int each(const struct own_watch *w, const uint8_t *p, size_t n, message_fn *fn, void *arg)
{
	bool more = true;

	while (n >= sizeof(struct nlmsghdr)) {
		const struct nlmsghdr *h = (const struct nlmsghdr *)p;
		size_t step = NLMSG_ALIGN((size_t)h->nlmsg_len);

		if (h->nlmsg_len < sizeof(*h) || h->nlmsg_len > n)
			return -EBADMSG;
		if (h->nlmsg_seq == w->seq) {
			if (h->nlmsg_type == NLMSG_DONE || h->nlmsg_type == NLMSG_ERROR)
				return 0;
			fn(h, arg);
			more = h->nlmsg_flags & NLM_F_MULTI;
		}
		p += step < n ? step : n;
		n -= step < n ? step : n;
	}
	return more;
}

static int answer(struct own_watch *w, message_fn *fn, void *arg)
{
	uint8_t part[PART_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct pollfd p = {.fd = w->diag, .events = POLLIN};
	ssize_t n;
	int r;

	do {
		if (poll(&p, 1, WAIT_MS) <= 0)
			return -ETIMEDOUT;
		n = recv(w->diag, part, sizeof(part), MSG_DONTWAIT);
		r = n < 0 ? -errno : each(w, part, (size_t)n, fn, arg);
	} while (r == 1 || r == -EAGAIN || r == -EINTR);
	return r;
}

static struct addr address(uint8_t family, const __be32 a[4])
{
	struct addr ret = {.family = family == AF_INET ? ADDR_IP4 : ADDR_IP6};

	memcpy(ret.b, a, family == AF_INET ? 4 : 16);
	return ret;
}

static void pick_one(const struct nlmsghdr *h, void *arg)
{
	const struct inet_diag_msg *m = NLMSG_DATA(h);
	struct pick *p = arg;
	struct own_conn c = {.proto = p->proto};
	size_t i;

	if (h->nlmsg_len < NLMSG_LENGTH(sizeof(*m)) ||
	    (m->idiag_family != AF_INET && m->idiag_family != AF_INET6) || !m->id.idiag_dport)
		return;
	for (i = 0; i < p->n && p->inodes[i] != m->idiag_inode; i++)
		;
	if (i == p->n)
		return;
	c.addr[0] = address(m->idiag_family, m->id.idiag_src);
	c.addr[1] = address(m->idiag_family, m->id.idiag_dst);
	c.port[0] = ntohs(m->id.idiag_sport);
	c.port[1] = ntohs(m->id.idiag_dport);
	p->added |= own_add(p->own, &c);
}

/* All sockets of a kind that are connected, of which ours are picked. */
static void pick_all(struct own_watch *w, uint8_t family, struct pick *p)
{
	struct {
		struct nlmsghdr h;
		struct inet_diag_req_v2 r;
	} request = {
		.h.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
		.r.sdiag_family = family,
		.r.sdiag_protocol = p->proto,
		/* <net/tcp_states.h>: neither those that listen (10) nor those without a
		 * process, TIME_WAIT (6); a UDP socket that is connected is 1. */
		.r.idiag_states = 0xfff & ~(1u << 10) & ~(1u << 6),
	};

	if (ask(w, &request, sizeof(request)) == 0)
		answer(w, pick_one, p);
}

bool own_watch_look(struct own_watch *w, struct own *o)
{
	static const uint8_t protos[] = {IPPROTO_TCP, IPPROTO_UDP};
	struct pick p = {.own = o};
	int n;

	if (!w)
		return false;
	n = priv_readers(w->priv, w->fd, w->peer, p.inodes, PRIV_SOCKETS_MAX, NULL);
	if (n <= 0)
		return false;
	p.n = (size_t)n;
	for (size_t i = 0; i < sizeof(protos); i++) {
		p.proto = protos[i];
		pick_all(w, AF_INET, &p);
		pick_all(w, AF_INET6, &p);
	}
	return p.added;
}

/* unix_diag: the attribute that names the other end. */
static void peer_one(const struct nlmsghdr *h, void *arg)
{
	const struct unix_diag_msg *m = NLMSG_DATA(h);
	const struct rtattr *a = (const void *)((const uint8_t *)m + NLMSG_ALIGN(sizeof(*m)));
	size_t left = h->nlmsg_len;
	uint32_t *peer = arg;

	if (left < NLMSG_LENGTH(sizeof(*m)))
		return;
	left -= NLMSG_LENGTH(sizeof(*m));
	for (; RTA_OK(a, left); a = RTA_NEXT(a, left))
		if (a->rta_type == UNIX_DIAG_PEER && RTA_PAYLOAD(a) == sizeof(*peer))
			memcpy(peer, RTA_DATA(a), sizeof(*peer));
}

static uint32_t peer_of(struct own_watch *w, ino_t inode)
{
	struct {
		struct nlmsghdr h;
		struct unix_diag_req r;
	} request = {
		.h.nlmsg_flags = NLM_F_REQUEST,
		.r.sdiag_family = AF_UNIX,
		.r.udiag_states = UINT32_MAX,
		.r.udiag_ino = (uint32_t)inode,
		.r.udiag_show = UDIAG_SHOW_PEER,
		.r.udiag_cookie = {INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE},
	};
	uint32_t peer = 0;

	if (ask(w, &request, sizeof(request)) == 0)
		answer(w, peer_one, &peer);
	return peer;
}

int own_watch_new(struct own_watch **ret, struct priv *priv, int fd, struct err *err)
{
	CLEANUP(own_watch_freep) struct own_watch *w = NULL;
	int domain = 0;
	socklen_t size = sizeof(domain);
	struct stat st;

	*ret = NULL;
	if (fstat(fd, &st) < 0 || (!S_ISFIFO(st.st_mode) && !S_ISSOCK(st.st_mode)))
		return 0;
	if (S_ISSOCK(st.st_mode) &&
	    (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) < 0 || domain != AF_UNIX))
		return 0;
	w = calloc(1, sizeof(*w));
	if (!w)
		return err_set(err, -ENOMEM, "out of memory");
	w->priv = priv;
	w->fd = fd;
	w->diag = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	/* A kernel without it: then nothing can be told, and nothing is. */
	if (w->diag < 0)
		return 0;
	if (S_ISSOCK(st.st_mode)) {
		w->peer = peer_of(w, st.st_ino);
		if (!w->peer)
			return 0;
	}
	*ret = TAKE_PTR(w);
	return 0;
}

void own_watch_free(struct own_watch *w)
{
	if (!w)
		return;
	closep(&w->diag);
	free(w);
}
