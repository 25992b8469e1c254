#include "capture/live_sock.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <arpa/inet.h>

#include "base/cleanup.h"
#include "capture/live.h"
#include "capture/netns.h"

#define FRAME_STEP 2048 /* only has to divide the block size; V3 does not use it */

/* What the kernel puts into a block besides a frame: its header, that of the record, and
 * what PACKET_RESERVE and alignment take; rather more than less. */
#define BLOCK_EXTRA 512

/* Younger than the headers of Debian 12. */
#define FANOUT_IGNORE_OUTGOING 0x4000

struct live_size live_size(uint64_t bytes, uint32_t frame_max)
{
	struct live_size s = {.block_size = LIVE_BLOCK_MIN};
	uint64_t n;

	while (s.block_size < LIVE_BLOCK_MAX && s.block_size * UINT64_C(16) <= bytes)
		s.block_size *= 2;
	while (s.block_size < (uint64_t)frame_max + BLOCK_EXTRA && s.block_size < UINT32_C(1) << 30)
		s.block_size *= 2;
	n = bytes / s.block_size;
	s.n_blocks = n < 2 ? 2 : n > INT32_MAX / FRAME_STEP ? INT32_MAX / FRAME_STEP : (uint32_t)n;
	return s;
}

void live_sock_free(struct live_sock *s)
{
	if (!s)
		return;
	if (s->map)
		munmap(s->map, live_size_bytes(s->size));
	if (s->fd >= 0)
		close(s->fd);
	ring_done(&s->ring);
	free(s);
}

static int opt(int fd, int name, const void *p, size_t size)
{
	return setsockopt(fd, SOL_PACKET, name, p, (socklen_t)size) < 0 ? -errno : 0;
}

static int opt_int(int fd, int name, int v)
{
	return opt(fd, name, &v, sizeof(v));
}

static int make_ring(struct live_sock *s, struct ring_look *look, struct err *err)
{
	struct tpacket_req3 req = {
		.tp_block_size = s->size.block_size,
		.tp_block_nr = s->size.n_blocks,
		.tp_frame_size = FRAME_STEP,
		.tp_frame_nr = s->size.block_size / FRAME_STEP * s->size.n_blocks,
		.tp_retire_blk_tov = LIVE_BLOCK_MS,
	};
	size_t bytes = live_size_bytes(s->size);
	void *map;
	int r;

	r = opt_int(s->fd, PACKET_VERSION, TPACKET_V3);
	if (r == 0)
		r = opt_int(s->fd, PACKET_RESERVE, RING_RESERVE);
	if (r < 0)
		return err_set(err, r, "the kernel has no packet rings (TPACKET_V3): %s",
			       strerror(-r));
	look->vnet = opt_int(s->fd, PACKET_VNET_HDR, 1) == 0;
	/* Older kernels do not know it; then ring_take() leaves them out. */
	if (look->no_out)
		look->no_out = opt_int(s->fd, PACKET_IGNORE_OUTGOING, 1) < 0;
	r = opt(s->fd, PACKET_RX_RING, &req, sizeof(req));
	if (r < 0)
		return err_set(err, r, "no memory for a ring of %zu bytes: %s", bytes,
			       strerror(-r));
	map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, s->fd, 0);
	if (map == MAP_FAILED)
		return err_set(err, -errno, "cannot map a ring of %zu bytes: %s", bytes,
			       strerror(errno));
	s->map = map;
	r = ring_init(&s->ring, s->map, s->size.block_size, s->size.n_blocks, look);
	return r < 0 ? err_set(err, r, "out of memory") : 0;
}

static int bind_to(struct live_sock *s, int ifindex, bool promisc, struct err *err)
{
	struct sockaddr_ll sa = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = ifindex,
	};
	struct packet_mreq m = {.mr_ifindex = ifindex, .mr_type = PACKET_MR_PROMISC};
	int r, e;
	socklen_t size = sizeof(e);

	r = promisc ? opt(s->fd, PACKET_ADD_MEMBERSHIP, &m, sizeof(m)) : 0;
	if (r < 0)
		return err_set(err, r, "cannot set promiscuous mode: %s", strerror(-r));
	if (bind(s->fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		return err_set(err, -errno, "cannot capture: %s", strerror(errno));
	/* ENETDOWN of an interface that is down: it may come up. */
	getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &e, &size);
	return 0;
}

