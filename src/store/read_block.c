/* Where rows are: blocks of flow segments, and the tails of those to come. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/num.h"
#include "fmt/fseg.h"
#include "store/file_number.h"
#include "store/read.h"
#include "store/window.h"

uint32_t read_number_of(const char *name, uint64_t id, const char *end)
{
	uint64_t run;
	const char *rest = local_run_of(name, &run);

	return rest && run == id && *rest == '-' ? file_number_before(rest + 1, end) : 0;
}

int read_exactly(int fd, void *to, size_t n, uint64_t at)
{
	size_t got = 0;

	while (got < n) {
		ssize_t k = pread(fd, (char *)to + got, n - got, (off_t)(at + got));

		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			return k < 0 ? -errno : -EBADMSG;
		got += (size_t)k;
	}
	return 0;
}

static int add_block(struct store_read *r, size_t run, const struct store_block *b)
{
	struct read_run *u = &r->runs[run];
	struct store_block *to = read_append((void **)&u->blocks, &u->pub->n_blocks, sizeof(*to));

	u->pub->blocks = u->blocks;
	if (!to)
		return -ENOMEM;
	*to = *b;
	return 0;
}

/* Where behind damage at 'at' the next good block is; the file's size: none. */
static uint64_t next_good(struct window *w, uint64_t at)
{
	struct fseg_head h;
	const uint8_t *p;

	for (at++; (p = window_get(w, at, FSEG_HEAD)); at++)
		if (fseg_head(p, FSEG_HEAD, &h) == 0)
			return at;
	return w->size;
}

/* Adds the blocks of a file from the one at 'at' on.  Returns how many. */
static int64_t walk(struct store_read *r, size_t run, uint32_t number, bool tail, int fd,
		    uint64_t at)
{
	CLEANUP(window_done) struct window w = {.fd = fd};
	const uint8_t *p;
	struct stat st;
	int64_t n = 0;
	int code = 0;

	if (fstat(fd, &st) < 0)
		return -errno;
	w.size = (uint64_t)st.st_size;
	p = window_get(&w, 0, FSEG_MAGIC);
	if (!p || fseg_check_magic(p, FSEG_MAGIC) < 0) {
		if (w.size >= FSEG_MAGIC)
			read_note(r, run, "%s %06" PRIu32 " is none",
				  tail ? "the tail" : "flow segment", number);
		return 0;
	}
	while (code == 0 && at < w.size) {
		struct store_block b = {.file = number, .tail = tail, .at = at};
		struct fseg_head h;

		p = window_get(&w, at, FSEG_HEAD);
		code = p ? fseg_head(p, FSEG_HEAD, &h) : -ENODATA;
		if (code == -ENODATA || ((code == 0 || code == -EPROTO) && h.size > w.size - at))
			break; /* what a killed writer left */
		if (code == -EPROTO) {
			read_note(r, run, "rows of a later version are not read");
			at += h.size;
			code = 0;
			continue;
		}
		if (code < 0) {
			uint64_t next = next_good(&w, at);

			read_note(r, run, "%s %06" PRIu32 " is damaged at %" PRIu64 "%s",
				  tail ? "the tail" : "flow segment", number, at,
				  next < w.size ? "" : ": what follows is lost");
			at = next;
			code = 0;
			continue;
		}
		b.size = h.size;
		b.rows = h.rows;
		b.start = h.start;
		b.last = h.last;
		n++;
		code = add_block(r, run, &b);
		at += h.size;
	}
	return code == -ENODATA ? n : code < 0 ? code : n;
}

/* Not the caller's to close. */
static int tail_of(struct store_read *r, size_t run, uint32_t number)
{
	const struct read_run *u = &r->runs[run];
	size_t i;

	for (i = 0; i < u->n_tails; i++)
		if (u->tails[i].number == number)
			return u->tails[i].fd;
	return u->locked ? -ENOENT : read_file_of(r, run, number, LOCAL_TAIL);
}

static int add_tail(struct store_read *r, size_t run, uint32_t number)
{
	struct read_run *u = &r->runs[run];
	int fd = tail_of(r, run, number);
	struct read_tail *t;
	int64_t n;

	if (fd < 0 && u->locked) {
		fd = read_open(r, run, number, LOCAL_TAIL);
		if (fd < 0)
			return 0;
		t = read_append((void **)&u->tails, &u->n_tails, sizeof(*t));
		if (!t) {
			close(fd);
			return -ENOMEM;
		}
		*t = (struct read_tail){number, fd};
	}
	if (fd < 0)
		return 0;
	n = walk(r, run, number, true, fd, FSEG_MAGIC);
	return n < 0 ? (int)n : 0;
}

/* A writer has the tail of the block behind the last one, and, while its disk takes no
 * blocks, others behind it. */
