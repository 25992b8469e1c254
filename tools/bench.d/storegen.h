/* Traffic for the benchmarks of the store: Ethernet frames of many hosts in the order of
 * time, without end; the same options give the same bytes.
 *
 * Flows begin at random at a steady rate.  Their sizes have a heavy tail (Pareto), as
 * those of a link do: most have a few packets, some hundreds of thousands.  Clients and
 * servers are chosen with a share of 1/n each.  Of ten flows six are TCP with data (a
 * third of them with the server's name in a TLS ClientHello), one is a SYN that nobody
 * answers, two are DNS and the rest other UDP and echoes; one of ten is IPv6.  Some
 * segments are sent twice.  Payloads are zero, checksums behind IP's header too. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define GEN_FRAME_MAX 1514
#define GEN_START     (INT64_C(1790000000) * 1000000000) /* ns since the epoch */

struct gen;

/* NULL: out of memory.  'mean' packets in a flow with data, more than 8. */
struct gen *gen_new(double flows_per_s, double mean, uint64_t seed);
void gen_free(struct gen *g);

/* Writes the next frame to 'to', GEN_FRAME_MAX bytes, and its time.  Returns its length;
 * 0: out of memory. */
uint32_t gen_next(struct gen *g, uint8_t *to, int64_t *ret_ts);

uint64_t gen_flows(const struct gen *g); /* begun so far */

/* A flow to look for: of IPv4 and TCP, client first; it has GEN_PICK_MIN to GEN_PICK_MAX
 * packets. */
#define GEN_PICK_MIN 20
#define GEN_PICK_MAX 60
struct gen_pick {
	uint32_t addr[2];
	uint16_t port[2];
	uint32_t packets, given; /* all, and how many came by now */
	int64_t first;           /* time of the first one */
};

/* Asks for the first such flow from the one with number 'from' on, and gives it; false: it
 * has not begun. */
void gen_pick_from(struct gen *g, uint64_t from);
bool gen_picked(const struct gen *g, struct gen_pick *ret);
