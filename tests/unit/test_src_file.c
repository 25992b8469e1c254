/* Captures in files: every format, whole, in small pieces and cut at every byte.
 *
 * Expected values: captures.def, written by hand in tests/data/make_captures.py
 * and compared there with Wireshark's capinfos; others are counted by hand. */
#include "capture/src.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "capture/src_file.h"

#define CAPTURES SOURCE_ROOT "/tests/data/captures/"
#define PKTS_MAX 64

static const struct {
	const char *name;
	uint64_t packets, bytes;
	int64_t first_s, first_ns, last_s, last_ns;
	size_t ifaces;
	uint64_t notes;
} captures[] = {
#define CAPTURE(name, packets, bytes, first_s, first_ns, last_s, last_ns, ifaces, notes)           \
	{name, packets, bytes, first_s, first_ns, last_s, last_ns, ifaces, notes},
#include "captures.def"
#undef CAPTURE
};

/* Everything that one reading gave. */
struct got {
	struct pkt pkts[PKTS_MAX]; /* 'data' is not valid */
	uint64_t sums[PKTS_MAX];   /* of the bytes of each */
	uint64_t n, bytes, notes;
	int64_t first, last;
	size_t ifaces;
	struct src_note note; /* the first */
	struct src_meta meta;
};

static uint64_t sum_of(const uint8_t *p, size_t n)
{
	uint64_t sum = n;

	for (size_t i = 0; i < n; i++)
		sum = sum * 1099511628211u + p[i];
	return sum;
}

static void take(struct got *g, const struct pkt *p)
{
	assert_true(g->n < PKTS_MAX);
	if (!(p->flags & PKT_NO_TIME)) {
		if (!g->bytes || p->ts < g->first)
			g->first = p->ts;
		if (!g->bytes || p->ts > g->last)
			g->last = p->ts;
	}
	g->bytes += p->len;
	g->sums[g->n] = sum_of(p->data, p->caplen);
	g->pkts[g->n++] = *p;
}

/* Reads 'fd', which is closed.  -errno where it cannot be opened. */
static int read_fd(int fd, size_t step, size_t batch, struct got *ret)
{
	CLEANUP(src_freep) struct src *s = NULL;
	struct pkt pkts[PKTS_MAX];
	struct err err = {0};
	int r;

	*ret = (struct got){0};
	r = src_file_new(&s, fd, "input", step, NULL, &err);
	if (r < 0) {
		assert_true(err.code == r && err.text[0]);
		return r;
	}
	while ((r = src_recv(s, pkts, batch)) > 0)
		for (int i = 0; i < r; i++)
			take(ret, &pkts[i]);
	assert_int_equal(r, 0);
	const struct src_note *notes = src_notes(s, &ret->ifaces, &ret->notes);
	if (ret->notes)
		ret->note = notes[0];
	src_ifaces(s, &ret->ifaces);
	ret->meta = src_meta(s);
	return 0;
}

static int memory_fd(const void *p, size_t n)
{
	int fd = memfd_create("input", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, p, n), n);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static uint8_t *slurp(const char *name, size_t *ret_n)
{
	char path[512];
	uint8_t *p = malloc(1 << 16);
	int fd;

	snprintf(path, sizeof(path), "%s%s", CAPTURES, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	*ret_n = (size_t)read(fd, p, 1 << 16);
	assert_true(*ret_n < 1 << 16);
	close(fd);
	return p;
}

static void assert_same(const struct got *a, const struct got *b, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		assert_int_equal(a->pkts[i].ts, b->pkts[i].ts);
		assert_int_equal(a->pkts[i].clock, b->pkts[i].clock);
		assert_int_equal(a->pkts[i].caplen, b->pkts[i].caplen);
		assert_int_equal(a->pkts[i].len, b->pkts[i].len);
		assert_int_equal(a->pkts[i].off, b->pkts[i].off);
		assert_int_equal(a->pkts[i].number, b->pkts[i].number);
		assert_int_equal(a->pkts[i].iface, b->pkts[i].iface);
		assert_int_equal(a->pkts[i].linktype, b->pkts[i].linktype);
		assert_int_equal(a->pkts[i].drops, b->pkts[i].drops);
		assert_int_equal(a->pkts[i].dir, b->pkts[i].dir);
		assert_int_equal(a->pkts[i].flags, b->pkts[i].flags);
		assert_int_equal(a->sums[i], b->sums[i]);
	}
}

