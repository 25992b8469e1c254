/* Classic pcap: the loop over records, and finding the next one after damage. */
#include <errno.h>
#include <inttypes.h>

#include "capture/src_file.h"

/* Finding the next record: how many headers in a row must make sense, and how
 * much is looked at in one go (room for that many records of the usual size). */
#define CHAIN       3
#define LOOK_STEP   (256u << 10)
#define LOOK_WINDOW (LOOK_STEP + (CHAIN + 1) * (PCAP_SNAPLEN_MAX + PCAP_REC_MAX))

/* Times in one file lie within this of each other, or the header is not one:
 * only asked while searching. */
#define NEAR_SEC (366 * 86400)

/* So many zeros in a row are no packets. */
#define HOLE_SIZE 64

static const char kind_bad_time[] = "bad time";

/* Walks over whole, plain records in the window; stops at the first that is
 * cut, damaged or needs a note.  'big', 'size' are constants where it is
 * called: each file kind has a loop of its own. */
static inline __attribute__((always_inline)) size_t walk(struct src_file *f, struct pkt *pkts,
							 size_t max, bool big, uint32_t size)
{
	const struct pcap_hdr *h = &f->w.pcap.hdr;
	const uint8_t *p = f->rd.p, *const end = f->rd.end;
	const uint32_t caplen_max = f->w.pcap.caplen_max;
	const uint32_t sub_limit = h->nano ? 1000000000 : 1000000;
	const uint32_t sub_mul = h->nano ? 1 : 1000;
	const uint16_t linktype = h->linktype;
	const uint64_t off = rd_at(&f->rd);
	const uint8_t *const start = p;
	int64_t clock = f->src.clock;
	uint64_t number = f->src.number;
	size_t n = 0;

	while (n < max && (size_t)(end - p) >= size) {
		struct pcap_rec r = pcap_rec_read(p, big);
		struct pkt *k = &pkts[n];
		int64_t ts;

		/* A header of zeros may be a hole in the file. */
		if (__builtin_expect(r.caplen > caplen_max || r.sub >= sub_limit ||
					     !(r.sec | r.sub | r.caplen | r.len),
				     0))
			break;
		if ((size_t)(end - p) - size < r.caplen)
			break;
		ts = (int64_t)r.sec * 1000000000 + (int64_t)r.sub * sub_mul;
		clock = ts > clock ? ts : clock;
		k->ts = ts;
		k->clock = clock;
		k->data = p + size;
		k->caplen = r.caplen;
		k->len = r.len;
		k->drops = 0;
		k->iface = 0;
		k->linktype = linktype;
		k->dir = PKT_DIR_UNKNOWN;
		k->flags = 0;
		k->gso_size = k->gso_hdr = 0;
		k->number = ++number;
		k->off = off + (uint64_t)(p - start);
		p += size + r.caplen;
		n++;
	}
	if (n) {
		f->rd.p = p;
		f->src.clock = clock;
		f->src.last_ts = pkts[n - 1].ts;
		f->src.number = number;
		f->src.ifaces[0].packets += n;
	}
	return n;
}

static struct pcap_rec rec_at(const struct src_file *f, const uint8_t *p)
{
	struct pcap_rec r = pcap_rec_read(p, f->w.pcap.hdr.big);

	pcap_rec_fix(&f->w.pcap.hdr, &r);
	return r;
}

/* Whether the window begins with zeros where headers should be: a crash or a
 * full disk left them.  One header of zeros may yet be an empty packet. */
static bool is_hole(struct src_file *f)
{
	size_t n = HOLE_SIZE;
	uint8_t any = 0;

	if (le64_load(f->rd.p) | le64_load(f->rd.p + 8))
		return false;
	rd_need(&f->rd, n);
	if (n > rd_left(&f->rd))
		n = rd_left(&f->rd);
	for (size_t i = 0; i < n; i++)
		any |= f->rd.p[i];
	return !any && n > PCAP_REC_SIZE;
}