int live_sock_new(struct live_sock **ret, struct priv *priv, const char *netns, int ifindex,
		  bool promisc, struct live_size size, const struct ring_look *look,
		  struct err *err)
{
	CLEANUP(live_sock_freep) struct live_sock *s = calloc(1, sizeof(*s));
	struct ring_look k = *look;
	int r;

	if (!s)
		return err_set(err, -ENOMEM, "out of memory");
	s->fd = -1;
	s->size = size;
	r = netns_packet_socket(priv, netns, &s->fd, err);
	if (r < 0)
		return r;
	/* Before it is bound, so that nothing foreign gets in. */
	r = live_sock_disarm(s);
	if (r < 0)
		return err_set(err, r, "cannot attach a filter: %s", strerror(-r));
	r = make_ring(s, &k, err);
	if (r == 0)
		r = bind_to(s, ifindex, promisc, err);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(s);
	return 0;
}

bool live_sock_ignores_out(const struct live_sock *s)
{
	int v = 0;
	socklen_t size = sizeof(v);

	return getsockopt(s->fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &v, &size) == 0 && v;
}

int live_sock_join(struct live_sock *s, const struct live_sock *first)
{
	int flags = PACKET_FANOUT_CBPF, v = 0, r;
	socklen_t size = sizeof(v);

	if (live_sock_ignores_out(s))
		flags |= FANOUT_IGNORE_OUTGOING;
	if (first) {
		if (!first->fanout)
			return -EINVAL;
		if (getsockopt(first->fd, SOL_PACKET, PACKET_FANOUT, &v, &size) < 0)
			return -errno;
		v &= 0xffff; /* the group's number; above it type and flags */
	} else {
		flags |= PACKET_FANOUT_FLAG_UNIQUEID;
	}
	r = opt_int(s->fd, PACKET_FANOUT, v | flags << 16);
	if (r < 0)
		return r;
	s->fanout = true;
	return 0;
}

static int set_program(struct live_sock *s, const struct sock_filter *p, size_t n)
{
	struct sock_fprog prog = {.len = (unsigned short)n, .filter = (struct sock_filter *)p};

	return opt(s->fd, PACKET_FANOUT_DATA, &prog, sizeof(prog));
}

/* clang-format off */
#define JEQ(k, t, f) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (k), (t), (f))
#define JA(n)        BPF_JUMP(BPF_JMP | BPF_JA, (n), 0, 0)
#define NETH(off)    BPF_STMT(BPF_LD | BPF_H | BPF_ABS, (uint32_t)(SKF_NET_OFF + (off)))
#define NETW_X(off)  BPF_STMT(BPF_LD | BPF_W | BPF_IND, (uint32_t)(SKF_NET_OFF + (off)))
#define SET_X(k)     BPF_STMT(BPF_LDX | BPF_IMM, (k))
#define KEEP_X(i)    BPF_STMT(BPF_STX, (i))
#define KEEP_A(i)    BPF_STMT(BPF_ST, (i))
#define BACK_X(i)    BPF_STMT(BPF_LDX | BPF_MEM, (i))
#define ADD_X        BPF_STMT(BPF_ALU | BPF_ADD | BPF_X, 0)

/* A sum over both outer addresses, as flow_shard(): it does not care which end is which.  What
 * has no addresses goes to the first thread, as does what is cut short: a load that fails
 * returns 0.  X is how many bytes of inner tags stand before the packet, M[1] remembers it. */
