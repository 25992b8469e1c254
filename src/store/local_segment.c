#include "store/local.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/crc32c.h"
#include "base/vec.h"
#include "fmt/pcapng.h"

#define RESERVE        (UINT64_C(256) << 10) /* bytes at once */
#define EPB_FLAGS_SIZE 12 /* the option with the direction, and the end of options */

void local_file_done(struct local_file *f)
{
	if (f->fd >= 0)
		close(f->fd);
	buf_done(&f->buf);
	*f = (struct local_file){.fd = -1};
}

int local_file_create(struct local *s, const char *name, int64_t handle, struct local_file *f)
{
	int fd = s->files.create(s->files.arg, name);

	if (fd < 0)
		return fd;
	f->fd = fd;
	f->handle = handle;
	f->room = 0;
	f->written = 0;
	f->torn = false;
	return 0;
}

/* Nothing is written that was not reserved. */
static int reserve(struct local *s, struct local_file *f)
{
	uint64_t need = f->buf.len > f->room ? f->buf.len - f->room : 0;
	uint64_t more = need > RESERVE ? need : RESERVE;
	int r;

	if (!need || !s->retain)
		return 0;
	do {
		r = retain_reserve(s->retain, f->handle, more);
		if (r < 0 && more > need) {
			more = need;
			r = retain_reserve(s->retain, f->handle, more);
		}
		/* What is being sealed can go when that is done. */
	} while (r == -EDQUOT && local_sealer_pause(s->sealer));
	f->room += r == 0 ? more : 0;
	return r;
}

int local_file_flush(struct local *s, struct local_file *f)
{
	size_t at = 0;
	int r;

	if (buf_err(&f->buf))
		return -ENOMEM;
	r = reserve(s, f);
	if (r < 0)
		return r;
	if (f->torn && ftruncate(f->fd, (off_t)f->written) < 0)
		return -errno;
	f->torn = false;
	while (at < f->buf.len) {
		ssize_t n = pwrite(f->fd, f->buf.p + at, f->buf.len - at, (off_t)(f->written + at));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			r = -errno;
			/* Until it is cut readers bear the torn end. */
			f->torn = at && ftruncate(f->fd, (off_t)f->written) < 0;
			return r;
		}
		at += (size_t)n;
	}
	f->written += at;
	f->room -= at < f->room ? at : f->room;
	buf_clear(&f->buf);
	return 0;
}

void local_segment_done(struct local_segment *g)
{
	local_file_done(&g->file);
	local_file_done(&g->told_file);
	free(g->spans);
	free(g->refs);
	*g = (struct local_segment){.file.fd = -1, .told_file.fd = -1};
}

static void remember(struct local_segment *g)
{
	g->kept_head = g->head;
	g->kept_spans = g->n_spans;
	g->kept_refs = g->n_refs;
	g->kept_end = g->packets_end;
	if (g->n_spans)
		g->kept_span = g->spans[g->n_spans - 1];
}

int64_t local_keep(struct local *s, int64_t kept, enum retain_kind kind, uint32_t number)
{
	return s->retain ? retain_add(s->retain, kept, kind, number) : 0;
}

int local_segment_open(struct local_segment *g, struct local *s, const char *run, int64_t kept)
{
	int64_t handle = local_keep(s, kept, RETAIN_SEGMENT, g->number + 1);
	char name[LOCAL_NAME_SIZE];
	int r;

	if (handle < 0)
		return (int)handle;

	snprintf(name, sizeof(name), "%s-%06u" LOCAL_SEGMENT, run, g->number + 1);
	r = local_file_create(s, name, handle, &g->file);
	if (r < 0) {
		if (s->retain)
			retain_gone(s->retain, handle);
		return r;
	}
	g->number++;
	g->head = g->n_spans = g->n_refs = 0;
	g->packets_end = 0;
	g->crc = 0;
	g->part = (struct pidx_span){0};
	g->told_refs = 0;
	/* Without it all but the last moment of a killed run can still be worked out. */
	snprintf(name, sizeof(name), "%s-%06u" LOCAL_REFS, run, g->number);
	buf_clear(&g->told_file.buf);
	if (local_file_create(s, name, handle, &g->told_file) == 0)
		pidx_refs_magic(&g->told_file.buf);
	remember(g);
	return 0;
}

