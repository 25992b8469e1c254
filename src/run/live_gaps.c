/* What was lost before or beside the capture, as the store is told of it. */
#include "capture/live.h"
#include "run/live_impl.h"
#include "store/store.h"

static void gap(struct live_worker *w, uint32_t iface, int64_t from, int64_t to, enum store_why why,
		uint64_t n)
{
	int r;

	if (!w->stream)
		return;
	r = store_gap(w->stream, iface, from < to ? from : to, to, why, n, NULL);
	if (r < 0)
		w->gap_status = r;
}

/* What the ring lost belongs to the flows of that time, too. */
static void ring(struct live_worker *w, size_t i, int64_t now)
{
	uint64_t n = w->shown[i].dropped_ring - w->lost[i].ring;

	if (!n)
		return;
	drops_add(&w->drops, now, n);
	gap(w, w->to[i], w->looked, now, STORE_WHY_RING, n);
	w->lost[i].ring += n;
}

/* The counters go back when another device has taken the name. */
static void nic(struct live_worker *w, size_t i, int64_t now)
{
	uint64_t all = w->shown[i].rx_missed + w->shown[i].rx_fifo, before = w->lost[i].nic;

	if (!w->shown[i].wire_known)
		return;
	w->lost[i].nic = all;
	if (all > before)
		gap(w, w->to[i], w->looked, now, STORE_WHY_NIC, all - before);
}

/* Once it is over: one that lasts would be told again and again. */
static void away(struct live_worker *w, size_t i, int64_t until)
{
	struct live_lost *l = &w->lost[i];

	if (l->away.n - l->aways > LIVE_AWAYS)
		l->aways = l->away.n - LIVE_AWAYS;
	for (; l->aways < l->away.n; l->aways++) {
		int64_t from = l->away.at[l->aways % LIVE_AWAYS].from;
		int64_t to = l->away.at[l->aways % LIVE_AWAYS].to;

		if (!to && !until)
			return;
		gap(w, w->to[i], from, to ? to : until, STORE_WHY_AWAY, 0);
	}
}

static void softnet(struct live_worker *w, int64_t now)
{
	uint64_t n;

	if (w->number || live_softnet(w->src, &n) < 0 || n <= w->softnet)
		return;
	gap(w, STORE_IFACE_ALL, w->looked, now, STORE_WHY_NIC, n - w->softnet);
	w->softnet = n;
}

void live_gaps_note(struct live_worker *w, int64_t now)
{
	size_t i;

	for (i = 0; i < w->n_shown; i++) {
		ring(w, i, now);
		nic(w, i, now);
		away(w, i, 0);
	}
	softnet(w, now);
	w->looked = now;
}

void live_gaps_end(struct live_worker *w, int64_t now)
{
	size_t i;

	for (i = 0; i < w->n_shown; i++)
		away(w, i, now);
}
