/* One packet socket with its ring: what a live source has of each interface. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "capture/ring.h"

struct priv;

/* Sizes of a ring. */
struct live_size {
	uint32_t block_size, n_blocks;
};

#define LIVE_BLOCK_MAX (UINT32_C(1) << 20) /* but where a frame may be larger */
#define LIVE_BLOCK_MIN (UINT32_C(16) << 10)

/* Blocks for 'bytes', at least two, each with room for a frame of 'frame_max'. */
struct live_size live_size(uint64_t bytes, uint32_t frame_max);
static inline uint64_t live_size_bytes(struct live_size s)
{
	return (uint64_t)s.block_size * s.n_blocks;
}

struct live_sock {
	int fd;
	uint8_t *map;
	struct live_size size;
	struct ring ring;
	uint64_t packets; /* that came to the ring so far, those dropped included */
	uint64_t drops, freezes;
	bool fanout;  /* is in a group */
	bool watched; /* its events are waited for */
};

/* Opens one that is bound to an interface and takes nothing yet.  'look' says what is to be done
 * with frames; its 'vnet' is set here. */
int live_sock_new(struct live_sock **ret, struct priv *priv, const char *netns, int ifindex,
		  bool promisc, struct live_size size, const struct ring_look *look,
		  struct err *err);
void live_sock_free(struct live_sock *s); /* NULL is fine */
static inline void live_sock_freep(struct live_sock **s)
{
	live_sock_free(*s);
}

/* Whether frames that the interface sends are kept away by the socket itself. */
bool live_sock_ignores_out(const struct live_sock *s);

/* Joins the group of 'first' at the next place, or founds one ('first' NULL).  Frames go to the
 * member that live_sock_share() says, place 0 without it.  -errno: it is in none. */
int live_sock_join(struct live_sock *s, const struct live_sock *first);

#define LIVE_SOCK_NONE UINT32_MAX

/* Shares frames out over 'n' threads: both directions of a flow and fragments go together.
 * Thread i reads the member of the group that has place i; but what is for 'moved'
 * (LIVE_SOCK_NONE: none) goes to one more that joined, until the member at that place leaves
 * and beyond.  The change loses no frame and doubles none.  's' is any member. */
int live_sock_share(struct live_sock *s, uint32_t n, uint32_t moved);

/* Lets in what the filter accepts: eBPF, classic (of 'n'), or all.  Atomic. */
int live_sock_arm(struct live_sock *s, int prog_fd, const void *classic, size_t n);

/* Lets nothing in any more. */
int live_sock_disarm(struct live_sock *s);

/* Takes the kernel's counters over. */
void live_sock_count(struct live_sock *s);

/* Frames in the ring that were not walked yet, as of the last live_sock_count(). */
static inline uint64_t live_sock_waiting(const struct live_sock *s)
{
	uint64_t came = s->packets - s->drops;

	return came > s->ring.count.walked ? came - s->ring.count.walked : 0;
}
