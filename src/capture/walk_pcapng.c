/* pcapng: the loop over packet blocks, the other blocks, and finding the next
 * block after damage. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/vec.h"
#include "capture/src_file.h"

/* While searching for a block after damage: how much is looked at in one go,
 * and the largest block that is found again. */
#define LOOK_STEP  (256u << 10)
#define LOOK_BLOCK (1u << 20)

/* Notes that many packets may deserve: one each, with a count. */
static const char kind_time[] = "time", kind_long[] = "long", kind_short[] = "short",
		  kind_iface[] = "iface", kind_opts[] = "opts", kind_pad[] = "pad",
		  kind_stats[] = "stats", kind_limit[] = "limit";

static bool known_type(uint32_t type)
{
	return (type >= PCAPNG_IDB && type <= PCAPNG_DSB) || type == PCAPNG_SHB ||
	       type == PCAPNG_CB_COPY || type == PCAPNG_CB_NOCOPY;
}

static void opts_damaged(struct src_file *f, uint64_t off)
{
	src_note_add(&f->src, off, kind_opts,
		     "a block's options are damaged; those from the "
		     "damage on are not used");
}

/* The options of a packet block: direction, losses, comments. */
static void packet_opts(struct src_file *f, struct pkt *k, uint32_t iface, const uint8_t *p,
			uint32_t size)
{
	struct pcapng_epb_opts e = {0};
	struct pcapng_opts o;

	if (pcapng_opts_of(p, size, f->w.ng.big, &o) < 0)
		return;
	if (pcapng_epb_opts_read(&o, &e) > 0)
		opts_damaged(f, k->off);
	k->dir = e.dir;
	if (e.dropcount)
		src_lost(&f->src, k, iface, e.dropcount);
	f->src.meta.comments += e.comments > 0;
}

/* Walks over whole, plain EPBs in the window; stops at anything else.  'big'
 * is a constant where it is called. */
static inline __attribute__((always_inline)) size_t walk(struct src_file *f, struct pkt *pkts,
							 size_t max, const bool big)
{
	struct walk_ng *w = &f->w.ng;
	size_t n = 0;

	while (n < max) {
		const uint8_t *p = f->rd.p;
		size_t left = rd_left(&f->rd);
		uint32_t size, iface, caplen;
		struct pkt *k = &pkts[n];
		bool bad = false;

		if (left < PCAPNG_EPB_MIN || pcapng_u32(p, big) != PCAPNG_EPB)
			break;
		size = pcapng_u32(p + 4, big);
		iface = pcapng_u32(p + 8, big);
		caplen = pcapng_u32(p + 20, big);
		if (size > left || size < PCAPNG_EPB_MIN || size % 4 || iface >= w->n ||
		    caplen > size - PCAPNG_EPB_MIN || pcapng_u32(p + size - 4, big) != size)
			break;
		k->ts = pcapng_ts(&w->clocks[iface],
				  (uint64_t)pcapng_u32(p + 12, big) << 32 | pcapng_u32(p + 16, big),
				  &bad);
		if (bad)
			break;
		k->data = p + PCAPNG_EPB_DATA;
		k->caplen = caplen;
		k->len = pcapng_u32(p + 24, big);
		k->drops = 0;
		k->linktype = f->src.ifaces[w->base + iface].linktype;
		k->dir = PKT_DIR_UNKNOWN;
		k->flags = 0;
		k->gso_size = k->gso_hdr = 0;
		k->off = rd_at(&f->rd);
		if (size > PCAPNG_EPB_MIN + PCAPNG_PAD4(caplen))
			packet_opts(f, k, w->base + iface, p, size);
		src_give(&f->src, k, w->base + iface);
		f->rd.p += size;
		n++;
	}
	return n;
}

static int walk_le(struct src_file *f, struct pkt *pkts, size_t max)
{
	return (int)walk(f, pkts, max, false);
}

static int walk_be(struct src_file *f, struct pkt *pkts, size_t max)
{
	return (int)walk(f, pkts, max, true);
}

static const char *text_of(struct src_file *f, struct pcapng_text t)
{
	return src_text_add(&f->src, t.p, t.len);
}