/* Whole, in pieces of one byte, and through a pipe. */
static void test_captures(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(captures) / sizeof(captures[0]); i++) {
		struct got whole, pieces, piped;
		size_t n;
		CLEANUP(freep) uint8_t *p = slurp(captures[i].name, &n);
		int fds[2];

		print_message("%s\n", captures[i].name);
		assert_int_equal(read_fd(memory_fd(p, n), RD_STEP, PKTS_MAX, &whole), 0);
		assert_int_equal(whole.n, captures[i].packets);
		assert_int_equal(whole.bytes, captures[i].bytes);
		assert_int_equal(whole.first,
				 captures[i].first_s * 1000000000 + captures[i].first_ns);
		assert_int_equal(whole.last, captures[i].last_s * 1000000000 + captures[i].last_ns);
		assert_int_equal(whole.ifaces, captures[i].ifaces);
		assert_int_equal(whole.notes, captures[i].notes);

		assert_int_equal(read_fd(memory_fd(p, n), 1, 1, &pieces), 0);
		assert_int_equal(pieces.n, whole.n);
		assert_int_equal(pieces.notes, whole.notes);
		assert_same(&whole, &pieces, whole.n);

		assert_int_equal(pipe(fds), 0);
		assert_int_equal(write(fds[1], p, n), n); /* fits a pipe's 64 KiB */
		close(fds[1]);
		assert_int_equal(read_fd(fds[0], RD_STEP, 2, &piped), 0);
		assert_int_equal(piped.n, whole.n);
		assert_same(&whole, &piped, whole.n);
	}
}

/* Marks the offsets where a record or block ends, from the formats' own length
 * fields.  Returns the bytes without which the file cannot be opened; 0: of a
 * format that this does not know. */
static size_t find_ends(const uint8_t *p, size_t n, bool *ends)
{
	bool be = p[0] == 0xa1 || p[8] == 0x1a;
	size_t at, head;

	if (!memcmp(p, "\x0a\x0d\x0d\x0a", 4)) {
		head = be ? be32_load(p + 4) : le32_load(p + 4);
		for (at = 0; at < n;) {
			if (!memcmp(p + at, "\x0a\x0d\x0d\x0a", 4))
				be = p[at + 8] == 0x1a;
			at += be ? be32_load(p + at + 4) : le32_load(p + at + 4);
			ends[at] = true;
		}
		return head;
	}
	if (!memcmp(p, "snoop\0\0\0", 8)) {
		/* Padding may be missing. */
		for (at = 16, ends[at] = true; at < n; at += be32_load(p + at + 8))
			for (size_t k = 24 + be32_load(p + at + 4); k <= be32_load(p + at + 8); k++)
				ends[at + k] = true;
		return 16;
	}
	if (p[1] == 0xb2 || p[2] == 0xb2) {
		head = p[0] == 0x34 ? 24 : 16;
		for (at = 24, ends[at] = true; at < n; ends[at] = true)
			at += head + (be ? be32_load(p + at + 8) : le32_load(p + at + 8));
		return 24;
	}
	return 0;
}

/* Cut at every byte: the packets before the cut are the same, and one note says
 * that it was cut, unless the cut is between two records. */
