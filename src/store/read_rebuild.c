/* Working out again what a run does not have: rows and indexes of one that was killed before
 * rows of running flows were kept, indexes that are missing or torn.
 *
 * The packets of all segments go through a flow table, as those of a file do.  For a run
 * without rows the result stands for itself.  For one with rows only the indexes are
 * taken, and their flows are told by uuid which rows they are: a uuid is made of key and
 * start, which the packets still tell.  Where a limit on raw packets left long pauses
 * within a flow, its later packets come out as a flow of their own, which has no row:
 * they are not found, and the limit has been said. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/vec.h"
#include "flow/flow_derive.h"
#include "flow/flow_rows.h"
#include "flow/flow_schema.h"
#include "net/dec.h"
#include "store/read.h"

#define ASK_EVERY 4096 /* packets */

struct made_row {
	uint8_t uuid[16];
	uint64_t serial;
};

struct rebuild {
	struct store_read *r;
	size_t number;
	struct read_run *run;
	struct store_run *pub;
	bool whole; /* rows too */

	struct flow_table *table;
	struct flow_rows *rows;
	struct batch *batch;
	uint64_t packets;
	int64_t clock;

	struct buf out;             /* rows */
	struct store_group *groups; /* of them */
	size_t n_groups;
	struct made_row *made;
	size_t n_made;

	/* Of the segment at work. */
	struct pidx_ref *refs;
	size_t n_refs;
	struct pidx_span *spans;
	size_t n_spans;
	uint64_t end;
};

static void rebuild_done(struct rebuild *b)
{
	batch_free(b->batch);
	flow_rows_free(b->rows);
	flow_table_free(b->table);
	buf_done(&b->out);
	free(b->groups);
	free(b->made);
	free(b->refs);
	free(b->spans);
}

static const char *iface_name(void *arg, uint32_t iface)
{
	const struct rebuild *b = arg;

	return iface < b->pub->n_ifaces ? b->pub->ifaces[iface].name : NULL;
}

static uint64_t drops(void *arg, int64_t from, int64_t to)
{
	const struct rebuild *b = arg;
	uint64_t n = 0;
	size_t i;

	for (i = 0; i < b->pub->n_gaps; i++)
		if (b->pub->gaps[i].from <= to && b->pub->gaps[i].to >= from)
			n += b->pub->gaps[i].count;
	return n;
}

static int put_rows(struct rebuild *b)
{
	struct store_group *g;
	struct jrn_rows rows;
	struct rec rec;
	size_t at, pos;

	for (at = 0; at < b->batch->n;) {
		pos = b->out.len;
		at += jrn_put_rows(&b->out, b->batch, at, FLOW_start, FLOW_last);
		if (buf_err(&b->out) ||
		    rec_read((uint8_t *)b->out.p + pos, b->out.len - pos, &rec) <= 0 ||
		    jrn_get_rows(&rec, &rows) < 0)
			return -ENOMEM;
		g = read_append((void **)&b->groups, &b->n_groups, sizeof(*g));
		if (!g)
			return -ENOMEM;
		*g = (struct store_group){.at = pos,
					  .size = (uint32_t)(b->out.len - pos),
					  .rows = rows.n,
					  .start = rows.start,
					  .last = rows.last};
	}
	return 0;
}

static int put_uuids(struct rebuild *b)
{
	const struct col *c = b->batch->cols[FLOW_uuid];
	struct made_row *m;
	size_t i;

	for (i = 0; i < b->batch->n; i++) {
		m = read_append((void **)&b->made, &b->n_made, sizeof(*m));
		if (!m)
			return -ENOMEM;
		memcpy(m->uuid, c->v.id[i], 16);
		m->serial = b->batch->serial[i];
	}
	return 0;
}

static int take_rows(struct rebuild *b)
{
	int r = 0;

	flow_rows_sort(b->rows);
	while (r == 0 && flow_rows_take(b->rows, b->batch) > 0)
		r = b->whole ? put_rows(b) : put_uuids(b);
	return r;
}

static int add_refs(struct rebuild *b, const struct pkt *p, const struct flow_ref *refs, size_t n)
{
	struct pidx_span *s = b->n_spans ? &b->spans[b->n_spans - 1] : NULL;
	struct pidx_ref *to;
	size_t i;

	for (i = 0; i < n; i++) {
		to = read_append((void **)&b->refs, &b->n_refs, sizeof(*to));
		if (!to)
			return -ENOMEM;
		*to = (struct pidx_ref){refs[i].serial, (uint32_t)(p->off / PIDX_UNIT)};
	}
	if (!s || p->off - s->from >= PIDX_SPAN) {
		s = read_append((void **)&b->spans, &b->n_spans, sizeof(*s));
		if (!s)
			return -ENOMEM;
		*s = (struct pidx_span){.from = p->off, .min = p->ts, .max = p->ts};
	}
	b->end = p->off + PIDX_UNIT; /* a place within it is enough */
	s->to = b->end;
	s->packets++;
	s->min = p->ts < s->min ? p->ts : s->min;
	s->max = p->ts > s->max ? p->ts : s->max;
	return 0;
}

