/* Packets as lines for people, in the shape that tcpdump made known:
 *
 *	12:00:00.123456 eth0  Out IP 192.0.2.1.40000 > 192.0.2.2.443: Flags [S], seq 1, win 64240,
 *length 0
 *
 * One line a packet, tunnels' inner packets behind "| ".  Names are never
 * resolved; sequence numbers are as sent, windows unscaled.  What was cut or
 * contradicts itself is marked "[cut]" or "[bad]".  Nothing is kept between
 * packets; any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/pkt.h"
#include "net/dec.h"

struct an_print_conf {
	bool utc;    /* the clock of the lines; else local time */
	bool ifaces; /* name the interface and direction */
};

/* Appends one line with its line end.  'd' are the 'n' >= 1 levels of the
 * packet, 'iface' the name of its interface, NULL: not known. */
void an_print(const struct an_print_conf *conf, const struct pkt *p, const struct dec *d, size_t n,
	      const char *iface, struct buf *b);
