#include "net/app_rec.h"

#define GQUIC_CHLO_LOOK 128 /* where a plain CHLO begins at the latest */
#define GQUIC_TAGS_MAX  128 /* Chromium's kMaxEntries */

static uint32_t le_tag(const char *text)
{
	return le32_load(text);
}

/* Google's CHLO: tag, number of entries, then tags with the ends of their
 * values, then the values. */
static bool gquic_chlo(struct cur c, struct app_info *info)
{
	uint32_t n, i, begin = 0;

	if (cur_le32(&c) != le_tag("CHLO"))
		return false;
	n = cur_le16(&c);
	cur_le16(&c);
	if (n > GQUIC_TAGS_MAX)
		return false;
	for (i = 0; i < n && cur_ok(&c); i++) {
		uint32_t tag = cur_le32(&c), end = cur_le32(&c);

		if (end < begin)
			return false;
		if (tag == le_tag("SNI\0")) {
			uint32_t len = end - begin, k;
			const uint8_t *name;

			cur_take(&c, 8 * (n - i - 1));
			cur_take(&c, begin);
			name = cur_take(&c, len);
			if (!name || !len || len > UINT8_MAX)
				return false;
			for (k = 0; k < len; k++)
				if (name[k] <= 0x20 || name[k] >= 0x7f)
					return false;
			info->name = name;
			info->name_len = (uint8_t)len;
			return true;
		}
		begin = end;
	}
	return false;
}

/* The CHLO of Q046 and before is not encrypted. */
void gquic_name(const struct pay *y, struct app_info *info)
{
	uint32_t look = y->len < GQUIC_CHLO_LOOK ? y->len : GQUIC_CHLO_LOOK;
	const uint8_t *p = memmem(y->p, look, "CHLO", 4);

	if (p)
		gquic_chlo(pay_cur(y, (uint32_t)(p - y->p)), info);
}

/* RFC 9000 16; a length above 32 bits is nonsense here and ends the reading. */
uint32_t quic_varint(struct cur *c)
{
	uint8_t first = cur_u8(c);
	uint32_t v = first & 0x3f, n = (1u << (first >> 6)) - 1;

	for (; n; n--) {
		if (v >> 24)
			c->bad = true;
		v = v << 8 | cur_u8(c);
	}
	return v;
}

/* RFC 9000 19, the frames that an Initial may have (12.4).  Google's own
 * versions number them differently. */
void quic_hello_add(struct quic_hello *h, struct cur c, bool google)
{
	while (cur_ok(&c) && c.left) {
		uint8_t type = cur_u8(&c);
		const uint8_t *data;
		uint32_t off, len;

		if (type == 0 || (type == 1 && !google) || (type == 7 && google))
			continue;                          /* PADDING, PING */
		if ((type == 2 || type == 3) && !google) { /* ACK */
			uint32_t ranges;

			quic_varint(&c);
			quic_varint(&c);
			ranges = quic_varint(&c);
			quic_varint(&c);
			while (ranges-- && cur_ok(&c)) {
				quic_varint(&c);
				quic_varint(&c);
			}
			if (type == 3) {
				quic_varint(&c);
				quic_varint(&c);
				quic_varint(&c);
			}
			continue;
		}
		if (type != (google ? 8 : 6)) /* not CRYPTO */
			return;
		off = quic_varint(&c);
		len = quic_varint(&c);
		data = cur_take(&c, len);
		if (!data || !len || h->nframes == QUIC_FRAMES_MAX || len > sizeof(h->bytes) ||
		    off > sizeof(h->bytes) - len)
			continue;
		memcpy(h->bytes + off, data, len);
		h->frames[h->nframes].off = off;
		h->frames[h->nframes++].len = len;
	}
}

/* Bytes of the hello that are there from its beginning on. */
static uint32_t hello_len(const struct quic_hello *h)
{
	uint32_t end = 0, i;
	bool grown = true;

	while (grown) {
		grown = false;
		for (i = 0; i < h->nframes; i++) {
			if (h->frames[i].off <= end && end < h->frames[i].off + h->frames[i].len) {
				end = h->frames[i].off + h->frames[i].len;
				grown = true;
			}
		}
	}
	return end;
}

bool quic_hello_name(const struct quic_hello *h, struct app_info *info)
{
	struct cur c = cur_at(h->bytes, hello_len(h));

	if (c.left >= 4 && memcmp(c.p, "CHLO", 4) == 0)
		return gquic_chlo(c, info);
	if (cur_u8(&c) != 1) /* client_hello, RFC 8446 4 */
		return false;
	cur_take(&c, 3);
	tls_client_hello(c, false, info);
	return info->name != NULL;
}
