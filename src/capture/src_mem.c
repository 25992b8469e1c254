#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "capture/src_ops.h"

struct mem {
	struct src src;
	struct pkt *pkts; /* owned */
	size_t n, at;
	uint8_t *bytes; /* owned, what they point into */
};

static void mem_free(struct src *s)
{
	struct mem *m = (struct mem *)s;

	src_done(s);
	free(m->pkts);
	free(m->bytes);
	free(m);
}

static int mem_recv(struct src *s, struct pkt *pkts, size_t max)
{
	struct mem *m = (struct mem *)s;
	size_t n = m->n - m->at < max ? m->n - m->at : max;

	for (size_t i = 0; i < n; i++) {
		struct pkt *p = &pkts[i];

		*p = m->pkts[m->at++];
		if (p->ts > s->clock)
			s->clock = p->ts;
		p->clock = s->clock;
		p->number = ++s->number;
		if (p->iface < s->n_ifaces)
			s->ifaces[p->iface].packets++;
	}
	return (int)n;
}

static int mem_fill(struct mem *m, const struct pkt *pkts, size_t n)
{
	size_t size = 0, at = 0;

	for (size_t i = 0; i < n; i++)
		size += pkts[i].caplen;
	m->pkts = calloc(n ? n : 1, sizeof(*m->pkts));
	m->bytes = malloc(size ? size : 1);
	if (!m->pkts || !m->bytes)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		m->pkts[i] = pkts[i];
		m->pkts[i].data = m->bytes + at;
		m->pkts[i].off = at;
		if (pkts[i].caplen)
			memcpy(m->bytes + at, pkts[i].data, pkts[i].caplen);
		at += pkts[i].caplen;
	}
	m->n = n;
	m->src.meta.unpacked = size;
	return 0;
}

int src_mem_new(struct src **ret, const struct src_iface *ifaces, size_t n_ifaces,
		const struct pkt *pkts, size_t n)
{
	CLEANUP(src_freep) struct src *s = NULL;
	struct mem *m = calloc(1, sizeof(*m));
	struct src_section section = {0};
	int r;

	if (!m)
		return -ENOMEM;
	s = &m->src;
	src_init(s, &src_mem);

	r = src_section_add(s, &section);
	for (size_t i = 0; r == 0 && i < n_ifaces; i++) {
		struct src_iface f = ifaces[i];

		f.packets = 0;
		f.name = f.name ? src_text_add(s, f.name, strlen(f.name)) : NULL;
		f.descr = f.descr ? src_text_add(s, f.descr, strlen(f.descr)) : NULL;
		f.filter = f.filter ? src_text_add(s, f.filter, strlen(f.filter)) : NULL;
		f.hardware = f.hardware ? src_text_add(s, f.hardware, strlen(f.hardware)) : NULL;
		f.os = f.os ? src_text_add(s, f.os, strlen(f.os)) : NULL;
		f.comment = f.comment ? src_text_add(s, f.comment, strlen(f.comment)) : NULL;
		r = src_iface_add(s, &f);
	}
	if (r == 0)
		r = mem_fill(m, pkts, n);
	if (r < 0)
		return r;

	*ret = TAKE_PTR(s);
	return 0;
}

const struct src_ops src_mem = {
	.scheme = "mem",
	.recv = mem_recv,
	.free = mem_free,
};
