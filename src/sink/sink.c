#include "sink/sink.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sink/sink_ops.h"

static const struct sink_ops *const sink_all[] = {
	&sink_file,
	&sink_mem,
};

int sink_open(struct sink **ret, const char *spec, const struct sink_conf *conf, struct err *err)
{
	for (size_t i = 0; i < sizeof(sink_all) / sizeof(sink_all[0]); i++) {
		const struct sink_ops *ops = sink_all[i];
		size_t len = strlen(ops->scheme);

		if (ops->open && !strncmp(spec, ops->scheme, len) && spec[len] == ':')
			return ops->open(ret, spec + len + 1, conf, err);
	}
	return sink_file.open(ret, spec, conf, err);
}

int sink_iface(struct sink *s, const struct sink_iface *i, struct err *err)
{
	struct sink_counts *counts;
	uint16_t *types;
	int r;

	if (s->n_ifaces == SINK_IFACES_MAX)
		return err_set(err, -ENOSPC, "more than %d interfaces", SINK_IFACES_MAX);
	types = reallocarray(s->linktypes, s->n_ifaces + 1, sizeof(*types));
	if (!types)
		return err_set(err, -ENOMEM, "out of memory");
	s->linktypes = types;
	counts = reallocarray(s->counts, s->n_ifaces + 1, sizeof(*counts));
	if (!counts)
		return err_set(err, -ENOMEM, "out of memory");
	s->counts = counts;
	r = s->ops->iface(s, i, err);
	if (r < 0)
		return r;
	s->linktypes[s->n_ifaces] = i->linktype;
	s->counts[s->n_ifaces] = (struct sink_counts){0};
	return (int)s->n_ifaces++;
}

void sink_until(struct sink *s, int64_t when)
{
	if (s->ops->until)
		s->ops->until(s, when);
}

int sink_send(struct sink *s, const struct pkt *pkts, size_t n, struct err *err)
{
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++) {
		const struct pkt *p = &pkts[i];

		if (p->iface >= s->n_ifaces)
			r = err_set(err, -EINVAL,
				    "a packet of interface %u, which is not described", p->iface);
		else if (p->linktype != s->linktypes[p->iface])
			r = err_set(err, -EINVAL,
				    "a packet of link type %u on interface %u, which has %u",
				    p->linktype, p->iface, s->linktypes[p->iface]);
	}
	for (size_t i = 0; i < n; i++) {
		struct sink_counts *c =
			pkts[i].iface < s->n_ifaces ? &s->counts[pkts[i].iface] : NULL;

		if (c && r < 0) {
			c->lost++;
		} else if (c) {
			c->kept++;
			c->kept_bytes += pkts[i].caplen;
		}
	}
	return r < 0 ? r : s->ops->send(s, pkts, n, err);
}

struct sink_counts sink_counts(const struct sink *s, uint32_t iface)
{
	return iface < s->n_ifaces ? s->counts[iface] : (struct sink_counts){0};
}

int sink_trouble(const struct sink *s, const char **ret_text)
{
	*ret_text = "";
	return s->ops->trouble ? s->ops->trouble(s, ret_text) : 0;
}

int sink_stats(struct sink *s, const struct iface_stats *st, struct err *err)
{
	if (st->iface >= s->n_ifaces)
		return err_set(err, -EINVAL, "statistics of interface %u, which is not described",
			       st->iface);
	return s->ops->stats ? s->ops->stats(s, st, err) : 0;
}

int sink_flush(struct sink *s, struct err *err)
{
	return s->ops->flush ? s->ops->flush(s, err) : 0;
}

int sink_finish(struct sink *s, struct err *err)
{
	return s->ops->finish ? s->ops->finish(s, err) : 0;
}

uint64_t sink_inexact(const struct sink *s)
{
	return s->inexact;
}

void sink_free(struct sink *s)
{
	if (!s)
		return;
	free(s->linktypes);
	free(s->counts);
	s->ops->free(s);
}
