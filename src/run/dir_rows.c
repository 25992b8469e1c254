/* Rows of all runs, of each flow the last version.
 *
 * Where the order does not matter, last versions of blocks are given block by block.  Else, and
 * for what may have been replaced, there is first a list of when each row begins and where it
 * is, of as many blocks as overlap, then the rows themselves in the order of their starts. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "flow/flow_derive.h"
#include "run/dir_merge.h"

#define FIRST_ROWS 64 /* so many that blocks need not be decoded as a whole (fmt/fseg.h) */

/* Has columns take codes that will do for the query, unless others are derived from their
 * values. */
static int code_columns(struct dir_merge *m)
{
	struct field_set derived = m->req->want, needs;
	size_t i;
	int r = 0;

	if (m->req->code_fn != m->fn)
		return 0;
	for (i = 0; i < FLOW_N_ALL; i++)
		if (flow_is_base((enum flow_field)i))
			derived.w[i / 64] &= ~(UINT64_C(1) << i % 64);
	flow_derive_needs(&derived, &needs);
	for (i = 0; i < FLOW_N_FIELDS && r == 0; i++)
		if (field_set_has(&m->req->code, i) && !field_set_has(&needs, i))
			r = batch_code(m->out, i);
	return r;
}

static int init(struct dir_merge *m, const struct field_set *want)
{
	struct field_set times = {0}, all = *want, needs;
	size_t i;

	field_set_add(&times, FLOW_start);
	field_set_add(&times, FLOW_last);
	if (m->req->packets) {
		field_set_add(&all, FLOW_ab_packets);
		field_set_add(&all, FLOW_ba_packets);
		field_set_add(&all, FLOW_raw_packets);
	}
	flow_derive_needs(&all, &needs);
	for (i = 0; i < SCHEMA_FIELDS_MAX / 64; i++)
		all.w[i] |= needs.w[i];
	m->slots = calloc(DIR_SLOTS, sizeof(*m->slots));
	m->number = 1;
	m->blocks.d = m->d;
	m->max_next = FIRST_ROWS;
	m->open_listed = calloc(m->n_runs + 1, sizeof(*m->open_listed));
	return !m->slots || !m->open_listed || flow_derive_new(&m->derive) < 0 ||
			       batch_new(&m->times, flow_schema(), &times) < 0 ||
			       batch_new(&m->out, flow_store_schema(), &all) < 0 ||
			       code_columns(m) < 0
		       ? -ENOMEM
		       : 0;
}

static void merge_done(struct dir_merge *m)
{
	size_t i;

	for (i = 0; m->slots && i < DIR_SLOTS; i++)
		buf_done(&m->slots[i].rows.buf);
	free(m->slots);
	dir_blocks_done(&m->blocks);
	row_keys_done(&m->keys);
	free(m->open);
	free(m->open_listed);
	batch_free(m->times);
	batch_free(m->out);
	flow_derive_free(m->derive);
}

/* A block whose rows are to be listed when it is their turn. */
struct unit {
	int64_t start;
	uint32_t run, block;
};

static int by_start(const void *a, const void *b)
{
	const struct unit *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	if (x->run != y->run)
		return x->run < y->run ? -1 : 1;
	return (x->block > y->block) - (x->block < y->block);
}

static int all_units(const struct dir_merge *m, struct unit **ret, size_t *ret_n)
{
	size_t i, k, n = 0;

	for (i = 0; i < m->n_runs; i++)
		n += m->runs[i].n_blocks;
	*ret = calloc(n + 1, sizeof(**ret));
	if (!*ret)
		return -ENOMEM;
	for (n = 0, i = 0; i < m->n_runs; i++)
		for (k = 0; k < m->runs[i].n_blocks; k++)
			if (dir_meets(m, &m->runs[i].blocks[k]))
				(*ret)[n++] = (struct unit){m->runs[i].blocks[k].start, (uint32_t)i,
							    (uint32_t)k};
	qsort(*ret, n, sizeof(**ret), by_start);
	*ret_n = n;
	return 0;
}

/* In the order of their starts: rows of a block are listed when all that begin before it are
 * given, so that the first come soon, and not all are listed at once. */
static int give_in_order(struct dir_merge *m)
{
	CLEANUP(freep) struct unit *units = NULL;
	size_t n = 0, i;
	int r = m->any_order ? 0 : all_units(m, &units, &n);

	for (i = 0; r == 0 && i < n; i++) {
		row_keys_until(&m->keys, &units[i].start);
		r = dir_give_keys(m);
		if (r == 0)
			r = dir_list_block(m, units[i].run, units[i].block);
	}
	if (r == 0) {
		row_keys_until(&m->keys, NULL);
		r = dir_give_keys(m);
	}
	return r ? r : dir_give_rest(m);
}

static int by_serial(const void *a, const void *b)
{
	uint64_t x = ((const struct dir_missing *)a)->serial;
	uint64_t y = ((const struct dir_missing *)b)->serial;

	return (x > y) - (x < y);
}

int dir_scan(struct ql_src *src, const struct ql_scan *req, ql_batch_fn fn, void *arg,
	     struct err *err)
{
	struct run_dir *d = (struct run_dir *)src;
	CLEANUP(merge_done) struct dir_merge m = {.d = d, .req = req, .fn = fn, .arg = arg};
	size_t i;
	int r;

	dir_begin(d, req->from, req->to);
	m.from = d->from;
	m.to = d->to;
	m.any_order = req->any_order;
	m.wish = (struct dir_wish){m.from, m.to, req->hints, req->serials, req->n_serials};
	m.runs = store_read_runs(d->read, &m.n_runs);
	r = init(&m, &req->want);
	err->code = 0;
	m.blocks.alone = true;
	for (i = 0; i < m.n_runs && r == 0; i++)
		r = dir_list_run(&m, (uint32_t)i, err);
	m.blocks.alone = false;
	if (r == 0)
		r = give_in_order(&m);
	if (d->n_missing)
		qsort(d->missing, d->n_missing, sizeof(*d->missing), by_serial);
	if (r < 0 && !err->code)
		dir_fail(r, err);
	return r < 0 ? r : 0;
}