/* Whether a header may be one of this file. */
static bool possible(const struct src_file *f, const struct pcap_rec *r)
{
	const struct pcap_hdr *h = &f->w.pcap.hdr;
	int64_t last = f->src.last_ts / 1000000000;
	uint32_t max = h->snaplen > PCAP_SNAPLEN_MAX || !h->snaplen ? PCAP_SNAPLEN_MAX : h->snaplen;

	if (r->caplen > max || r->len > SRC_RECORD_MAX)
		return false;
	if (r->sub >= (h->nano ? 1000000000u : 1000000u))
		return false;
	return !f->src.number || (r->sec >= last - NEAR_SEC && r->sec <= last + NEAR_SEC);
}

/* Stricter: whether nothing is odd about it. */
static bool plausible(const struct src_file *f, const struct pcap_rec *r)
{
	return possible(f, r) && r->caplen && r->caplen <= r->len;
}

/* Whether records follow each other from 'p' on.  At the file's end fewer
 * than CHAIN are enough if they end exactly there, or in a cut one. */
static bool is_chain(const struct src_file *f, const uint8_t *p)
{
	uint32_t size = pcap_rec_size(&f->w.pcap.hdr);

	for (int i = 0; i < CHAIN; i++) {
		size_t left = (size_t)(f->rd.end - p);
		struct pcap_rec r;

		if (left < size)
			return i > 1 || (i && !left);
		r = rec_at(f, p);
		if (!plausible(f, &r))
			return false;
		if (left - size < r.caplen)
			return i > 1;
		p += size + r.caplen;
	}
	return true;
}

/* The window starts with something that is no record: finds the next one.
 * False: there is none. */
static bool resync(struct src_file *f)
{
	const uint64_t from = rd_at(&f->rd);
	uint64_t holes = 0;

	f->src.meta.damaged = true;
	/* The place itself may only be too odd for the plain loop, but then
	 * its caller would not be here: begin one byte on. */
	f->rd.p++;
	for (;;) {
		bool whole = rd_need(&f->rd, LOOK_WINDOW);
		size_t left = rd_left(&f->rd), n = whole ? LOOK_STEP : left;

		if (whole) {
			uint64_t hole = rd_skip_hole(&f->rd);

			holes += hole;
			if (hole)
				continue;
		}
		for (size_t i = 0; i < n && left - i >= PCAP_REC_SIZE; i++) {
			if (!is_chain(f, f->rd.p + i))
				continue;
			f->rd.p += i;
			src_note_add(&f->src, from, NULL,
				     "damaged: no packet here; %" PRIu64
				     " bytes passed over, going on at offset %" PRIu64,
				     rd_at(&f->rd) - from, rd_at(&f->rd));
			return true;
		}
		f->rd.p += n;
		if (!whole)
			break;
		if (rd_at(&f->rd) - from - holes > SRC_GARBAGE_MAX) {
			src_note_add(&f->src, from, NULL,
				     "damaged: no packet in the %" PRIu64
				     " bytes from here; the rest was not looked at",
				     rd_at(&f->rd) - from);
			f->rd.p = f->rd.end;
			f->ended = true;
			return false;
		}
	}
	src_note_add(&f->src, from, NULL,
		     "damaged: no packet in the %" PRIu64 " bytes from here to the end",
		     rd_at(&f->rd) - from);
	src_file_end(f, 0, NULL);
	return false;
}

/* What the plain loop left: reads more, gives one odd record, or gets past
 * damage.  Returns the number of packets; 0: look again, or 'f->ended'. */