void local_segment_head(struct local_segment *g, const struct buf *head)
{
	if (g->head == head->len)
		return;
	buf_add(&g->file.buf, head->p + g->head, head->len - g->head);
	g->head = head->len;
}

uint64_t local_segment_cost(const struct pkt *p)
{
	return PCAPNG_EPB_MIN + PCAPNG_PAD4((uint64_t)p->caplen) +
	       (p->dir == PKT_DIR_UNKNOWN ? 0 : EPB_FLAGS_SIZE);
}

static void count_in_span(struct local_segment *g, const struct pkt *p, uint64_t at)
{
	struct pidx_span *s = g->n_spans ? &g->spans[g->n_spans - 1] : NULL;

	assert(g->spans);
	if (!s || at - s->from >= PIDX_SPAN) {
		s = &g->spans[g->n_spans++];
		*s = (struct pidx_span){.from = at, .min = p->ts, .max = p->ts};
	}
	s->to = g->packets_end;
	s->packets++;
	s->min = p->ts < s->min ? p->ts : s->min;
	s->max = p->ts > s->max ? p->ts : s->max;
}

/* The same for what is in the buffer. */
static void count_in_part(struct local_segment *g, const struct pkt *p, uint64_t at)
{
	struct pidx_span *s = &g->part;

	if (!s->packets++)
		*s = (struct pidx_span){.from = at, .packets = 1, .min = p->ts, .max = p->ts};
	s->to = g->packets_end;
	s->min = p->ts < s->min ? p->ts : s->min;
	s->max = p->ts > s->max ? p->ts : s->max;
}

int local_segment_add(struct local_segment *g, const struct pkt *p, const struct flow_ref *refs,
		      uint32_t n)
{
	uint64_t at = g->file.written + g->file.buf.len;
	uint32_t k;

	if (vec_reserve(&g->refs, &g->size_refs, g->n_refs + n, sizeof(*g->refs)) < 0 ||
	    vec_reserve(&g->spans, &g->size_spans, g->n_spans + 1, sizeof(*g->spans)) < 0 ||
	    buf_reserve(&g->file.buf, local_segment_cost(p)) < 0)
		return -ENOMEM;
	pcapng_epb_write(&g->file.buf, p, p->iface);
	g->packets_end = g->file.written + g->file.buf.len;
	for (k = 0; k < n; k++)
		g->refs[g->n_refs++] = (struct pidx_ref){
			.serial = refs[k].serial,
			.at = (uint32_t)(at / PIDX_UNIT),
		};
	count_in_span(g, p, at);
	count_in_part(g, p, at);
	return 0;
}

/* Checksums of the spans that have bytes in the buffer, and of the part that those are, each byte
 * once.  Blocks may lie behind a span's last packet that are within it when the next one comes:
 * 'crc' has them too, and becomes the segment's when the buffer is in the file. */
static uint32_t sum_up(struct local_segment *g)
{
	const uint8_t *p = (const uint8_t *)g->file.buf.p;
	const uint64_t base = g->file.written, end = base + g->file.buf.len;
	struct pidx_span *part = &g->part;
	uint64_t done = part->from; /* the part's bytes are summed up to here */
	uint32_t crc = g->crc, sum;
	size_t i;

	part->crc = 0;
	for (i = g->kept_spans ? g->kept_spans - 1 : 0; i < g->n_spans; i++) {
		struct pidx_span *s = &g->spans[i];
		const bool goes_on = i < g->kept_spans;
		uint64_t at = goes_on ? base : s->from;

		crc = goes_on ? crc : 0;
		if (s->to <= at)
			continue; /* its last packet is in the file */
		if (at < done && done < s->to) {
			crc = crc32c(crc, p + (at - base), done - at);
			at = done;
		} else if (done < at) {
			part->crc = crc32c(part->crc, p + (done - base), at - done);
		}
		sum = crc32c(0, p + (at - base), s->to - at);
		part->crc = crc32c_join(part->crc, sum, s->to - at);
		s->crc = crc = crc32c_join(crc, sum, s->to - at);
		s->has_crc = 1;
		done = s->to;
	}
	part->has_crc = 1;
	done = g->packets_end > base ? g->packets_end : base;
	return g->n_spans ? crc32c(crc, p + (done - base), end - done) : 0;
}

