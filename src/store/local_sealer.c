/* Makes sealed segments durable in a thread of its own: the disk may take as long as the
 * capture takes to fill the next one, and more. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "store/local.h"

struct job {
	struct local_sealed *by;
	int fd, other; /* owned; -1: none */
	bool replaces;
	uint64_t bytes;             /* of 'name' */
	char name[LOCAL_NAME_SIZE]; /* of the index 'other', or of what is replaced; "": none */
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
static int put_index(struct local *s, const struct job *j)
{
	char other[LOCAL_NAME_SIZE + sizeof(LOCAL_TMP)];
	int r;

	snprintf(other, sizeof(other), "%s" LOCAL_TMP, j->name);
	r = s->files.rename(s->files.arg, other, j->name);
	if (r < 0)
		return r;
	snprintf(other, sizeof(other), "%.*s" LOCAL_REFS,
		 (int)(strlen(j->name) - strlen(LOCAL_INDEX)), j->name);
	s->files.unlink(s->files.arg, other);
	return 0;
}

/* The segment first: an index in its place says that all of it is there. */
static int do_job(struct local *s, const struct job *j)
{
	char tmp[LOCAL_NAME_SIZE + sizeof(LOCAL_TMP)];
	int r = settle(s, j->fd), other;

	if (j->other < 0)
		return r;
	other = settle(s, j->other);
	if (j->replaces) {
		if (r == 0 && other == 0 && s->files.unlink(s->files.arg, j->name) == 0)
			atomic_fetch_sub(&s->bytes, j->bytes);
		return r < 0 ? r : other;
	}
	if (r == 0 && other == 0)
		other = put_index(s, j);
	if (r < 0 || other < 0) {
		snprintf(tmp, sizeof(tmp), "%s" LOCAL_TMP, j->name);
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

static void give(struct local_sealer *x, const struct job *job)
{
	struct local_sealed *by = job->by;
	struct job *j;

	pthread_mutex_lock(&x->lock);
	if (!x->started)
		x->started = pthread_create(&x->thread, NULL, work, x) == 0;
	while (x->started && x->n == LOCAL_SEALS_MAX)
		pthread_cond_wait(&x->less, &x->lock);
	j = &x->jobs[(x->first + x->n) % LOCAL_SEALS_MAX];
	*j = *job;
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

void local_sealer_give(struct local_sealer *x, struct local_sealed *by, int fd, int index,
		       const char *name, uint64_t bytes)
{
	struct job j = {.by = by, .fd = fd, .other = index, .bytes = bytes};

	snprintf(j.name, sizeof(j.name), "%s", name);
	give(x, &j);
}

void local_sealer_replace(struct local_sealer *x, struct local_sealed *by, int fd, int jrn,
			  const char *name, uint64_t bytes)
{
	struct job j = {.by = by, .replaces = true, .bytes = bytes};

	j.fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	j.other = j.fd < 0 ? -1 : fcntl(jrn, F_DUPFD_CLOEXEC, 0);
	snprintf(j.name, sizeof(j.name), "%s", name);
	give(x, &j); /* without descriptors the tail stays, which does no harm */
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
