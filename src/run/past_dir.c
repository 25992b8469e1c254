#include "run/past.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/vec.h"
#include "filter/filter.h"
#include "flow/flow_derive.h"
#include "run/dir_block.h"
#include "run/prune.h"

/* A version of a flow that may match. */
struct some {
	uint64_t serial;
	uint64_t packets, missing; /* of these, not kept */
	struct dir_times times;
	bool goes_on; /* it may not be the last one */
};

/* Flows that may match, run by run. */
struct plan {
	struct run_dir *d;
	struct filter *filter;
	int64_t from, to;
	struct past_stats *stats;
	struct batch *batch;  /* owned, as is all below */
	struct batch *stored; /* the same columns, and those that they follow from */
	struct field_set want;
	struct flow_derive *derive;
	struct dir_blocks blocks;
	struct dir_choice *choices; /* room for all runs */
	size_t n;
	uint64_t **serials;       /* [choice] */
	struct dir_times **times; /* [choice] */

	struct some *some; /* of the run that is looked at */
	size_t n_some, size_some;
};

static void plan_done(struct plan *p)
{
	size_t i;

	for (i = 0; p->serials && p->times && i <= p->n; i++) {
		free(p->serials[i]);
		free(p->times[i]);
	}
	free(p->serials);
	free(p->times);
	free(p->choices);
	free(p->some);
	batch_free(p->batch);
	batch_free(p->stored);
	flow_derive_free(p->derive);
	dir_blocks_done(&p->blocks);
}

static int plan_init(struct plan *p, size_t runs)
{
	struct field_set needs;
	size_t i;
	int r;

	prune_want(&p->want);
	field_set_add(&p->want, FLOW_start);
	field_set_add(&p->want, FLOW_last);
	field_set_add(&p->want, FLOW_raw_packets);
	p->blocks.d = p->d;
	p->blocks.alone = true;
	p->choices = calloc(runs + 1, sizeof(*p->choices));
	p->serials = calloc(runs + 1, sizeof(*p->serials));
	p->times = calloc(runs + 1, sizeof(*p->times));
	r = p->choices && p->serials && p->times ? batch_new(&p->batch, flow_schema(), &p->want)
						 : -ENOMEM;
	if (r < 0)
		return r;
	flow_derive_needs(&p->want, &needs);
	field_set_add(&needs, FLOW_ended);
	for (i = 0; i < SCHEMA_FIELDS_MAX / 64; i++)
		needs.w[i] |= p->want.w[i];
	r = flow_derive_new(&p->derive);
	return r < 0 ? r : batch_new(&p->stored, flow_store_schema(), &needs);
}

static uint64_t number(const struct batch *b, enum flow_field f, size_t row)
{
	return col_has(b->cols[f], row) ? b->cols[f]->v.u64[row] : 0;
}

/* 'goes_on': the flow may have later packets than its row tells. */
static bool in_time(const struct plan *p, const struct batch *b, size_t row, bool goes_on)
{
	const struct col *start = b->cols[FLOW_start], *last = b->cols[FLOW_last];

	return !(col_has(start, row) && start->v.i64[row] > p->to) &&
	       (goes_on || !(col_has(last, row) && last->v.i64[row] < p->from));
}

/* Of all its packets.  Those that come after the row was written may also be earlier: clocks are
 * set. */
static struct dir_times times_of(const struct batch *b, size_t row, bool goes_on)
{
	const struct col *start = b->cols[FLOW_start], *last = b->cols[FLOW_last];

	if (goes_on || !col_has(start, row) || !col_has(last, row))
		return (struct dir_times){INT64_MIN, INT64_MAX};
	return (struct dir_times){start->v.i64[row], last->v.i64[row]};
}

/* Each frame is in the index of one flow that no other is around; those inside it need not
 * be looked at. */
