/* Packets to files.  What is written is read back by Wireshark's and tcpdump's
 * formats as the codecs' tests have them byte by byte; here: what holds for
 * whole files.  Expected sizes are counted by hand from the formats. */
#include "sink/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/bytes.h"
#include "base/cleanup.h"

static const struct sink_iface eth = {.name = "eth0", .linktype = 1, .ticks_per_sec = 1000000};
static const struct sink_iface eth_ns = {.linktype = 1, .ticks_per_sec = 1000000000};
static const struct sink_iface sll = {.name = "any", .linktype = 113, .ticks_per_sec = 1000000};

static const struct pkt one = {.ts = 1700000000000005000,
			       .data = (const uint8_t *)"abcde",
			       .caplen = 5,
			       .len = 60,
			       .linktype = 1};
static const struct pkt one_sll = {.ts = 1700000000000005000,
				   .data = (const uint8_t *)"fg",
				   .caplen = 2,
				   .len = 2,
				   .linktype = 113,
				   .iface = 1};

struct place {
	char dir[64];
	char path[96];
};

static int setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	if (!p)
		return -1;
	strcpy(p->dir, "/tmp/sink-XXXXXX");
	if (!mkdtemp(p->dir))
		return -1;
	snprintf(p->path, sizeof(p->path), "%s/out.pcap", p->dir);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;

	unlink(p->path);
	rmdir(p->dir);
	free(p);
	return 0;
}

static size_t slurp(const char *path, uint8_t *p, size_t max)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	assert_true(fd >= 0);
	n = read(fd, p, max);
	assert_true(n >= 0);
	close(fd);
	return (size_t)n;
}

static struct sink *opened(const char *path, const struct sink_conf *conf)
{
	struct sink *s = NULL;
	struct err err = {0};

	assert_int_equal(sink_open(&s, path, conf, &err), 0);
	return s;
}

/* Without packets there is a valid file: header only, of the right link type. */
static void test_empty(void **state)
{
	static const struct {
		enum sink_format format;
		bool has_linktype;
		uint16_t linktype;
		bool describe;
		size_t size;
		uint32_t network;
	} rows[] = {
		{SINK_PCAP, false, 0, false, 24, 1}, /* Ethernet unless told */
		{SINK_PCAP, true, 0, false, 24, 0},     {SINK_PCAP, true, 101, true, 24, 101},
		{SINK_PCAP, false, 0, true, 24, 113}, /* that of the first interface */
		{SINK_BY_NAME, false, 0, false, 24, 1}, {SINK_PCAPNG, false, 0, false, 32, 0},
	};
	struct place *p = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sink_conf conf = {.format = rows[i].format,
					 .has_linktype = rows[i].has_linktype,
					 .linktype = rows[i].linktype};
		CLEANUP(sink_freep) struct sink *s = opened(p->path, &conf);
		uint8_t got[256];
		struct err err;

		if (rows[i].describe)
			assert_int_equal(sink_iface(s, &sll, &err), 0);
		assert_int_equal(sink_finish(s, &err), 0);
		assert_int_equal(slurp(p->path, got, sizeof(got)), rows[i].size);
		if (rows[i].size == 24) {
			assert_int_equal(le32_load(got), 0xa1b2c3d4);
			assert_int_equal(le32_load(got + 16), 262144);
			assert_int_equal(le32_load(got + 20), rows[i].network);
		} else {
			assert_int_equal(le32_load(got), 0x0a0d0d0a);
		}
	}
}

