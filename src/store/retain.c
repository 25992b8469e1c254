#include "store/retain.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "store/retain_impl.h"

#define MIB          20
#define SEGMENT_PART 8 /* of the quota, at most, is one segment of each writer */
#define PARTS_OWN    ((1u << RETAIN_PARTS) - 1)

struct retain_time retain_time_now(void)
{
	return (struct retain_time){clock_ns(CLOCK_REALTIME), clock_ns(CLOCK_BOOTTIME)};
}

int retain_segment_size(uint64_t quota, uint64_t wanted, unsigned writers, uint64_t *ret,
			struct err *err)
{
	uint64_t n = writers ? writers : 1;
	uint64_t each = n * SEGMENT_PART * RETAIN_SEGMENT_MIN, max = quota / (n * SEGMENT_PART);

	if (quota && quota < RETAIN_QUOTA_MIN)
		return err_set(err, -EINVAL,
			       "a quota of %" PRIu64 " bytes is too small: %" PRIu64
			       " MiB are the least",
			       quota, RETAIN_QUOTA_MIN >> MIB);
	if (quota && quota < each)
		return err_set(err, -EINVAL,
			       "a quota of %" PRIu64 " bytes is too small for %" PRIu64
			       " threads that write: they take %" PRIu64 " MiB at least",
			       quota, n, each >> MIB);
	*ret = quota && wanted > max ? max : wanted;
	return 0;
}

uint64_t retain_segment(const struct retain *r)
{
	return r->segment;
}

void retain_free(struct retain *r)
{
	uint32_t i;

	if (!r)
		return;
	for (i = 0; i < r->n_folders; i++)
		free(r->folders[i]);
	free(r->folders);
	free(r->runs);
	free(r->files);
	for (i = 0; i < RETAIN_CLASSES; i++)
		free(r->heap[i].v);
	pthread_mutex_destroy(&r->lock);
	pthread_cond_destroy(&r->idle);
	free(r);
}

/* What may not be removed has to leave enough. */
static int check_room(struct retain *r, struct err *err)
{
	uint64_t quota = r->conf.quota, fixed = r->used - r->closed, wanted = r->conf.segment_size;
	unsigned writers = r->conf.writers;
	char q[300];
	int code;

	fixed -= r->conf.catalogue < fixed ? r->conf.catalogue : fixed;

	code = retain_segment_size(quota, wanted, writers, &r->segment, err);
	if (code < 0 || !quota)
		return code;
	if (fixed >= quota ||
	    retain_segment_size(quota - fixed, wanted, writers, &r->segment, NULL) < 0)
		return err_set(
			err, -EDQUOT,
			"'%s' has %" PRIu64 " bytes that are not the store's or are being "
			"written, which leaves too little of a quota of %" PRIu64 " bytes",
			err_quote(q, sizeof(q), r->conf.path, (unsigned)strlen(r->conf.path)),
			fixed, quota);
	return 0;
}

int retain_new(struct retain **ret, const struct retain_conf *conf, struct retain_time now,
	       struct err *err)
{
	CLEANUP(retain_freep) struct retain *r = calloc(1, sizeof(*r));
	char q[200], name[200];
	int code;

	if (!r)
		return err_set(err, -ENOMEM, "out of memory");
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->idle, NULL);
	r->conf = *conf;
	r->begun = r->now = now;
	r->up = now.wall;
	code = retain_list(r, err);
	if (code == 0)
		code = check_room(r, err);
	if (code < 0)
		return code;
	pthread_mutex_lock(&r->lock);
	retain_shrink(r);
	retain_measure(r);
	pthread_mutex_unlock(&r->lock);
	if (conf->quota && r->used > conf->quota)
		return err_set(err, -EDQUOT,
			       "'%s' is above its quota, but '%s' there cannot be removed: %s",
			       err_quote(q, sizeof(q), conf->path, (unsigned)strlen(conf->path)),
			       err_quote(name, sizeof(name), r->failed_name,
					 (unsigned)strlen(r->failed_name)),
			       strerror(-r->failed));
	r->conf.path = NULL;
	*ret = TAKE_PTR(r);
	return 0;
}

/* Most runs are of the folder that was used last. */
static int64_t folder_of(struct retain *r, const char *path, size_t len)
{
	uint32_t i;

	for (i = r->n_folders; i; i--)
		if (strncmp(r->folders[i - 1], path, len) == 0 && !r->folders[i - 1][len])
			return i - 1;
	return retain_folder_new(r, path, len);
}

