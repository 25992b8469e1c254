#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capture/live_impl.h"
#include "capture/rtnl.h"

void live_wire_add(struct link_stats *a, const struct link_stats *b, int sign)
{
	uint64_t s = sign < 0 ? UINT64_MAX : 1; /* differences may pass through 0 */

	a->rx_packets += s * b->rx_packets;
	a->tx_packets += s * b->tx_packets;
	a->rx_bytes += s * b->rx_bytes;
	a->tx_bytes += s * b->tx_bytes;
	a->rx_errors += s * b->rx_errors;
	a->tx_errors += s * b->tx_errors;
	a->rx_dropped += s * b->rx_dropped;
	a->tx_dropped += s * b->tx_dropped;
	a->rx_missed += s * b->rx_missed;
	a->rx_fifo += s * b->rx_fifo;
	a->rx_nohandler += s * b->rx_nohandler;
}

static uint64_t more(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* A veth has lost its other end by then, and with it half of its counters: none is less than it
 * was when last read. */
void live_wire_end(struct live_if *f, const struct link_stats *s)
{
	const struct link_stats *l = &f->wire_last;
	const struct link_stats end = {
		.rx_packets = more(s->rx_packets, l->rx_packets),
		.tx_packets = more(s->tx_packets, l->tx_packets),
		.rx_bytes = more(s->rx_bytes, l->rx_bytes),
		.tx_bytes = more(s->tx_bytes, l->tx_bytes),
		.rx_errors = more(s->rx_errors, l->rx_errors),
		.tx_errors = more(s->tx_errors, l->tx_errors),
		.rx_dropped = more(s->rx_dropped, l->rx_dropped),
		.tx_dropped = more(s->tx_dropped, l->tx_dropped),
		.rx_missed = more(s->rx_missed, l->rx_missed),
		.rx_fifo = more(s->rx_fifo, l->rx_fifo),
		.rx_nohandler = more(s->rx_nohandler, l->rx_nohandler),
	};

	live_wire_add(&f->wire_base, &end, -1);
}

static void add_ring(struct live_past *to, struct live_sock *s, struct live_ledger *ret)
{
	const struct ring_count *c;

	if (!s)
		return;
	live_sock_count(s);
	c = &s->ring.count;
	to->count.given += c->given;
	to->count.filtered += c->filtered;
	to->count.other += c->other;
	to->count.cut += c->cut;
	to->count.broken += c->broken;
	to->packets += s->packets;
	to->drops += s->drops;
	to->freezes += s->freezes;
	ret->waiting += live_sock_waiting(s);
	ret->ring_bytes += live_size_bytes(s->size);
	ret->ring_used += (uint64_t)ring_fill(&s->ring) * s->size.block_size;
}

/* 'wire_base' has the counters at the start of each device of the name, less those at the
 * end of devices that are gone. */
static void add_wire(struct live_if *f, struct live_ledger *ret)
{
	struct link_stats now = {0};
	struct err err;
	struct link k;

	if (!f->wire_known)
		return;
	if (f->ifindex) {
		if (rtnl_link_get(f->ns->query, f->ifindex, &k, &err) < 0)
			return;
		now = f->wire_last = k.stats;
	}
	live_wire_add(&now, &f->wire_base, -1);
	ret->wire_known = true;
	ret->rx_packets = now.rx_packets;
	ret->tx_packets = now.tx_packets;
	ret->rx_bytes = now.rx_bytes;
	ret->tx_bytes = now.tx_bytes;
	ret->rx_missed = now.rx_missed;
	ret->rx_fifo = now.rx_fifo;
	ret->rx_dropped = now.rx_dropped;
	ret->rx_errors = now.rx_errors;
}

int live_ledger(struct src *s, size_t iface, struct live_ledger *ret)
{
	struct live *l = (struct live *)s;
	struct live_ledger g = {0};
	struct live_past sum;
	struct live_if *f;

	if (s->meta.format != SRC_LIVE || iface >= l->n_ifs)
		return -EINVAL;
	f = l->ifs[iface];
	sum = f->past;
	add_ring(&sum, f->old, &g);
	add_ring(&sum, f->sock, &g);
	g.state = f->state;
	g.seen_known = f->exact;
	g.given = sum.count.given;
	g.own = sum.own + live_prog_own(&f->prog);
	g.filtered = sum.count.filtered + sum.rejected + live_prog_rejected(&f->prog);
	g.dropped = sum.drops + sum.count.broken;
	g.seen = g.given + g.own + g.filtered + g.dropped + g.waiting;
	g.cut = sum.count.cut;
	g.freezes = sum.freezes;
	g.grown = f->grown;
	if (l->number == 0) {
		add_wire(f, &g);
		g.away = f->away;
	}
	*ret = g;
	return 0;
}

/* /proc/net/softnet_stat: a line per CPU, of hexadecimal numbers; the second one counts what
 * did not fit into the backlog. */
static int softnet(int fd, uint64_t *ret)
{
	char buf[65536];
	ssize_t n = pread(fd, buf, sizeof(buf) - 1, 0);
	uint64_t sum = 0;

	if (n < 0)
		return -errno;
	buf[n] = '\0';
	for (char *line = buf; line && *line; line = strchr(line, '\n')) {
		char *at = line + (*line == '\n'), *end;

		if (!*at)
			break;
		strtoul(at, &end, 16);
		sum += strtoul(end, &end, 16);
		line = end;
	}
	*ret = sum;
	return 0;
}

int live_softnet_open(struct live *l)
{
	int r;

	l->softnet = open("/proc/net/softnet_stat", O_RDONLY | O_CLOEXEC);
	if (l->softnet < 0)
		return -errno;
	r = softnet(l->softnet, &l->softnet_base);
	if (r < 0) {
		close(l->softnet);
		l->softnet = -1;
	}
	return r;
}

int live_softnet(const struct src *s, uint64_t *ret_dropped)
{
	const struct live *l = (const struct live *)s;
	uint64_t now = 0;
	int r;

	if (s->meta.format != SRC_LIVE || l->softnet < 0)
		return -ENODATA;
	r = softnet(l->softnet, &now);
	if (r < 0)
		return r;
	*ret_dropped = now - l->softnet_base;
	return 0;
}

int live_where(const struct src *s, size_t iface, struct live_where *ret)
{
	const struct live *l = (const struct live *)s;

	if (s->meta.format != SRC_LIVE || iface >= l->n_ifs)
		return -EINVAL;
	*ret = (struct live_where){
		.name = l->ifs[iface]->name,
		.netns = l->ifs[iface]->ns->name,
		.ifindex = l->ifs[iface]->ifindex,
	};
	return 0;
}
