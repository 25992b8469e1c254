/* rtnetlink, as far as interfaces go: requests, their answers, and events. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#include <linux/rtnetlink.h>

struct link;

#define RTNL_WAIT_MS 5000 /* longest that the kernel may take over an answer */

/* Takes a message; what it returns other than 0 ends the reading and is passed on. */
typedef int (*rtnl_fn)(void *arg, const struct nlmsghdr *h);

/* Subscribes to RTMGRP_ groups.  0 or -errno. */
int rtnl_listen(int fd, uint32_t groups, struct err *err);

/* Asks for all of a kind: RTM_GETLINK, RTM_GETADDR.  'fd' must not be listening. */
int rtnl_dump(int fd, uint16_t type, uint8_t family, rtnl_fn fn, void *arg, struct err *err);

/* Reads what has come on a listening socket, without waiting.  0, -ENOBUFS: events
 * were lost, ask for all; -errno. */
int rtnl_events(int fd, rtnl_fn fn, void *arg);

/* Asks for one interface.  0, -ENODEV, -errno. */
int rtnl_link_get(int fd, int ifindex, struct link *ret, struct err *err);

/* What RTM_NEWLINK or RTM_DELLINK says: everything of 'ret' but addresses, names of
 * others, and what ethtool knows.  0, or -EBADMSG: no such message. */
int rtnl_link_parse(const struct nlmsghdr *h, struct link *ret);

/* The next attribute, with its payload's size; NULL at the end.  'at' and 'left' go on. */
const struct rtattr *rtnl_attr_next(const uint8_t **at, size_t *left);
static inline const void *rtnl_attr_data(const struct rtattr *a, size_t *ret_size)
{
	*ret_size = a->rta_len - RTA_LENGTH(0);
	return (const uint8_t *)a + RTA_LENGTH(0);
}
