#include "store/window.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

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