static void test_names(void **state)
{
	static const struct {
		const char *end;
		uint32_t magic;
	} rows[] = {
		{"x.pcap", 0xa1b2c3d4},   {"x.CAP", 0xa1b2c3d4}, {"x.dmp", 0xa1b2c3d4},
		{"x.pcapng", 0x0a0d0d0a}, {"x", 0x0a0d0d0a},     {".pcap.gz", 0x0a0d0d0a},
	};
	struct place *p = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sink_conf conf = {0};
		CLEANUP(sink_freep) struct sink *s = NULL;
		char path[128];
		uint8_t got[64];
		struct err err;

		snprintf(path, sizeof(path), "file:%s/%s", p->dir, rows[i].end);
		s = opened(path, &conf);
		assert_int_equal(sink_finish(s, &err), 0);
		slurp(path + 5, got, sizeof(got));
		assert_int_equal(le32_load(got), rows[i].magic);
		unlink(path + 5);
	}
}

/* Nanoseconds when an interface has them, before the header is written. */
static void test_nano(void **state)
{
	struct place *p = *state;
	struct pkt ns = one;

	ns.ts += 7;
	for (int nano = 0; nano < 2; nano++) {
		struct sink_conf conf = {.format = SINK_PCAP};
		CLEANUP(sink_freep) struct sink *s = opened(p->path, &conf);
		uint8_t got[128];
		struct err err;

		assert_int_equal(sink_iface(s, nano ? &eth_ns : &eth, &err), 0);
		assert_int_equal(sink_send(s, &ns, 1, &err), 0);
		assert_int_equal(sink_finish(s, &err), 0);
		assert_int_equal(sink_inexact(s), nano ? 0 : 1);
		assert_int_equal(slurp(p->path, got, sizeof(got)), 24 + 16 + 5);
		assert_int_equal(le32_load(got), nano ? 0xa1b23c4d : 0xa1b2c3d4);
		assert_int_equal(le32_load(got + 24), 1700000000);
		assert_int_equal(le32_load(got + 28), nano ? 5007 : 5);
		assert_memory_equal(got + 40, "abcde", 5);
	}
}

static void test_second_linktype(void **state)
{
	struct place *p = *state;
	struct sink_conf conf = {.format = SINK_PCAP};
	CLEANUP(sink_freep) struct sink *s = opened(p->path, &conf);
	uint8_t got[128];
	struct err err = {0};

	assert_int_equal(sink_iface(s, &eth, &err), 0);
	assert_int_equal(sink_iface(s, &sll, &err), 1); /* described, but it may have no packets */
	assert_int_equal(sink_send(s, &one, 1, &err), 0);
	assert_int_equal(sink_send(s, &one_sll, 1, &err), -EINVAL);
	assert_non_null(strstr(err.text, "pcapng"));
	/* What could be written is a good file. */
	assert_int_equal(sink_finish(s, &err), 0);
	assert_int_equal(slurp(p->path, got, sizeof(got)), 24 + 16 + 5);
}

static void test_pcapng(void **state)
{
	struct place *p = *state;
	struct sink_conf conf = {.format = SINK_PCAPNG, .snaplen = 128};
	CLEANUP(sink_freep) struct sink *s = opened(p->path, &conf);
	struct iface_stats st = {.iface = 1, .ts = 5, .has_recv = true, .recv = 9};
	uint8_t got[512];
	struct err err = {0};
	size_t n, at, types = 0;
	static const uint32_t want[] = {0x0a0d0d0a, 1, 6, 1, 6, 5};

	assert_int_equal(sink_iface(s, &eth, &err), 0);
	assert_int_equal(sink_send(s, &one, 1, &err), 0);
	assert_int_equal(sink_iface(s, &sll, &err), 1);
	assert_int_equal(sink_send(s, &one_sll, 1, &err), 0);
	assert_int_equal(sink_stats(s, &st, &err), 0);
	st.iface = 2;
	assert_int_equal(sink_stats(s, &st, &err), -EINVAL);
	assert_int_equal(sink_finish(s, &err), 0);
	n = slurp(p->path, got, sizeof(got));
	for (at = 0; at < n; at += le32_load(got + at + 4), types++) {
		assert_true(types < sizeof(want) / sizeof(want[0]));
		assert_int_equal(le32_load(got + at), want[types]);
		if (want[types] == 1) /* one snapshot length for all */
			assert_int_equal(le32_load(got + at + 12), 128);
	}
	assert_int_equal(at, n);
	assert_int_equal(types, 6);
}