int64_t retain_run(struct retain *r, const char *name)
{
	const char *slash = strrchr(name, '/'), *end;
	int64_t n;
	uint64_t id;

	end = slash ? local_run_of(slash + 1, &id) : NULL;
	if (!end || *end || slash - name >= RETAIN_FOLDER_SIZE)
		return -EINVAL;
	pthread_mutex_lock(&r->lock);
	n = folder_of(r, name, (size_t)(slash - name));
	if (n >= 0)
		n = retain_run_new(r, (uint32_t)n, id);
	pthread_mutex_unlock(&r->lock);
	return n;
}

int64_t retain_add(struct retain *r, int64_t run, enum retain_kind kind, uint32_t number)
{
	const struct retain_file f = {
		.run = (uint32_t)run,
		.number = kind == RETAIN_JOURNAL ? RETAIN_LAST : number,
		.kind = (uint8_t)kind,
		.flags = RETAIN_OPEN,
		.parts = kind == RETAIN_SEGMENT ? PARTS_OWN : 1u << RETAIN_MAIN,
	};
	int64_t n;

	pthread_mutex_lock(&r->lock);
	assert(run > 0 && run < r->n_runs);
	n = retain_file_new(r, &f);
	pthread_mutex_unlock(&r->lock);
	return n;
}

static struct retain_file *file_of(const struct retain *r, int64_t handle)
{
	struct retain_file *f = &r->files[handle];

	assert(handle > 0 && handle < r->n_files && (f->flags & RETAIN_OPEN));
	return f;
}

/* An open file takes as much as is reserved for it. */
static void resize(struct retain *r, struct retain_file *f, uint64_t bytes)
{
	r->count[retain_class_of(f->kind)].bytes += bytes - f->bytes;
	f->bytes = bytes;
}

static void give_back(struct retain *r, uint64_t bytes)
{
	r->used -= bytes;
	r->room += (int64_t)bytes;
}

int retain_reserve(struct retain *r, int64_t handle, uint64_t bytes)
{
	struct retain_file *f;
	int code;

	pthread_mutex_lock(&r->lock);
	code = retain_grant(r, bytes);
	f = file_of(r, handle); /* now: others may have come meanwhile */
	if (code == 0)
		resize(r, f, f->bytes + bytes);
	pthread_mutex_unlock(&r->lock);
	return code;
}

void retain_close(struct retain *r, int64_t handle, uint64_t bytes, uint64_t side)
{
	struct retain_file *f;

	pthread_mutex_lock(&r->lock);
	f = file_of(r, handle);
	/* More than was reserved is a mistake, but there all the same. */
	give_back(r, f->bytes - (bytes + side));
	resize(r, f, bytes + side);
	f->bytes = bytes;
	f->side = side;
	f->time = r->up;
	f->flags &= (uint8_t)~RETAIN_OPEN;
	r->closed += bytes + side;
	retain_file_changed(r, (uint32_t)handle);
	pthread_mutex_unlock(&r->lock);
}

void retain_gone(struct retain *r, int64_t handle)
{
	struct retain_file *f;

	pthread_mutex_lock(&r->lock);
	f = file_of(r, handle);
	r->room += (int64_t)f->bytes;
	retain_file_drop(r, (uint32_t)handle);
	pthread_mutex_unlock(&r->lock);
}

int retain_other(struct retain *r, int64_t bytes)
{
	uint64_t less = bytes < 0 ? -(uint64_t)bytes : 0;
	int code = 0;

	pthread_mutex_lock(&r->lock);
	if (bytes > 0)
		code = retain_grant(r, (uint64_t)bytes);
	if (bytes > 0 && code == 0)
		r->other += (uint64_t)bytes;
	less = less < r->other ? less : r->other;
	r->other -= less;
	give_back(r, less);
	pthread_mutex_unlock(&r->lock);
	return code;
}

static int64_t oldest(const struct retain *r, enum retain_class c)
{
	uint32_t n = retain_oldest(r, c);

	return n ? r->files[n].time : INT64_MAX;
}

void retain_stats(struct retain *r, struct retain_stats *ret)
{
	pthread_mutex_lock(&r->lock);
	*ret = (struct retain_stats){
		.quota = r->conf.quota,
		.used = r->used,
		.packets = r->count[RETAIN_PACKETS],
		.flows = r->count[RETAIN_FLOWS],
		.other = r->other,
		.removed_packets = r->removed[RETAIN_PACKETS],
		.removed_flows = r->removed[RETAIN_FLOWS],
		.oldest_packets = oldest(r, RETAIN_PACKETS),
		.oldest_flows = oldest(r, RETAIN_FLOWS),
		.vanished = r->vanished,
		.unreadable = r->unreadable,
		.running = r->running,
		.unremoved = r->n_tried,
		.failed = r->failed,
		.crowded = r->crowded,
	};
	snprintf(ret->failed_name, sizeof(ret->failed_name), "%s", r->failed ? r->failed_name : "");
	pthread_mutex_unlock(&r->lock);
}
