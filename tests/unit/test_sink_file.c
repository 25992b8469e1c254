/* Packets to files.  What is written is read back by Wireshark's and tcpdump's
 * formats as the codecs' tests have them byte by byte; here: what holds for
 * whole files.  Expected sizes are counted by hand from the formats. */
#include "sink/sink.h"

#include <errno.h>
#include <fcntl.h>
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
	/* It stays failed. */
	assert_int_equal(sink_send(s, &one, 1, &err), -ENOSPC);
	assert_int_equal(sink_flush(s, &err), -ENOSPC);
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
		static const size_t heads[] = {24,
					       32 + 40}; /* IDB: 16, name 8, if_tsresol 8, end 8 */
		static const size_t each[] = {16 + 5, 32 + 8};
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
		cmocka_unit_test(test_broken_pipe),
		cmocka_unit_test(test_no_folder),
		cmocka_unit_test(test_mem),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
