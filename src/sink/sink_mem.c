#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "sink/sink_ops.h"

struct mem {
	struct sink sink;
	struct pkt *pkts; /* owned, and so is the data of each */
	size_t n, size;
	struct sink_iface *ifaces; /* owned, without texts */
	size_t size_ifaces;
};

static void mem_free(struct sink *s)
{
	struct mem *m = (struct mem *)s;

	for (size_t i = 0; i < m->n; i++)
		free((void *)m->pkts[i].data);
	free(m->pkts);
	free(m->ifaces);
	free(m);
}

static int mem_iface(struct sink *s, const struct sink_iface *i, struct err *err)
{
	struct mem *m = (struct mem *)s;

	if (vec_reserve(&m->ifaces, &m->size_ifaces, s->n_ifaces + (size_t)1, sizeof(*i)) < 0)
		return err_set(err, -ENOMEM, "out of memory");
	m->ifaces[s->n_ifaces] = (struct sink_iface){
		.linktype = i->linktype,
		.fcs_len = i->fcs_len,
		.speed = i->speed,
		.ticks_per_sec = i->ticks_per_sec,
	};
	return 0;
}

static int mem_add(struct mem *m, const struct pkt *p, struct err *err)
{
	uint8_t *data;

	if (vec_reserve(&m->pkts, &m->size, m->n + 1, sizeof(*m->pkts)) < 0)
		return err_set(err, -ENOMEM, "out of memory");
	data = malloc(p->caplen ? p->caplen : 1);
	if (!data)
		return err_set(err, -ENOMEM, "out of memory");
	if (p->caplen)
		memcpy(data, p->data, p->caplen);
	m->pkts[m->n] = *p;
	m->pkts[m->n++].data = data;
	return 0;
}

static int mem_send(struct sink *s, const struct pkt *pkts, size_t n, struct err *err)
{
	int r = 0;

	for (size_t i = 0; i < n; i++) {
		if (r == 0)
			r = mem_add((struct mem *)s, &pkts[i], err);
		if (r < 0)
			sink_lost(s, pkts[i].iface, pkts[i].caplen);
	}
	return r;
}

int sink_mem_new(struct sink **ret)
{
	struct mem *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->sink.ops = &sink_mem;
	*ret = &m->sink;
	return 0;
}

const struct pkt *sink_mem_pkts(const struct sink *s, size_t *ret_n)
{
	const struct mem *m = (const struct mem *)s;

	*ret_n = m->n;
	return m->pkts;
}

const struct sink_iface *sink_mem_ifaces(const struct sink *s, size_t *ret_n)
{
	const struct mem *m = (const struct mem *)s;

	*ret_n = s->n_ifaces;
	return m->ifaces;
}

const struct sink_ops sink_mem = {
	.scheme = "mem",
	.iface = mem_iface,
	.send = mem_send,
	.free = mem_free,
};
