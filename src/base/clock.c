#include "base/clock.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#define SOURCE   "/sys/devices/system/clocksource/clocksource0/current_clocksource"
#define TOGETHER INT64_C(100000) /* ns; a read that takes longer says too little */
#define TRIES    5

int64_t clock_ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void clock_state_read(struct clock_state *ret)
{
	struct timex t = {0};
	int r = adjtimex(&t);

	*ret = (struct clock_state){.ts = clock_ns(CLOCK_REALTIME)};
	if (r < 0)
		return;
	ret->sync = r == TIME_ERROR || t.status & STA_UNSYNC ? CLOCK_FREE : CLOCK_SYNCED;
	/* Microseconds, whatever STA_NANO says of the offset. */
	ret->max_error = (int64_t)t.maxerror * 1000;
	ret->est_error = (int64_t)t.esterror * 1000;
}

int64_t clock_watch_at(struct clock_watch *w, int64_t real, int64_t boot)
{
	int64_t distance = real - boot, step = distance - w->distance;

	if (w->begun && llabs(step) < CLOCK_STEP_MIN)
		return 0; /* and the distance stays: many small ones add up to one */
	if (!w->begun)
		step = 0;
	w->begun = true;
	w->distance = distance;
	return step;
}

void clock_steady_at(struct clock_steady *s, int64_t real, int64_t boot)
{
	s->stepped += clock_watch_at(&s->watch, real, boot);
	s->now = boot + s->watch.distance - s->stepped;
}

int64_t clock_steady_look(struct clock_steady *s)
{
	s->stepped += clock_watch_look(&s->watch);
	s->now = clock_ns(CLOCK_BOOTTIME) + s->watch.distance - s->stepped;
	return s->now;
}

int64_t clock_watch_look(struct clock_watch *w)
{
	int i;

	for (i = 0; i < TRIES; i++) {
		int64_t before = clock_ns(CLOCK_BOOTTIME);
		int64_t real = clock_ns(CLOCK_REALTIME);
		int64_t after = clock_ns(CLOCK_BOOTTIME);

		if (after - before < TOGETHER)
			return clock_watch_at(w, real, before);
	}
	return 0;
}

void clock_source(char ret[32])
{
	int fd = open(SOURCE, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, ret, 31);

	if (fd >= 0)
		close(fd);
	ret[n < 0 ? 0 : n] = '\0';
	ret[strcspn(ret, "\n")] = '\0';
}

const char *clock_text(enum clock_sync sync, int64_t max_error, char to[CLOCK_TEXT])
{
	if (sync == CLOCK_SYNCED)
		snprintf(to, CLOCK_TEXT, "synchronised, at most %.3f ms off",
			 (double)max_error / 1e6);
	else
		snprintf(to, CLOCK_TEXT, "%s",
			 sync == CLOCK_FREE ? "not synchronised" : "of unknown quality");
	return to;
}