static int add_packet(struct rebuild *b, struct pkt *p)
{
	struct flow_ref refs[DEC_LEVELS_MAX];
	struct dec d[DEC_LEVELS_MAX];
	size_t n, i;
	int r;

	b->clock = b->packets && b->clock > p->ts ? b->clock : p->ts;
	p->clock = b->clock;
	p->number = ++b->packets;
	n = dec_frame(p->linktype, p->data, p->caplen, p->len, d);
	for (i = 0; i < n; i++)
		d[i].pkt = 0;
	while ((r = flow_table_add(b->table, d, n, p, refs)) == -EAGAIN) {
		r = take_rows(b);
		if (r < 0)
			return r;
	}
	return r < 0 ? r : add_refs(b, p, refs, n);
}

static int make_index(struct rebuild *b, struct store_segment *s)
{
	const struct pidx_info info = {.run = b->pub->id, .segment = s->number, .bytes = b->end};
	struct pidx_ref *tmp = reallocarray(NULL, b->n_refs + 1, sizeof(*tmp));
	size_t i;
	int r;

	if (!tmp)
		return -ENOMEM;
	pidx_sort(b->refs, tmp, b->n_refs);
	free(tmp);
	buf_done(&s->rebuilt);
	r = pidx_write(&s->rebuilt, &info, b->spans, b->n_spans, b->refs, b->n_refs);
	s->translated = !b->whole;
	s->known = b->n_spans > 0;
	for (i = 0; i < b->n_spans; i++) {
		s->min = !i || b->spans[i].min < s->min ? b->spans[i].min : s->min;
		s->max = !i || b->spans[i].max > s->max ? b->spans[i].max : s->max;
	}
	return r;
}

static bool has_index(struct store_read *r, size_t run, uint32_t number)
{
	CLEANUP(closep) int fd = read_open(r, run, number, LOCAL_INDEX);

	return fd >= 0;
}

static int read_segment(struct rebuild *b, size_t i, bool (*stop)(void *arg), void *arg,
			struct err *err)
{
	CLEANUP(store_seg_freep) struct store_seg *g = NULL;
	struct store_segment *s = &b->pub->segments[i];
	bool wanted = b->whole || s->distrusted || !has_index(b->r, b->number, s->number);
	struct pkt p;
	int r = store_seg_open(&g, b->r, b->number, i, err);

	if (r == -ENOENT) {
		read_note(b->r, b->number, "segment %" PRIu32 " is gone", s->number);
		return 0;
	}
	b->n_refs = b->n_spans = 0;
	b->end = 0;
	while (r == 0 && (r = store_seg_next(g, &p)) > 0) {
		r = add_packet(b, &p);
		if (r == 0 && b->packets % ASK_EVERY == 0 && stop && stop(arg))
			r = -ECANCELED;
	}
	if (r < 0)
		return r;
	if (store_seg_damaged(g))
		read_note(b->r, b->number, "segment %" PRIu32 " is damaged in %" PRIu64 " places",
			  s->number, store_seg_damaged(g));
	return wanted ? make_index(b, s) : 0;
}

static int by_uuid(const void *a, const void *b)
{
	return memcmp(((const struct made_row *)a)->uuid, ((const struct made_row *)b)->uuid, 16);
}

static int by_row(const void *a, const void *b)
{
	uint64_t x = ((const struct read_pair *)a)->row, y = ((const struct read_pair *)b)->row;

	return (x > y) - (x < y);
}

static int by_made(const void *a, const void *b)
{
	uint64_t x = ((const struct read_pair *)a)->made, y = ((const struct read_pair *)b)->made;

	return (x > y) - (x < y);
}

/* Finds the made flow of row 'row' of 'from'. */
static int pair_row(struct rebuild *b, const struct batch *from, size_t row)
{
	const struct col *u = from->cols[FLOW_uuid];
	const struct made_row *m;
	struct made_row key;
	struct read_pair *p;

	if (!col_has(u, row))
		return 0;
	memcpy(key.uuid, u->v.id[row], 16);
	m = b->n_made ? bsearch(&key, b->made, b->n_made, sizeof(key), by_uuid) : NULL;
	if (!m)
		return 0;
	p = read_append((void **)&b->run->pairs, &b->run->n_pairs, sizeof(*p));
	if (!p)
		return -ENOMEM;
	*p = (struct read_pair){from->serial[row], m->serial};
	return 0;
}

