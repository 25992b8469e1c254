#include "net/app_rec.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#define QUIC_V1          0x00000001
#define QUIC_V2          0x6b3343cf /* RFC 9369 3.1 */
#define QUIC_DRAFT       0xff000000 /* | number */
#define QUIC_MVFST_22    0xfaceb001
#define QUIC_MVFST_27    0xfaceb002
#define QUIC_CID_MAX     20   /* RFC 9000 17.2 */
#define QUIC_CLIENT_MIN  1200 /* RFC 9000 14.1 */
#define QUIC_PACKETS_MAX 4    /* coalesced packets looked at in one datagram */

#define AES_SIZE    16
#define IV_SIZE     12
#define SECRET_SIZE 32 /* SHA-256 */
#define SALT_SIZE   20

static uint32_t google(char kind, unsigned number)
{
	return (uint32_t)kind << 24 | '0' << 16 | ('0' + number / 10) << 8 | ('0' + number % 10);
}

static bool is_google(uint32_t v)
{
	uint8_t a = v >> 8 & 255, b = v & 255;

	return (v >> 24 == 'Q' || v >> 24 == 'T') && (v >> 16 & 255) == '0' && a >= '0' &&
	       a <= '9' && b >= '0' && b <= '9';
}

/* Versions that were ever spoken; the ones of experiments count as unknown. */
static bool version_known(uint32_t v)
{
	return v == QUIC_V1 || v == QUIC_V2 || v == 0x709a50c4 /* QUIC 2 before its RFC */ ||
	       (v > QUIC_DRAFT && v <= QUIC_DRAFT + 34) || (v >= 0xfaceb000 && v <= 0xfaceb01f) ||
	       is_google(v);
}

/* RFC 9000 15: 0x?a?a?a?a provokes version negotiation. */
static bool version_grease(uint32_t v)
{
	return (v & 0x0f0f0f0f) == 0x0a0a0a0a;
}

/* RFC 8999 5.1 behind the first byte and the version; Q046 and drafts before 22
 * have both lengths in one byte. */
static bool connection_ids(struct cur *c, uint32_t version, const uint8_t **dcid, uint8_t *dcid_len)
{
	uint8_t n = cur_u8(c), m;

	if ((version > QUIC_DRAFT && version < QUIC_DRAFT + 22) ||
	    (is_google(version) && version < google('Q', 49))) {
		m = n & 15;
		n >>= 4;
		n = n ? n + 3 : 0;
		m = m ? m + 3 : 0;
		*dcid = cur_take(c, n);
	} else {
		*dcid = cur_take(c, n);
		m = cur_u8(c);
	}
	*dcid_len = n;
	cur_take(c, m);
	return cur_ok(c) && n <= QUIC_CID_MAX && m <= QUIC_CID_MAX;
}

/* RFC 9000 17.2.1: the rest is a list of versions, one of which must be known. */
static bool negotiation(struct cur c)
{
	bool known = false;

	if (!c.left || c.left % 4 || c.left > 256)
		return false;
	while (c.left)
		known |= version_known(cur_be32(&c));
	return known;
}

/* Google's QUIC up to Q043: flags (version present, connection id of 8 bytes),
 * connection id, version, packet number of 1 to 6 bytes. */
static bool gquic_public(const struct pay *y)
{
	return y->len >= 14 && (y->p[0] & 0xcb) == 0x09 && pay_u8(y, 9) == 'Q' &&
	       is_google(pay_be32(y, 9));
}

enum app quic_udp(const struct pay *y, struct app_info *info)
{
	uint32_t version = pay_be32(y, 1);
	const uint8_t *dcid;
	uint8_t dcid_len;
	struct cur c;

	if (gquic_public(y)) {
		if (info) {
			info->quic_version = pay_be32(y, 9);
			gquic_name(y, info);
		}
		return APP_QUIC;
	}
	if (!(y->p[0] & 0x80) || y->len < 7)
		return APP_NONE;
	/* the fixed bit is 1 but in version negotiation; RFC 9287 may change that later */
	if (version &&
	    (!(y->p[0] & 0x40) ||
	     !(version_known(version) || (version_grease(version) && y->len >= QUIC_CLIENT_MIN))))
		return APP_NONE;
	c = pay_cur(y, 5);
	if (!connection_ids(&c, version, &dcid, &dcid_len))
		return APP_NONE;
	if (!version)
		return negotiation(c) ? APP_QUIC : APP_NONE;
	if (info) {
		info->quic_version = version;
		if (is_google(version) && version <= google('Q', 46))
			gquic_name(y, info);
	}
	return APP_QUIC;
}

struct quic_keys {
	uint8_t key[AES_SIZE];
	uint8_t iv[IV_SIZE];
	uint8_t hp[AES_SIZE];
};

