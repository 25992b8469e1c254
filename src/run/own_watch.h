/* Connections that the program has by way of others: whoever reads its standard output
 * from a pipe and sends it on ("| ssh host cat") causes packets by each packet.
 *
 * Its process, and those that read what it writes, are found in /proc by the opener,
 * since they may be of another user; the addresses of their sockets come from the
 * kernel (sock_diag(7)), of our own network namespace.  They may connect later, and
 * anew: who captures looks again from time to time. */
#pragma once

#include <stdbool.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "run/own.h"

struct own_watch;
struct priv;

/* Gets ready, before priv_drop(), to look for the readers of 'fd'.  '*ret' is NULL where it
 * is neither a pipe nor a local socket.  'priv' must outlive it; 'fd' stays the caller's. */
int own_watch_new(struct own_watch **ret, struct priv *priv, int fd, struct err *err);
void own_watch_free(struct own_watch *w); /* NULL is fine */
DEFINE_FREEP(struct own_watch, own_watch_free);

/* Adds what is new to 'o'.  True: something was.  Takes some milliseconds, on hosts with
 * very many processes or connections up to a second.  NULL is fine. */
bool own_watch_look(struct own_watch *w, struct own *o);
