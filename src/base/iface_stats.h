/* What a capture knows of one of its interfaces, as pcapng's statistics block says it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct iface_stats {
	uint32_t iface;     /* number in the file or stream */
	int64_t ts;         /* when they were read, ns */
	int64_t start, end; /* of the capture, ns; 0: not known */
	bool has_recv, has_ifdrop, has_accept, has_osdrop, has_deliv;
	uint64_t recv, ifdrop, accept, osdrop, deliv; /* the isb_ options of these names */
};