static int walk_odd(struct src_file *f, struct pkt *k)
{
	const struct pcap_hdr *h = &f->w.pcap.hdr;
	const uint32_t size = pcap_rec_size(h);
	const uint64_t off = rd_at(&f->rd);
	struct pcap_rec r;
	bool bad = false;

	if (!rd_need(&f->rd, size)) {
		src_file_end(f, off, rd_left(&f->rd) ? "a packet's header" : NULL);
		return 0;
	}
	r = rec_at(f, f->rd.p);
	if (r.caplen > f->w.pcap.caplen_max || is_hole(f)) {
		resync(f);
		return 0;
	}
	if (!rd_need(&f->rd, (size_t)size + r.caplen)) {
		if (!possible(f, &r) && !f->rd.failed) {
			resync(f);
			return 0;
		}
		src_file_end(f, off, "a packet");
		return 0;
	}

	*k = (struct pkt){
		.ts = pcap_rec_ts(h, &r, &bad),
		.data = f->rd.p + size,
		.caplen = r.caplen,
		.len = r.len,
		.linktype = h->linktype,
		.off = off,
	};
	if (bad) {
		k->flags |= PKT_BAD_TIME;
		src_note_add(&f->src, off, kind_bad_time,
			     "packet %" PRIu64 ": %" PRIu32
			     " is no fraction of a second in %s; taken as the last one",
			     f->src.number + 1, r.sub, h->nano ? "ns" : "us");
	}
	f->rd.p += size + r.caplen;
	src_give(&f->src, k, 0);
	return 1;
}

static int walk_le(struct src_file *f, struct pkt *pkts, size_t max)
{
	return (int)walk(f, pkts, max, false, PCAP_REC_SIZE);
}

static int walk_be(struct src_file *f, struct pkt *pkts, size_t max)
{
	return (int)walk(f, pkts, max, true, PCAP_REC_SIZE);
}

/* Rare kinds: every record is odd enough, but few files have many. */
static int walk_rare(struct src_file *f, struct pkt *pkts, size_t max)
{
	const struct pcap_hdr *h = &f->w.pcap.hdr;

	if (pcap_rec_needs_fix(h))
		return 0;
	return (int)walk(f, pkts, max, h->big, PCAP_REC_MAX);
}

static int pcap_walk(struct src_file *f, struct pkt *pkts, size_t max)
{
	const struct pcap_hdr *h = &f->w.pcap.hdr;
	int n = 0;

	while (!n && !f->ended) {
		if (h->modified || pcap_rec_needs_fix(h))
			n = walk_rare(f, pkts, max);
		else if (h->big)
			n = walk_be(f, pkts, max);
		else
			n = walk_le(f, pkts, max);
		if (!n)
			n = walk_odd(f, pkts);
	}
	return n;
}

int walk_pcap_start(struct src_file *f, struct err *err)
{
	struct pcap_hdr *h = &f->w.pcap.hdr;
	struct src_section section = {0};
	struct src_iface i = {0};
	int r;

	rd_need(&f->rd, PCAP_HDR_SIZE);
	r = pcap_hdr_read(f->rd.p, rd_left(&f->rd), h);
	if (r == -ENODATA)
		return err_set(err, r, "the pcap file header is cut: %zu of %d bytes",
			       rd_left(&f->rd), PCAP_HDR_SIZE);
	if (r < 0)
		return err_set(err, r, "a pcap file of a version that nobody has defined");

	f->w.pcap.caplen_max = h->snaplen > PCAP_SNAPLEN_MAX ? h->snaplen : PCAP_SNAPLEN_MAX;
	if (f->w.pcap.caplen_max > SRC_RECORD_MAX)
		f->w.pcap.caplen_max = SRC_RECORD_MAX;

	section.major = h->major;
	section.minor = h->minor;
	section.big = h->big;
	i.linktype = h->linktype;
	i.snaplen = h->snaplen;
	i.fcs_len = h->fcs_len;
	i.tsresol = h->nano ? 9 : 6;
	i.has_tsresol = h->nano;
	i.ticks_per_sec = h->nano ? 1000000000 : 1000000;
	r = src_section_add(&f->src, &section);
	if (r == 0)
		r = src_iface_add(&f->src, &i);
	if (r < 0)
		return err_set(err, r, "out of memory");
	if (h->linktype == UINT16_MAX)
		src_note_add(&f->src, 20, NULL, "link type %" PRIu32 " does not exist",
			     h->network & 0x03ffffff);

	f->src.meta.format = h->modified ? SRC_PCAP_MODIFIED : h->nano ? SRC_PCAP_NS : SRC_PCAP;
	f->src.meta.snaplen = h->snaplen;
	f->rd.p += PCAP_HDR_SIZE;
	f->walk = pcap_walk;
	return 0;
}
