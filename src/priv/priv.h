/* What needs privilege, done by another process.
 *
 * trawl itself never holds a capability while it parses.  A second program,
 * trawl-opener, holds those there are, parses nothing, and answers a closed list
 * of requests (priv/order.h) on a socket pair: open a packet socket, load this
 * socket filter, create a file in a folder that was granted.  Descriptors come
 * back over the socket.  The life of a process that captures:
 *
 *	priv_new()        starts the opener and settles who we shall be
 *	priv_missing()    says what cannot be done here, and how to change that
 *	priv_dir_grant()  every output folder
 *	priv_drop()       from here no capability, no new file, seccomp
 *	priv_packet_socket(), priv_create() ...  still work, by request
 *	priv_free()       the opener ends; so it does when we die
 *
 * Who we shall be: under sudo the caller (SUDO_UID, SUDO_GID); as root the user
 * 'trawl', else 'nobody'; else ourselves.  Files and folders made through the
 * opener belong to that user.
 *
 * Where there is no opener to be had, or one without capabilities, priv_new()
 * succeeds all the same: what needs no privilege works, the rest is -EPERM with
 * a sentence that names what is missing and the command that grants it.
 *
 * Any thread may call, one is served after another; each call blocks until the
 * opener has answered, which takes as long as the system call it makes.  All
 * return 0 or -errno with 'err' set and '*ret' untouched; -EPIPE: the opener has
 * died, and nothing will work any more.  Descriptors are the caller's, with
 * close-on-exec. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"

struct bpf_insn;
struct priv;

/* What can be asked for; each needs capabilities of its own, see docs/privileges.md. */
enum priv_feature {
	PRIV_PACKET = 1 << 0,  /* packet sockets */
	PRIV_ROUTE = 1 << 1,   /* route sockets */
	PRIV_NETNS = 1 << 2,   /* both of them in named network namespaces */
	PRIV_BPF = 1 << 3,     /* socket filters in eBPF */
	PRIV_MARK = 1 << 4,    /* marks on sockets */
	PRIV_GRANT = 1 << 5,   /* output folders, until priv_drop() */
	PRIV_FILES = 1 << 6,   /* files in them */
	PRIV_READERS = 1 << 7, /* who reads a pipe */
	PRIV_ALL = (1 << 8) - 1,
};

/* What the process may still do after priv_drop(); see docs/privileges.md. */
enum priv_profile {
	PRIV_PROFILE_NONE,    /* no seccomp: only user, capabilities, no_new_privs, not dumpable */
	PRIV_PROFILE_CAPTURE, /* works on descriptors it has; opens, connects and starts nothing */
	PRIV_PROFILE_READER,  /* as CAPTURE, and opens files and folders for reading */
};

/* Starts trawl-opener: the one beside our own executable, else ../libexec/ from
 * there, else that of the installation.  Before any thread is started and
 * before the folder is changed: relative paths are the opener's too. */
int priv_new(struct priv **ret, struct err *err);

/* The same with the opener at 'path', which tests need. */
int priv_new_at(struct priv **ret, const char *path, struct err *err);

/* Ends the opener and waits for it.  NULL is fine. */
void priv_free(struct priv *p);
DEFINE_FREEP(struct priv, priv_free);

/* The user we shall be after priv_drop(), to whom files belong. */
struct priv_user {
	uid_t uid;
	gid_t gid;
	char name[64]; /* "#1000" where it has none */
};
const struct priv_user *priv_user(const struct priv *p);

/* 0 if all of 'features' (enum priv_feature) can be asked for, else -EPERM and
 * 'err' says what is missing and what grants it: "capturing needs CAP_NET_RAW:
 * run it with sudo, or ...".  Asks nobody: what the opener said when it started. */
int priv_missing(struct priv *p, unsigned features, struct err *err);

/* Nobody will ask for 'features' any more: the opener refuses them and gives up
 * for good the capabilities that nothing else needs. */
int priv_forgo(struct priv *p, unsigned features, struct err *err);

/* AF_PACKET, SOCK_RAW, protocol 0 (receives nothing until bound), non-blocking.
 * 'netns': a name in /run/netns, as "ip netns" shows it; NULL: our own. */
int priv_packet_socket(struct priv *p, const char *netns, int *ret_fd, struct err *err);

/* NETLINK_ROUTE, blocking, not bound.  It serves reading only, and also SIOCETHTOOL
 * and the SIOCGIF* ioctls, in that namespace. */
int priv_route_socket(struct priv *p, const char *netns, int *ret_fd, struct err *err);