static int pair_group(struct rebuild *b, const struct store_rows *rows)
{
	struct cur c = rows->rows.cur;
	uint32_t i;
	int r = 0;

	for (i = 0; i < rows->rows.n && r == 0; i++) {
		batch_clear(b->batch);
		r = jrn_get_row(&c, rows->schema, rows->rows.start, b->batch, 0);
		if (r == 0)
			r = pair_row(b, b->batch, 0);
	}
	return r;
}

static int pair_groups(struct rebuild *b)
{
	struct store_rows rows = {.buf = BUF_INIT};
	size_t i;
	int r = 0;

	for (i = 0; i < b->pub->n_groups && r != -ENOMEM; i++) {
		r = store_read_rows(b->r, b->number, i, &rows);
		if (r == 0)
			r = pair_group(b, &rows);
	}
	buf_done(&rows.buf);
	return r == -ENOMEM ? r : 0;
}

/* The same for rows in columns, of which the uuid follows. */
struct blocks {
	struct buf buf;
	struct fseg *f;
	struct flow_derive *derive;
	struct batch *batch;
	struct field_set want;
};

static void blocks_done(struct blocks *k)
{
	buf_done(&k->buf);
	fseg_free(k->f);
	flow_derive_free(k->derive);
	batch_free(k->batch);
}

static int blocks_init(struct blocks *k)
{
	struct field_set needs;

	field_set_add(&k->want, FLOW_uuid);
	flow_derive_needs(&k->want, &needs);
	field_set_add(&needs, FLOW_uuid);
	if (fseg_new(&k->f, flow_store_schema()) < 0 || flow_derive_new(&k->derive) < 0)
		return -ENOMEM;
	return batch_new(&k->batch, flow_store_schema(), &needs);
}

static int pair_block(struct rebuild *b, struct blocks *k, size_t block)
{
	size_t size = b->pub->blocks[block].size, at = 0, i;
	int r, n;

	buf_clear(&k->buf);
	r = buf_reserve(&k->buf, size);
	if (r == 0)
		r = store_read_block(b->r, b->number, block, 0, size, k->buf.p);
	if (r == 0)
		r = fseg_open(k->f, (const uint8_t *)k->buf.p, size, NULL);
	while (r == 0 && (n = fseg_batch(k->f, k->batch, NULL, &at, NULL)) != 0) {
		if (n < 0)
			return n;
		flow_derive(k->derive, k->batch, &k->want);
		for (i = 0; i < k->batch->n && r == 0; i++)
			r = pair_row(b, k->batch, i);
	}
	return r;
}

static int pair_blocks(struct rebuild *b)
{
	CLEANUP(blocks_done) struct blocks k = {.buf = BUF_INIT};
	size_t i;
	int r = blocks_init(&k);

	for (i = 0; i < b->pub->n_blocks && r != -ENOMEM; i++)
		r = pair_block(b, &k, i);
	return r == -ENOMEM ? r : 0;
}

/* Finds the made flow of each stored row. */
static int pair(struct rebuild *b)
{
	struct read_run *u = b->run;
	size_t i, n = 0;
	int r;

	free(u->pairs);
	free(u->pairs_back);
	u->pairs = u->pairs_back = NULL;
	u->n_pairs = 0;
	if (b->n_made)
		qsort(b->made, b->n_made, sizeof(*b->made), by_uuid);
	r = pair_groups(b);
	if (r == 0)
		r = pair_blocks(b);
	if (r < 0 || !u->n_pairs)
		return r;
	u->pairs_back = reallocarray(NULL, u->n_pairs, sizeof(*u->pairs_back));
	if (!u->pairs_back)
		return -ENOMEM;
	qsort(u->pairs, u->n_pairs, sizeof(*u->pairs), by_row);
	for (i = 0; i < u->n_pairs; i++) /* each version of a row says the same */
		if (!n || u->pairs[n - 1].row != u->pairs[i].row)
			u->pairs[n++] = u->pairs[i];
	u->n_pairs = n;
	memcpy(u->pairs_back, u->pairs, n * sizeof(*u->pairs));
	qsort(u->pairs_back, n, sizeof(*u->pairs_back), by_made);
	return 0;
}