/* Says of what has been written whose it is. */
static void tell(struct local_segment *g, struct local *s)
{
	struct local_file *f = &g->told_file;

	if (f->fd >= 0 && g->part.packets) {
		pidx_refs_put(&f->buf, &g->part, g->refs + g->told_refs, g->n_refs - g->told_refs);
		/* What the disk does not take now comes with the next ones. */
		if (local_file_flush(s, f) == -ENOMEM) {
			close(TAKE_FD(f->fd));
			buf_clear(&f->buf);
		}
	}
	g->part.packets = 0;
	g->told_refs = g->n_refs;
}

int local_segment_flush(struct local_segment *g, struct local *s)
{
	const uint32_t crc = buf_err(&g->file.buf) ? 0 : sum_up(g);
	int r = local_file_flush(s, &g->file);

	if (r < 0)
		return r;
	g->crc = crc;
	tell(g, s);
	remember(g);
	return 0;
}

void local_segment_revert(struct local_segment *g)
{
	buf_clear(&g->file.buf);
	g->part.packets = 0;
	g->head = g->kept_head;
	g->n_spans = g->kept_spans;
	g->n_refs = g->kept_refs;
	g->packets_end = g->kept_end;
	if (g->n_spans)
		g->spans[g->n_spans - 1] = g->kept_span;
}

/* Under a name of its own until it is whole. */
static int write_index(struct local *s, const char *name, int64_t handle, struct local_file *f)
{
	char tmp[LOCAL_NAME_SIZE + 16];
	int r;

	snprintf(tmp, sizeof(tmp), "%s" LOCAL_INDEX LOCAL_TMP, name);
	r = local_file_create(s, tmp, handle, f);
	if (r < 0)
		return r;
	r = local_file_flush(s, f);
	if (r < 0) {
		close(TAKE_FD(f->fd));
		s->files.unlink(s->files.arg, tmp);
	}
	return r;
}

int local_segment_seal(struct local_segment *g, struct local *s, struct local_sealed *by,
		       const char *run_name, uint64_t run, struct pidx_info *ret,
		       uint64_t *ret_bytes)
{
	CLEANUP(local_file_done) struct local_file f = {.fd = -1};
	struct pidx_info info = {.run = run, .segment = g->number, .bytes = g->packets_end};
	struct pidx_ref *tmp = reallocarray(NULL, g->n_refs + 1, sizeof(*tmp));
	struct local_seal job = {
		.kind = LOCAL_SEAL_PACKETS,
		.by = by,
		.handle = g->file.handle,
		.bytes = g->file.written,
		.refs = g->told_file.written,
	};
	struct pidx x;
	int r = -ENOMEM;

	snprintf(job.name, sizeof(job.name), "%s-%06u", run_name, g->number);
	if (tmp) {
		pidx_sort(g->refs, tmp, g->n_refs);
		r = pidx_write(&f.buf, &info, g->spans, g->n_spans, g->refs, g->n_refs);
	}
	free(tmp);
	if (r == 0 && pidx_open(&x, (const uint8_t *)f.buf.p, f.buf.len) == 0) {
		info = x.info;
		pidx_done(&x);
		r = write_index(s, job.name, g->file.handle, &f);
	}
	*ret = info;
	job.index = *ret_bytes = r == 0 ? f.written : 0;
	job.fd = TAKE_FD(g->file.fd);
	job.other = TAKE_FD(f.fd);
	local_sealer_give(s->sealer, &job);
	local_file_done(&g->told_file);
	return r;
}
