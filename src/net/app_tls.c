#include "net/app_rec.h"

/* RFC 8446 B.1, RFC 5246 A.1 */
enum tls_content {
	TLS_CHANGE_CIPHER_SPEC = 20,
	TLS_ALERT = 21,
	TLS_HANDSHAKE = 22,
	TLS_APPLICATION_DATA = 23,
	TLS_HEARTBEAT = 24,
};

#define TLS_CLIENT_HELLO 1
#define TLS_RECORD_MAX   (16384 + 2048) /* RFC 5246 6.2.3: ciphertext */
#define TLS_RECORDS_MAX  4              /* looked at in one segment */
#define DTLS_RECORD_HDR  13
#define SNI_HOST_NAME    0 /* RFC 6066 3 */
#define EXT_SERVER_NAME  0

static bool printable(const uint8_t *p, uint32_t n)
{
	for (; n; n--, p++)
		if (*p <= 0x20 || *p >= 0x7f)
			return false;
	return true;
}

static void server_name(struct cur c, struct app_info *info)
{
	const uint8_t *name;
	uint16_t len;
	uint8_t type;

	cur_be16(&c); /* length of the list: one name is all that RFC 6066 allows */
	type = cur_u8(&c);
	len = cur_be16(&c);
	name = cur_take(&c, len);
	if (type == SNI_HOST_NAME && name && len && len <= UINT8_MAX && printable(name, len)) {
		info->name = name;
		info->name_len = (uint8_t)len;
	}
}

/* RFC 8446 4.1.2; the cookie is DTLS's, RFC 6347 4.2.1. */
void tls_client_hello(struct cur c, bool dtls, struct app_info *info)
{
	cur_take(&c, 2 + 32); /* version, random */
	cur_take(&c, cur_u8(&c));
	if (dtls)
		cur_take(&c, cur_u8(&c));
	cur_take(&c, cur_be16(&c)); /* cipher suites */
	cur_take(&c, cur_u8(&c));   /* compression methods */
	cur_be16(&c);               /* length of the extensions: the bytes that are there decide */
	while (cur_ok(&c) && c.left) {
		uint16_t type = cur_be16(&c), len = cur_be16(&c);

		if (type == EXT_SERVER_NAME && cur_ok(&c)) {
			if (len < c.left)
				c.left = len;
			server_name(c, info);
			return;
		}
		cur_take(&c, len);
	}
}

/* Whether the first 'c->left' bytes can be handshake messages in the clear. */
static bool handshake(struct cur c, bool dtls, uint32_t record_len, struct app_info *info)
{
	uint8_t type = cur_u8(&c);
	uint32_t len = (uint32_t)cur_u8(&c) << 16;

	len |= cur_be16(&c);
	if (dtls)
		cur_take(&c, 8); /* message sequence, fragment offset and length */
	if (!cur_ok(&c))
		return false;
	switch (type) {
	case TLS_CLIENT_HELLO:
	case 2: /* server hello */
		if (c.left >= 2 && be16_load(c.p) >> 8 != (dtls ? 0xfe : 3))
			return false;
		break;
	case 0: /* hello request */
		return len == 0;
	case 3:  /* hello verify request */
	case 4:  /* new session ticket */
	case 11: /* certificate */
	case 12: /* server key exchange */
	case 13: /* certificate request */
	case 14: /* server hello done */
	case 15: /* certificate verify */
	case 16: /* client key exchange */
	case 22: /* certificate status */
		break;
	default:
		return false;
	}
	/* A certificate chain spans records, a hello of a hundred kilobytes does not exist. */
	if (len >= 1u << 18 || (type <= 2 && len < 38) ||
	    (type > 2 && len > 4 * record_len + 65536))
		return false;
	if (type == TLS_CLIENT_HELLO && info)
		tls_client_hello(c, dtls, info);
	return true;
}