static int take_rows(struct plan *p, struct prune *prune, const struct batch *b, bool whole)
{
	size_t i;

	for (i = 0; i < b->n; i++) {
		uint64_t all, raw;
		bool goes_on;

		if (b->serial[i] & DIR_LEVEL_MASK || !in_time(p, b, i, !whole))
			continue;
		p->stats->flows++;
		if (!prune_maybe(prune, b, i)) {
			p->stats->never++;
			continue;
		}
		goes_on = !whole && !col_has(p->stored->cols[FLOW_ended], i);
		all = number(b, FLOW_ab_packets, i) + number(b, FLOW_ba_packets, i);
		raw = number(b, FLOW_raw_packets, i);
		if (vec_reserve(&p->some, &p->size_some, p->n_some + 1, sizeof(*p->some)) < 0)
			return -ENOMEM;
		p->some[p->n_some++] = (struct some){b->serial[i], all, all > raw ? all - raw : 0,
						     times_of(b, i, goes_on), goes_on};
	}
	return 0;
}

/* Whether rows have all that is asked of them: an older version may have written less. */
static bool has_columns(const struct jrn_schema *s)
{
	struct field_set want = {0}, there = {0};
	size_t i;

	prune_want(&want);
	for (i = 0; i < s->n; i++)
		if (s->cols[i].field >= 0)
			field_set_add(&there, (size_t)s->cols[i].field);
	for (i = 0; i < FLOW_N_FIELDS; i++)
		if (field_set_has(&want, i) && !field_set_has(&there, i))
			return false;
	return true;
}

/* Rows of one group.  -EBADMSG: some do not tell what they should. */
static int take_group(struct plan *p, struct prune *prune, size_t run, size_t group,
		      struct store_rows *rows)
{
	int r = store_read_rows(p->d->read, run, group, rows);
	struct cur c;
	uint32_t i;

	if (r < 0)
		return r;
	if (!has_columns(rows->schema))
		return -EBADMSG;
	p->d->stats.bytes_read += rows->buf.len;
	batch_clear(p->batch);
	c = rows->rows.cur;
	for (i = 0; i < rows->rows.n && r >= 0; i++) {
		if (p->batch->n == BATCH_ROWS) {
			r = take_rows(p, prune, p->batch, true);
			batch_clear(p->batch);
		}
		if (r == 0)
			r = jrn_get_row(&c, rows->schema, rows->rows.start, p->batch, p->batch->n);
		p->batch->n += r >= 0;
	}
	return r < 0 ? r : take_rows(p, prune, p->batch, true);
}

/* Of a flow that goes on there may be packets in a direction that had none when its row was
 * written. */
static void assume_both(const struct batch *b)
{
	struct col *const dirs[] = {b->cols[FLOW_ab_packets], b->cols[FLOW_ba_packets]};
	struct col *raw = b->cols[FLOW_raw_packets];
	size_t i, k;

	for (i = 0; i < b->n; i++) {
		if (col_has(b->cols[FLOW_ended], i))
			continue;
		for (k = 0; k < 2; k++) {
			if (col_has(dirs[k], i) && dirs[k]->v.u64[i])
				continue;
			dirs[k]->v.u64[i] = 1;
			raw->v.u64[i]++; /* nor does it miss a packet */
			col_mark(dirs[k], i);
		}
	}
}

/* The rows of a block that are worth a look, a bit each.  0 or as fseg_column(). */
static int select_rows(struct plan *p, const struct prune *prune, struct fseg *f,
		       uint64_t rows[FSEG_ROWS / 64], struct err *err)
{
	const struct fseg_head *head = fseg_opened(f);
	uint32_t never;
	int r;

	memset(rows, 0xff, (head->rows + 63) / 64 * sizeof(*rows));
	if (head->rows % 64)
		rows[head->rows / 64] = (UINT64_C(1) << head->rows % 64) - 1;
	r = prune_block(prune, f, rows, &never, err);
	p->stats->flows += never;
	p->stats->never += never;
	return r;
}

