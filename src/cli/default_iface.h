/* The interface that most people mean. */
#pragma once

#include "base/err.h"

#define DEFAULT_IFACE_SIZE 64

/* That of the default route, of IPv4 before IPv6; of several the one with the smallest
 * metric.  0, or -ENODEV with 'err' set: there is none. */
int default_iface(char ret[DEFAULT_IFACE_SIZE], struct err *err);