/* All opt_comment of a block, which every block may carry. */
static size_t comments_of(struct src_file *f, const uint8_t *p, uint32_t size, const char ***ret)
{
	struct pcapng_opts opts, again;
	struct pcapng_opt o;
	const char **texts;
	size_t n = 0, i = 0;

	if (pcapng_opts_of(p, size, f->w.ng.big, &opts) < 0)
		return 0;
	again = opts;
	while (pcapng_opt_next(&opts, &o) > 0)
		n += o.code == 1;
	texts = n ? src_alloc(&f->src, n * sizeof(*texts)) : NULL;
	if (!texts)
		return 0;
	while (i < n && pcapng_opt_next(&again, &o) > 0) {
		if (o.code != 1)
			continue;
		texts[i] = text_of(f, (struct pcapng_text){(const char *)o.p, o.len});
		if (!texts[i])
			break;
		i++;
	}
	*ret = texts;
	return i;
}

static void section_start(struct src_file *f, const uint8_t *p, uint32_t size, uint64_t off)
{
	struct walk_ng *w = &f->w.ng;
	struct src_section s = {.off = off};
	struct pcapng_shb shb;
	int r = pcapng_shb_read(p, size, &shb);

	w->big = shb.big;
	w->base = (uint32_t)f->src.n_ifaces;
	w->n = 0;
	if (r > 0)
		opts_damaged(f, off);
	if (shb.major != 1)
		src_note_add(&f->src, off, NULL, "pcapng version %u.%u is not known; read as 1.0",
			     shb.major, shb.minor);
	s.major = shb.major;
	s.minor = shb.minor;
	s.big = shb.big;
	s.hardware = text_of(f, shb.hardware);
	s.os = text_of(f, shb.os);
	s.app = text_of(f, shb.app);
	s.n_comments = comments_of(f, p, size, &s.comments);
	if (src_section_add(&f->src, &s) < 0)
		src_note_add(&f->src, off, kind_limit,
			     "too many sections or interfaces; "
			     "their packets are passed over");
}

static void iface_add(struct src_file *f, const uint8_t *p, uint32_t size, uint64_t off)
{
	struct walk_ng *w = &f->w.ng;
	struct src_iface i = {0};
	const char **comments = NULL;
	struct pcapng_idb d;
	int r = pcapng_idb_read(p, size, w->big, &d);

	if (r < 0) {
		src_note_add(&f->src, off, NULL,
			     "an interface description of %" PRIu32 " bytes is too short for one",
			     size);
		return;
	}
	if (r > 0)
		opts_damaged(f, off);
	r = vec_reserve(&w->clocks, &w->clocks_size, w->n + (size_t)1, sizeof(*w->clocks));
	i.linktype = d.linktype;
	i.snaplen = d.snaplen;
	i.tsresol = d.tsresol;
	i.has_tsresol = d.has_tsresol;
	i.has_ts_offset = d.has_ts_offset;
	i.has_fcs_len = d.has_fcs_len;
	i.ticks_per_sec = pcapng_ticks(d.tsresol);
	i.ts_offset = d.ts_offset;
	i.speed = d.speed;
	i.fcs_len = d.fcs_len;
	i.bpf_insns = d.bpf_insns;
	i.section = (uint32_t)(f->src.n_sections ? f->src.n_sections - 1 : 0);
	i.name = text_of(f, d.name);
	i.descr = text_of(f, d.descr);
	i.filter = text_of(f, d.filter);
	i.os = text_of(f, d.os);
	i.hardware = text_of(f, d.hardware);
	if (comments_of(f, p, size, &comments))
		i.comment = comments[0];
	if (r < 0 || src_iface_add(&f->src, &i) < 0) {
		src_note_add(&f->src, off, kind_limit,
			     "too many sections or interfaces; "
			     "their packets are passed over");
		return;
	}
	w->clocks[w->n++] = pcapng_clock(d.tsresol, d.ts_offset);
}

static void stats_add(struct src_file *f, const uint8_t *p, uint32_t size, uint64_t off)
{
	struct walk_ng *w = &f->w.ng;
	struct src_iface *i;
	struct pcapng_isb s;
	int r = pcapng_isb_read(p, size, w->big, &s);

	if (r < 0 || s.iface >= w->n) {
		src_note_add(&f->src, off, kind_stats,
			     "interface statistics of an interface that is not there");
		return;
	}
	if (r > 0)
		opts_damaged(f, off);
	i = &f->src.ifaces[w->base + s.iface];
	i->stats++;
	i->has_drops = s.has_ifdrop || s.has_osdrop;
	i->has_recv = s.has_recv;
	i->has_accept = s.has_accept;
	i->has_deliv = s.has_deliv;
	i->recv = s.recv;
	i->drops = s.ifdrop + s.osdrop;
	i->accept = s.accept;
	i->deliv = s.deliv;
}

