/* libpcap's compiler.  For src/filter only. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "filter/cbpf.h"

/* What the frames are. */
struct filter_link {
	uint16_t type; /* LINKTYPE_ value */
	bool swapped;  /* a header in the order of the host that wrote it (BSD loopback) is in
			  the other order than here */
};

/* "Ethernet", "Raw IP", ...; NULL when libpcap knows none. */
const char *filter_link_name(const struct filter_link *link);

#define FILTER_MSG_SIZE 256

/* Compiles a text.  1: '*ret' is the program, owned by the caller; 0: libpcap refused
 * it for the reason in 'msg'; -ENOMEM.  May ask the resolver: filter_compile() is
 * for texts that nobody has looked at. */
int filter_pcap(const char *text, const struct filter_link *link, bool optimise,
		struct cbpf_insn **ret, size_t *ret_n, char msg[FILTER_MSG_SIZE]);
