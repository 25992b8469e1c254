/* The program's own connections while it captures: those who read its output may connect
 * at any time.  An idle link needs no look: what they send shows as packets kept. */
#include "run/live_impl.h"

#define WAIT_MAX 8 /* seconds between two looks where nothing changes */

void live_own_take(struct live_worker *w)
{
	struct run_live *r = w->r;
	unsigned age = atomic_load_explicit(&r->own_age, memory_order_acquire);

	if (age == w->own_age)
		return;
	pthread_mutex_lock(&r->lock);
	w->own = r->own;
	w->own_age = age;
	pthread_mutex_unlock(&r->lock);
}

void live_own_look(struct run_live *r)
{
	struct live_own *l = &r->look;
	struct own o;

	if (l->left)
		l->left--;
	if (!r->conf.own_watch || l->left || r->stats.total.kept == l->kept)
		return;
	l->kept = r->stats.total.kept;
	o = r->own; /* only this thread writes it */
	if (own_watch_look(r->conf.own_watch, &o)) {
		pthread_mutex_lock(&r->lock);
		r->own = o;
		pthread_mutex_unlock(&r->lock);
		atomic_fetch_add_explicit(&r->own_age, 1, memory_order_release);
		l->wait = 1;
	} else {
		l->wait = l->wait * 2 < WAIT_MAX ? l->wait * 2 : WAIT_MAX;
	}
	l->wait += !l->wait;
	l->left = l->wait;
}
