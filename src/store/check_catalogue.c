/* What the catalogue says, and whether it is so.  It only tells what files tell: one that is older
 * than they are is no damage. */
#include "store/check_impl.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/num.h"
#include "store/catalogue_db.h"

#define MAKE_IT "'trawl store rebuild' makes it again"

/* A run that has ended. */
struct ended {
	char *folder; /* owned */
	uint64_t run;
	int64_t packets, journal;
};

/* What limits have removed of a run. */
struct removed {
	char *folder; /* owned */
	uint64_t run;
	enum retain_kind kind;
	enum retain_why why;
	int64_t number; /* the largest */
};

struct check_catalogue {
	struct ended *ended; /* by run and folder; owned, as 'removed' */
	struct removed *removed;
	size_t n_ended, n_removed;
	uint64_t found; /* of 'ended', as they are there */
	uint64_t lacks; /* runs that ended and are not in it as they are */

	/* While it is read. */
	uint64_t wrong;
	char table[16]; /* of the first wrong row */
	bool none;      /* it is none, or not all of it can be read */
};

void check_catalogue_free(struct check_catalogue *k)
{
	size_t i;

	if (!k)
		return;
	for (i = 0; i < k->n_ended; i++)
		free(k->ended[i].folder);
	for (i = 0; i < k->n_removed; i++)
		free(k->removed[i].folder);
	free(k->ended);
	free(k->removed);
	free(k);
}

DEFINE_FREEP(struct check_catalogue, check_catalogue_free);

static char *folder_of(const struct catalogue_key *key)
{
	char name[LOCAL_NAME_SIZE];
	size_t n;

	local_escape(key->capture, name);
	n = strlen(name);
	snprintf(name + n, sizeof(name) - n, "/%u", key->shard);
	return strdup(name);
}

static int add_ended(void *arg, const struct catalogue_run *u)
{
	struct check_catalogue *k = arg;
	struct ended *to;

	if (u->state != CATALOGUE_FINISHED)
		return 0;
	to = read_append((void **)&k->ended, &k->n_ended, sizeof(*to));
	if (!to)
		return -ENOMEM;
	*to = (struct ended){folder_of(&u->key), u->key.run, u->packets, u->journal};
	return to->folder ? 0 : -ENOMEM;
}

static int add_removed(void *arg, const struct catalogue_gone *g)
{
	struct check_catalogue *k = arg;
	struct removed *to = read_append((void **)&k->removed, &k->n_removed, sizeof(*to));

	if (!to)
		return -ENOMEM;
	*to = (struct removed){folder_of(&g->key), g->key.run, g->kind, g->why, g->number};
	return to->folder ? 0 : -ENOMEM;
}

/* Its check is all that there is to look at. */
static int pass(void *arg, const struct catalogue_file *f)
{
	(void)arg, (void)f;
	return 0;
}

static void wrong(void *arg, const char *table)
{
	struct check_catalogue *k = arg;

	k->none |= !table;
	if (table && !k->wrong++)
		snprintf(k->table, sizeof(k->table), "%s", table);
}

static int by_run(const void *a, const void *b)
{
	const struct ended *x = a, *y = b;

	return x->run != y->run ? (x->run < y->run ? -1 : 1) : strcmp(x->folder, y->folder);
}

static void bad(struct check *c, const struct check_catalogue *k)
{
	check_remedy(c, STORE_MAKE_CATALOGUE);
	if (k->none)
		check_found(c, STORE_DAMAGE, CATALOGUE_NAME, -1,
			    "this is no catalogue, or a damaged one: " MAKE_IT);
	else
		check_found(c, STORE_DAMAGE, CATALOGUE_NAME, -1,
			    "%" PRIu64
			    " row%s with a wrong checksum, the first in table '%s': " MAKE_IT,
			    k->wrong, num_s(k->wrong), k->table);
}

