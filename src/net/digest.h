/* SHA-256, RIPEMD-160 and SHA-1 of a stream of bytes, all three in one pass. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define DIGEST_TEXT_SIZE 65 /* of the longest, in hexadecimal, with NUL */

struct digest;

struct digest_texts {
	char sha256[DIGEST_TEXT_SIZE];
	char ripemd160[DIGEST_TEXT_SIZE]; /* "" where the system's library refuses it */
	char sha1[DIGEST_TEXT_SIZE];
};

int digest_new(struct digest **ret); /* 0, -ENOMEM or -ENOTSUP */
void digest_free(struct digest *d);  /* NULL is fine */
static inline void digest_freep(struct digest **d)
{
	digest_free(*d);
}

void digest_add(struct digest *d, const void *p, size_t n);
void digest_end(struct digest *d, struct digest_texts *ret); /* once */
