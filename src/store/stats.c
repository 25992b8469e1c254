#include "store/stats.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "flow/flow_schema.h"
#include "fmt/fseg.h"
#include "store/read.h"

struct gather {
	struct store_stats *to;
	struct store *s;
	struct store_read *read;
	const struct store_stats_conf *conf;
	struct inventory files;
	const struct store_run *runs;
	size_t n_runs;
	uint64_t bytes; /* read */
	struct fseg *f;
	struct buf block;
};

static void gather_done(struct gather *g)
{
	store_read_free(g->read);
	inventory_done(&g->files);
	fseg_free(g->f);
	buf_done(&g->block);
}

void store_stats_done(struct store_stats *st)
{
	size_t i;

	for (i = 0; i < st->n; i++)
		free(st->captures[i].capture);
	free(st->captures);
	free(st->parts);
	*st = (struct store_stats){0};
}

static int go_on(struct gather *g)
{
	return g->conf->stop && g->conf->stop(g->conf->arg, g->bytes, g->files.bytes) ? -ECANCELED
										      : 0;
}

static int add_capture(struct gather *g, const char *name, struct store_sums **ret)
{
	struct store_sums *c;
	size_t i;

	for (i = 0; i < g->to->n; i++) {
		if (strcmp(g->to->captures[i].capture, name) == 0) {
			*ret = &g->to->captures[i];
			return 0;
		}
	}
	c = read_append((void **)&g->to->captures, &g->to->n, sizeof(*c));
	if (!c)
		return -ENOMEM;
	*c = (struct store_sums){.capture = strdup(name)};
	*ret = c;
	return c->capture ? 0 : -ENOMEM;
}

static int add_part(struct gather *g, const char *what, int field, uint64_t bytes, uint64_t values)
{
	struct store_stats *st = g->to;
	struct store_part *p = NULL;
	size_t i;

	for (i = 0; i < st->n_parts && !p; i++)
		if (st->parts[i].field == field && strcmp(st->parts[i].what, what) == 0)
			p = &st->parts[i];
	if (!p) {
		p = read_append((void **)&st->parts, &st->n_parts, sizeof(*p));
		if (!p)
			return -ENOMEM;
		*p = (struct store_part){.what = what, .field = field};
	}
	p->bytes += bytes;
	p->values += values;
	return 0;
}

/* How many rows have a number in a column, or a certain one.  Negative: cannot be told. */
static int64_t count_rows(struct fseg *f, enum flow_field field, uint64_t wanted, struct err *err)
{
	struct fseg_column c;
	int64_t n = 0;
	size_t i;
	int r = fseg_column(f, field, &c, err);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	for (i = 0; i < c.rows; i++)
		n += (!c.present || c.present[i / 64] >> i % 64 & 1) && c.words[i] == wanted;
	return n;
}

/* Each flow has one row that is its first version and, if it ended, one that is its last. */
static int add_block(struct gather *g, struct store_sums *to, size_t run, size_t block,
		     struct err *err)
{
	const struct store_run *u = &g->runs[run];
	struct fseg_part part;
	int64_t flows = 0;
	size_t i;
	const uint32_t size = u->blocks[block].size;
	int r = 0;

	buf_clear(&g->block);
	if (buf_reserve(&g->block, size) < 0)
		return -ENOMEM;
	r = store_read_block(g->read, run, block, 0, size, g->block.p);
	if (r < 0)
		return r;
	g->block.len = size;
	r = fseg_open(g->f, (const uint8_t *)g->block.p, size, err);
	if (r < 0)
		return r;
	g->bytes += g->block.len;
	flows = count_rows(g->f, u->state == STORE_FINISHED ? FLOW_ended : FLOW_version, 1, err);
	if (flows < 0)
		return (int)flows;
	to->rows += fseg_opened(g->f)->rows;
	to->flows += (uint64_t)flows;
	to->block_rows += fseg_opened(g->f)->rows;
	to->block_flows += (uint64_t)flows;
	to->blocks.n++;
	to->blocks.bytes += g->block.len;
	r = add_part(g, "heads", -1, fseg_opened(g->f)->dir, 0);
	for (i = 0; r == 0 && fseg_part(g->f, i, &part); i++)
		r = add_part(g, part.what, part.field, part.bytes, part.values);
	return r;
}

static void add_groups(struct store_sums *to, const struct store_run *u)
{
	size_t i;

	for (i = 0; i < u->n_groups; i++)
		to->rows += u->groups[i].rows;
	for (i = 0; i < u->n_groups; i++)
		to->flows += u->groups[i].rows;
}

static int add_rows(struct gather *g, struct store_sums *to, size_t run)
{
	const struct store_run *u = &g->runs[run];
	struct err err = {0};
	size_t i;
	int r = 0;

	add_groups(to, u);
	for (i = 0; i < u->n_blocks && r == 0; i++) {
		err.code = 0;
		r = add_block(g, to, run, i, &err);
		if (r < 0 && r != -ENOMEM) {
			read_note(g->read, run, "a block of flow segment %06u is not counted: %s",
				  u->blocks[i].file, err.code ? err.text : strerror(-r));
			r = 0;
		}
		if (r == 0)
			r = go_on(g);
	}
	return r;
}

/* Packets of a segment of which the journal does not tell. */
static int count_packets(struct gather *g, size_t run, size_t segment, uint64_t *ret)
{
	CLEANUP(store_seg_freep) struct store_seg *seg = NULL;
	const struct pidx *index = NULL;
	struct err err = {0};
	struct pkt p;
	uint64_t n = 0;
	int r = store_seg_open(&seg, g->read, run, segment, &err);

	if (r == -ENOENT)
		return 0;
	if (r == 0)
		r = store_seg_index(seg, NULL, 0, &index);
	if (r == 0 && index) {
		n = index->info.packets;
		store_seg_seek(seg, index->info.bytes);
	} else if (r == -ENOMEM || !seg) {
		return r;
	}
	while ((r = store_seg_next(seg, &p)) > 0)
		n++;
	*ret = n;
	return r;
}

