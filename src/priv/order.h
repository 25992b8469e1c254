/* What trawl-opener can be asked, and how that stands in a message.
 *
 * Each request is one message of exactly struct order_wire, each answer one of
 * exactly struct answer_wire, on a SOCK_SEQPACKET pair; descriptors travel
 * beside them.  Both ends are of one version and one machine, so numbers are in
 * host byte order.  A request has one encoding only: what its kind does not use
 * is zero, and texts are padded with zeros.
 *
 * Pure: nothing here makes a system call. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define ORDER_MAGIC 0x54524f31u /* "TRO1"; another number is another version */

#define ORDER_PATH_SIZE 4096 /* with NUL, as PATH_MAX */
#define ORDER_NAME_SIZE 256  /* with NUL, as NAME_MAX + 1 */
#define ORDER_FDS_MAX   2    /* with a message, either way */
#define ORDER_TEXT_SIZE 512  /* of an answer, with NUL */

/* Numbers never change and are never used again. */
enum order_kind {
	ORDER_HELLO = 1,      /* arg: uid, gid that files shall have */
	ORDER_FORGO = 2,      /* arg: features */
	ORDER_SEAL = 3,       /* parsing begins: no more grants */
	ORDER_PACKET = 4,     /* text: namespace or "" */
	ORDER_ROUTE = 5,      /* text: namespace or "" */
	ORDER_NETNS = 6,      /* the folder of the names */
	ORDER_BPF = 7,        /* arg: instructions; fd: a file that holds them */
	ORDER_MARK = 8,       /* arg: mark; fd: the socket */
	ORDER_GRANT = 9,      /* arg: make it; text: path */
	ORDER_MKDIR = 10,     /* arg: folder, mode; text: name */
	ORDER_DIR_FD = 11,    /* arg: folder */
	ORDER_DIR_CLOSE = 12, /* arg: folder */
	ORDER_CREATE = 13,    /* arg: folder, flags, mode; text: name */
	ORDER_RENAME = 14,    /* arg: folder; text: from; name: to */
	ORDER_UNLINK = 15,    /* arg: folder; text: name */
	ORDER_RMDIR = 16,     /* arg: folder; text: name */
	ORDER_READERS = 17,   /* arg: inode of a socket, or 0; fd: a pipe or socket */
	ORDER_KINDS = 18,
};

struct order_wire {
	uint32_t magic;
	uint32_t kind;
	uint32_t arg[3];
	char text[ORDER_PATH_SIZE];
	char name[ORDER_NAME_SIZE];
};

struct answer_wire {
	uint32_t magic;
	uint32_t kind;              /* that of the request; 0 where it could not be read */
	int32_t code;               /* 0 or negative errno */
	uint32_t value[2];          /* HELLO: capabilities, low and high; GRANT, MKDIR: folder */
	char text[ORDER_TEXT_SIZE]; /* why 'code' is not 0; READERS: inodes, spaces between */
};

/* What may stand in a text. */
enum order_text {
	TEXT_NONE,
	TEXT_NAME,     /* plain: not empty, ".", "..", no '/' */
	TEXT_NAME_OPT, /* the same or "" */
	TEXT_PATH,     /* not empty */
};

/* One row per kind: all that is checked before anything is done. */
struct order_rule {
	const char *name;
	unsigned features;      /* enum priv_feature: refused once one of them is forgone */
	uint8_t args;           /* used; the others are 0 */
	uint8_t fds;            /* that come with it */
	uint8_t ret_fds;        /* that go back with the answer, where it is done */
	enum order_text text;   /* of order_wire.text */
	enum order_text second; /* of order_wire.name */
	bool before_seal;       /* refused after ORDER_SEAL */
};

/* NULL: no such kind. */
const struct order_rule *order_rule(uint32_t kind);

/* Writes a request.  -ENAMETOOLONG or -EINVAL where its texts break the rules. */
int order_encode(struct order_wire *ret, uint32_t kind, const uint32_t arg[3], const char *text,
		 const char *name, struct err *err);

/* What the opener has been told so far, which decides what it may be asked. */
struct gate {
	bool greeted;      /* ORDER_HELLO is done: it is first, and once */
	bool sealed;       /* ORDER_SEAL is done */
	unsigned features; /* enum priv_feature, not forgone */
};

/* Checks a message of 'size' bytes that came with 'n_fds' descriptors: length,
 * version, kind, encoding, then whether it may be asked now.  '*ret' is a copy
 * that the caller acts on.  -EBADMSG: not a request; -EPROTONOSUPPORT: another
 * version; -ENOSYS: unknown kind; -EINVAL: against the rules; -EPERM: not now. */
int gate_pass(const struct gate *g, const void *msg, size_t size, size_t n_fds,
	      struct order_wire *ret, struct err *err);

/* Checks the answer to 'kind'.  0: read it; -EBADMSG or -EPROTONOSUPPORT. */
int answer_decode(const void *msg, size_t size, size_t n_fds, uint32_t kind,
		  struct answer_wire *ret, struct err *err);
