#include "run/feed.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/vec.h"
#include "capture/src.h"
#include "run/ifmap.h"
#include "run/paths.h"

#define BATCH 256

/* One file on its way through the stream. */
struct part {
	const char *path;
	size_t index;    /* in the order given */
	struct src *src; /* NULL: not opened yet, or done */
	bool done;
	int64_t first; /* time of its first packet; INT64_MIN: not known */
	uint64_t size; /* as stored; 0: not known */
	uint64_t read; /* by its source when it was closed */

	struct pkt *pkts; /* BATCH of them while it is open; owned */
	size_t n, at;
	uint32_t *ifaces; /* number in the stream of each of its interfaces; owned */
	size_t n_ifaces, size_ifaces;
	struct ifmap_file looks; /* of these interfaces */
};

struct feed {
	struct part **parts; /* by first packet; owned */
	size_t n;
	size_t begun;         /* parts[0..begun) are open or done */
	struct part **active; /* those open, as they began; owned */
	size_t live;          /* entries of 'active' */
	struct feed_conf conf;
	bool stopped;
	uint64_t left; /* packets that may still be given */
	uint64_t number;
	int64_t clock;
	void (*reuse)(void *arg, uint64_t window); /* NULL: packets need not be kept */
	void *reuse_arg;
};

static void part_free(struct part *p)
{
	if (!p)
		return;
	src_free(p->src);
	free(p->pkts);
	free(p->ifaces);
	ifmap_file_done(&p->looks);
	free(p);
}

void feed_free(struct feed *f)
{
	size_t i;

	if (!f)
		return;
	for (i = 0; f->parts && i < f->n; i++)
		part_free(f->parts[i]);
	free(f->parts);
	free(f->active);
	free(f);
}

/* Whether a file can be opened a second time from its start. */
static bool is_regular(const char *path, uint64_t *ret_size)
{
	struct stat st;

	if (strcmp(path, "-") == 0 || stat(path, &st) < 0 || !S_ISREG(st.st_mode))
		return false;
	*ret_size = (uint64_t)st.st_size;
	return true;
}

/* Finds out when a file begins, to sort it among the others. */
static int probe(struct part *p, const struct stop *stop, struct err *err)
{
	CLEANUP(src_freep) struct src *s = NULL;
	struct pkt first;
	int r;

	r = src_open(&s, p->path, stop, err);
	if (r < 0)
		return r;
	p->first = src_recv(s, &first, 1) == 1 ? first.ts : INT64_MIN;
	return 0;
}

static int cmp_first(const void *a, const void *b)
{
	const struct part *x = *(struct part *const *)a, *y = *(struct part *const *)b;

	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	return (x->index > y->index) - (x->index < y->index);
}

/* Whether a file ends where its reading was stopped, and not by its own fault. */
static bool is_cut(const struct feed *f, const struct part *p)
{
	return f->conf.cut && p->index + 1 == f->conf.paths->n;
}

static int add_part(struct feed *f, const char *path, bool alone, struct err *err)
{
	struct part *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return err_set(err, -ENOMEM, "out of memory");
	p->path = path;
	p->index = f->n;
	p->first = INT64_MIN;
	f->parts[f->n++] = p;
	if (!is_regular(path, &p->size) || alone)
		r = src_open(&p->src, path, f->conf.stop, err);
	else
		r = probe(p, f->conf.stop, err);
	if (r == -ECANCELED) {
		f->stopped = true;
		return 0;
	}
	if ((r == -EBADMSG || r == -ENODATA) && (!alone || is_cut(f, p))) {
		f->conf.note(f->conf.note_arg, path, err->text);
		p->done = true;
		return 0;
	}
	return r;
}

