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
#include "store/read.h"
#include "store/window.h"

#define BLOCK_MAX   (16u << 20)
#define IFACES_MAX  STORE_IFACES_MAX
#define INDEX_FIRST (64u << 10) /* bytes of an index that mostly tell whether the rest matters */

struct seg_iface {
	struct pcapng_clock clock;
	uint16_t linktype;
};

struct store_seg {
	int fd, index_fd; /* -1: no file */
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

/* The whole block at 'at'; its length, or 0: none. */
static uint32_t block_at(struct store_seg *g, uint64_t at, const uint8_t **ret)
{
	const uint8_t *p = at % 4 ? NULL : window_get(&g->window, at, PCAPNG_BLOCK_MIN);
	uint32_t len;

	if (!p)
		return 0;
	len = le32_load(p + 4);
	if (len < PCAPNG_BLOCK_MIN || len > BLOCK_MAX || len % 4)
		return 0;
	p = window_get(&g->window, at, len);
	if (!p || le32_load(p + len - 4) != len)
		return 0;
	*ret = p;
	return len;
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

/* After damage: the next place that looks like a packet's block. */
static uint64_t resync(struct store_seg *g, uint64_t at)
{
	const uint8_t *p;

	for (at = (at + 3) & ~UINT64_C(3); (p = window_get(&g->window, at, PCAPNG_EPB_MIN));
	     at += 4)
		if (le32_load(p) == PCAPNG_EPB && le32_load(p + 4) >= PCAPNG_EPB_MIN &&
		    block_at(g, at, &p))
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
	return len >= PCAPNG_BLOCK_MIN && len <= BLOCK_MAX && len % 4 == 0 && len > g->size - at;
}

int store_seg_next(struct store_seg *g, struct pkt *ret)
{
	const uint8_t *p;
	uint32_t len;

	while (g->next < g->size) {
		uint64_t at = g->next;

		len = block_at(g, at, &p);
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

/* A packet may be of an interface that is described anywhere before it. */
static void describe(struct store_seg *g, uint64_t upto)
{
	const uint8_t *p;
	uint32_t len;

	while (g->described < upto) {
		len = block_at(g, g->described, &p);
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
	uint32_t len = block_at(g, at, &p);

	if (!len || le32_load(p) != PCAPNG_EPB || len < PCAPNG_EPB_MIN)
		return -EBADMSG;
	if (le32_load(p + 8) >= g->n_ifaces) {
		describe(g, at);
		len = block_at(g, at, &p);
	}
	return len && packet_of(g, p, len, at, ret) ? 0 : -EBADMSG;
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

	if (g->index_fd < 0)
		return -ENOENT;
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

int store_seg_index(struct store_seg *g, const uint64_t *serials, size_t n, const struct pidx **ret)
{
	const struct buf *made = &g->seg->rebuilt;
	bool needed = true;
	int r;

	if (!g->index.p && made->len) {
		r = pidx_open(&g->index, (const uint8_t *)made->p, made->len);
	} else if (!g->index.p) {
		r = read_index(g, serials, n, &needed);
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
	g->index_fd = -1;
	g->fd = read_open(r, run, s->number, LOCAL_SEGMENT);
	if (g->fd < 0 || fstat(g->fd, &st) < 0) {
		int code = g->fd < 0 ? g->fd : -errno;

		return err_set(err, code, "cannot open segment %u: %s", s->number, strerror(-code));
	}
	/* What is written later does not count. */
	g->size = (uint64_t)st.st_size < s->bytes ? (uint64_t)st.st_size : s->bytes;
	g->window = (struct window){.fd = g->fd, .size = g->size};
	if (!s->rebuilt.len)
		g->index_fd = read_open(r, run, s->number, LOCAL_INDEX);
	*ret = TAKE_PTR(g);
	return 0;
}
