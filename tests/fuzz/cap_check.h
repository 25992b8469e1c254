/* What must hold of every source, whatever bytes it reads; shared by the fuzz
 * targets of the capture formats. */
#pragma once

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "capture/src_file.h"
#include "fmt/magic.h"

#define MUST(cond)                                                                                 \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #cond);         \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

/* What one reading gave, in short. */
struct cap_sum {
	int opened; /* 0 or -errno */
	uint64_t packets, notes, hash;
	size_t ifaces;
};

static inline uint64_t mix(uint64_t h, uint64_t v)
{
	h ^= v;
	h *= UINT64_C(0x9e3779b97f4a7c15);
	return h ^ h >> 29;
}

static inline void check_pkt(const struct pkt *k, const struct src *s, struct cap_sum *sum,
			     int64_t *clock, uint64_t *off, size_t size)
{
	const struct src_iface *ifaces;
	uint8_t any = 0;
	size_t n;

	ifaces = src_ifaces(s, &n);
	MUST(k->iface < n);
	MUST(k->linktype == ifaces[k->iface].linktype);
	MUST(k->number == sum->packets + 1);
	MUST(!sum->packets || k->off > *off);
	MUST(s->meta.packed || k->off + k->caplen <= size);
	*clock = !sum->packets || k->ts > *clock ? k->ts : *clock;
	MUST(k->clock == *clock);
	MUST(!k->drops || k->flags & PKT_DROPS);
	*off = k->off;
	/* Every byte is there to be read. */
	for (uint32_t i = 0; i < k->caplen; i++)
		any = (uint8_t)(any * 31 + k->data[i]);
	sum->hash = mix(sum->hash, (uint64_t)k->ts);
	sum->hash = mix(sum->hash, (uint64_t)k->caplen << 32 | k->len);
	sum->hash = mix(sum->hash, k->off);
	sum->hash = mix(sum->hash, (uint64_t)k->iface << 32 | k->drops);
	sum->hash = mix(sum->hash, (uint64_t)any << 16 | (uint64_t)k->dir << 8 | k->flags);
	sum->packets++;
}

/* Reads all of 'fd' (which stays open), at most 'step' bytes at once and up to
 * 'batch' packets. */
static inline struct cap_sum cap_read(int fd, size_t size, size_t step, size_t batch)
{
	struct cap_sum sum = {0};
	struct src *s = NULL;
	struct pkt pkts[64];
	const struct src_iface *ifaces;
	const struct src_note *notes;
	uint64_t off = 0, given = 0;
	int64_t clock = 0;
	struct err err;
	size_t n;
	int r;

	MUST(lseek(fd, 0, SEEK_SET) == 0);
	sum.opened = src_file_new(&s, dup(fd), "input", step, NULL, &err);
	if (sum.opened < 0)
		return sum;
	while ((r = src_recv(s, pkts, batch)) > 0) {
		MUST((size_t)r <= batch);
		for (int i = 0; i < r; i++)
			check_pkt(&pkts[i], s, &sum, &clock, &off, size);
		/* A record takes at least 12 bytes, so reading ends. */
		MUST(s->meta.packed || sum.packets <= size / 12 + 1);
	}
	MUST(r == 0 || r == -ENOMEM);
	MUST(src_recv(s, pkts, batch) == 0);
	ifaces = src_ifaces(s, &sum.ifaces);
	for (size_t i = 0; i < sum.ifaces; i++)
		given += ifaces[i].packets;
	MUST(given == sum.packets);
	notes = src_notes(s, &n, &sum.notes);
	for (size_t i = 0; i < n; i++) {
		MUST(s->meta.packed || notes[i].off <= size);
		MUST(notes[i].n && notes[i].text[0]);
		sum.hash = mix(sum.hash, notes[i].off);
	}
	if (!s->meta.packed && !s->meta.cut && !s->meta.damaged)
		MUST(s->meta.unpacked == size);
	src_free(s);
	return sum;
}

static inline bool packed(const uint8_t *data, size_t size)
{
	enum magic m = magic_find(data, size);

	return m == MAGIC_GZIP || m == MAGIC_ZSTD || m == MAGIC_LZ4;
}

/* The same bytes give the same packets, however they come. */
static inline int cap_check(const uint8_t *data, size_t size)
{
	int fd = memfd_create("input", MFD_CLOEXEC);
	struct cap_sum whole, pieces;

	MUST(fd >= 0);
	MUST(write(fd, data, size) == (ssize_t)size);
	whole = cap_read(fd, size, RD_STEP, 64);
	pieces = cap_read(fd, size, size < 2048 ? 1 : 61, 3);
	close(fd);
	/* How much of damaged packed data still comes out depends on how it is
	 * fed to the library. */
	if (packed(data, size) && (whole.opened || pieces.opened || whole.notes || pieces.notes))
		return 0;
	MUST(whole.opened == pieces.opened);
	MUST(whole.packets == pieces.packets);
	MUST(whole.notes == pieces.notes);
	MUST(whole.ifaces == pieces.ifaces);
	MUST(whole.hash == pieces.hash);
	return 0;
}