int check_catalogue(struct check *c)
{
	CLEANUP(check_catalogue_freep) struct check_catalogue *k = NULL;
	CLEANUP(closep) int fd = -1;
	uint64_t size = 0;
	int r;

	fd = check_open_name(c, CATALOGUE_NAME, &size);
	if (fd < 0) {
		c->catalogue_absent = fd == -ENOENT;
		return 0;
	}
	k = calloc(1, sizeof(*k));
	if (!k)
		return -ENOMEM;
	r = catalogue_read(fd, &(struct catalogue_visit){.arg = k,
							 .run = add_ended,
							 .file = pass,
							 .gone = add_removed,
							 .wrong = wrong});
	if (r == 0)
		r = check_count(c, size);
	if (r < 0)
		return r;
	if (k->none || k->wrong) {
		bad(c, k);
		return 0;
	}
	if (k->n_ended)
		qsort(k->ended, k->n_ended, sizeof(*k->ended), by_run);
	c->catalogue = TAKE_PTR(k);
	return 0;
}

static bool is_of(const struct check_run *u, const char *folder)
{
	return strlen(folder) == u->folder_len && memcmp(folder, u->folder, u->folder_len) == 0;
}

static uint64_t journal_size(const struct check_run *u)
{
	size_t i;

	for (i = 0; i < u->n_files; i++)
		if (u->files[i].kind == STORE_FILE_JOURNAL)
			return u->files[i].bytes;
	return 0;
}

void check_catalogue_run(const struct check_run *u)
{
	struct check_catalogue *k = u->c->catalogue;
	const uint64_t journal = journal_size(u);
	size_t lo = 0, hi, mid;

	if (!k || !u->has_journal || u->running || !u->has_end || u->damaged)
		return;
	for (hi = k->n_ended; lo < hi;) {
		mid = lo + (hi - lo) / 2;
		if (k->ended[mid].run < u->id)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < k->n_ended && k->ended[lo].run == u->id; lo++) {
		const struct ended *e = &k->ended[lo];

		if (is_of(u, e->folder) && e->journal == catalogue_number(journal) &&
		    e->packets == catalogue_number(u->end.kept)) {
			k->found++;
			return;
		}
	}
	k->lacks++;
}

void check_catalogue_end(struct check *c)
{
	const struct check_catalogue *k = c->catalogue;
	uint64_t more;

	/* While a capture runs it follows. */
	if (c->sum->running)
		return;
	check_remedy(c, STORE_MAKE_CATALOGUE);
	if (c->catalogue_absent) {
		check_found(c, STORE_REMARK, CATALOGUE_NAME, -1, "not there: " MAKE_IT);
	} else if (k && k->lacks) {
		check_found(c, STORE_REMARK, CATALOGUE_NAME, -1,
			    "it is older than what is there: %" PRIu64 " run%s %s not in it as %s",
			    k->lacks, num_s(k->lacks), num_are(k->lacks),
			    k->lacks == 1 ? "it is" : "they are");
	} else if (k && k->found < k->n_ended && !c->sum->damage && !c->sum->unseen) {
		more = k->n_ended - k->found;
		check_found(c, STORE_REMARK, CATALOGUE_NAME, -1,
			    "it tells of %" PRIu64 " run%s that %s not there", more, num_s(more),
			    num_are(more));
	}
	c->remedy = STORE_NO_REMEDY;
}

const char *check_why_gone(const struct check_run *u, enum store_file_kind kind, uint32_t number)
{
	static const char *const texts[] = {
		[RETAIN_WHY_QUOTA] = "removed for the quota",
		[RETAIN_WHY_AGE] = "removed for their age",
		[RETAIN_WHY_FREE] = "removed to leave room on the disk",
	};
	const enum retain_kind wanted = kind == STORE_FILE_SEGMENT ? RETAIN_SEGMENT : RETAIN_FSEG;
	const struct check_catalogue *k = u->c->catalogue;
	size_t i;

	for (i = 0; k && i < k->n_removed; i++) {
		const struct removed *m = &k->removed[i];

		if (m->run == u->id && m->kind == wanted && m->number >= number &&
		    is_of(u, m->folder) && m->why < sizeof(texts) / sizeof(texts[0]) &&
		    texts[m->why])
			return texts[m->why];
	}
	return "no limit is known to have removed this";
}
