#include "capture/ring.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>

#include "base/bytes.h"
#include "capture/gso.h"
#include "filter/filter.h"

#define SLL2_SIZE 20 /* tcpdump.org/linktypes/LINKTYPE_LINUX_SLL2.html */
#define TAG_SIZE  4  /* IEEE 802.1Q 9.3 */
#define MACS_SIZE 12

#define CAN_HDR_SIZE 8    /* of struct can_frame; the smallest of a CAN XL frame is 12 */
#define CAN_FD       0x04 /* in the flags of CAN FD, byte 5 */
#define CAN_XL       0x80 /* in the flags of CAN XL, byte 4 */
#define ETH_P_CAN_XL 0x0e /* younger than the headers of Debian 12 */

/* Where a record's packet can begin at the earliest: behind what the kernel says of it.
 * (The kernel's TPACKET3_HDRLEN and its copy of sockaddr_ll.) */
#define REC_SLL TPACKET_ALIGN(sizeof(struct tpacket3_hdr))
#define REC_MIN (REC_SLL + sizeof(struct sockaddr_ll))

int ring_init(struct ring *r, uint8_t *map, uint32_t block_size, uint32_t n_blocks,
	      const struct ring_look *look)
{
	uint64_t *windows = calloc(n_blocks, sizeof(*windows));

	if (!windows)
		return -ENOMEM;
	*r = (struct ring){
		.map = map,
		.block_size = block_size,
		.n_blocks = n_blocks,
		.windows = windows,
		.look = *look,
	};
	return 0;
}

void ring_done(struct ring *r)
{
	free(r->windows);
	*r = (struct ring){0};
}

static struct tpacket_block_desc *block(const struct ring *r, uint32_t i)
{
	return (struct tpacket_block_desc *)(r->map + (size_t)i * r->block_size);
}

static bool is_ours(const struct ring *r, uint32_t i)
{
	/* What the kernel wrote before it gave the block is to be seen after this. */
	return __atomic_load_n(&block(r, i)->hdr.bh1.block_status, __ATOMIC_ACQUIRE) &
	       TP_STATUS_USER;
}

static void finish(struct ring *r, uint64_t window)
{
	r->windows[r->at] = window;
	r->at = r->at + 1 < r->n_blocks ? r->at + 1 : 0;
	r->used++;
	r->left = 0;
}

bool ring_ready(struct ring *r)
{
	const struct tpacket_hdr_v1 *h;

	if (r->left)
		return true;
	while (r->used < r->n_blocks && is_ours(r, r->at)) {
		h = &block(r, r->at)->hdr.bh1;
		if (h->num_pkts && h->offset_to_first_pkt <= r->block_size - REC_MIN) {
			r->rec = (uint8_t *)block(r, r->at) + h->offset_to_first_pkt;
			r->left = h->num_pkts;
			return true;
		}
		r->count.broken += h->num_pkts;
		r->count.walked += h->num_pkts;
		finish(r, 0); /* nothing of it was given */
	}
	return false;
}

static int64_t stamp(const uint8_t *rec)
{
	const struct tpacket3_hdr *h = (const struct tpacket3_hdr *)rec;

	return (int64_t)h->tp_sec * 1000000000 + h->tp_nsec;
}

int64_t ring_head(const struct ring *r)
{
	return stamp(r->rec);
}

/* Puts the outer tag back between addresses and type, where it was on the wire: the
 * kernel took it out, or had not put it in yet. */
static void put_tag(const struct tpacket3_hdr *h, struct pkt *p, uint8_t **data)
{
	uint16_t tpid = h->tp_status & TP_STATUS_VLAN_TPID_VALID ? h->hv1.tp_vlan_tpid : 0x8100;

	p->len += TAG_SIZE;
	if (p->caplen < MACS_SIZE)
		return;
	memmove(*data - TAG_SIZE, *data, MACS_SIZE);
	*data -= TAG_SIZE;
	p->caplen += TAG_SIZE;
	be16_store(*data + MACS_SIZE, tpid);
	be16_store(*data + MACS_SIZE + 2, (uint16_t)h->hv1.tp_vlan_tci);
}

