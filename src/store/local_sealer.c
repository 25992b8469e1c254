/* Makes sealed segments durable in a thread of its own: the disk may take as long as the
 * capture takes to fill the next one, and more. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "store/local.h"

#define LIMITS_NS INT64_C(1000000000) /* between two looks at them */

struct local_sealer {
	struct local *s;
	pthread_t thread;
	bool started;
	pthread_mutex_t lock; /* of what follows, and of all struct local_sealed */
	pthread_cond_t more, less;
	struct local_seal jobs[LOCAL_SEALS_MAX]; /* a ring */
	size_t first, n;                         /* of those given that are not done */
	uint64_t done;
	bool over;
	int64_t limits; /* when it was last seen to them; 0: it is to be now */
};

/* Waits until a file is on the disk, and closes it.  Some file systems say only then what
 * they could not write, and some cannot be asked. */
static int settle(struct local *s, int fd)
{
	int r, bad;

	if (fd < 0)
		return 0;
	if (s->files.sync)
		r = s->files.sync(s->files.arg, fd);
	else
		r = fdatasync(fd) < 0 ? -errno : 0;
	bad = close(fd) < 0 ? -errno : 0;
	r = r < 0 && r != -EINVAL && r != -ENOSYS && r != -EROFS ? r : 0;
	return r < 0 || bad == -EINTR ? r : bad;
}

/* The index takes the place of the references that were written before it. */
static int put_index(struct local *s, const struct local_seal *j)
{
	char from[LOCAL_NAME_SIZE + 16], to[LOCAL_NAME_SIZE + 16];
	int r;

	snprintf(from, sizeof(from), "%s" LOCAL_INDEX LOCAL_TMP, j->name);
	snprintf(to, sizeof(to), "%s" LOCAL_INDEX, j->name);
	r = s->files.rename(s->files.arg, from, to);
	if (r < 0) {
		s->files.unlink(s->files.arg, from);
		return r;
	}
	snprintf(from, sizeof(from), "%s" LOCAL_REFS, j->name);
	return s->files.unlink(s->files.arg, from) == 0 ? 0 : 1;
}

/* The segment first: an index in its place says that all of it is there.  Without one the
 * segment can be read. */
static int seal_packets(struct local *s, const struct local_seal *j)
{
	char tmp[LOCAL_NAME_SIZE + 16];
	int r = settle(s, j->fd), other = -ENOENT;
	uint64_t side = j->refs;

	if (j->other >= 0) {
		other = settle(s, j->other);
		if (r == 0 && other == 0) {
			other = put_index(s, j);
		} else {
			snprintf(tmp, sizeof(tmp), "%s" LOCAL_INDEX LOCAL_TMP, j->name);
			s->files.unlink(s->files.arg, tmp);
			other = -EIO;
		}
	}
	if (other >= 0)
		side = j->index + (other ? j->refs : 0);
	if (s->retain)
		retain_close(s->retain, j->handle, j->bytes, side);
	return r;
}

static int seal_tail(struct local *s, const struct local_seal *j)
{
	char name[LOCAL_NAME_SIZE + 16];
	const bool sure = j->fd >= 0 && j->other >= 0;
	int r = settle(s, j->fd), other = settle(s, j->other);

	snprintf(name, sizeof(name), "%s" LOCAL_TAIL, j->name);
	r = r < 0 ? r : other;
	if (sure && r == 0 && s->files.unlink(s->files.arg, name) == 0) {
		if (s->retain)
			retain_gone(s->retain, j->handle);
	} else if (s->retain) {
		retain_close(s->retain, j->handle, j->bytes, 0);
	}
	return r;
}

static int do_job(struct local *s, const struct local_seal *j)
{
	int r;

	switch (j->kind) {
	case LOCAL_SEAL_PACKETS:
		return seal_packets(s, j);
	case LOCAL_SEAL_TAIL:
		return seal_tail(s, j);
	default:
		r = settle(s, j->fd);
		if (s->retain)
			retain_close(s->retain, j->handle, j->bytes, 0);
		return r;
	}
}

/* Until there is a job, or a second is over: then it is seen to limits. */
static void wait_for_job(struct local_sealer *x)
{
	struct timespec until;
	int r = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec++;
	while (!x->n && !x->over && r != ETIMEDOUT)
		r = x->s->retain ? pthread_cond_timedwait(&x->more, &x->lock, &until)
				 : pthread_cond_wait(&x->more, &x->lock);
}