static bool content_fits(uint8_t type, uint32_t len)
{
	switch (type) {
	case TLS_CHANGE_CIPHER_SPEC:
		return len == 1;
	case TLS_ALERT:
		return len == 2 || (len >= 16 && len <= 64); /* in the clear; encrypted */
	case TLS_HANDSHAKE:
	case TLS_HEARTBEAT:
		return len >= 4 && len <= TLS_RECORD_MAX;
	case TLS_APPLICATION_DATA:
		return len >= 16 && len <= TLS_RECORD_MAX;
	default:
		return false;
	}
}

/* One record (RFC 8446 5.1) as far as it is there; 'c' is behind its header. */
static bool record_fits(uint8_t type, struct cur c, uint16_t len, struct app_info *info)
{
	switch (type) {
	case TLS_CHANGE_CIPHER_SPEC:
		return c.p[0] == 1;
	case TLS_ALERT: /* level; RFC 8446 B.2 knows descriptions up to 120 */
		return len != 2 || ((c.p[0] == 1 || c.p[0] == 2) && cur_peek(&c, 1) <= 120);
	case TLS_HANDSHAKE:
		return handshake(c, false, len, info);
	default:
		return true;
	}
}

/* The first record must be one in all, the next ones at least by their headers;
 * one in the clear may be a second ClientHello behind a ChangeCipherSpec. */
static bool tls_records(const struct pay *y, struct app_info *info)
{
	struct cur c = pay_cur(y, 0);
	unsigned i;

	for (i = 0; i < TLS_RECORDS_MAX; i++) {
		uint8_t type = cur_u8(&c);
		uint16_t version = cur_be16(&c), len = cur_be16(&c);
		struct cur body = c;

		if (!cur_ok(&c) || !c.left)
			return i > 0;
		if (version < 0x0300 || version > 0x0304 || !content_fits(type, len))
			return false;
		if (body.left > len)
			body.left = len;
		if (i == 0 && !record_fits(type, body, len, info))
			return false;
		if (i && type == TLS_HANDSHAKE && info && !info->name)
			handshake(body, false, len, info);
		if (!cur_take(&c, len))
			return true;
	}
	return true;
}

/* The hello of SSL 2.0 that offers newer versions (RFC 5246 E.2). */
static bool ssl2_hello(const struct pay *y)
{
	uint32_t ciphers = pay_be16(y, 5), session = pay_be16(y, 7), challenge = pay_be16(y, 9);
	uint16_t version = pay_be16(y, 3);

	return y->len >= 11 && pay_u8(y, 2) == TLS_CLIENT_HELLO &&
	       (version == 0x0002 || (version >= 0x0300 && version <= 0x0303)) && ciphers &&
	       ciphers % 3 == 0 && (session == 0 || session == 16) && challenge >= 16 &&
	       challenge <= 32 && (pay_be16(y, 0) & 0x7fff) == 9 + ciphers + session + challenge;
}

enum app tls_tcp(const struct pay *y, struct app_info *info)
{
	if (y->p[0] & 0x80)
		return ssl2_hello(y) ? APP_TLS : APP_NONE;
	return tls_records(y, info) ? APP_TLS : APP_NONE;
}

/* RFC 6347 4.1, RFC 9147 4 */
enum app tls_udp(const struct pay *y, struct app_info *info)
{
	uint16_t version = pay_be16(y, 1), epoch = pay_be16(y, 3), len = pay_be16(y, 11);
	uint8_t type = y->p[0];
	struct cur c;

	if (y->len < DTLS_RECORD_HDR + 1 || (version != 0xfeff && version != 0xfefd) ||
	    !content_fits(type, len) || epoch > 15 || len > y->len - DTLS_RECORD_HDR)
		return APP_NONE;
	c = pay_cur(y, DTLS_RECORD_HDR);
	c.left = len;
	if (type == TLS_HANDSHAKE && epoch == 0)
		return handshake(c, true, len, info) ? APP_DTLS : APP_NONE;
	return APP_DTLS;
}
