/* Packets to a pcapng or pcap file, a pipe or standard output.
 *
 * The buffer always begins and ends between records, so that what a full disk
 * leaves behind can be cut back to whole ones.  What it holds is known packet by
 * packet, so that each can be counted as lost; descriptions of interfaces are
 * never given up, since packets behind them need them. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/outlet.h"
#include "base/vec.h"
#include "fmt/linktype.h"
#include "fmt/pcap.h"
#include "fmt/pcapng.h"
#include "sink/sink_ops.h"

#define FILE_BUFFER  (1u << 20)
#define LINKTYPE_ETH 1
#define TSRESOL_NS   9
#define TICKS_US     1000000
#define MODE         0666 /* less the umask */

/* A packet in the buffer. */
struct held {
	size_t from, to; /* where its record begins and ends */
	uint32_t iface, caplen;
};

struct file {
	struct sink sink;
	char *path; /* owned; for messages */
	int fd;     /* owned unless it is standard output */
	struct outlet out;
	struct buf buf;
	struct held *held; /* packets of the buffer, in its order; owned */
	size_t n_held, size_held;
	bool live;
	bool regular; /* it can be cut */
	bool ng;
	bool started;      /* the file header is written */
	bool nano;         /* pcap: ns */
	bool has_linktype; /* pcap: */
	uint16_t linktype;
	uint32_t snaplen;
	struct pcapng_shb shb; /* texts owned */
	char *comment;         /* owned */
	uint64_t written;      /* bytes that the system took */
	struct err failed;     /* for good; code 0: not yet */
	struct err trouble;    /* what the disk said to the last write; code 0: it took it */
	bool trying;           /* in trouble: packets are let in, to see whether it does now */
};

static void file_free(struct sink *s)
{
	struct file *f = (struct file *)s;

	if (f->fd >= 0 && f->fd != STDOUT_FILENO)
		close(f->fd);
	buf_done(&f->buf);
	free(f->held);
	free((void *)f->shb.app.p);
	free((void *)f->shb.os.p);
	free((void *)f->shb.hardware.p);
	free(f->comment);
	free(f->path);
	free(f);
}

static const char *name_of(const struct file *f)
{
	return f->fd == STDOUT_FILENO ? "standard output" : f->path;
}

static int fail(struct file *f, int code, struct err *err, const char *what)
{
	err_set(&f->failed, code, "%s '%s': %s", what, name_of(f),
		code == -ECANCELED ? "nobody read it when the capture ended" : strerror(-code));
	return err_set(err, code, "%s", f->failed.text);
}

static int failed(const struct file *f, struct err *err)
{
	return err_set(err, f->failed.code, "%s", f->failed.text);
}

/* Bytes of whole records among the first 'n' of the buffer. */
static size_t whole(const struct file *f, size_t n)
{
	const uint8_t *p = (const uint8_t *)f->buf.p;
	size_t at = 0;

	if (!f->ng && !f->written) {
		if (n < PCAP_HDR_SIZE)
			return 0;
		at = PCAP_HDR_SIZE;
	}
	while (n - at >= PCAP_REC_SIZE) {
		size_t size = f->ng ? le32_load(p + at + 4)
				    : PCAP_REC_SIZE + (size_t)le32_load(p + at + 8);

		if (size > n - at)
			break;
		at += size;
	}
	return at;
}

/* The disk is full in the middle of a record: take its 'torn' bytes back, which are the
 * last of the output.  Where they are not, others write to it too. */
static bool cut_back(struct file *f, size_t torn)
{
	struct stat st;
	off_t end;

	if (!torn)
		return true;
	end = lseek(f->fd, 0, SEEK_CUR);
	return f->regular && end >= (off_t)torn && fstat(f->fd, &st) == 0 && st.st_size == end &&
	       ftruncate(f->fd, end - (off_t)torn) == 0 &&
	       lseek(f->fd, end - (off_t)torn, SEEK_SET) >= 0;
}

/* The first 'n' bytes of the buffer are in the output, the packets behind them are lost.
 * Descriptions stay: later packets need them. */
static void lose_held(struct file *f, size_t n)
{
	size_t from = n, to = 0, i;

	for (i = 0; i < f->n_held; i++) {
		const struct held *h = &f->held[i];

		if (h->to <= n)
			continue;
		sink_lost(&f->sink, h->iface, h->caplen);
		memmove(f->buf.p + to, f->buf.p + from, h->from - from);
		to += h->from - from;
		from = h->to;
	}
	memmove(f->buf.p + to, f->buf.p + from, f->buf.len - from);
	f->buf.len = to + f->buf.len - from;
	f->n_held = 0;
	f->written += n;
}