/* LINKTYPE_LINUX_SLL2; a tag stands between it and the packet, as the 802.1Q header
 * does behind one of Ethernet. */
static void put_sll2(const struct ring_look *k, const struct tpacket3_hdr *h,
		     const struct sockaddr_ll *sll, struct pkt *p, uint8_t **data)
{
	uint16_t proto = be16_load(&sll->sll_protocol);
	uint8_t *d;

	if (h->tp_status & TP_STATUS_VLAN_VALID) {
		*data -= TAG_SIZE;
		be16_store(*data, (uint16_t)h->hv1.tp_vlan_tci);
		be16_store(*data + 2, proto);
		proto = h->tp_status & TP_STATUS_VLAN_TPID_VALID ? h->hv1.tp_vlan_tpid : 0x8100;
		p->len += TAG_SIZE;
		p->caplen += TAG_SIZE;
	}
	/* The kernel's record of the sender lies where none of this is written. */
	d = *data -= SLL2_SIZE;
	be16_store(d, proto);
	be16_store(d + 2, 0);
	be32_store(d + 4, k->ifindex);
	be16_store(d + 8, k->hatype);
	d[10] = sll->sll_pkttype;
	d[11] = sll->sll_halen;
	memcpy(d + 12, sll->sll_addr, 8);
	p->len += SLL2_SIZE;
	p->caplen += SLL2_SIZE;
}

/* What is before the frame's first byte is free for headers, from REC_MIN on. */
static bool lies_inside(const struct tpacket3_hdr *h, size_t room)
{
	return h->tp_mac >= REC_MIN + SLL2_SIZE + TAG_SIZE && h->tp_net >= h->tp_mac &&
	       h->tp_mac <= room && h->tp_snaplen <= room - h->tp_mac;
}

enum verdict { GIVE, FILTERED, OTHER };

static enum verdict finish_frame(struct ring *r, const struct tpacket3_hdr *h, struct pkt *p)
{
	const struct ring_look *k = &r->look;
	uint32_t want;

	if (k->filter && (k->undecided || h->tp_status & TP_STATUS_VLAN_VALID) &&
	    !filter_match(k->filter, k->linktype, p->data, p->caplen, p->len))
		return FILTERED;
	want = k->snaplen && k->snaplen < p->len ? k->snaplen : p->len;
	if (p->caplen < want)
		r->count.cut++;
	if (p->caplen > want)
		p->caplen = want;
	return GIVE;
}

/* tcpdump.org/linktypes/LINKTYPE_CAN_SOCKETCAN.html: the kernel keeps the identifier in its own
 * byte order, files have the network's.  Which of the three kinds of frame it is the kernel knows
 * by the protocol; in a file the bits tell that not all drivers set. */
static void put_can(uint16_t protocol, uint8_t *data)
{
	uint32_t id;

	memcpy(&id, data, sizeof(id));
	be32_store(data, id);
	switch (protocol) {
	case ETH_P_CAN:
		data[5] = 0; /* of no meaning there, and not always cleared */
		break;
	case ETH_P_CANFD:
		data[5] |= CAN_FD;
		break;
	case ETH_P_CAN_XL:
		data[4] |= CAN_XL;
		break;
	}
}

static enum verdict frame(struct ring *r, uint8_t *rec, struct pkt *p)
{
	const struct tpacket3_hdr *h = (const struct tpacket3_hdr *)rec;
	const struct sockaddr_ll *sll = (const struct sockaddr_ll *)(rec + REC_SLL);
	const struct ring_look *k = &r->look;
	bool out = sll->sll_pkttype == PACKET_OUTGOING;
	uint8_t *data = rec + h->tp_mac;
	struct gso gso = {0};

