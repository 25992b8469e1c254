#include "store/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "flow/flow_schema.h"
#include "net/dec.h"
#include "store/store_ops.h"

#define SERIAL_MAX ((UINT64_C(1) << 48) - 1) /* readers put the run's number above it */

static const struct store_ops *const store_all[] = {&store_local, &store_mem};

int store_open(struct store **ret, const char *spec, const struct store_conf *conf, struct err *err)
{
	struct store_conf c = *conf;
	size_t i;

	if (!c.snaplen)
		c.snaplen = STORE_SNAPLEN_DEFAULT;
	if (!c.segment_size)
		c.segment_size = STORE_SEGMENT_SIZE;
	if (c.segment_size > STORE_SEGMENT_MAX)
		return err_set(err, -ERANGE, "a segment has at most %llu MiB",
			       (unsigned long long)(STORE_SEGMENT_MAX >> 20));
	for (i = 0; i < sizeof(store_all) / sizeof(store_all[0]); i++) {
		size_t len = strlen(store_all[i]->scheme);

		if (strncmp(spec, store_all[i]->scheme, len) == 0 && spec[len] == ':')
			return store_all[i]->open(ret, spec + len + 1, &c, err);
	}
	return err_set(err, -EINVAL, "no store of the kind '%.200s'", spec);
}

void store_unremoved(struct store *s, struct store_unremoved *ret)
{
	*ret = (struct store_unremoved){0};
	if (s->ops->unremoved)
		s->ops->unremoved(s, ret);
}

void store_close(struct store *s)
{
	if (s)
		s->ops->free(s);
}

int store_stream_new(struct store *s, const char *capture, unsigned shard, int64_t now,
		     struct store_stream **ret, struct err *err)
{
	size_t len = strlen(capture);
	struct store_stream *st;
	int r;

	if (!len || len > STORE_NAME_MAX)
		return err_set(err, -EINVAL, "the name of a capture has 1 to %d bytes",
			       STORE_NAME_MAX);
	if (s->conf.read_only)
		return err_set(err, -EROFS, "the store was opened for reading");
	r = s->ops->stream_new(s, capture, shard, now, &st, err);
	if (r < 0)
		return r;
	st->store = s;
	st->rows_out.cols = calloc(FLOW_N_ALL, sizeof(*st->rows_out.cols));
	st->missing.type = VAL_U64;
	st->missing.v.u64 = calloc(BATCH_ROWS, sizeof(uint64_t));
	if (!st->rows_out.cols || !st->missing.v.u64) {
		store_stream_free(st);
		return err_set(err, -ENOMEM, "out of memory");
	}
	*ret = st;
	return 0;
}

void store_stream_free(struct store_stream *st)
{
	if (!st)
		return;
	free(st->linktypes);
	free(st->counts);
	free(st->rows_out.cols);
	free(st->missing.v.u64);
	lost_done(&st->lost);
	st->ops->free(st);
}

static int more_ifaces(struct store_stream *st)
{
	uint16_t *l;
	struct store_counts *c;

	if (st->n_ifaces & (st->n_ifaces - 1)) /* room up to the next power of two */
		return 0;
	l = realloc(st->linktypes, (st->n_ifaces ? 2 * st->n_ifaces : 1) * sizeof(*l));
	if (!l)
		return -ENOMEM;
	st->linktypes = l;
	c = realloc(st->counts, (st->n_ifaces ? 2 * st->n_ifaces : 1) * sizeof(*c));
	if (!c)
		return -ENOMEM;
	st->counts = c;
	return 0;
}

int store_iface(struct store_stream *st, const struct store_iface *i, struct err *err)
{
	int r;

	if (st->n_ifaces == STORE_IFACES_MAX)
		return err_set(err, -E2BIG, "more than %d interfaces", STORE_IFACES_MAX);
	if (more_ifaces(st) < 0)
		return err_set(err, -ENOMEM, "out of memory");
	r = st->ops->iface(st, i, err);
	if (r < 0)
		return r;
	st->linktypes[st->n_ifaces] = i->linktype;
	st->counts[st->n_ifaces] = (struct store_counts){0};
	return (int)st->n_ifaces++;
}

int store_stream_lost_of(struct store_stream *st, uint64_t serial)
{
	return st->store->conf.raw_limit ? lost_add(&st->lost, serial) : 0;
}

void store_stream_lost(struct store_stream *st, uint32_t iface, uint32_t caplen, enum store_why why)
{
	struct store_counts *c = &st->counts[iface];

	c->kept--;
	c->kept_bytes -= caplen;
	c->dropped_limit += why == STORE_WHY_LIMIT;
	c->dropped_disk += why != STORE_WHY_LIMIT;
}

static bool is_wanted(uint64_t limit, const struct store_flows *f)
{
	uint32_t k;

	for (k = 0; k < f->n; k++)
		if (f->refs[k].nth <= limit)
			return true;
	return !f->n && limit;
}

static int not_kept(struct store_stream *st, const struct store_flows *f)
{
	uint32_t k;
	int r = 0;

	for (k = 0; k < f->n && r == 0; k++)
		r = store_stream_lost_of(st, f->refs[k].serial);
	return r;
}

