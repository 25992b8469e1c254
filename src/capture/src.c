#include "capture/src.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/vec.h"
#include "capture/src_ops.h"

struct src_text {
	struct src_text *next;
	char s[] __attribute__((aligned(16)));
};

static const struct src_ops *const src_all[] = {
	&src_file,
	&src_mem,
};

int src_open(struct src **ret, const char *spec, const struct stop *stop, struct err *err)
{
	for (size_t i = 0; i < sizeof(src_all) / sizeof(src_all[0]); i++) {
		const struct src_ops *ops = src_all[i];
		size_t len = strlen(ops->scheme);

		if (ops->open && !strncmp(spec, ops->scheme, len) && spec[len] == ':')
			return ops->open(ret, spec + len + 1, stop, err);
	}
	return src_file.open(ret, spec, stop, err);
}

void src_free(struct src *s)
{
	if (s)
		s->ops->free(s);
}

int src_recv(struct src *s, struct pkt *pkts, size_t max)
{
	if (!max)
		return 0;
	if (max > INT32_MAX)
		max = INT32_MAX;
	return s->ops->recv(s, pkts, max);
}

void src_release(struct src *s)
{
	if (s->ops->release)
		s->ops->release(s);
}

const struct src_iface *src_ifaces(const struct src *s, size_t *ret_n)
{
	*ret_n = s->n_ifaces;
	return s->ifaces;
}

const struct src_section *src_sections(const struct src *s, size_t *ret_n)
{
	*ret_n = s->n_sections;
	return s->sections;
}

const struct src_note *src_notes(const struct src *s, size_t *ret_n, uint64_t *ret_total)
{
	*ret_n = s->n_notes;
	if (ret_total)
		*ret_total = s->notes_total;
	return s->notes;
}

struct src_meta src_meta(const struct src *s)
{
	return s->meta;
}

void src_init(struct src *s, const struct src_ops *ops)
{
	*s = (struct src){.ops = ops, .clock = INT64_MIN, .keep = 1};
}

void src_done(struct src *s)
{
	while (s->texts) {
		struct src_text *t = s->texts;

		s->texts = t->next;
		free(t);
	}
	free(s->ifaces);
	free(s->sections);
	free(s->notes);
}

void src_note_add(struct src *s, uint64_t off, const char *kind, const char *fmt, ...)
{
	struct src_note *n;
	va_list ap;

	s->notes_total++;
	for (size_t i = 0; kind && i < s->n_notes; i++) {
		if (s->kinds[i] == kind) {
			s->notes[i].n++;
			return;
		}
	}
	if (!s->notes)
		s->notes = calloc(SRC_NOTES_MAX, sizeof(*s->notes));
	if (!s->notes || s->n_notes == SRC_NOTES_MAX)
		return;

	s->kinds[s->n_notes] = kind;
	n = &s->notes[s->n_notes++];
	n->off = off;
	n->n = 1;
	va_start(ap, fmt);
	vsnprintf(n->text, sizeof(n->text), fmt, ap);
	va_end(ap);
}

void *src_alloc(struct src *s, size_t size)
{
	struct src_text *t;

	if (size > SRC_TEXTS_MAX - s->texts_size)
		return NULL;
	t = calloc(1, sizeof(*t) + size);
	if (!t)
		return NULL;
	t->next = s->texts;
	s->texts = t;
	s->texts_size += size;
	return t->s;
}

const char *src_text_add(struct src *s, const char *p, size_t len)
{
	char *t = p ? src_alloc(s, len + 1) : NULL;

	if (t)
		memcpy(t, p, len);
	return t;
}

/* Room for one more entry. */
static int grow(void *array, size_t *size, size_t n, size_t each, size_t max)
{
	return n >= max ? -ENOSPC : vec_reserve(array, size, n + 1, each);
}

int src_iface_add(struct src *s, const struct src_iface *i)
{
	int r = grow(&s->ifaces, &s->size_ifaces, s->n_ifaces, sizeof(*i), SRC_IFACES_MAX);

	if (r < 0)
		return r;
	s->ifaces[s->n_ifaces++] = *i;
	return 0;
}

int src_section_add(struct src *s, const struct src_section *i)
{
	int r = grow(&s->sections, &s->size_sections, s->n_sections, sizeof(*i), SRC_SECTIONS_MAX);

	if (r < 0)
		return r;
	s->sections[s->n_sections++] = *i;
	return 0;
}

void src_keep(struct src *s, unsigned n, src_reuse_fn reuse, void *arg)
{
	s->keep = n < 1 ? 1 : n > SRC_KEEP_MAX ? SRC_KEEP_MAX : n;
	s->reuse = reuse;
	s->reuse_arg = arg;
}

uint64_t src_window(const struct src *s)
{
	return s->window;
}
