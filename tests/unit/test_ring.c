/* Blocks of a TPACKET_V3 ring, made by hand after <linux/if_packet.h>: what the kernel would
 * write, and what it never should. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "capture/ring.h"

#define BLOCK  4096
#define BLOCKS 3
#define MAC    128 /* of a record: where the frame begins */
#define PKTS   16

struct fix {
	struct ring r;
	uint8_t *map;
	uint32_t end[BLOCKS]; /* of what a block holds */
};

static struct tpacket_block_desc *block(struct fix *f, unsigned i)
{
	return (struct tpacket_block_desc *)(f->map + i * BLOCK);
}

static void init(struct fix *f, struct ring_look look)
{
	memset(f, 0, sizeof(*f));
	/* By itself, so that the sanitizer sees what is read behind it. */
	f->map = aligned_alloc(4096, BLOCK * BLOCKS);
	assert_non_null(f->map);
	memset(f->map, 0, BLOCK * BLOCKS);
	if (!look.linktype)
		look.linktype = RING_ETHERNET;
	assert_int_equal(ring_init(&f->r, f->map, BLOCK, BLOCKS, &look), 0);
}

static void done(struct fix *f)
{
	ring_done(&f->r);
	free(f->map);
}

/* Puts a record at the end of a block; returns its header. */
static struct tpacket3_hdr *put(struct fix *f, unsigned i, const void *frame, uint32_t size,
				uint32_t sec, uint8_t type)
{
	struct tpacket_block_desc *b = block(f, i);
	struct tpacket_hdr_v1 *bh = &b->hdr.bh1;
	uint32_t at = f->end[i] ? f->end[i] : 48;
	struct tpacket3_hdr *h = (struct tpacket3_hdr *)(f->map + i * BLOCK + at);
	struct sockaddr_ll *sll = (struct sockaddr_ll *)((uint8_t *)h + 48);

	bh->offset_to_first_pkt = 48;
	bh->num_pkts++;
	h->tp_sec = sec;
	h->tp_nsec = 7;
	h->tp_snaplen = h->tp_len = size;
	h->tp_status = TP_STATUS_USER;
	h->tp_mac = MAC;
	h->tp_net = MAC + 14;
	h->tp_next_offset = (MAC + size + 15) / 16 * 16;
	sll->sll_pkttype = type;
	memcpy((uint8_t *)h + MAC, frame, size);
	f->end[i] = at + h->tp_next_offset;
	return h;
}

static void give(struct fix *f, unsigned i)
{
	block(f, i)->hdr.bh1.block_status = TP_STATUS_USER;
}

static const uint8_t frame[] = "AAAAAABBBBBB\x08\x00"
			       "E-the-rest-of-an-IP-packet";
#define FRAME (sizeof(frame) - 1)

static void test_walks_blocks_in_turn(void **state)
{
	struct pkt p[PKTS];
	struct fix f;

	(void)state;
	init(&f, (struct ring_look){.iface = 3});
	assert_false(ring_ready(&f.r));
	assert_int_equal(ring_take(&f.r, p, PKTS, INT64_MAX, 1), 0);
	put(&f, 0, frame, FRAME, 1, PACKET_HOST);
	put(&f, 0, frame, FRAME - 3, 2, PACKET_OUTGOING);
	assert_false(ring_ready(&f.r)); /* still the kernel's */
	give(&f, 0);
	assert_true(ring_ready(&f.r));
	assert_int_equal(ring_head(&f.r), 1000000007);
	assert_int_equal(ring_take(&f.r, p, PKTS, INT64_MAX, 1), 2);
	assert_int_equal(p[0].caplen, FRAME);
	assert_int_equal(p[0].len, FRAME);
	assert_memory_equal(p[0].data, frame, FRAME);
	assert_int_equal(p[0].ts, 1000000007);
	assert_int_equal(p[0].dir, PKT_DIR_IN);
	assert_int_equal(p[0].iface, 3);
	assert_int_equal(p[0].linktype, 1);
	assert_int_equal(p[1].ts, 2000000007);
	assert_int_equal(p[1].dir, PKT_DIR_OUT);
	assert_int_equal(p[1].caplen, FRAME - 3);
	/* Not given back yet. */
	assert_int_equal(block(&f, 0)->hdr.bh1.block_status, TP_STATUS_USER);
	put(&f, 1, frame, FRAME, 3, PACKET_HOST);
	give(&f, 1);
	assert_int_equal(ring_fill(&f.r), 2);
	assert_int_equal(ring_take(&f.r, p, PKTS, INT64_MAX, 2), 1);
	ring_release(&f.r, 1);
	assert_int_equal(block(&f, 0)->hdr.bh1.block_status, TP_STATUS_KERNEL);
	assert_int_equal(block(&f, 1)->hdr.bh1.block_status, TP_STATUS_USER);
	ring_release(&f.r, 2);
	assert_int_equal(block(&f, 1)->hdr.bh1.block_status, TP_STATUS_KERNEL);
	assert_int_equal(ring_fill(&f.r), 0);
	assert_int_equal(f.r.at, 2);
	assert_int_equal(f.r.count.given, 3);
	assert_int_equal(f.r.count.walked, 3);
	done(&f);
}

