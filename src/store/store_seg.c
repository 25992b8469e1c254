/* Reading a segment: pcapng as this store writes it, little-endian, one section.
 * Any block may be damaged. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "fmt/pcapng.h"
#include "fmt/rec.h"
#include "store/read.h"
#include "store/resync.h"
#include "store/window.h"

#define IFACES_MAX  STORE_IFACES_MAX
#define REFS_MAX    ((off_t)STORE_SEGMENT_MAX) /* more is none of ours */
#define INDEX_FIRST (64u << 10) /* bytes of an index that mostly tell whether the rest matters */

struct seg_iface {
	struct pcapng_clock clock;
	uint16_t linktype;
};

struct store_seg {
	int fd, index_fd, refs_fd; /* -1: no file */
	uint64_t run;
	uint64_t size;
	const struct store_segment *seg;
	struct window window;

	struct seg_iface *ifaces; /* owned */
	size_t n_ifaces;
	uint64_t described; /* interfaces are known up to here */

	uint64_t next, tail, damaged;
	struct buf index_buf;
	struct pidx index;
};

void store_seg_free(struct store_seg *g)
{
	if (!g)
		return;
	if (g->fd >= 0)
		close(g->fd);
	if (g->index_fd >= 0)
		close(g->index_fd);
	if (g->refs_fd >= 0)
		close(g->refs_fd);
	pidx_done(&g->index);
	buf_done(&g->index_buf);
	window_done(&g->window);
	free(g->ifaces);
	free(g);
}

/* Reads 'size' bytes or up to the end; how many, or -errno. */
static ssize_t read_at(int fd, void *p, size_t size, uint64_t at)
{
	size_t got = 0;

	while (got < size) {
		ssize_t n = pread(fd, (char *)p + got, size - got, (off_t)(at + got));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			break;
		got += (size_t)n;
	}
	return (ssize_t)got;
}

static int add_iface(struct store_seg *g, const uint8_t *p, uint32_t len)
{
	struct seg_iface *v;
	struct pcapng_idb d;

	if (pcapng_idb_read(p, len, false, &d) < 0)
		return 0;
	if (g->n_ifaces == IFACES_MAX)
		return 0;
	if (!(g->n_ifaces & (g->n_ifaces - 1))) {
		v = reallocarray(g->ifaces, g->n_ifaces ? 2 * g->n_ifaces : 1, sizeof(*v));
		if (!v)
			return -ENOMEM;
		g->ifaces = v;
	}
	g->ifaces[g->n_ifaces++] = (struct seg_iface){
		.clock = pcapng_clock(d.tsresol, d.ts_offset),
		.linktype = d.linktype,
	};
	return 0;
}

/* A packet block; false: no good one. */
static bool packet_of(const struct store_seg *g, const uint8_t *p, uint32_t len, uint64_t at,
		      struct pkt *ret)
{
	struct pcapng_epb_opts o;
	struct pcapng_opts opts;
	uint32_t iface, caplen;
	bool bad = false;

	if (len < PCAPNG_EPB_MIN)
		return false;
	iface = le32_load(p + 8);
	caplen = le32_load(p + 20);
	if (iface >= g->n_ifaces || caplen > len - PCAPNG_EPB_MIN)
		return false;
	*ret = (struct pkt){
		.ts = pcapng_ts(&g->ifaces[iface].clock,
				(uint64_t)le32_load(p + 12) << 32 | le32_load(p + 16), &bad),
		.data = p + PCAPNG_EPB_DATA,
		.caplen = caplen,
		.len = le32_load(p + 24),
		.iface = iface,
		.linktype = g->ifaces[iface].linktype,
		.off = at,
	};
	ret->flags = bad ? PKT_BAD_TIME : 0;
	if (pcapng_opts_of(p, len, false, &opts) == 0 && pcapng_epb_opts_read(&opts, &o) >= 0)
		ret->dir = o.dir;
	return true;
}