static const struct sock_filter share_program[] = {
	/*  0 */ BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_PROTOCOL)),
	/*  1 */ SET_X(0),
	/*  2 */ JEQ(ETH_P_8021Q, 1, 0),
	/*  3 */ JEQ(ETH_P_8021AD, 0, 6),
	/*  4 */ NETH(2),
	/*  5 */ SET_X(4),
	/*  6 */ JEQ(ETH_P_8021Q, 1, 0),
	/*  7 */ JEQ(ETH_P_8021AD, 0, 2),
	/*  8 */ NETH(6),
	/*  9 */ SET_X(8),
	/* 10 */ KEEP_X(1),
	/* 11 */ JEQ(ETH_P_IP, 4, 0),
	/* 12 */ JEQ(ETH_P_IPV6, 7, 0),
	/* 13 */ JEQ(ETH_P_ARP, 20, 0),
	/* 14 */ BPF_STMT(BPF_LD | BPF_IMM, 0),
	/* 15 */ JA(26),
	/* 16: RFC 791 3.1 */
	NETW_X(12), KEEP_A(0), NETW_X(16), JA(17),
	/* 20: RFC 8200 3; the halves of addresses that differ most */
	NETW_X(12), KEEP_A(0),
	NETW_X(20), BACK_X(0), ADD_X, KEEP_A(0), BACK_X(1),
	NETW_X(28), BACK_X(0), ADD_X, KEEP_A(0), BACK_X(1),
	NETW_X(36), JA(3),
	/* 34: RFC 826, protocol addresses of sender and target */
	NETW_X(14), KEEP_A(0), NETW_X(24),
	/* 37 */
	BACK_X(0), ADD_X,
	BPF_STMT(BPF_ALU | BPF_MUL | BPF_K, 0x9e3779b1),
	BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 16),
	/* 41, filled in below: the thread, and its place */
	BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, 1),
	/* 42 */ JEQ(0, 0, 1),
	/* 43 */ BPF_STMT(BPF_RET | BPF_K, 0),
	/* 44 */ BPF_STMT(BPF_RET | BPF_A, 0),
};
#define SHARE_N      (sizeof(share_program) / sizeof(share_program[0]))
#define SHARE_MOD    41
#define SHARE_MOVED  42
#define SHARE_PLACE  43
/* clang-format on */

/* The kernel takes what a program returns modulo the number of members, n before a socket joins
 * and after one left, n + 1 between.  When a member leaves, the last one takes its place: so the
 * new socket of thread t has place n while it is one of n + 1, and place t of n afterwards, with
 * no moment between for another program.  The number that is n modulo n + 1 and t modulo n is
 * n + t * (n + 1); that of the others is their place in both. */
int live_sock_share(struct live_sock *s, uint32_t n, uint32_t moved)
{
	const uint32_t place = n + moved * (n + 1);
	const struct sock_filter one[] = {BPF_STMT(BPF_RET | BPF_K, moved < n ? place : 0)};
	struct sock_filter p[SHARE_N];

	if (n == 1)
		return set_program(s, one, 1);
	memcpy(p, share_program, sizeof(p));
	p[SHARE_MOD].k = n;
	p[SHARE_MOVED].k = moved;
	p[SHARE_PLACE].k = place;
	return set_program(s, p, SHARE_N);
}

int live_sock_arm(struct live_sock *s, int prog_fd, const void *classic, size_t n)
{
	struct sock_fprog prog = {.len = (unsigned short)n,
				  .filter = (struct sock_filter *)classic};
	int r;

	if (prog_fd >= 0)
		r = setsockopt(s->fd, SOL_SOCKET, SO_ATTACH_BPF, &prog_fd, sizeof(prog_fd));
	else if (n)
		r = setsockopt(s->fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog));
	else
		r = setsockopt(s->fd, SOL_SOCKET, SO_DETACH_FILTER, &prog_fd, sizeof(prog_fd));
	return r < 0 ? -errno : 0;
}

int live_sock_disarm(struct live_sock *s)
{
	static const struct sock_filter nothing[] = {BPF_STMT(BPF_RET | BPF_K, 0)};

	return live_sock_arm(s, -1, nothing, 1);
}

void live_sock_count(struct live_sock *s)
{
	struct tpacket_stats_v3 st;
	socklen_t size = sizeof(st);

	/* Reading resets them. */
	if (getsockopt(s->fd, SOL_PACKET, PACKET_STATISTICS, &st, &size) < 0)
		return;
	s->packets += st.tp_packets;
	s->drops += st.tp_drops;
	s->freezes += st.tp_freeze_q_cnt;
}
