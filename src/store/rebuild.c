#include "store/rebuild.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/crc32c.h"
#include "fmt/pidx.h"
#include "store/catalogue.h"
#include "store/check.h"
#include "store/inventory.h"
#include "store/read.h"
#include "store/window.h"

#define NAME_SIZE  (4 * 256)
#define INDEX_MAX  (INT64_C(1) << 30)
#define SUM_BYTES  (64u << 10)
#define LEVEL_MASK UINT64_C(7) /* low bits of a serial: 0 for the outermost flow */

/* A segment that wants an index. */
struct want {
	size_t run, segment; /* of the reader */
	bool broken;         /* there is one, which is no good */
	bool done;
};

struct rebuild {
	struct store *s;
	struct local *l;
	const struct store_rebuild_conf *conf;
	struct store_rebuild_sum *sum;
	struct store_read *read;
	struct err *err;

	/* What was found: names of files; owned, as all below. */
	char **index, **useless;
	size_t n_index, n_useless;
	int failed; /* -ENOMEM of a callback */
	struct want *wants;
	size_t n_wants;
};

static void names_done(char **v, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		free(v[i]);
	free(v);
}

static void rebuild_done(struct rebuild *b)
{
	store_read_free(b->read);
	names_done(b->index, b->n_index);
	names_done(b->useless, b->n_useless);
	free(b->wants);
}

static void tell(struct rebuild *b, enum store_rebuilt what, const char *file, int code)
{
	b->sum->made += what == STORE_MADE;
	b->sum->removed += what == STORE_REMOVED;
	b->sum->failed += what == STORE_FAILED;
	b->conf->done(b->conf->arg, what, file, code);
}

static void add_name(struct rebuild *b, char ***v, size_t *n, const char *name)
{
	char **to;
	size_t i;

	for (i = 0; i < *n; i++)
		if (strcmp((*v)[i], name) == 0)
			return;
	to = read_append((void **)v, n, sizeof(*to));
	if (to)
		*to = strdup(name);
	if (!to || !*to) {
		*n -= to != NULL;
		b->failed = -ENOMEM;
	}
}

static void found(void *arg, const struct store_finding *f)
{
	struct rebuild *b = arg;

	if (f->remedy == STORE_MAKE_INDEX) {
		add_name(b, &b->index, &b->n_index, f->file);
	} else if (f->remedy == STORE_REMOVE_FILE) {
		add_name(b, &b->useless, &b->n_useless, f->file);
	} else if (f->remedy != STORE_MAKE_CATALOGUE) {
		b->sum->damage += f->kind == STORE_DAMAGE;
		b->sum->unseen += f->kind == STORE_UNSEEN;
	}
}

static bool stop(void *arg)
{
	struct rebuild *b = arg;

	return b->conf->stop && b->conf->stop(b->conf->arg, 0, 0);
}

static bool check_stop(void *arg, uint64_t bytes, uint64_t total)
{
	struct rebuild *b = arg;

	return b->failed || (b->conf->stop && b->conf->stop(b->conf->arg, bytes, total));
}

static int look(struct rebuild *b)
{
	const struct store_check_conf conf = {.found = found, .stop = check_stop, .arg = b};
	struct store_checked sum;
	int r = store_check(b->s, &conf, &sum, b->err);

	return b->failed ? err_set(b->err, -ENOMEM, "out of memory") : r;
}

/* ---- indexes ---- */

static void name_of(const struct rebuild *b, const struct want *w, const char *end,
		    char ret[NAME_SIZE])
{
	const struct store_run *u = b->read->runs[w->run].pub;

	snprintf(ret, NAME_SIZE, "%s/%016" PRIx64 "-%06" PRIu32 "%s", b->read->runs[w->run].folder,
		 u->id, u->segments[w->segment].number, end);
}