static void test_every_cut(void **state)
{
	size_t files = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(captures) / sizeof(captures[0]); i++) {
		struct got whole, cut;
		size_t n, head;
		CLEANUP(freep) uint8_t *p = slurp(captures[i].name, &n);
		CLEANUP(freep) bool *ends = calloc(n + 4096, sizeof(*ends));

		if (captures[i].notes || strstr(captures[i].name, "2_2"))
			continue;
		head = find_ends(p, n, ends);
		if (!head)
			continue;
		files++;
		print_message("%s\n", captures[i].name);
		assert_int_equal(read_fd(memory_fd(p, n), RD_STEP, PKTS_MAX, &whole), 0);
		for (size_t len = 0; len < n; len++) {
			uint64_t want = 0;
			int r = read_fd(memory_fd(p, len), RD_STEP, PKTS_MAX, &cut);

			assert_int_equal(r < 0, len < head);
			if (r < 0)
				continue;
			/* A packet counts when its whole record is there. */
			for (size_t at = head; at <= len; at++)
				for (uint64_t k = 0; ends[at] && k < whole.n; k++)
					if (whole.pkts[k].off < at && k + 1 > want)
						want = k + 1;
			assert_int_equal(cut.n, want);
			assert_same(&whole, &cut, cut.n);
			assert_int_equal(cut.notes, !ends[len]);
			assert_int_equal(cut.meta.cut, !ends[len]);
			if (cut.notes) {
				assert_true(cut.note.off < len);
				assert_non_null(strstr(cut.note.text, "cut"));
			}
		}
	}
	assert_true(files >= 15);
}

/* Packed files cut at every byte: what came out so far is used. */
static void test_packed_cut(void **state)
{
	static const char *const names[] = {"two.pcap.gz", "two.pcap.zst", "two.pcap.lz4"};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct got whole, cut;
		size_t n;
		CLEANUP(freep) uint8_t *p = slurp(names[i], &n);

		assert_int_equal(read_fd(memory_fd(p, n), RD_STEP, PKTS_MAX, &whole), 0);
		assert_non_null(whole.meta.packed);
		for (size_t len = 0; len < n; len++) {
			int r = read_fd(memory_fd(p, len), RD_STEP, PKTS_MAX, &cut);

			if (r < 0)
				continue;
			assert_true(cut.n <= whole.n);
			assert_same(&whole, &cut, cut.n);
			/* Half of it is a file of its own: the first member. */
			if (cut.n != 3)
				assert_true(cut.notes > 0);
		}
	}
}

static const struct {
	const char *bytes;
	size_t n;
	int code;
	const char *says;
} refused[] = {
	{"", 0, -ENODATA, "empty"},
	{"hello, world\n", 13, -EBADMSG, "text"},
	{"0000  45 00 00 54 00 00\n", 24, -EBADMSG, "text2pcap"},
	{"\t0x0000:  4500 0054\n", 20, -EBADMSG, "text2pcap"},
	{"GMBU\0\0\0\0\0\0\0\0", 12, -EBADMSG, "editcap"},
	{"RTSS\0\0\0\0\0\0\0\0", 12, -EBADMSG, "Network Monitor"},
	{"\xfd"
	 "7zXZ\0\0\0",
	 8, -EBADMSG, "unxz"},
	{"BZh91AY&SY", 10, -EBADMSG, "bunzip2"},
	{"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16, -EBADMSG, "not a capture"},
	{"\xd4\xc3\xb2\xa1\x02\0\x04\0", 8, -ENODATA, "8 of 24"},
	{"\xd4\xc3\xb2\xa1\x09\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 24, -EPROTO, "version"},
	{"\x0a\x0d\x0d\x0a\x1c\0\0\0\x4d\x3c\x2b\x1a", 12, -ENODATA, "cut"},
	{"\x0a\x0d\x0d\x0a\x07\0\0\0\x4d\x3c\x2b\x1a\1\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\x1c\0"
	 "\0\0",
	 28, -EBADMSG, "damaged"},
	{"snoop\0\0\0\0\0\0\4\0\0\0\4", 16, -EPROTO, "version"},
	{"\x1f\x8b\x08\0\0\0\0\0\0\3", 10, -ENODATA, "before its time"},
	{"\x1f\x8b\x08\0\0\0\0\0\0\3\xff\xff", 12, -EBADMSG, "gzip"},
};

static void test_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct src *s = NULL;
		struct err err = {0};
		int r = src_file_new(&s, memory_fd(refused[i].bytes, refused[i].n), "x", RD_STEP,
				     NULL, &err);

		if (r != refused[i].code || !strstr(err.text, refused[i].says))
			print_message("%zu: %d %s\n", i, r, err.text);
		assert_int_equal(r, refused[i].code);
		assert_non_null(strstr(err.text, refused[i].says));
		assert_null(s);
	}
}