/* Rows of one block.  -EBADMSG: it cannot be read. */
static int take_block(struct plan *p, struct prune *prune, size_t run, size_t block, bool whole)
{
	uint64_t rows[FSEG_ROWS / 64];
	struct dir_block *k;
	struct err err = {0};
	struct batch view;
	size_t at = 0;
	int r = dir_block_get(&p->blocks, run, block, &k), n;

	if (r < 0)
		return r;
	n = select_rows(p, prune, k->f, rows, &err);
	while (n < 0 || (n = fseg_batch(k->f, p->stored, rows, &at, &err)) != 0) {
		if (n < 0 && n != -ENOMEM)
			dir_block_bad(&p->blocks, k, &err);
		if (n < 0)
			return n == -ENOMEM ? n : -EBADMSG;
		flow_derive(p->derive, p->stored, &p->want);
		if (!whole)
			assume_both(p->stored);
		flow_batch_public(p->stored, &view);
		r = take_rows(p, prune, &view, whole);
		if (r < 0)
			return r;
	}
	return 0;
}

/* The last version of a flow behind those before. */
static int by_serial(const void *a, const void *b)
{
	const struct some *x = a, *y = b;

	if (x->serial != y->serial)
		return x->serial < y->serial ? -1 : 1;
	if (x->goes_on != y->goes_on)
		return x->goes_on ? -1 : 1;
	return (x->packets > y->packets) - (x->packets < y->packets);
}

/* Of one flow's. */
static bool is_last(const struct plan *p, size_t i)
{
	return i + 1 == p->n_some || p->some[i + 1].serial != p->some[i].serial;
}

static int by_from(const void *a, const void *b)
{
	const struct dir_times *x = a, *y = b;

	return (x->from > y->from) - (x->from < y->from);
}

/* When there were packets of these flows. */
static int set_times(struct plan *p, struct dir_choice *c)
{
	struct dir_times *v = reallocarray(NULL, p->n_some + 1, sizeof(*v));
	size_t i, m = 0, n = 0;

	p->times[p->n] = v;
	if (!v)
		return -ENOMEM;
	for (i = 0; i < p->n_some; i++)
		if (is_last(p, i))
			v[m++] = p->some[i].times;
	if (m)
		qsort(v, m, sizeof(*v), by_from);
	for (i = 0; i < m; i++) {
		if (!n || v[i].from > v[n - 1].to)
			v[n++] = v[i];
		else if (v[i].to > v[n - 1].to)
			v[n - 1].to = v[i].to;
	}
	c->times = v;
	c->n_times = n;
	return 0;
}

static int add_choice(struct plan *p, size_t run, bool all, uint64_t above)
{
	struct dir_choice c = {.run = run, .all = all, .above = all ? 0 : above};
	uint64_t *own = NULL;
	size_t i;

	if (!all) {
		own = reallocarray(NULL, p->n_some + 1, sizeof(*own));
		if (!own)
			return -ENOMEM;
		if (p->n_some)
			qsort(p->some, p->n_some, sizeof(*p->some), by_serial);
		for (i = 0; i < p->n_some; i++) {
			if (!is_last(p, i))
				continue;
			own[c.n++] = p->some[i].serial;
			p->d->n_missed += p->some[i].missing;
		}
		c.serials = own;
	}
	p->serials[p->n] = own;
	if (!all && set_times(p, &c) < 0)
		return -ENOMEM;
	p->choices[p->n++] = c;
	return 0;
}

static int new_prune(const struct plan *p, const struct store_run *u, struct prune **ret,
		     struct err *err)
{
	CLEANUP(freep) struct prune_iface *ifaces = calloc(u->n_ifaces + 1, sizeof(*ifaces));
	const struct prune_conf conf = {
		.filter = p->filter,
		.ifaces = ifaces,
		.n_ifaces = u->n_ifaces,
		.key_mode = u->flow.key_mode,
	};
	size_t i;

	if (!ifaces)
		return -ENOMEM;
	for (i = 0; i < u->n_ifaces; i++)
		ifaces[i] = (struct prune_iface){u->ifaces[i].name, u->ifaces[i].linktype};
	return prune_new(ret, &conf, err);
}

