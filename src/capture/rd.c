#include "capture/rd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/stop.h"
#include "capture/unpack.h"
#include "fmt/magic.h"

/* A pipe gives what there is; below this much room the window moves first. */
#define ROOM_MIN (32u << 10)

static size_t align_up(size_t n)
{
	return (n + RD_ALIGN - 1) / RD_ALIGN * RD_ALIGN;
}

void rd_init(struct rd *rd)
{
	*rd = (struct rd){.fd = -1, .step = RD_STEP, .keep = 1};
}

void rd_done(struct rd *rd)
{
	size_t i;

	if (rd->fd > 0)
		close(rd->fd);
	for (i = 0; i < RD_KEEP_MAX; i++)
		free(rd->buf[i].p);
	free(rd->in);
	unpack_free(rd->unpack);
}

const char *rd_packed(const struct rd *rd)
{
	return rd->unpack ? unpack_name(rd->unpack) : NULL;
}

static size_t fail(struct rd *rd, int code, const char *what)
{
	rd->failed = code;
	err_set(&rd->why, code, "%s: %s", what, strerror(-code));
	return 0;
}

/* One read().  0: end or failure. */
static size_t fd_read(struct rd *rd, uint8_t *dst, size_t size)
{
	ssize_t n = stop_read(rd->stop, rd->fd, dst, size);

	if (n == -ECANCELED) {
		rd->failed = -ECANCELED;
		return 0;
	}
	if (n < 0)
		return fail(rd, (int)n, "cannot read");
	rd->raw += (uint64_t)n;
	return (size_t)n;
}

static size_t plain_read(struct rd *rd, uint8_t *dst, size_t size)
{
	size_t n = rd->in_len - rd->in_at;

	if (!n)
		return rd->in_eof ? 0 : fd_read(rd, dst, size);
	if (n > size)
		n = size;
	memcpy(dst, rd->in + rd->in_at, n);
	rd->in_at += n;
	return n;
}

static size_t packed_read(struct rd *rd, uint8_t *dst, size_t size)
{
	for (;;) {
		if (rd->in_at == rd->in_len && !rd->in_eof) {
			rd->in_at = 0;
			rd->in_len = fd_read(rd, rd->in, rd->step);
			rd->in_eof = !rd->in_len;
		}

		size_t in = rd->in_len - rd->in_at, out = size;
		int r = unpack_run(rd->unpack, rd->in + rd->in_at, &in, dst, &out, &rd->why);

		rd->in_at += in;
		if (r)
			rd->in_eof = rd->eof = true;
		if (out || r)
			return out;
		if (rd->in_eof && !in) {
			if (!rd->failed && !unpack_at_end(rd->unpack))
				err_set(&rd->why, -ENODATA, "the %s data ends before its time",
					unpack_name(rd->unpack));
			return 0;
		}
	}
}

static int unpack_kind_of(enum magic m)
{
	switch (m) {
	case MAGIC_GZIP:
		return UNPACK_GZIP;
	case MAGIC_ZSTD:
		return UNPACK_ZSTD;
	case MAGIC_LZ4:
		return UNPACK_LZ4;
	default:
		return -1;
	}
}

int rd_start(struct rd *rd, struct err *err)
{
	struct stat st;
	int kind;

	rd->buf[0].size = RD_HEAD + RD_STEP;
	rd->buf[0].p = aligned_alloc(RD_ALIGN, rd->buf[0].size);
	rd->in = malloc(RD_STEP);
	if (!rd->buf[0].p || !rd->in)
		return err_set(err, -ENOMEM, "out of memory");
	rd->p = rd->end = rd->buf[0].p + RD_HEAD;
	rd->seekable = fstat(rd->fd, &st) == 0 && S_ISREG(st.st_mode);
	if (rd->seekable)
		posix_fadvise(rd->fd, 0, 0, POSIX_FADV_SEQUENTIAL);

	/* Not more than is needed: a pipe may give its header long before its
	 * first packet. */
	while (rd->in_len < MAGIC_SIZE && magic_find(rd->in, rd->in_len) <= MAGIC_EMPTY) {
		size_t room = RD_HEAD - rd->in_len;
		size_t n = fd_read(rd, rd->in + rd->in_len, room < rd->step ? room : rd->step);

		rd->in_len += n;
		rd->in_eof = !n;
		if (!n)
			break;
	}
	if (rd->failed)
		return err_set(err, rd->failed, "%s", rd->why.text);

	kind = unpack_kind_of(magic_find(rd->in, rd->in_len));
	if (kind >= 0)
		return unpack_new(&rd->unpack, (enum unpack_kind)kind, err);
	return 0;
}

