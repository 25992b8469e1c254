/* A flow table that is fed by hand and read as rows, for tests of the flow module. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "flow/flow_rows.h"
#include "flow/flow_schema.h"
#include "flow/flow_table.h"
#include "flow_make.h"

struct world {
	struct flow_table *table;
	struct flow_rows *rows;
	struct batch *batch;
	uint64_t number;
	int64_t clock;
};

static const struct flow_opts opts = {
	.idle = FLOW_IDLE_DEFAULT,
	.hold = FLOW_HOLD_DEFAULT,
	.max_memory = UINT64_C(64) << 20,
};

static inline void world_init(struct world *w, const struct flow_opts *o)
{
	const struct flow_rows_env env = {0};
	struct field_set all = {0};
	size_t i;

	*w = (struct world){.clock = INT64_MIN};
	for (i = 0; i < FLOW_N_ALL; i++)
		field_set_add(&all, i);
	assert_int_equal(flow_table_new(&w->table, o, NULL), 0);
	assert_int_equal(flow_rows_new(&w->rows, &w->table, 1, &env), 0);
	assert_int_equal(batch_new(&w->batch, flow_store_schema(), &all), 0);
}

static inline void world_done(struct world *w)
{
	batch_free(w->batch);
	flow_rows_free(w->rows);
	flow_table_free(w->table);
}

/* One packet of some levels; returns the serial of the outermost. */
static inline uint64_t add_levels(struct world *w, int64_t ts, uint32_t len, struct dec *d,
				  size_t n)
{
	struct pkt p = make_pkt(ts, len, ++w->number);
	struct flow_ref refs[DEC_LEVELS_MAX];
	size_t i;

	p.clock = w->clock = ts > w->clock ? ts : w->clock;
	for (i = 0; i < n; i++) {
		d[i].pkt = 0;
		if (i)
			d[i].flags |= DEC_INNER;
		if (i + 1 < n)
			d[i].flags |= DEC_HAS_INNER;
	}
	assert_int_equal(flow_table_add(w->table, d, n, &p, refs), 0);
	return refs[0].serial;
}

static inline uint64_t add(struct world *w, int64_t ts, uint32_t len, struct dec d)
{
	return add_levels(w, ts, len, &d, 1);
}

static inline size_t rows(struct world *w, int64_t clock)
{
	assert_int_equal(flow_table_finish(w->table, clock), 0);
	flow_rows_sort(w->rows);
	return flow_rows_take(w->rows, w->batch);
}

static inline uint64_t u64(const struct world *w, enum flow_field f, size_t row)
{
	assert_true(col_has(w->batch->cols[f], row));
	return w->batch->cols[f]->v.u64[row];
}

static inline void assert_str(const struct world *w, enum flow_field f, size_t row,
			      const char *want)
{
	const struct col *c = w->batch->cols[f];

	assert_true(col_has(c, row));
	assert_int_equal(c->v.str[row].len, strlen(want));
	assert_memory_equal(c->v.str[row].p, want, strlen(want));
}

static inline void add_tcp(struct world *w, int64_t ts, int back, uint8_t flags, uint32_t seq,
			   uint32_t ack)
{
	add(w, ts, 60,
	    back ? make_tcp(2, 80, 1, 1000, flags, seq, ack, 0)
		 : make_tcp(1, 1000, 2, 80, flags, seq, ack, 0));
}