/* Whether a block of 'len' bytes at 'at' ends as it begins: what says it is large costs no more
 * to look at than what does not. */
static bool ends_well(const struct store_seg *g, uint64_t at, uint32_t len)
{
	uint8_t end[4];

	return len <= WINDOW_BLOCK_MAX && len % 4 == 0 && len <= g->size - at &&
	       read_at(g->fd, end, sizeof(end), at + len - sizeof(end)) == sizeof(end) &&
	       le32_load(end) == len;
}

/* After damage: the next place that looks like a packet's block. */
static uint64_t resync(struct store_seg *g, uint64_t at)
{
	const uint8_t *p;

	for (at = (at + 3) & ~UINT64_C(3); (p = window_get(&g->window, at, PCAPNG_EPB_MIN));
	     at += 4)
		if (le32_load(p) == PCAPNG_EPB && le32_load(p + 4) >= PCAPNG_EPB_MIN &&
		    ends_well(g, at, le32_load(p + 4)) && window_block(&g->window, at, &p))
			return at;
	return g->size;
}

/* Whether the file ends within the block at 'at' rather than that being damaged. */
static bool is_cut(struct store_seg *g, uint64_t at)
{
	const uint8_t *p = window_get(&g->window, at, 8);
	uint32_t len;

	if (!p)
		return true;
	len = le32_load(p + 4);
	return len >= PCAPNG_BLOCK_MIN && len <= WINDOW_BLOCK_MAX && len % 4 == 0 &&
	       len > g->size - at;
}

int store_seg_next(struct store_seg *g, struct pkt *ret)
{
	const uint8_t *p;
	uint32_t len;

	while (g->next < g->size) {
		uint64_t at = g->next;

		len = window_block(&g->window, at, &p);
		if (!len && is_cut(g, at) && resync(g, at + 4) == g->size) {
			g->tail = g->size - at;
			g->next = g->size;
			break;
		}
		if (!len) {
			g->damaged++;
			g->next = resync(g, at + 4);
			continue;
		}
		g->next = at + len;
		if (le32_load(p) == PCAPNG_IDB && at >= g->described && add_iface(g, p, len) < 0)
			return -ENOMEM;
		if (at >= g->described)
			g->described = g->next;
		if (le32_load(p) != PCAPNG_EPB)
			continue;
		if (packet_of(g, p, len, at, ret))
			return 1;
		g->damaged++;
	}
	return 0;
}

/* A packet may be of an interface that is described anywhere before it: most are at the start. Goes
 * on until there are 'n', or to 'upto'. */
static void describe(struct store_seg *g, uint64_t upto, uint64_t n)
{
	const uint8_t *p;
	uint32_t len;

	while (g->described < upto && g->n_ifaces < n) {
		len = window_block(&g->window, g->described, &p);
		if (!len) {
			g->described = resync(g, g->described + 4);
			continue;
		}
		if (le32_load(p) == PCAPNG_IDB)
			add_iface(g, p, len);
		g->described += len;
	}
}

int store_seg_packet(struct store_seg *g, uint64_t at, struct pkt *ret)
{
	const uint8_t *p;
	uint32_t len = window_block(&g->window, at, &p), iface;

	if (!len || le32_load(p) != PCAPNG_EPB || len < PCAPNG_EPB_MIN)
		return -EBADMSG;
	iface = le32_load(p + 8);
	if (iface >= g->n_ifaces) {
		describe(g, at, (uint64_t)iface + 1);
		len = window_block(&g->window, at, &p);
	}
	return len && packet_of(g, p, len, at, ret) ? 0 : -EBADMSG;
}

void store_seg_seek(struct store_seg *g, uint64_t at)
{
	if (g->described < at)
		describe(g, at, UINT64_MAX);
	g->next = at;
}

uint64_t store_seg_tail(const struct store_seg *g)
{
	return g->tail;
}