/* The segment that a file lies beside. */
static int add_want(struct rebuild *b, const char *file)
{
	const char *dot = strrchr(file, '.');
	char name[NAME_SIZE];
	struct want *to;
	size_t i, k;

	for (i = 0; i < b->read->n; i++) {
		const struct store_run *u = b->read->runs[i].pub;
		const size_t n = strlen(b->read->runs[i].folder);

		if (strncmp(file, b->read->runs[i].folder, n) != 0 || file[n] != '/')
			continue;
		for (k = 0; k < u->n_segments; k++) {
			const struct want w = {.run = i, .segment = k};

			name_of(b, &w, "", name);
			if (strlen(name) != (size_t)(dot - file) ||
			    strncmp(name, file, strlen(name)) != 0)
				continue;
			to = read_append((void **)&b->wants, &b->n_wants, sizeof(*to));
			if (!to)
				return -ENOMEM;
			*to = w;
			to->broken = strcmp(dot, LOCAL_INDEX) == 0 &&
				     faccessat(b->l->dir_fd, file, F_OK, 0) == 0;
			return 0;
		}
	}
	return 0;
}

static int write_durably(int fd, const void *p, size_t n)
{
	int r = fd_write_all(fd, p, n);

	if (r < 0)
		return r;
	return fdatasync(fd) < 0 && errno != EINVAL && errno != ENOSYS ? -errno : 0;
}

/* The segment is on the disk before its index has a name, which says so. */
static int sync_segment(const struct rebuild *b, const struct want *w)
{
	CLEANUP(closep)
	int fd = read_open(b->read, w->run, b->read->pub[w->run].segments[w->segment].number,
			   LOCAL_SEGMENT);

	if (fd < 0)
		return fd;
	return fdatasync(fd) < 0 && errno != EINVAL && errno != ENOSYS && errno != EROFS ? -errno
											 : 0;
}

/* Hidden until it is whole. */
static int put_index(struct rebuild *b, const struct want *w, const uint8_t *p, size_t n)
{
	const struct store_files *f = &b->l->files;
	char tmp[NAME_SIZE], name[NAME_SIZE];
	int fd, r;

	name_of(b, w, LOCAL_INDEX LOCAL_TMP, tmp);
	name_of(b, w, LOCAL_INDEX, name);
	f->unlink(f->arg, tmp);
	fd = r = f->create(f->arg, tmp);
	if (fd >= 0) {
		r = write_durably(fd, p, n);
		if (close(fd) < 0 && r == 0)
			r = -errno;
		if (r == 0)
			r = sync_segment(b, w);
		if (r == 0)
			r = f->rename(f->arg, tmp, name);
		if (r < 0)
			f->unlink(f->arg, tmp);
	}
	if (r == -ENOMEM)
		return r;
	tell(b, r < 0 ? STORE_FAILED : STORE_MADE, name, r);
	if (r < 0)
		return 0;
	/* What was written until there was an index. */
	name_of(b, w, LOCAL_REFS, name);
	if (f->unlink(f->arg, name) == 0)
		tell(b, STORE_REMOVED, name, 0);
	return 0;
}

/* Of what the writer had told of the packets.  0, or -ENOENT: that is not all. */
static int index_of_refs(struct rebuild *b, struct want *w)
{
	CLEANUP(store_seg_freep) struct store_seg *g = NULL;
	const struct pidx *x = NULL;
	struct err err;
	int r = store_seg_open(&g, b->read, w->run, w->segment, &err);

	if (r == 0)
		r = store_seg_index(g, NULL, 0, &x);
	if (r == -ENOMEM)
		return r;
	if (r < 0 || !x)
		return -ENOENT;
	w->done = true;
	return put_index(b, w, x->p, x->size);
}

struct refs {
	const struct rebuild *b;
	const struct read_run *run;
	struct pidx_ref *v;
	size_t n;
	uint64_t above; /* serials from here on are of no row */
};

static int by_made(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = ((const struct read_pair *)b)->made;

	return (x > y) - (x < y);
}

/* A place under the serial that rows know its flow by, or that none has. */
static int add_ref(void *arg, const struct pidx_ref *ref)
{
	struct refs *f = arg;
	const struct read_pair *p = f->run->n_pairs ? bsearch(&ref->serial, f->run->pairs_back,
							      f->run->n_pairs, sizeof(*p), by_made)
						    : NULL;
	struct pidx_ref *to = read_append((void **)&f->v, &f->n, sizeof(*to));

	if (!to)
		return -ENOMEM;
	*to = (struct pidx_ref){p ? p->row : f->above + ref->serial, ref->at};
	return 0;
}

/* Above the serials of all rows that packets were found for, or were to have one; without rows
 * any does. */
