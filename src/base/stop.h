/* The wish to stop, which reaches whoever waits for input.
 *
 * It is raised by a signal handler or another thread, and never taken back.  Those who read ask
 * through stop_read() and stop_open(), which return at once however long the input gives nothing:
 * also when the wish comes just before they begin to wait. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct stop {
	atomic_int raised; /* how often */
	int fd;            /* becomes readable with it, and stays so; owned; -1: none */
};

/* 0 or -errno, nothing left open. */
int stop_init(struct stop *s);
void stop_done(struct stop *s);

/* From anywhere, signal handlers included.  The second time is a wish to hurry. */
void stop_raise(struct stop *s);

/* NULL: nobody ever will. */
static inline bool stop_raised(const struct stop *s)
{
	return s && atomic_load_explicit(&s->raised, memory_order_relaxed);
}

/* Whether it was raised again: what still waits for somebody gives up. */
static inline bool stop_hurried(const struct stop *s)
{
	return s && atomic_load_explicit(&s->raised, memory_order_relaxed) > 1;
}

/* Opens for reading.  A named pipe is opened without waiting for its writer,
 * which is left to stop_read().  A descriptor, or -errno; -ECANCELED: stopped. */
int stop_open(const struct stop *s, const char *path);

/* read(), which waits also where 'fd' would not.  The number of bytes, 0 at the
 * end, or -errno; -ECANCELED: stopped, nothing was read. */
ssize_t stop_read(const struct stop *s, int fd, void *p, size_t size);