static void test_wrong_iface(void **state)
{
	struct place *p = *state;
	struct sink_conf conf = {.format = SINK_PCAPNG};
	CLEANUP(sink_freep) struct sink *s = opened(p->path, &conf);
	struct pkt other = one;
	struct err err = {0};

	assert_int_equal(sink_send(s, &one, 1, &err), -EINVAL);
	assert_int_equal(sink_iface(s, &eth, &err), 0);
	other.linktype = 101;
	assert_int_equal(sink_send(s, &other, 1, &err), -EINVAL);
	assert_int_equal(sink_send(s, &one, 1, &err), 0);
}

static void test_full_device(void **state)
{
	struct sink_conf conf = {.format = SINK_PCAP};
	CLEANUP(sink_freep) struct sink *s = opened("/dev/full", &conf);
	struct err err = {0};

	(void)state;
	assert_int_equal(sink_iface(s, &eth, &err), 0);
	assert_int_equal(sink_send(s, &one, 1, &err), 0); /* still in the buffer */
	assert_int_equal(sink_finish(s, &err), -ENOSPC);
	assert_non_null(strstr(err.text, "'/dev/full'"));
	/* It stays failed, and what is sent counts. */
	assert_int_equal(sink_send(s, &one, 1, &err), -ENOSPC);
	assert_int_equal(sink_flush(s, &err), -ENOSPC);
	assert_int_equal(sink_counts(s, 0).kept, 0);
	assert_int_equal(sink_counts(s, 0).kept_bytes, 0);
	assert_int_equal(sink_counts(s, 0).lost, 2);
	assert_int_equal(sink_counts(s, 1).lost, 0);
}

static const size_t heads[] = {24, 32 + 40}; /* pcapng, IDB: 16, name 8, if_tsresol 8, end 8 */
static const size_t each[] = {16 + 5, 32 + 8};

static void limit_files(rlim_t size)
{
	struct rlimit l;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &l), 0);
	l.rlim_cur = size;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &l), 0);
}

static size_t size_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return (size_t)st.st_size;
}

/* Of packets of two interfaces in turn, those whose records are in the file are kept. */
static void test_counts(void **state)
{
	struct place *p = *state;
	void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);

	for (int ng = 0; ng < 2; ng++) {
		struct sink_conf conf = {.format = ng ? SINK_PCAPNG : SINK_PCAP};
		CLEANUP(sink_freep) struct sink *s = opened(p->path, &conf);
		size_t head = heads[ng] + (ng ? 40 : 0), in = (100000 - head) / each[ng];
		struct err err = {0};

		assert_int_equal(sink_iface(s, &eth, &err), 0);
		assert_int_equal(sink_iface(s, &eth, &err), 1);
		for (uint32_t i = 0; i < 10000; i++) {
			struct pkt pkt = one;

			pkt.iface = i % 2;
			assert_int_equal(sink_send(s, &pkt, 1, &err), 0);
		}
		assert_int_equal(sink_counts(s, 1).kept, 5000);
		limit_files(100000);
		assert_int_equal(sink_flush(s, &err), -EFBIG);
		limit_files(RLIM_INFINITY);
		assert_int_equal(size_of(p->path), head + in * each[ng]);
		for (uint32_t i = 0; i < 2; i++) {
			uint64_t kept = (in + 1 - i) / 2;

			assert_int_equal(sink_counts(s, i).kept, kept);
			assert_int_equal(sink_counts(s, i).kept_bytes, 5 * kept);
			assert_int_equal(sink_counts(s, i).lost, 5000 - kept);
		}
	}
	signal(SIGXFSZ, handler);
}

