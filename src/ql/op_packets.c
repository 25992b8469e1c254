/* RawPackets: collects the serials of the rows, then asks the source for their packets. */
#include "ql/op.h"

#include <errno.h>
#include <stdlib.h>

#include "base/vec.h"
#include "ql/rows.h"

struct packets {
	struct ql_node node;
	uint64_t *serials;
	size_t n, size;
	uint64_t seen; /* packets so far */
};

static int packets_push(struct ql_node *n, const struct batch *b, const uint64_t *sel)
{
	struct packets *p = (struct packets *)n;
	uint32_t idx[BATCH_ROWS];
	size_t count = ql_sel_list(sel, b->n, idx), i;
	int r;

	if (p->n + count > p->size) {
		size_t size = p->size ? 2 * p->size : 4 * BATCH_ROWS;

		r = ql_mem_grow(&n->exec->mem, &p->serials, p->size, size, sizeof(p->serials[0]));
		if (r < 0)
			return ql_node_fail(n, r);
		p->size = size;
	}
	for (i = 0; i < count; i++)
		p->serials[p->n++] = b->serial[idx[i]];
	return 0;
}

/* Sorted, each once. */
static void tidy(struct packets *p)
{
	size_t i, n = 0;

	for (i = 1; i < p->n && p->serials[i - 1] <= p->serials[i]; i++)
		;
	if (i < p->n) /* most sources give them in order */
		qsort(p->serials, p->n, sizeof(p->serials[0]), vec_cmp_u64);
	for (i = 0; i < p->n; i++)
		if (!n || p->serials[i] != p->serials[n - 1])
			p->serials[n++] = p->serials[i];
	p->n = n;
}

static int take(void *arg, const struct pkt *pkt, uint64_t serial)
{
	struct packets *p = arg;
	const struct ql_stage *st = p->node.stage;
	const struct ql_sink *sink = p->node.exec->sink;
	int r;

	if (p->seen >= st->to)
		return 1;
	if (p->seen++ < st->from || st->count)
		return 0;
	r = sink->packet(sink->arg, pkt, serial);
	return r ? r : p->seen >= st->to;
}

static int packets_finish(struct ql_node *n)
{
	struct packets *p = (struct packets *)n;
	const struct ql_stage *st = n->stage;
	struct ql_src *src = n->exec->src;
	uint64_t count;
	int r = 0;

	if (!src->ops->packets)
		return err_set(n->exec->err, -ENOTSUP,
			       "'RawPackets' (column %u): this source keeps no packets",
			       st->step->col);
	tidy(p);
	if (p->n && st->from < st->to)
		r = src->ops->packets(src, p->serials, p->n, st->pkt_from, st->pkt_to,
				      st->filter_text, take, p, n->exec->err);
	if (r < 0 || !st->count)
		return r;
	count = p->seen < st->to ? p->seen : st->to;
	count = count > st->from ? count - st->from : 0;
	return n->exec->sink->scalar(n->exec->sink->arg, "Count", VAL_U64,
				     &(union val){.u64 = count});
}

static void packets_done(struct ql_node *n)
{
	struct packets *p = (struct packets *)n;

	ql_mem_free(&n->exec->mem, p->serials, p->size, sizeof(p->serials[0]));
}

static const struct ql_node_ops packets_ops = {
	.push = packets_push,
	.finish = packets_finish,
	.done = packets_done,
};

int ql_packets_node(struct ql_node **ret)
{
	struct packets *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->node.ops = &packets_ops;
	*ret = &p->node;
	return 0;
}
