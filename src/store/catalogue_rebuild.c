/* The catalogue made anew, of what the files say. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "store/catalogue_db.h"
#include "store/read.h"

/* Bytes of a file of a run; CATALOGUE_NONE: it is not there.  Number 0 is the journal. */
static int64_t size_of(const struct store_read *r, size_t run, uint32_t number, const char *end)
{
	char name[3 * LOCAL_NAME_SIZE], part[32] = "";
	struct stat st;

	if (number)
		snprintf(part, sizeof(part), "-%06" PRIu32, number);
	snprintf(name, sizeof(name), "%s/%016" PRIx64 "%s%s", r->runs[run].folder, r->pub[run].id,
		 part, end);
	if (fstatat(r->s->dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
		return CATALOGUE_NONE;
	return catalogue_number((uint64_t)st.st_size);
}

static void extend(struct catalogue_run *u, int64_t from, int64_t to)
{
	u->first = from < u->first ? from : u->first;
	u->last = to > u->last ? to : u->last;
}

static int put_segments(struct store_read *r, size_t run, struct catalogue_db *d,
			struct catalogue_run *u)
{
	const struct store_run *pub = &r->pub[run];
	size_t i;
	int code = 0;

	for (i = 0; i < pub->n_segments && code == 0; i++) {
		const struct store_segment *s = &pub->segments[i];
		const int64_t index = size_of(r, run, s->number, LOCAL_INDEX);
		const struct catalogue_file f = {
			.key = u->key,
			.kind = RETAIN_SEGMENT,
			.number = s->number,
			.bytes = catalogue_number(s->bytes),
			.beside = index == CATALOGUE_NONE ? 0 : index,
			.first = s->known ? s->min : CATALOGUE_NONE,
			.last = s->known ? s->max : CATALOGUE_NONE,
			.n = s->known ? catalogue_number(s->packets) : CATALOGUE_NONE,
		};

		extend(u, f.first, f.last);
		u->bytes += f.bytes + f.beside;
		code = catalogue_db_put_file(d, &f);
	}
	return code;
}

/* Blocks of a file stand together. */
static int put_blocks(struct store_read *r, size_t run, struct catalogue_db *d,
		      struct catalogue_run *u)
{
	const struct store_run *pub = &r->pub[run];
	struct catalogue_file f = {.key = u->key};
	size_t i;
	int code = 0;

	for (i = 0; i < pub->n_blocks && code == 0; i++) {
		const struct store_block *b = &pub->blocks[i];

		if (!i || b->file != f.number || b->tail != (f.kind == RETAIN_ROWS))
			f = (struct catalogue_file){
				.key = u->key,
				.kind = b->tail ? RETAIN_ROWS : RETAIN_FSEG,
				.number = b->file,
				.bytes =
					size_of(r, run, b->file, b->tail ? LOCAL_TAIL : LOCAL_ROWS),
				.first = b->start,
				.last = b->last,
			};
		f.first = b->start < f.first ? b->start : f.first;
		f.last = b->last > f.last ? b->last : f.last;
		f.n += b->rows;
		extend(u, b->start, b->last);
		if (i + 1 == pub->n_blocks || pub->blocks[i + 1].file != f.number ||
		    pub->blocks[i + 1].tail != b->tail)
			code = catalogue_db_put_file(d, &f);
	}
	return code;
}

/* What is damaged stays unknown, so that readers look, and say so. */
static enum catalogue_state state_of(const struct store_read *r, size_t run)
{
	switch (r->pub[run].state) {
	case STORE_FINISHED:
		return r->runs[run].damaged ? CATALOGUE_UNKNOWN : CATALOGUE_FINISHED;
	case STORE_RUNNING:
		return CATALOGUE_RUNNING;
	default:
		return CATALOGUE_UNKNOWN;
	}
}

static uint64_t count_rows(const struct store_run *pub)
{
	uint64_t n = pub->rows_gone.n;
	size_t i;

	for (i = 0; i < pub->n_blocks; i++)
		n += pub->blocks[i].rows;
	for (i = 0; i < pub->n_groups; i++)
		n += pub->groups[i].rows;
	return n;
}

static int put_run(struct store_read *r, size_t run, struct catalogue_db *d)
{
	const struct store_run *pub = &r->pub[run];
	struct catalogue_run u = {
		.state = state_of(r, run),
		.pid = catalogue_number(pub->pid),
		.start = pub->start,
		.end = pub->end,
		.first = pub->start,
		.last = pub->end,
		.packets = catalogue_number(pub->kept),
		.rows = catalogue_number(count_rows(pub)),
		.journal = size_of(r, run, 0, LOCAL_JOURNAL),
	};
	char name[LOCAL_NAME_SIZE + 64];
	size_t i;
	int code;

	/* One that is not where its capture's name says is found by its folder only. */
	snprintf(name, sizeof(name), "%s/%016" PRIx64, r->runs[run].folder, pub->id);
	if (!catalogue_key_of(name, &u.key) || strcmp(u.key.capture, pub->capture) != 0 ||
	    u.key.shard != pub->shard)
		return 0;
	for (i = 0; i < pub->n_gaps; i++)
		extend(&u, pub->gaps[i].from, pub->gaps[i].to);
	for (i = 0; i < pub->n_groups; i++)
		extend(&u, pub->groups[i].start, pub->groups[i].last);
	code = put_segments(r, run, d, &u);
	if (code == 0)
		code = put_blocks(r, run, d, &u);
	return code < 0 ? code : catalogue_db_put_run(d, &u);
}

static int make(struct store_read *r, struct catalogue *c, struct catalogue_db *d)
{
	int code = catalogue_db_begin(d);
	size_t i;

	for (i = 0; i < r->n && code == 0; i++)
		code = put_run(r, i, d);
	if (code == 0)
		code = catalogue_take_gone(c, d);
	return code < 0 ? code : catalogue_db_commit(d);
}

/* The catalogue that is there, held against what it would become. */
struct same {
	struct catalogue_db *d;
	int64_t runs, files; /* that both have */
	bool differs;
};

static int same_run(void *arg, const struct catalogue_run *old)
{
	struct same *s = arg;
	struct catalogue_run u = *old;
	int r = catalogue_db_find_run(s->d, &u);

	s->runs++;
	s->differs |= r == 0 || u.state != old->state || u.pid != old->pid ||
		      u.start != old->start || u.end != old->end || u.first != old->first ||
		      u.last != old->last || u.packets != old->packets || u.rows != old->rows ||
		      u.bytes != old->bytes || u.journal != old->journal;
	return r < 0 ? r : 0;
}

static int same_file(void *arg, const struct catalogue_file *old)
{
	struct same *s = arg;
	struct catalogue_file f = *old;
	int r = catalogue_db_find_file(s->d, &f);

	s->files++;
	s->differs |= r == 0 || f.bytes != old->bytes || f.beside != old->beside ||
		      f.first != old->first || f.last != old->last || f.n != old->n;
	return r < 0 ? r : 0;
}

/* What limits removed is taken from it: only that it is good matters. */
static int same_gone(void *arg, const struct catalogue_gone *old)
{
	(void)arg, (void)old;
	return 0;
}

static void differs(void *arg, const char *table)
{
	struct same *s = arg;

	(void)table;
	s->differs = true;
}

/* 1: what is there says the same; 0; or -errno. */
static int is_same(const struct catalogue *c, struct catalogue_db *d)
{
	struct same s = {.d = d};
	CLEANUP(closep)
	int fd = openat(c->s->dir_fd, CATALOGUE_NAME,
			O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	int r = fd < 0 ? 0
		       : catalogue_read(fd, &(struct catalogue_visit){.arg = &s,
								      .run = same_run,
								      .file = same_file,
								      .gone = same_gone,
								      .wrong = differs});

	if (fd < 0 || r < 0)
		return r;
	return !s.differs && s.runs == catalogue_db_count(d, CATALOGUE_RUNS) &&
	       s.files == catalogue_db_count(d, CATALOGUE_FILES);
}

int store_catalogue_rebuild(struct store_read *r, struct err *err)
{
	CLEANUP(catalogue_db_freep) struct catalogue_db *d = NULL;
	struct catalogue *c = r->s->catalogue;
	size_t i;
	int code;

	if (!c)
		return err_set(err, -EROFS, "'%s' is not open for writing", r->s->path);
	for (i = 0; i < r->n; i++)
		if (r->pub[i].skipped)
			return err_set(err, -EINVAL, "not all of '%s' was read", r->s->path);
	code = catalogue_db_new(&d);
	if (code == 0)
		code = make(r, c, d);
	if (code == 0 && (code = is_same(c, d)) > 0)
		return 0;
	if (code == 0)
		code = catalogue_place(c, d);
	if (code < 0)
		return err_set(err, code, "cannot write '%s/" CATALOGUE_NAME "': %s", r->s->path,
			       code == -EDQUOT ? "the quota has no room for it" : strerror(-code));
	/* What happens from now on is added to this one. */
	catalogue_db_free(c->db);
	c->db = TAKE_PTR(d);
	c->changed = false;
	catalogue_work(c, true, true);
	return 1;
}
