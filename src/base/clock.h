/* How good the system's clock is, and when it was set: what time stamps are worth.
 *
 * CLOCK_REALTIME and CLOCK_BOOTTIME are slewed alike, so that their distance changes only
 * when the clock is set (or by a leap second): that is a step. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define CLOCK_STEP_MIN INT64_C(1000000) /* ns; less is the noise of reading two clocks */
#define CLOCK_TEXT     128

enum clock_sync {
	CLOCK_UNKNOWN,
	CLOCK_SYNCED, /* something keeps it: NTP, PTP, the host of a virtual machine */
	CLOCK_FREE,   /* nothing does */
};

struct clock_state {
	int64_t ts; /* when this was found, ns since the epoch */
	enum clock_sync sync;
	int64_t max_error; /* ns; the kernel's bound of what it is off by; only if synchronised */
	int64_t est_error; /* ns; what is rather likely */
	int64_t step;      /* ns that it was set forward by then; 0: it was not set */
};

/* clock_gettime(2) in ns. */
int64_t clock_ns(clockid_t id);

/* Asks the kernel, adjtimex(2).  CLOCK_UNKNOWN where it does not say. */
void clock_state_read(struct clock_state *ret);

/* Notices steps; zero before the first look. */
struct clock_watch {
	bool begun;
	int64_t distance; /* from boot time to time, ns */
};

/* Both clocks at one moment.  Returns by what the clock was set since the last look, ns. */
int64_t clock_watch_at(struct clock_watch *w, int64_t real, int64_t boot);

/* The same, now.  0 also where the two could not be read together. */
int64_t clock_watch_look(struct clock_watch *w);

/* The time as it would be had nobody set the clock since the first look: what time-outs of
 * packets go by that have their times from the clock.  Zero before the first look. */
struct clock_steady {
	struct clock_watch watch;
	int64_t stepped; /* by what the clock was set since, in all, ns */
	int64_t now;     /* at the last look */
};

void clock_steady_at(struct clock_steady *s, int64_t real, int64_t boot); /* both at one moment */
int64_t clock_steady_look(struct clock_steady *s);                        /* returns 'now' */

/* That of a packet's time stamp.  One of before a step back is not taken for one to come. */
static inline int64_t clock_steady_of(const struct clock_steady *s, int64_t ts)
{
	return ts - s->stepped < s->now ? ts - s->stepped : s->now;
}

/* What counts time, "tsc" or the like, from below /sys; "" where it is not said. */
void clock_source(char ret[32]);

/* "synchronised, at most 12.3 ms off" */
const char *clock_text(enum clock_sync sync, int64_t max_error, char to[CLOCK_TEXT]);