/* A segment whose packets were counted, and what lies beside it. */
static void add_segment(struct gather *g, struct store_sums *to, size_t run,
			const struct store_segment *s, uint64_t packets)
{
	static const char *const ends[] = {LOCAL_INDEX, LOCAL_REFS};
	const int64_t size = read_size(g->read, run, s->number);
	struct stat st;
	size_t i;

	to->packets += packets;
	if (size < 0)
		return;
	to->counted.n++;
	to->counted.bytes += (uint64_t)size;
	for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		CLEANUP(closep) int fd = read_open(g->read, run, s->number, ends[i]);

		if (fd >= 0 && fstat(fd, &st) == 0)
			to->index_bytes += (uint64_t)st.st_size;
	}
}

static int add_packets(struct gather *g, struct store_sums *to, size_t run)
{
	const struct store_run *u = &g->runs[run];
	size_t i;
	int r = 0;

	for (i = 0; i < u->n_segments && r == 0; i++) {
		uint64_t n = u->segments[i].packets;
		bool counted = true;

		if (!u->segments[i].known) {
			n = 0;
			r = count_packets(g, run, i, &n);
			if (r < 0 && r != -ENOMEM) {
				read_note(g->read, run, "segment %06u is not counted: %s",
					  u->segments[i].number, strerror(-r));
				counted = false;
				r = 0;
			}
			if (r == 0)
				r = go_on(g);
		}
		if (counted)
			add_segment(g, to, run, &u->segments[i], n);
	}
	return r;
}

/* Runs come in the order of their starts. */
static void add_times(struct store_sums *to, const struct store_run *u)
{
	const int64_t end = u->end > u->start ? u->end : u->start;

	if (!to->runs || u->start > to->end)
		to->held += end - u->start;
	else if (end > to->end)
		to->held += end - to->end;
	if (!to->runs)
		to->start = u->start;
	if (!to->runs || end > to->end)
		to->end = end;
	to->runs++;
	to->running += u->state == STORE_RUNNING;
	to->killed += u->state == STORE_KILLED;
}

static int add_run(struct gather *g, size_t run)
{
	const struct store_run *u = &g->runs[run];
	struct store_sums *to;
	int r = add_capture(g, u->capture, &to);

	if (r < 0)
		return r;
	add_times(to, u);
	add_times(&g->to->all, u);
	r = add_packets(g, to, run);
	return r < 0 ? r : add_rows(g, to, run);
}

/* The capture whose folder a file lies in; NULL: none. */
static struct store_sums *capture_of(struct store_stats *st, const struct store_file *f)
{
	char name[LOCAL_NAME_SIZE];
	size_t i;

	for (i = 0; i < st->n && f->folder; i++) {
		local_escape(st->captures[i].capture, name);
		if (strncmp(f->path, name, strlen(name)) == 0 && f->path[strlen(name)] == '/')
			return &st->captures[i];
	}
	return NULL;
}

static void add_files(struct gather *g)
{
	size_t i;

	for (i = 0; i < g->files.n; i++) {
		const struct store_file *f = &g->files.v[i];
		struct store_sums *c = capture_of(g->to, f);

		if (c) {
			c->files[f->kind].n++;
			c->files[f->kind].bytes += f->bytes;
		}
		g->to->all.files[f->kind].n++;
		g->to->all.files[f->kind].bytes += f->bytes;
	}
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct store_sums *)a)->capture,
		      ((const struct store_sums *)b)->capture);
}

static int by_bytes(const void *a, const void *b)
{
	const struct store_part *x = a, *y = b;

	if (x->bytes != y->bytes)
		return x->bytes > y->bytes ? -1 : 1;
	return (x->field > y->field) - (x->field < y->field);
}

static void sum_up(struct store_stats *st)
{
	struct store_sums *all = &st->all;
	size_t i;

	for (i = 0; i < st->n; i++) {
		const struct store_sums *c = &st->captures[i];

		all->packets += c->packets;
		all->counted.n += c->counted.n;
		all->counted.bytes += c->counted.bytes;
		all->index_bytes += c->index_bytes;
		all->block_rows += c->block_rows;
		all->block_flows += c->block_flows;
		all->rows += c->rows;
		all->flows += c->flows;
		all->blocks.n += c->blocks.n;
		all->blocks.bytes += c->blocks.bytes;
	}
	if (st->n)
		qsort(st->captures, st->n, sizeof(*st->captures), by_name);
	if (st->n_parts)
		qsort(st->parts, st->n_parts, sizeof(*st->parts), by_bytes);
}

int store_stats_new(struct store_stats *ret, struct store *s, const struct store_stats_conf *conf,
		    struct err *err)
{
	struct store_stats st = {0};
	CLEANUP(gather_done) struct gather g = {.to = &st, .s = s, .conf = conf};
	size_t i;
	int r = inventory_new(&g.files, s, err);

	if (r == 0)
		r = store_read_new(&g.read, s, conf->note, conf->arg, err);
	if (r < 0)
		return r;
	g.runs = store_read_runs(g.read, &g.n_runs);
	r = fseg_new(&g.f, flow_store_schema());
	for (i = 0; i < g.n_runs && r == 0; i++)
		r = add_run(&g, i);
	if (r < 0) {
		store_stats_done(&st);
		return err_set(err, r, "%s",
			       r == -ECANCELED ? "stopped before the end" : strerror(-r));
	}
	add_files(&g);
	sum_up(&st);
	*ret = st;
	return 0;
}