/* Its rows tell of each packet that was kept, unless some are not there, or not yet. */
static int plan_rows(struct plan *p, size_t run, const struct store_run *u, struct err *err)
{
	const bool whole = u->state == STORE_FINISHED;
	const uint64_t above = whole ? 0 : u->serial;
	CLEANUP(prune_freep) struct prune *prune = NULL;
	struct store_rows rows = {.buf = BUF_INIT};
	size_t i;
	int r;

	r = new_prune(p, u, &prune, err);
	p->n_some = 0;
	for (i = 0; i < u->n_groups && r == 0; i++) {
		if (u->groups[i].start > p->to || u->groups[i].last < p->from)
			continue;
		r = take_group(p, prune, run, i, &rows);
		if (r == 0 && !dir_go_on(p->d))
			r = -ECANCELED;
	}
	for (i = 0; i < u->n_blocks && r == 0; i++) {
		/* A flow that goes on may have later packets than its row tells. */
		if (u->blocks[i].start > p->to || (whole && u->blocks[i].last < p->from))
			continue;
		r = take_block(p, prune, run, i, whole);
		if (r == 0 && !dir_go_on(p->d))
			r = -ECANCELED;
	}
	buf_done(&rows.buf);
	if (r == -EBADMSG) { /* then the filter is asked of all */
		p->stats->runs_by_time++;
		return add_choice(p, run, true, 0);
	}
	if (r == 0 && (p->n_some || above))
		return add_choice(p, run, false, above);
	p->stats->runs_outside += r == 0;
	return r;
}

/* Whether rows tell of all flows that packets were kept of. */
static bool has_rows(const struct store_run *u)
{
	return !u->rows_dropped && !u->rows_gone.n && !u->damaged &&
	       (u->state == STORE_FINISHED || u->serial);
}

static bool is_outside(const struct plan *p, const struct store_run *u)
{
	size_t i;

	for (i = 0; i < u->n_segments; i++) {
		const struct store_segment *s = &u->segments[i];

		if (!s->known || (s->min <= p->to && s->max >= p->from))
			return false;
	}
	return true;
}

/* What of them its packets do not tell is known before any is read.  As run_misfits(). */
static int check_links(const struct plan *p, const struct store_run *runs, size_t n,
		       struct err *err)
{
	struct err why;
	size_t i, k;
	bool all;

	for (i = 0; i < n; i++)
		for (k = 0; k < runs[i].n_ifaces && !is_outside(p, &runs[i]); k++)
			filter_meet(p->filter, runs[i].ifaces[k].linktype);
	if (filter_misfits(p->filter, &all, &why) && all)
		return err_set(err, -EDOM, "filter: %s", why.text);
	return 0;
}

static int plan_run(struct plan *p, size_t run, const struct store_run *u, struct err *err)
{
	p->stats->runs++;
	if (is_outside(p, u)) {
		p->stats->runs_outside++;
		return 0;
	}
	if (has_rows(u) && *filter_text(p->filter))
		return plan_rows(p, run, u, err);
	p->stats->runs_by_time++;
	return add_choice(p, run, true, 0);
}

int past_dir(struct run_dir *d, const char *filter, ql_pkt_fn fn, void *arg, struct past_stats *ret,
	     struct err *err)
{
	CLEANUP(filter_freep) struct filter *f = NULL;
	CLEANUP(plan_done) struct plan p = {.d = d, .stats = ret};
	const struct store_run *runs;
	struct dir_packets a = {.decides = true, .stats = ret, .fn = fn, .arg = arg};
	size_t n, i;
	int r;

	*ret = (struct past_stats){0};
	dir_begin(d, INT64_MIN, INT64_MAX);
	r = filter_new(&f, filter, err);
	if (r < 0)
		return r;
	runs = store_read_runs(d->read, &n);
	p.filter = a.filter = f;
	p.from = a.from = d->from;
	p.to = a.to = d->to;
	err->code = 0;
	r = check_links(&p, runs, n, err);
	if (r == 0)
		r = plan_init(&p, n);
	for (i = 0; i < n && r == 0; i++)
		r = plan_run(&p, i, &runs[i], err);
	a.choices = p.choices;
	a.n = p.n;
	if (r == 0)
		return dir_give_packets(d, &a, err);
	if (!err->code)
		dir_fail(r, err);
	return r;
}
