/* What is left when a writer is killed between any two of its writes, or within one: whatever was
 * acknowledged, each flow once, nothing that was not given, and no word of damage.
 *
 * The files are looked at whenever the store makes one, and after each call.  What it wrote
 * between two looks came in an order that is known, so all states between can be made, with
 * the last write torn.  What it removes or renames is done later, in its order. */
#include "run/dir.h"

#include <dirent.h>
#include <pthread.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "rows_model.h"
#include "run/past.h"
#include "store/catalogue.h"
#include "store_files.h"

#define FILES   64
#define PACKETS 4096
#define OPS     256
#define RANKS   7

struct snap {
	struct {
		char name[64];
		uint8_t *p;
		size_t n;
	} v[FILES];
	size_t n;
};

struct op {
	char from[96], to[96]; /* 'to' "": it is removed */
};

struct crash {
	const char *path, *copy; /* of the store, and of what is left of it */
	struct model *m;
	struct model *then;     /* as it was at the last look */
	struct snap seen, left; /* in the store, and in the copy */
	size_t flow_of[PACKETS];
	size_t states, segments;

	pthread_mutex_t lock; /* the store has a thread of its own */
	struct op ops[OPS];
	size_t n_ops, done_ops;
};

static void folder_of(const char *path, char to[160])
{
	snprintf(to, 160, "%s/c/0", path);
}

