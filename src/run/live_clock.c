/* What a running capture finds of the clock. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "run/live_impl.h"
#include "store/store.h"

#define RECORD_NS INT64_C(60000000000) /* from one record to the next when nothing happens */

static void say(const struct live_worker *w, const char *text)
{
	const struct run_live_conf *c = &w->r->conf;

	if (w->number == 0 && c->say)
		c->say(c->say_arg, text);
}

static void say_change(const struct live_worker *w, const struct clock_state *now)
{
	char text[128];

	if (now->step) {
		snprintf(text, sizeof(text), "the clock was set %s by %.3f s",
			 now->step > 0 ? "forward" : "back", (double)llabs(now->step) / 1e9);
		say(w, text);
	}
	if (now->sync != w->clock.said.sync)
		say(w, now->sync == CLOCK_SYNCED ? "the clock is synchronised now"
						 : "the clock is not synchronised any more");
}

int live_clock_look(struct live_worker *w, bool record, struct err *err)
{
	struct live_clock *c = &w->clock;
	const bool first = !c->watch.begun;
	struct clock_state now;

	clock_state_read(&now);
	now.step = clock_watch_look(&c->watch);
	c->worst = now.max_error > c->worst ? now.max_error : c->worst;
	if (w->number == 0) {
		w->r->stats.clock = now;
		w->r->stats.clock_steps += now.step != 0;
	}
	if (!first)
		say_change(w, &now);
	if (!first && !record && !now.step && now.sync == c->said.sync &&
	    llabs(now.ts - c->said.ts) < RECORD_NS)
		return 0;
	c->said = now;
	c->said.max_error = c->worst;
	c->worst = now.max_error;
	return w->stream ? store_clock(w->stream, &c->said,
				       *w->r->clock_source ? w->r->clock_source : NULL, err)
			 : 0;
}