static void test_paths(void **state)
{
	static const struct {
		const char *path;
		int code;
		const char *says;
	} paths[] = {
		{"/nonexistent/x.pcap", -ENOENT, "cannot open '/nonexistent/x.pcap'"},
		{"file:/nonexistent/x.pcap", -ENOENT, "cannot open '/nonexistent/x.pcap'"},
		{"/", -EISDIR, "'/' is a directory"},
		{"/dev/zero", -EBADMSG, "not a capture"}, /* endless, and still an answer */
		{"/dev/null", -ENODATA, "empty"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct src *s = NULL;
		struct err err = {0};

		assert_int_equal(src_open(&s, paths[i].path, NULL, &err), paths[i].code);
		assert_non_null(strstr(err.text, paths[i].says));
		assert_null(s);
	}
}

/* The draft's blocks, as blocks_*.pcapng has them. */
static void test_block_details(void **state)
{
	static const char *const names[] = {"blocks_le.pcapng", "blocks_be.pcapng"};

	(void)state;
	for (int big = 0; big < 2; big++) {
		CLEANUP(src_freep) struct src *s = NULL;
		char path[512];
		struct pkt k[8];
		struct src_meta m;
		struct err err;
		size_t n;

		snprintf(path, sizeof(path), "%s%s", CAPTURES, names[big]);
		assert_int_equal(src_open(&s, path, NULL, &err), 0);
		assert_int_equal(src_recv(s, k, 1), 1);
		assert_int_equal(k[0].dir, PKT_DIR_IN);
		assert_int_equal(k[0].flags, PKT_DROPS);
		assert_int_equal(k[0].drops, 7);
		assert_int_equal(k[0].iface, 0);
		assert_int_equal(src_recv(s, k, 1), 1);
		assert_int_equal(k[0].dir, PKT_DIR_OUT);
		assert_int_equal(k[0].iface, 1);
		assert_int_equal(k[0].linktype, 101);
		assert_int_equal(k[0].len, 40);
		assert_int_equal(k[0].caplen, 21);
		assert_int_equal(src_recv(s, k, 1), 1); /* obsolete packet block */
		assert_int_equal(k[0].drops, 3);
		assert_int_equal(k[0].ts, INT64_C(1700000000000000006));
		assert_int_equal(src_recv(s, k, 1), 1); /* simple packet block */
		assert_int_equal(k[0].flags, PKT_NO_TIME);
		assert_int_equal(k[0].ts, INT64_C(1700000000000000006));
		assert_int_equal(k[0].caplen, 128);
		assert_int_equal(k[0].len, 1500);
		assert_int_equal(src_recv(s, k, 8), 1);
		assert_int_equal(k[0].caplen, 0);
		assert_int_equal(src_recv(s, k, 8), 0);

		const struct src_iface *i = src_ifaces(s, &n);
		assert_int_equal(n, 2);
		assert_string_equal(i[0].name, "eth0");
		assert_string_equal(i[0].descr, "first");
		assert_string_equal(i[0].filter, "tcp");
		assert_string_equal(i[0].os, "Linux");
		assert_string_equal(i[0].hardware, "card");
		assert_int_equal(i[0].speed, 1000000000);
		assert_int_equal(i[0].fcs_len, 4);
		assert_int_equal(i[0].snaplen, 128);
		assert_int_equal(i[0].ticks_per_sec, 1000000000);
		assert_int_equal(i[0].packets, 4);
		assert_int_equal(i[0].dropcount, 10);
		assert_int_equal(i[0].recv, 100);
		assert_int_equal(i[0].drops, 3); /* ifdrop 1 + osdrop 2 */
		assert_int_equal(i[0].accept, 90);
		assert_int_equal(i[0].deliv, 80);
		assert_null(i[1].name);
		assert_false(i[1].has_drops);
		assert_int_equal(i[1].ticks_per_sec, 1000000);

		const struct src_section *c = src_sections(s, &n);
		assert_int_equal(n, 1);
		assert_int_equal(c->big, big);
		assert_string_equal(c->hardware, "hardware");
		assert_string_equal(c->os, "system");
		assert_string_equal(c->app, "application");
		assert_int_equal(c->n_comments, 1);
		assert_string_equal(c->comments[0], "a comment");
		m = src_meta(s);
		assert_int_equal(m.format, SRC_PCAPNG);
		assert_int_equal(m.ip4_names, 1);
		assert_int_equal(m.ip6_names, 1);
		assert_int_equal(m.secrets, 1);
		assert_int_equal(m.journal, 1);
		assert_int_equal(m.custom, 2);
		assert_int_equal(m.others, 1);
		assert_int_equal(m.comments, 1);
		assert_int_equal(m.read, m.size);
		assert_int_equal(m.unpacked, m.size);
	}
}

/* Damage says where it is, and where reading goes on. */
static void test_damage_note(void **state)
{
	struct got g;
	size_t n;
	CLEANUP(freep) uint8_t *p = slurp("damaged.pcap", &n);

	(void)state;
	assert_int_equal(read_fd(memory_fd(p, n), RD_STEP, PKTS_MAX, &g), 0);
	assert_true(g.meta.damaged);
	assert_int_equal(g.note.off, 24 + 76); /* behind header and first packet */
	assert_non_null(strstr(g.note.text, "40 bytes passed over"));
	assert_non_null(strstr(g.note.text, "offset 140"));
	assert_int_equal(g.pkts[1].off, 140);
}

#define MANY 20000

/* Records of all sizes over many steps, so that some lie across their ends. */
static void test_steps(void **state)
{
	static const size_t steps[] = {RD_STEP, 4096, 1009};
	CLEANUP(buf_done) struct buf b = BUF_INIT;
	uint8_t data[1500];

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7);
	pcap_hdr_write(&b, true, 1, 262144);
	for (uint64_t i = 0; i < MANY; i++) {
		struct pkt p = {.ts = (int64_t)i,
				.data = data + i % 9,
				.len = 1500,
				.caplen = (uint32_t)(i * 13 % 1400)};

		assert_int_equal(pcap_rec_write(&b, true, &p), 1);
	}
	for (size_t k = 0; k < 3; k++) {
		CLEANUP(src_freep) struct src *s = NULL;
		struct pkt pkts[100];
		struct err err;
		uint64_t n = 0;
		int r;

		assert_int_equal(src_file_new(&s, memory_fd(b.p, b.len), "x", steps[k], NULL, &err),
				 0);
		while ((r = src_recv(s, pkts, k ? 100 : 7)) > 0) {
			for (int i = 0; i < r; i++, n++) {
				assert_int_equal(pkts[i].ts, n);
				assert_int_equal(pkts[i].caplen, n * 13 % 1400);
				assert_memory_equal(pkts[i].data, data + n % 9, pkts[i].caplen);
			}
		}
		assert_int_equal(n, MANY);
	}
}