/* A file header that does not fit leaves nothing, not something like it. */
static void test_torn_header(void **state)
{
	struct place *p = *state;
	void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);

	for (int ng = 0; ng < 2; ng++) {
		struct sink_conf conf = {.format = ng ? SINK_PCAPNG : SINK_PCAP};
		CLEANUP(sink_freep) struct sink *s = opened(p->path, &conf);
		struct err err = {0};

		assert_int_equal(sink_iface(s, &eth, &err), 0);
		assert_int_equal(sink_send(s, &one, 1, &err), 0);
		limit_files(20);
		assert_int_equal(sink_finish(s, &err), -EFBIG);
		limit_files(RLIM_INFINITY);
		assert_int_equal(size_of(p->path), 0);
		assert_int_equal(sink_counts(s, 0).lost, 1);
	}
	signal(SIGXFSZ, handler);
}

/* Behind what others wrote to the same file (>>). */
static void test_cut_back_behind(void **state)
{
	static const char others[1000];
	struct place *p = *state;
	void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);

	for (int ng = 0; ng < 2; ng++) {
		struct sink_conf conf = {.format = ng ? SINK_PCAPNG : SINK_PCAP};
		CLEANUP(sink_freep) struct sink *s = NULL;
		int fd = open(p->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		struct err err = {0};

		assert_int_equal(write(fd, others, sizeof(others)), sizeof(others));
		close(fd);
		fd = open(p->path, O_WRONLY | O_APPEND | O_CLOEXEC);
		assert_int_equal(sink_file_new(&s, fd, p->path, &conf, &err), 0);
		assert_int_equal(sink_iface(s, &eth, &err), 0);
		for (int i = 0; i < 10000; i++)
			assert_int_equal(sink_send(s, &one, 1, &err), 0);
		limit_files(100000);
		assert_int_equal(sink_finish(s, &err), -EFBIG);
		limit_files(RLIM_INFINITY);
		assert_int_equal((size_of(p->path) - 1000 - heads[ng]) % each[ng], 0);
		assert_in_range(size_of(p->path), 100000 - each[ng], 100000);
	}
	signal(SIGXFSZ, handler);
}

/* Packets of a file, whose records must be whole. */
static size_t packets_of(const char *path, bool ng)
{
	static uint8_t got[1 << 20];
	size_t n = slurp(path, got, sizeof(got)), at = ng ? 0 : 24, packets = 0;

	while (at < n) {
		assert_true(n - at >= 16);
		packets += ng ? le32_load(got + at) == 6 : 1;
		at += ng ? le32_load(got + at + 4) : 16 + le32_load(got + at + 8);
	}
	assert_int_equal(at, n);
	return packets;
}

static void send_many(struct sink *s, uint32_t iface, int n)
{
	struct pkt p = one;
	struct err err;

	p.iface = iface;
	while (n--)
		assert_int_equal(sink_send(s, &p, 1, &err), 0);
}

