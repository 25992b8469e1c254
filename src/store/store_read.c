/* Finding runs and reading their rows. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/vec.h"
#include "base/num.h"
#include "store/file_number.h"
#include "store/read.h"

/* Closes what is open for the case that it is asked for once more.  False: nothing was. */
static bool close_files(struct store_read *r)
{
	bool any = false;
	size_t i;

	for (i = 0; i < r->n_files; i++) {
		if (!r->files[i].run)
			continue;
		close(r->files[i].fd);
		r->files[i].run = 0;
		any = true;
	}
	return any;
}

int read_open(struct store_read *r, size_t run, uint32_t number, const char *end)
{
	struct stat st;
	char name[3 * LOCAL_NAME_SIZE];
	char part[32] = "";
	int fd;

	if (number)
		snprintf(part, sizeof(part), "-%06" PRIu32, number);
	snprintf(name, sizeof(name), "%s/%016" PRIx64 "%s%s", r->runs[run].folder, r->pub[run].id,
		 part, number ? end : LOCAL_JOURNAL);
	/* Never waits: what lies there may be a pipe. */
	do
		fd = openat(r->s->dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	while (fd < 0 && errno == EMFILE && close_files(r));
	if (fd < 0) /* ELOOP: a link; ENXIO: a socket */
		return errno == ELOOP || errno == ENXIO ? -EBADMSG : -errno;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		return fd;
	close(fd);
	return -EBADMSG;
}

void read_note(const struct store_read *r, size_t run, const char *fmt, ...)
{
	char text[256], all[320], q[128];
	const char *folder = run == SIZE_MAX ? NULL : r->runs[run].folder;
	va_list ap;

	if (!r->note)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (folder)
		snprintf(all, sizeof(all), "%s/%016" PRIx64 ": %s",
			 err_quote(q, sizeof(q), folder, (unsigned)strlen(folder)), r->pub[run].id,
			 text);
	r->note(r->note_arg, folder ? all : text);
}

int64_t read_size(struct store_read *r, size_t run, uint32_t number)
{
	CLEANUP(closep) int fd = read_open(r, run, number, LOCAL_SEGMENT);
	struct stat st;

	if (fd < 0)
		return fd;
	return fstat(fd, &st) == 0 ? st.st_size : -errno;
}

void *read_append(void **v, size_t *n, size_t size)
{
	void *p;

	if (!(*n & (*n - 1))) {
		p = reallocarray(*v, *n ? 2 * *n : 1, size);
		if (!p)
			return NULL;
		*v = p;
	}
	return (char *)*v + (*n)++ * size;
}

static void run_done(struct read_run *u, struct store_run *pub)
{
	size_t i;

	for (i = 0; i < pub->n_ifaces; i++) {
		const struct store_iface *f = &u->ifaces[i];

		free((void *)f->name);
		free((void *)f->descr);
		free((void *)f->filter);
		free((void *)f->hardware);
		free((void *)f->os);
	}
	for (i = 0; i < pub->n_segments; i++)
		buf_done(&pub->segments[i].rebuilt);
	free(pub->segments);
	free(u->folder);
	free(u->capture);
	free(u->ifaces);
	free(u->gaps);
	free(u->stats);
	free(u->clocks);
	free(u->clock_source);
	free(u->groups);
	free(u->blocks);
	free(u->odd);
	for (i = 0; i < u->n_tails; i++)
		close(u->tails[i].fd);
	free(u->tails);
	free(u->schemas);
	buf_done(&u->rows);
	free(u->pairs);
	free(u->pairs_back);
}

void store_read_free(struct store_read *r)
{
	size_t i;

	if (!r)
		return;
	for (i = 0; i < r->n; i++)
		run_done(&r->runs[i], &r->pub[i]);
	close_files(r);
	free(r->files);
	catalogue_index_free(r->known);
	free(r->runs);
	free(r->pub);
	free(r);
}

static void names_done(struct read_names *l)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		free(l->v[i]);
	free(l->v);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int list(struct store_read *r, const char *folder, struct read_names *ret)
{
	int fd = openat(r->s->dir_fd, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;
	int code = fd < 0 ? -errno : 0;
	char **to;

	if (!d) {
		if (fd >= 0)
			close(fd);
		return code == -ENOTDIR || code == -ELOOP || code == -ENOENT ? 0 : code;
	}
	while (code == 0 && (e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		to = read_append((void **)&ret->v, &ret->n, sizeof(*to));
		if (to)
			*to = strdup(e->d_name);
		if (!to || !*to)
			code = -ENOMEM;
	}
	closedir(d);
	if (code == 0 && ret->n)
		qsort(ret->v, ret->n, sizeof(*ret->v), by_name);
	return code;
}

/* "-000012.pcapng" is number 12; 0: no segment. */
static uint32_t segment_of(const char *rest)
{
	return *rest == '-' ? file_number_before(rest + 1, LOCAL_SEGMENT) : 0;
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = ((const struct store_segment *)a)->number;
	uint32_t y = ((const struct store_segment *)b)->number;

	return (x > y) - (x < y);
}

static int add_odd(struct store_read *r, size_t run, uint32_t number)
{
	struct read_run *u = &r->runs[run];
	uint64_t *to = read_append((void **)&u->odd, &u->n_odd, sizeof(*to));

	if (!to)
		return -ENOMEM;
	*to = number;
	read_note(r, run, "segment %" PRIu32 " cannot be read: it is no file", number);
	return 0;
}

/* Segments among the names, by number. */
static int find_segments(struct store_read *r, size_t run, const struct read_names *l)
{
	struct store_run *pub = &r->pub[run];
	struct store_segment *s;
	char name[3 * LOCAL_NAME_SIZE];
	struct stat st;
	uint32_t number;
	size_t i;

	for (i = 0; i < l->n; i++) {
		number = read_number_of(l->v[i], pub->id, LOCAL_SEGMENT);
		snprintf(name, sizeof(name), "%s/%s", r->runs[run].folder, l->v[i]);
		if (!number || fstatat(r->s->dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (!S_ISREG(st.st_mode)) {
			if (add_odd(r, run, number) < 0)
				return -ENOMEM;
			continue;
		}
		s = read_append((void **)&pub->segments, &pub->n_segments, sizeof(*s));
		if (!s)
			return -ENOMEM;
		*s = (struct store_segment){.number = number, .bytes = (uint64_t)st.st_size};
	}
	r->runs[run].n_listed = pub->n_segments;
	if (r->runs[run].n_odd)
		qsort(r->runs[run].odd, r->runs[run].n_odd, sizeof(*r->runs[run].odd), vec_cmp_u64);
	if (pub->n_segments)
		qsort(pub->segments, pub->n_segments, sizeof(*pub->segments), by_number);
	return 0;
}

/* A run that ended has what its journal tells: what else lies there is none of it. */
static void drop_untold(struct store_read *r, size_t run)
{
	struct store_run *pub = &r->pub[run];
	uint32_t first = 0;
	size_t i, n = 0, untold;

	if (pub->state != STORE_FINISHED || r->runs[run].damaged)
		return;
	for (i = 0; i < pub->n_segments; i++) {
		if (pub->segments[i].told)
			pub->segments[n++] = pub->segments[i];
		else if (!first || pub->segments[i].number < first)
			first = pub->segments[i].number;
	}
	untold = pub->n_segments - n;
	pub->n_segments = n;
	if (untold == 1)
		read_note(r, run,
			  "segment %" PRIu32 " is none that the journal tells of: it is not used",
			  first);
	else if (untold)
		read_note(r, run,
			  "%zu segments, %" PRIu32
			  " the first, are none that the journal tells of: they are not used",
			  untold, first);
}

/* Takes back the last run, which turned out to be none. */
static void drop_last(struct store_read *r)
{
	r->n--;
	run_done(&r->runs[r->n], &r->pub[r->n]);
}

static int append_run(struct store_read *r, const char *folder, uint64_t id)
{
	size_t n = r->n;
	struct read_run *u = read_append((void **)&r->runs, &n, sizeof(*u));
	const struct store_run *before = r->pub;
	struct store_run *pub;

	if (!u)
		return -ENOMEM;
	*u = (struct read_run){.folder = strdup(folder)};
	n = r->n;
	pub = u->folder ? read_append((void **)&r->pub, &n, sizeof(*pub)) : NULL;
	if (!pub) {
		free(u->folder);
		return -ENOMEM;
	}
	*pub = (struct store_run){.id = id, .state = STORE_KILLED};
	r->n = n;
	u->pub = pub;
	for (n = 0; r->pub != before && n < r->n; n++) /* they moved */
		r->runs[n].pub = &r->pub[n];
	return 0;
}

/* Whether the last run need not be looked at: it ended, outside of the times asked for, and
 * its journal is as the catalogue says.  1, 0 or -ENOMEM. */
static int skip(struct store_read *r, const struct stat *st)
{
	struct read_run *u = &r->runs[r->n - 1];
	struct store_run *pub = &r->pub[r->n - 1];
	const struct catalogue_ended *e = catalogue_index_find(r->known, u->folder, pub->id);

	if (!e || (uint64_t)st->st_size != e->journal || (e->first <= r->to && e->last >= r->from))
		return 0;
	u->capture = strdup(e->capture);
	if (!u->capture)
		return -ENOMEM;
	pub->capture = u->capture;
	pub->shard = e->shard;
	pub->state = STORE_FINISHED;
	pub->pid = e->pid;
	pub->start = e->start;
	pub->end = e->end;
	pub->kept = e->packets;
	pub->skipped = true;
	return 1;
}

static void unusable(struct store_read *r, const char *folder, uint64_t id, int code)
{
	const char *why = code == -EBADMSG || code == -ENODATA ? "this is no journal"
			  : code == -EPROTO                    ? "of a later version, not read"
			  : code == -EXDEV ? "the journal of another run, or lies in another's "
					     "folder: it is not used"
					   : strerror(-code);

	r->unusable++;
	read_note(r, SIZE_MAX, "'%s/%016" PRIx64 LOCAL_JOURNAL "': %s", folder, id, why);
}

/* One run: its journal and segments.  'l' are its names. */
static int add_run(struct store_read *r, const char *folder, const struct read_names *l,
		   uint64_t id)
{
	CLEANUP(closep) int fd = -1;
	struct store_run *pub;
	struct stat st;
	bool locked;
	int code;

	if (r->n == STORE_RUNS_MAX) {
		read_note(r, SIZE_MAX, "more than %d runs: '%s' and what follows is left out",
			  STORE_RUNS_MAX, folder);
		return -ECANCELED;
	}
	code = append_run(r, folder, id);
	if (code < 0)
		return code;
	pub = &r->pub[r->n - 1];
	fd = read_open(r, r->n - 1, 0, NULL);
	/* The lock first: what is complete when it is gone stays as it is. */
	locked = fd >= 0 && local_is_locked(fd);
	r->runs[r->n - 1].locked = locked;
	code = fd < 0 ? fd : fstat(fd, &st) < 0 ? -errno : 0;
	if (code == 0 && r->known && !locked)
		code = skip(r, &st);
	if (code > 0)
		return 0;
	if (code == 0)
		code = find_segments(r, r->n - 1, l);
	if (code == 0)
		code = read_journal(r, r->n - 1, fd);
	if (code == 0)
		drop_untold(r, r->n - 1);
	if (code == 0 && locked && pub->state == STORE_KILLED)
		pub->state = STORE_RUNNING;
	if (code == 0)
		code = read_blocks(r, r->n - 1, l);
	if (code == 0)
		code = read_gone(r, r->n - 1);
	if (code == 0) {
		if (pub->n_segments)
			qsort(pub->segments, pub->n_segments, sizeof(*pub->segments), by_number);
		return 0;
	}
	if (code == -ENOMEM)
		return code;
	/* Killed while it began: nothing was kept. */
	if (code != -ENODATA || pub->n_segments)
		unusable(r, folder, id, code);
	drop_last(r);
	return 0;
}

/* A folder of one stream. */
static int add_stream(struct store_read *r, const char *folder)
{
	CLEANUP(names_done) struct read_names l = {0};
	uint64_t run, last = 0, orphan = 0;
	const char *rest;
	size_t i, first = 0, orphans = 0;
	int code = list(r, folder, &l);

	for (i = 0; i < l.n && code == 0; i++) {
		rest = local_run_of(l.v[i], &run);
		if (!rest)
			continue;
		if (run != last)
			first = i;
		last = run;
		if (strcmp(rest, LOCAL_JOURNAL) == 0)
			code = add_run(r, folder, &(struct read_names){l.v + first, i - first},
				       run);
		/* Journals sort behind "-000001.pcapng": look for it by name. */
		else if (segment_of(rest) && run != orphan) {
			char name[LOCAL_RUN_DIGITS + 8];
			const char *key = name;

			snprintf(name, sizeof(name), "%016" PRIx64 LOCAL_JOURNAL, run);
			if (!bsearch(&key, l.v, l.n, sizeof(*l.v), by_name))
				orphans++;
			orphan = run;
		}
	}
	if (orphans)
		read_note(r, SIZE_MAX, "'%s': packets of %zu run%s without a journal are not used",
			  folder, orphans, num_s(orphans));
	return code;
}

static int add_folders(struct store_read *r)
{
	CLEANUP(names_done) struct read_names captures = {0};
	size_t i, k;
	int code = list(r, ".", &captures);

	for (i = 0; i < captures.n && code == 0; i++) {
		CLEANUP(names_done) struct read_names shards = {0};
		char folder[2 * 256 + 2];

		code = list(r, captures.v[i], &shards);
		for (k = 0; k < shards.n && code == 0; k++) {
			if (strspn(shards.v[k], "0123456789") != strlen(shards.v[k]))
				continue;
			snprintf(folder, sizeof(folder), "%s/%s", captures.v[i], shards.v[k]);
			code = add_stream(r, folder);
		}
	}
	return code == -ECANCELED ? 0 : code;
}

static int by_start(const void *a, const void *b, void *arg)
{
	const struct store_read *r = arg;
	const struct store_run *x = &r->pub[*(const size_t *)a], *y = &r->pub[*(const size_t *)b];
	int c;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	c = strcmp(x->capture, y->capture);
	if (c)
		return c;
	if (x->shard != y->shard)
		return x->shard < y->shard ? -1 : 1;
	return (x->id > y->id) - (x->id < y->id);
}

static int sort_runs(struct store_read *r)
{
	CLEANUP(freep) size_t *order = calloc(r->n + 1, sizeof(*order));
	struct read_run *runs = calloc(r->n + 1, sizeof(*runs));
	struct store_run *pub = calloc(r->n + 1, sizeof(*pub));
	size_t i;

	if (!order || !runs || !pub) {
		free(runs);
		free(pub);
		return -ENOMEM;
	}
	for (i = 0; i < r->n; i++)
		order[i] = i;
	if (r->n)
		qsort_r(order, r->n, sizeof(*order), by_start, r);
	for (i = 0; i < r->n; i++) {
		runs[i] = r->runs[order[i]];
		pub[i] = r->pub[order[i]];
		runs[i].pub = &pub[i];
	}
	free(r->runs);
	free(r->pub);
	r->runs = runs;
	r->pub = pub;
	return 0;
}

/* Others in the process want some as well. */
static size_t files_max(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) < 0 || l.rlim_cur / 4 >= READ_FILES)
		return READ_FILES;
	return l.rlim_cur / 4 ? (size_t)(l.rlim_cur / 4) : 1;
}

int store_read_new(struct store_read **ret, struct store *s, store_note_fn note, void *arg,
		   struct err *err)
{
	return store_read_new_within(ret, s, INT64_MIN, INT64_MAX, note, arg, err);
}

int store_read_new_within(struct store_read **ret, struct store *s, int64_t from, int64_t to,
			  store_note_fn note, void *arg, struct err *err)
{
	CLEANUP(store_read_freep) struct store_read *r = NULL;
	int code = 0;

	if (s->ops != &store_local)
		return err_set(err, -ENOTSUP, "this store cannot be read");
	r = calloc(1, sizeof(*r));
	if (!r)
		return err_set(err, -ENOMEM, "out of memory");
	r->n_files = files_max();
	r->files = calloc(r->n_files, sizeof(*r->files));
	if (!r->files)
		return err_set(err, -ENOMEM, "out of memory");
	r->s = (struct local *)s;
	r->note = note;
	r->note_arg = arg;
	r->from = from;
	r->to = to;
	if (from != INT64_MIN || to != INT64_MAX)
		code = catalogue_index_new(&r->known, r->s->dir_fd);
	if (code == 0)
		code = add_folders(r);
	if (code == 0)
		code = sort_runs(r);
	if (code < 0)
		return err_set(err, code, "cannot read '%s': %s", r->s->path, strerror(-code));
	*ret = TAKE_PTR(r);
	return 0;
}

const struct store_run *store_read_runs(const struct store_read *r, size_t *ret_n)
{
	*ret_n = r->n;
	return r->pub;
}

size_t store_read_unusable(const struct store_read *r)
{
	return r->unusable;
}

/* The bytes of a group's record. */
static int load(struct store_read *r, size_t run, const struct store_group *g, struct buf *to)
{
	int fd, code;

	buf_clear(to);
	if (buf_reserve(to, g->size) < 0)
		return -ENOMEM;
	if (r->pub[run].rebuilt) {
		buf_add(to, r->runs[run].rows.p + g->at, g->size);
		return buf_err(to);
	}
	fd = read_file_of(r, run, 0, NULL);
	if (fd < 0)
		return fd;
	code = read_exactly(fd, to->p, g->size, g->at);
	if (code == 0)
		to->len = g->size;
	return code;
}

int store_read_rows(struct store_read *r, size_t run, size_t group, struct store_rows *ret)
{
	const struct store_group *g = &r->pub[run].groups[group];
	struct rec rec;
	int code = load(r, run, g, &ret->buf);

	if (code < 0)
		return code;
	if (rec_read((const uint8_t *)ret->buf.p, ret->buf.len, &rec) <= 0 ||
	    rec.type != JRN_ROWS || jrn_get_rows(&rec, &ret->rows) < 0 || ret->rows.n != g->rows)
		return -EBADMSG;
	ret->schema = &r->runs[run].schemas[g->schema];
	return 0;
}
