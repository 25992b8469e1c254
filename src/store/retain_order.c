/* Which file goes next.  The files of a run are a list by number for each class, of which only
 * the first may go; a heap of runs finds the oldest of these. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/retain_impl.h"

#define SIZE_MIN  16
#define COUNT_MAX (UINT32_MAX / 2) /* of an array */

static int more(void **v, uint32_t *size, uint32_t want, size_t each)
{
	uint32_t n = *size ? *size : SIZE_MIN;
	void *p;

	if (want <= *size)
		return 0;
	if (want > COUNT_MAX)
		return -ENOMEM;
	while (n < want)
		n += n / 2;
	p = reallocarray(*v, n, each);
	if (!p)
		return -ENOMEM;
	*v = p;
	*size = n;
	return 0;
}

int64_t retain_folder_new(struct retain *r, const char *path, size_t len)
{
	char *p;

	if (more((void **)&r->folders, &r->size_folders, r->n_folders + 1, sizeof(*r->folders)) < 0)
		return -ENOMEM;
	p = strndup(path, len);
	if (!p)
		return -ENOMEM;
	r->folders[r->n_folders] = p;
	return r->n_folders++;
}

int64_t retain_run_new(struct retain *r, uint32_t folder, uint64_t id)
{
	uint32_t n = r->n_runs ? r->n_runs : 1, was = r->size_runs;
	unsigned c;

	if (more((void **)&r->runs, &r->size_runs, n + 1, sizeof(*r->runs)) < 0)
		return -ENOMEM;
	for (c = 0; c < RETAIN_CLASSES && was != r->size_runs; c++) {
		void *p = reallocarray(r->heap[c].v, r->size_runs, sizeof(*r->heap[c].v));

		if (!p) {
			r->size_runs = was; /* what is larger than that does no harm */
			return -ENOMEM;
		}
		r->heap[c].v = p;
	}
	r->runs[n] = (struct retain_run){.folder = folder, .id = id};
	r->n_runs = n + 1;
	return n;
}

bool retain_is_older(const struct retain *r, uint32_t a, uint32_t b)
{
	const struct retain_file *x = &r->files[a], *y = &r->files[b];
	bool listed = x->flags & RETAIN_LISTED;

	if (listed != !!(y->flags & RETAIN_LISTED))
		return listed;
	if (x->time != y->time)
		return x->time < y->time;
	return x->run != y->run ? x->run < y->run : x->number < y->number;
}

static void put(struct retain *r, enum retain_class c, uint32_t at, uint32_t run)
{
	r->heap[c].v[at] = run;
	r->runs[run].q[c].at = at + 1;
}

static bool is_before(const struct retain *r, enum retain_class c, uint32_t a, uint32_t b)
{
	return retain_is_older(r, r->runs[a].q[c].first, r->runs[b].q[c].first);
}

/* Puts 'run' where it belongs, starting at a place whose content may be overwritten. */
static void settle(struct retain *r, enum retain_class c, uint32_t at, uint32_t run)
{
	const struct retain_heap *h = &r->heap[c];
	uint32_t next;

	for (; at && is_before(r, c, run, h->v[(at - 1) / 2]); at = next) {
		next = (at - 1) / 2;
		put(r, c, at, h->v[next]);
	}
	for (; (next = 2 * at + 1) < h->n; at = next) {
		if (next + 1 < h->n && is_before(r, c, h->v[next + 1], h->v[next]))
			next++;
		if (!is_before(r, c, h->v[next], run))
			break;
		put(r, c, at, h->v[next]);
	}
	put(r, c, at, run);
}

static bool is_ready(const struct retain *r, const struct retain_run *run, enum retain_class c)
{
	const struct retain_queue *q = &run->q[c];
	const struct retain_file *f;

	if (!q->first || q->stuck)
		return false;
	f = &r->files[q->first];
	if (f->flags & RETAIN_OPEN)
		return false;
	return f->kind != RETAIN_JOURNAL || !run->q[RETAIN_PACKETS].first;
}

/* Brings a run to its place in the heap, or takes it out. */
static void place(struct retain *r, uint32_t n, enum retain_class c)
{
	struct retain_run *run = &r->runs[n];
	struct retain_heap *h = &r->heap[c];
	uint32_t at = run->q[c].at;

	if (is_ready(r, run, c)) {
		settle(r, c, at ? at - 1 : h->n++, n);
	} else if (at) {
		run->q[c].at = 0;
		h->n--;
		if (at - 1 < h->n)
			settle(r, c, at - 1, h->v[h->n]);
	}
}

/* The journal waits for the packets. */
static void place_all(struct retain *r, uint32_t n)
{
	for (unsigned c = 0; c < RETAIN_CLASSES; c++)
		place(r, n, c);
}

void retain_file_changed(struct retain *r, uint32_t file)
{
	place_all(r, r->files[file].run);
}

void retain_unstick(struct retain *r)
{
	for (uint32_t n = 1; n < r->n_runs; n++) {
		r->runs[n].q[RETAIN_PACKETS].stuck = r->runs[n].q[RETAIN_FLOWS].stuck = false;
		place_all(r, n);
	}
}

static void link_file(struct retain *r, uint32_t n)
{
	struct retain_file *f = &r->files[n];
	struct retain_queue *q = &r->runs[f->run].q[retain_class_of(f->kind)];
	uint32_t at = q->last;

	while (at && r->files[at].number > f->number)
		at = r->files[at].prev;
	f->prev = at;
	f->next = at ? r->files[at].next : q->first;
	*(f->prev ? &r->files[f->prev].next : &q->first) = n;
	*(f->next ? &r->files[f->next].prev : &q->last) = n;
}

int64_t retain_file_new(struct retain *r, const struct retain_file *f)
{
	struct retain_count *count = &r->count[retain_class_of(f->kind)];
	uint32_t n = r->unused;

	if (!n) {
		n = r->n_files ? r->n_files : 1;
		if (more((void **)&r->files, &r->size_files, n + 1, sizeof(*r->files)) < 0)
			return -ENOMEM;
		r->n_files = n + 1;
	} else {
		r->unused = r->files[n].next;
	}
	r->files[n] = *f;
	link_file(r, n);
	place_all(r, f->run);
	count->files++;
	count->bytes += f->bytes + f->side;
	r->used += f->bytes + f->side;
	r->closed += f->flags & RETAIN_OPEN ? 0 : f->bytes + f->side;
	return n;
}

void retain_file_drop(struct retain *r, uint32_t n)
{
	struct retain_file *f = &r->files[n], *next = &r->files[f->next];
	struct retain_count *count = &r->count[retain_class_of(f->kind)];
	struct retain_queue *q = &r->runs[f->run].q[retain_class_of(f->kind)];
	uint32_t run = f->run;

	count->files--;
	count->bytes -= f->bytes + f->side;
	r->used -= f->bytes + f->side;
	r->closed -= f->flags & RETAIN_OPEN ? 0 : f->bytes + f->side;

	/* None is older than those before it: a clock that was set back makes none so. */
	if (f->next && next->time < f->time && !(f->flags & RETAIN_OPEN))
		next->time = f->time;
	*(f->prev ? &r->files[f->prev].next : &q->first) = f->next;
	*(f->next ? &next->prev : &q->last) = f->prev;
	*f = (struct retain_file){.next = r->unused};
	r->unused = n;
	place_all(r, run);
}