static void test_all_blocks_used_are_not_walked_twice(void **state)
{
	struct pkt p[PKTS];
	struct fix f;

	(void)state;
	init(&f, (struct ring_look){0});
	for (unsigned i = 0; i < BLOCKS; i++) {
		put(&f, i, frame, FRAME, i, PACKET_HOST);
		give(&f, i);
	}
	for (unsigned i = 0; i < BLOCKS; i++)
		assert_int_equal(ring_take(&f.r, p, PKTS, INT64_MAX, 1), 1);
	assert_false(ring_ready(&f.r));
	assert_int_equal(ring_fill(&f.r), BLOCKS);
	ring_release(&f.r, 0); /* of a window before */
	assert_int_equal(ring_fill(&f.r), BLOCKS);
	ring_release(&f.r, 1);
	assert_int_equal(ring_fill(&f.r), 0);
	done(&f);
}

static void test_stops_at_a_time_and_at_a_number(void **state)
{
	struct pkt p[PKTS];
	struct fix f;

	(void)state;
	init(&f, (struct ring_look){0});
	for (uint32_t i = 1; i <= 5; i++)
		put(&f, 0, frame, FRAME, i, PACKET_HOST);
	give(&f, 0);
	assert_int_equal(ring_take(&f.r, p, PKTS, 2000000007, 1), 2);
	assert_int_equal(ring_take(&f.r, p, PKTS, 0, 1), 1); /* the first one in any case */
	assert_int_equal(ring_take(&f.r, p, 1, INT64_MAX, 1), 1);
	assert_int_equal(p[0].ts, 4000000007);
	assert_int_equal(f.r.used, 0);
	assert_int_equal(ring_take(&f.r, p, PKTS, INT64_MAX, 1), 1);
	assert_int_equal(f.r.used, 1);
	/* Those that it stopped before were counted once, when they were given. */
	assert_int_equal(f.r.count.given, 5);
	assert_int_equal(f.r.count.walked, 5);
	done(&f);
}

/* IEEE 802.1Q 9.3: the tag is its TPID and TCI, behind the addresses. */
static void test_puts_the_tag_back(void **state)
{
	static const struct {
		uint32_t status;
		uint16_t tpid;
		const char *want;
	} cases[] = {
		{TP_STATUS_VLAN_VALID | TP_STATUS_VLAN_TPID_VALID, 0x88a8, "\x88\xa8\x60\x05"},
		{TP_STATUS_VLAN_VALID, 0, "\x81\x00\x60\x05"},
	};
	struct pkt p[PKTS];

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct tpacket3_hdr *h;
		struct fix f;

		init(&f, (struct ring_look){0});
		h = put(&f, 0, frame, FRAME, 1, PACKET_HOST);
		h->tp_status |= cases[i].status;
		h->hv1.tp_vlan_tci = 0x6005;
		h->hv1.tp_vlan_tpid = cases[i].tpid;
		give(&f, 0);
		assert_int_equal(ring_take(&f.r, p, PKTS, INT64_MAX, 1), 1);
		assert_int_equal(p[0].len, FRAME + 4);
		assert_int_equal(p[0].caplen, FRAME + 4);
		assert_memory_equal(p[0].data, frame, 12);
		assert_memory_equal(p[0].data + 12, cases[i].want, 4);
		assert_memory_equal(p[0].data + 16, frame + 12, FRAME - 12);
		done(&f);
	}
}

