/* Makes sealed segments durable in a thread of its own: the disk may take as long as the
 * capture takes to fill the next one, and more. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "store/local.h"

struct job {
	struct local_sealed *by;
	int fd, index; /* owned; index -1: there is none */
	uint64_t bytes;
	char name[LOCAL_NAME_SIZE]; /* of the index */
};

struct local_sealer {
	struct local *s;
	pthread_t thread;
	bool started;
	pthread_mutex_t lock; /* of what follows, and of all struct local_sealed */
	pthread_cond_t more, less;
	struct job jobs[LOCAL_SEALS_MAX]; /* a ring */
	size_t first, n;                  /* of those given that are not done */
	bool over;
};

/* Waits until a file is on the disk, and closes it.  Some file systems say only then what
 * they could not write, and some cannot be asked. */
static int settle(struct local *s, int fd)
{
	int r, bad;

	if (s->files.sync)
		r = s->files.sync(s->files.arg, fd);
	else
		r = fdatasync(fd) < 0 ? -errno : 0;
	bad = close(fd) < 0 ? -errno : 0;
	r = r < 0 && r != -EINVAL && r != -ENOSYS && r != -EROFS ? r : 0;
	return r < 0 || bad == -EINTR ? r : bad;
}

/* The segment first: an index in its place says that all of it is there. */
static int do_job(struct local *s, const struct job *j)
{
	char tmp[LOCAL_NAME_SIZE + sizeof(LOCAL_TMP)];
	int r = settle(s, j->fd), index;

	if (j->index < 0)
		return r;
	snprintf(tmp, sizeof(tmp), "%s" LOCAL_TMP, j->name);
	index = settle(s, j->index);
	if (r == 0 && index == 0)
		index = s->files.rename(s->files.arg, tmp, j->name);
	if (r < 0 || index < 0) {
		s->files.unlink(s->files.arg, tmp);
		atomic_fetch_sub(&s->bytes, j->bytes);
	}
	return r; /* without an index the segment can be read */
}

static void *work(void *arg)
{
	struct local_sealer *x = arg;
	struct job j;
	int r;

	pthread_mutex_lock(&x->lock);
	for (;;) {
		while (!x->n && !x->over)
			pthread_cond_wait(&x->more, &x->lock);
		if (!x->n)
			break;
		j = x->jobs[x->first];
		pthread_mutex_unlock(&x->lock);
		r = do_job(x->s, &j);
		pthread_mutex_lock(&x->lock);
		x->first = (x->first + 1) % LOCAL_SEALS_MAX;
		x->n--;
		j.by->waiting--;
		if (r < 0 && !j.by->failed)
			j.by->failed = r;
		pthread_cond_broadcast(&x->less);
	}
	pthread_mutex_unlock(&x->lock);
	return NULL;
}

int local_sealer_new(struct local_sealer **ret, struct local *s)
{
	struct local_sealer *x = calloc(1, sizeof(*x));

	if (!x)
		return -ENOMEM;
	x->s = s;
	pthread_mutex_init(&x->lock, NULL);
	pthread_cond_init(&x->more, NULL);
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

void local_sealer_give(struct local_sealer *x, struct local_sealed *by, int fd, int index,
		       const char *name, uint64_t bytes)
{
	struct job *j;

	pthread_mutex_lock(&x->lock);
	if (!x->started)
		x->started = pthread_create(&x->thread, NULL, work, x) == 0;
	while (x->started && x->n == LOCAL_SEALS_MAX)
		pthread_cond_wait(&x->less, &x->lock);
	j = &x->jobs[(x->first + x->n) % LOCAL_SEALS_MAX];
	*j = (struct job){.by = by, .fd = fd, .index = index, .bytes = bytes};
	snprintf(j->name, sizeof(j->name), "%s", name);
	if (x->started) {
		x->n++;
		by->waiting++;
		pthread_cond_signal(&x->more);
	} else {
		/* No thread is to be had. */
		int r = do_job(x->s, j);

		by->failed = by->failed ? by->failed : r;
	}
	pthread_mutex_unlock(&x->lock);
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
