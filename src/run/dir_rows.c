/* Rows of all runs, of each flow the last version.
 *
 * Where the order does not matter, last versions of blocks are given block by block.  Else,
 * and for what may have been replaced, there is first a list of when each row begins and
 * where it is, then the rows themselves in the order of their starts. */
#include "run/dir_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "flow/flow_derive.h"
#include "run/dir_block.h"

#define SLOTS     512                 /* groups in memory at once, of about 64 KiB */
#define IN_GROUP  (UINT32_C(1) << 31) /* of a key's unit: a group, not a block */
#define ROW_WORDS (FSEG_ROWS / 64)

struct row_key {
	int64_t start;
	uint64_t serial; /* with the run's number */
	uint32_t unit;   /* number of the block or group */
	uint32_t row;    /* in the block; of a group: where in its record's payload */
};

/* A version that a later one may have replaced. */
struct open_row {
	uint64_t version;
	struct row_key key;
};

static uint32_t run_of(const struct row_key *k)
{
	return (uint32_t)(k->serial >> DIR_SERIAL_BITS);
}

struct slot {
	struct store_rows rows;
	uint32_t run, group;
	uint64_t used; /* by which batch; 0: empty */
};

struct merge {
	struct run_dir *d;
	const struct store_run *runs;
	size_t n_runs;
	const struct ql_scan *req;
	int64_t from, to;
	struct dir_wish wish;
	bool any_order;
	struct row_key *keys; /* owned, as is all below */
	size_t n, size;
	struct open_row *open; /* of the run that is looked at */
	size_t n_open, size_open;
	struct slot *slots;
	struct dir_blocks blocks;
	uint64_t blocks_since; /* those used from then on are in 'out' */
	struct batch *times;   /* one row: start and last */
	struct batch *out;
	bool out_stored; /* it is of rows that lack what is derived */
	struct flow_derive *derive;
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
	dir_blocks_done(&m->blocks);
	free(m->keys);
	free(m->open);
	batch_free(m->times);
	batch_free(m->out);
	flow_derive_free(m->derive);
}

static int add_key(struct merge *m, const struct row_key *k)
{
	if (dir_more(&m->keys, m->n, &m->size, sizeof(*m->keys)) < 0)
		return -ENOMEM;
	m->keys[m->n++] = *k;
	return 0;
}

static uint64_t count(const struct batch *b, enum flow_field f, size_t row)
{
	return col_has(b->cols[f], row) ? b->cols[f]->v.u64[row] : 0;
}

/* Packets of a row's flow that were not kept. */
static uint64_t missing_of(const struct merge *m, size_t row)
{
	uint64_t all, raw;

	if (m->out_stored)
		return count(m->out, FLOW_raw_missing, row);
	all = count(m->out, FLOW_ab_packets, row) + count(m->out, FLOW_ba_packets, row);
	raw = count(m->out, FLOW_raw_packets, row);
	return raw < all ? all - raw : 0;
}

/* Remembers flows of which packets are missing. */
static int look_for_missing(struct merge *m)
{
	struct run_dir *d = m->d;
	struct dir_missing *p;
	size_t i;

	for (i = 0; i < m->out->n; i++) {
		uint64_t n = missing_of(m, i);

		if (!n)
			continue;
		if (!(d->n_missing & (d->n_missing - 1))) {
			p = reallocarray(d->missing, d->n_missing ? 2 * d->n_missing : 1,
					 sizeof(*p));
			if (!p)
				return -ENOMEM;
			d->missing = p;
		}
		d->missing[d->n_missing++] = (struct dir_missing){m->out->serial[i], n};
	}
	return 0;
}