static int add_tails(struct store_read *r, size_t run, const struct read_names *names)
{
	const struct read_run *u = &r->runs[run];
	uint32_t next = u->last_block + 1, number;
	int code = add_tail(r, run, next);
	size_t i;

	for (i = 0; i < names->n && code == 0; i++) {
		number = read_number_of(names->v[i], u->pub->id, LOCAL_TAIL);
		if (number > next)
			code = add_tail(r, run, number);
	}
	return code;
}

/* The journal does not tell of all blocks: the files do. */
static int find_blocks(struct store_read *r, size_t run, const struct read_names *names)
{
	struct read_run *u = &r->runs[run];
	uint32_t number;
	int64_t n = 0;
	size_t i;

	u->pub->n_blocks = 0;
	free(u->blocks);
	u->blocks = NULL;
	u->pub->blocks = NULL;
	for (i = 0; i < names->n && n >= 0; i++) {
		CLEANUP(closep) int fd = -1;

		number = read_number_of(names->v[i], u->pub->id, LOCAL_ROWS);
		fd = number ? read_open(r, run, number, LOCAL_ROWS) : -1;
		n = fd < 0 ? 0 : walk(r, run, number, false, fd, FSEG_MAGIC);
		if (n > 0 && number + (uint32_t)n - 1 > u->last_block)
			u->last_block = number + (uint32_t)n - 1;
	}
	return n < 0 ? (int)n : 0;
}

/* Blocks behind the last one that the journal tells: a moment ago they were written, and it was
 * not yet, or its last record is torn. */
static int add_untold(struct store_read *r, size_t run)
{
	struct read_run *u = &r->runs[run];
	const struct store_block *last = u->pub->n_blocks ? &u->blocks[u->pub->n_blocks - 1] : NULL;
	const uint32_t file = last ? last->file : 0;
	const uint64_t end = last ? last->at + last->size : 0;
	int64_t n = 0;
	int k;

	for (k = 0; k < 2 && n >= 0; k++) {
		const uint32_t number = k ? u->last_block + 1 : file;
		CLEANUP(closep) int fd = number ? read_open(r, run, number, LOCAL_ROWS) : -1;

		n = fd < 0 ? 0 : walk(r, run, number, false, fd, k ? FSEG_MAGIC : end);
		u->last_block += n > 0 ? (uint32_t)n : 0;
	}
	return n < 0 ? (int)n : 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(a, *(char *const *)b);
}

/* One that came after the folder was listed is there as well.  What is no file is there, too: it
 * cannot be read. */
static bool has_rows(struct store_read *r, size_t run, const struct read_names *names,
		     uint32_t number)
{
	CLEANUP(closep) int fd = -1;
	char name[64];

	snprintf(name, sizeof(name), "%016" PRIx64 "-%06" PRIu32 LOCAL_ROWS, r->pub[run].id,
		 number);
	if (names->n && bsearch(name, names->v, names->n, sizeof(*names->v), by_name))
		return true;
	fd = read_open(r, run, number, LOCAL_ROWS);
	return fd >= 0 || fd == -EBADMSG;
}

void read_gone_add(struct store_gone *g, uint64_t n, int64_t from, int64_t to)
{
	g->from = g->n && g->from < from ? g->from : from;
	g->to = g->n && g->to > to ? g->to : to;
	g->n += n;
}

/* Takes out the blocks whose files are gone: the first ones were removed, others are
 * missed. */
static void drop_gone(struct store_read *r, size_t run, const struct read_names *names)
{
	struct read_run *u = &r->runs[run];
	struct store_run *pub = u->pub;
	uint32_t file = 0;
	bool here = false;
	size_t i, n = 0;

	for (i = 0; i < pub->n_blocks; i++) {
		const struct store_block *b = &u->blocks[i];

		if (b->file != file)
			here = has_rows(r, run, names, b->file);
		if (!here && n && b->file != file) {
			pub->damaged = true; /* rows do not tell of all flows */
			read_note(r, run, "flow segment %06" PRIu32 " is missing", b->file);
		}
		file = b->file;
		if (here) {
			u->blocks[n++] = *b;
			continue;
		}
		if (!n)
			read_gone_add(&pub->rows_gone, b->rows, b->start, b->last);
	}
	pub->n_blocks = n;
}

/* Rows and packets may be of a later time than the last beat, or the end: the clock was set
 * back. */
static void set_end(struct store_run *pub)
{
	size_t i;

	for (i = 0; i < pub->n_blocks; i++)
		if (pub->blocks[i].last != INT64_MAX && pub->blocks[i].last > pub->end)
			pub->end = pub->blocks[i].last;
}

static int add_gap(struct read_run *u, const struct store_gone *g, enum store_why why)
{
	struct store_gap *to;

	to = read_append((void **)&u->gaps, &u->pub->n_gaps, sizeof(*to));
	if (!to)
		return -ENOMEM;
	*to = (struct store_gap){STORE_IFACE_ALL, g->from, g->to, why, g->n};
	u->pub->gaps = u->gaps;
	return 0;
}