/* Appends the names in /run/netns to 'ret', each with a final NUL, sorted; at
 * most PRIV_NETNS_MAX.  Returns their number; 0 without such a folder. */
#define PRIV_NETNS_MAX 1024
int priv_netns_list(struct priv *p, struct buf *ret, struct err *err);

/* Loads a BPF_PROG_TYPE_SOCKET_FILTER with an array map of one element, which is
 * PRIV_BPF_COUNTERS uint64_t; the caller maps it (BPF_F_MMAPABLE, MAP_SHARED) at
 * offset 0.  In 'insns' a BPF_LD | BPF_IMM | BPF_DW with src_reg
 * BPF_PSEUDO_MAP_VALUE (the element; the next imm is the offset in it) or
 * BPF_PSEUDO_MAP_FD has imm 0, and the opener puts the map there; only the helpers
 * map_lookup_elem, skb_load_bytes and skb_load_bytes_relative may be called.
 * At most PRIV_BPF_INSNS_MAX (-E2BIG); the verifier's words are in 'err' where it
 * refuses. */
#define PRIV_BPF_COUNTERS  16
#define PRIV_BPF_INSNS_MAX 65536
int priv_bpf_filter(struct priv *p, const struct bpf_insn *insns, size_t n, int *ret_prog_fd,
		    int *ret_map_fd, struct err *err);

/* SO_MARK of a socket of ours. */
int priv_mark(struct priv *p, int fd, uint32_t mark, struct err *err);

/* Finds the sockets of the processes that read what is written to 'fd', and writes at
 * most 'max' of their inode numbers to 'ret'.  'fd' is a pipe, or a local socket whose
 * other end has the inode 'peer' (else 0).  Where such a process writes to a pipe itself
 * (descriptor 1: "... | gzip | ssh host cat"), those who read that are meant as well.
 * Processes of other users are seen under root and sudo only.  Returns the number found:
 * 0 where there is none, or none that may be seen. */
#define PRIV_SOCKETS_MAX 40
int priv_readers(struct priv *p, int fd, uint32_t peer, uint32_t *ret, size_t max, struct err *err);

/* Makes 'path' a folder in which files can be made, and returns its number (>= 0)
 * by 'ret_dir'.  With 'make' it is created, with mode 0700, if only its last part is
 * missing; without, it must be there (-ENOENT).
 * Under root and sudo it may be where only root may go; where the user may not
 * write, only files that belong to him, or are new, are touched.  Not after
 * priv_drop().  At most PRIV_DIRS_MAX folders at a time. */
#define PRIV_DIRS_MAX 2048
int priv_dir_grant(struct priv *p, const char *path, bool make, int *ret_dir, struct err *err);

/* A folder inside: created if it is missing ('mode' says how), and granted. */
int priv_mkdir(struct priv *p, int dir, const char *name, mode_t mode, int *ret_dir,
	       struct err *err);

/* The folder itself, for fsync, flock and reading its entries; nothing can be
 * opened through it under seccomp. */
int priv_dir_fd(struct priv *p, int dir, int *ret_fd, struct err *err);

/* The number may be given again; files that are open stay so. */
int priv_dir_close(struct priv *p, int dir, struct err *err);

/* Opens or creates a regular file: 'name' is plain ('/', "." and ".." are
 * -EINVAL), no symbolic link is followed (-ELOOP).  'flags' as open(), of them
 * O_RDONLY, O_WRONLY, O_RDWR, O_CREAT, O_EXCL, O_TRUNC, O_APPEND, O_DIRECT,
 * O_DSYNC, O_SYNC (O_CLOEXEC and O_NOFOLLOW go without saying); 'mode' at most 0777, less our
 * umask. */
int priv_create(struct priv *p, int dir, const char *name, int flags, mode_t mode, int *ret_fd,
		struct err *err);

/* Within a folder; a file 'to' is replaced. */
int priv_rename(struct priv *p, int dir, const char *from, const char *to, struct err *err);
int priv_unlink(struct priv *p, int dir, const char *name, struct err *err);
int priv_rmdir(struct priv *p, int dir, const char *name, struct err *err); /* an empty one */

/* This process becomes priv_user(), for good: no capability in any set, no
 * groups but its own (under root), no_new_privs, not dumpable, then the seccomp
 * profile.  Capabilities of the bounding set need CAP_SETPCAP to go: where they
 * stay, no_new_privs makes them worthless.  Only while there is one thread
 * (-EBUSY); threads started later inherit everything.  Time zone and locale are
 * to be loaded before (this does tzset()).  On failure nothing may go on: part
 * of it may have been done. */
int priv_drop(struct priv *p, enum priv_profile profile, struct err *err);
