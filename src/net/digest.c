#include "net/digest.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>

enum {
	SHA256,
	RIPEMD160,
	SHA1,
	KINDS,
};

struct digest {
	EVP_MD_CTX *ctx[KINDS]; /* owned; NULL: not available */
};

int digest_new(struct digest **ret)
{
	const EVP_MD *const kinds[KINDS] = {EVP_sha256(), EVP_ripemd160(), EVP_sha1()};
	struct digest *d = calloc(1, sizeof(*d));

	if (!d)
		return -ENOMEM;
	for (int i = 0; i < KINDS; i++) {
		d->ctx[i] = EVP_MD_CTX_new();
		if (d->ctx[i] && EVP_DigestInit_ex(d->ctx[i], kinds[i], NULL) != 1) {
			EVP_MD_CTX_free(d->ctx[i]);
			d->ctx[i] = NULL;
		}
	}
	if (!d->ctx[SHA256]) {
		digest_free(d);
		return -ENOTSUP;
	}
	*ret = d;
	return 0;
}

void digest_free(struct digest *d)
{
	if (!d)
		return;
	for (int i = 0; i < KINDS; i++)
		EVP_MD_CTX_free(d->ctx[i]);
	free(d);
}

void digest_add(struct digest *d, const void *p, size_t n)
{
	for (int i = 0; i < KINDS; i++)
		if (d->ctx[i])
			EVP_DigestUpdate(d->ctx[i], p, n);
}

static void end(EVP_MD_CTX *ctx, char ret[DIGEST_TEXT_SIZE])
{
	static const char hex[] = "0123456789abcdef";
	unsigned char md[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	if (!ctx || EVP_DigestFinal_ex(ctx, md, &n) != 1 || n > (DIGEST_TEXT_SIZE - 1) / 2)
		n = 0;
	for (unsigned i = 0; i < n; i++) {
		*ret++ = hex[md[i] >> 4];
		*ret++ = hex[md[i] & 15];
	}
	*ret = '\0';
}

void digest_end(struct digest *d, struct digest_texts *ret)
{
	end(d->ctx[SHA256], ret->sha256);
	end(d->ctx[RIPEMD160], ret->ripemd160);
	end(d->ctx[SHA1], ret->sha1);
}
