/* A store that keeps copies in memory, for tests: "mem:". */
#pragma once

#include "store/store.h"

/* One packet that was kept. */
struct store_mem_pkt {
	struct pkt pkt; /* 'data' is a copy */
	struct flow_ref refs[8];
	uint32_t n;
};

struct store_mem_row {
	uint64_t serial;
	uint64_t raw_packets;
	int64_t start;
};

struct store_mem_gap {
	uint32_t iface;
	int64_t from, to;
	enum store_why why;
	uint64_t count;
};

/* What the streams were given, in the order of the calls; valid until the next one. */
const struct store_mem_pkt *store_mem_pkts(const struct store *s, size_t *ret_n);
const struct store_mem_row *store_mem_rows(const struct store *s, size_t *ret_n);
const struct store_mem_gap *store_mem_gaps(const struct store *s, size_t *ret_n);

/* Streams that were finished. */
size_t store_mem_finished(const struct store *s);
