#include "fmt/pcap.h"

#include <errno.h>

#define NS_PER_SEC INT64_C(1000000000)

/* The link type field: bits 0-25 the type, bit 26 "FCS length is there", bits
 * 28-31 that length in 16-bit units (draft-ietf-opsawg-pcap, section 4). */
#define NETWORK_TYPE(v)    ((v)&0x03ffffffu)
#define NETWORK_HAS_FCS(v) ((v) >> 26 & 1)
#define NETWORK_FCS_LEN(v) ((uint8_t)(((v) >> 28) * 2))

#define LINKTYPE_RAW  101
#define DLT_RAW_SAVED 12  /* raw IP as some systems wrote it before LINKTYPE_ values existed */
#define MAJOR_DGUX    543 /* tcpdump of DG/UX */

static int magic_read(const uint8_t *p, struct pcap_hdr *h)
{
	uint32_t magic = le32_load(p);

	h->big = false;
	for (int i = 0; i < 2; i++) {
		switch (magic) {
		case PCAP_MAGIC_US:
			return 0;
		case PCAP_MAGIC_NS:
			h->nano = true;
			return 0;
		case PCAP_MAGIC_MODIFIED:
			h->modified = true;
			return 0;
		}
		magic = be32_load(p);
		h->big = true;
	}
	return -EBADMSG;
}

int pcap_hdr_read(const uint8_t *p, size_t size, struct pcap_hdr *ret)
{
	struct pcap_hdr h = {0};

	if (size < 4)
		return -ENODATA;
	if (magic_read(p, &h) < 0)
		return -EBADMSG;
	if (size < PCAP_HDR_SIZE)
		return -ENODATA;

	h.major = h.big ? be16_load(p + 4) : le16_load(p + 4);
	h.minor = h.big ? be16_load(p + 6) : le16_load(p + 6);
	/* p + 8: time zone and p + 12: accuracy; always 0, read by nobody. */
	h.snaplen = h.big ? be32_load(p + 16) : le32_load(p + 16);
	h.network = h.big ? be32_load(p + 20) : le32_load(p + 20);
	if (h.major != 2 && h.major != MAJOR_DGUX)
		return -EPROTO;

	if (NETWORK_TYPE(h.network) > UINT16_MAX)
		h.linktype = UINT16_MAX;
	else if (NETWORK_TYPE(h.network) == DLT_RAW_SAVED)
		h.linktype = LINKTYPE_RAW;
	else
		h.linktype = (uint16_t)NETWORK_TYPE(h.network);
	if (NETWORK_HAS_FCS(h.network))
		h.fcs_len = NETWORK_FCS_LEN(h.network);

	*ret = h;
	return 0;
}

bool pcap_rec_needs_fix(const struct pcap_hdr *h)
{
	return h->major == MAJOR_DGUX || h->minor < 4;
}

void pcap_rec_fix(const struct pcap_hdr *h, struct pcap_rec *r)
{
	if (!pcap_rec_needs_fix(h))
		return;
	if (h->major == 2 && h->minor == 3 && r->caplen <= r->len)
		return;

	uint32_t t = r->caplen;
	r->caplen = r->len;
	r->len = t;
}

int64_t pcap_rec_ts(const struct pcap_hdr *h, const struct pcap_rec *r, bool *ret_bad)
{
	uint32_t limit = h->nano ? 1000000000 : 1000000;
	uint32_t sub = r->sub;

	if (sub >= limit) {
		sub = limit - 1;
		*ret_bad = true;
	}
	return r->sec * NS_PER_SEC + (int64_t)sub * (h->nano ? 1 : 1000);
}

void pcap_hdr_write(struct buf *b, bool nano, uint16_t linktype, uint32_t snaplen)
{
	uint8_t h[PCAP_HDR_SIZE] = {0};

	le32_store(h, nano ? PCAP_MAGIC_NS : PCAP_MAGIC_US);
	le16_store(h + 4, 2);
	le16_store(h + 6, 4);
	le32_store(h + 16, snaplen);
	le32_store(h + 20, linktype);
	buf_add(b, h, sizeof(h));
}

int pcap_rec_write(struct buf *b, bool nano, const struct pkt *p)
{
	uint8_t h[PCAP_REC_SIZE];
	int64_t ts = p->ts;
	int exact = 1;

	if (ts < 0 || ts / NS_PER_SEC > UINT32_MAX) {
		ts = ts < 0 ? 0 : UINT32_MAX * NS_PER_SEC + NS_PER_SEC - 1;
		exact = 0;
	}
	le32_store(h, (uint32_t)(ts / NS_PER_SEC));
	le32_store(h + 4, (uint32_t)(ts % NS_PER_SEC / (nano ? 1 : 1000)));
	le32_store(h + 8, p->caplen);
	le32_store(h + 12, p->len);
	buf_add(b, h, sizeof(h));
	buf_add(b, p->data, p->caplen);
	return exact;
}