static int add_packet(struct store_stream *st, const struct pkt *p, const struct store_flows *f)
{
	struct store_counts *c = &st->counts[p->iface];
	struct pkt cut = *p;
	int r;

	if (!is_wanted(st->store->conf.raw_limit, f)) {
		r = not_kept(st, f);
		c->raw_limited += r == 0;
		return r;
	}
	cut.caplen = p->caplen < f->keep ? p->caplen : f->keep;
	if (cut.caplen > st->store->conf.snaplen)
		cut.caplen = st->store->conf.snaplen;
	r = st->ops->packet(st, &cut, f->refs, f->n);
	if (r < 0)
		return r;
	if (r) {
		bool limit = r == STORE_WHY_LIMIT;

		r = not_kept(st, f);
		c->dropped_limit += r == 0 && limit;
		c->dropped_disk += r == 0 && !limit;
		return r;
	}
	c->kept++;
	c->kept_bytes += cut.caplen;
	return 0;
}

int store_packets(struct store_stream *st, const struct pkt *pkts, size_t n,
		  const struct store_flows *flows, struct err *err)
{
	size_t i;
	int r = 0;

	for (i = 0; i < n && r == 0; i++) {
		if (pkts[i].iface >= st->n_ifaces ||
		    st->linktypes[pkts[i].iface] != pkts[i].linktype || flows[i].n > DEC_LEVELS_MAX)
			r = err_set(err, -EINVAL,
				    "a packet of an interface that was not described");
		else
			r = add_packet(st, &pkts[i], &flows[i]);
	}
	if (r == 0)
		return 0;
	for (i--; i < n; i++)
		if (pkts[i].iface < st->n_ifaces)
			st->counts[pkts[i].iface].dropped_disk++;
	return r == -EINVAL ? r : err_set(err, r, "out of memory");
}

static uint64_t count_of(const struct batch *b, enum flow_field f, size_t row)
{
	const struct col *c = b->cols[f];

	return c && col_has(c, row) ? c->v.u64[row] : 0;
}

/* Packets of a row's flow that were not kept, of the 'all' that it tells of. */
static uint64_t lost_of(struct store_stream *st, const struct batch *b, size_t row, uint64_t all)
{
	const struct col *ended = b->cols[FLOW_ended];

	if (!st->store->conf.raw_limit)
		return all;
	if (ended && !col_has(ended, row))
		return lost_get(&st->lost, b->serial[row]);
	return lost_take(&st->lost, b->serial[row]);
}

int store_rows(struct store_stream *st, const struct batch *b, struct err *err)
{
	uint64_t all, lost;
	size_t i;

	memcpy(st->rows_out.cols, b->cols, b->schema->n * sizeof(*b->cols));
	st->rows_out.schema = b->schema;
	st->rows_out.n = b->n;
	st->rows_out.serial = b->serial;
	st->rows_out.cols[FLOW_raw_missing] = &st->missing;
	memset(st->missing.present, 0, sizeof(st->missing.present));
	for (i = 0; i < b->n; i++) {
		if (b->serial[i] > SERIAL_MAX)
			return err_set(err, -ERANGE, "too many packets for one run");
		all = count_of(b, FLOW_ab_packets, i) + count_of(b, FLOW_ba_packets, i);
		lost = lost_of(st, b, i, all);
		st->missing.v.u64[i] = lost < all ? lost : all;
		if (lost)
			col_mark(&st->missing, i);
	}
	return b->n ? st->ops->rows(st, &st->rows_out, err) : 0;
}

int store_gap(struct store_stream *st, uint32_t iface, int64_t from, int64_t to, enum store_why why,
	      uint64_t count, struct err *err)
{
	return st->ops->gap(st, iface, from, to, why, count, err);
}

int store_clock(struct store_stream *st, const struct clock_state *state, const char *source,
		struct err *err)
{
	return st->ops->clock(st, state, source, err);
}

int store_tick(struct store_stream *st, int64_t now, struct err *err)
{
	return st->ops->tick(st, now, err);
}

int store_finish(struct store_stream *st, int64_t now, const struct iface_stats *stats, size_t n,
		 struct err *err)
{
	return st->ops->finish(st, now, stats, n, err);
}

struct store_counts store_counts(const struct store_stream *st, uint32_t iface)
{
	return iface < st->n_ifaces ? st->counts[iface] : (struct store_counts){0};
}

void store_stream_stats(const struct store_stream *st, struct store_stream_stats *ret)
{
	uint32_t i;

	*ret = (struct store_stream_stats){.rows = st->rows, .rows_dropped = st->rows_dropped};
	for (i = 0; i < st->n_ifaces; i++) {
		ret->total.kept += st->counts[i].kept;
		ret->total.kept_bytes += st->counts[i].kept_bytes;
		ret->total.raw_limited += st->counts[i].raw_limited;
		ret->total.dropped_limit += st->counts[i].dropped_limit;
		ret->total.dropped_disk += st->counts[i].dropped_disk;
	}
	st->ops->stats(st, ret);
}