/* The salt of a version (RFC 9001 5.2, RFC 9369 3.3.1, the drafts of RFC 9001
 * 5.2, Chromium's crypto_utils.cc for Google's); NULL: not known. */
static const uint8_t *initial_salt(uint32_t version)
{
	/* clang-format off */
	static const uint8_t
	v1[SALT_SIZE] = {0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17,
			 0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc, 0xbb, 0x7f, 0x0a},
	v2[SALT_SIZE] = {0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93,
			 0x81, 0xbe, 0x6e, 0x26, 0x9d, 0xcb, 0xf9, 0xbd, 0x2e, 0xd9},
	d21[SALT_SIZE] = {0x7f, 0xbc, 0xdb, 0x0e, 0x7c, 0x66, 0xbb, 0xe9, 0x19, 0x3a,
			  0x96, 0xcd, 0x21, 0x51, 0x9e, 0xbd, 0x7a, 0x02, 0x64, 0x4a},
	d23[SALT_SIZE] = {0xc3, 0xee, 0xf7, 0x12, 0xc7, 0x2e, 0xbb, 0x5a, 0x11, 0xa7,
			  0xd2, 0x43, 0x2b, 0xb4, 0x63, 0x65, 0xbe, 0xf9, 0xf5, 0x02},
	d29[SALT_SIZE] = {0xaf, 0xbf, 0xec, 0x28, 0x99, 0x93, 0xd2, 0x4c, 0x9e, 0x97,
			  0x86, 0xf1, 0x9c, 0x61, 0x11, 0xe0, 0x43, 0x90, 0xa8, 0x99},
	q050[SALT_SIZE] = {0x50, 0x45, 0x74, 0xef, 0xd0, 0x66, 0xfe, 0x2f, 0x9d, 0x94,
			   0x5c, 0xfc, 0xdb, 0xd3, 0xa7, 0xf0, 0xd3, 0xb5, 0x6b, 0x45},
	t050[SALT_SIZE] = {0x7f, 0xf5, 0x79, 0xe5, 0xac, 0xd0, 0x72, 0x91, 0x55, 0x80,
			   0x30, 0x4c, 0x43, 0xa2, 0x36, 0x7c, 0x60, 0x48, 0x83, 0x10},
	t051[SALT_SIZE] = {0x7a, 0x4e, 0xde, 0xf4, 0xe7, 0xcc, 0xee, 0x5f, 0xa4, 0x50,
			   0x6c, 0x19, 0x12, 0x4f, 0xc8, 0xcc, 0xda, 0x6e, 0x03, 0x3d};
	/* clang-format on */

	if (version == QUIC_V1 || version == QUIC_DRAFT + 33 || version == QUIC_DRAFT + 34)
		return v1;
	if (version == QUIC_V2)
		return v2;
	if (version >= QUIC_DRAFT + 29 && version <= QUIC_DRAFT + 32)
		return d29;
	if ((version >= QUIC_DRAFT + 23 && version <= QUIC_DRAFT + 28) || version == QUIC_MVFST_27)
		return d23;
	if (version == QUIC_DRAFT + 21 || version == QUIC_DRAFT + 22 || version == QUIC_MVFST_22)
		return d21;
	if (version == google('Q', 50))
		return q050;
	if (version == google('T', 50))
		return t050;
	return version == google('T', 51) ? t051 : NULL;
}

/* HKDF-Expand-Label (RFC 8446 7.1) without context, of at most one hash. */
static bool expand_label(const uint8_t secret[SECRET_SIZE], const char *label, uint8_t *ret,
			 uint8_t n)
{
	uint8_t info[40], hash[SECRET_SIZE];
	unsigned size = (unsigned)strlen(label);

	info[0] = 0;
	info[1] = n;
	info[2] = (uint8_t)(6 + size);
	memcpy(info + 3, "tls13 ", 6);
	memcpy(info + 9, label, size);
	info[9 + size] = 0;
	info[10 + size] = 1; /* RFC 5869 2.3: the first block's counter */
	if (!HMAC(EVP_sha256(), secret, SECRET_SIZE, info, 11 + size, hash, NULL))
		return false;
	memcpy(ret, hash, n);
	return true;
}

/* RFC 9001 5.1, 5.2: what a client's Initial is protected with. */
static bool client_keys(uint32_t version, const uint8_t *dcid, uint8_t dcid_len,
			struct quic_keys *ret)
{
	const uint8_t *salt = initial_salt(version);
	uint8_t initial[SECRET_SIZE], client[SECRET_SIZE];
	bool v2 = version == QUIC_V2; /* RFC 9369 3.3.2 */