static void set_trouble(struct file *f, int code)
{
	f->trying = false;
	if (!f->trouble.code)
		err_set(&f->trouble, code,
			"cannot write '%s': %s: no packets are kept until that is mended",
			name_of(f), strerror(-code));
}

static int write_out(struct file *f, struct err *err)
{
	bool packets = f->n_held > 0, good;
	size_t n, done;
	int r;

	if (buf_err(&f->buf)) {
		lose_held(f, 0);
		buf_clear(&f->buf);
		return fail(f, -ENOMEM, err, "cannot write");
	}
	r = outlet_write(&f->out, f->buf.p, f->buf.len, &n);
	if (r < 0) {
		done = whole(f, n);
		good = cut_back(f, n - done);
		lose_held(f, done);
		if (!f->live || !f->regular || !good)
			return fail(f, r, err, "cannot write");
		set_trouble(f, r);
		return 0;
	}
	f->written += n;
	f->n_held = 0;
	buf_clear(&f->buf);
	if (packets)
		f->trouble.code = 0;
	return 0;
}

static void start(struct file *f)
{
	if (f->started)
		return;
	f->started = true;
	if (f->ng)
		pcapng_shb_write(&f->buf, &f->shb, pcapng_text(f->comment));
	else
		pcap_hdr_write(&f->buf, f->nano, f->has_linktype ? f->linktype : LINKTYPE_ETH,
			       f->snaplen);
}

static int other_linktype(const struct file *f, uint16_t linktype, struct err *err)
{
	char a[LINKTYPE_TEXT_SIZE], b[LINKTYPE_TEXT_SIZE];

	return err_set(err, -EINVAL,
		       "a classic pcap file holds one link type, and after %s here comes %s; "
		       "write pcapng instead",
		       linktype_text(f->linktype, a), linktype_text(linktype, b));
}

static int file_iface(struct sink *s, const struct sink_iface *i, struct err *err)
{
	struct file *f = (struct file *)s;

	if (f->failed.code)
		return failed(f, err);
	if (!f->ng) {
		/* Two interfaces may be described and only one have packets: the
		 * packets decide, but for the first. */
		if (!f->has_linktype) {
			f->linktype = i->linktype;
			f->has_linktype = true;
		}
		if (!f->started && (i->ticks_per_sec > TICKS_US || !i->ticks_per_sec))
			f->nano = true;
		return 0;
	}

	struct pcapng_idb d = {
		.linktype = i->linktype,
		.snaplen = f->snaplen,
		.tsresol = TSRESOL_NS,
		.fcs_len = i->fcs_len,
		.speed = i->speed,
		.has_speed = i->speed > 0,
		.name = pcapng_text(i->name),
		.descr = pcapng_text(i->descr),
		.filter = pcapng_text(i->filter),
		.os = pcapng_text(i->os),
		.hardware = pcapng_text(i->hardware),
	};

	start(f);
	pcapng_idb_write(&f->buf, &d, pcapng_text(i->comment));
	return f->buf.len >= FILE_BUFFER ? write_out(f, err) : 0;
}

static int hold(struct file *f, const struct pkt *p, size_t from)
{
	if (vec_reserve(&f->held, &f->size_held, f->n_held + 1, sizeof(*f->held)) < 0)
		return -ENOMEM;
	f->held[f->n_held++] = (struct held){from, f->buf.len, p->iface, p->caplen};
	return 0;
}

static int pcap_begin(struct file *f, const struct pkt *p, struct err *err)
{
	if (f->started && p->linktype != f->linktype)
		return other_linktype(f, p->linktype, err);
	if (!f->started) {
		f->linktype = p->linktype;
		f->has_linktype = true;
		start(f);
	}
	return 0;
}

/* One packet, which is counted as lost where it is. */
static int add(struct file *f, const struct pkt *p, struct err *err)
{
	int r = f->ng ? 0 : pcap_begin(f, p, err);
	size_t from = f->buf.len;
	bool exact;

	if (r < 0) {
		sink_lost(&f->sink, p->iface, p->caplen);
		return r;
	}
	if (f->ng)
		pcapng_epb_write(&f->buf, p, p->iface);
	exact = f->ng ? p->ts >= 0
		      : pcap_rec_write(&f->buf, f->nano, p) && (f->nano || p->ts % 1000 == 0);
	if (buf_err(&f->buf) || hold(f, p, from) < 0) {
		f->buf.len = from;
		sink_lost(&f->sink, p->iface, p->caplen);
		lose_held(f, 0);
		buf_clear(&f->buf);
		return fail(f, -ENOMEM, err, "cannot write");
	}
	f->sink.inexact += !exact;
	return f->buf.len >= FILE_BUFFER ? write_out(f, err) : 0;
}

