/* The program's own traffic: packets of its own connections, which a capture
 * counts but does not keep, or it would feed on itself.
 *
 * Known are sockets of this process (standard output that is one), the ssh session
 * that it runs in, and the connections of whoever reads its output from a pipe
 * (run/own_watch.h).  Packets match in both directions, in tunnels too, and so do ICMP
 * errors that quote such a packet. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "net/dec.h"

#define OWN_MAX 64

/* One connection; which end is which does not matter. */
struct own_conn {
	struct addr addr[2]; /* IPv4 in IPv6 is made IPv4 */
	uint16_t port[2];
	uint8_t proto;
};

struct own {
	struct own_conn conn[OWN_MAX];
	size_t n;    /* 0: nothing is */
	size_t next; /* that gives way when all places are taken */
};

/* Adds a connection; the one added first gives way where there is no room.  False: it is
 * there already. */
bool own_add(struct own *o, const struct own_conn *c);

/* Adds the connection of a socket.  False: it is none, or not connected. */
bool own_add_socket(struct own *o, int fd);

/* Adds the TCP connection that sshd describes in $SSH_CONNECTION: client address and
 * port, server address and port, with spaces between.  False: 'text' is NULL or not
 * of that form. */
bool own_add_ssh(struct own *o, const char *text);

/* The same for each $SSH_CONNECTION of this process and of those that started it, as far
 * as they may be looked at: sudo takes it out of the environment.  Before priv_drop(). */
void own_find_ssh(struct own *o);

/* Whether a packet belongs to one of them; 'd' has its 'n' levels. */
bool own_match(const struct own *o, const struct dec *d, size_t n);
