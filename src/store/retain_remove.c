/* Removing files, for room and for their age. */
#include <errno.h>
#include <string.h>
#include <sys/vfs.h>

#include "store/retain_impl.h"

#define SEC      INT64_C(1000000000)
#define RETRY_NS (60 * SEC) /* until what could not be removed is tried again */
#define PENDING_NS                                                                                 \
	(30 * SEC)           /* until removed bytes that are not free never will be: somebody      \
			      * has the files open */
#define SETTLE_NS (60 * SEC) /* in which a clock that is wrong at the start may be set */
#define PASS_MAX  64         /* removals, after which others get a turn */
#define HEAD_ROOM 16         /* part of a limit that is kept free */

static int64_t min_of(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t max_of(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* Of packets while they are more than a quarter, else of either. */
static uint32_t next_file(const struct retain *r)
{
	uint64_t all = r->conf.quota ? r->conf.quota : r->used;
	uint32_t p = retain_oldest(r, RETAIN_PACKETS), f = retain_oldest(r, RETAIN_FLOWS);

	if (!p || !f)
		return p ? p : f;
	if (r->count[RETAIN_PACKETS].bytes > all / 4)
		return p;
	return retain_is_older(r, p, f) ? p : f;
}

/* How old a file is, see retain.h.  What was listed is as old as this process at least, also
 * what is from the future. */
static int64_t age_of(const struct retain *r, const struct retain_file *f)
{
	if (!(f->flags & RETAIN_LISTED))
		return r->up - f->time;
	return max_of(r->up - r->begun.wall, min_of(r->now.wall, r->up) - f->time);
}

static uint32_t next_too_old(const struct retain *r)
{
	const int64_t keep[RETAIN_CLASSES] = {r->conf.keep_packets, r->conf.keep_flows};
	unsigned c;

	if (!r->conf.clock_ok && r->up - r->begun.wall < SETTLE_NS)
		return 0;
	for (c = 0; c < RETAIN_CLASSES; c++) {
		uint32_t n = retain_oldest(r, c);

		if (keep[c] && n && age_of(r, &r->files[n]) > keep[c])
			return n;
	}
	return 0;
}

/* What became of an attempt. */
struct outcome {
	uint8_t removed; /* bits of enum retain_part */
	bool vanished;   /* the file itself was not there */
	int code;        /* why the rest is there still */
	unsigned at;     /* the part that this is about */
};

/* Without the lock: nobody else changes a file that is closed while 'busy'. */
static struct outcome unlink_parts(const struct retain *r, char names[][RETAIN_NAME_SIZE],
				   uint8_t parts)
{
	const struct store_files *files = r->conf.files;
	struct outcome o = {0};
	int code;

	for (unsigned p = 0; p < RETAIN_PARTS && !o.code; p++) {
		if (!(parts & 1u << p))
			continue;
		o.at = p;
		code = files->unlink(files->arg, names[p]);
		o.vanished |= p == RETAIN_MAIN && code == -ENOENT;
		if (code == 0 || code == -ENOENT)
			o.removed |= (uint8_t)(1u << p);
		else
			o.code = code;
	}
	return o;
}

/* Sums of them stay in range. */
static int64_t bound(uint64_t bytes)
{
	return bytes < UINT64_C(1) << 60 ? (int64_t)bytes : INT64_C(1) << 60;
}

static void take_off(struct retain *r, const struct retain_file *f, uint64_t *bytes)
{
	r->used -= *bytes;
	r->closed -= *bytes;
	r->count[retain_class_of(f->kind)].bytes -= *bytes;
	r->room += bound(*bytes);
	if (!r->pending)
		r->pending_until = r->up + PENDING_NS;
	r->pending += *bytes;
	*bytes = 0;
}

/* A file that could not be removed keeps those behind it, and those of its run only, unless
 * nothing can be removed. */
static void stick(struct retain *r, uint32_t n, const struct outcome *o)
{
	struct retain_file *f = &r->files[n];
	const int code = o->code;

	r->n_tried += !(f->flags & RETAIN_TRIED);
	f->flags |= RETAIN_TRIED;
	r->failed = code;
	retain_name(r, n, o->at, r->failed_name);
	r->off |= code != -EACCES && code != -EPERM && code != -EBUSY && code != -EISDIR;
	r->runs[f->run].q[retain_class_of(f->kind)].stuck = true;
	if (!r->retry_at)
		r->retry_at = r->up + RETRY_NS;
	retain_file_changed(r, n);
}

static void account(struct retain *r, uint32_t n, const struct outcome *o)
{
	struct retain_file *f = &r->files[n];
	struct retain_count *removed = &r->removed[retain_class_of(f->kind)];
	uint64_t before = f->bytes + f->side;

	f->parts &= (uint8_t)~o->removed;
	if (o->removed & 1u << RETAIN_MAIN)
		take_off(r, f, &f->bytes);
	if (!(f->parts & ~(1u << RETAIN_MAIN)))
		take_off(r, f, &f->side);
	if (!o->vanished)
		removed->bytes += before - f->bytes - f->side;
	if (o->code) {
		stick(r, n, o);
		return;
	}
	r->vanished += o->vanished;
	removed->files += !o->vanished;
	if (f->flags & RETAIN_TRIED && !--r->n_tried)
		r->failed = 0;
	retain_file_drop(r, n);
}

/* Removes what 'next' names, or waits until another thread has removed something.  False:
 * nothing may be removed. */
static bool step(struct retain *r, uint32_t (*next)(const struct retain *r), enum retain_why why)
{
	char names[RETAIN_PARTS][RETAIN_NAME_SIZE], run[RETAIN_NAME_SIZE];
	struct retain_removed what;
	const struct retain_file *f;
	struct outcome o;
	uint32_t n;
	uint8_t parts;

	if (r->busy) {
		pthread_cond_wait(&r->idle, &r->lock);
		return true;
	}
	n = r->off ? 0 : next(r);
	if (!n)
		return false;
	f = &r->files[n];
	parts = f->parts;
	what = (struct retain_removed){
		.run = run,
		.kind = f->kind,
		.number = f->kind == RETAIN_JOURNAL ? 0 : f->number,
		.why = why,
		.bytes = f->bytes + f->side,
	};
	retain_run_name(r, f->run, run);
	for (unsigned p = 0; p < RETAIN_PARTS; p++)
		retain_name(r, n, p, names[p]);
	r->busy = true;
	pthread_mutex_unlock(&r->lock);
	o = unlink_parts(r, names, parts);
	if (!o.code && r->conf.removed)
		r->conf.removed(r->conf.arg, &what);
	pthread_mutex_lock(&r->lock);
	account(r, n, &o);
	r->busy = false;
	pthread_cond_broadcast(&r->idle);
	return true;
}

static int space_of(const struct retain *r, uint64_t *ret_free, uint64_t *ret_total)
{
	struct statfs st;
	uint64_t unit;

	if (r->conf.space)
		return r->conf.space(r->conf.arg, ret_free, ret_total);
	if (fstatfs(r->conf.dir_fd, &st) < 0)
		return -errno;
	unit = (uint64_t)(st.f_frsize ? st.f_frsize : st.f_bsize);
	*ret_free = (uint64_t)st.f_bavail * unit;
	*ret_total = (uint64_t)st.f_blocks * unit;
	return 0;
}

void retain_measure(struct retain *r)
{
	uint64_t n = 0, total = 0, min, gain;

	r->room = INT64_MAX / 2;
	r->min = 0;
	if ((!r->conf.min_free && !r->conf.min_free_percent) || space_of(r, &n, &total) < 0)
		return;
	min = total / 100 * r->conf.min_free_percent;
	r->min = min < r->conf.min_free ? r->conf.min_free : min;

	/* Removed files take room until their last reader is done: removing more would not help
	 * at once, and in the end be too much. */
	gain = n + r->granted > r->free_before ? n + r->granted - r->free_before : 0;
	r->pending -= gain < r->pending ? gain : r->pending;
	if (r->up >= r->pending_until)
		r->pending = 0;
	r->free_before = n;
	r->granted = 0;
	r->room = bound(n) + bound(r->pending) - bound(r->min);
}

static uint64_t head_room(const struct retain *r, uint64_t limit)
{
	uint64_t two = 2 * r->segment;

	return limit / HEAD_ROOM < two ? limit / HEAD_ROOM : two;
}

/* Whether 'bytes' more stay below the quota. */
static bool fits(const struct retain *r, uint64_t bytes)
{
	return !r->conf.quota || (bytes <= r->conf.quota && r->used <= r->conf.quota - bytes);
}

int retain_grant(struct retain *r, uint64_t bytes)
{
	bool measured = false;

	if (bytes > (uint64_t)bound(bytes))
		return -EDQUOT;
	for (;;) {
		if (!fits(r, bytes)) {
			/* Not for nothing. */
			if (r->used - r->closed > r->conf.quota ||
			    bytes > r->conf.quota - (r->used - r->closed) ||
			    !step(r, next_file, RETAIN_WHY_QUOTA))
				return -EDQUOT;
		} else if (r->room < (int64_t)bytes && !measured) {
			retain_measure(r);
			measured = true;
		} else if (r->room < (int64_t)bytes) {
			if ((int64_t)bytes - r->room > bound(r->closed) ||
			    !step(r, next_file, RETAIN_WHY_FREE))
				return -ENOSPC;
		} else {
			break;
		}
	}
	r->used += bytes;
	r->room -= (int64_t)bytes;
	r->granted += bytes;
	return 0;
}

void retain_shrink(struct retain *r)
{
	while (!fits(r, 0) && step(r, next_file, RETAIN_WHY_QUOTA))
		;
}

/* Whether something is to go for min_free. */
static bool is_short(struct retain *r)
{
	r->crowded = r->room < 0 && -r->room > bound(r->closed);
	return !r->crowded && r->room < bound(head_room(r, r->min));
}

static void set_clock(struct retain *r, struct retain_time now)
{
	r->now.wall = now.wall;
	r->now.mono = max_of(r->now.mono, now.mono);
	r->up = r->begun.wall + (r->now.mono - r->begun.mono);
	if (r->retry_at && r->up >= r->retry_at) {
		r->retry_at = 0;
		r->off = false;
		retain_unstick(r);
	}
}

bool retain_work(struct retain *r, struct retain_time now)
{
	uint64_t quota = r->conf.quota;
	bool more = true;
	int n;

	pthread_mutex_lock(&r->lock);
	set_clock(r, now);
	retain_measure(r);
	for (n = 0; n < PASS_MAX && more; n++)
		more = step(r, next_too_old, RETAIN_WHY_AGE) ||
		       (quota && !fits(r, head_room(r, quota)) &&
			step(r, next_file, RETAIN_WHY_QUOTA)) ||
		       (is_short(r) && step(r, next_file, RETAIN_WHY_FREE));
	pthread_mutex_unlock(&r->lock);
	return more;
}
