/* Inside of run_dir: the packets of one run that are asked for, in the order of the file. */
#pragma once

#include "run/dir_impl.h"

/* One reading of packets, of all its runs. */
struct dir_reading {
	struct run_dir *d;
	const struct dir_packets *a;
	struct past_stats *stats;
	struct err *err; /* set where a run cannot be worked out again */
};

/* A packet to be read: by place, the outermost of its flows first. */
struct dir_place {
	uint32_t at;
	uint64_t serial;
};

/* One run on its way through its segments; zero but for what is asked of it at first. */
struct dir_pick {
	size_t run;
	const struct store_run *u;
	bool all;
	const uint64_t *serials; /* borrowed; sorted */
	size_t n;
	uint64_t above;
	const struct dir_times *times; /* borrowed */
	size_t n_times;
	uint64_t *made; /* as translated indexes have them; NULL: not needed yet; owned */
	size_t n_made;

	bool counted;   /* it was said what is gone of it */
	size_t next;    /* segment */
	int64_t *later; /* [segment]: no packet in it or behind is earlier; owned */

	struct store_seg *seg;    /* NULL: none is open */
	size_t number;            /* of that one */
	struct dir_place *places; /* owned */
	size_t n_places, at_place, size_places;
	struct pidx_span *spans; /* owned */
	size_t n_spans, size_spans;
	size_t span;         /* next one */
	uint64_t n_bad;      /* packets of it that cannot be read */
	uint64_t bad_at;     /* where the first one is */
	int64_t *later_span; /* [span]: likewise within the segment; owned */
};

void dir_pick_done(struct dir_pick *p);

/* To be called when all that is asked is filled in. */
int dir_pick_begin(struct dir_reading *k, struct dir_pick *p);

/* Nothing that this run still gives is earlier. */
int64_t dir_pick_floor(const struct dir_pick *p);

/* Goes on to the next segment: it is open then if it has something, with 'places' and 'spans'.
 * 0 or -errno. */
int dir_pick_next(struct dir_reading *k, struct dir_pick *p);

/* Whether there may be packets of interest in a part of segment 'p->number' that is of these
 * times. */
bool dir_pick_meets(const struct dir_reading *k, const struct dir_pick *p, int64_t min,
		    int64_t max);

/* Closes the segment. */
void dir_pick_close(struct dir_pick *p);