uint64_t store_seg_damaged(const struct store_seg *g)
{
	return g->damaged;
}

/* Reads up to 'size' bytes of the index in all. */
static int fill_index(struct store_seg *g, size_t size)
{
	ssize_t n;

	if (g->index_buf.len >= size)
		return 0;
	if (buf_reserve(&g->index_buf, size - g->index_buf.len) < 0)
		return -ENOMEM;
	n = read_at(g->index_fd, g->index_buf.p + g->index_buf.len, size - g->index_buf.len,
		    g->index_buf.len);
	if (n < 0)
		return (int)n;
	g->index_buf.len += (size_t)n;
	return 0;
}

/* The file's first bytes, then the rest where it matters. */
static int read_index(struct store_seg *g, const uint64_t *serials, size_t n, bool *ret_needed)
{
	size_t need = 0;
	struct stat st;
	int r;

	if (fstat(g->index_fd, &st) < 0)
		return -errno;
	r = fill_index(g, (uint64_t)st.st_size < INDEX_FIRST ? (size_t)st.st_size : INDEX_FIRST);
	if (r < 0)
		return r;
	*ret_needed = !serials ||
		      pidx_maybe((uint8_t *)g->index_buf.p, g->index_buf.len, serials, n, &need);
	if (serials && *ret_needed && need && need <= (uint64_t)st.st_size) {
		r = fill_index(g, need);
		if (r == 0)
			*ret_needed = pidx_maybe((uint8_t *)g->index_buf.p, g->index_buf.len,
						 serials, n, NULL);
	}
	return r == 0 && *ret_needed ? fill_index(g, (size_t)st.st_size) : r;
}

struct refs {
	struct pidx_ref *v;
	struct pidx_span *spans;
	size_t n, n_spans;
	uint64_t end, packets;
};

static void refs_done(struct refs *f)
{
	free(f->v);
	free(f->spans);
}

/* Adds one record at 'p' to what is there room for; only counts where there is none.  As
 * pidx_refs_get(). */
static int64_t add_refs(struct refs *f, const uint8_t *p, size_t size)
{
	struct pidx_span span;
	size_t n = 0;
	int64_t len = pidx_refs_get(p, size, &span, f->v ? f->v + f->n : NULL, &n);

	if (len <= 0)
		return len;
	if (span.from < f->end)
		return -EBADMSG;
	if (f->spans)
		f->spans[f->n_spans] = span;
	f->n_spans++;
	f->n += n;
	f->end = span.to;
	f->packets += span.packets;
	return len;
}

/* Whether there is a good record somewhere behind 'at', or may be. */
static bool goes_on(const struct store_seg *g, const struct buf *b, size_t at)
{
	CLEANUP(window_done) struct window w = {.fd = g->refs_fd, .size = b->len};
	struct resync y = {.size_max = pidx_refs_size_max};

	return resync_next(&y, &w, at) != 0;
}

/* From the first to the last record, of which a killed writer may have left a part.  0, or
 * -ENOENT: there is damage. */
static int all_refs(const struct store_seg *g, struct refs *f, const struct buf *b)
{
	size_t at = REC_MAGIC;
	int64_t n = 0;

	f->n = f->n_spans = 0;
	f->end = f->packets = 0;
	while (at < b->len && (n = add_refs(f, (const uint8_t *)b->p + at, b->len - at)) > 0)
		at += (size_t)n;
	return n == -EBADMSG || (n < 0 && goes_on(g, b, at)) ? -ENOENT : 0;
}

/* Makes an index of what was said of the segment while it was written.  -ENOENT: that does
 * not tell enough. */
