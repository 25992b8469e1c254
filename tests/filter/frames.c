#include "frames.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "capture/src.h"
#include "net/dec.h"

#define BATCH      256
#define STACKS_MAX 65536

static void *must(void *p)
{
	if (!p) {
		fprintf(stderr, "out of memory\n");
		exit(1);
	}
	return p;
}

/* FNV-1a. */
static uint64_t hash(uint64_t h, const void *data, size_t n)
{
	const uint8_t *p = data;
	size_t i;

	for (i = 0; i < n; i++)
		h = (h ^ p[i]) * UINT64_C(0x100000001b3);
	return h;
}

#define HASH_START UINT64_C(0xcbf29ce484222325)

static size_t *slot(const struct frames *f, const struct frame *a)
{
	size_t i = a->hash & (f->table_size - 1);

	for (; f->table[i]; i = (i + 1) & (f->table_size - 1)) {
		const struct frame *b = &f->list[f->table[i] - 1];

		if (a->hash == b->hash && a->caplen == b->caplen && a->len == b->len &&
		    a->linktype == b->linktype &&
		    (!a->caplen || memcmp(a->data, b->data, a->caplen) == 0))
			break;
	}
	return &f->table[i];
}

static void grow(struct frames *f)
{
	size_t i;

	f->size = f->size ? 2 * f->size : 1024;
	f->list = must(reallocarray(f->list, f->size, sizeof(f->list[0])));
	free(f->table);
	f->table_size = 2 * f->size;
	f->table = must(calloc(f->table_size, sizeof(f->table[0])));
	for (i = 0; i < f->n; i++)
		*slot(f, &f->list[i]) = i + 1;
}

static void add(struct frames *f, const struct pkt *p)
{
	struct frame a = {p->data, p->caplen, p->len, p->linktype, HASH_START};
	uint8_t *copy;
	size_t *at;

	f->packets++;
	a.hash = hash(a.hash, &p->linktype, sizeof(p->linktype));
	a.hash = hash(a.hash, &p->len, sizeof(p->len));
	a.hash = hash(a.hash, p->data, p->caplen);
	if (f->n == f->size)
		grow(f);
	at = slot(f, &a);
	if (*at)
		return;
	copy = must(malloc(a.caplen ? a.caplen : 1));
	if (a.caplen)
		memcpy(copy, a.data, a.caplen);
	a.data = copy;
	f->list[f->n++] = a;
	*at = f->n;
}

static void read_file(struct frames *f, const char *path)
{
	struct pkt pkts[BATCH];
	struct src *s;
	int n, i;

	if (src_open(&s, path, NULL, NULL) < 0) {
		f->refused++;
		return;
	}
	f->files++;
	while ((n = src_recv(s, pkts, BATCH)) > 0)
		for (i = 0; i < n; i++)
			add(f, &pkts[i]);
	src_free(s);
}

void frames_read(struct frames *f, const char *path)
{
	struct dirent **names;
	struct stat st;
	int n, i;

	if (stat(path, &st) < 0) {
		fprintf(stderr, "cannot read '%s'\n", path);
		exit(1);
	}
	if (!S_ISDIR(st.st_mode)) {
		read_file(f, path);
		return;
	}
	n = scandir(path, &names, NULL, alphasort);
	for (i = 0; i < n; i++) {
		char sub[4096];

		if (names[i]->d_name[0] != '.' &&
		    snprintf(sub, sizeof(sub), "%s/%s", path, names[i]->d_name) < (int)sizeof(sub))
			frames_read(f, sub);
		free(names[i]);
	}
	free(names);
}

void frames_done(struct frames *f)
{
	size_t i;

	for (i = 0; i < f->n; i++)
		free((void *)(uintptr_t)f->list[i].data);
	free(f->list);
	free(f->table);
}

/* The headers that the decoder finds, and how each level ends. */
static uint64_t stack_of(const struct frame *f)
{
	struct dec dec[DEC_LEVELS_MAX];
	size_t n = dec_frame(f->linktype, f->data, f->caplen, f->len, dec), i;
	uint64_t h = hash(HASH_START, &f->linktype, sizeof(f->linktype));

	for (i = 0; i < n; i++) {
		h = hash(h, &dec[i].npath, sizeof(dec[i].npath));
		h = hash(h, dec[i].path, dec[i].npath);
		h = hash(h, &dec[i].proto, sizeof(dec[i].proto));
		h = hash(h, &dec[i].flags, sizeof(dec[i].flags));
	}
	return h;
}

size_t frames_stacks(const struct frames *f, struct frame *ret, size_t max, size_t *ret_all)
{
	uint64_t *seen = must(calloc(STACKS_MAX, sizeof(*seen)));
	size_t i, j, all = 0;

	for (i = 0; i < f->n; i++) {
		uint64_t h = stack_of(&f->list[i]);

		for (j = 0; j < all && seen[j] != h; j++)
			;
		if (j == STACKS_MAX)
			continue;
		if (j == all)
			seen[all++] = h;
		else if (j >= max || f->list[i].caplen >= ret[j].caplen)
			continue;
		if (j < max)
			ret[j] = f->list[i];
	}
	free(seen);
	*ret_all = all;
	return all < max ? all : max;
}