/* A record larger than the window, and one larger than any. */
static void test_large(void **state)
{
	const uint32_t size = 10 << 20;
	CLEANUP(freep) uint8_t *data = malloc(size);
	CLEANUP(buf_done) struct buf b = BUF_INIT;
	struct pkt p = {.ts = 1000, .data = data, .caplen = size, .len = size};
	struct got g;

	(void)state;
	memset(data, 0x5a, size);
	pcap_hdr_write(&b, false, 1, UINT32_MAX);
	pcap_rec_write(&b, false, &p);
	p.caplen = p.len = 60;
	pcap_rec_write(&b, false, &p);
	assert_int_equal(read_fd(memory_fd(b.p, b.len), RD_STEP, PKTS_MAX, &g), 0);
	assert_int_equal(g.n, 2);
	assert_int_equal(g.pkts[0].caplen, size);
	assert_int_equal(g.notes, 0);

	le32_store(b.p + 24 + 8, SRC_RECORD_MAX + 1);
	assert_int_equal(read_fd(memory_fd(b.p, b.len), RD_STEP, PKTS_MAX, &g), 0);
	assert_true(g.meta.damaged);
	assert_int_equal(g.notes, 1);
	assert_int_equal(g.n, 1); /* the small one behind it is found again */
}

/* 10 GB that are nearly all hole: no reading of zeros, no memory. */
static void test_sparse(void **state)
{
	CLEANUP(buf_done) struct buf b = BUF_INIT;
	struct pkt p = {.ts = 1000000000, .data = (const uint8_t *)"abc", .caplen = 3, .len = 60};
	struct src *s = NULL;
	struct err err = {0};
	struct got g;
	int fd;

	(void)state;
	pcap_hdr_write(&b, false, 1, 262144);
	pcap_rec_write(&b, false, &p);
	fd = memory_fd(b.p, b.len);
	assert_int_equal(ftruncate(fd, INT64_C(10) << 30), 0);
	assert_int_equal(read_fd(fd, RD_STEP, PKTS_MAX, &g), 0);
	assert_int_equal(g.n, 1);
	assert_int_equal(g.notes, 1);
	assert_int_equal(g.note.off, 24 + 19);
	assert_int_equal(g.meta.unpacked, INT64_C(10) << 30);

	fd = memory_fd("", 0);
	assert_int_equal(ftruncate(fd, INT64_C(10) << 30), 0);
	assert_int_equal(src_file_new(&s, fd, "x", RD_STEP, NULL, &err), -EBADMSG);
}

