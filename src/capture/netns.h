/* Sockets in network namespaces, opened by 'priv' or, without it, by this process. */
#pragma once

#include "base/err.h"

struct priv;

/* AF_PACKET, SOCK_RAW, protocol 0, non-blocking.  'netns': as "ip netns" shows it; NULL or "":
 * our own.  0 or -errno with 'err' set. */
int netns_packet_socket(struct priv *priv, const char *netns, int *ret_fd, struct err *err);

/* NETLINK_ROUTE, not bound; serves ethtool and SIOCGIF* requests too. */
int netns_route_socket(struct priv *priv, const char *netns, int *ret_fd, struct err *err);
