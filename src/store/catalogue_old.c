/* What there was before: files as retention lists them, and what the catalogue of an earlier
 * process knows of those that are as it says. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/vec.h"
#include "store/catalogue_db.h"
#include "store/local.h"

void catalogue_close_old(struct catalogue *c)
{
	if (c->old_fd >= 0)
		close(TAKE_FD(c->old_fd));
}

/* Files that were there before, as retention knows them. */
struct listed {
	size_t run; /* number in 'runs' */
	enum retain_kind kind;
	uint32_t number;
	uint64_t bytes, side;
	bool open;
};

struct listing {
	char **runs; /* owned, as are the names in it */
	struct listed *v;
	size_t n_runs, n, size_runs, size;
	bool bad; /* out of memory */
};

static void listing_done(struct listing *l)
{
	size_t i;

	for (i = 0; i < l->n_runs; i++)
		free(l->runs[i]);
	free(l->runs);
	free(l->v);
}

static void list(void *arg, const struct retain_known *what)
{
	struct listing *l = arg;

	if (l->bad)
		return;
	if (!l->n_runs || strcmp(l->runs[l->n_runs - 1], what->run) != 0) {
		l->bad =
			vec_reserve(&l->runs, &l->size_runs, l->n_runs + 1, sizeof(*l->runs)) < 0 ||
			!(l->runs[l->n_runs] = strdup(what->run));
		if (l->bad)
			return;
		l->n_runs++;
	}
	l->bad = vec_reserve(&l->v, &l->size, l->n + 1, sizeof(*l->v)) < 0;
	if (l->bad)
		return;
	l->v[l->n++] = (struct listed){
		.run = l->n_runs - 1,
		.kind = what->kind,
		.number = what->number,
		.bytes = what->bytes,
		.side = what->side,
		.open = what->open,
	};
}

/* A run of which only names and sizes are known: files from 'v' on, its journal the last of 'n'. */
static int put_listed(struct catalogue *c, const struct catalogue_key *key, const struct listed *v,
		      size_t n)
{
	struct catalogue_run u = {
		.key = *key,
		.state = v[n - 1].open ? CATALOGUE_RUNNING : CATALOGUE_UNKNOWN,
		.pid = CATALOGUE_NONE,
		.start = CATALOGUE_NONE,
		.end = CATALOGUE_NONE,
		.first = CATALOGUE_NONE,
		.last = CATALOGUE_NONE,
		.packets = CATALOGUE_NONE,
		.rows = CATALOGUE_NONE,
		.journal = catalogue_number(v[n - 1].bytes),
	};
	struct catalogue_file f = {
		.key = *key,
		.first = CATALOGUE_NONE,
		.last = CATALOGUE_NONE,
		.n = CATALOGUE_NONE,
	};
	size_t i;
	int r = 0;

	for (i = 0; i + 1 < n && r == 0; i++) {
		f.kind = v[i].kind;
		f.number = v[i].number;
		f.bytes = catalogue_number(v[i].bytes);
		f.beside = catalogue_number(v[i].side);
		if (f.kind == RETAIN_SEGMENT)
			u.bytes += f.bytes + f.beside;
		r = catalogue_db_put_file(c->db, &f);
	}
	return r < 0 ? r : catalogue_db_put_run(c->db, &u);
}

static int put_listing(struct catalogue *c, const struct listing *l)
{
	struct catalogue_key key;
	size_t i, n;
	int r = 0;

	for (i = 0; i < l->n && r == 0; i += n) {
		for (n = 1; i + n < l->n && l->v[i + n].run == l->v[i].run; n++)
			;
		if (l->v[i + n - 1].kind == RETAIN_JOURNAL &&
		    catalogue_key_of(l->runs[l->v[i].run], &key))
			r = put_listed(c, &key, &l->v[i], n);
	}
	return r;
}

/* What the old catalogue knows is taken where the files are as it says. */
static int take_run(void *arg, const struct catalogue_run *old)
{
	struct catalogue *c = arg;
	struct catalogue_run u = *old;
	int r = catalogue_db_find_run(c->db, &u);
	int64_t bytes = u.bytes;

	if (r <= 0 || old->state != CATALOGUE_FINISHED || u.state != CATALOGUE_UNKNOWN ||
	    u.journal != old->journal)
		return r < 0 ? r : 0;
	u = *old;
	u.bytes = bytes;
	return catalogue_db_put_run(c->db, &u);
}

static int take_file(void *arg, const struct catalogue_file *old)
{
	struct catalogue *c = arg;
	struct catalogue_file f = *old;
	int r = catalogue_db_find_file(c->db, &f);

	if (r <= 0 || f.bytes != old->bytes)
		return r < 0 ? r : 0;
	f.first = old->first;
	f.last = old->last;
	f.n = old->n;
	return catalogue_db_put_file(c->db, &f);
}

static int take_gone(void *arg, const struct catalogue_gone *old)
{
	return catalogue_db_put_gone(arg, old);
}

int catalogue_take_gone(struct catalogue *c, struct catalogue_db *to)
{
	int r = 0;

	if (c->old_fd >= 0)
		r = catalogue_read(c->old_fd,
				   &(struct catalogue_visit){.arg = to, .gone = take_gone});
	catalogue_close_old(c);
	return r;
}

int catalogue_take_over(struct catalogue *c)
{
	const struct catalogue_visit visit = {.arg = c, .run = take_run, .file = take_file};
	CLEANUP(listing_done) struct listing l = {0};
	int r = catalogue_db_new(&c->db);

	if (r < 0)
		return r;
	retain_each(c->s->retain, list, &l);
	r = l.bad ? -ENOMEM : catalogue_db_begin(c->db);
	if (r == 0)
		r = put_listing(c, &l);
	if (r == 0 && c->old_fd >= 0)
		r = catalogue_read(c->old_fd, &visit);
	if (r == 0)
		r = catalogue_take_gone(c, c->db);
	return r < 0 ? r : catalogue_db_commit(c->db);
}
