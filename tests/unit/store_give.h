/* A store that is given packets and rows one by one. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "flow/flow_schema.h"
#include "store/store.h"
#include "tmp_dir.h"

#define SEC INT64_C(1000000000)

static char dir[64]; /* of all stores of a test program */

static inline const char *new_store(char spec[128])
{
	static int n;

	snprintf(spec, 128, "local:%s/%d", dir, ++n);
	return spec + strlen("local:");
}

static const struct store_iface eth = {.name = "eth0", .linktype = 1};

static inline struct store_stream *open_stream(struct store **ret, const char *spec,
					       const struct store_conf *conf)
{
	struct store_stream *st = NULL;
	struct err err = {0};

	if (store_open(ret, spec, conf, &err) < 0 ||
	    store_stream_new(*ret, "c", 0, 100 * SEC, &st, &err) < 0 ||
	    store_iface(st, &eth, &err) != 0)
		fail_msg("%s", err.text);
	return st;
}

/* A packet of two flows, one in the other. */
static inline int give(struct store_stream *st, uint64_t outer, uint64_t outer_nth, uint64_t inner,
		       uint64_t inner_nth, uint32_t size)
{
	static const uint8_t data[2000];
	static int64_t ts = 100 * SEC;
	const struct flow_ref refs[] = {{outer, outer_nth}, {inner, inner_nth}};
	const struct store_flows f = {.refs = refs, .n = 2, .keep = UINT32_MAX};
	const struct pkt p = {
		.ts = ++ts, .data = data, .caplen = size, .len = size + 7, .linktype = 1};
	struct err err = {0};

	return store_packets(st, &p, 1, &f, &err);
}

/* The row of a flow that ended. */
static inline void give_row(struct store_stream *st, uint64_t serial, uint64_t packets)
{
	struct field_set want = {0};
	struct err err = {0};
	struct batch *b;

	field_set_add(&want, FLOW_start);
	field_set_add(&want, FLOW_last);
	field_set_add(&want, FLOW_ab_packets);
	assert_int_equal(batch_new(&b, flow_store_schema(), &want), 0);
	b->n = 1;
	b->serial[0] = serial;
	b->cols[FLOW_ab_packets]->v.u64[0] = packets;
	col_mark(b->cols[FLOW_ab_packets], 0);
	assert_int_equal(store_rows(st, b, &err), 0);
	batch_free(b);
}