int feed_new(struct feed **ret, const struct feed_conf *conf, struct err *err)
{
	const struct paths *paths = conf->paths;
	struct feed *f = calloc(1, sizeof(*f));
	size_t i;
	int r = 0;

	if (!f)
		return err_set(err, -ENOMEM, "out of memory");
	f->conf = *conf;
	f->left = conf->limit;
	f->clock = INT64_MIN;
	f->parts = calloc(paths->n ? paths->n : 1, sizeof(*f->parts));
	f->active = calloc(paths->n ? paths->n : 1, sizeof(*f->active));
	if (!f->parts || !f->active)
		r = err_set(err, -ENOMEM, "out of memory");
	for (i = 0; r == 0 && i < paths->n; i++)
		r = add_part(f, paths->v[i], paths->n == 1, err);
	if (r < 0) {
		feed_free(f);
		return r;
	}
	qsort(f->parts, f->n, sizeof(*f->parts), cmp_first);
	*ret = f;
	return 0;
}

static int map_ifaces(struct feed *f, struct part *p)
{
	const struct src_iface *v;
	size_t n, i;

	v = src_ifaces(p->src, &n);
	if (n == p->n_ifaces)
		return 0;
	if (vec_reserve(&p->ifaces, &p->size_ifaces, n, sizeof(*p->ifaces)) < 0)
		return -ENOMEM;
	for (i = p->n_ifaces; i < n; i++) {
		int64_t number = ifmap_add(f->conf.ifaces, &p->looks, v, i);

		if (number < 0)
			return (int)number;
		p->ifaces[i] = (uint32_t)number;
	}
	p->n_ifaces = n;
	return 0;
}

/* Memory of packets goes now. */
static void reuse_all(struct feed *f)
{
	if (f->reuse)
		f->reuse(f->reuse_arg, UINT64_MAX);
}

static void end_part(struct feed *f, struct part *p)
{
	const struct src_note *notes;
	uint64_t total;
	char text[256];
	size_t n, i;

	notes = src_notes(p->src, &n, &total);
	if (n && n == total && is_cut(f, p) && src_meta(p->src).cut)
		total = --n; /* the last one says so */
	for (i = 0; i < n; i++) {
		if (notes[i].n > 1)
			snprintf(text, sizeof(text), "at byte %llu: %s (%llu times)",
				 (unsigned long long)notes[i].off, notes[i].text,
				 (unsigned long long)notes[i].n);
		else
			snprintf(text, sizeof(text), "at byte %llu: %s",
				 (unsigned long long)notes[i].off, notes[i].text);
		f->conf.note(f->conf.note_arg, p->path, text);
	}
	if (total > n) {
		snprintf(text, sizeof(text), "%llu more places are damaged",
			 (unsigned long long)(total - n));
		f->conf.note(f->conf.note_arg, p->path, text);
	}
	p->read = src_meta(p->src).read;
	reuse_all(f);
	src_free(p->src);
	free(p->pkts);
	p->src = NULL;
	p->pkts = NULL;
	p->done = true;
	for (i = 0; f->active[i] != p; i++)
		;
	f->live--;
	memmove(&f->active[i], &f->active[i + 1], (f->live - i) * sizeof(*f->active));
}

/* Fetches a part's next packets; at its end it is done. */
static int refill(struct feed *f, struct part *p)
{
	int n;

	reuse_all(f);
	n = src_recv(p->src, p->pkts, BATCH);
	p->at = 0;
	p->n = n > 0 ? (size_t)n : 0;
	if (n > 0)
		return map_ifaces(f, p);
	f->stopped |= n == -ECANCELED;
	end_part(f, p);
	return 0;
}

/* Puts a part among the active ones; a file that has gone since is a note. */
static int begin_part(struct feed *f, struct part *p)
{
	struct err err = {0};
	int r;

	r = p->src ? 0 : src_open(&p->src, p->path, f->conf.stop, &err);
	if (r == -ECANCELED) {
		f->stopped = true;
		return 0;
	}
	if (r < 0) {
		f->conf.note(f->conf.note_arg, p->path, err.text);
		p->done = true;
		return 0;
	}
	p->pkts = malloc(BATCH * sizeof(*p->pkts));
	if (!p->pkts)
		return -ENOMEM;
	f->active[f->live++] = p;
	return refill(f, p);
}

/* Begins the parts that start no later than 'ts', and one at least when none is
 * active. */
static int begin_parts(struct feed *f, int64_t ts)
{
	int r = 0;

	while (r == 0 && !f->stopped && f->begun < f->n &&
	       (!f->live || f->parts[f->begun]->first <= ts)) {
		struct part *p = f->parts[f->begun++];

		if (!p->done)
			r = begin_part(f, p);
	}
	return r;
}

