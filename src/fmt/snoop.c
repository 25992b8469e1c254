#include "fmt/snoop.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"

#define SNOOP_VERSION 2

/* RFC 1761, "Datalink Type", and Solaris' <sys/dlpi.h> for those after 9. */
static uint16_t linktype_of(uint32_t datalink)
{
	switch (datalink) {
	case 0: /* IEEE 802.3 */
	case 4: /* Ethernet */
		return 1;
	case 2: /* IEEE 802.5 Token Ring */
		return 6;
	case 8: /* FDDI */
		return 10;
	case 18: /* Classical IP over ATM: LINKTYPE_SUNATM */
		return 123;
	case 26: /* IPNET */
		return 226;
	default:
		return UINT16_MAX;
	}
}

int snoop_hdr_read(const uint8_t *p, size_t size, struct snoop_hdr *ret)
{
	struct snoop_hdr h;

	if (size < SNOOP_HDR_SIZE)
		return -ENODATA;
	if (memcmp(p, "snoop\0\0\0", 8) != 0)
		return -EBADMSG;
	h.version = be32_load(p + 8);
	h.datalink = be32_load(p + 12);
	h.linktype = linktype_of(h.datalink);
	if (h.version != SNOOP_VERSION)
		return -EPROTO;
	*ret = h;
	return 0;
}

struct snoop_rec snoop_rec_read(const uint8_t *p)
{
	return (struct snoop_rec){
		.len = be32_load(p),
		.caplen = be32_load(p + 4),
		.size = be32_load(p + 8),
		.drops = be32_load(p + 12),
		.sec = be32_load(p + 16),
		.us = be32_load(p + 20),
	};
}