/* Interface descriptions without end: bounded, and said once. */
static void test_many_ifaces(void **state)
{
	CLEANUP(buf_done) struct buf b = BUF_INIT;
	struct pcapng_shb shb = {0};
	struct pcapng_idb idb = {.linktype = 1, .tsresol = 9};
	struct pkt p = {.ts = 1, .data = (const uint8_t *)"abc", .caplen = 3, .len = 60};
	struct got g;

	(void)state;
	pcapng_shb_write(&b, &shb, pcapng_text(NULL));
	for (int i = 0; i < SRC_IFACES_MAX + 10; i++)
		pcapng_idb_write(&b, &idb, pcapng_text(NULL));
	pcapng_epb_write(&b, &p, SRC_IFACES_MAX - 1);
	pcapng_epb_write(&b, &p, SRC_IFACES_MAX);
	assert_int_equal(read_fd(memory_fd(b.p, b.len), RD_STEP, PKTS_MAX, &g), 0);
	assert_int_equal(g.ifaces, SRC_IFACES_MAX);
	assert_int_equal(g.n, 1);
	assert_int_equal(g.notes, 11); /* 10 descriptions, one packet */
}

/* Notes are kept up to a number and counted beyond it. */
static void test_many_notes(void **state)
{
	CLEANUP(buf_done) struct buf b = BUF_INIT;
	CLEANUP(src_freep) struct src *s = NULL;
	struct pkt p = {.ts = 1000000000, .data = (const uint8_t *)"abc", .caplen = 3, .len = 60};
	struct pkt pkts[64];
	struct err err;
	uint64_t total, got = 0;
	size_t n;
	int r;

	(void)state;
	pcap_hdr_write(&b, false, 1, 262144);
	for (int i = 0; i < 100; i++) {
		for (int k = 0; k < 4; k++)
			pcap_rec_write(&b, false, &p);
		buf_add(&b, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 16);
	}
	assert_int_equal(src_file_new(&s, memory_fd(b.p, b.len), "x", RD_STEP, NULL, &err), 0);
	while ((r = src_recv(s, pkts, 64)) > 0)
		got += (uint64_t)r;
	assert_int_equal(got, 400);
	src_notes(s, &n, &total);
	assert_int_equal(n, SRC_NOTES_MAX);
	assert_int_equal(total, 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_captures),    cmocka_unit_test(test_every_cut),
		cmocka_unit_test(test_packed_cut),  cmocka_unit_test(test_refused),
		cmocka_unit_test(test_paths),       cmocka_unit_test(test_block_details),
		cmocka_unit_test(test_damage_note), cmocka_unit_test(test_steps),
		cmocka_unit_test(test_large),       cmocka_unit_test(test_sparse),
		cmocka_unit_test(test_many_ifaces), cmocka_unit_test(test_many_notes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