static int by_file(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void snap_done(struct snap *s)
{
	while (s->n)
		free(s->v[--s->n].p);
}

static void snap_take(const char *path, struct snap *s)
{
	char folder[160], file[300];
	struct dirent *e;
	struct stat st;
	DIR *d;

	memset(s, 0, sizeof(*s));
	folder_of(path, folder);
	d = opendir(folder);
	while (d && (e = readdir(d))) {
		FILE *f;

		if (e->d_name[0] == '.')
			continue;
		assert_true(s->n < FILES);
		snprintf(s->v[s->n].name, sizeof(s->v[0].name), "%.63s", e->d_name);
		snprintf(file, sizeof(file), "%s/%s", folder, s->v[s->n].name);
		f = fopen(file, "rb");
		assert_int_equal(fstat(fileno(f), &st), 0);
		s->v[s->n].n = (size_t)st.st_size;
		s->v[s->n].p = malloc(s->v[s->n].n + 1);
		assert_int_equal(fread(s->v[s->n].p, 1, s->v[s->n].n, f), s->v[s->n].n);
		fclose(f);
		s->n++;
	}
	if (d)
		closedir(d);
	qsort(s->v, s->n, sizeof(s->v[0]), by_file);
}

static size_t snap_find(const struct snap *s, const char *name)
{
	size_t i;

	for (i = 0; i < s->n && strcmp(s->v[i].name, name) != 0; i++)
		;
	return i;
}

/* ---- what is left ---- */

struct got {
	uint8_t there[PACKETS];
	const struct crash *c;
	size_t n;
};

static int take_number(void *arg, const struct pkt *p, uint64_t serial)
{
	struct got *g = arg;
	uint64_t number = le64_load(p->data);

	(void)serial;
	assert_int_equal(p->caplen, 60);
	assert_true(number < g->c->m->packets);
	assert_int_equal(le64_load(p->data + 8), model_serial(g->c->flow_of[number]));
	assert_int_equal(g->there[number]++, 0);
	g->n++;
	return 0;
}

static void no_damage(struct run_dir *d)
{
	if (model_damage(d))
		print_notes(run_dir_stats(d));
	assert_int_equal(model_damage(d), 0);
}

static void check_packets(const struct crash *c, struct run_dir *d, const struct model *least,
			  const struct model_seen *s)
{
	CLEANUP(freep) uint64_t *serials = calloc(s->m->n + 1, sizeof(*serials));
	struct ql_src *ql = run_dir_ql(d);
	struct past_stats stats;
	struct got g = {.c = c};
	struct err err = {0};
	size_t i, n = 0;

	for (i = 0; i < s->m->n; i++)
		if (s->version[i])
			serials[n++] = model_serial(i);
	assert_int_equal(
		ql->ops->packets(ql, serials, n, INT64_MIN, INT64_MAX, NULL, take_number, &g, &err),
		0);
	for (i = 0; i < least->acked_packets; i++)
		assert_true(g.there[i] || !s->version[c->flow_of[i]]);
	no_damage(d);
	g = (struct got){.c = c};
	assert_int_equal(past_dir(d, "", take_number, &g, &stats, &err), 0);
	for (i = 0; i < least->acked_packets; i++)
		assert_int_equal(g.there[i], 1);
}

/* Makes the copy what 's' is; what is already there stays. */
static void lay(struct crash *c, const struct snap *s)
{
	char folder[160], file[300];
	size_t i, k;

	folder_of(c->copy, folder);
	for (i = 0; i < c->left.n; i++) {
		snprintf(file, sizeof(file), "%s/%s", folder, c->left.v[i].name);
		if (snap_find(s, c->left.v[i].name) == s->n)
			assert_int_equal(unlink(file), 0);
	}
	for (i = 0; i < s->n; i++) {
		int fd;

		k = snap_find(&c->left, s->v[i].name);
		if (k < c->left.n && c->left.v[k].n == s->v[i].n &&
		    memcmp(c->left.v[k].p, s->v[i].p, s->v[i].n) == 0)
			continue;
		snprintf(file, sizeof(file), "%s/%s", folder, s->v[i].name);
		/* not cut to nothing first: some file systems then wait for the disk */
		fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		assert_int_equal(pwrite(fd, s->v[i].p, s->v[i].n, 0), s->v[i].n);
		assert_int_equal(ftruncate(fd, (off_t)s->v[i].n), 0);
		close(fd);
	}
	snap_done(&c->left);
	for (i = 0; i < s->n; i++) {
		c->left.v[i] = s->v[i];
		c->left.v[i].p = memcpy(malloc(s->v[i].n + 1), s->v[i].p, s->v[i].n);
	}
	c->left.n = s->n;
}

/* What is left is at least what was acknowledged in 'least'. */
static void check_state(struct crash *c, const struct snap *s, const struct model *least)
{
	struct model_seen seen;
	struct run_dir *d;
	size_t i;

	lay(c, s);
	d = open_dir(c->copy);
	model_scan(c->m, d, c->states % 2, INT64_MIN, INT64_MAX, &seen);
	for (i = 0; i < least->n; i++)
		assert_true(seen.version[i] >= least->v[i].acked);
	no_damage(d);
	check_packets(c, d, least, &seen);
	no_damage(d);
	free(seen.version);
	run_dir_free(d);
	c->states++;
}

/* ---- states between two looks ---- */

/* In which order files are written between two looks. */
static int rank_of(const char *name)
{
	static const char *const ends[] = {".pcapng", ".refs", ".tmp", ".fseg",
					   ".rows",   ".jrn",  ".pidx"};
	size_t n = strlen(name);
	int i;

	for (i = 0; i < RANKS; i++)
		if (strcmp(name + n - strlen(ends[i]), ends[i]) == 0)
			return i;
	fail_msg("%s", name);
	return 0;
}

/* File 'b' grows to what it is in 'to', in steps; bytes that are there already change last: they
 * are a beat. */
static void grow(struct crash *c, struct snap *at, size_t a, const struct snap *to, size_t b)
{
	const size_t before = at->v[a].n, after = to->v[b].n;
	const size_t steps[] = {before + 1, after - 1, after};
	size_t i, first, last;

	assert_true(after >= before);
	at->v[a].p = realloc(at->v[a].p, after + 1);
	memcpy(at->v[a].p + before, to->v[b].p + before, after - before);
	for (i = 0; i < 3 && after > before; i++) {
		at->v[a].n = steps[i];
		check_state(c, at, c->then);
	}
	at->v[a].n = after;
	for (first = 0; first < before && at->v[a].p[first] == to->v[b].p[first]; first++)
		;
	if (first == before)
		return;
	assert_int_equal(rank_of(at->v[a].name), 5);
	for (last = before; at->v[a].p[last - 1] == to->v[b].p[last - 1]; last--)
		;
	assert_true(last - first <= 68);
	for (i = first; i < last; i++) {
		at->v[a].p[i] = to->v[b].p[i];
		if (i % 7 == 0)
			check_state(c, at, c->then);
	}
}

/* A look; what was written since the last one happened in parts. */
static void look(struct crash *c)
{
	struct snap now;
	size_t i, a;
	int rank;

	snap_take(c->path, &now);
	/* The last look was before this one was made. */
	for (i = 0; i < now.n; i++) {
		if (snap_find(&c->seen, now.v[i].name) < c->seen.n)
			continue;
		assert_true(c->seen.n < FILES);
		strcpy(c->seen.v[c->seen.n].name, now.v[i].name);
		c->seen.v[c->seen.n].p = calloc(1, 1);
		c->seen.v[c->seen.n++].n = 0;
		check_state(c, &c->seen, c->then);
	}
	for (rank = 0; rank < RANKS; rank++)
		for (i = 0; i < now.n; i++) {
			if (rank_of(now.v[i].name) != rank)
				continue;
			a = snap_find(&c->seen, now.v[i].name);
			grow(c, &c->seen, a, &now, i);
		}
	assert_int_equal(c->seen.n, now.n);
	snap_done(&c->seen);
	c->seen = now;
	check_state(c, &c->seen, c->m);
	memcpy(c->then, c->m, sizeof(*c->m));
}

/* ---- the store's files ---- */

/* The catalogue is made by the store's own thread every ten seconds, and no part of what is
 * looked at: nothing of it waits. */
static bool is_catalogue(const char *name)
{
	return strncmp(name, CATALOGUE_NAME, strlen(CATALOGUE_NAME)) == 0;
}

static int crash_create(void *arg, const char *name)
{
	struct crash *c = arg;
	int fd;

	if (c->m && !is_catalogue(name))
		look(c);
	fd = files_create(c->path, name);
	if (fd >= 0 && strstr(name, ".pcapng"))
		c->segments++; /* not the catalogue's thread: it makes none */
	return fd;
}

static int later(struct crash *c, const char *from, const char *to)
{
	pthread_mutex_lock(&c->lock);
	assert_true(c->n_ops < OPS);
	snprintf(c->ops[c->n_ops].from, sizeof(c->ops[0].from), "%s", from);
	snprintf(c->ops[c->n_ops++].to, sizeof(c->ops[0].to), "%s", to);
	pthread_mutex_unlock(&c->lock);
	return 0;
}

static int crash_rename(void *arg, const char *from, const char *to)
{
	return is_catalogue(from) ? files_rename(((struct crash *)arg)->path, from, to)
				  : later(arg, from, to);
}

static int crash_unlink(void *arg, const char *name)
{
	return is_catalogue(name) ? files_unlink(((struct crash *)arg)->path, name)
				  : later(arg, name, "");
}

static int crash_mkdir(void *arg, const char *name)
{
	return files_mkdir(((struct crash *)arg)->path, name);
}

static int crash_sync(void *arg, int fd)
{
	(void)arg, (void)fd;
	return 0;
}

/* The first of what was put off; false: there is none. */
static bool do_op(struct crash *c)
{
	struct op op;
	bool any;

	pthread_mutex_lock(&c->lock);
	any = c->done_ops < c->n_ops;
	op = c->ops[c->done_ops];
	c->done_ops += any;
	pthread_mutex_unlock(&c->lock);
	if (!any)
		return false;
	assert_int_equal(
		*op.to ? files_rename(c->path, op.from, op.to) : files_unlink(c->path, op.from), 0);
	snap_done(&c->seen);
	snap_take(c->path, &c->seen);
	check_state(c, &c->seen, c->then);
	return true;
}

static void make_folders(const char *path)
{
	char folder[160];

	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(folder, sizeof(folder), "%s/c", path);
	assert_int_equal(mkdir(folder, 0700), 0);
	folder_of(path, folder);
	assert_int_equal(mkdir(folder, 0700), 0);
}

static void give_packets(struct crash *c, size_t n)
{
	for (; n && c->m->n && c->m->packets < PACKETS; n--) {
		size_t flow = model_rnd((uint32_t)c->m->n);

		c->flow_of[c->m->packets] = flow;
		model_packet(c->m, flow);
	}
}

static void test_crash(void **state)
{
	struct crash *c = calloc(1, sizeof(*c));
	const struct store_files files = {
		.arg = c,
		.create = crash_create,
		.rename = crash_rename,
		.unlink = crash_unlink,
		.mkdir = crash_mkdir,
		.sync = crash_sync,
	};
	const struct store_conf conf = {
		.files = &files, .raw_limit = UINT64_MAX, .segment_size = 6000, .flow.update = 1};
	char spec[128], other[128];
	uint32_t k;
	int i;

	(void)state;
	pthread_mutex_init(&c->lock, NULL);
	c->copy = new_store(other);
	c->path = new_store(spec);
	make_folders(c->copy);
	assert_int_equal(mkdir(c->path, 0700), 0);
	c->m = NULL;
	c->then = malloc(sizeof(*c->then));
	c->m = model_open(spec, &conf);
	memcpy(c->then, c->m, sizeof(*c->m));
	look(c);
	for (i = 0; i < 60; i++) {
		model_new(c->m, model_rnd(8), 30);
		model_flush(c->m);
		give_packets(c, model_rnd(30));
		model_more(c->m, model_rnd(20), 10);
		model_tick(c->m, i % 3 == 2 ? 301 * SEC : model_rnd(2) ? SEC / 4 : SEC);
		look(c);
		/* as many are drawn whatever the store's thread has done by now */
		for (k = model_rnd(3); k && do_op(c); k--)
			;
	}
	model_finish(c->m);
	look(c);
	while (do_op(c))
		;
	/* more than one flow segment, several segments of packets, some removals */
	assert_true(snap_find(&c->seen, "18d75b8423f30000-000017.fseg") < c->seen.n);
	assert_true(c->segments > 5 && c->n_ops > 20 && c->states > 1000);
	model_close(c->m);
	snap_done(&c->seen);
	snap_done(&c->left);
	pthread_mutex_destroy(&c->lock);
	free(c->then);
	free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_crash),
	};

	return RUN_ALL(tests);
}
