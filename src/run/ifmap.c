#include "run/ifmap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "capture/src.h"

struct ifmap_entry {
	char *name, *descr; /* owned; NULL: none */
	uint16_t linktype;
	uint32_t twin; /* of those before it in its section, how many look the same */
};

void ifmap_done(struct ifmap *m)
{
	size_t i;

	for (i = 0; i < m->n; i++) {
		free(m->v[i].name);
		free(m->v[i].descr);
	}
	free(m->v);
	free(m->pub);
	*m = (struct ifmap){0};
}

static int same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : !a && !b;
}

static int grow(struct ifmap *m)
{
	size_t size = m->size ? 2 * m->size : 8;
	struct ifmap_entry *v;
	struct run_iface *pub;

	if (m->n < m->size)
		return 0;
	v = realloc(m->v, size * sizeof(*v));
	if (!v)
		return -ENOMEM;
	m->v = v;
	pub = realloc(m->pub, size * sizeof(*pub));
	if (!pub)
		return -ENOMEM;
	m->pub = pub;
	m->size = size;
	return 0;
}

int64_t ifmap_add(struct ifmap *m, const struct src_iface *ifaces, size_t i)
{
	const struct src_iface *f = &ifaces[i];
	struct ifmap_entry *e;
	uint32_t twin = 0;
	size_t k;

	for (k = 0; k < i; k++)
		twin += ifaces[k].section == f->section && ifaces[k].linktype == f->linktype &&
			same_text(ifaces[k].name, f->name);
	for (k = 0; k < m->n; k++)
		if (m->v[k].linktype == f->linktype && m->v[k].twin == twin &&
		    same_text(m->v[k].name, f->name))
			return (int64_t)k;
	if (m->n == IFMAP_MAX)
		return IFMAP_MAX - 1;
	if (grow(m) < 0)
		return -ENOMEM;
	e = &m->v[m->n];
	e->linktype = f->linktype;
	e->twin = twin;
	e->name = f->name ? strdup(f->name) : NULL;
	e->descr = f->descr ? strdup(f->descr) : NULL;
	if ((f->name && !e->name) || (f->descr && !e->descr)) {
		free(e->name);
		free(e->descr);
		return -ENOMEM;
	}
	m->pub[m->n] = (struct run_iface){
		.name = e->name,
		.descr = e->descr,
		.linktype = f->linktype,
		.snaplen = f->snaplen,
		.ticks_per_sec = f->ticks_per_sec,
	};
	return (int64_t)m->n++;
}
