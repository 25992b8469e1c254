/* ERF: the loop over records.  Each port with each link type seen on it is an
 * interface.  Damage ends the source. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "capture/src_file.h"
#include "fmt/erf.h"

#define ERF_LEN_MAX UINT16_MAX

/* Index of the interface of a port and link type; -errno. */
static int iface_of(struct src_file *f, const struct erf_rec *e)
{
	struct walk_erf *w = &f->w.erf;
	struct src_iface i = {
		.linktype = e->linktype,
		.snaplen = ERF_LEN_MAX,
		.ticks_per_sec = 1000000000,
		.tsresol = 9,
		.has_tsresol = true,
	};
	char name[32];
	int r;

	for (uint32_t k = 0; k < f->src.n_ifaces; k++)
		if (w->ports[k] == e->port && f->src.ifaces[k].linktype == e->linktype)
			return (int)k;
	if (f->src.n_ifaces == ERF_IFACES_MAX)
		return -ENOSPC;
	snprintf(name, sizeof(name), "Port %c (ERF Interface %u)", 'A' + e->port, e->port);
	i.name = i.descr = src_text_add(&f->src, name, sizeof(name));
	r = src_iface_add(&f->src, &i);
	if (r < 0)
		return r;
	w->ports[f->src.n_ifaces - 1] = e->port;
	return (int)f->src.n_ifaces - 1;
}

static int frame(struct src_file *f, struct pkt *k, const struct erf_rec *e, uint64_t off)
{
	uint32_t room = e->size > e->head ? e->size - e->head : 0;
	int iface = iface_of(f, e);

	if (iface < 0) {
		src_note_add(&f->src, off, NULL, "too many kinds of frames");
		f->ended = true;
		return 0;
	}
	*k = (struct pkt){
		.ts = e->ts,
		.data = f->rd.p + (room ? e->head : 0),
		.caplen = room < e->len ? room : e->len,
		.len = e->len,
		.linktype = e->linktype,
		.off = off,
	};
	if (e->lost)
		src_lost(&f->src, k, (uint32_t)iface, e->lost);
	src_give(&f->src, k, (uint32_t)iface);
	return 1;
}

/* One record.  Packets given; 0: none in it, or 'f->ended'. */
static int record(struct src_file *f, struct pkt *k)
{
	const uint64_t off = rd_at(&f->rd);
	uint16_t size = be16_load(f->rd.p + 10);
	struct erf_rec e;
	int n = 0;

	if (!rd_need(&f->rd, size)) {
		src_file_end(f, off, "a packet");
		return 0;
	}
	if (erf_rec_read(f->rd.p, size, &e) < 0) {
		f->src.meta.damaged = true;
		src_note_add(&f->src, off, NULL,
			     "damaged: no ERF record here; the rest of the file is not used");
		f->ended = true;
		return 0;
	}
	if (e.is_frame)
		n = frame(f, k, &e, off);
	else
		f->src.meta.others += e.type != ERF_TYPE_PAD;
	f->rd.p += e.size;
	return n;
}

static int erf_walk(struct src_file *f, struct pkt *pkts, size_t max)
{
	size_t n = 0;

	while (n < max && !f->ended) {
		/* What was given out must not move: read on only for the first. */
		if (n &&
		    (rd_left(&f->rd) < ERF_HDR_SIZE || rd_left(&f->rd) < be16_load(f->rd.p + 10)))
			break;
		if (!rd_need(&f->rd, ERF_HDR_SIZE)) {
			src_file_end(f, rd_at(&f->rd),
				     rd_left(&f->rd) ? "a packet's header" : NULL);
			break;
		}
		n += (size_t)record(f, &pkts[n]);
	}
	return (int)n;
}

int walk_erf_start(struct src_file *f, struct err *err)
{
	struct src_section section = {.big = true};

	if (src_section_add(&f->src, &section) < 0)
		return err_set(err, -ENOMEM, "out of memory");
	f->src.meta.format = SRC_ERF;
	f->walk = erf_walk;
	return 0;
}