/* The fixed part of a packet block, of any of the three kinds. */
struct head {
	uint32_t iface, caplen, len;
	uint32_t drops; /* lost before it, of the obsolete kind */
	uint32_t room;  /* bytes for frame, padding and options */
	uint64_t ticks;
	bool timed;
	const uint8_t *data;
};

/* 'size' has been found large enough for the kind. */
static struct head head_read(const uint8_t *p, uint32_t size, bool big)
{
	uint32_t type = pcapng_u32(p, big);
	struct head h = {0};

	if (type == PCAPNG_SPB) { /* no interface, time, caplen (the draft, 4.4) */
		h.data = p + PCAPNG_SPB_DATA;
		h.room = size - PCAPNG_SPB_DATA - 4;
		h.len = pcapng_u32(p + 8, big);
		h.caplen = h.len < h.room ? h.len : h.room;
		return h;
	}
	h.iface = type == PCAPNG_EPB ? pcapng_u32(p + 8, big) : pcapng_u16(p + 8, big);
	h.drops = type == PCAPNG_EPB ? 0 : pcapng_u16(p + 10, big);
	if (h.drops == UINT16_MAX) /* not known (the draft, appendix A) */
		h.drops = 0;
	h.ticks = (uint64_t)pcapng_u32(p + 12, big) << 32 | pcapng_u32(p + 16, big);
	h.timed = true;
	h.caplen = pcapng_u32(p + 20, big);
	h.len = pcapng_u32(p + 24, big);
	h.data = p + PCAPNG_EPB_DATA;
	h.room = size - PCAPNG_EPB_DATA - 4;
	return h;
}

static void packet_time(struct src_file *f, struct pkt *k, const struct head *h)
{
	bool bad = false;

	if (!h->timed) {
		k->ts = f->src.last_ts;
		k->flags |= PKT_NO_TIME;
		return;
	}
	k->ts = pcapng_ts(&f->w.ng.clocks[h->iface], h->ticks, &bad);
	if (!bad)
		return;
	k->flags |= PKT_BAD_TIME;
	src_note_add(&f->src, k->off, kind_time,
		     "packet %" PRIu64 ": its time is outside the years 1677 to 2262; "
		     "taken as the nearest",
		     f->src.number + 1);
}

/* How much of the frame is there, after what block and interface allow. */
static uint32_t packet_caplen(struct src_file *f, const struct head *h, uint32_t size, uint64_t off)
{
	uint32_t snaplen = f->src.ifaces[f->w.ng.base + h->iface].snaplen;

	if (!h->timed)
		return snaplen && h->caplen > snaplen ? snaplen : h->caplen;
	if (h->caplen <= h->room)
		return h->caplen;
	f->src.meta.damaged = true;
	src_note_add(&f->src, off, kind_long,
		     "a packet of %" PRIu32 " bytes in a block of %" PRIu32
		     "; what the block holds is used",
		     h->caplen, size);
	return h->room;
}

/* One packet block.  Returns 1, or 0 where there is no packet to give. */
static int packet(struct src_file *f, struct pkt *k, const uint8_t *p, uint32_t size, uint64_t off)
{
	struct walk_ng *w = &f->w.ng;
	bool simple = pcapng_u32(p, w->big) == PCAPNG_SPB;
	struct head h;

	if (size < (simple ? PCAPNG_SPB_DATA : PCAPNG_EPB_DATA) + 4) {
		f->src.meta.damaged = true;
		src_note_add(&f->src, off, kind_short,
			     "a packet block of %" PRIu32 " bytes is too short for one", size);
		return 0;
	}
	h = head_read(p, size, w->big);
	if (h.iface >= w->n) {
		f->src.meta.damaged = true;
		src_note_add(&f->src, off, kind_iface,
			     "a packet of interface %" PRIu32 ", which is not described; not used",
			     h.iface);
		return 0;
	}
	*k = (struct pkt){
		.off = off,
		.data = h.data,
		.len = h.len,
		.linktype = f->src.ifaces[w->base + h.iface].linktype,
	};
	k->caplen = packet_caplen(f, &h, size, off);
	packet_time(f, k, &h);
	if (!simple && h.room > PCAPNG_PAD4(k->caplen))
		packet_opts(f, k, w->base + h.iface, p, size);
	if (h.drops)
		src_lost(&f->src, k, w->base + h.iface, h.drops);
	src_give(&f->src, k, w->base + h.iface);
	return 1;
}