	if (out ? k->no_out : k->no_in)
		return OTHER;
	*p = (struct pkt){
		.ts = stamp(rec),
		.caplen = h->tp_snaplen,
		.len = h->tp_len,
		.iface = k->iface,
		.linktype = k->linktype,
		.dir = out ? PKT_DIR_OUT : PKT_DIR_IN,
	};
	if (k->vnet) /* before anything is put in its place */
		gso_read(&gso, data, p->caplen, k->linktype == RING_ETHERNET);
	if (k->cooked || k->raw) {
		uint32_t skip = h->tp_net - h->tp_mac;

		data += skip < p->caplen ? skip : p->caplen;
		p->caplen -= skip < p->caplen ? skip : p->caplen;
		p->len -= skip < p->len ? skip : p->len;
		gso.hdr -= skip < gso.hdr ? (uint16_t)skip : gso.hdr;
	}
	p->gso_size = gso.size;
	p->gso_hdr = gso.hdr;
	p->flags = gso.csum_todo ? PKT_CSUM_TODO : 0;
	if (k->cooked) {
		put_sll2(k, h, sll, p, &data);
		p->gso_hdr += gso.hdr ? SLL2_SIZE : 0;
	} else if (h->tp_status & TP_STATUS_VLAN_VALID && k->linktype == RING_ETHERNET) {
		put_tag(h, p, &data);
		p->gso_hdr += gso.hdr ? TAG_SIZE : 0;
	}
	if (k->linktype == RING_CAN && p->caplen >= CAN_HDR_SIZE)
		put_can(ntohs(sll->sll_protocol), data);
	p->data = data;
	return finish_frame(r, h, p);
}

/* Goes on to the next record; false where the block does not hold it. */
static bool next(struct ring *r)
{
	const struct tpacket3_hdr *h = (const struct tpacket3_hdr *)r->rec;
	size_t room = (size_t)((uint8_t *)block(r, r->at) + r->block_size - r->rec);

	if (--r->left == 0)
		return true;
	if (h->tp_next_offset < REC_MIN || h->tp_next_offset > room - REC_MIN)
		return false;
	r->rec += h->tp_next_offset;
	return true;
}

/* The rest of the block cannot be read. */
static void give_up(struct ring *r)
{
	r->count.broken += r->left;
	r->count.walked += r->left;
	r->left = 0;
}

size_t ring_take(struct ring *r, struct pkt *pkts, size_t max, int64_t until, uint64_t window)
{
	const uint8_t *end;
	size_t n = 0;

	if (!ring_ready(r))
		return 0;
	end = (const uint8_t *)block(r, r->at) + r->block_size;
	while (n < max && r->left) {
		const struct tpacket3_hdr *h = (const struct tpacket3_hdr *)r->rec;

		if (n && stamp(r->rec) > until)
			break;
		/* Without that bit the kernel gave the record up half-way (its kind of
		 * super-frame cannot be described) and counted it as dropped. */
		if (h->tp_status & TP_STATUS_USER) {
			enum verdict v;

			if (!lies_inside(h, (size_t)(end - r->rec))) {
				give_up(r);
				break;
			}
			__builtin_prefetch(r->rec + h->tp_next_offset);
			v = frame(r, r->rec, &pkts[n]);
			r->count.walked++;
			r->count.filtered += v == FILTERED;
			r->count.other += v == OTHER;
			n += v == GIVE;
		}
		if (!next(r)) {
			give_up(r);
			break;
		}
	}
	if (!r->left)
		finish(r, window);
	r->count.given += n;
	return n;
}

void ring_release(struct ring *r, uint64_t window)
{
	while (r->used && r->windows[r->tail] <= window) {
		/* All that was read of the block was read before. */
		__atomic_store_n(&block(r, r->tail)->hdr.bh1.block_status, TP_STATUS_KERNEL,
				 __ATOMIC_RELEASE);
		r->tail = r->tail + 1 < r->n_blocks ? r->tail + 1 : 0;
		r->used--;
	}
}

uint32_t ring_fill(const struct ring *r)
{
	uint32_t n = r->used, i = r->at;

	for (; n < r->n_blocks && is_ours(r, i); n++)
		i = i + 1 < r->n_blocks ? i + 1 : 0;
	return n;
}
