/* Rows of all runs, listed: when each begins and where it is. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "flow/flow_schema.h"
#include "run/dir_merge.h"

#define ROW_WORDS (FSEG_ROWS / 64)

/* ---- groups ---- */

/* Adds the rows of a group that the time range meets. */
static int list_group(struct dir_merge *m, uint32_t run, uint32_t group, struct store_rows *rows)
{
	const struct col *start = m->times->cols[FLOW_start], *last = m->times->cols[FLOW_last];
	struct row_key k = {.unit = group | DIR_IN_GROUP};
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
				r = row_keys_add(&m->keys, &k);
		}
	}
	if (r == -ENOMEM)
		return r;
	if (r < 0)
		dir_note(m->d, "capture %s: rows that were written together cannot be read: %s",
			 dir_name(&m->runs[run], name), r == -EBADMSG ? "damaged" : strerror(-r));
	return 0;
}

static int list_groups(struct dir_merge *m, uint32_t run)
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

/* ---- blocks ---- */

/* Lists chosen rows; the serials of a block are below those of runs. */
static int list_rows(struct dir_merge *m, struct dir_block *k, const uint64_t *rows,
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
				r = row_keys_add(&m->keys, &key);
				continue;
			}
			r = vec_reserve(&m->open, &m->size_open, m->n_open + 1, sizeof(*m->open));
			if (r == 0)
				m->open[m->n_open++] =
					(struct dir_open_row){v == 0 ? version.words[row] : 0, key};
		}
	}
	return r;
}

/* One block, one kind of rows.  -EBADMSG: it is damaged. */
static int list_block(struct dir_merge *m, struct dir_block *k, enum dir_which which,
		      struct err *err)
{
	uint64_t rows[ROW_WORDS];
	int64_t n;

	if (!dir_block_may(k, m->req->hints, which))
		return 0;
	n = dir_block_select(k, which, &m->wish, rows, err);
	if (n <= 0)
		return (int)n;
	if (which == DIR_ENDED && m->any_order)
		return dir_give_rows(m, k, rows, err);
	return list_rows(m, k, rows, which, err);
}

typedef int (*block_fn)(struct dir_merge *m, struct dir_block *k, enum dir_which which,
			struct err *err);

/* Calls 'fn' for a block.  '*ret_bad' becomes true: it cannot be read. */
static int one_block(struct dir_merge *m, uint32_t run, size_t block, enum dir_which which,
		     block_fn fn, bool *ret_bad)
{
	struct dir_block *k = NULL;
	struct err err = {0};
	int r = dir_block_get(&m->blocks, run, block, &k);

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
	return r == 0 && !dir_go_on(m->d) ? -ECANCELED : r;
}

/* Calls it for all that the time meets. */
static int each_block(struct dir_merge *m, uint32_t run, enum dir_which which, block_fn fn,
		      bool *ret_bad)
{
	const struct store_run *u = &m->runs[run];
	size_t i;
	int r = 0;

	for (i = 0; i < u->n_blocks && r == 0; i++)
		if (dir_meets(m, &u->blocks[i]))
			r = one_block(m, run, i, which, fn, ret_bad);
	return r;
}

static int by_version(const void *a, const void *b)
{
	const struct dir_open_row *x = a, *y = b;

	if (x->key.serial != y->key.serial)
		return x->key.serial < y->key.serial ? -1 : 1;
	if (x->version != y->version)
		return x->version > y->version ? -1 : 1;
	return (x->key.unit > y->key.unit) - (x->key.unit < y->key.unit);
}

/* Takes out those of which the block has the last version. */
static int forget_ended(struct dir_merge *m, struct dir_block *k, enum dir_which which,
			struct err *err)
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
static int list_open(struct dir_merge *m, uint32_t run)
{
	bool bad = false;
	size_t i, n = 0;
	int r;

	m->open_listed[run] = true;
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
			r = row_keys_add(&m->keys, &m->open[i].key);
	return r;
}

int dir_list_run(struct dir_merge *m, uint32_t run, struct err *err)
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
	if (r == 0 && m->any_order)
		r = each_block(m, run, DIR_ENDED, list_block, &bad);
	/* In a run that is whole all flows have ended. */
	if (r == 0 && (bad || u->state != STORE_FINISHED || u->rows_dropped || u->damaged))
		r = list_open(m, run);
	return r;
}

/* As block_fn. */
static int list_and_keep(struct dir_merge *m, struct dir_block *k, enum dir_which which,
			 struct err *err)
{
	size_t n = m->keys.n;
	int r = list_block(m, k, which, err);

	k->left = (uint32_t)(m->keys.n - n);
	if (!k->left)
		k->used = 0;
	return r;
}

int dir_list_block(struct dir_merge *m, uint32_t run, size_t block)
{
	bool bad = false;
	int r = one_block(m, run, block, DIR_ENDED, list_and_keep, &bad);

	return r == 0 && bad && !m->open_listed[run] ? list_open(m, run) : r;
}