static int index_of_refs(struct store_seg *g)
{
	CLEANUP(buf_done) struct buf b = BUF_INIT;
	CLEANUP(refs_done) struct refs f = {0};
	CLEANUP(freep) struct pidx_ref *tmp = NULL;
	struct pidx_info info = {.run = g->run, .segment = g->seg->number};
	struct stat st = {.st_size = 0};
	int r;

	if (g->refs_fd < 0 && g->size)
		return -ENOENT;
	if (g->refs_fd >= 0 && fstat(g->refs_fd, &st) < 0)
		return -errno;
	if (st.st_size > REFS_MAX)
		return -ENOENT;
	if (buf_reserve(&b, (size_t)st.st_size + 1) < 0)
		return -ENOMEM;
	r = read_exactly(g->refs_fd, b.p, (size_t)st.st_size, 0);
	if (r < 0)
		return r;
	b.len = (size_t)st.st_size;
	/* Shorter, of a segment that was begun a moment ago, is all that there is to tell. */
	if (pidx_refs_check((const uint8_t *)b.p, b.len) == -EBADMSG)
		return -ENOENT;
	r = all_refs(g, &f, &b);
	if (r < 0)
		return r;
	f.v = reallocarray(NULL, f.n + 1, sizeof(*f.v));
	tmp = reallocarray(NULL, f.n + 1, sizeof(*tmp));
	f.spans = reallocarray(NULL, f.n_spans + 1, sizeof(*f.spans));
	if (!f.v || !tmp || !f.spans)
		return -ENOMEM;
	r = all_refs(g, &f, &b);
	if (r < 0)
		return r;
	if (g->seg->known && f.packets != g->seg->packets)
		return -ENOENT;
	info.bytes = f.end;
	pidx_sort(f.v, tmp, f.n);
	buf_clear(&g->index_buf);
	return pidx_write(&g->index_buf, &info, f.spans, f.n_spans, f.v, f.n);
}

int store_seg_index(struct store_seg *g, const uint64_t *serials, size_t n, const struct pidx **ret)
{
	const struct buf *made = &g->seg->rebuilt;
	bool needed = true;
	int r;

	if (!g->index.p && made->len) {
		r = pidx_open(&g->index, (const uint8_t *)made->p, made->len);
	} else if (!g->index.p) {
		r = g->index_fd >= 0 ? read_index(g, serials, n, &needed) : index_of_refs(g);
		if (r == 0 && needed)
			r = pidx_open(&g->index, (const uint8_t *)g->index_buf.p, g->index_buf.len);
	} else {
		r = 0;
	}
	if (r == 0 && needed && g->index.info.bytes > g->size)
		r = -EBADMSG; /* of another segment, or this one was cut */
	if (r < 0)
		return r;
	*ret = needed ? &g->index : NULL;
	return 0;
}

int store_seg_open(struct store_seg **ret, struct store_read *r, size_t run, size_t segment,
		   struct err *err)
{
	CLEANUP(store_seg_freep) struct store_seg *g = calloc(1, sizeof(*g));
	const struct store_segment *s = &r->runs[run].pub->segments[segment];
	struct stat st;

	if (!g)
		return err_set(err, -ENOMEM, "out of memory");
	g->seg = s;
	g->run = r->pub[run].id;
	g->index_fd = g->refs_fd = -1;
	g->fd = read_open(r, run, s->number, LOCAL_SEGMENT);
	if (g->fd < 0 || fstat(g->fd, &st) < 0) {
		int code = g->fd < 0 ? g->fd : -errno;

		return err_set(err, code, "cannot open segment %u: %s", s->number, strerror(-code));
	}
	/* What is written later does not count. */
	g->size = (uint64_t)st.st_size < s->bytes ? (uint64_t)st.st_size : s->bytes;
	g->window = (struct window){.fd = g->fd, .size = g->size};
	/* In this order: an index takes the place of the references. */
	if (!s->rebuilt.len) {
		g->refs_fd = read_open(r, run, s->number, LOCAL_REFS);
		g->index_fd = read_open(r, run, s->number, LOCAL_INDEX);
	}
	*ret = TAKE_PTR(g);
	return 0;
}
