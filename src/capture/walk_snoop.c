/* Sun snoop: the loop over records.  Damage ends the source: the format gives
 * nothing to search for, and nobody writes it any more. */
#include <errno.h>
#include <inttypes.h>

#include "capture/src_file.h"
#include "fmt/snoop.h"

static const char kind_bad_time[] = "bad time";

/* One record.  1; 0: 'f->ended'. */
static int record(struct src_file *f, struct pkt *k)
{
	const uint64_t off = rd_at(&f->rd);
	struct snoop_rec r;

	r = snoop_rec_read(f->rd.p);
	if (r.size > SRC_RECORD_MAX || r.size < SNOOP_REC_SIZE ||
	    r.caplen > r.size - SNOOP_REC_SIZE) {
		f->src.meta.damaged = true;
		src_note_add(&f->src, off, NULL,
			     "damaged: no record here; the rest of the file is not used");
		f->ended = true;
		return 0;
	}
	if (!rd_need(&f->rd, r.size)) {
		/* Padding may be missing behind the last one. */
		if (rd_left(&f->rd) < SNOOP_REC_SIZE + r.caplen) {
			src_file_end(f, off, "a packet");
			return 0;
		}
		r.size = (uint32_t)rd_left(&f->rd);
	}
	*k = (struct pkt){
		.data = f->rd.p + SNOOP_REC_SIZE,
		.caplen = r.caplen,
		.len = r.len,
		.linktype = f->src.ifaces[0].linktype,
		.off = off,
	};
	if (r.us >= 1000000) {
		k->flags |= PKT_BAD_TIME;
		src_note_add(&f->src, off, kind_bad_time,
			     "packet %" PRIu64 ": %" PRIu32
			     " is no fraction of a second in us; taken as the last one",
			     f->src.number + 1, r.us);
		r.us = 999999;
	}
	k->ts = (int64_t)r.sec * 1000000000 + (int64_t)r.us * 1000;
	if (r.drops > f->w.snoop.drops)
		src_lost(&f->src, k, 0, r.drops - f->w.snoop.drops);
	f->w.snoop.drops = r.drops;
	f->rd.p += r.size;
	src_give(&f->src, k, 0);
	return 1;
}

static int snoop_walk(struct src_file *f, struct pkt *pkts, size_t max)
{
	size_t n = 0;

	while (n < max && !f->ended) {
		/* What was given out must not move: read on only for the first. */
		if (n && (rd_left(&f->rd) < SNOOP_REC_SIZE ||
			  rd_left(&f->rd) < snoop_rec_read(f->rd.p).size))
			break;
		if (!rd_need(&f->rd, SNOOP_REC_SIZE)) {
			src_file_end(f, rd_at(&f->rd),
				     rd_left(&f->rd) ? "a packet's header" : NULL);
			break;
		}
		n += (size_t)record(f, &pkts[n]);
	}
	return (int)n;
}

int walk_snoop_start(struct src_file *f, struct err *err)
{
	struct src_section section = {.big = true, .major = 2};
	struct src_iface i = {.tsresol = 6, .ticks_per_sec = 1000000};
	struct snoop_hdr h;
	int r;

	rd_need(&f->rd, SNOOP_HDR_SIZE);
	r = snoop_hdr_read(f->rd.p, rd_left(&f->rd), &h);
	if (r == -EPROTO)
		return err_set(err, r,
			       "a snoop file of a version other than 2; "
			       "'editcap IN OUT.pcapng' (Wireshark) may convert it");
	if (r < 0)
		return err_set(err, r, "the snoop file header is cut: %zu of %d bytes",
			       rd_left(&f->rd), SNOOP_HDR_SIZE);
	i.linktype = h.linktype;
	r = src_section_add(&f->src, &section);
	if (r == 0)
		r = src_iface_add(&f->src, &i);
	if (r < 0)
		return err_set(err, r, "out of memory");
	if (h.linktype == UINT16_MAX)
		src_note_add(&f->src, 12, NULL, "snoop's data link type %" PRIu32 " is not known",
			     h.datalink);
	f->src.meta.format = SRC_SNOOP;
	f->rd.p += SNOOP_HDR_SIZE;
	f->walk = snoop_walk;
	return 0;
}
