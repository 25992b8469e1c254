/* The program's own traffic: packets of its own connections, which a capture
 * counts but does not keep, or it would feed on itself.
 *
 * Known are sockets of this process (standard output that is one, a stream to
 * another host) and the ssh session that it runs in.  Packets match in both
 * directions, and so do ICMP errors that quote such a packet.  Packets sent by
 * marked sockets are told by the capture itself. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "net/dec.h"

#define OWN_MAX 16

struct own {
	struct {
		struct addr addr[2];
		uint16_t port[2];
		uint8_t proto;
	} conn[OWN_MAX];
	size_t n; /* 0: nothing is */
};

/* Adds the connection of a socket.  False: it is none, or not connected, or there is
 * no room. */
bool own_add_socket(struct own *o, int fd);

/* Adds the TCP connection that sshd describes in $SSH_CONNECTION: client address and
 * port, server address and port, with spaces between.  False: 'text' is NULL or not
 * of that form. */
bool own_add_ssh(struct own *o, const char *text);

/* Whether a packet belongs to one of them; 'd' is its outermost level. */
bool own_match(const struct own *o, const struct dec *d);