static void test_cooked_header(void **state)
{
	/* tcpdump.org/linktypes/LINKTYPE_LINUX_SLL2.html: protocol, reserved, interface, ARPHRD_,
	 * packet type, address length, address. */
	static const uint8_t want[] = {0x08, 0, 0, 0, 0, 0, 0, 9, 3, 10, 4,
				       4,    1, 2, 3, 4, 0, 0, 0, 0, 'E'};
	static const uint8_t tagged[] = {0x81, 0, 0, 0, 0, 0, 0, 9, 3, 10,   4, 4,  1,
					 2,    3, 4, 0, 0, 0, 0, 0, 5, 0x08, 0, 'E'};
	struct tpacket3_hdr *h;
	struct sockaddr_ll *sll;
	struct pkt p[PKTS];
	struct fix f;

	(void)state;
	init(&f, (struct ring_look){
			 .cooked = true, .linktype = RING_SLL2, .hatype = 778, .ifindex = 9});
	for (int i = 0; i < 2; i++) {
		h = put(&f, 0, frame, FRAME, 1, PACKET_OUTGOING);
		sll = (struct sockaddr_ll *)((uint8_t *)h + 48);
		be16_store(&sll->sll_protocol, 0x0800);
		sll->sll_halen = 4;
		memcpy(sll->sll_addr, "\1\2\3\4", 4);
		if (i) {
			h->tp_status |= TP_STATUS_VLAN_VALID;
			h->hv1.tp_vlan_tci = 5;
		}
	}
	give(&f, 0);
	assert_int_equal(ring_take(&f.r, p, PKTS, INT64_MAX, 1), 2);
	assert_int_equal(p[0].linktype, 276);
	assert_int_equal(p[0].caplen, FRAME - 14 + 20);
	assert_int_equal(p[0].len, FRAME - 14 + 20);
	assert_memory_equal(p[0].data, want, sizeof(want));
	assert_int_equal(p[1].len, FRAME - 14 + 24);
	assert_memory_equal(p[1].data, tagged, sizeof(tagged));
	done(&f);
}

static void test_raw_begins_with_the_network_header(void **state)
{
	struct pkt p[PKTS];
	struct fix f;

	(void)state;
	init(&f, (struct ring_look){.raw = true, .linktype = RING_RAW});
	put(&f, 0, frame, FRAME, 1, PACKET_HOST);
	put(&f, 0, frame, 10, 1, PACKET_HOST); /* cut before it */
	give(&f, 0);
	assert_int_equal(ring_take(&f.r, p, PKTS, INT64_MAX, 1), 2);
	assert_int_equal(p[0].caplen, FRAME - 14);
	assert_int_equal(p[0].data[0], 'E');
	assert_int_equal(p[1].caplen, 0);
	done(&f);
}

static void test_snaplen_direction_and_cut(void **state)
{
	struct tpacket3_hdr *h;
	struct pkt p[PKTS];
	struct fix f;

	(void)state;
	init(&f, (struct ring_look){.snaplen = 20, .no_out = true});
	put(&f, 0, frame, FRAME, 1, PACKET_HOST);
	put(&f, 0, frame, FRAME, 1, PACKET_OUTGOING);
	h = put(&f, 0, frame, 16, 1, PACKET_HOST); /* the kernel had no room for more */
	h->tp_len = 1000;
	put(&f, 0, frame, 16, 1, PACKET_HOST); /* shorter than the limit */
	give(&f, 0);
	assert_int_equal(ring_take(&f.r, p, PKTS, INT64_MAX, 1), 3);
	assert_int_equal(p[0].caplen, 20);
	assert_int_equal(p[0].len, FRAME);
	assert_int_equal(p[1].caplen, 16);
	assert_int_equal(p[1].len, 1000);
	assert_int_equal(f.r.count.cut, 1);
	assert_int_equal(f.r.count.other, 1);
	assert_int_equal(f.r.count.walked, 4);
	done(&f);
}

/* <linux/virtio_net.h>; sizes by hand: 14 + 20 + 32 bytes of headers, 3000 of payload in
 * packets of 1448: three. */
static void test_super_frame(void **state)
{
	struct virtio_net_hdr v = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
		.hdr_len = 1, /* only a hint: wrong on purpose */
		.gso_size = 1448,
		.csum_start = 34,
	};
	uint8_t big[66 + 3000] = "AAAAAABBBBBB\x08";
	struct tpacket3_hdr *h;
	struct pkt p[PKTS];
	struct fix f;

	(void)state;
	big[12] = 0x08, big[13] = 0x00, big[14] = 0x45, big[23] = 6, big[34 + 12] = 0x80;
	for (int tagged = 0; tagged < 2; tagged++) {
		for (int todo = 0; todo < 2; todo++) {
			init(&f, (struct ring_look){.vnet = true});
			h = put(&f, 0, big, sizeof(big), 1, PACKET_HOST);
			v.flags = todo ? VIRTIO_NET_HDR_F_NEEDS_CSUM : 0;
			memcpy((uint8_t *)h + MAC - 10, &v, sizeof(v));
			h->tp_status |= tagged ? TP_STATUS_VLAN_VALID : 0;
			give(&f, 0);
			assert_int_equal(ring_take(&f.r, p, PKTS, INT64_MAX, 1), 1);
			assert_int_equal(p[0].gso_size, 1448);
			assert_int_equal(p[0].gso_hdr, 66 + 4 * tagged);
			assert_int_equal(pkt_wire_packets(&p[0]), 3);
			assert_int_equal(pkt_wire_bytes(&p[0]), 3 * (66 + 4 * tagged) + 3000);
			assert_int_equal(p[0].flags, todo ? PKT_CSUM_TODO : 0);
			done(&f);
		}
	}
}

