#include "store/catalogue.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "store/catalogue_db.h"
#include "store/local.h"

#define NS          INT64_C(1000000000)
#define EVERY_NS    (10 * NS)    /* between two that are written, at least */
#define RATE        (256u << 10) /* bytes a second that are written, at most, on average */
#define LATE_NS     (60 * NS)    /* when it is written even if segments wait to be sealed */
#define EVENTS_MAX  65536        /* that wait for a thread that waits for the disk */
#define REMOVED_MAX 4096         /* rows of the table */
#define QUOTA_PART  32           /* of the quota, at most, is the catalogue */

enum kind { RUN_BEGINS, SEGMENT, BLOCKS, RUN_ENDS, RUN_LOST, REMOVED };

struct catalogue_event {
	struct catalogue_event *next;
	enum kind kind;
	enum retain_kind what; /* was removed */
	enum retain_why why;
	uint32_t number;
	int64_t start, end, first, last, at;
	uint64_t bytes, side, packets, rows;
	char run[]; /* its name */
};

static void drop_events(struct catalogue_event *e)
{
	while (e) {
		struct catalogue_event *next = e->next;

		free(e);
		e = next;
	}
}

/* Nothing must be missing of what is told: there is all of it, or no catalogue. */
static void tell(struct catalogue *c, const char *run, const struct catalogue_event *what)
{
	struct catalogue_event *e, *lost = NULL;
	size_t n = strlen(run) + 1;

	if (!c)
		return;
	e = malloc(sizeof(*e) + n);
	if (e) {
		*e = *what;
		e->next = NULL;
		memcpy(e->run, run, n);
	}
	pthread_mutex_lock(&c->lock);
	if (!e || c->off || c->n == EVENTS_MAX) {
		c->off = true;
		lost = TAKE_PTR(c->first);
		c->last = NULL;
		c->n = 0;
	} else {
		*(c->last ? &c->last->next : &c->first) = e;
		c->last = e;
		c->n++;
		e = NULL;
	}
	pthread_mutex_unlock(&c->lock);
	free(e);
	drop_events(lost);
}

void catalogue_begin(struct catalogue *c, const char *run, int64_t start)
{
	tell(c, run, &(struct catalogue_event){.kind = RUN_BEGINS, .start = start});
}

void catalogue_segment(struct catalogue *c, const char *run, const struct jrn_segment *s,
		       uint64_t index)
{
	tell(c, run,
	     &(struct catalogue_event){
		     .kind = SEGMENT,
		     .number = s->number,
		     .first = s->packets ? s->min : CATALOGUE_NONE,
		     .last = s->packets ? s->max : CATALOGUE_NONE,
		     .bytes = s->bytes,
		     .side = index,
		     .packets = s->packets,
	     });
}

void catalogue_blocks(struct catalogue *c, const char *run, const struct jrn_block *v, size_t n,
		      uint64_t bytes)
{
	struct catalogue_event e = {.kind = BLOCKS, .bytes = bytes};
	size_t i;

	for (i = 0; i < n; i++) {
		e.number = v[i].file;
		e.first = i && e.first < v[i].start ? e.first : v[i].start;
		e.last = i && e.last > v[i].last ? e.last : v[i].last;
		e.rows += v[i].rows;
	}
	if (n)
		tell(c, run, &e);
}

void catalogue_end(struct catalogue *c, const char *run, const struct catalogue_end *e)
{
	tell(c, run,
	     &(struct catalogue_event){
		     .kind = RUN_ENDS,
		     .end = e->end,
		     .first = e->first,
		     .last = e->last,
		     .bytes = e->journal,
		     .packets = e->packets,
		     .rows = e->rows,
	     });
}

void catalogue_lost(struct catalogue *c, const char *run)
{
	tell(c, run, &(struct catalogue_event){.kind = RUN_LOST});
}

void catalogue_removed(void *arg, const struct retain_removed *what)
{
	tell(arg, what->run,
	     &(struct catalogue_event){
		     .kind = REMOVED,
		     .what = what->kind,
		     .why = what->why,
		     .number = what->number,
		     .bytes = what->bytes,
		     .at = retain_time_now().wall,
	     });
}

