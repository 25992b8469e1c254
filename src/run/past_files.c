#include "run/past.h"

#include <errno.h>

#include "base/cleanup.h"
#include "filter/filter.h"
#include "run/feed.h"
#include "run/files_impl.h"
#include "run/packets.h"
#include "run/reorder.h"

#define RECV_BATCH 256

struct past {
	struct run_files *files;
	struct feed *feed;     /* owned */
	struct filter *filter; /* owned; NULL: all */
	struct reorder heap;
	ql_pkt_fn fn;
	void *arg;
	struct past_stats *stats;
};

static void past_done(struct past *p)
{
	feed_free(p->feed);
	filter_free(p->filter);
	reorder_done(&p->heap);
}

/* Files are read one after the other: what of the order of time they break is put right as
 * far as memory goes.  'all': nothing more comes. */
static int give(struct past *p, bool all)
{
	uint64_t serial;
	struct pkt pkt;
	int r = 0;

	while (r == 0 && (all || reorder_full(&p->heap)) && reorder_take(&p->heap, &pkt, &serial)) {
		pkt.clock = p->heap.given;
		r = p->fn(p->arg, &pkt, serial);
	}
	return r;
}

static int take(struct past *p, const struct pkt *pkt)
{
	const struct run_input *in = &p->files->in;
	struct run_stats *s = &p->files->stats;
	int r;

	s->packets++;
	if (pkt->ts < in->from || pkt->ts > in->to) {
		s->filtered++;
		return 0;
	}
	p->stats->tested++;
	if (p->filter &&
	    !filter_match(p->filter, pkt->linktype, pkt->data, pkt->caplen, pkt->len)) {
		s->filtered++;
		return 0;
	}
	p->stats->packets++;
	p->stats->bytes += pkt->len;
	if (p->files->order_known && p->files->ordered)
		return p->fn(p->arg, pkt, 0);
	r = reorder_put(&p->heap, pkt, 0);
	return r < 0 ? r : give(p, false);
}

static int read_all(struct past *p)
{
	struct pkt pkts[RECV_BATCH];
	int n, i, r = 0;

	while (r == 0 && (n = feed_recv(p->feed, pkts, RECV_BATCH)) != 0) {
		if (n < 0)
			return n;
		for (i = 0; i < n && r == 0; i++)
			r = take(p, &pkts[i]);
		if (r == 0 && !run_go_on(p->files, p->feed)) {
			run_stopped(p->files, p->feed);
			break;
		}
	}
	if (r == 0 && feed_stopped(p->feed))
		run_stopped(p->files, p->feed);
	return r ? r : give(p, true);
}

int past_files(struct run_files *r, ql_pkt_fn fn, void *arg, struct past_stats *ret,
	       struct err *err)
{
	CLEANUP(past_done) struct past p = {.files = r, .fn = fn, .arg = arg, .stats = ret};
	uint64_t done, total;
	int code;

	*ret = (struct past_stats){0};
	reorder_init(&p.heap, REORDER_BYTES);
	run_files_begin(r);
	code = run_feed(r, &p.feed, err);
	if (code == 0 && r->filter_text)
		code = filter_new(&p.filter, r->filter_text, err);
	if (code < 0)
		return code;
	code = read_all(&p);
	feed_progress(p.feed, &done, &total);
	r->stats.bytes_read += done;
	if (p.heap.broken)
		run_note(r, NULL, "packets are not in time order: too many had to wait");
	if (code == -ENOMEM)
		return err_set(err, code, "out of memory");
	return code < 0 ? code : run_misfits(r, p.filter, err);
}