/* The segment that a killed writer left unfinished, of which its last beat tells: 'rest' are
 * all packets but its own. */
static void miss_last(struct store_read *r, size_t run, uint64_t rest)
{
	struct store_run *pub = r->runs[run].pub;
	struct store_gone *g = &pub->packets_gone;
	const uint64_t n = pub->kept - rest;

	if (pub->n_segments)
		read_note(r, run, "the last segment is missing, with %" PRIu64 " packet%s", n,
			  num_s(n));
	else
		read_gone_add(g, n, g->n ? g->to : pub->start, pub->end);
}

/* Segments that are not there though the journal does not say that they were. */
static int find_gone(struct store_read *r, size_t run)
{
	struct read_run *u = &r->runs[run];
	struct store_run *pub = u->pub;
	const struct store_segment *first = NULL;
	uint64_t told = pub->packets_gone.n + u->missed;
	bool all = true;
	size_t i;

	for (i = 0; i < pub->n_segments; i++) {
		const struct store_segment *s = &pub->segments[i];

		first = !first || s->number < first->number ? s : first;
		told += s->known ? s->packets : 0;
		all &= s->known;
	}
	if (u->n_odd)
		return 0; /* it was said what cannot be read, and nobody knows what that is */
	if (pub->state == STORE_KILLED && all && pub->kept > told) {
		miss_last(r, run, told);
	} else if (first && first->number > u->gone + 1) {
		/* Removed before the journal could tell of them: nobody knows how many packets. */
		struct store_gone g = {
			.from = pub->packets_gone.n ? pub->packets_gone.to : pub->start,
			.to = first->known ? first->min : pub->end,
		};

		g.from = g.from < g.to ? g.from : g.to;
		return add_gap(u, &g, STORE_WHY_REMOVED);
	}
	return 0;
}

int read_gone(struct store_read *r, size_t run)
{
	struct read_run *u = &r->runs[run];
	int code = find_gone(r, run);

	if (code == 0 && u->pub->packets_gone.n)
		code = add_gap(u, &u->pub->packets_gone, STORE_WHY_REMOVED);
	if (code == 0 && u->pub->rows_gone.n)
		code = add_gap(u, &u->pub->rows_gone, STORE_WHY_REMOVED_ROWS);
	return code;
}

/* Whether a killed run's tail is less than was acknowledged. */
static void check_tail(struct store_read *r, size_t run)
{
	struct read_run *u = &r->runs[run];
	struct stat st;
	int fd;

	if (!u->tail || u->tail <= u->last_block)
		return; /* its rows are in a block */
	fd = u->tail > UINT32_MAX ? -1 : tail_of(r, run, (uint32_t)u->tail);
	if (fd >= 0 && fstat(fd, &st) == 0 && (uint64_t)st.st_size >= u->tail_bytes)
		return;
	u->pub->damaged = true;
	read_note(r, run, "the tail %06" PRIu64 " %s", u->tail,
		  fd < 0 ? "is missing, with the last rows" : "has lost its end");
}

int read_blocks(struct store_read *r, size_t run, const struct read_names *names)
{
	struct read_run *u = &r->runs[run];
	int code = 0;

	if (!u->pub->has_versions)
		return 0;
	u->pub->damaged = u->damaged;
	if (u->damaged)
		code = find_blocks(r, run, names);
	else
		drop_gone(r, run, names);
	if (code == 0 && u->pub->state != STORE_FINISHED && !u->damaged)
		code = add_untold(r, run);
	if (code == 0 && u->pub->state != STORE_FINISHED)
		code = add_tails(r, run, names);
	if (code == 0 && u->pub->state == STORE_KILLED)
		check_tail(r, run);
	if (code == 0)
		set_end(u->pub);
	return code;
}

int read_file_of(struct store_read *r, size_t run, uint32_t number, const char *end)
{
	const char kind = number ? end[1] : '\0';
	struct read_file *f = &r->files[(run * 31 + number + (uint8_t)kind) % r->n_files];
	int fd;

	if (f->run == run + 1 && f->number == number && f->kind == kind)
		return f->fd;
	fd = read_open(r, run, number, end);
	if (fd < 0)
		return fd;
	if (f->run)
		close(f->fd);
	*f = (struct read_file){.run = run + 1, .number = number, .kind = kind, .fd = fd};
	return fd;
}

int store_read_block(struct store_read *r, size_t run, size_t block, size_t at, size_t n, void *ret)
{
	const struct store_block *b = &r->pub[run].blocks[block];
	int fd = b->tail ? tail_of(r, run, b->file) : read_file_of(r, run, b->file, LOCAL_ROWS);

	if (at > b->size || n > b->size - at)
		return -EBADMSG;
	return fd < 0 ? fd : read_exactly(fd, ret, n, b->at + at);
}
