#include "capture/gso.h"

#include <linux/virtio_net.h>
#include <netinet/in.h>
#include <string.h>

#include "base/bytes.h"

_Static_assert(sizeof(struct virtio_net_hdr) == GSO_VNET_SIZE, "of PACKET_VNET_HDR");

#define TYPE_IP4     0x0800
#define TYPE_IP6     0x86dd
#define TYPE_TAG     0x8100
#define TYPE_TAG_TAG 0x88a8
#define UDP_SIZE     8
#define GSO_UDP_L4   5 /* VIRTIO_NET_HDR_GSO_UDP_L4, younger than the headers of Debian 12 */

/* Bytes up to and with the transport header at 'at'; 0: it is not all there. */
static uint32_t with_transport(const uint8_t *p, uint32_t n, uint32_t at, bool tcp)
{
	if (!tcp)
		return at + UDP_SIZE;
	if (at > n || n - at < 13)
		return 0;
	return at + (p[at + 12] >> 4) * 4u; /* RFC 9293 3.1: data offset */
}

/* The same for a frame whose checksum does not say where the transport begins. */
static uint32_t headers(const uint8_t *p, uint32_t n, bool ethernet, bool tcp)
{
	uint32_t at = ethernet ? 14 : 0;

	while (ethernet && at <= n && at + 4 <= n &&
	       (be16_load(p + at - 2) == TYPE_TAG || be16_load(p + at - 2) == TYPE_TAG_TAG))
		at += 4;
	if (ethernet && at <= n && be16_load(p + at - 2) != TYPE_IP4 &&
	    be16_load(p + at - 2) != TYPE_IP6)
		return 0;
	if (at >= n || n - at < 20)
		return 0;
	if (p[at] >> 4 == 4 && p[at + 9] == (tcp ? IPPROTO_TCP : IPPROTO_UDP))
		return with_transport(p, n, at + (p[at] & 15) * 4u, tcp); /* RFC 791 3.1 */
	if (p[at] >> 4 == 6 && p[at + 6] == (tcp ? IPPROTO_TCP : IPPROTO_UDP))
		return with_transport(p, n, at + 40, tcp); /* RFC 8200 3 */
	return 0;
}

void gso_read(struct gso *ret, const uint8_t *frame, uint32_t caplen, bool ethernet)
{
	struct virtio_net_hdr h; /* in the byte order of this machine */
	uint32_t hdr;
	bool tcp;

	memcpy(&h, frame - GSO_VNET_SIZE, sizeof(h));
	*ret = (struct gso){.csum_todo = h.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM};
	if (h.gso_type == VIRTIO_NET_HDR_GSO_NONE || !h.gso_size)
		return;

	tcp = (h.gso_type & ~VIRTIO_NET_HDR_GSO_ECN) != VIRTIO_NET_HDR_GSO_UDP &&
	      (h.gso_type & ~VIRTIO_NET_HDR_GSO_ECN) != GSO_UDP_L4;
	/* 'hdr_len' is no more than a hint; where the checksum starts is the transport
	 * header, of the innermost packet if it is in a tunnel. */
	hdr = ret->csum_todo ? with_transport(frame, caplen, h.csum_start, tcp)
			     : headers(frame, caplen, ethernet, tcp);
	ret->size = h.gso_size;
	ret->hdr = hdr <= UINT16_MAX ? (uint16_t)hdr : 0;
}
