#include "net/app_rec.h"

/* Whether sets of type (>= 'first') and length fill the rest (RFC 7011 3.3.2,
 * RFC 3954 5.2, 5.3). */
static bool sets_fit(struct cur c, uint16_t options)
{
	if (!c.left)
		return false;
	while (cur_ok(&c) && c.left >= 4) {
		uint16_t id = cur_be16(&c), len = cur_be16(&c);

		if ((id > options && id < 256) || len < 4)
			return false;
		cur_take(&c, len - 4u);
	}
	return cur_ok(&c);
}

/* RFC 7011 3.1 */
static bool ipfix(const struct pay *y)
{
	return y->len >= 20 && pay_be16(y, 2) == y->len && sets_fit(pay_cur(y, 16), 3);
}

/* Cisco NetFlow export versions: header and record sizes of version 1, 5, 7, 8
 * (whose record size depends on the aggregation), RFC 3954 for version 9. */
static bool netflow(const struct pay *y)
{
	uint16_t count = pay_be16(y, 2);

	switch (pay_be16(y, 0)) {
	case 1:
		return count && count <= 24 && y->len == 16 + 52u * count;
	case 5:
		return count && count <= 30 && y->len == 24 + 48u * count;
	case 7:
		return count && count <= 28 && y->len == 24 + 52u * count;
	case 8:
		return count && count <= 51 && y->len > 28 && (y->len - 28) % count == 0 &&
		       (y->len - 28) / count >= 24 && (y->len - 28) / count <= 44 &&
		       pay_u8(y, 22) <= 14;
	case 9:
		return count && y->len >= 24 && count <= y->len / 4 && sets_fit(pay_cur(y, 20), 1);
	default:
		return false;
	}
}

/* sflow.org/sflow_version_5.txt section 5; versions 2 and 4 begin alike. */
static bool sflow(const struct pay *y)
{
	uint32_t version = pay_be32(y, 0), family = pay_be32(y, 4), samples, at;

	if ((version != 2 && version != 4 && version != 5) || (family != 1 && family != 2))
		return false;
	at = 8 + (family == 1 ? 4 : 16) + (version == 5 ? 4 : 0) + 4 +
	     4; /* sub-agent, sequence, uptime */
	samples = pay_be32(y, at);
	if (!pay_has(y, at, 4) || samples > 256)
		return false;
	if (pay_port(y, 6343))
		return true;
	/* the first sample: enterprise and format, length */
	return version == 5 && samples && (pay_be32(y, at + 4) & 0xfff) <= 5 &&
	       pay_be32(y, at + 8) >= 8 && pay_be32(y, at + 8) <= y->len - at;
}

enum app export_udp(const struct pay *y)
{
	if (y->p[0] != 0)
		return APP_NONE;
	switch (pay_u8(y, 1)) {
	case 0:
		return sflow(y) ? APP_SFLOW : APP_NONE;
	case 10:
		return ipfix(y) ? APP_IPFIX : APP_NONE;
	default:
		return netflow(y) ? APP_NETFLOW : APP_NONE;
	}
}