/* End of the buffer that the window lies in. */
static uint8_t *buf_end(const struct rd *rd)
{
	return rd->buf[rd->turn].p + rd->buf[rd->turn].size;
}

/* Makes room for reading behind the window.  The end of the window, where
 * reads go, is kept aligned: the kernel copies faster so. */
static bool make_room(struct rd *rd, size_t n)
{
	size_t left = rd_left(rd);
	size_t head = left <= RD_HEAD ? RD_HEAD : align_up(left);
	size_t want = head + (n > left + RD_STEP ? align_up(n - left) : RD_STEP);
	unsigned next = (rd->turn + 1) % rd->keep;
	uint8_t *old = NULL;

	if (left && (size_t)(buf_end(rd) - rd->end) >= ROOM_MIN)
		return true;
	if (rd->reuse && rd->window + 1 >= rd->keep)
		rd->reuse(rd->reuse_arg, rd->window + 1 - rd->keep);
	if (want > rd->buf[next].size) {
		uint8_t *p = aligned_alloc(RD_ALIGN, want);

		if (!p)
			return false;
		old = rd->buf[next].p;
		rd->buf[next].p = p;
		rd->buf[next].size = want;
	}
	memmove(rd->buf[next].p + head - left, rd->p, left);
	free(old); /* with one buffer in turn the window lay in it */
	rd->p = rd->buf[next].p + head - left;
	rd->end = rd->buf[next].p + head;
	rd->turn = next;
	rd->window++;
	return true;
}

bool rd_need(struct rd *rd, size_t n)
{
	while (rd_left(rd) < n) {
		size_t room, got;
		uint8_t *dst;

		if (rd->eof)
			return false;
		if (n > RD_NEED_MAX || !make_room(rd, n)) {
			rd->eof = true;
			fail(rd, -ENOMEM, "cannot hold a record");
			return false;
		}
		dst = rd->buf[rd->turn].p + (rd->end - rd->buf[rd->turn].p);
		room = (size_t)(buf_end(rd) - dst);
		if (room > rd->step)
			room = rd->step;
		got = rd->unpack ? packed_read(rd, dst, room) : plain_read(rd, dst, room);
		rd->end += got;
		rd->off += got;
		if (!got)
			rd->eof = true;
	}
	return true;
}

static bool all_zero(const uint8_t *p, size_t n)
{
	uint64_t v = 0;

	for (; n >= 8; p += 8, n -= 8)
		v |= le64_load(p);
	while (n--)
		v |= *p++;
	return !v;
}

uint64_t rd_skip_hole(struct rd *rd)
{
	off_t at, data;

	if (!all_zero(rd->p, rd_left(rd)) || !rd->seekable || rd->unpack || rd->in_at < rd->in_len)
		return 0;
	at = lseek(rd->fd, 0, SEEK_CUR);
	if (at < 0)
		return 0;
	data = lseek(rd->fd, at, SEEK_DATA);
	if (data < 0 && errno == ENXIO)
		data = lseek(rd->fd, 0, SEEK_END);
	if (data <= at) {
		lseek(rd->fd, at, SEEK_SET);
		return 0;
	}
	rd->raw += (uint64_t)(data - at);
	rd->off += (uint64_t)(data - at);
	rd->p = rd->end;
	return (uint64_t)(data - at);
}
