/* Rows of all runs in the order of their starts: first a list of when each row begins
 * and where it is, then the rows themselves. */
#include "run/dir_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "flow/flow_schema.h"

#define SLOTS 512 /* groups in memory at once, of about 64 KiB */

struct row_key {
	int64_t start;
	uint32_t run, group;
	uint32_t off; /* of the row in its record's payload */
	uint32_t row; /* number within the group */
};

struct slot {
	struct store_rows rows;
	const uint8_t *payload;
	uint32_t run, group;
	uint64_t used; /* by which batch; 0: empty */
};

struct merge {
	struct run_dir *d;
	const struct store_run *runs;
	size_t n_runs;
	int64_t from, to;
	struct row_key *keys; /* owned, as is all below */
	size_t n, size;
	struct slot *slots;
	struct batch *times; /* one row: start and last */
	struct batch *out;
	struct jrn_schema none;
	uint64_t number; /* of the batch that is being filled, from 1 */
	ql_batch_fn fn;
	void *arg;
};

static void merge_done(struct merge *m)
{
	size_t i;

	for (i = 0; m->slots && i < SLOTS; i++)
		buf_done(&m->slots[i].rows.buf);
	free(m->slots);
	free(m->keys);
	batch_free(m->times);
	batch_free(m->out);
}

static int add_key(struct merge *m, const struct row_key *k)
{
	if (m->n == m->size) {
		size_t size = m->size ? 2 * m->size : 4 * BATCH_ROWS;
		struct row_key *p = reallocarray(m->keys, size, sizeof(*p));

		if (!p)
			return -ENOMEM;
		m->keys = p;
		m->size = size;
	}
	m->keys[m->n++] = *k;
	return 0;
}

/* Adds the rows of a group that the time range meets. */
static int list_group(struct merge *m, uint32_t run, uint32_t group, struct store_rows *rows)
{
	const struct col *start = m->times->cols[FLOW_start], *last = m->times->cols[FLOW_last];
	struct row_key k = {.run = run, .group = group};
	char name[DIR_NAME_SIZE];
	const uint8_t *payload;
	struct cur c;
	int r = store_read_rows(m->d->read, run, group, rows);

	if (r == 0) {
		m->d->stats.bytes_read += rows->buf.len;
		payload = rows->rows.cur.p;
		for (c = rows->rows.cur; r == 0 && k.row < rows->rows.n; k.row++) {
			k.off = (uint32_t)(c.p - payload);
			batch_clear(m->times);
			r = jrn_get_row(&c, rows->schema, rows->rows.start, m->times, 0);
			if (r < 0)
				break;
			k.start = col_has(start, 0) ? start->v.i64[0] : INT64_MIN;
			if (m->times->serial[0] > DIR_SERIAL_MASK)
				r = -EBADMSG;
			else if (k.start <= m->to &&
				 (!col_has(last, 0) || last->v.i64[0] >= m->from))
				r = add_key(m, &k);
		}
	}
	if (r == -ENOMEM)
		return r;
	if (r < 0)
		dir_note(m->d, "capture %s: rows that were written together cannot be read: %s",
			 dir_name(&m->runs[run], name), r == -EBADMSG ? "damaged" : strerror(-r));
	return 0;
}

static int list_run(struct merge *m, uint32_t run, struct err *err)
{
	struct store_rows rows = {.buf = BUF_INIT};
	const struct store_run *u = &m->runs[run];
	size_t i;
	int r = 0;

	if (u->state != STORE_FINISHED) {
		if (u->start > m->to ||
		    (u->state == STORE_KILLED && u->end < m->from && !u->n_segments))
			return 0;
		r = dir_rebuild(m->d, run, err);
		if (r < 0)
			return r;
	}
	for (i = 0; i < u->n_groups && r == 0; i++) {
		if (u->groups[i].start > m->to || u->groups[i].last < m->from)
			continue;
		r = list_group(m, run, (uint32_t)i, &rows);
		if (r == 0 && !dir_go_on(m->d))
			r = -ECANCELED;
	}
	buf_done(&rows.buf);
	return r;
}

static int by_start(const void *a, const void *b)
{
	const struct row_key *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	if (x->run != y->run)
		return x->run < y->run ? -1 : 1;
	if (x->group != y->group)
		return x->group < y->group ? -1 : 1;
	return (x->off > y->off) - (x->off < y->off);
}

static void sort_keys(struct merge *m)
{
	size_t i;

	for (i = 1; i < m->n && by_start(&m->keys[i - 1], &m->keys[i]) < 0; i++)
		;
	if (i < m->n)
		qsort(m->keys, m->n, sizeof(*m->keys), by_start);
}

