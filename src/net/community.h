/* Community ID flow hashing, version 1, seed 0 (corelight/community-id-spec):
 * a text that names a flow the same way in every tool that knows it. */
#pragma once

#include <stdint.h>

#include "base/addr.h"

#define COMMUNITY_ID_SIZE 31 /* "1:" + 28 base64 characters + NUL */

/* The type of the message that answers ICMP (or ICMPv6) 'type', -1 where none
 * does: such flows have one direction. */
int community_icmp_answer(uint8_t proto, uint16_t type);

/* For ICMP and ICMPv6 'sport' is the type and 'dport' the code.  For TCP, UDP
 * and SCTP they are the ports, both 0 where they are not known: in a flow of
 * fragments whose first is missing, which is then hashed without ports, as
 * other tools do.  For all other protocols both are ignored.
 * Direction does not matter, except for ICMP messages that have no answer.
 * Both addresses must be of the same family, IPv4 or IPv6; else writes "".
 * About 50 ns. */
void community_id(const struct addr *src, const struct addr *dst, uint8_t proto, uint16_t sport,
		  uint16_t dport, char ret[COMMUNITY_ID_SIZE]);