/* The part whose next packet is earliest, the first of equal ones; NULL: none. */
static struct part *next_part(struct feed *f)
{
	struct part *best = NULL;
	size_t i;

	for (i = 0; i < f->live; i++) {
		struct part *p = f->active[i];

		if (!best || p->pkts[p->at].ts < best->pkts[best->at].ts)
			best = p;
	}
	return best;
}

static void give(struct feed *f, struct part *p, struct pkt *to)
{
	*to = p->pkts[p->at++];
	to->iface = to->iface < p->n_ifaces ? p->ifaces[to->iface] : 0;
	to->number = ++f->number;
	if (to->ts > f->clock)
		f->clock = to->ts;
	to->clock = f->clock;
}

/* The only file: nothing to merge, nothing to copy. */
static int recv_alone(struct feed *f, struct part *p, struct pkt *pkts, size_t max)
{
	int n, r, i;

	if (p->done)
		return 0;
	if (!f->live) {
		f->active[f->live++] = p;
		f->begun = 1;
	}
	n = src_recv(p->src, pkts, max);
	if (n <= 0) {
		f->stopped |= n == -ECANCELED;
		end_part(f, p);
		return 0;
	}
	r = map_ifaces(f, p);
	if (r < 0)
		return r;
	for (i = 0; i < n; i++)
		pkts[i].iface = pkts[i].iface < p->n_ifaces ? p->ifaces[pkts[i].iface] : 0;
	return n;
}

/* A stopped part ends the stream at once: what the others have read further is
 * not given, so that it ends at one point of the whole. */
static int recv_merged(struct feed *f, struct pkt *pkts, size_t max)
{
	size_t n = 0, i;
	int r;

	/* Batches used up by the call before: their packets may go now. */
	for (i = f->live; i > 0; i--) {
		struct part *p = f->active[i - 1];

		r = p->at == p->n ? refill(f, p) : 0;
		if (r < 0)
			return r;
	}
	while (n < max && !f->stopped) {
		struct part *p = next_part(f);
		int64_t ts = p ? p->pkts[p->at].ts : INT64_MIN;

		if (f->begun < f->n && (!p || f->parts[f->begun]->first <= ts)) {
			r = begin_parts(f, ts);
			if (r < 0)
				return r;
			continue;
		}
		if (!p)
			break;
		do
			give(f, p, &pkts[n++]);
		while (n < max && p->at < p->n && f->live == 1 && f->begun == f->n);
		if (p->at == p->n)
			break; /* its next batch would take these packets away */
	}
	return (int)n;
}

int feed_recv(struct feed *f, struct pkt *pkts, size_t max)
{
	int n;

	if (max > f->left)
		max = (size_t)f->left;
	if (!max || f->stopped)
		return 0;
	n = f->n == 1 ? recv_alone(f, f->parts[0], pkts, max) : recv_merged(f, pkts, max);
	if (n > 0)
		f->left -= (uint64_t)n;
	return n;
}

bool feed_stopped(const struct feed *f)
{
	return f->stopped;
}

void feed_end(struct feed *f)
{
	while (f->live)
		end_part(f, f->active[0]);
}

void feed_keep(struct feed *f, unsigned n, void (*reuse)(void *arg, uint64_t window), void *arg)
{
	f->reuse = reuse;
	f->reuse_arg = arg;
	if (f->n == 1 && f->parts[0]->src)
		src_keep(f->parts[0]->src, n, reuse, arg);
}

/* Several files have windows of their own: there all is one. */
uint64_t feed_window(const struct feed *f)
{
	return f->n == 1 && f->parts[0]->src ? src_window(f->parts[0]->src) : 0;
}

void feed_progress(const struct feed *f, uint64_t *ret_done, uint64_t *ret_total)
{
	size_t i;

	*ret_done = *ret_total = 0;
	for (i = 0; i < f->n; i++) {
		const struct part *p = f->parts[i];

		*ret_done += p->src ? src_meta(p->src).read : p->read;
		*ret_total += p->size;
	}
}