static uint64_t count(const struct batch *b, enum flow_field f, size_t row)
{
	return col_has(b->cols[f], row) ? b->cols[f]->v.u64[row] : 0;
}

/* Remembers flows of which packets are missing. */
static int look_for_missing(struct merge *m)
{
	struct run_dir *d = m->d;
	struct dir_missing *p;
	size_t i;

	for (i = 0; i < m->out->n; i++) {
		uint64_t all =
			count(m->out, FLOW_ab_packets, i) + count(m->out, FLOW_ba_packets, i);
		uint64_t raw = count(m->out, FLOW_raw_packets, i);

		if (raw >= all)
			continue;
		if (!(d->n_missing & (d->n_missing - 1))) {
			p = reallocarray(d->missing, d->n_missing ? 2 * d->n_missing : 1,
					 sizeof(*p));
			if (!p)
				return -ENOMEM;
			d->missing = p;
		}
		d->missing[d->n_missing++] = (struct dir_missing){m->out->serial[i], all - raw};
	}
	return 0;
}

/* Gives the rows that were gathered.  As ql_batch_fn. */
static int give(struct merge *m)
{
	int r = look_for_missing(m);

	m->d->stats.flows += m->out->n;
	if (r == 0 && m->out->n)
		r = m->fn(m->arg, m->out);
	batch_clear(m->out);
	m->number++;
	return r;
}

/* The group of a key in memory; what the batch refers to stays. */
static int find(struct merge *m, const struct row_key *k, struct slot **ret)
{
	struct slot *s = &m->slots[(k->run * 31 + k->group) % SLOTS];
	int r;

	if (!s->used || s->run != k->run || s->group != k->group) {
		if (s->used == m->number) {
			r = give(m);
			if (r)
				return r;
		}
		s->used = 0;
		r = store_read_rows(m->d->read, k->run, k->group, &s->rows);
		if (r < 0)
			return r;
		s->run = k->run;
		s->group = k->group;
	}
	s->used = m->number;
	*ret = s;
	return 0;
}

static int give_row(struct merge *m, const struct row_key *k)
{
	struct slot *s;
	struct cur c;
	int r = find(m, k, &s);

	if (r)
		return r;
	c = s->rows.rows.cur;
	r = cur_take(&c, k->off)
		    ? jrn_get_row(&c, s->rows.schema, s->rows.rows.start, m->out, m->out->n)
		    : -EBADMSG;
	m->out->serial[m->out->n] |= (uint64_t)k->run << DIR_SERIAL_BITS;
	m->out->n++;
	if (r < 0) {
		batch_cut(m->out, m->out->n - 1); /* with what was read of it */
		return r;
	}
	return m->out->n == BATCH_ROWS ? give(m) : 0;
}

static int init(struct merge *m, const struct field_set *want)
{
	struct field_set times = {0}, all = *want;

	field_set_add(&times, FLOW_start);
	field_set_add(&times, FLOW_last);
	field_set_add(&all, FLOW_ab_packets);
	field_set_add(&all, FLOW_ba_packets);
	field_set_add(&all, FLOW_raw_packets);
	m->slots = calloc(SLOTS, sizeof(*m->slots));
	m->number = 1;
	return !m->slots || batch_new(&m->times, flow_schema(), &times) < 0 ||
			       batch_new(&m->out, flow_schema(), &all) < 0
		       ? -ENOMEM
		       : 0;
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
	CLEANUP(merge_done) struct merge m = {.d = d, .fn = fn, .arg = arg};
	char name[DIR_NAME_SIZE];
	size_t i;
	int r;

	dir_begin(d, req->from, req->to);
	m.from = d->from;
	m.to = d->to;
	m.runs = store_read_runs(d->read, &m.n_runs);
	r = init(&m, &req->want);
	err->code = 0;
	for (i = 0; i < m.n_runs && r == 0; i++)
		r = list_run(&m, (uint32_t)i, err);
	sort_keys(&m);
	for (i = 0; i < m.n && r == 0; i++) {
		r = give_row(&m, &m.keys[i]);
		if (r == -EBADMSG) {
			dir_note(d, "capture %s: a row cannot be read",
				 dir_name(&m.runs[m.keys[i].run], name));
			r = 0;
		}
	}
	if (r == 0)
		r = give(&m);
	if (d->n_missing)
		qsort(d->missing, d->n_missing, sizeof(*d->missing), by_serial);
	if (r < 0 && !err->code)
		dir_fail(r, err);
	return r < 0 ? r : 0;
}
