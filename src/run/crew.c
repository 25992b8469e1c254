#include "run/crew.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "flow/flow_table.h"

struct member {
	struct crew *crew;
	size_t lane;
	struct flow_table *table;
	pthread_t thread;
	bool started;
	uint64_t done; /* blocks finished */
	size_t at;     /* levels of the block in hand already added */
	int status;    /* 0: running; -EAGAIN: waits for crew_resume(); -ENOMEM: gave up */
};

struct crew {
	pthread_mutex_t lock; /* over everything below but the blocks' contents */
	pthread_cond_t work;  /* a block was submitted, or resume, or the end */
	pthread_cond_t idle;  /* a member finished a block or stopped */
	struct crew_block *blocks[CREW_BLOCKS];
	uint64_t submitted;
	bool end;
	size_t n;
	struct member members[];
};

/* Adds what is left of a block's lane.  The end of a piece is never inside a
 * packet. */
static int add(struct member *m, struct crew_block *b)
{
	struct crew_lane *l = &b->lanes[m->lane];

	while (m->at < l->n) {
		size_t end = m->at + FLOW_BATCH;
		int r;

		if (end >= l->n)
			end = l->n;
		else
			while (l->dec[end].flags & DEC_INNER)
				end--;
		r = flow_table_add(m->table, l->dec + m->at, end - m->at, b->pkts, NULL);
		if (r < 0)
			return r;
		m->at = end;
	}
	m->at = 0;
	return 0;
}

static void *member_run(void *arg)
{
	struct member *m = arg;
	struct crew *c = m->crew;
	int r;

	pthread_mutex_lock(&c->lock);
	for (;;) {
		struct crew_block *b;

		while (!c->end && (m->status < 0 || m->done == c->submitted))
			pthread_cond_wait(&c->work, &c->lock);
		if (c->end)
			break;
		b = c->blocks[m->done % CREW_BLOCKS];
		pthread_mutex_unlock(&c->lock);
		r = add(m, b);
		pthread_mutex_lock(&c->lock);
		m->status = r;
		if (r == 0)
			m->done++;
		pthread_cond_signal(&c->idle);
	}
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

static void block_free(struct crew_block *b, size_t n)
{
	size_t i;

	for (i = 0; b && b->lanes && i < n; i++)
		free(b->lanes[i].dec);
	if (b)
		free(b->lanes);
	free(b);
}

static struct crew_block *block_new(size_t n)
{
	struct crew_block *b = calloc(1, sizeof(*b));
	size_t i;

	if (!b)
		return NULL;
	b->lanes = calloc(n, sizeof(*b->lanes));
	for (i = 0; b->lanes && i < n; i++) {
		/* Address space: what is not used is never touched. */
		b->lanes[i].dec = malloc(CREW_PACKETS * DEC_LEVELS_MAX * sizeof(struct dec));
		if (!b->lanes[i].dec)
			break;
	}
	if (!b->lanes || i < n) {
		block_free(b, n);
		return NULL;
	}
	return b;
}

DEFINE_FREEP(struct crew, crew_free);

int crew_new(struct crew **ret, struct flow_table *const *tables, size_t n, struct err *err)
{
	CLEANUP(crew_freep) struct crew *c = calloc(1, sizeof(*c) + n * sizeof(c->members[0]));
	size_t i;
	int r;

	if (!c)
		return err_set(err, -ENOMEM, "out of memory");
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->work, NULL);
	pthread_cond_init(&c->idle, NULL);
	c->n = n;
	for (i = 0; i < CREW_BLOCKS; i++) {
		c->blocks[i] = block_new(n);
		if (!c->blocks[i])
			return err_set(err, -ENOMEM, "out of memory");
	}
	for (i = 0; i < n; i++) {
		c->members[i].crew = c;
		c->members[i].lane = i;
		c->members[i].table = tables[i];
		r = pthread_create(&c->members[i].thread, NULL, member_run, &c->members[i]);
		if (r)
			return err_set(err, -r, "cannot start a thread: %s", strerror(r));
		c->members[i].started = true;
	}
	*ret = TAKE_PTR(c);
	return 0;
}

void crew_free(struct crew *c)
{
	size_t i;

	if (!c)
		return;
	pthread_mutex_lock(&c->lock);
	c->end = true;
	pthread_cond_broadcast(&c->work);
	pthread_mutex_unlock(&c->lock);
	for (i = 0; i < c->n; i++)
		if (c->members[i].started)
			pthread_join(c->members[i].thread, NULL);
	for (i = 0; i < CREW_BLOCKS; i++)
		block_free(c->blocks[i], c->n);
	pthread_cond_destroy(&c->idle);
	pthread_cond_destroy(&c->work);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

/* Waits until every member has finished 'upto' blocks; when one needs room,
 * until all others have stopped too. */
static int wait_blocks(struct crew *c, uint64_t upto)
{
	int r = 0;

	pthread_mutex_lock(&c->lock);
	for (;;) {
		bool done = true, stopped = true;
		size_t i;

		r = 0;
		for (i = 0; i < c->n; i++) {
			const struct member *m = &c->members[i];

			done &= m->done >= upto;
			stopped &= m->done == c->submitted || m->status < 0;
			if (m->status < 0 && r != -ENOMEM)
				r = m->status;
		}
		if (r == 0 && done)
			break;
		if (r < 0 && stopped)
			break;
		pthread_cond_wait(&c->idle, &c->lock);
	}
	pthread_mutex_unlock(&c->lock);
	return r;
}

int crew_block(struct crew *c, struct crew_block **ret)
{
	struct crew_block *b;
	size_t i;
	int r;

	if (c->submitted >= CREW_BLOCKS) {
		r = wait_blocks(c, c->submitted - CREW_BLOCKS + 1);
		if (r < 0)
			return r;
	}
	b = c->blocks[c->submitted % CREW_BLOCKS];
	for (i = 0; i < c->n; i++)
		b->lanes[i].n = 0;
	*ret = b;
	return 0;
}

void crew_submit(struct crew *c, struct crew_block *b)
{
	(void)b; /* the one that crew_block() gave */
	pthread_mutex_lock(&c->lock);
	c->submitted++;
	pthread_cond_broadcast(&c->work);
	pthread_mutex_unlock(&c->lock);
}

int crew_wait(struct crew *c, uint64_t window)
{
	uint64_t upto = c->submitted;

	/* Only the caller submits, so the blocks in flight are its to look at. */
	while (upto && window != UINT64_MAX && upto + CREW_BLOCKS > c->submitted &&
	       c->blocks[(upto - 1) % CREW_BLOCKS]->window > window)
		upto--;
	return wait_blocks(c, upto);
}

void crew_resume(struct crew *c)
{
	size_t i;

	pthread_mutex_lock(&c->lock);
	for (i = 0; i < c->n; i++)
		if (c->members[i].status == -EAGAIN)
			c->members[i].status = 0;
	pthread_cond_broadcast(&c->work);
	pthread_mutex_unlock(&c->lock);
}