/* What was made of the packets becomes the run's own. */
static int install(struct rebuild *b)
{
	struct jrn_schema *s;
	struct rec rec;
	CLEANUP(buf_done) struct buf schema = BUF_INIT;

	jrn_put_schema(&schema, flow_schema());
	s = malloc(sizeof(*s));
	if (!s || buf_err(&schema) || rec_read((uint8_t *)schema.p, schema.len, &rec) <= 0 ||
	    jrn_get_schema(&rec, flow_schema(), s) < 0) {
		free(s);
		return -ENOMEM;
	}
	free(b->run->schemas);
	b->run->schemas = s;
	b->run->n_schemas = 1;
	free(b->run->groups);
	b->run->groups = b->groups;
	b->pub->groups = b->groups;
	b->pub->n_groups = b->n_groups;
	b->groups = NULL;
	buf_done(&b->run->rows);
	b->run->rows = b->out;
	b->out = BUF_INIT;
	b->pub->end = b->clock;
	b->pub->rebuilt = true;
	return 0;
}

static int init(struct rebuild *b, uint64_t max_memory, struct err *err)
{
	const struct flow_rows_env env = {.arg = b, .iface_name = iface_name, .drops = drops};
	struct flow_opts o = b->pub->flow;
	struct field_set want = {0};
	size_t f;
	int r;

	o.idle = o.idle ? o.idle : FLOW_IDLE_DEFAULT;
	o.hold = o.hold ? o.hold : FLOW_HOLD_DEFAULT;
	o.max_memory = max_memory;
	for (f = 0; f < FLOW_N_FIELDS; f++)
		if (b->whole || f == FLOW_uuid)
			field_set_add(&want, f);
	r = flow_table_new(&b->table, &o, err);
	if (r == 0)
		r = flow_rows_new(&b->rows, &b->table, 1, &env);
	if (r == 0)
		r = batch_new(&b->batch, flow_schema(), &want);
	return r;
}

static void say_evicted(const struct rebuild *b)
{
	struct flow_table_stats t;

	flow_table_stats(b->table, &t);
	if (t.evicted)
		read_note(b->r, b->number,
			  "%" PRIu64 " flows ended early to make room when they were worked out "
			  "again (--max-memory)",
			  t.evicted);
}

int store_read_rebuild(struct store_read *r, size_t run, uint64_t max_memory,
		       bool (*stop)(void *arg), void *arg, struct err *err)
{
	CLEANUP(rebuild_done)
	struct rebuild b = {
		.r = r,
		.number = run,
		.run = &r->runs[run],
		.pub = &r->pub[run],
		.whole = r->pub[run].state != STORE_FINISHED && !r->pub[run].has_versions,
	};
	size_t i;
	int code;

	if (b.run->tried)
		return 0;
	err->code = 0;
	code = init(&b, max_memory, err);
	for (i = 0; i < b.pub->n_segments && code == 0; i++)
		code = read_segment(&b, i, stop, arg, err);
	/* As live: flows that were idle for long when the run ended had timed out. */
	if (b.clock < b.pub->end)
		b.clock = b.pub->end;
	if (code == 0)
		code = flow_table_finish(b.table, b.clock);
	if (code == 0)
		code = take_rows(&b);
	if (code == 0)
		code = b.whole ? install(&b) : pair(&b);
	if (code == 0)
		say_evicted(&b);
	if (code == 0)
		b.run->tried = true;
	if (code < 0 && !err->code)
		err_set(err, code, "%s", code == -ENOMEM ? "out of memory" : strerror(-code));
	return code;
}

size_t store_read_translate(const struct store_read *r, size_t run, const uint64_t *serials,
			    size_t n, uint64_t *ret)
{
	const struct read_run *u = &r->runs[run];
	size_t i, m = 0;

	for (i = 0; i < n && u->n_pairs; i++) {
		const struct read_pair key = {.row = serials[i]};
		const struct read_pair *p =
			bsearch(&key, u->pairs, u->n_pairs, sizeof(key), by_row);

		if (p)
			ret[m++] = p->made;
	}
	if (m)
		qsort(ret, m, sizeof(*ret), vec_cmp_u64);
	return m;
}

void store_read_distrust(struct store_read *r, size_t run, size_t segment)
{
	r->pub[run].segments[segment].distrusted = true;
	r->runs[run].tried = false;
}

uint64_t store_read_translate_back(const struct store_read *r, size_t run, uint64_t serial)
{
	const struct read_run *u = &r->runs[run];
	const struct read_pair key = {.made = serial};
	const struct read_pair *p =
		u->n_pairs ? bsearch(&key, u->pairs_back, u->n_pairs, sizeof(key), by_made) : NULL;

	return p ? p->row : serial;
}
