/* Rows of all runs, given. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "flow/flow_derive.h"
#include "run/dir_merge.h"

#define GROWTH 4 /* of batches, from the first on */

static uint64_t count(const struct batch *b, enum flow_field f, size_t row)
{
	return col_has(b->cols[f], row) ? b->cols[f]->v.u64[row] : 0;
}

/* Packets of a row's flow that were not kept. */
static uint64_t missing_of(const struct dir_merge *m, size_t row)
{
	uint64_t all, raw;

	if (m->out_stored)
		return count(m->out, FLOW_raw_missing, row);
	all = count(m->out, FLOW_ab_packets, row) + count(m->out, FLOW_ba_packets, row);
	raw = count(m->out, FLOW_raw_packets, row);
	return raw < all ? all - raw : 0;
}

/* Remembers flows of which packets are missing. */
static int look_for_missing(struct dir_merge *m)
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
static int give(struct dir_merge *m)
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
	return r;
}

/* Stored rows and others do not go into one batch. */
static int out_is(struct dir_merge *m, bool stored)
{
	int r = m->out->n && m->out_stored != stored ? give(m) : 0;

	m->out_stored = stored;
	return r;
}

static void number_rows(struct dir_merge *m, size_t from, uint32_t run)
{
	for (; from < m->out->n; from++)
		m->out->serial[from] |= (uint64_t)run << DIR_SERIAL_BITS;
}

/* ---- as they stand ---- */

/* Codes of rows of one block are the same in all of its batches. */
static void name_codes(struct dir_merge *m, const struct dir_block *k)
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
static int next_rows(struct dir_merge *m, struct dir_block *k, const uint64_t *rows, size_t *at,
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
int dir_give_rows(struct dir_merge *m, struct dir_block *k, const uint64_t *rows, struct err *err)
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

/* ---- in order ---- */

/* The group of a key in memory; what the batch refers to stays. */
static int find(struct dir_merge *m, const struct row_key *k, struct dir_slot **ret)
{
	uint32_t group = k->unit & ~DIR_IN_GROUP, run = dir_run_of(k);
	struct dir_slot *s = &m->slots[(run * 31 + group) % DIR_SLOTS];
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
static int give_grouped(struct dir_merge *m, const struct row_key *k)
{
	struct dir_slot *s;
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
	number_rows(m, m->out->n - 1, dir_run_of(k));
	if (r < 0) {
		batch_cut(m->out, m->out->n - 1); /* with what was read of it */
		return r;
	}
	return m->out->n == BATCH_ROWS ? give(m) : 0;
}

/* One part of the next rows, behind what is in 'out'; 'to[]' becomes where each is. */
static int gather(struct dir_merge *m, size_t part, uint16_t *to)
{
	struct dir_part *p = &m->parts[part];
	size_t at = m->out->n, n = 0, i;
	uint32_t rows[BATCH_ROWS];
	struct err err = {0};
	int r = dir_block_get(&m->blocks, p->run, p->number, &p->block);

	if (r < 0)
		return r;
	for (i = 0; i < m->n_next; i++) {
		if (m->part_of[i] != part)
			continue;
		to[i] = (uint16_t)(at + n);
		rows[n++] = m->next[i].row;
	}
	r = fseg_gather(p->block->f, m->out, rows, n, &err);
	if (r < 0) {
		m->out->n = at + n; /* columns before the damaged one have values */
		batch_cut(m->out, at);
		if (r != -ENOMEM)
			dir_block_bad(&m->blocks, p->block, &err);
		p->block = NULL;
		return r == -ENOMEM ? r : -EBADMSG;
	}
	number_rows(m, at, p->run);
	return 0;
}

/* Blocks of which all rows are given make room for others. */
static void leave_blocks(struct dir_merge *m)
{
	size_t i;

	for (i = 0; i < m->n_parts; i++) {
		struct dir_block *k = m->parts[i].block;

		if (!k || k->left == UINT32_MAX)
			continue;
		k->left -= m->parts[i].n < k->left ? m->parts[i].n : k->left;
		if (!k->left)
			k->used = 0;
	}
}

/* Gives the next rows: block by block into the batch, then in order. */
static int give_next(struct dir_merge *m)
{
	uint16_t to[BATCH_ROWS], from[BATCH_ROWS];
	bool bad[DIR_BLOCKS] = {false};
	size_t i, n = 0;
	int r;

	if (!m->n_next)
		return 0;
	r = out_is(m, true);
	for (i = 0; i < m->n_parts && r == 0; i++) {
		r = gather(m, i, to);
		/* A column that was not needed before: it has been noted. */
		bad[i] = r == -EBADMSG;
		r = bad[i] ? 0 : r;
	}
	for (i = 0; i < m->n_next; i++)
		if (!bad[m->part_of[i]])
			from[n++] = to[i];
	if (r == 0) {
		if (m->n_parts > 1)
			batch_order(m->out, from);
		r = give(m);
		leave_blocks(m);
	}
	m->n_next = m->n_parts = 0;
	m->max_next = m->max_next < BATCH_ROWS / GROWTH ? m->max_next * GROWTH : BATCH_ROWS;
	return r;
}

/* The part that a key belongs to, the last one first: rows that follow each other mostly are in
 * one block.  DIR_BLOCKS: there is no room for another. */
static size_t find_part(struct dir_merge *m, const struct row_key *k)
{
	uint32_t run = dir_run_of(k);
	size_t i;

	if (m->n_next) {
		i = m->part_of[m->n_next - 1];
		if (m->parts[i].number == k->unit && m->parts[i].run == run)
			return i;
	}
	for (i = 0; i < m->n_parts; i++)
		if (m->parts[i].number == k->unit && m->parts[i].run == run)
			return i;
	if (i < DIR_BLOCKS)
		m->parts[m->n_parts++] = (struct dir_part){.run = run, .number = k->unit};
	return i;
}

static int give_stored(struct dir_merge *m, const struct row_key *k)
{
	size_t part = find_part(m, k);
	int r = 0;

	if (part == DIR_BLOCKS) {
		r = give_next(m);
		part = find_part(m, k);
	}
	m->parts[part].n++;
	m->part_of[m->n_next] = (uint8_t)part;
	m->next[m->n_next++] = *k;
	return r == 0 && m->n_next >= m->max_next ? give_next(m) : r;
}

static int give_key(struct dir_merge *m, const struct row_key *k)
{
	char name[DIR_NAME_SIZE];
	int r;

	if (!(k->unit & DIR_IN_GROUP))
		return give_stored(m, k);
	r = give_next(m);
	if (r == 0)
		r = give_grouped(m, k);
	if (r != -EBADMSG)
		return r;
	dir_note(m->d, "capture %s: a row cannot be read", dir_name(&m->runs[dir_run_of(k)], name));
	return 0;
}

int dir_give_keys(struct dir_merge *m)
{
	const struct row_key *k;
	size_t i, n;
	int r = 0;

	while (r == 0 && (k = row_keys_next(&m->keys, &n)))
		for (i = 0; i < n && r == 0; i++)
			r = give_key(m, &k[i]);
	return r;
}

int dir_give_rest(struct dir_merge *m)
{
	int r = give_next(m);

	return r ? r : give(m);
}
