#include "capture/unpack.h"

#include <errno.h>
#include <lz4frame.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#define GZIP_WINDOW (15 + 16) /* largest window, gzip header expected */

struct unpack {
	enum unpack_kind kind;
	bool between; /* no member or frame is open */
	z_stream z;
	bool z_ready, z_again; /* z_again: a member has been read */
	ZSTD_DStream *zstd;
	LZ4F_dctx *lz4;
};

static int nomem(struct err *err)
{
	return err_set(err, -ENOMEM, "out of memory");
}

int unpack_new(struct unpack **ret, enum unpack_kind kind, struct err *err)
{
	struct unpack *u = calloc(1, sizeof(*u));

	if (!u)
		return nomem(err);
	u->kind = kind;
	u->between = true;
	switch (kind) {
	case UNPACK_GZIP:
		u->z_ready = inflateInit2(&u->z, GZIP_WINDOW) == Z_OK;
		break;
	case UNPACK_ZSTD: /* its default limit: windows up to 128 MiB */
		u->zstd = ZSTD_createDStream();
		break;
	case UNPACK_LZ4:
		if (LZ4F_isError(LZ4F_createDecompressionContext(&u->lz4, LZ4F_VERSION)))
			u->lz4 = NULL;
		break;
	}
	if (!u->z_ready && !u->zstd && !u->lz4) {
		unpack_free(u);
		return nomem(err);
	}
	*ret = u;
	return 0;
}

void unpack_free(struct unpack *u)
{
	if (!u)
		return;
	if (u->z_ready)
		inflateEnd(&u->z);
	ZSTD_freeDStream(u->zstd);
	LZ4F_freeDecompressionContext(u->lz4);
	free(u);
}

const char *unpack_name(const struct unpack *u)
{
	static const char *const names[] = {
		[UNPACK_GZIP] = "gzip",
		[UNPACK_ZSTD] = "zstd",
		[UNPACK_LZ4] = "lz4",
	};

	return names[u->kind];
}

bool unpack_at_end(const struct unpack *u)
{
	return u->between;
}

static int gzip_run(struct unpack *u, const uint8_t *in, size_t *in_size, uint8_t *out,
		    size_t *out_size, struct err *err)
{
	int r;

	/* gzip(1) ignores what follows a member and is not another one; many
	 * files are padded with zeros. */
	if (u->between && *in_size && u->z_again && in[0] != 0x1f) {
		*in_size = *out_size = 0;
		return 1;
	}
	u->z.next_in = (uint8_t *)in;
	u->z.avail_in = (unsigned)*in_size;
	u->z.next_out = out;
	u->z.avail_out = (unsigned)*out_size;
	if (*in_size)
		u->between = false;
	r = inflate(&u->z, Z_NO_FLUSH);
	*in_size -= u->z.avail_in;
	*out_size -= u->z.avail_out;
	if (r == Z_STREAM_END) {
		u->between = true;
		if (inflateReset(&u->z) != Z_OK)
			return nomem(err);
		u->z_again = true;
		return 0;
	}
	if (r == Z_OK || r == Z_BUF_ERROR)
		return 0;
	if (r == Z_MEM_ERROR)
		return nomem(err);
	return err_set(err, -EBADMSG, "gzip: %s", u->z.msg ? u->z.msg : "damaged data");
}

static int zstd_run(struct unpack *u, const uint8_t *in, size_t *in_size, uint8_t *out,
		    size_t *out_size, struct err *err)
{
	ZSTD_inBuffer i = {in, *in_size, 0};
	ZSTD_outBuffer o = {out, *out_size, 0};
	size_t r = ZSTD_decompressStream(u->zstd, &o, &i);

	*in_size = i.pos;
	*out_size = o.pos;
	if (ZSTD_isError(r))
		return err_set(err, -EBADMSG, "zstd: %s", ZSTD_getErrorName(r));
	/* Asked without input between frames, it wants the next one's header. */
	if (i.pos || o.pos)
		u->between = r == 0;
	return 0;
}

static int lz4_run(struct unpack *u, const uint8_t *in, size_t *in_size, uint8_t *out,
		   size_t *out_size, struct err *err)
{
	size_t r = LZ4F_decompress(u->lz4, out, out_size, in, in_size, NULL);

	if (LZ4F_isError(r)) {
		*in_size = *out_size = 0;
		return err_set(err, -EBADMSG, "lz4: %s", LZ4F_getErrorName(r));
	}
	if (*in_size || *out_size)
		u->between = r == 0;
	return 0;
}

int unpack_run(struct unpack *u, const uint8_t *in, size_t *in_size, uint8_t *out, size_t *out_size,
	       struct err *err)
{
	switch (u->kind) {
	case UNPACK_GZIP:
		return gzip_run(u, in, in_size, out, out_size, err);
	case UNPACK_ZSTD:
		return zstd_run(u, in, in_size, out, out_size, err);
	case UNPACK_LZ4:
		return lz4_run(u, in, in_size, out, out_size, err);
	}
	return -EINVAL;
}
