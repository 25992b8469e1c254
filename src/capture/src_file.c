/* Files, pipes and standard input as a source of packets. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/stop.h"
#include "capture/src_file.h"
#include "fmt/erf.h"
#include "fmt/magic.h"

/* ERF has no magic: so many bytes show enough records. */
#define LOOK_SIZE (64u << 10)

static void file_free(struct src *s)
{
	struct src_file *f = (struct src_file *)s;

	if (s->meta.format == SRC_PCAPNG)
		walk_ng_done(f);
	rd_done(&f->rd);
	src_done(s);
	free(f);
}

void src_file_end(struct src_file *f, uint64_t off, const char *what)
{
	struct rd *rd = &f->rd;

	if (rd->why.code)
		src_note_add(&f->src, rd->off, NULL, "%s", rd->why.text);
	if (what && rd->failed != -ECANCELED) { /* what was not read is not missing */
		f->src.meta.cut = true;
		src_note_add(&f->src, off, NULL, "cut: the data ends in the middle of %s", what);
	}
	f->ended = true;
}

static int file_recv(struct src *s, struct pkt *pkts, size_t max)
{
	struct src_file *f = (struct src_file *)s;
	int n;

	f->rd.keep = s->keep;
	f->rd.reuse = s->reuse;
	f->rd.reuse_arg = s->reuse_arg;
	n = f->ended ? 0 : f->walk(f, pkts, max);
	s->window = f->rd.window;
	s->meta.read = f->rd.raw;
	s->meta.unpacked = rd_at(&f->rd);
	if (!n && f->rd.failed) {
		int code = f->rd.failed;

		f->rd.failed = 0; /* said once */
		return code;
	}
	return n;
}

/* Recognises what is in the window, reading no more than it takes. */
static enum magic find_format(struct rd *rd)
{
	enum magic m = MAGIC_UNKNOWN;

	while (rd_need(rd, rd_left(rd) + 1)) {
		m = magic_find(rd->p, rd_left(rd));
		if (m != MAGIC_UNKNOWN || rd_left(rd) >= LOOK_SIZE)
			break;
	}
	if (m == MAGIC_UNKNOWN && rd->eof && erf_looks(rd->p, rd_left(rd), true))
		m = MAGIC_ERF;
	return rd_left(rd) ? m : MAGIC_EMPTY;
}

static int start(struct src_file *f, struct err *err)
{
	struct rd *rd = &f->rd;
	enum magic m = find_format(rd);

	switch (m) {
	case MAGIC_PCAP:
		return walk_pcap_start(f, err);
	case MAGIC_PCAPNG:
		return walk_ng_start(f, err);
	case MAGIC_SNOOP:
		return walk_snoop_start(f, err);
	case MAGIC_ERF:
		return walk_erf_start(f, err);
	case MAGIC_EMPTY:
		return err_set(err, -ENODATA, "it is empty%s",
			       rd->unpack ? " when unpacked" : ": 0 bytes");
	case MAGIC_GZIP:
	case MAGIC_ZSTD:
	case MAGIC_LZ4:
		return err_set(err, -EBADMSG, "it is compressed twice; unpack it once first");
	default:
		return err_set(err, -EBADMSG, "it is %s", magic_refusal(rd->p, rd_left(rd)));
	}
}

int src_file_new(struct src **ret, int fd, const char *name, size_t step, const struct stop *stop,
		 struct err *err)
{
	CLEANUP(src_freep) struct src *s = NULL;
	struct src_file *f;
	struct stat st;
	int r;

	f = calloc(1, sizeof(*f));
	if (!f) {
		if (fd != STDIN_FILENO)
			close(fd);
		return err_set(err, -ENOMEM, "out of memory");
	}
	s = &f->src;
	src_init(s, &src_file);
	rd_init(&f->rd);
	f->rd.fd = fd;
	f->rd.step = step;
	f->rd.stop = stop;

	if (fstat(fd, &st) < 0)
		return err_set(err, -errno, "cannot open '%s': %s", name, strerror(errno));
	if (S_ISDIR(st.st_mode))
		return err_set(err, -EISDIR, "'%s' is a directory", name);
	if (fd == STDIN_FILENO && isatty(fd))
		return err_set(err, -EINVAL, "standard input is a terminal, not a capture");

	r = rd_start(&f->rd, err);
	if (r == 0)
		r = start(f, err);
	if (r < 0 && f->rd.failed == -ECANCELED) /* too little is there to judge it */
		return err_set(err, -ECANCELED, "stopped while reading '%s'", name);
	if (r < 0 && f->rd.why.code)
		r = err_set(err, f->rd.why.code, "%s", f->rd.why.text);
	if (r < 0)
		return err_wrap(err, r, "cannot read '%s'", name);

	s->meta.size = S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
	s->meta.packed = rd_packed(&f->rd);
	s->meta.read = f->rd.raw;
	*ret = TAKE_PTR(s);
	return 0;
}

static int file_open(struct src **ret, const char *arg, const struct stop *stop, struct err *err)
{
	int fd;

	if (!strcmp(arg, "-"))
		return src_file_new(ret, STDIN_FILENO, "standard input", RD_STEP, stop, err);
	fd = stop_open(stop, arg);
	if (fd < 0)
		return err_set(err, fd, "cannot open '%s': %s", arg, strerror(-fd));
	return src_file_new(ret, fd, arg, RD_STEP, stop, err);
}

const struct src_ops src_file = {
	.scheme = "file",
	.open = file_open,
	.recv = file_recv,
	.free = file_free,
};
