/* Decompressors as streams of bytes; concatenated members and frames count as
 * one stream.  Internal to capture's file reader; one thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum unpack_kind {
	UNPACK_GZIP,
	UNPACK_ZSTD,
	UNPACK_LZ4,
};

struct unpack;

int unpack_new(struct unpack **ret, enum unpack_kind kind, struct err *err);
void unpack_free(struct unpack *u); /* NULL is fine */
const char *unpack_name(const struct unpack *u);

/* Reads up to '*in_size' bytes, writes up to '*out_size': both become what was
 * used.  0; 1: the stream ended and what follows in 'in' is not part of it;
 * -EBADMSG or -ENOMEM with 'err' set, what was written before is good. */
int unpack_run(struct unpack *u, const uint8_t *in, size_t *in_size, uint8_t *out, size_t *out_size,
	       struct err *err);

/* Whether the input may end here: between members or frames. */
bool unpack_at_end(const struct unpack *u);
