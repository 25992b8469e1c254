/* The packets of chosen flows: the files are read a second time. */
#pragma once

#include "ql/ql_src_ops.h"

/* As ql_src_ops.packets.  In time order even where the file is not, as long as
 * what has to wait fits into REORDER_BYTES; else that is noted. */
int run_packets(struct ql_src *s, const uint64_t *serials, size_t n, int64_t from, int64_t to,
		const char *filter, ql_pkt_fn fn, void *arg, struct err *err);

#define REORDER_BYTES (UINT64_C(256) << 20)
