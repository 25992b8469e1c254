/* Several capture files as one stream of packets: merged by time where files
 * overlap, one after the other where they do not; the order within a file is
 * kept. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/pkt.h"

struct feed;
struct ifmap;
struct paths;
struct stop;

/* Takes what is said of damage: 'path' and words. */
typedef void (*feed_note_fn)(void *arg, const char *path, const char *text);

/* What everything refers to must outlive the feed. */
struct feed_conf {
	const struct paths *paths;
	struct ifmap *ifaces;    /* filled as interfaces appear */
	const struct stop *stop; /* ends the stream; NULL: nobody does */
	uint64_t limit;          /* packets given at most */
	bool cut;                /* the last file is what was read of it before a stop */
	feed_note_fn note;
	void *note_arg;
};

/* Opens the files.  One that cannot be opened fails it, unless there are several
 * and it is only no capture: then that is a note. */
int feed_new(struct feed **ret, const struct feed_conf *conf, struct err *err);
void feed_free(struct feed *f);
static inline void feed_freep(struct feed **f)
{
	feed_free(*f);
}

/* Gives up to 'max' packets, borrowed until the next call; iface, number and
 * clock are those of the whole stream.  0: end, negative errno: out of memory. */
int feed_recv(struct feed *f, struct pkt *pkts, size_t max);

/* Whether it ended because it was stopped.  What it gave before is then the same
 * as the first packets of the whole stream. */
bool feed_stopped(const struct feed *f);

/* Ends a stream that nobody will read further: notes that its files have so far
 * are given. */
void feed_end(struct feed *f);

/* Asks that packets stay valid longer: those that were given while feed_window()
 * was W until 'reuse' is called with W or more, from inside of feed_recv(). */
void feed_keep(struct feed *f, unsigned n, void (*reuse)(void *arg, uint64_t window), void *arg);
uint64_t feed_window(const struct feed *f);

/* Bytes read so far and in all (0: not known), as stored. */
void feed_progress(const struct feed *f, uint64_t *ret_done, uint64_t *ret_total);
