#include "fmt/erf.h"

#include <errno.h>

#include "base/bytes.h"

#define TYPE_MAX      48
#define EXT_HDR_SIZE  8
#define EXT_HDRS_MAX  16
#define ETH_HEAD      2 /* offset and padding in front of an Ethernet frame */
#define LOOKS_RECORDS 3
#define LOOKS_SEC     (7 * 86400) /* records of one file are rarely further apart */

enum {
	TYPE_HDLC_POS = 1,
	TYPE_ETH = 2,
	TYPE_COLOR_HDLC_POS = 10,
	TYPE_COLOR_ETH = 11,
	TYPE_DSM_COLOR_HDLC_POS = 15,
	TYPE_DSM_COLOR_ETH = 16,
	TYPE_COLOR_HASH_POS = 19,
	TYPE_COLOR_HASH_ETH = 20,
	TYPE_IP4 = 22,
	TYPE_IP6 = 23,
};

static bool is_color(uint8_t type)
{
	return type == TYPE_COLOR_HDLC_POS || type == TYPE_COLOR_ETH ||
	       type == TYPE_DSM_COLOR_HDLC_POS || type == TYPE_DSM_COLOR_ETH ||
	       type == TYPE_COLOR_HASH_POS || type == TYPE_COLOR_HASH_ETH;
}

/* Packet over SONET does not say which of the two it is: PPP begins with its
 * address and control bytes, Cisco HDLC with 0x0f00 or 0x8f00. */
static uint16_t pos_linktype(const uint8_t *p, size_t size)
{
	if (size >= 2 && p[0] == 0xff && p[1] == 0x03)
		return 50; /* LINKTYPE_PPP_HDLC */
	return 104;        /* LINKTYPE_C_HDLC */
}

static void frame_kind(struct erf_rec *e, const uint8_t *p, size_t size)
{
	switch (e->type) {
	case TYPE_ETH:
	case TYPE_COLOR_ETH:
	case TYPE_DSM_COLOR_ETH:
	case TYPE_COLOR_HASH_ETH:
		e->linktype = 1;
		e->head += ETH_HEAD;
		break;
	case TYPE_HDLC_POS:
	case TYPE_COLOR_HDLC_POS:
	case TYPE_DSM_COLOR_HDLC_POS:
	case TYPE_COLOR_HASH_POS:
		e->linktype = size > e->head ? pos_linktype(p + e->head, size - e->head) : 104;
		break;
	case TYPE_IP4:
		e->linktype = 228; /* LINKTYPE_IPV4 */
		break;
	case TYPE_IP6:
		e->linktype = 229; /* LINKTYPE_IPV6 */
		break;
	default:
		e->linktype = ERF_LINKTYPE_OTHER;
	}
}

int erf_rec_read(const uint8_t *p, size_t size, struct erf_rec *ret)
{
	struct erf_rec e = {.head = ERF_HDR_SIZE};
	uint64_t ts, ns;
	bool more;

	if (size < ERF_HDR_SIZE)
		return -ENODATA;
	/* Seconds, and their fraction in units of 2^-32; little-endian, while
	 * all other fields are big-endian. */
	ts = le64_load(p);
	ns = ((ts & 0xffffffff) * 1000000000 + 0x80000000u) >> 32;
	e.ts = (int64_t)(ts >> 32) * 1000000000 + (int64_t)ns;
	e.type = p[8] & 0x7f;
	e.port = p[9] & 3;
	e.size = be16_load(p + 10);
	e.lost = is_color(e.type) ? 0 : be16_load(p + 12);
	e.len = be16_load(p + 14);
	if (!e.type || e.type > TYPE_MAX || e.size < ERF_HDR_SIZE)
		return -EBADMSG;

	more = p[8] & 0x80;
	for (int i = 0; more; i++) {
		if (i == EXT_HDRS_MAX || (size_t)e.head + EXT_HDR_SIZE > e.size)
			return -EBADMSG;
		if (size < (size_t)e.head + EXT_HDR_SIZE)
			return -ENODATA;
		more = p[e.head] & 0x80;
		e.head += EXT_HDR_SIZE;
	}
	e.is_frame = e.type != ERF_TYPE_PAD && e.type != ERF_TYPE_META;
	frame_kind(&e, p, size < e.size ? size : e.size);
	*ret = e;
	return 0;
}

bool erf_looks(const uint8_t *p, size_t size, bool end)
{
	int64_t last = 0;

	for (int i = 0; i < LOOKS_RECORDS; i++) {
		struct erf_rec e;

		if (i && !size)
			return end;
		if (erf_rec_read(p, size, &e) < 0 || e.size > size || (e.is_frame && !e.len))
			return false;
		if (i && (e.ts < last || e.ts - last > INT64_C(1000000000) * LOOKS_SEC))
			return false;
		last = e.ts;
		p += e.size;
		size -= e.size;
	}
	return true;
}
