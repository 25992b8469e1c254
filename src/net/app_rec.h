/* The recognisers of application protocols: what app*.c share, for nobody else.
 *
 * Each looks at one payload and says what it is, APP_NONE when it cannot be
 * sure.  "Sure" means that random bytes pass with a probability below 1e-5,
 * whatever the ports: the structure must fit, a magic byte is not enough.
 * Where the structure is too weak for that, the protocol's own port must agree.
 * None reads outside the payload. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"
#include "net/app.h"
#include "net/cur.h"

/* One payload.  The readers below give zero behind its end, so a recogniser
 * checks the length that it needs, but nothing depends on it for safety. */
struct pay {
	const uint8_t *p;
	uint32_t len; /* at least 1 */
	uint16_t sport, dport;
};

static inline bool pay_has(const struct pay *y, uint32_t off, uint32_t n)
{
	return n <= y->len && off <= y->len - n;
}

static inline uint8_t pay_u8(const struct pay *y, uint32_t off)
{
	return off < y->len ? y->p[off] : 0;
}

static inline uint16_t pay_be16(const struct pay *y, uint32_t off)
{
	return pay_has(y, off, 2) ? be16_load(y->p + off) : 0;
}

static inline uint32_t pay_be24(const struct pay *y, uint32_t off)
{
	return pay_has(y, off, 3) ? (uint32_t)be16_load(y->p + off) << 8 | y->p[off + 2] : 0;
}

static inline uint32_t pay_be32(const struct pay *y, uint32_t off)
{
	return pay_has(y, off, 4) ? be32_load(y->p + off) : 0;
}

static inline uint16_t pay_le16(const struct pay *y, uint32_t off)
{
	return pay_has(y, off, 2) ? le16_load(y->p + off) : 0;
}

static inline uint32_t pay_le24(const struct pay *y, uint32_t off)
{
	return pay_le16(y, off) | (uint32_t)pay_u8(y, off + 2) << 16;
}

static inline uint32_t pay_le32(const struct pay *y, uint32_t off)
{
	return pay_has(y, off, 4) ? le32_load(y->p + off) : 0;
}

static inline struct cur pay_cur(const struct pay *y, uint32_t off)
{
	return off <= y->len ? cur_at(y->p + off, y->len - off)
			     : (struct cur){.p = y->p, .bad = true};
}

/* Whether 'n' bytes can be keys, ciphertext or other noise: real noise has few
 * zeros, small numbers and padding have many. */
static inline bool pay_dense(const struct pay *y, uint32_t off, uint32_t n)
{
	uint32_t zeros = 0, i;

	for (i = 0; i < n; i++)
		zeros += pay_u8(y, off + i) == 0;
	return zeros <= n / 4;
}

static inline bool pay_port(const struct pay *y, uint16_t port)
{
	return y->sport == port || y->dport == port;
}

/* ASCII only, whatever the locale. */
static inline bool is_digit(uint8_t c)
{
	return (uint8_t)(c - '0') < 10;
}

static inline bool is_upper(uint8_t c)
{
	return (uint8_t)(c - 'A') < 26;
}

static inline bool is_lower(uint8_t c)
{
	return (uint8_t)(c - 'a') < 26;
}

static inline bool is_alnum(uint8_t c)
{
	return is_digit(c) || is_upper(c) || is_lower(c);
}

static inline char upper(uint8_t c)
{
	return (char)(is_lower(c) ? c - 0x20 : c);
}

/* Whether the string literal 'lit' stands at 'off'. */
#define PAY_IS(y, off, lit)                                                                        \
	(pay_has((y), (off), sizeof(lit) - 1) &&                                                   \
	 memcmp((y)->p + (off), (lit), sizeof(lit) - 1) == 0)

/* Whether the literal stands anywhere in the first 'max' bytes. */
#define PAY_FINDS(y, max, lit)                                                                     \
	(memmem((y)->p, (y)->len < (max) ? (y)->len : (max), (lit), sizeof(lit) - 1) != NULL)

/* app_text.c: start lines (HTTP, SIP, RTSP ...), banners, commands. */
enum app text_tcp(const struct pay *y, struct app_info *info);
enum app text_udp(const struct pay *y, struct app_info *info);

/* app_mail.c: line protocols whose replies are numbers or '+OK'. */
enum app mail_tcp(const struct pay *y);

/* app_tls.c */
enum app tls_tcp(const struct pay *y, struct app_info *info);
enum app tls_udp(const struct pay *y, struct app_info *info); /* DTLS */

/* Reads a ClientHello from its first field on, as far as it is there, for the
 * server name.  Both pointers untouched if there is none. */
void tls_client_hello(struct cur c, bool dtls, struct app_info *info);

/* app_quic.c */
enum app quic_udp(const struct pay *y, struct app_info *info);

/* app_hello.c: a QUIC client's hello, put together from its frames. */
#define QUIC_PLAIN_MAX  2048 /* bytes of one Initial packet that are decrypted */
#define QUIC_FRAMES_MAX 64   /* CRYPTO frames kept of one datagram */

struct quic_hello {
	uint32_t nframes;
	struct {
		uint32_t off, len;
	} frames[QUIC_FRAMES_MAX];
	uint8_t bytes[QUIC_PLAIN_MAX * 2]; /* what no frame covers is not set */
};

/* RFC 9000 16; a value above 32 bits is nonsense here and breaks the cursor. */
uint32_t quic_varint(struct cur *c);

/* Adds the CRYPTO frames of one decrypted packet, in whatever order.  'google':
 * frame types of Q050, T050, T051. */
void quic_hello_add(struct quic_hello *h, struct cur plain, bool google);

/* The server name in what is there from the beginning on without a hole,
 * pointing into 'h'.  False: none, 'info' is untouched. */
bool quic_hello_name(const struct quic_hello *h, struct app_info *info);

/* The server name of a CHLO that is not encrypted (Google's Q046 and before). */
void gquic_name(const struct pay *y, struct app_info *info);

/* app_dns.c: DNS, mDNS, LLMNR, NetBIOS names. */
enum app dns_tcp(const struct pay *y);
enum app dns_udp(const struct pay *y);

/* app_admin.c: hosts' addresses, time, accounts, management. */
enum app admin_tcp(const struct pay *y);
enum app admin_udp(const struct pay *y);

/* app_media.c: STUN, RTP, RTCP, RTMP. */
enum app media_tcp(const struct pay *y);
enum app media_udp(const struct pay *y);

/* app_route.c: routers among themselves. */
enum app route_tcp(const struct pay *y);
enum app route_udp(const struct pay *y);

/* app_tunnel.c: tunnels and VPNs. */
enum app tunnel_tcp(const struct pay *y);
enum app tunnel_udp(const struct pay *y);

/* app_export.c: flow records on their way to a collector. */
enum app export_udp(const struct pay *y);

/* app_db.c: databases and message brokers. */
enum app db_tcp(const struct pay *y);

/* app_ics.c: machines, vehicles and small things. */
enum app ics_tcp(const struct pay *y);
enum app ics_udp(const struct pay *y);

/* app_file.c: files, remote procedures, peers. */
enum app file_tcp(const struct pay *y);
enum app file_udp(const struct pay *y);

/* app_sctp.c: the payload protocol identifier of the first DATA chunk. */
enum app sctp_ppid(const struct pay *y);