static uint64_t above(const struct read_run *u)
{
	uint64_t max = u->pub->serial;

	if (!max && !u->n_pairs)
		return 0;
	if (u->n_pairs && u->pairs[u->n_pairs - 1].row > max)
		max = u->pairs[u->n_pairs - 1].row;
	return (max | LEVEL_MASK) + 1;
}

/* The checksum of a span's bytes. */
static int sum_up(struct window *w, struct pidx_span *s)
{
	const uint8_t *p;
	uint64_t at;
	size_t n;

	s->crc = 0;
	for (at = s->from; at < s->to; at += n) {
		n = s->to - at < SUM_BYTES ? (size_t)(s->to - at) : SUM_BYTES;
		p = window_get(w, at, n);
		if (!p)
			return -EIO;
		s->crc = crc32c(s->crc, p, n);
	}
	s->has_crc = 1;
	return 0;
}

/* Checksums of an index that is no good otherwise are still those of what was written: where
 * the segment has other bytes that is not forgotten. */
static int keep_sums(const struct rebuild *b, const struct want *w, struct pidx *x)
{
	CLEANUP(closep)
	int fd = read_open(b->read, w->run, x->info.segment, LOCAL_INDEX);
	CLEANUP(buf_done) struct buf old = BUF_INIT;
	CLEANUP(pidx_done) struct pidx o = {0};
	struct stat st;
	size_t i, k = 0;

	if (fd < 0 || fstat(fd, &st) < 0 || st.st_size > INDEX_MAX)
		return 0;
	if (buf_reserve(&old, (size_t)st.st_size + 1) < 0)
		return -ENOMEM;
	if (read_exactly(fd, old.p, (size_t)st.st_size, 0) < 0 ||
	    pidx_open(&o, (const uint8_t *)old.p, (size_t)st.st_size) < 0 ||
	    o.info.run != x->info.run || o.info.segment != x->info.segment)
		return 0;
	for (i = 0; i < x->n_spans; i++) {
		struct pidx_span *s = &x->spans[i];

		while (k < o.n_spans && o.spans[k].from < s->from)
			k++;
		if (k < o.n_spans && o.spans[k].from == s->from && o.spans[k].to == s->to &&
		    o.spans[k].has_crc)
			s->crc = o.spans[k].crc;
	}
	return 0;
}

/* Spans of an index that was made end where their last packet begins, and have no checksums. */
static int mend_spans(const struct rebuild *b, const struct want *w, struct pidx *x)
{
	CLEANUP(closep)
	int fd = read_open(b->read, w->run, b->read->pub[w->run].segments[w->segment].number,
			   LOCAL_SEGMENT);
	struct window window = {.fd = fd};
	uint8_t len[4];
	struct stat st;
	size_t i;
	int r = fd < 0 ? fd : fstat(fd, &st) < 0 ? -errno : 0;

	window.size = r == 0 ? (uint64_t)st.st_size : 0;
	for (i = 0; i < x->n_spans && r == 0; i++) {
		struct pidx_span *s = &x->spans[i];

		r = read_exactly(fd, len, sizeof(len), s->to - PIDX_UNIT + 4);
		if (r == 0) {
			s->to += le32_load(len) - PIDX_UNIT;
			x->info.bytes = s->to;
			r = sum_up(&window, s);
		}
	}
	window_done(&window);
	return r == 0 ? keep_sums(b, w, x) : r;
}

/* An index that store_read_rebuild() made, with the serials of rows. */
static int write_made(struct rebuild *b, struct want *w)
{
	const struct store_segment *s = &b->read->pub[w->run].segments[w->segment];
	struct refs f = {
		.b = b, .run = &b->read->runs[w->run], .above = above(&b->read->runs[w->run])};
	CLEANUP(buf_done) struct buf out = BUF_INIT;
	CLEANUP(pidx_done) struct pidx x = {0};
	struct pidx_ref *tmp = NULL;
	int r;

	if (!s->rebuilt.len)
		return 0;
	r = pidx_open(&x, (const uint8_t *)s->rebuilt.p, s->rebuilt.len);
	if (r < 0)
		return r;
	if (!s->translated) {
		f.above = 0;
		f.run = &(const struct read_run){0};
	}
	r = pidx_select(&x, NULL, 0, add_ref, &f);
	if (r == 0)
		r = mend_spans(b, w, &x);
	if (r == 0)
		tmp = reallocarray(NULL, f.n + 1, sizeof(*tmp));
	if (r == 0 && !tmp)
		r = -ENOMEM;
	if (r == 0) {
		pidx_sort(f.v, tmp, f.n);
		r = pidx_write(&out, &x.info, x.spans, x.n_spans, f.v, f.n);
	}
	free(tmp);
	free(f.v);
	if (r == 0) {
		w->done = true;
		r = put_index(b, w, (const uint8_t *)out.p, out.len);
	}
	return r;
}