/* A live capture goes on: lost is what came while there was no room, known is each interface. */
static void test_room_again(void **state)
{
	struct place *p = *state;
	void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);

	for (int ng = 0; ng < 2; ng++) {
		struct sink_conf conf = {.format = ng ? SINK_PCAPNG : SINK_PCAP, .live = true};
		CLEANUP(sink_freep) struct sink *s = opened(p->path, &conf);
		struct err err = {0};
		const char *text;
		uint64_t kept;

		assert_int_equal(sink_iface(s, &eth, &err), 0);
		send_many(s, 0, 2000);
		assert_int_equal(sink_flush(s, &err), 0);
		assert_int_equal(sink_trouble(s, &text), 0);
		assert_string_equal(text, "");
		limit_files(100000);
		send_many(s, 0, 10000);
		assert_int_equal(sink_flush(s, &err), 0);
		assert_int_equal(sink_trouble(s, &text), -EFBIG);
		assert_non_null(strstr(text, p->path));
		assert_non_null(strstr(text, "File too large"));
		kept = (100000 - heads[ng]) / each[ng];
		assert_int_equal(sink_counts(s, 0).kept, kept);
		send_many(s, 0, 100); /* no room: not even asked */
		assert_int_equal(sink_counts(s, 0).kept, kept);
		assert_int_equal(sink_iface(s, &eth, &err), 1);
		send_many(s, 1, 100);
		for (int i = 0; i < 3; i++) { /* asked, in vain */
			assert_int_equal(sink_flush(s, &err), 0);
			send_many(s, 1, 10);
		}
		assert_int_equal(sink_flush(s, &err), 0);
		assert_int_equal(sink_trouble(s, &text), -EFBIG);
		limit_files(RLIM_INFINITY);
		assert_int_equal(sink_flush(s, &err), 0);
		assert_int_equal(sink_trouble(s, &text), -EFBIG); /* no packet has tried yet */
		send_many(s, 1, 7);
		assert_int_equal(sink_flush(s, &err), 0);
		assert_int_equal(sink_trouble(s, &text), 0);
		send_many(s, 1, 3);
		assert_int_equal(sink_finish(s, &err), 0);
		assert_int_equal(sink_counts(s, 0).kept, kept);
		assert_int_equal(sink_counts(s, 0).lost, 12100 - kept);
		assert_int_equal(sink_counts(s, 1).kept, 10);
		assert_int_equal(sink_counts(s, 1).lost, 130);
		assert_int_equal(packets_of(p->path, ng), kept + 10);
	}
	signal(SIGXFSZ, handler);
}

/* Nothing is lost, but what tells of it is not there. */
static void test_no_room_for_the_end(void **state)
{
	struct place *p = *state;
	struct sink_conf conf = {.format = SINK_PCAPNG, .live = true};
	CLEANUP(sink_freep) struct sink *s = opened(p->path, &conf);
	struct iface_stats st = {.ts = 5, .has_recv = true, .recv = 9};
	void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
	struct err err = {0};

	assert_int_equal(sink_iface(s, &eth, &err), 0);
	send_many(s, 0, 3);
	assert_int_equal(sink_flush(s, &err), 0);
	limit_files(size_of(p->path) + 10);
	assert_int_equal(sink_stats(s, &st, &err), 0);
	assert_int_equal(sink_finish(s, &err), -EFBIG);
	limit_files(RLIM_INFINITY);
	assert_non_null(strstr(err.text, "File too large"));
	assert_int_equal(sink_counts(s, 0).kept, 3);
	assert_int_equal(packets_of(p->path, true), 3);
	signal(SIGXFSZ, handler);
}

/* Reads one byte, then goes: by then the pipe was filled. */
static void *read_one(void *arg)
{
	int fd = *(int *)arg;
	char c;

	assert_int_equal(read(fd, &c, 1), 1);
	close(fd);
	return NULL;
}

/* What the pipe took whole is kept, the rest is not. */
static void test_reader_leaves(void **state)
{
	struct sink_conf conf = {.format = SINK_PCAPNG, .live = true};
	void (*handler)(int) = signal(SIGPIPE, SIG_IGN);
	CLEANUP(sink_freep) struct sink *s = NULL;
	struct err err = {0};
	pthread_t reader;
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(fcntl(fds[1], F_SETPIPE_SZ, 4096), 4096);
	assert_int_equal(sink_file_new(&s, fds[1], "pipe", &conf, &err), 0);
	assert_int_equal(sink_iface(s, &eth, &err), 0);
	send_many(s, 0, 1000);
	assert_int_equal(pthread_create(&reader, NULL, read_one, &fds[0]), 0);
	assert_int_equal(sink_flush(s, &err), -EPIPE);
	pthread_join(reader, NULL);
	assert_int_equal(sink_counts(s, 0).kept, (4096 - heads[1]) / each[1]);
	assert_int_equal(sink_counts(s, 0).lost, 1000 - (4096 - heads[1]) / each[1]);
	signal(SIGPIPE, handler);
}

