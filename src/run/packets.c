#include "run/packets.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "filter/filter.h"
#include "run/files_impl.h"
#include "run/reorder.h"

struct chosen {
	const uint64_t *serials;
	size_t n;
	int64_t from, to;
	struct filter *filter; /* NULL: all */
	ql_pkt_fn fn;
	void *arg;
	struct reorder reorder;
	bool ordered; /* the files are in time order: nothing has to wait */
};

static bool has(const struct chosen *c, uint64_t serial)
{
	size_t lo = 0, hi = c->n;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (c->serials[mid] == serial)
			return true;
		if (c->serials[mid] < serial)
			lo = mid + 1;
		else
			hi = mid;
	}
	return false;
}

/* Gives what waits until nothing has to be given ('all': until nothing is left). */
static int give(struct chosen *c, bool all)
{
	uint64_t serial;
	struct pkt p;
	int r = 0;

	while (r == 0 && (all || reorder_full(&c->reorder)) &&
	       reorder_take(&c->reorder, &p, &serial))
		r = c->fn(c->arg, &p, serial);
	return r;
}

static int take(void *arg, const struct pkt *p, const uint64_t *serials, size_t n)
{
	struct chosen *c = arg;
	size_t i;
	int r;

	for (i = 0; i < n && !has(c, serials[i]); i++)
		;
	if (i == n || p->ts < c->from || p->ts > c->to)
		return 0;
	if (c->filter && !filter_match(c->filter, p->linktype, p->data, p->caplen, p->len))
		return 0;
	if (c->ordered)
		return c->fn(c->arg, p, serials[i]);
	r = reorder_put(&c->reorder, p, serials[i]);
	return r < 0 ? r : give(c, false);
}

static int read_again(struct run_files *r, struct chosen *c, struct err *err)
{
	const struct field_set none = {0};
	struct run_pass p;
	int ret;

	ret = run_pass_init(&p, r, &none, err);
	p.pkt_fn = take;
	p.pkt_arg = c;
	if (ret == 0)
		ret = run_pass_all(&p, err);
	if (ret == 0)
		ret = give(c, true);
	if (ret == 0)
		ret = run_misfits(r, p.filter, err);
	if (ret == 0)
		ret = run_misfits(r, c->filter, err);
	run_pass_done(&p);
	return ret;
}

int run_packets(struct ql_src *s, const uint64_t *serials, size_t n, int64_t from, int64_t to,
		const char *filter, ql_pkt_fn fn, void *arg, struct err *err)
{
	struct run_files *r = (struct run_files *)s;
	CLEANUP(filter_freep) struct filter *f = NULL;
	struct chosen c = {
		.serials = serials,
		.n = n,
		.from = from,
		.to = to,
		.fn = fn,
		.arg = arg,
		.ordered = r->order_known && r->ordered,
	};
	int ret;

	if (filter) {
		ret = filter_new(&f, filter, err);
		if (ret < 0)
			return ret;
		c.filter = f;
	}
	run_files_begin(r);
	reorder_init(&c.reorder, REORDER_BYTES);
	ret = read_again(r, &c, err);
	if (c.reorder.broken)
		run_note(r, NULL, "packets are not in time order: too many had to wait");
	reorder_done(&c.reorder);
	return ret > 0 ? 0 : ret;
}