/* The kernel would not write such; nothing outside of the block may be touched. */
static void test_records_that_leave_their_block(void **state)
{
	static const struct {
		uint32_t snaplen, next, n;
		uint16_t mac, net;
	} cases[] = {
		{BLOCK, 160, 1, MAC, MAC + 14},
		{UINT32_MAX, 160, 1, MAC, MAC + 14},
		{40, 160, 1, 4090, 4090},
		{40, 160, 1, UINT16_MAX, UINT16_MAX},
		{40, 160, 1, 8, 22},
		{40, 160, 1, MAC, MAC - 1},
		{40, BLOCK, 2, MAC, MAC + 14},
		{40, UINT32_MAX, 2, MAC, MAC + 14},
		{40, 0, 2, MAC, MAC + 14},
		{40, BLOCK - 48 - 16, 2, MAC, MAC + 14},
		{40, 160, UINT32_MAX, MAC, MAC + 14},
	};
	struct pkt p[PKTS];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tpacket3_hdr *h;
		struct fix f;
		uint64_t n = 0;

		init(&f, (struct ring_look){0});
		for (unsigned k = 0; k < BLOCKS; k++) {
			h = put(&f, k, frame, FRAME, 1, PACKET_HOST);
			h->tp_snaplen = cases[i].snaplen;
			h->tp_mac = cases[i].mac;
			h->tp_net = cases[i].net;
			h->tp_next_offset = cases[i].next;
			block(&f, k)->hdr.bh1.num_pkts = cases[i].n;
			give(&f, k);
		}
		for (unsigned k = 0; ring_ready(&f.r) && k < 100; k++)
			n += ring_take(&f.r, p, PKTS, INT64_MAX, 1);
		assert_false(ring_ready(&f.r));
		assert_int_equal(f.r.used, BLOCKS);
		assert_true(f.r.count.broken > 0);
		assert_int_equal(f.r.count.walked, n + f.r.count.broken);
		done(&f);
	}
}

static void test_blocks_that_begin_outside(void **state)
{
	struct pkt p[PKTS];
	struct fix f;

	(void)state;
	init(&f, (struct ring_look){0});
	put(&f, 0, frame, FRAME, 1, PACKET_HOST);
	block(&f, 0)->hdr.bh1.offset_to_first_pkt = BLOCK - 10;
	give(&f, 0);
	give(&f, 1); /* empty */
	put(&f, 2, frame, FRAME, 1, PACKET_HOST);
	give(&f, 2);
	assert_true(ring_ready(&f.r));
	assert_int_equal(ring_take(&f.r, p, PKTS, INT64_MAX, 5), 1);
	assert_int_equal(f.r.count.broken, 1);
	ring_release(&f.r, 4);
	assert_int_equal(f.r.used, 1);
	done(&f);
}

/* tpacket_rcv() leaves such a record where it cannot describe a super-frame. */
static void test_record_that_the_kernel_gave_up(void **state)
{
	struct tpacket3_hdr *h;
	struct pkt p[PKTS];
	struct fix f;

	(void)state;
	init(&f, (struct ring_look){0});
	put(&f, 0, frame, FRAME, 1, PACKET_HOST);
	h = put(&f, 0, frame, FRAME, 2, PACKET_HOST);
	h->tp_status = 0;
	h->tp_snaplen = UINT32_MAX; /* of an earlier use of the block */
	put(&f, 0, frame, FRAME, 3, PACKET_HOST);
	give(&f, 0);
	assert_int_equal(ring_take(&f.r, p, PKTS, INT64_MAX, 1), 2);
	assert_int_equal(p[1].ts, 3000000007);
	assert_int_equal(f.r.count.broken, 0);
	assert_int_equal(f.r.count.walked, 2);
	done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_walks_blocks_in_turn),
		cmocka_unit_test(test_all_blocks_used_are_not_walked_twice),
		cmocka_unit_test(test_stops_at_a_time_and_at_a_number),
		cmocka_unit_test(test_puts_the_tag_back),
		cmocka_unit_test(test_cooked_header),
		cmocka_unit_test(test_raw_begins_with_the_network_header),
		cmocka_unit_test(test_snaplen_direction_and_cut),
		cmocka_unit_test(test_super_frame),
		cmocka_unit_test(test_records_that_leave_their_block),
		cmocka_unit_test(test_blocks_that_begin_outside),
		cmocka_unit_test(test_record_that_the_kernel_gave_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