static void see_to_limits(struct local_sealer *x)
{
	struct retain_time now = retain_time_now();
	const bool idle = !x->n;

	if (!x->s->retain || (x->limits && now.mono - x->limits < LIMITS_NS))
		return;
	x->limits = now.mono;
	pthread_mutex_unlock(&x->lock);
	if (retain_work(x->s->retain, now))
		x->limits = 0;
	catalogue_work(x->s->catalogue, idle, false);
	pthread_mutex_lock(&x->lock);
}

static void *work(void *arg)
{
	struct local_sealer *x = arg;
	struct local_seal j;
	int r;

	pthread_mutex_lock(&x->lock);
	for (;;) {
		see_to_limits(x);
		wait_for_job(x);
		if (!x->n && x->over)
			break;
		if (!x->n)
			continue;
		j = x->jobs[x->first];
		pthread_mutex_unlock(&x->lock);
		r = do_job(x->s, &j);
		pthread_mutex_lock(&x->lock);
		x->first = (x->first + 1) % LOCAL_SEALS_MAX;
		x->n--;
		x->done++;
		j.by->waiting--;
		if (r < 0 && !j.by->failed)
			j.by->failed = r;
		pthread_cond_broadcast(&x->less);
	}
	pthread_mutex_unlock(&x->lock);
	catalogue_work(x->s->catalogue, true, true);
	return NULL;
}

int local_sealer_new(struct local_sealer **ret, struct local *s)
{
	struct local_sealer *x = calloc(1, sizeof(*x));
	pthread_condattr_t attr;

	if (!x)
		return -ENOMEM;
	x->s = s;
	pthread_mutex_init(&x->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&x->more, &attr);
	pthread_condattr_destroy(&attr);
	pthread_cond_init(&x->less, NULL);
	*ret = x;
	return 0;
}

void local_sealer_free(struct local_sealer *x)
{
	if (!x)
		return;
	pthread_mutex_lock(&x->lock);
	x->over = true;
	pthread_cond_broadcast(&x->more);
	pthread_mutex_unlock(&x->lock);
	if (x->started)
		pthread_join(x->thread, NULL);
	pthread_cond_destroy(&x->more);
	pthread_cond_destroy(&x->less);
	pthread_mutex_destroy(&x->lock);
	free(x);
}

/* With the lock. */
static void start(struct local_sealer *x)
{
	if (!x->started)
		x->started = pthread_create(&x->thread, NULL, work, x) == 0;
}

void local_sealer_start(struct local_sealer *x)
{
	pthread_mutex_lock(&x->lock);
	start(x);
	pthread_mutex_unlock(&x->lock);
}

void local_sealer_give(struct local_sealer *x, const struct local_seal *job)
{
	struct local_sealed *by = job->by;
	int r;

	pthread_mutex_lock(&x->lock);
	start(x);
	while (x->started && x->n == LOCAL_SEALS_MAX)
		pthread_cond_wait(&x->less, &x->lock);
	if (x->started) {
		x->jobs[(x->first + x->n) % LOCAL_SEALS_MAX] = *job;
		x->n++;
		by->waiting++;
		pthread_cond_signal(&x->more);
	} else {
		/* No thread is to be had. */
		r = do_job(x->s, job);
		by->failed = by->failed ? by->failed : r;
	}
	pthread_mutex_unlock(&x->lock);
}

bool local_sealer_pause(struct local_sealer *x)
{
	uint64_t done;
	bool some;

	pthread_mutex_lock(&x->lock);
	done = x->done;
	some = x->n > 0;
	while (x->n && x->done == done)
		pthread_cond_wait(&x->less, &x->lock);
	pthread_mutex_unlock(&x->lock);
	return some;
}

int local_sealer_look(struct local_sealer *x, struct local_sealed *by)
{
	int r = 0;

	pthread_mutex_lock(&x->lock);
	if (by->failed && !by->looked) {
		by->looked = true;
		r = by->failed;
	}
	pthread_mutex_unlock(&x->lock);
	return r;
}

int local_sealer_wait(struct local_sealer *x, struct local_sealed *by)
{
	int r;

	pthread_mutex_lock(&x->lock);
	while (by->waiting)
		pthread_cond_wait(&x->less, &x->lock);
	r = by->failed;
	pthread_mutex_unlock(&x->lock);
	return r;
}