/* Gives the rows that were gathered.  As ql_batch_fn. */
static int give(struct merge *m)
{
	struct batch view;
	int r = m->req->packets ? look_for_missing(m) : 0;

	m->d->stats.flows += m->out->n;
	if (r == 0 && m->out->n) {
		if (m->out_stored)
			flow_derive(m->derive, m->out, &m->req->want);
		flow_batch_public(m->out, &view);
		r = m->fn(m->arg, &view);
	}
	batch_clear(m->out);
	m->number++;
	m->blocks_since = m->blocks.clock + 1;
	return r;
}

/* Stored rows and others do not go into one batch. */
static int out_is(struct merge *m, bool stored)
{
	int r = m->out->n && m->out_stored != stored ? give(m) : 0;

	m->out_stored = stored;
	return r;
}

static void number_rows(struct merge *m, size_t from, uint32_t run)
{
	for (; from < m->out->n; from++)
		m->out->serial[from] |= (uint64_t)run << DIR_SERIAL_BITS;
}

/* ---- listing: groups ---- */

/* Adds the rows of a group that the time range meets. */
static int list_group(struct merge *m, uint32_t run, uint32_t group, struct store_rows *rows)
{
	const struct col *start = m->times->cols[FLOW_start], *last = m->times->cols[FLOW_last];
	struct row_key k = {.unit = group | IN_GROUP};
	char name[DIR_NAME_SIZE];
	const uint8_t *payload;
	struct cur c;
	uint32_t i;
	int r = store_read_rows(m->d->read, run, group, rows);

	if (r == 0) {
		m->d->stats.bytes_read += rows->buf.len;
		payload = rows->rows.cur.p;
		for (c = rows->rows.cur, i = 0; r == 0 && i < rows->rows.n; i++) {
			k.row = (uint32_t)(c.p - payload);
			batch_clear(m->times);
			r = jrn_get_row(&c, rows->schema, rows->rows.start, m->times, 0);
			if (r < 0)
				break;
			k.start = col_has(start, 0) ? start->v.i64[0] : INT64_MIN;
			k.serial = (uint64_t)run << DIR_SERIAL_BITS | m->times->serial[0];
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

static int list_groups(struct merge *m, uint32_t run)
{
	struct store_rows rows = {.buf = BUF_INIT};
	const struct store_run *u = &m->runs[run];
	size_t i;
	int r = 0;

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

/* ---- listing: blocks ---- */

/* Codes of rows of one block are the same in all of its batches. */
static void name_codes(struct merge *m, const struct dir_block *k)
{
	size_t i;

	for (i = 0; i < m->out->schema->n; i++) {
		struct col *c = m->out->cols[i];

		if (!c || !c->dict.n)
			continue;
		c->dict.owner = m;
		c->dict.number = (uint64_t)k->run << 32 | k->block;
	}
}

/* The next of chosen rows of a block.  As fseg_batch(). */
static int next_rows(struct merge *m, struct dir_block *k, const uint64_t *rows, size_t *at,
		     struct err *err)
{
	int n = fseg_batch(k->f, m->out, rows, at, err);

	if (n < 0) {
		batch_clear(m->out); /* of columns before the damaged one */
		return n;
	}
	if (m->out->serial)
		number_rows(m, 0, (uint32_t)k->run);
	name_codes(m, k);
	return n;
}

/* Gives chosen rows of a block as they stand. */
static int give_rows(struct merge *m, struct dir_block *k, const uint64_t *rows, struct err *err)
{
	uint64_t *serial = m->out->serial;
	size_t at = 0;
	int r = out_is(m, true), n = 0;

	if (r == 0 && m->out->n)
		r = give(m);
	if (m->req->no_serials && m->req->code_fn == m->fn && !m->req->packets)
		m->out->serial = NULL; /* none are read */
	while (r == 0 && (n = next_rows(m, k, rows, &at, err)) > 0)
		r = give(m);
	m->out->serial = serial;
	return n < 0 ? n : r;
}

/* Lists chosen rows; the serials of a block are below those of runs. */
static int list_rows(struct merge *m, struct dir_block *k, const uint64_t *rows,
		     enum dir_which which, struct err *err)
{
	struct fseg_column start, version;
	const uint64_t *serials;
	size_t words = (fseg_opened(k->f)->rows + 63) / 64, i;
	int r = fseg_serials(k->f, &serials, err), v = 0;

	if (r == 0)
		r = fseg_column(k->f, FLOW_start, &start, err);
	if (r == 0 && which == DIR_OPEN)
		v = fseg_column(k->f, FLOW_version, &version, err);
	if (v < 0 && v != -ENOENT)
		r = v;
	for (i = 0; i < words && r == 0; i++) {
		uint64_t left = rows[i];

		for (; left && r == 0; left &= left - 1) {
			size_t row = i * 64 + (size_t)__builtin_ctzll(left);
			struct row_key key = {
				.start = (int64_t)start.words[row],
				.serial = (uint64_t)k->run << DIR_SERIAL_BITS | serials[row],
				.unit = (uint32_t)k->block,
				.row = (uint32_t)row,
			};

			if (serials[row] > DIR_SERIAL_MASK)
				return err_set(err, -EBADMSG, "serials make no sense");
			if (which == DIR_ENDED) {
				r = add_key(m, &key);
				continue;
			}
			r = dir_more(&m->open, m->n_open, &m->size_open, sizeof(*m->open));
			if (r == 0)
				m->open[m->n_open++] =
					(struct open_row){v == 0 ? version.words[row] : 0, key};
		}
	}
	return r;
}

/* One block, one kind of rows.  'give_rows()' or 'list_rows()'.  As ql_batch_fn; -EBADMSG: it
 * is damaged. */
static int list_block(struct merge *m, struct dir_block *k, enum dir_which which, struct err *err)
{
	uint64_t rows[ROW_WORDS];
	int64_t n;

	if (!dir_block_may(k, m->req->hints, which))
		return 0;
	n = dir_block_select(k, which, &m->wish, rows, err);
	if (n <= 0)
		return (int)n;
	if (which == DIR_ENDED && m->any_order)
		return give_rows(m, k, rows, err);
	return list_rows(m, k, rows, which, err);
}

/* Calls 'fn' for the blocks that the time meets.  '*ret_bad': one cannot be read. */
static int each_block(struct merge *m, uint32_t run, enum dir_which which,
		      int (*fn)(struct merge *m, struct dir_block *k, enum dir_which which,
				struct err *err),
		      bool *ret_bad)
{
	const struct store_run *u = &m->runs[run];
	size_t i;
	int r = 0;

	for (i = 0; i < u->n_blocks && r == 0; i++) {
		struct dir_block *k = NULL;
		struct err err = {0};

		if (u->blocks[i].start > m->to || u->blocks[i].last < m->from)
			continue;
		r = dir_block_get(&m->blocks, run, i, 0, NULL, &k);
		if (r == 0) {
			r = fn(m, k, which, &err);
			/* What is left of it does not say which versions are the last. */
			if (r == -EBADMSG || r == -EPROTO) {
				dir_block_bad(&m->blocks, k, &err);
				r = -EBADMSG;
			}
		}
		if (r == -EBADMSG) {
			*ret_bad = true;
			r = 0;
		}
		if (r == 0 && !dir_go_on(m->d))
			r = -ECANCELED;
	}
	return r;
}

static int by_version(const void *a, const void *b)
{
	const struct open_row *x = a, *y = b;

	if (x->key.serial != y->key.serial)
		return x->key.serial < y->key.serial ? -1 : 1;
	if (x->version != y->version)
		return x->version > y->version ? -1 : 1;
	return (x->key.unit > y->key.unit) - (x->key.unit < y->key.unit);
}

/* Takes out those of which the block has the last version. */
static int forget_ended(struct merge *m, struct dir_block *k, enum dir_which which, struct err *err)
{
	uint64_t rows[ROW_WORDS];
	const uint64_t *serials;
	size_t words = (fseg_opened(k->f)->rows + 63) / 64, i;
	const struct dir_wish all = {.from = INT64_MIN, .to = INT64_MAX};
	int64_t n = dir_block_select(k, DIR_ENDED, &all, rows, err);
	int r = n > 0 ? fseg_serials(k->f, &serials, err) : (int)n;

	(void)which;
	for (i = 0; i < words && n > 0 && r == 0; i++) {
		uint64_t left = rows[i];

		for (; left; left &= left - 1) {
			uint64_t serial = serials[i * 64 + (size_t)__builtin_ctzll(left)] |
					  (uint64_t)k->run << DIR_SERIAL_BITS;
			size_t lo = 0, hi = m->n_open;

			while (lo < hi) {
				size_t mid = lo + (hi - lo) / 2;

				if (m->open[mid].key.serial < serial)
					lo = mid + 1;
				else
					hi = mid;
			}
			if (lo < m->n_open && m->open[lo].key.serial == serial)
				m->open[lo].version = UINT64_MAX; /* no row */
		}
	}
	return r;
}

/* Versions of flows that have not ended, or of which that is not known. */
static int list_open(struct merge *m, uint32_t run)
{
	bool bad = false;
	size_t i, n = 0;
	int r;

	m->n_open = 0;
	r = each_block(m, run, DIR_OPEN, list_block, &bad);
	if (r || !m->n_open)
		return r;
	qsort(m->open, m->n_open, sizeof(*m->open), by_version);
	for (i = 0; i < m->n_open; i++)
		if (!n || m->open[n - 1].key.serial != m->open[i].key.serial)
			m->open[n++] = m->open[i];
	m->n_open = n;
	r = each_block(m, run, DIR_ENDED, forget_ended, &bad);
	for (i = 0; i < m->n_open && r == 0; i++)
		if (m->open[i].version != UINT64_MAX)
			r = add_key(m, &m->open[i].key);
	return r;
}

static int list_run(struct merge *m, uint32_t run, struct err *err)
{
	const struct store_run *u = &m->runs[run];
	bool bad = false;
	int r = 0;

	if (u->state != STORE_FINISHED && !u->has_versions) {
		if (u->start > m->to ||
		    (u->state == STORE_KILLED && u->end < m->from && !u->n_segments))
			return 0;
		r = dir_rebuild(m->d, run, err);
		if (r < 0)
			return r;
	}
	r = list_groups(m, run);
	if (r == 0)
		r = each_block(m, run, DIR_ENDED, list_block, &bad);
	/* In a run that is whole all flows have ended. */
	if (r == 0 && (bad || u->state != STORE_FINISHED || u->rows_dropped || u->damaged))
		r = list_open(m, run);
	return r;
}

/* ---- giving ---- */

static int by_start(const void *a, const void *b)
{
	const struct row_key *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return (x->serial > y->serial) - (x->serial < y->serial);
}

static void sort_keys(struct merge *m)
{
	size_t i;

	for (i = 1; i < m->n && by_start(&m->keys[i - 1], &m->keys[i]) < 0; i++)
		;
	if (i < m->n)
		qsort(m->keys, m->n, sizeof(*m->keys), by_start);
}

/* The group of a key in memory; what the batch refers to stays. */
static int find(struct merge *m, const struct row_key *k, struct slot **ret)
{
	uint32_t group = k->unit & ~IN_GROUP, run = run_of(k);
	struct slot *s = &m->slots[(run * 31 + group) % SLOTS];
	int r;

	if (!s->used || s->run != run || s->group != group) {
		if (s->used == m->number) {
			r = give(m);
			if (r)
				return r;
		}
		s->used = 0;
		r = store_read_rows(m->d->read, run, group, &s->rows);
		if (r < 0)
			return r;
		s->run = run;
		s->group = group;
	}
	s->used = m->number;
	*ret = s;
	return 0;
}

/* One row of a group. */
static int give_grouped(struct merge *m, const struct row_key *k)
{
	struct slot *s;
	struct cur c;
	int r = out_is(m, false);

	if (r == 0)
		r = find(m, k, &s);
	if (r)
		return r;
	c = s->rows.rows.cur;
	r = cur_take(&c, k->row)
		    ? jrn_get_row(&c, s->rows.schema, s->rows.rows.start, m->out, m->out->n)
		    : -EBADMSG;
	m->out->n++;
	number_rows(m, m->out->n - 1, run_of(k));
	if (r < 0) {
		batch_cut(m->out, m->out->n - 1); /* with what was read of it */
		return r;
	}
	return m->out->n == BATCH_ROWS ? give(m) : 0;
}

/* The next rows, all of one block; '*ret_n' is how many of 'k' they are. */
static int give_stored(struct merge *m, const struct row_key *k, size_t n, size_t *ret_n)
{
	uint32_t rows[BATCH_ROWS];
	struct dir_block *b = NULL;
	struct err err = {0};
	bool busy = false;
	size_t i, at;
	int r = out_is(m, true);

	for (i = 0; i < n && i < BATCH_ROWS - m->out->n && k[i].unit == k->unit &&
		    run_of(&k[i]) == run_of(k);
	     i++)
		rows[i] = k[i].row;
	*ret_n = i;
	if (r == 0)
		r = dir_block_get(&m->blocks, run_of(k), k->unit, m->blocks_since, &busy, &b);
	if (r == 0 && busy) {
		r = give(m);
		*ret_n = 0;
		return r;
	}
	if (r)
		return r;
	at = m->out->n;
	r = fseg_gather(b->f, m->out, rows, i, &err);
	if (r < 0) {
		m->out->n = at + i; /* columns before the damaged one have values */
		batch_cut(m->out, at);
		if (r != -ENOMEM)
			dir_block_bad(&m->blocks, b, &err);
		return r == -ENOMEM ? r : -EBADMSG;
	}
	number_rows(m, at, run_of(k));
	return m->out->n == BATCH_ROWS ? give(m) : 0;
}

static int give_keys(struct merge *m)
{
	char name[DIR_NAME_SIZE];
	size_t i, n;
	int r = 0;

	sort_keys(m);
	for (i = 0; i < m->n && r == 0; i += n) {
		const struct row_key *k = &m->keys[i];

		n = 1;
		if (!(k->unit & IN_GROUP)) {
			r = give_stored(m, k, m->n - i, &n);
			/* A column that was not needed before: it has been noted. */
			r = r == -EBADMSG ? 0 : r;
			continue;
		}
		r = give_grouped(m, k);
		if (r == -EBADMSG) {
			dir_note(m->d, "capture %s: a row cannot be read",
				 dir_name(&m->runs[run_of(k)], name));
			r = 0;
		}
	}
	return r ? r : give(m);
}

/* Has columns take codes that will do for the query, unless others are derived from their
 * values. */
static int code_columns(struct merge *m)
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

static int init(struct merge *m, const struct field_set *want)
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
	m->slots = calloc(SLOTS, sizeof(*m->slots));
	m->number = 1;
	m->blocks.d = m->d;
	m->blocks_since = 1;
	return !m->slots || flow_derive_new(&m->derive) < 0 ||
			       batch_new(&m->times, flow_schema(), &times) < 0 ||
			       batch_new(&m->out, flow_store_schema(), &all) < 0 ||
			       code_columns(m) < 0
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
	CLEANUP(merge_done) struct merge m = {.d = d, .req = req, .fn = fn, .arg = arg};
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
		r = list_run(&m, (uint32_t)i, err);
	m.blocks.alone = false;
	if (r == 0)
		r = give_keys(&m);
	if (d->n_missing)
		qsort(d->missing, d->n_missing, sizeof(*d->missing), by_serial);
	if (r < 0 && !err->code)
		dir_fail(r, err);
	return r < 0 ? r : 0;
}