int catalogue_new(struct catalogue **ret, struct local *s)
{
	struct catalogue *c = calloc(1, sizeof(*c));
	struct stat st;

	if (!c)
		return -ENOMEM;
	c->s = s;
	pthread_mutex_init(&c->lock, NULL);
	if (fstatat(s->dir_fd, CATALOGUE_TMP, &st, AT_SYMLINK_NOFOLLOW) == 0)
		s->files.unlink(s->files.arg, CATALOGUE_TMP);
	/* Never waits: what lies there may be a pipe. */
	c->old_fd =
		openat(s->dir_fd, CATALOGUE_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (c->old_fd >= 0 && fstat(c->old_fd, &st) == 0 && S_ISREG(st.st_mode))
		c->bytes = (uint64_t)st.st_size;
	*ret = c;
	return 0;
}

uint64_t catalogue_bytes(const struct catalogue *c)
{
	return c ? c->bytes : 0;
}

void catalogue_free(struct catalogue *c)
{
	if (!c)
		return;
	drop_events(c->first);
	catalogue_db_free(c->db);
	catalogue_close_old(c);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

static int64_t more(int64_t a, int64_t b)
{
	int64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

static int run_begins(struct catalogue *c, const struct catalogue_key *key,
		      const struct catalogue_event *e)
{
	const struct catalogue_run u = {
		.key = *key,
		.state = CATALOGUE_RUNNING,
		.pid = getpid(),
		.start = e->start,
		.end = CATALOGUE_NONE,
		.first = CATALOGUE_NONE,
		.last = CATALOGUE_NONE,
		.journal = CATALOGUE_NONE,
	};

	return catalogue_db_put_run(c->db, &u);
}

static int add_segment(struct catalogue *c, struct catalogue_run *u,
		       const struct catalogue_event *e)
{
	const struct catalogue_file f = {
		.key = u->key,
		.kind = RETAIN_SEGMENT,
		.number = e->number,
		.bytes = catalogue_number(e->bytes),
		.beside = catalogue_number(e->side),
		.first = e->first,
		.last = e->last,
		.n = catalogue_number(e->packets),
	};
	int r = catalogue_db_put_file(c->db, &f);

	u->packets = more(u->packets, f.n);
	u->bytes = more(u->bytes, f.bytes + f.beside);
	return r < 0 ? r : catalogue_db_put_run(c->db, u);
}

static int add_blocks(struct catalogue *c, struct catalogue_run *u, const struct catalogue_event *e)
{
	struct catalogue_file f = {
		.key = u->key,
		.kind = RETAIN_FSEG,
		.number = e->number,
		.beside = CATALOGUE_NONE,
		.first = e->first,
		.last = e->last,
	};
	int r = catalogue_db_find_file(c->db, &f);

	if (r < 0)
		return r;
	f.bytes = catalogue_number(e->bytes);
	f.first = e->first < f.first ? e->first : f.first;
	f.last = e->last > f.last ? e->last : f.last;
	f.n = more(f.n, catalogue_number(e->rows));
	u->rows = more(u->rows, catalogue_number(e->rows));
	r = catalogue_db_put_file(c->db, &f);
	return r < 0 ? r : catalogue_db_put_run(c->db, u);
}

static int run_ends(struct catalogue *c, struct catalogue_run *u, const struct catalogue_event *e)
{
	u->state = CATALOGUE_FINISHED;
	u->end = e->end > u->start ? e->end : u->start;
	u->first = e->first < u->start ? e->first : u->start;
	u->last = e->last > u->end ? e->last : u->end;
	u->packets = catalogue_number(e->packets);
	u->rows = catalogue_number(e->rows);
	u->journal = catalogue_number(e->bytes);
	return catalogue_db_put_run(c->db, u);
}

static int count_removed(struct catalogue *c, const struct catalogue_key *key,
			 const struct catalogue_event *e)
{
	struct catalogue_gone g = {.key = *key, .kind = e->what, .why = e->why};
	int r = catalogue_db_find_gone(c->db, &g);

	g.number = e->number > g.number ? e->number : g.number;
	g.files = more(g.files, 1);
	g.bytes = more(g.bytes, catalogue_number(e->bytes));
	g.at = e->at;
	return r < 0 ? r : catalogue_db_put_gone(c->db, &g);
}

static int removed(struct catalogue *c, const struct catalogue_key *key,
		   const struct catalogue_event *e)
{
	const struct catalogue_file f = {.key = *key, .kind = e->what, .number = e->number};
	struct catalogue_run u = {.key = *key};
	int64_t bytes = 0;
	int r = count_removed(c, key, e);

	if (r == 0 && e->what == RETAIN_JOURNAL)
		return catalogue_db_drop_run(c->db, key);
	if (r == 0)
		r = catalogue_db_drop_files(c->db, &f, &bytes);
	if (r == 0 && e->what == RETAIN_SEGMENT)
		r = catalogue_db_find_run(c->db, &u);
	if (r <= 0)
		return r;
	u.bytes -= bytes < u.bytes ? bytes : u.bytes;
	return catalogue_db_put_run(c->db, &u);
}

static int apply(struct catalogue *c, const struct catalogue_event *e)
{
	struct catalogue_run u = {0};
	int r;

	if (!catalogue_key_of(e->run, &u.key))
		return 0;
	if (e->kind == RUN_BEGINS)
		return run_begins(c, &u.key, e);
	if (e->kind == REMOVED)
		return removed(c, &u.key, e);
	r = catalogue_db_find_run(c->db, &u);
	if (r <= 0)
		return r; /* its journal was removed already */
	switch (e->kind) {
	case SEGMENT:
		return add_segment(c, &u, e);
	case BLOCKS:
		return add_blocks(c, &u, e);
	case RUN_ENDS:
		return run_ends(c, &u, e);
	default:
		u.state = CATALOGUE_UNKNOWN;
		return catalogue_db_put_run(c->db, &u);
	}
}

static int apply_all(struct catalogue *c, const struct catalogue_event *e)
{
	int r = c->db ? 0 : catalogue_take_over(c);

	if (r == 0)
		r = catalogue_db_begin(c->db);
	for (; e && r == 0; e = e->next)
		r = apply(c, e);
	if (r == 0)
		r = catalogue_db_trim(c->db, REMOVED_MAX);
	if (r == 0)
		r = catalogue_db_commit(c->db);
	c->changed = true;
	return r;
}

static int write_all(int fd, const char *p, size_t n)
{
	size_t at = 0;

	while (at < n) {
		ssize_t k = pwrite(fd, p + at, n - at, (off_t)at);

		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			return k < 0 ? -errno : -EIO;
		at += (size_t)k;
	}
	return 0;
}

/* Not of struct store_files: it is about what must not be lost. */
static int sync_file(int fd)
{
	/* Some file systems cannot be asked. */
	return fdatasync(fd) < 0 && (errno == EIO || errno == ENOSPC) ? -errno : 0;
}

/* Removes what was half-made.  What cannot be removed goes on counting. */
static void remove_half(struct catalogue *c, uint64_t bytes)
{
	const struct store_files *f = &c->s->files;
	int r = f->unlink(f->arg, CATALOGUE_TMP);

	c->left += bytes;
	if ((r == 0 || r == -ENOENT) && c->left) {
		retain_other(c->s->retain, -(int64_t)c->left);
		c->left = 0;
	}
}

static int create(struct catalogue *c)
{
	const struct store_files *f = &c->s->files;
	int fd = f->create(f->arg, CATALOGUE_TMP);

	if (fd != -EEXIST)
		return fd;
	remove_half(c, 0);
	return f->create(f->arg, CATALOGUE_TMP);
}

/* Both are there for a moment, and count. */
static int replace(struct catalogue *c, const void *p, size_t n)
{
	const struct store_files *f = &c->s->files;
	int fd, r = retain_other(c->s->retain, (int64_t)n);

	if (r < 0)
		return r;
	fd = create(c);
	r = fd < 0 ? fd : write_all(fd, p, n);
	if (r == 0)
		r = sync_file(fd);
	if (fd >= 0 && close(fd) < 0 && r == 0 && errno != EINTR)
		r = -errno;
	if (r == 0)
		r = f->rename(f->arg, CATALOGUE_TMP, CATALOGUE_NAME);
	if (fd < 0)
		retain_other(c->s->retain, -(int64_t)n);
	else if (r < 0)
		remove_half(c, n);
	if (r < 0)
		return r;
	retain_other(c->s->retain, -(int64_t)c->bytes);
	c->bytes = n;
	return 0;
}

int catalogue_place(struct catalogue *c, struct catalogue_db *d)
{
	const uint64_t quota = c->s->store.conf.quota;
	const struct retain_time now = retain_time_now();
	const void *p;
	size_t n = 0;
	int r = catalogue_db_bytes(d, c->s->app ? c->s->app : "trawl", now.wall, &p, &n);

	c->due = now.mono + EVERY_NS + (int64_t)(n / RATE) * NS;
	if (r < 0)
		return r;
	return quota && n > quota / QUOTA_PART ? -EDQUOT : replace(c, p, n);
}

/* There is none rather than a wrong one. */
static void give_up(struct catalogue *c)
{
	const struct store_files *f = &c->s->files;
	struct catalogue_event *lost;

	pthread_mutex_lock(&c->lock);
	c->off = true;
	lost = TAKE_PTR(c->first);
	c->last = NULL;
	c->n = 0;
	pthread_mutex_unlock(&c->lock);
	drop_events(lost);
	catalogue_db_free(TAKE_PTR(c->db));
	catalogue_close_old(c);
	c->changed = false;
	if (f->unlink(f->arg, CATALOGUE_NAME) == 0)
		retain_other(c->s->retain, -(int64_t)c->bytes);
	c->bytes = 0;
}

void catalogue_work(struct catalogue *c, bool idle, bool last)
{
	struct catalogue_event *e;
	int64_t now;
	bool off;

	if (!c)
		return;
	pthread_mutex_lock(&c->lock);
	e = TAKE_PTR(c->first);
	c->last = NULL;
	c->n = 0;
	off = c->off;
	pthread_mutex_unlock(&c->lock);
	if (!off && e)
		off = apply_all(c, e) < 0;
	drop_events(e);
	if (off && (c->db || c->bytes))
		give_up(c);
	now = retain_time_now().mono;
	c->due = c->due ? c->due : now + EVERY_NS;
	if (c->changed && (last || now >= c->due + LATE_NS || (idle && now >= c->due)))
		c->changed = catalogue_place(c, c->db) < 0;
}