/* One whole block.  Returns the number of packets it gave. */
static int block(struct src_file *f, struct pkt *k, const uint8_t *p, uint32_t size, uint64_t off)
{
	struct walk_ng *w = &f->w.ng;
	uint32_t ip4 = 0, ip6 = 0;

	w->blocks++;
	switch (pcapng_u32(p, w->big)) {
	case PCAPNG_SHB:
		section_start(f, p, size, off);
		return 0;
	case PCAPNG_IDB:
		iface_add(f, p, size, off);
		return 0;
	case PCAPNG_ISB:
		stats_add(f, p, size, off);
		return 0;
	case PCAPNG_EPB:
	case PCAPNG_PB:
	case PCAPNG_SPB:
		return packet(f, k, p, size, off);
	case PCAPNG_NRB:
		pcapng_nrb_count(p, size, w->big, &ip4, &ip6);
		f->src.meta.ip4_names += ip4;
		f->src.meta.ip6_names += ip6;
		return 0;
	case PCAPNG_DSB:
		f->src.meta.secrets++;
		return 0;
	case PCAPNG_SJE:
		f->src.meta.journal++;
		return 0;
	case PCAPNG_CB_COPY:
	case PCAPNG_CB_NOCOPY:
		f->src.meta.custom++;
		return 0;
	default: /* to be skipped (the draft, 3.1) */
		f->src.meta.others++;
		return 0;
	}
}

/* Length of the block at 'p', of which 'left' bytes are there (at least 12);
 * 0: none.  An SHB has its own byte order. */
static uint32_t block_size(const uint8_t *p, size_t left, bool big)
{
	uint32_t size;

	if (le32_load(p) == PCAPNG_SHB && pcapng_order_read(p, left, &big) < 0)
		return 0;
	size = pcapng_u32(p + 4, big);
	if (size < PCAPNG_BLOCK_MIN || size > SRC_RECORD_MAX ||
	    (le32_load(p) == PCAPNG_SHB && size < PCAPNG_SHB_MIN))
		return 0;
	return size;
}

/* Whether the length stands at the block's end, too, which is at 'at'. */
static bool size_repeats(const uint8_t *p, uint32_t at, uint32_t size)
{
	bool big = pcapng_u32(p + 4, true) == size;

	return pcapng_u32(p + at - 4, big) == size;
}

/* Whether the bytes at 'p' are a block with all the signs of one. */
static bool is_block(const struct src_file *f, const uint8_t *p)
{
	size_t left = (size_t)(f->rd.end - p);
	uint32_t size;

	if (left < PCAPNG_BLOCK_MIN)
		return false;
	if (!known_type(pcapng_u32(p, f->w.ng.big)))
		return false;
	size = block_size(p, left, f->w.ng.big);
	return size && size % 4 == 0 && size <= left && size_repeats(p, size, size);
}

/* The window starts with something that is no block: finds the next one. */
static void resync(struct src_file *f)
{
	const uint64_t from = rd_at(&f->rd);
	uint64_t holes = 0;

	f->src.meta.damaged = true;
	f->rd.p++;
	for (;;) {
		bool whole = rd_need(&f->rd, LOOK_STEP + LOOK_BLOCK);
		size_t left = rd_left(&f->rd), n = whole ? LOOK_STEP : left;

		if (whole) {
			uint64_t hole = rd_skip_hole(&f->rd);

			holes += hole;
			if (hole)
				continue;
		}
		for (size_t i = 0; i < n; i++) {
			if (!is_block(f, f->rd.p + i))
				continue;
			f->rd.p += i;
			src_note_add(&f->src, from, NULL,
				     "damaged: no block here; %" PRIu64
				     " bytes passed over, going on at offset %" PRIu64,
				     rd_at(&f->rd) - from, rd_at(&f->rd));
			return;
		}
		f->rd.p += n;
		if (!whole)
			break;
		if (rd_at(&f->rd) - from - holes > SRC_GARBAGE_MAX) {
			src_note_add(&f->src, from, NULL,
				     "damaged: no block in the %" PRIu64
				     " bytes from here; the rest was not looked at",
				     rd_at(&f->rd) - from);
			f->rd.p = f->rd.end;
			f->ended = true;
			return;
		}
	}
	src_note_add(&f->src, from, NULL,
		     "damaged: no block in the %" PRIu64 " bytes from here to the end",
		     rd_at(&f->rd) - from);
	src_file_end(f, 0, NULL);
}