	return salt && HMAC(EVP_sha256(), salt, SALT_SIZE, dcid, dcid_len, initial, NULL) &&
	       expand_label(initial, "client in", client, SECRET_SIZE) &&
	       expand_label(client, v2 ? "quicv2 key" : "quic key", ret->key, AES_SIZE) &&
	       expand_label(client, v2 ? "quicv2 iv" : "quic iv", ret->iv, IV_SIZE) &&
	       expand_label(client, v2 ? "quicv2 hp" : "quic hp", ret->hp, AES_SIZE);
}

static void cipher_freep(EVP_CIPHER_CTX **ctx)
{
	EVP_CIPHER_CTX_free(*ctx);
}

/* RFC 9001 5.4.3: one block of AES over a sample of the ciphertext. */
static bool header_mask(EVP_CIPHER_CTX *ctx, const uint8_t hp[AES_SIZE], const uint8_t *sample,
			uint8_t ret[AES_SIZE])
{
	int n;

	return EVP_EncryptInit_ex(ctx, EVP_aes_128_ecb(), NULL, hp, NULL) == 1 &&
	       EVP_EncryptUpdate(ctx, ret, &n, sample, AES_SIZE) == 1 && n == AES_SIZE;
}

/* RFC 9001 5.3 and 5.4.  'head' is the packet from its first byte, 'at' the
 * offset of the packet number, 'size' all of the packet.  Returns the length of
 * the plain text in 'ret', 0 if the packet does not open. */
static uint32_t packet_open(const struct quic_keys *keys, const uint8_t *head, uint32_t at,
			    uint32_t size, uint8_t ret[QUIC_PLAIN_MAX])
{
	__attribute__((cleanup(cipher_freep))) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t mask[AES_SIZE], iv[IV_SIZE], number[4], first, tag[AES_SIZE];
	uint32_t n, i, body;
	int len;

	if (!ctx || size - at < 4 + AES_SIZE || size - at > QUIC_PLAIN_MAX ||
	    !header_mask(ctx, keys->hp, head + at + 4, mask))
		return 0;
	first = head[0] ^ (mask[0] & 0x0f);
	n = (first & 3u) + 1;
	memcpy(iv, keys->iv, IV_SIZE);
	for (i = 0; i < n; i++) {
		number[i] = head[at + i] ^ mask[1 + i];
		iv[IV_SIZE - n + i] ^= number[i];
	}
	body = size - at - n - AES_SIZE;
	memcpy(tag, head + size - AES_SIZE, AES_SIZE);
	/* the header as it was before its protection is authenticated as well */
	if (EVP_DecryptInit_ex(ctx, EVP_aes_128_gcm(), NULL, keys->key, iv) != 1 ||
	    EVP_DecryptUpdate(ctx, NULL, &len, &first, 1) != 1 ||
	    EVP_DecryptUpdate(ctx, NULL, &len, head + 1, (int)at - 1) != 1 ||
	    EVP_DecryptUpdate(ctx, NULL, &len, number, (int)n) != 1 ||
	    EVP_DecryptUpdate(ctx, ret, &len, head + at + n, (int)body) != 1 ||
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, AES_SIZE, tag) != 1 ||
	    EVP_DecryptFinal_ex(ctx, ret + len, &len) != 1)
		return 0;
	return body;
}

/* The packets of one datagram (RFC 9000 12.2), those that are Initial. */
static void read_packets(struct quic_hello *h, struct cur c)
{
	uint8_t plain[QUIC_PLAIN_MAX];
	unsigned i;

	for (i = 0; i < QUIC_PACKETS_MAX && c.left >= 7; i++) {
		const uint8_t *head = c.p, *dcid;
		uint8_t first = cur_u8(&c), type = first >> 4 & 3, dcid_len;
		uint32_t version = cur_be32(&c), at, len;
		struct quic_keys keys;

		if (!(first & 0x80) || !connection_ids(&c, version, &dcid, &dcid_len))
			return;
		if (version == QUIC_V2) /* RFC 9369 3.2: all types moved by one */
			type = (type + 3) & 3;
		if (type == 3) /* Retry has no length */
			return;
		if (type == 0)
			cur_take(&c, quic_varint(&c)); /* token */
		len = quic_varint(&c);
		at = (uint32_t)(c.p - head);
		if (!cur_take(&c, len))
			return;
		if (type == 0 && client_keys(version, dcid, dcid_len, &keys)) {
			uint32_t n = packet_open(&keys, head, at, at + len, plain);

			if (n)
				quic_hello_add(h, cur_at(plain, n), is_google(version));
		}
	}
}

uint32_t app_quic_name(const uint8_t *p, uint32_t len, char ret[APP_NAME_SIZE])
{
	struct app_info info = {0};
	struct quic_hello h;

	h.nframes = 0;
	ret[0] = '\0';
	read_packets(&h, cur_at(p, len));
	if (!quic_hello_name(&h, &info))
		return 0;
	memcpy(ret, info.name, info.name_len);
	ret[info.name_len] = '\0';
	return info.name_len;
}
