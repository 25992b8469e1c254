/* What the kernel says of a frame in the struct virtio_net_hdr before it: that it is a
 * super-frame, and that its checksum is not computed yet. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define GSO_VNET_SIZE 10 /* bytes before the frame, <linux/virtio_net.h> */

struct gso {
	uint16_t size; /* payload bytes of each packet on the wire; 0: no super-frame */
	uint16_t hdr;  /* bytes of headers of each; 0: not known */
	bool csum_todo;
};

/* 'frame' has 'caplen' bytes, and those GSO_VNET_SIZE before it; it begins with an Ethernet
 * header or an IP header. */
void gso_read(struct gso *ret, const uint8_t *frame, uint32_t caplen, bool ethernet);
