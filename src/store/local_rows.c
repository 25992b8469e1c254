/* Rows of a run: gathered to blocks of flow segments, and until a block is full written to
 * a tail, second by second. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "flow/flow_segment.h"
#include "store/local.h"

#define BLOCK_NS  (INT64_C(300) * 1000000000) /* that rows wait for their block at most */
#define FRESH_MAX (FSEG_ROWS / 4)             /* rows of one second that go to the tail */
#define FILE_FULL 16                          /* blocks of one file */

void local_rows_init(struct local_rows *w)
{
	*w = (struct local_rows){.number = 1, .tail.fd = -1, .file.fd = -1};
}

void local_rows_done(struct local_rows *w)
{
	fseg_writer_free(w->block);
	local_file_done(&w->tail);
	local_file_done(&w->file);
}

uint64_t local_rows_held(const struct local_rows *w)
{
	return w->file.buf.len;
}

static int make_writer(struct local_rows *w)
{
	struct fseg_opts o;

	if (w->block)
		return 0;
	flow_segment_opts(&o);
	return fseg_writer_new(&w->block, &o);
}

static void close_tail(struct local_rows *w)
{
	if (w->tail.fd >= 0)
		close(TAKE_FD(w->tail.fd));
	buf_clear(&w->tail.buf);
	w->tail.written = 0;
	w->tail.torn = false;
}

int local_rows_cut(struct local_rows *w)
{
	struct buf *b = &w->file.buf;
	struct fseg_head h;
	size_t at;
	int r;

	if (!w->block || !fseg_rows(w->block))
		return 0;
	if (!w->first) {
		w->first = w->number;
		fseg_put_magic(b);
	}
	at = b->len;
	r = fseg_end(w->block, b);
	if (r == 0)
		r = fseg_head((const uint8_t *)b->p + at, b->len - at, &h);
	if (r < 0)
		return r;
	w->pending[w->n_pending++] = (struct jrn_block){
		.number = w->number++,
		.file = w->first,
		.at = w->file.written + at,
		.size = h.size,
		.rows = h.rows,
		.start = h.start,
		.last = h.last,
	};
	w->timed = false;
	close_tail(w);
	return 0;
}

int64_t local_rows_add(struct local_rows *w, const struct batch *b, size_t at)
{
	int64_t n = make_writer(w);

	if (n < 0)
		return n;
	if (w->n_pending == LOCAL_PENDING)
		return 0;
	n = fseg_add(w->block, b, at);
	if (n < 0)
		return n;
	if (at + (size_t)n < b->n || fseg_rows(w->block) == FSEG_ROWS) {
		int r = local_rows_cut(w);

		if (r < 0)
			return r;
	}
	return n;
}

int local_rows_beat(struct local_rows *w, int64_t now)
{
	int r;

	if (!w->block || !fseg_rows(w->block))
		return 0;
	if (!w->timed)
		w->since = now;
	w->timed = true;
	/* Where so many come, there is soon a block: they need no tail. */
	if (fseg_fresh(w->block) > FRESH_MAX || now < w->since || now - w->since >= BLOCK_NS)
		return w->n_pending == LOCAL_PENDING ? 0 : local_rows_cut(w);
	if (!fseg_fresh(w->block))
		return 0;
	if (w->tail.fd < 0 && !w->tail.buf.len)
		fseg_put_magic(&w->tail.buf);
	r = fseg_put_fresh(w->block, &w->tail.buf);
	return r == -E2BIG ? 0 : r; /* they wait for their block */
}

static int create(struct local *s, const char *run, int64_t kept, enum retain_kind kind,
		  uint32_t number, struct local_file *f)
{
	int64_t handle = local_keep(s, kept, kind, number);
	char name[LOCAL_NAME_SIZE];
	int r;

	if (handle < 0)
		return (int)handle;
	snprintf(name, sizeof(name), "%s-%06u%s", run, number,
		 kind == RETAIN_FSEG ? LOCAL_ROWS : LOCAL_TAIL);
	r = local_file_create(s, name, handle, f);
	if (r < 0 && s->retain)
		retain_gone(s->retain, handle);
	return r;
}

int local_rows_flush(struct local_rows *w, struct local *s, const char *run, int64_t kept,
		     struct buf *jrn)
{
	size_t i;
	int r = 0;

	if (w->n_pending) {
		if (w->file.fd < 0)
			r = create(s, run, kept, RETAIN_FSEG, w->first, &w->file);
		if (r == 0)
			r = local_file_flush(s, &w->file);
		if (r < 0)
			return r;
		for (i = 0; i < w->n_pending; i++)
			jrn_put_block(jrn, &w->pending[i]);
		w->written = w->pending[w->n_pending - 1].number;
		w->n_pending = 0;
	}
	if (!w->tail.buf.len)
		return 0;
	if (w->tail.fd < 0) {
		if (w->n_tails == LOCAL_TAILS)
			return 0; /* none for this block */
		r = create(s, run, kept, RETAIN_ROWS, w->number, &w->tail);
		if (r < 0)
			return r;
		w->tails[w->n_tails].number = w->number;
		w->tails[w->n_tails].handle = w->tail.handle;
		w->tails[w->n_tails++].bytes = 0;
	}
	r = local_file_flush(s, &w->tail);
	if (r == 0)
		w->tails[w->n_tails - 1].bytes = w->tail.written;
	return r;
}

/* The segment's last blocks, durable; and the tails that they replace, gone. */
void local_rows_commit(struct local_rows *w, struct local *s, struct local_sealed *by,
		       const char *run, int jrn_fd, bool last)
{
	bool full = w->file.fd >= 0 && w->first && !w->n_pending &&
		    (last || w->written + 1 - w->first >= FILE_FULL);
	struct local_seal job = {.by = by};
	size_t i, n = 0;

	for (i = 0; i < w->n_tails; i++) {
		if (w->tails[i].number > w->written) {
			w->tails[n++] = w->tails[i];
			continue;
		}
		job.kind = LOCAL_SEAL_TAIL;
		job.fd = fcntl(w->file.fd, F_DUPFD_CLOEXEC, 0);
		job.other = fcntl(jrn_fd, F_DUPFD_CLOEXEC, 0);
		job.handle = w->tails[i].handle;
		job.bytes = w->tails[i].bytes;
		snprintf(job.name, sizeof(job.name), "%s-%06u", run, w->tails[i].number);
		local_sealer_give(s->sealer, &job);
	}
	w->n_tails = n;
	if (!full)
		return;
	w->bytes += w->file.written;
	job.kind = LOCAL_SEAL_ROWS;
	job.handle = w->file.handle;
	job.bytes = w->file.written;
	job.fd = TAKE_FD(w->file.fd);
	job.other = -1;
	local_sealer_give(s->sealer, &job);
	w->file.written = 0;
	w->first = 0;
}

uint64_t local_rows_bytes(const struct local_rows *w)
{
	return w->bytes + w->file.written + w->tail.written;
}
