#include "store/window.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "fmt/pcapng.h"

#define FAR  (8u << 10)   /* bytes read at a place that was jumped to */
#define NEAR (256u << 10) /* and where reading goes on */

void window_done(struct window *w)
{
	free(w->p);
	*w = (struct window){.fd = -1};
}

static size_t read_at(int fd, uint8_t *p, size_t size, uint64_t at)
{
	size_t got = 0;

	while (got < size) {
		ssize_t n = pread(fd, p + got, size - got, (off_t)(at + got));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		got += (size_t)n;
	}
	return got;
}

const uint8_t *window_get(struct window *w, uint64_t at, size_t n)
{
	uint64_t end = w->at + w->len;
	bool goes_on = w->len && at >= w->at && at <= end + FAR;
	size_t want = goes_on || !at ? NEAR : FAR;
	uint8_t *p;

	if (w->p && at >= w->at && at <= end && n <= end - at)
		return w->p + (at - w->at);
	if (at > w->size || n > w->size - at || n > WINDOW_MAX)
		return NULL;
	want = want < n ? n : want;
	want = want > w->size - at ? (size_t)(w->size - at) : want;
	if (want > w->room) {
		p = realloc(w->p, want);
		if (!p)
			return NULL;
		w->p = p;
		w->room = want;
	}
	w->at = at;
	w->len = read_at(w->fd, w->p, want, at);
	return w->len >= n ? w->p : NULL;
}

int64_t window_rec(struct window *w, uint64_t at, struct rec *ret)
{
	const uint8_t *p;
	uint32_t len;

	if (at >= w->size)
		return 0;
	p = window_get(w, at, REC_HEAD);
	if (!p)
		return -ENODATA;
	len = le32_load(p + 4);
	if (len > REC_MAX)
		return -EBADMSG;
	p = window_get(w, at, REC_HEAD + (size_t)len);
	return p ? rec_read(p, REC_HEAD + (size_t)len, ret) : -ENODATA;
}

uint32_t window_block(struct window *w, uint64_t at, const uint8_t **ret)
{
	const uint8_t *p = at % 4 ? NULL : window_get(w, at, PCAPNG_BLOCK_MIN);
	uint32_t len;

	if (!p)
		return 0;
	len = le32_load(p + 4);
	if (len < PCAPNG_BLOCK_MIN || len > WINDOW_BLOCK_MAX || len % 4)
		return 0;
	p = window_get(w, at, len);
	if (!p || le32_load(p + len - 4) != len)
		return 0;
	*ret = p;
	return len;
}
