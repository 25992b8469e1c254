/* Inside trawl-opener: what its parts share.  One thread, one peer. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "priv/order.h"
#include "priv/priv.h"

/* A granted folder. */
struct opener_dir {
	int fd;        /* O_PATH; -1: free */
	bool override; /* the user may not write here: with CAP_DAC_OVERRIDE, by its rules */
};

struct opener {
	int sock;      /* the peer */
	pid_t client;  /* its process */
	int own_netns; /* to return to; -1: unknown, so none is entered */
	struct gate gate;
	uint64_t caps; /* permitted; none is effective outside of the call that needs it */
	uid_t uid;     /* that files have, and ours since ORDER_HELLO */
	struct opener_dir dirs[PRIV_DIRS_MAX];
};

/* What goes back; descriptors are closed once sent. */
struct outcome {
	uint32_t value[2];
	char text[ORDER_TEXT_SIZE]; /* "" or what the answer has as text */
	int fds[ORDER_FDS_MAX];
	size_t n_fds;
};

/* Does what was asked.  'fds' came with it and stay the caller's.  0 or -errno with
 * 'err' set; then nothing is in 'ret'. */
typedef int opener_do(struct opener *o, const struct order_wire *w, const int *fds,
		      struct outcome *ret, struct err *err);

opener_do opener_hello, opener_forgo, opener_seal;
opener_do opener_packet, opener_route, opener_netns, opener_mark;
opener_do opener_bpf, opener_readers;
opener_do opener_grant, opener_mkdir, opener_dir_fd, opener_dir_close;
opener_do opener_create, opener_rename, opener_unlink, opener_rmdir;

/* Gives up the capabilities that no feature still needs. */
int opener_limit(struct opener *o, struct err *err);

/* Effective until the end of the block:
 *	CLEANUP(opener_lower) struct opener *raised = opener_raise(o, PRIV_PACKET); */
struct opener *opener_raise(struct opener *o, unsigned features);
void opener_lower(struct opener **o);

/* A granted folder by its number, or NULL with 'err' set. */
struct opener_dir *opener_dir(struct opener *o, uint32_t number, struct err *err);

/* openat2() without leaving 'dir' and without following any link.  A descriptor or
 * -errno. */
int opener_openat(int dir, const char *name, int flags, mode_t mode);

/* Answers the peer until it is gone.  0, or -errno: the socket is none of ours. */
int opener_serve(int sock);