static int file_send(struct sink *s, const struct pkt *pkts, size_t n, struct err *err)
{
	struct file *f = (struct file *)s;
	int r = f->failed.code ? failed(f, err) : 0;

	for (size_t i = 0; i < n; i++) {
		bool off = r < 0 || (f->trouble.code && !f->trying);

		if (off)
			sink_lost(s, pkts[i].iface, pkts[i].caplen);
		else
			r = add(f, &pkts[i], err);
	}
	return r;
}

static int file_stats(struct sink *s, const struct iface_stats *st, struct err *err)
{
	struct file *f = (struct file *)s;
	const struct pcapng_isb b = pcapng_isb_of(st);

	if (f->failed.code)
		return failed(f, err);
	if (f->ng)
		pcapng_isb_write(&f->buf, &b);
	return 0;
}

static int file_flush(struct sink *s, struct err *err)
{
	struct file *f = (struct file *)s;

	bool again = f->trouble.code && !f->trying;
	int r;

	if (f->failed.code)
		return failed(f, err);
	start(f);
	r = write_out(f, err);
	if (again && r == 0)
		f->trying = !f->buf.len;
	return r;
}

static int file_finish(struct sink *s, struct err *err)
{
	struct file *f = (struct file *)s;
	int r = file_flush(s, err);

	if (r == 0 && f->buf.len)
		r = fail(f, f->trouble.code, err, "cannot write all of");
	if (r < 0 || f->fd == STDOUT_FILENO)
		return r;
	/* Network file systems report a full disk only here. */
	r = close(TAKE_FD(f->fd));
	return r < 0 && errno != EINTR ? fail(f, -errno, err, "cannot write") : 0;
}

static int file_trouble(const struct sink *s, const char **ret_text)
{
	const struct file *f = (const struct file *)s;

	if (f->trouble.code)
		*ret_text = f->trouble.text;
	return f->trouble.code;
}

static void file_until(struct sink *s, int64_t when)
{
	((struct file *)s)->out.until = when;
}

static bool ends_in(const char *name, const char *end)
{
	size_t n = strlen(name), m = strlen(end);

	return n > m && !strcasecmp(name + n - m, end);
}

static bool is_ng(enum sink_format format, const char *path)
{
	if (format == SINK_BY_NAME)
		return !ends_in(path, ".pcap") && !ends_in(path, ".cap") && !ends_in(path, ".dmp");
	return format == SINK_PCAPNG;
}

static int set_texts(struct file *f, const struct sink_conf *c)
{
	const char *const from[] = {c->app, c->os, c->hardware};
	struct pcapng_text *const to[] = {&f->shb.app, &f->shb.os, &f->shb.hardware};

	for (int i = 0; i < 3; i++) {
		if (!from[i])
			continue;
		*to[i] = pcapng_text(strdup(from[i]));
		if (!to[i]->p)
			return -ENOMEM;
	}
	if (c->comment) {
		f->comment = strdup(c->comment);
		if (!f->comment)
			return -ENOMEM;
	}
	return 0;
}

int sink_file_new(struct sink **ret, int fd, const char *name, const struct sink_conf *conf,
		  struct err *err)
{
	CLEANUP(sink_freep) struct sink *s = NULL;
	struct file *f = calloc(1, sizeof(*f));
	struct stat st;
	int r;

	if (!f) {
		if (fd != STDOUT_FILENO)
			close(fd);
		return err_set(err, -ENOMEM, "out of memory");
	}
	f->fd = fd;
	f->sink.ops = &sink_file;
	s = &f->sink;

	f->live = conf->live;
	outlet_init(&f->out, fd, conf->stop);
	f->regular = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
	f->ng = is_ng(conf->format, name);
	f->has_linktype = conf->has_linktype;
	f->linktype = conf->linktype;
	f->snaplen = conf->snaplen ? conf->snaplen : SINK_SNAPLEN_DEFAULT;
	f->path = strdup(name);
	r = f->path ? set_texts(f, conf) : -ENOMEM;
	if (r == 0)
		r = buf_reserve(&f->buf, FILE_BUFFER + FILE_BUFFER / 2);
	if (r < 0)
		return err_set(err, r, "out of memory");
	*ret = TAKE_PTR(s);
	return 0;
}

static int file_open(struct sink **ret, const char *arg, const struct sink_conf *conf,
		     struct err *err)
{
	int fd = STDOUT_FILENO;

	if (strcmp(arg, "-") != 0)
		fd = open(arg, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, MODE);
	if (fd < 0)
		return err_set(err, -errno, "cannot create '%s': %s", arg, strerror(errno));
	return sink_file_new(ret, fd, arg, conf, err);
}

const struct sink_ops sink_file = {
	.scheme = "file",
	.open = file_open,
	.iface = file_iface,
	.send = file_send,
	.stats = file_stats,
	.flush = file_flush,
	.finish = file_finish,
	.trouble = file_trouble,
	.until = file_until,
	.free = file_free,
};
