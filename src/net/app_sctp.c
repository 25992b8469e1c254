#include "net/app_rec.h"

/* IANA, SCTP payload protocol identifiers. */
static enum app ppid_app(uint32_t ppid)
{
	switch (ppid) {
	case 3:
		return APP_M3UA;
	case 18:
		return APP_S1AP;
	case 27:
		return APP_X2AP;
	case 46:
	case 47: /* over DTLS */
		return APP_DIAMETER;
	case 60:
	case 66:
		return APP_NGAP;
	default:
		return APP_NONE;
	}
}

/* RFC 9260 3.2 and 3.3.1: chunks follow each other, padded to 4 bytes. */
enum app sctp_ppid(const struct pay *y)
{
	struct cur c = pay_cur(y, 0);

	while (c.left >= 4) {
		uint8_t type = cur_u8(&c), flags = cur_u8(&c);
		uint16_t len = cur_be16(&c);

		if (len < 4)
			return APP_NONE;
		if (type == 0 && flags <= 15 && len > 16 && c.left >= 12)
			return ppid_app(be32_load(c.p + 8));
		cur_take(&c, len - 4u);
		cur_take(&c, (4 - len % 4u) % 4);
		if (!cur_ok(&c))
			return APP_NONE;
	}
	return APP_NONE;
}