/* Whether a block that goes beyond the end of the file may be a good one that
 * was cut, judged by what is there of it; else its length is wrong. */
static bool may_be_cut(const struct src_file *f, uint32_t type, uint32_t size)
{
	const uint8_t *p = f->rd.p;
	const bool big = f->w.ng.big;
	uint32_t iface;

	if (!known_type(type))
		return size % 4 == 0 && size <= LOOK_BLOCK;
	if (type != PCAPNG_EPB && type != PCAPNG_PB)
		return true;
	if (rd_left(&f->rd) < PCAPNG_EPB_DATA)
		return true;
	iface = type == PCAPNG_EPB ? pcapng_u32(p + 8, big) : pcapng_u16(p + 8, big);
	return iface < f->w.ng.n && size >= PCAPNG_EPB_MIN &&
	       pcapng_u32(p + 20, big) <= size - PCAPNG_EPB_MIN;
}

/* What the plain loop left: one block of any kind.  Returns the number of
 * packets; 0: look again, or 'f->ended'. */
static int walk_block(struct src_file *f, struct pkt *k)
{
	const uint64_t off = rd_at(&f->rd);
	uint32_t type, size, all;

	if (!rd_need(&f->rd, PCAPNG_BLOCK_MIN)) {
		src_file_end(f, off, rd_left(&f->rd) ? "a block's header" : NULL);
		return 0;
	}
	type = pcapng_u32(f->rd.p, f->w.ng.big);
	size = block_size(f->rd.p, rd_left(&f->rd), f->w.ng.big);
	if (!size) {
		resync(f);
		return 0;
	}
	all = PCAPNG_PAD4(size);
	if (!rd_need(&f->rd, size)) {
		if (!f->rd.failed && !may_be_cut(f, type, size)) {
			resync(f);
			return 0;
		}
		src_file_end(f, off,
			     type == PCAPNG_EPB || type == PCAPNG_PB || type == PCAPNG_SPB
				     ? "a packet"
				     : "a block");
		return 0;
	}
	if (all != size) {
		/* Some writers count no padding, some not all of it. */
		if (size_repeats(f->rd.p, size, size))
			all = size;
		else if (!rd_need(&f->rd, all))
			all = size;
		src_note_add(&f->src, off, kind_pad,
			     "a block's length, %" PRIu32 ", is not a multiple of 4", size);
	}
	if (!size_repeats(f->rd.p, all, size)) {
		resync(f);
		return 0;
	}
	int n = block(f, k, f->rd.p, all, off);
	f->rd.p += all;
	return n;
}

static int ng_walk(struct src_file *f, struct pkt *pkts, size_t max)
{
	int n = 0;

	while (!n && !f->ended) {
		n = f->w.ng.big ? walk_be(f, pkts, max) : walk_le(f, pkts, max);
		if (!n)
			n = walk_block(f, pkts);
	}
	return n;
}

int walk_ng_start(struct src_file *f, struct err *err)
{
	struct pkt none;

	/* The first section header has to be good: without it nothing else
	 * can be read. */
	rd_need(&f->rd, PCAPNG_SHB_MIN);
	if (rd_left(&f->rd) < PCAPNG_SHB_MIN)
		return err_set(err, -ENODATA, "the pcapng section header is cut: %zu bytes",
			       rd_left(&f->rd));
	f->src.meta.format = SRC_PCAPNG;
	f->walk = ng_walk;
	walk_block(f, &none);
	if (!f->src.n_sections)
		return err_set(err, -EBADMSG, "the pcapng section header is damaged or cut");
	return 0;
}

void walk_ng_done(struct src_file *f)
{
	free(f->w.ng.clocks);
}