/* A file that may not grow further ends with a whole record. */
static void test_cut_back(void **state)
{
	struct place *p = *state;
	struct rlimit old, small = {.rlim_cur = 100000, .rlim_max = RLIM_INFINITY};
	void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
	struct stat st;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small.rlim_max = old.rlim_max;
	for (int ng = 0; ng < 2; ng++) {
		struct sink_conf conf = {.format = ng ? SINK_PCAPNG : SINK_PCAP};
		CLEANUP(sink_freep) struct sink *s = opened(p->path, &conf);
		struct err err = {0};

		assert_int_equal(sink_iface(s, &eth, &err), 0);
		for (int i = 0; i < 10000; i++)
			assert_int_equal(sink_send(s, &one, 1, &err), 0);
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
		assert_int_equal(sink_finish(s, &err), -EFBIG);
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
		assert_int_equal(stat(p->path, &st), 0);
		assert_int_equal(st.st_size,
				 heads[ng] + (100000 - heads[ng]) / each[ng] * each[ng]);
	}
	signal(SIGXFSZ, handler);
}

static void test_broken_pipe(void **state)
{
	struct sink_conf conf = {.format = SINK_PCAPNG};
	void (*handler)(int) = signal(SIGPIPE, SIG_IGN);
	CLEANUP(sink_freep) struct sink *s = NULL;
	struct err err = {0};
	char path[64];
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	snprintf(path, sizeof(path), "/dev/fd/%d", fds[1]);
	s = opened(path, &conf);
	close(fds[0]);
	close(fds[1]);
	assert_int_equal(sink_iface(s, &eth, &err), 0);
	assert_int_equal(sink_finish(s, &err), -EPIPE);
	signal(SIGPIPE, handler);
}

static void test_no_folder(void **state)
{
	struct sink_conf conf = {0};
	struct sink *s = NULL;
	struct err err = {0};

	(void)state;
	assert_int_equal(sink_open(&s, "/nonexistent/x.pcap", &conf, &err), -ENOENT);
	assert_non_null(strstr(err.text, "'/nonexistent/x.pcap'"));
	assert_null(s);
}

static void test_mem(void **state)
{
	CLEANUP(sink_freep) struct sink *s = NULL;
	const struct pkt *pkts;
	struct err err;
	size_t n;

	(void)state;
	assert_int_equal(sink_mem_new(&s), 0);
	assert_int_equal(sink_iface(s, &eth, &err), 0);
	assert_int_equal(sink_iface(s, &sll, &err), 1);
	for (int i = 0; i < 50; i++)
		assert_int_equal(sink_send(s, i % 2 ? &one_sll : &one, 1, &err), 0);
	assert_int_equal(sink_finish(s, &err), 0);
	pkts = sink_mem_pkts(s, &n);
	assert_int_equal(n, 50);
	assert_int_equal(pkts[49].linktype, 113);
	assert_memory_equal(pkts[0].data, "abcde", 5);
	assert_ptr_not_equal(pkts[0].data, one.data);
	assert_int_equal(sink_mem_ifaces(s, &n)[1].linktype, 113);
	assert_int_equal(n, 2);
}

#define WITH_PLACE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_PLACE(test_empty),
		WITH_PLACE(test_names),
		WITH_PLACE(test_nano),
		WITH_PLACE(test_second_linktype),
		WITH_PLACE(test_pcapng),
		WITH_PLACE(test_wrong_iface),
		cmocka_unit_test(test_full_device),
		WITH_PLACE(test_cut_back),
		WITH_PLACE(test_counts),
		WITH_PLACE(test_torn_header),
		WITH_PLACE(test_cut_back_behind),
		WITH_PLACE(test_room_again),
		WITH_PLACE(test_no_room_for_the_end),
		cmocka_unit_test(test_reader_leaves),
		cmocka_unit_test(test_broken_pipe),
		cmocka_unit_test(test_no_folder),
		cmocka_unit_test(test_mem),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
