/* LINKTYPE_ values, as files carry them, and DLT_ values, as libpcap's compiler
 * wants them.  Most are the same number. */
#pragma once

#include <stdint.h>

int linktype_dlt(uint16_t linktype);

/* "Ethernet", "Raw IP", ...; NULL when libpcap knows none. */
const char *linktype_name(uint16_t linktype);