/* Of the packets themselves, for all segments of a run at once. */
static int make_indexes(struct rebuild *b, size_t first)
{
	const size_t run = b->wants[first].run;
	size_t i;
	int r;

	for (i = first; i < b->n_wants; i++)
		if (b->wants[i].run == run && !b->wants[i].done)
			store_read_distrust(b->read, run, b->wants[i].segment);
	r = store_read_rebuild(b->read, run, b->conf->max_memory, stop, b, b->err);
	for (i = first; i < b->n_wants && r == 0; i++) {
		struct want *w = &b->wants[i];
		char name[NAME_SIZE];

		if (w->run != run || w->done)
			continue;
		r = write_made(b, w);
		if (r < 0 && r != -ENOMEM) {
			name_of(b, w, LOCAL_INDEX, name);
			tell(b, STORE_FAILED, name, r);
			r = 0;
		}
		w->done = true;
	}
	return r;
}

static void note(void *arg, const char *text)
{
	const struct rebuild *b = arg;

	if (b->conf->note)
		b->conf->note(b->conf->arg, text);
}

static int indexes(struct rebuild *b)
{
	size_t i;
	int r = 0;

	if (!b->n_index)
		return 0;
	r = store_read_new(&b->read, b->s, note, b, b->err);
	for (i = 0; i < b->n_index && r == 0; i++)
		r = add_want(b, b->index[i]);
	for (i = 0; i < b->n_wants && r == 0; i++) {
		if (!b->wants[i].broken)
			r = index_of_refs(b, &b->wants[i]);
		if (r == -ENOENT)
			r = 0;
	}
	for (i = 0; i < b->n_wants && r == 0; i++)
		if (!b->wants[i].done)
			r = make_indexes(b, i);
	return r;
}

/* ---- what is of no use ---- */

static int leftovers(struct rebuild *b)
{
	const struct store_files *f = &b->l->files;
	size_t i;

	for (i = 0; i < b->n_useless; i++) {
		int r = f->unlink(f->arg, b->useless[i]);

		if (r == -ENOENT)
			continue; /* it went with its index */
		tell(b, r < 0 ? STORE_FAILED : STORE_REMOVED, b->useless[i], r);
	}
	return 0;
}

/* ---- the catalogue ---- */

/* Made of all others. */
static int catalogue(struct rebuild *b)
{
	CLEANUP(store_read_freep) struct store_read *read = NULL;
	struct err err = {0};
	int r = store_read_new(&read, b->s, NULL, NULL, b->err);

	if (r < 0)
		return r;
	r = store_catalogue_rebuild(read, &err);
	if (r != 0)
		tell(b, r < 0 ? STORE_FAILED : STORE_MADE, CATALOGUE_NAME, r);
	return 0;
}

/* In this order. */
static int (*const steps[])(struct rebuild *b) = {look, indexes, leftovers, catalogue};

int store_rebuild(struct store *s, const struct store_rebuild_conf *conf,
		  struct store_rebuild_sum *ret, struct err *err)
{
	CLEANUP(rebuild_done)
	struct rebuild b = {.s = s, .l = (struct local *)s, .conf = conf, .sum = ret, .err = err};
	size_t i;
	int r = 0;

	*ret = (struct store_rebuild_sum){0};
	err->code = 0;
	for (i = 0; i < sizeof(steps) / sizeof(steps[0]) && r == 0; i++)
		r = steps[i](&b);
	if (r < 0 && !err->code)
		err_set(err, r, "%s", r == -ENOMEM ? "out of memory" : strerror(-r));
	return r;
}
