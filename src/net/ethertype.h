/* EtherTypes that the decoder knows: IEEE registry and what is used without. */
#pragma once

#define LENGTH_MAX 1500 /* IEEE 802.3 3.2.6: up to here it is a length */

/* clang-format off */
enum ethertype {
	TYPE_IP4             = 0x0800,
	TYPE_ARP             = 0x0806,
	TYPE_ERSPAN3         = 0x22eb,
	TYPE_TRILL           = 0x22f3,
	TYPE_BRIDGED         = 0x6558, /* RFC 1701: transparent Ethernet */
	TYPE_FRELAY          = 0x6559, /* RFC 1701 */
	TYPE_RARP            = 0x8035,
	TYPE_VLAN            = 0x8100,
	TYPE_IP6             = 0x86dd,
	TYPE_SLOW            = 0x8809, /* LACP and others */
	TYPE_PPP             = 0x880b,
	TYPE_WCCP            = 0x883e,
	TYPE_MPLS            = 0x8847,
	TYPE_MPLS_UP         = 0x8848, /* upstream-assigned, RFC 5332 */
	TYPE_PPPOE_DISCOVERY = 0x8863,
	TYPE_PPPOE           = 0x8864,
	TYPE_LLC             = 0x8870, /* jumbo frames, draft-ietf-isis-ext-eth */
	TYPE_EAPOL           = 0x888e,
	TYPE_QINQ            = 0x88a8,
	TYPE_ERSPAN          = 0x88be,
	TYPE_LLDP            = 0x88cc,
	TYPE_MACSEC          = 0x88e5,
	TYPE_PBB             = 0x88e7,
	TYPE_PTP             = 0x88f7,
	TYPE_CFM             = 0x8902,
	TYPE_CMD             = 0x8909,
	TYPE_VNTAG           = 0x8926,
	TYPE_HSR             = 0x892f, /* IEC 62439-3 */
	TYPE_ETAG            = 0x893f, /* IEEE 802.1BR */
	TYPE_NSH             = 0x894f,
	TYPE_LOOPBACK        = 0x9000,
	TYPE_QINQ_9100       = 0x9100,
	TYPE_QINQ_9200       = 0x9200,
};
/* clang-format on */
